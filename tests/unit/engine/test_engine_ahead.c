/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * TURN with what it says of a plain answer, and matches that are answered
 * already, through the engine's handlers and tables.
 */

#include "tests/unit/engine/handlers.h"

/* A UDP probe of 60 or 80 bytes is turned; what was said ahead. */
static uint8_t
turned(struct fixture *f, struct msg_id id, enum family family,
    enum policy_relay relay, uint8_t ttl)
{
	struct msg_probe p;

	packet_probe(family == FAMILY_V4 ? PACKET_UDP4 : PACKET_UDP6, family,
	    PROTO_UDP, &p);
	packet_set_ttl(&p, ttl);
	p.id = id;
	p.relay = relay;
	assert_int_equal(msg_put_probe(&f->priv, &p), 0);
	assert_int_equal(deliver(f), 0);
	return (expect_order(f, MSG_TURN, id));
}

static void
answered(struct msg_match *m, struct msg_id id)
{
	memset(m, 0, sizeof(*m));
	m->id = id;
	m->icmp_type = ICMP4_TIMEX;
	m->answered = 1;
	m->rtt_ns = 5000000;
	m->router = packet_addr(FAMILY_V4, "203.0.113.1");
	m->datalen = 20;
}

static int
match(struct fixture *f, const struct msg_match *m)
{
	assert_int_equal(msg_put_match(&f->priv, m), 0);
	return (deliver(f));
}

static void
hide_all(struct fixture *f)
{
	f->e.policy->nhide = 1;
	f->e.policy->hide[0].action = POLICY_DENY;
	f->e.policy->hide[0].kind = POLICY_ANY;
}

/* What goes over the pipe is what was decided. */
static void
test_said(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 0, 1 };

	assert_int_equal(turned(f, id, FAMILY_V4, RELAY_OWN, 3),
	    MSG_TURN_AHEAD | MSG_ANSWER_ADDR | MSG_ANSWER_RTT);
	id.gen++;
	assert_int_equal(turned(f, id, FAMILY_V4, RELAY_BOTH, 3),
	    MSG_TURN_AHEAD | MSG_ANSWER_ADDR | MSG_ANSWER_RTT |
		MSG_ANSWER_NAME);
	id.gen++;
	assert_int_equal(turned(f, id, FAMILY_V6, RELAY_OWN, 3),
	    MSG_TURN_AHEAD | MSG_ANSWER_ADDR | MSG_ANSWER_RTT |
		MSG_ANSWER_NAME);
}

/*
 * Counted and noted like any other, as what the client was shown, whatever is
 * hidden since, and nothing is ordered.
 */
static void
test_answered(void **state)
{
	static struct traces_copy copy;
	struct fixture *f = *state;
	struct msg_ask ask = { 0 };
	struct msg_id id = { 0, 1 }, other = { 1, 1 };
	struct msg_match m;

	(void)turned(f, id, FAMILY_V4, RELAY_OWN, 2);
	(void)turned(f, other, FAMILY_V4, RELAY_OWN, 3);
	hide_all(f);
	answered(&m, id);
	assert_int_equal(match(f, &m), 0);
	assert_int_equal(queued(f), 0);
	/* The next one is asked about. */
	answered(&m, other);
	m.answered = 0;
	assert_int_equal(match(f, &m), 0);
	(void)expect_order(f, MSG_ANSWER, other);

	assert_int_equal(
	    traces_next(note_traces(&f->e), &ask, START, &copy), 1);
	assert_int_equal(copy.nhops, 2);
	assert_int_equal(copy.hop[0].answered, 1);
	assert_int_equal(copy.hop[0].rtt_avg_us, 5000);
	assert_int_equal(copy.hop[0].flags, 0);
	assert_true(addr_equal(&copy.hop[0].router, &m.router));
	assert_int_equal(copy.hop[1].answered, 1);
	assert_int_equal(copy.hop[1].flags, MSG_HOP_HIDDEN);
	assert_int_equal(f->e.stats.stat[STAT_HIDDEN][FAMILY_V4][PROTO_UDP], 1);
	/* It is over: nothing else can come of it. */
	answered(&m, id);
	assert_int_equal(match(f, &m), -1);
	assert_int_equal(msg_put_expired(&f->priv, id, EXPIRY_SETTLE), 0);
	assert_int_equal(deliver(f), -1);
	assert_int_equal(queued(f), 0);
	/* Its slot has another probe. */
	id.gen++;
	(void)turned(f, id, FAMILY_V4, RELAY_OWN, 4);
}

/* Each that was not told so, or not in time, is a violation. */
static void
test_lies(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 0, 1 };
	struct msg_match m;
	int lie;

	for (lie = 0; lie < 5; lie++, id.gen++) {
		(void)turned(f, id, FAMILY_V4, RELAY_BOTH, 3);
		answered(&m, id);
		switch (lie) {
		case 1:
			m.from_client = 1;
			break;
		case 2:
			m.icmp_type = ICMP4_UNREACH;
			break;
		case 3:
			m.icmp_code = 1;
			break;
		case 4:
			assert_int_equal(
			    msg_put_expired(&f->priv, id, EXPIRY_SETTLE), 0);
			assert_int_equal(deliver(f), 0);
			(void)expect_order(f, MSG_FINAL, id);
			break;
		}
		assert_int_equal(match(f, &m), lie == 0 ? 0 : -1);
		assert_int_equal(queued(f), 0);
	}
}

/* A router that was slower than settle: it is asked about, FINAL or not. */
static void
test_settled(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 0, 1 };
	struct msg_match m;

	(void)turned(f, id, FAMILY_V4, RELAY_OWN, 3);
	assert_int_equal(msg_put_expired(&f->priv, id, EXPIRY_SETTLE), 0);
	assert_int_equal(deliver(f), 0);
	(void)expect_order(f, MSG_FINAL, id);
	answered(&m, id);
	m.answered = 0;
	assert_int_equal(match(f, &m), 0);
	(void)expect_order(f, MSG_ANSWER, id);
}

#define FRESH(name) \
	cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FRESH(test_said),
		FRESH(test_answered),
		FRESH(test_lies),
		FRESH(test_settled),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
