/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>

#include "test_msg.h"

static const struct msg_id test_id = { 0x01020304, 0xfffefdfc };

static int
recode_probe(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_probe p;

	return (
	    msg_get_probe(imsg, &p, why) == -1 ? -1 : msg_put_probe(ib, &p));
}

static int
recode_match(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_match m;

	return (
	    msg_get_match(imsg, &m, why) == -1 ? -1 : msg_put_match(ib, &m));
}

static int
recode_expired(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	enum msg_expiry e;
	struct msg_id id;

	if (msg_get_expired(imsg, &id, &e, why) == -1)
		return (-1);
	return (msg_put_expired(ib, id, e));
}

static int
recode_order(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	uint32_t type = imsg_get_type(imsg);
	struct msg_id id;

	if (msg_get_order(imsg, &id, why) == -1)
		return (-1);
	return (msg_put_order(ib, type, id));
}

static int
recode_turn(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_turn turn;

	return (msg_get_turn(imsg, &turn, why) == -1 ? -1
						     : msg_put_turn(ib, &turn));
}

static int
recode_answer(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_answer a;

	return (
	    msg_get_answer(imsg, &a, why) == -1 ? -1 : msg_put_answer(ib, &a));
}

static void
good_probe(struct msg_probe *p)
{
	size_t i;

	memset(p, 0, sizeof(*p));
	p->id = test_id;
	p->family = FAMILY_V6;
	p->proto = PROTO_TCP;
	p->ttl = 5;
	p->relay = RELAY_BOTH;
	p->turn = TURN_MIRROR;
	p->inflection = INFLECTION_SILENT;
	p->unreachable = UNREACHABLE_RELAY;
	p->observe = 1;
	p->len = 1280;
	p->headlen = WIRE_HEAD_MAX;
	for (i = 0; i < sizeof(p->head); i++)
		p->head[i] = (uint8_t)(i ^ 0x5a);
}

static void
test_probe(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 4, UINT32_MAX, NULL },
		{ 4, 4, UINT32_MAX, NULL },
		{ 8, 1, FAMILY_V4, NULL },
		{ 8, 1, FAMILY_MAX, "bad family" },
		{ 8, 1, 0xff, "bad family" },
		{ 9, 1, PROTO_UDP, NULL },
		{ 9, 1, PROTO_MAX, "bad protocol" },
		{ 10, 1, 1, NULL },
		{ 10, 1, POLICY_TTL_MAX, NULL },
		{ 10, 1, 0, "TTL out of range" },
		{ 10, 1, POLICY_TTL_MAX + 1, "TTL out of range" },
		{ 11, 1, RELAY_OWN, NULL },
		{ 11, 1, RELAY_LAST, "bad relay mode" },
		{ 12, 1, TURN_REPLY, NULL },
		{ 12, 1, TURN_LAST, "bad turn form" },
		{ 13, 1, INFLECTION_ANSWER, NULL },
		{ 13, 1, INFLECTION_LAST, "bad inflection" },
		{ 14, 1, UNREACHABLE_HIDE, NULL },
		{ 14, 1, UNREACHABLE_LAST, "bad unreachable" },
		{ 15, 1, 0, NULL },
		{ 15, 1, 2, "observe is not 0 or 1" },
		{ 16, 2, 128, NULL },
		{ 16, 2, 127, "head's length out of range" },
		{ 16, 2, 27, "probe's length out of range" },
		{ 16, 2, 1281, "probe's length out of range" },
		{ 18, 2, 129, "head's length out of range" },
		{ 18, 2, UINT16_MAX, "head's length out of range" },
		{ 18, 2, 127, "payload too long" },
	};
	static struct test_raw raw;
	struct msg_probe p, q;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	good_probe(&p);
	assert_int_equal(msg_put_probe(&t.a, &p), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_PROBE);
	assert_int_equal(msg_get_probe(&imsg, &q, &why), 0);
	imsg_free(&imsg);
	assert_memory_equal(&p.id, &q.id, sizeof(p.id));
	assert_int_equal(q.family, FAMILY_V6);
	assert_int_equal(q.proto, PROTO_TCP);
	assert_int_equal(q.ttl, 5);
	assert_int_equal(q.relay, RELAY_BOTH);
	assert_int_equal(q.turn, TURN_MIRROR);
	assert_int_equal(q.inflection, INFLECTION_SILENT);
	assert_int_equal(q.unreachable, UNREACHABLE_RELAY);
	assert_int_equal(q.observe, 1);
	assert_int_equal(q.len, 1280);
	assert_int_equal(q.headlen, WIRE_HEAD_MAX);
	assert_memory_equal(p.head, q.head, sizeof(p.head));

	assert_int_equal(msg_put_probe(&t.a, &p), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_probe, patches);

	/* The smallest: 28 bytes, no head. */
	p.len = WIRE_PROBE_MIN;
	p.headlen = 0;
	assert_int_equal(msg_put_probe(&t.a, &p), 0);
	test_receive_raw(&t, &raw);
	assert_true(test_recodes(&t, &raw, recode_probe, &why));

	/* One that would be read beyond its head is not even sent. */
	p.headlen = WIRE_HEAD_MAX + 1;
	errno = 0;
	assert_int_equal(msg_put_probe(&t.a, &p), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(imsgbuf_queuelen(&t.a), 0);
	test_pipe_close(&t);
}

