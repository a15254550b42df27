/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Requests through the engine's handlers and tables, as they come from the
 * packet process; this process plays that.
 */

#include "tests/unit/engine/handlers.h"

/* The next order, or 0 if there is none. */
static uint32_t
ordered(struct fixture *f, struct msg_id *id, struct msg_status *s)
{
	struct imsg imsg;
	const char *why;
	char fault[256];
	uint32_t type;

	if (imsgbuf_queuelen(&f->e.ib[ENGINE_PRIV]) == 0)
		return (0);
	assert_int_equal(imsgbuf_write(&f->e.ib[ENGINE_PRIV]), 0);
	assert_int_equal(imsgbuf_read(&f->priv), 1);
	assert_int_equal(imsgbuf_get(&f->priv, &imsg), 1);
	assert_non_null(msg_check(
	    &msg_engine_to_priv, &imsg, MSG_RUN, fault, sizeof(fault)));
	type = imsg_get_type(&imsg);
	if (type == MSG_REQUEST_STATUS) {
		assert_int_equal(msg_get_status(&imsg, s, &why), 0);
		*id = s->id;
	} else
		assert_int_equal(msg_get_order(&imsg, id, &why), 0);
	imsg_free(&imsg);
	return (type);
}

/* A request by UDP. */
static void
asked(struct msg_request *q, struct msg_id id, uint8_t ttl, uint8_t max_ttl,
    int observe)
{
	memset(q, 0, sizeof(*q));
	q->id = id;
	q->max_ttl = max_ttl;
	q->observe = (uint8_t)observe;
	q->len = q->headlen = 32;
	q->head[0] = 0x45;
	q->head[3] = 32;
	q->head[9] = WIRE_PROTO_ICMP4;
	q->head[12] = 192;
	q->head[16] = 198;
	q->head[20] = ICMP4_ECHO;
	q->head[21] = AUGSBURG_CODE;
	q->head[28] = ttl;
	q->head[29] = WIRE_PROTO_UDP;
}

/* The order for it. */
static uint32_t
request_sent(
    struct fixture *f, const struct msg_request *q, struct msg_status *s)
{
	struct msg_id got = { 0, 0 };
	uint32_t type;

	assert_int_equal(msg_put_request(&f->priv, q), 0);
	assert_int_equal(deliver(f), 0);
	type = ordered(f, &got, s);
	assert_int_equal(got.slot, q->id.slot);
	assert_int_equal(got.gen, q->id.gen);
	return (type);
}

static uint32_t
request(struct fixture *f, struct msg_id id, uint8_t ttl, uint8_t max_ttl,
    int observe, struct msg_status *s)
{
	struct msg_request q;

	asked(&q, id, ttl, max_ttl, observe);
	return (request_sent(f, &q, s));
}

static int
match(
    struct fixture *f, struct msg_id id, uint8_t type, uint8_t code, int client)
{
	struct msg_match m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.icmp_type = type;
	m.icmp_code = code;
	m.from_client = (uint8_t)client;
	m.router = packet_addr(FAMILY_V4, "203.0.113.1");
	assert_int_equal(msg_put_match(&f->priv, &m), 0);
	return (deliver(f));
}

static size_t
traced(struct fixture *f)
{
	static struct traces_copy copy;
	struct msg_ask ask;

	memset(&ask, 0, sizeof(ask));
	memset(&copy, 0, sizeof(copy));
	(void)traces_next(note_traces(&f->e), &ask, START, &copy);
	return (copy.nhops);
}

static void
test_whole(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 0, 1 }, got;
	struct msg_status s;

	assert_int_equal(request(f, id, 3, 32, 0, &s), MSG_REQUEST_PROBE);
	assert_int_equal(match(f, id, ICMP4_TIMEX, 0, 0), 0);
	assert_int_equal(ordered(f, &got, &s), MSG_REQUEST_ANSWER);
	assert_int_equal(got.gen, id.gen);
	/* It is the third hop of its client's way back. */
	assert_int_equal(traced(f), 1);
	/* A second match is a violation. */
	assert_int_equal(match(f, id, ICMP4_TIMEX, 0, 0), -1);
}

