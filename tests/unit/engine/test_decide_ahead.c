/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * What TURN says ahead of a plain answer, and whom the engine believes that
 * it was given.
 */

#include <stdlib.h>

#include "common/loop.h"
#include "engine/decide.h"
#include "tests/unit/engine/deciding.h"
#include "tests/unit/engine/packets.h"

#define ADDR MSG_ANSWER_ADDR
#define NAME MSG_ANSWER_NAME
#define RTT  MSG_ANSWER_RTT
#define LIE  "answered without having been told to"

/* A UDP probe of len bytes. */
static void
probe_sized(struct msg_probe *p, enum family f, uint16_t len)
{
	uint16_t hdr = f == FAMILY_V4 ? 20 : 40;

	packet_probe(
	    f == FAMILY_V4 ? PACKET_UDP4 : PACKET_UDP6, f, PROTO_UDP, p);
	wire_put16(p->head + (f == FAMILY_V4 ? 2 : 4),
	    f == FAMILY_V4 ? len : (uint16_t)(len - hdr));
	wire_put16(p->head + hdr + 4, (uint16_t)(len - hdr));
	p->len = len;
	p->headlen = len < WIRE_HEAD_MAX ? len : WIRE_HEAD_MAX;
}

static uint8_t
ahead_of(struct fixture *f, enum family family, uint16_t len,
    enum policy_relay relay)
{
	struct pending_probe keep;
	struct msg_probe p;
	struct decision d;

	probe_sized(&p, family, len);
	p.relay = relay;
	memset(&keep, 0, sizeof(keep));
	decide_probe(&f->decide, &p, START, &keep, &d);
	assert_int_equal(d.order, MSG_TURN);
	return (keep.ahead);
}

/* By family, length and mode, at each length where it changes. */
static void
test_ahead(void **state)
{
	/* Own form with: the address 172 and 204 bytes, the time 8 more, the
	 * name again 8; both forms share 5 times, with 28 and 48 bytes and the
	 * quote in router form. */
	static const struct {
		enum family family;
		enum policy_relay relay;
		uint16_t len;
		uint8_t flags;
	} cases[] = {
		{ FAMILY_V4, RELAY_OWN, 28, 0 },
		{ FAMILY_V4, RELAY_OWN, 57, 0 },
		{ FAMILY_V4, RELAY_OWN, 58, ADDR },
		{ FAMILY_V4, RELAY_OWN, 59, ADDR },
		{ FAMILY_V4, RELAY_OWN, 60, ADDR | RTT },
		{ FAMILY_V4, RELAY_OWN, 62, ADDR | RTT },
		{ FAMILY_V4, RELAY_OWN, 63, ADDR | RTT | NAME },
		{ FAMILY_V4, RELAY_OWN, 1280, ADDR | RTT | NAME },
		{ FAMILY_V4, RELAY_ROUTER, 57, 0 },
		{ FAMILY_V4, RELAY_ROUTER, 60, ADDR | RTT },
		{ FAMILY_V4, RELAY_ROUTER, 63, ADDR | RTT | NAME },
		{ FAMILY_V4, RELAY_BOTH, 28, 0 },
		{ FAMILY_V4, RELAY_BOTH, 49, 0 },
		{ FAMILY_V4, RELAY_BOTH, 50, ADDR },
		{ FAMILY_V4, RELAY_BOTH, 51, ADDR },
		{ FAMILY_V4, RELAY_BOTH, 52, ADDR | RTT },
		{ FAMILY_V4, RELAY_BOTH, 53, ADDR | RTT },
		{ FAMILY_V4, RELAY_BOTH, 54, ADDR | RTT | NAME },
		{ FAMILY_V6, RELAY_OWN, 67, 0 },
		{ FAMILY_V6, RELAY_OWN, 68, ADDR },
		{ FAMILY_V6, RELAY_OWN, 70, ADDR },
		{ FAMILY_V6, RELAY_OWN, 71, ADDR | RTT },
		{ FAMILY_V6, RELAY_OWN, 73, ADDR | RTT },
		{ FAMILY_V6, RELAY_OWN, 74, ADDR | RTT | NAME },
		{ FAMILY_V6, RELAY_BOTH, 62, 0 },
		{ FAMILY_V6, RELAY_BOTH, 63, ADDR },
		{ FAMILY_V6, RELAY_BOTH, 65, ADDR | RTT },
		{ FAMILY_V6, RELAY_BOTH, 67, ADDR | RTT | NAME },
		{ FAMILY_V6, RELAY_BOTH, 1280, ADDR | RTT | NAME },
	};
	struct fixture *f = *state;
	uint8_t ahead;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ahead =
		    ahead_of(f, cases[i].family, cases[i].len, cases[i].relay);
		if (ahead != (MSG_TURN_AHEAD | cases[i].flags))
			fail_msg("row %zu: 0x%x", i, ahead);
	}
}