static void
good_match(struct msg_match *m)
{
	size_t i;

	memset(m, 0, sizeof(*m));
	m->id = test_id;
	m->kind = MATCH_ERROR;
	m->from_client = 1;
	m->answered = 1;
	m->icmp_type = 11;
	m->icmp_code = 1;
	m->ext_len = 32;
	for (i = 0; i < sizeof(m->router.b); i++)
		m->router.b[i] = (uint8_t)(0xa0 + i);
	m->rtt_ns = 0x0102030405060708;
	m->datalen = MSG_MATCH_DATA;
	for (i = 0; i < sizeof(m->data); i++)
		m->data[i] = (uint8_t)(i * 3);
}

static void
test_match(void **state)
{
	static const struct test_patch patches[] = {
		{ 8, 1, MATCH_KIND_LAST, "bad kind of match" },
		{ 8, 1, MATCH_REPLY, "ICMP fields without an error" },
		{ 8, 1, MATCH_RESET, "ICMP fields without an error" },
		{ 9, 1, 0, NULL },
		{ 9, 1, 2, "from_client is not 0 or 1" },
		{ 10, 1, 0, NULL },
		{ 10, 1, 2, "answered is not 0 or 1" },
		{ 11, 1, 0xff, NULL },
		{ 12, 1, 0xff, NULL },
		{ 13, 1, 0xff, NULL },
		{ 30, 8, UINT64_MAX, NULL },
		{ 38, 2, MSG_MATCH_DATA + 1, "data's length out of range" },
		{ 38, 2, UINT16_MAX, "data's length out of range" },
		{ 38, 2, MSG_MATCH_DATA - 1, "payload too long" },
		{ 38, 2, 0, "payload too long" },
	};
	static const struct test_patch reply[] = {
		{ 8, 1, MATCH_RESET, NULL },
		{ 11, 1, 1, "ICMP fields without an error" },
		{ 12, 1, 1, "ICMP fields without an error" },
		{ 13, 1, 1, "ICMP fields without an error" },
		{ 38, 2, 1, "payload too short" },
	};
	static struct test_raw raw;
	static struct msg_match m, n;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	good_match(&m);
	assert_int_equal(msg_put_match(&t.a, &m), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_MATCH);
	assert_int_equal(msg_get_match(&imsg, &n, &why), 0);
	imsg_free(&imsg);
	assert_memory_equal(&m.id, &n.id, sizeof(m.id));
	assert_int_equal(n.kind, MATCH_ERROR);
	assert_int_equal(n.from_client, 1);
	assert_int_equal(n.answered, 1);
	assert_int_equal(n.icmp_type, 11);
	assert_int_equal(n.icmp_code, 1);
	assert_int_equal(n.ext_len, 32);
	assert_true(addr_equal(&m.router, &n.router));
	assert_true(n.rtt_ns == 0x0102030405060708);
	assert_int_equal(n.datalen, MSG_MATCH_DATA);
	assert_memory_equal(m.data, n.data, sizeof(m.data));

	assert_int_equal(msg_put_match(&t.a, &m), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_match, patches);

	m.kind = MATCH_REPLY;
	m.icmp_type = m.icmp_code = m.ext_len = 0;
	m.datalen = 0;
	assert_int_equal(msg_put_match(&t.a, &m), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_match, reply);

	m.datalen = MSG_MATCH_DATA + 1;
	errno = 0;
	assert_int_equal(msg_put_match(&t.a, &m), -1);
	assert_int_equal(errno, EINVAL);
	test_pipe_close(&t);
}