static void
test_status(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 1, 1 };
	struct msg_status s;

	assert_int_equal(request(f, id, 0, 32, 0, &s), MSG_REQUEST_STATUS);
	assert_int_equal(s.status, AUGSBURG_BAD_TTL);
	/* Nothing was sent: nothing can be met. */
	assert_int_equal(match(f, id, ICMP4_TIMEX, 0, 0), -1);
}

/* A probe to somebody else is answered, but is no hop of a way back. */
static void
test_target(void **state)
{
	static const uint8_t ext[] = { 0x20, 0, 0, 0, 0, 16, 5, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7 };
	struct fixture *f = *state;
	struct msg_id id = { 1, 1 }, got;
	struct msg_status s;
	struct msg_request q;

	asked(&q, id, 3, 32, 0);
	q.len = q.headlen = (uint16_t)(32 + sizeof(ext));
	q.head[3] = (uint8_t)q.len;
	memcpy(q.head + 32, ext, sizeof(ext));
	q.target = 1;
	assert_int_equal(request_sent(f, &q, &s), MSG_REQUEST_PROBE);
	assert_int_equal(match(f, id, ICMP4_TIMEX, 0, 0), 0);
	assert_int_equal(ordered(f, &got, &s), MSG_REQUEST_ANSWER);
	assert_int_equal(traced(f), 0);
	q.id.gen++;
	q.target = 0;
	assert_int_equal(request_sent(f, &q, &s), MSG_REQUEST_STATUS);
	assert_int_equal(s.value, 0x0500);
}

/* The highest TTL there is has no place in the traces, but is served. */
static void
test_highest(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 2, 1 }, got;
	struct msg_status s;

	assert_int_equal(request(f, id, POLICY_TTL_MAX, POLICY_TTL_MAX, 0, &s),
	    MSG_REQUEST_PROBE);
	assert_int_equal(match(f, id, ICMP4_UNREACH, ICMP4_UNREACH_PORT, 1), 0);
	assert_int_equal(ordered(f, &got, &s), MSG_REQUEST_ANSWER);
}

static void
test_expired(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 3, 1 }, got;
	struct msg_status s;

	assert_int_equal(request(f, id, 9, 32, 0, &s), MSG_REQUEST_PROBE);
	/* There is no settling. */
	assert_int_equal(msg_put_expired(&f->priv, id, EXPIRY_SETTLE), 0);
	assert_int_equal(deliver(f), -1);
	assert_int_equal(msg_put_expired(&f->priv, id, EXPIRY_TIMEOUT), 0);
	assert_int_equal(deliver(f), 0);
	assert_int_equal(ordered(f, &got, &s), 0);
	assert_int_equal(match(f, id, ICMP4_TIMEX, 0, 0), -1);
}

static void
test_passed(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 4, 1 };
	struct msg_status s;

	/* Mode observe: judged, but nothing can come back. */
	assert_int_equal(request(f, id, 9, 32, 1, &s), MSG_REQUEST_PROBE);
	assert_int_equal(traced(f), 0);
	assert_int_equal(match(f, id, ICMP4_TIMEX, 0, 0), -1);
	/* Its COMMIT was quicker than ours. */
	id.gen++;
	f->e.state = MSG_READY;
	assert_int_equal(request(f, id, 9, 32, 0, &s), MSG_PASS);
}

/* A request's answer is always asked about. */
static void
test_answered(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 5, 1 };
	struct msg_status s;
	struct msg_match m;

	assert_int_equal(request(f, id, 9, 32, 0, &s), MSG_REQUEST_PROBE);
	memset(&m, 0, sizeof(m));
	m.id = id;
	m.icmp_type = ICMP4_TIMEX;
	m.answered = 1;
	m.router = packet_addr(FAMILY_V4, "203.0.113.1");
	assert_int_equal(msg_put_match(&f->priv, &m), 0);
	assert_int_equal(deliver(f), -1);
	assert_int_equal(imsgbuf_queuelen(&f->e.ib[ENGINE_PRIV]), 0);
}

#define FRESH(name) \
	cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FRESH(test_whole),
		FRESH(test_status),
		FRESH(test_target),
		FRESH(test_highest),
		FRESH(test_expired),
		FRESH(test_passed),
		FRESH(test_answered),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