/* What is told ahead is what would be ordered of such an answer. */
static void
test_same_as_asked(void **state)
{
	struct fixture *f = *state;
	struct pending_probe keep;
	struct msg_probe p;
	struct msg_match m;
	struct decision d;
	const char *why;
	uint16_t len;
	int family, relay;

	for (family = 0; family < FAMILY_MAX; family++)
		for (relay = 0; relay < RELAY_LAST; relay++)
			for (len = family == FAMILY_V4 ? 28 : 58; len < 200;
			     len++) {
				probe_sized(&p, (enum family)family, len);
				p.relay = (enum policy_relay)relay;
				decide_probe(&f->decide, &p, START, &keep, &d);
				memset(&m, 0, sizeof(m));
				m.icmp_type = family == FAMILY_V4 ? ICMP4_TIMEX
								  : ICMP6_TIMEX;
				m.router = packet_addr((enum family)family,
				    family == FAMILY_V4 ? "203.0.113.1"
							: "2001:db8:9::1");
				assert_int_equal(
				    decide_match(&f->policy, &keep,
					PENDING_TURNED, &m, &d, &why),
				    0);
				assert_int_equal(d.order, MSG_ANSWER);
				assert_int_equal(keep.ahead,
				    MSG_TURN_AHEAD | d.answer.flags);
				assert_int_equal(
				    msg_answer_objlen(&d.answer), 0);
			}
}

static int
judge(const struct fixture *f, const struct pending_probe *probe,
    enum pending_state before, const struct msg_match *m, struct decision *d)
{
	const char *why = NULL;
	int rc;

	memset(d, 0xee, sizeof(*d));
	rc = decide_match(&f->policy, probe, before, m, d, &why);
	assert_int_equal(rc == -1, why != NULL);
	if (rc == -1)
		assert_string_equal(why, LIE);
	return (rc);
}

/* Nothing is ordered then, and all else that says so is a lie. */
static void
test_answered(void **state)
{
	struct fixture *f = *state;
	struct pending_probe probe;
	struct msg_match good, m;
	struct decision d;
	unsigned int type, code;
	int family, v4, hidden;

	for (family = 0; family < FAMILY_MAX; family++) {
		v4 = family == FAMILY_V4;
		memset(&probe, 0, sizeof(probe));
		probe.family = (enum family)family;
		probe.ttl = 5;
		probe.len = 100;
		probe.ahead = MSG_TURN_AHEAD;
		probe.unreachable = UNREACHABLE_RELAY;
		memset(&good, 0, sizeof(good));
		good.answered = 1;
		good.icmp_type = v4 ? ICMP4_TIMEX : ICMP6_TIMEX;
		good.router = packet_addr(
		    (enum family)family, v4 ? "10.0.0.1" : "fd00::1");
		/* Where a reload hides it since, that was too late. */
		for (hidden = 0; hidden < 2; hidden++) {
			f->policy.nhide = (uint32_t)hidden;
			f->policy.hide[0].action = POLICY_DENY;
			f->policy.hide[0].kind = POLICY_PRIVATE;
			assert_int_equal(
			    judge(f, &probe, PENDING_TURNED, &good, &d), 0);
			assert_int_equal(d.order, 0);
			assert_int_equal(d.stats, 0);
		}

		for (type = 0; type < 256; type++)
			for (code = 0; code < 256; code += type < 16 ? 1 : 51) {
				m = good;
				m.icmp_type = (uint8_t)type;
				m.icmp_code = (uint8_t)code;
				assert_int_equal(
				    judge(f, &probe, PENDING_TURNED, &m, &d),
				    type == good.icmp_type && code == 0 ? 0
									: -1);
			}
		m = good;
		m.from_client = 1;
		assert_int_equal(judge(f, &probe, PENDING_TURNED, &m, &d), -1);
		assert_int_equal(
		    judge(f, &probe, PENDING_SETTLED, &good, &d), -1);
		probe.ahead = 0;
		assert_int_equal(
		    judge(f, &probe, PENDING_TURNED, &good, &d), -1);
	}
}

/* A mirrored probe's reply ends its trace: that needs an order. */
static void
test_answered_reply(void **state)
{
	struct fixture *f = *state;
	struct pending_probe probe;
	struct msg_match m;
	struct decision d;

	memset(&probe, 0, sizeof(probe));
	probe.proto = PROTO_ICMP;
	probe.turn = TURN_MIRROR;
	probe.ahead = MSG_TURN_AHEAD;
	memset(&m, 0, sizeof(m));
	m.kind = MATCH_REPLY;
	assert_int_equal(judge(f, &probe, PENDING_TURNED, &m, &d), 0);
	assert_int_equal(d.order, MSG_FINAL);
	m.answered = 1;
	/* As an error's fields would stand in it. */
	assert_int_equal(judge(f, &probe, PENDING_TURNED, &m, &d), -1);
	m.icmp_type = ICMP4_TIMEX;
	assert_int_equal(judge(f, &probe, PENDING_TURNED, &m, &d), -1);
	probe.proto = PROTO_TCP;
	m.kind = MATCH_RESET;
	assert_int_equal(judge(f, &probe, PENDING_TURNED, &m, &d), -1);
}

int
main(void)
{
#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, deciding_setup, test_teardown)
	static const struct CMUnitTest tests[] = {
		FRESH(test_ahead),
		FRESH(test_same_as_asked),
		FRESH(test_answered),
		FRESH(test_answered_reply),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