static void
test_expired(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 4, 0, NULL },
		{ 8, 1, EXPIRY_TIMEOUT, NULL },
		{ 8, 1, EXPIRY_LAST, "bad kind of expiry" },
		{ 8, 1, 0xff, "bad kind of expiry" },
	};
	static struct test_raw raw;
	struct test_pipe t;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_expired(&t.a, test_id, EXPIRY_SETTLE), 0);
	test_receive_raw(&t, &raw);
	assert_int_equal(raw.type, MSG_EXPIRED);
	TEST_MESSAGE(&t, &raw, recode_expired, patches);
	test_pipe_close(&t);
}

static void
test_order(void **state)
{
	static const uint32_t types[] = { MSG_PASS, MSG_DROP, MSG_INFLECT,
		MSG_FINAL };
	static const struct test_patch patches[] = {
		{ 0, 4, UINT32_MAX, NULL },
		{ 4, 4, 0, NULL },
	};
	static struct test_raw raw;
	struct test_pipe t;
	struct msg_id id;
	struct imsg imsg;
	const char *why;
	size_t i;

	(void)state;
	test_pipe_open(&t);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_int_equal(msg_put_order(&t.a, types[i], test_id), 0);
		test_receive(&t, &imsg);
		assert_int_equal(imsg_get_type(&imsg), types[i]);
		assert_int_equal(msg_get_order(&imsg, &id, &why), 0);
		assert_int_equal(id.slot, test_id.slot);
		assert_int_equal(id.gen, test_id.gen);
		imsg_free(&imsg);
		assert_int_equal(msg_put_order(&t.a, types[i], test_id), 0);
		test_receive_raw(&t, &raw);
		TEST_MESSAGE(&t, &raw, recode_order, patches);
	}
	test_pipe_close(&t);
}

static const struct test_patch answer_patches[] = {
	{ 8, 1, 0, "another's object would come first in own form" },
	{ 8, 1, MSG_ANSWER_ADDR, NULL },
	{ 8, 1, MSG_ANSWER_ADDR | MSG_ANSWER_NAME, NULL },
	{ 8, 1, MSG_ANSWER_NAME, "a name without an address" },
	{ 8, 1, MSG_ANSWER_ADDR | MSG_ANSWER_RTT, NULL },
	{ 8, 1, MSG_ANSWER_RTT, "a time without an address" },
	{ 8, 1, MSG_ANSWER_HIDE, "a hidden answer with more to show" },
	{ 8, 1, MSG_ANSWER_HIDE | MSG_ANSWER_ADDR,
	    "a hidden answer with more to show" },
	{ 8, 1, 0x10, "unknown flags" },
	{ 8, 1, 0x80, "unknown flags" },
	/* own form's list, then router form's: the longer is there */
	{ 9, 1, 0, NULL },
	{ 9, 1, 60, NULL },
	{ 10, 1, 0, NULL },
	{ 10, 1, 60, NULL },
	{ 9, 2, 60 | 60 << 8, "payload too long" },
	{ 9, 2, 60, "payload too long" },
	{ 9, 1, 63, "bad length of objects" },
	{ 9, 1, 65, "bad length of objects" },
	{ 9, 1, 68, "bad length of objects" },
	{ 9, 1, UINT8_MAX, "bad length of objects" },
	{ 10, 1, 63, "bad length of objects" },
	{ 10, 1, 65, "bad length of objects" },
	{ 10, 1, 68, "bad length of objects" },
	{ 10, 1, UINT8_MAX, "bad length of objects" },
};
static const struct test_patch answer_router[] = {
	{ 8, 1, 0, NULL },
	{ 8, 1, MSG_ANSWER_HIDE, "a hidden answer with more to show" },
	{ 9, 1, 4, "another's object would come first in own form" },
	{ 10, 1, 12, "payload too short" },
	{ 10, 1, 4, "payload too long" },
};
static const struct test_patch answer_hidden[] = {
	{ 8, 1, 0, NULL },
	{ 8, 1, MSG_ANSWER_HIDE | MSG_ANSWER_ADDR,
	    "a hidden answer with more to show" },
	{ 8, 1, MSG_ANSWER_HIDE | MSG_ANSWER_ADDR | MSG_ANSWER_NAME,
	    "a hidden answer with more to show" },
	{ 8, 1, MSG_ANSWER_HIDE | MSG_ANSWER_NAME,
	    "a name without an address" },
	{ 9, 1, 4, "a hidden answer with more to show" },
	{ 10, 1, 4, "a hidden answer with more to show" },
};

static void
test_turn(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 4, UINT32_MAX, NULL },
		{ 8, 1, 0, NULL },
		{ 8, 1, MSG_TURN_AHEAD, NULL },
		{ 8, 1, MSG_ANSWER_ADDR, "flags without an answer" },
		{ 8, 1, MSG_TURN_AHEAD | MSG_ANSWER_ADDR, NULL },
		{ 8, 1, MSG_TURN_AHEAD | MSG_ANSWER_HIDE, "unknown flags" },
		{ 8, 1, MSG_TURN_AHEAD | 0x10, "unknown flags" },
		{ 8, 1, MSG_TURN_AHEAD | MSG_ANSWER_NAME,
		    "a name without an address" },
		{ 8, 1, MSG_TURN_AHEAD | MSG_ANSWER_RTT,
		    "a time without an address" },
	};
	static struct test_raw raw;
	struct msg_turn turn = { test_id,
		MSG_TURN_AHEAD | MSG_ANSWER_ADDR | MSG_ANSWER_NAME |
		    MSG_ANSWER_RTT };
	struct test_pipe t;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_turn(&t.a, &turn), 0);
	test_receive_raw(&t, &raw);
	assert_int_equal(raw.type, MSG_TURN);
	assert_int_equal(raw.len, 9);
	TEST_MESSAGE(&t, &raw, recode_turn, patches);
	test_pipe_close(&t);
}

static void
test_answer(void **state)
{
	static struct test_raw raw;
	struct msg_answer a;
	struct test_pipe t;

	(void)state;
	test_pipe_open(&t);
	memset(&a, 0xa5, sizeof(a));
	a.id = test_id;
	a.flags = MSG_ANSWER_ADDR | MSG_ANSWER_NAME;
	a.own_len = a.router_len = EXT_FOREIGN_MAX;
	assert_int_equal(msg_put_answer(&t.a, &a), 0);
	test_receive_raw(&t, &raw);
	assert_int_equal(raw.type, MSG_ANSWER);
	TEST_MESSAGE(&t, &raw, recode_answer, answer_patches);

	a.flags = 0;
	a.own_len = 0;
	a.router_len = 8;
	assert_int_equal(msg_put_answer(&t.a, &a), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_answer, answer_router);

	a.flags = MSG_ANSWER_HIDE;
	a.router_len = 0;
	assert_int_equal(msg_put_answer(&t.a, &a), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_answer, answer_hidden);

	a.own_len = EXT_FOREIGN_MAX + 1;
	errno = 0;
	assert_int_equal(msg_put_answer(&t.a, &a), -1);
	assert_int_equal(errno, EINVAL);
	a.own_len = 0;
	a.router_len = EXT_FOREIGN_MAX + 1;
	errno = 0;
	assert_int_equal(msg_put_answer(&t.a, &a), -1);
	assert_int_equal(errno, EINVAL);
	test_pipe_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_turn),
		cmocka_unit_test(test_answer),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
