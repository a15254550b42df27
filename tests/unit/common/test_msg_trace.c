/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "test_msg.h"

static struct addr
address(uint8_t first)
{
	struct addr a;

	memset(&a, 0, sizeof(a));
	a.b[0] = 203;
	a.b[3] = first;
	return (a);
}

static int
recode_ask(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_ask a;

	if (msg_get_ask(imsg, &a, why) == -1)
		return (-1);
	return (msg_put_ask(ib, imsg_get_type(imsg), 0, &a));
}

static int
recode_trace(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_trace t;

	if (msg_get_trace(imsg, &t, why) == -1)
		return (-1);
	return (msg_put_trace(ib, imsg_get_type(imsg), 0, &t));
}

static int
recode_hop(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_hop h;

	if (msg_get_hop(imsg, &h, why) == -1)
		return (-1);
	return (msg_put_hop(ib, imsg_get_type(imsg), 0, &h));
}

static int
recode_event(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_event e;

	if (msg_get_event(imsg, &e, why) == -1)
		return (-1);
	return (msg_put_event(ib, imsg_get_type(imsg), 0, &e));
}

static void
test_ask(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 4, POLICY_TRACES_MAX, NULL },
		{ 0, 4, POLICY_TRACES_MAX + 1, "place out of range" },
		{ 4, 1, 0, NULL },
		{ 4, 1, 2, "filter is not 0 or 1" },
		{ 5, 1, FAMILY_V6, NULL },
		{ 5, 1, FAMILY_MAX, "bad family" },
		{ 10, 1, 1, "bytes behind an IPv4 address" },
	};
	static struct test_raw raw;
	struct msg_ask ask = { 7, 1, FAMILY_V4, address(1) }, out;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_ask(&t.a, MSG_TRACES, 9, &ask), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_TRACES);
	assert_int_equal(imsg_get_id(&imsg), 9);
	assert_int_equal(msg_get_ask(&imsg, &out, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(out.from, 7);
	assert_int_equal(out.filter, 1);
	assert_true(addr_equal(&out.client, &ask.client));
	assert_int_equal(msg_put_ask(&t.a, MSG_TRACES, 9, &ask), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_ask, patches);
	test_pipe_close(&t);
}

static void
test_trace(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 1, FAMILY_MAX, "bad family" },
		{ 1, 1, PROTO_MAX, "bad protocol" },
		{ 6, 1, 1, "bytes behind an IPv4 address" },
		{ 22, 1, 1, "bytes behind an IPv4 address" },
		{ 54, 1, TRACE_END_LAST, "bad end of a trace" },
		{ 54, 1, TRACE_OPEN, "hop of the end out of range" },
		{ 55, 1, 0, "hop of the end out of range" },
		{ 55, 1, MSG_HOPS_MAX, NULL },
		{ 55, 1, MSG_HOPS_MAX + 1, "hop of the end out of range" },
		{ 56, 1, 0, NULL },
		{ 56, 1, MSG_HOPS_MAX + 1, "hop of the change out of range" },
		{ 69, 1, 1, "bytes behind an IPv4 address" },
		{ 96, 1, 1, "bytes behind an IPv4 address" },
	};
	static struct test_raw raw;
	struct msg_trace in = { FAMILY_V4, PROTO_TCP, address(1), address(2),
		1111, 222, 33, TRACE_INFERRED, 5, 2, 77, address(3),
		address(4) };
	struct msg_trace out;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_trace(&t.a, MSG_CTL_TRACE, 1, &in), 0);
	test_receive(&t, &imsg);
	assert_int_equal(msg_get_trace(&imsg, &out, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(out.proto, PROTO_TCP);
	assert_true(addr_equal(&out.client, &in.client));
	assert_true(addr_equal(&out.listen, &in.listen));
	assert_int_equal(out.begun_us, 1111);
	assert_int_equal(out.seen_us, 222);
	assert_int_equal(out.probes, 33);
	assert_int_equal(out.end, TRACE_INFERRED);
	assert_int_equal(out.end_hop, 5);
	assert_int_equal(out.changed_hop, 2);
	assert_int_equal(out.changed_us, 77);
	assert_true(addr_equal(&out.changed_from, &in.changed_from));
	assert_true(addr_equal(&out.changed_to, &in.changed_to));
	assert_int_equal(msg_put_trace(&t.a, MSG_CTL_TRACE, 1, &in), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_trace, patches);
	test_pipe_close(&t);
}

static void
test_hop(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 1, FAMILY_MAX, "bad family" },
		{ 1, 1, 0, "hop out of range" },
		{ 1, 1, MSG_HOPS_MAX, NULL },
		{ 1, 1, MSG_HOPS_MAX + 1, "hop out of range" },
		{ 2, 1, MSG_HOP_FLAGS + 1, "unknown flags" },
		{ 3, 1, MSG_HOP_ROUTERS + 1, "too many routers" },
		{ 8, 1, 1, "bytes behind an IPv4 address" },
		{ 40, 1, MSG_LABELS_MAX + 1, "too many labels" },
	};
	static struct test_raw raw;
	struct msg_hop in = { FAMILY_V4, 3, MSG_HOP_HIDDEN | MSG_HOP_UNREACH, 2,
		address(9), 10, 7, 2, 100, 200, 300, 3, 13, MSG_LABELS_MAX,
		{ 1, 2, 3, 4 } };
	struct msg_hop out;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_hop(&t.a, MSG_TRACE_HOP, 1, &in), 0);
	test_receive(&t, &imsg);
	assert_int_equal(msg_get_hop(&imsg, &out, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(out.hop, 3);
	assert_int_equal(out.flags, in.flags);
	assert_int_equal(out.routers, 2);
	assert_true(addr_equal(&out.router, &in.router));
	assert_int_equal(out.turned, 10);
	assert_int_equal(out.answered, 7);
	assert_int_equal(out.lost, 2);
	assert_int_equal(out.rtt_min_us, 100);
	assert_int_equal(out.rtt_avg_us, 200);
	assert_int_equal(out.rtt_max_us, 300);
	assert_int_equal(out.icmp_type, 3);
	assert_int_equal(out.icmp_code, 13);
	assert_int_equal(out.nlabels, MSG_LABELS_MAX);
	assert_memory_equal(out.label, in.label, sizeof(in.label));
	assert_int_equal(msg_put_hop(&t.a, MSG_TRACE_HOP, 1, &in), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_hop, patches);

	in.nlabels = MSG_LABELS_MAX + 1;
	assert_int_equal(msg_put_hop(&t.a, MSG_TRACE_HOP, 1, &in), -1);
	assert_int_equal(imsgbuf_queuelen(&t.a), 0);
	test_pipe_close(&t);
}

static void
test_event(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 1, EVENT_LAST, "bad kind of event" },
		{ 1, 1, FAMILY_MAX, "bad family" },
		{ 2, 1, PROTO_MAX, "bad protocol" },
		{ 3, 1, TRACE_END_LAST, "bad end of a trace" },
		{ 4, 1, 0, NULL },
		{ 4, 1, MSG_HOPS_MAX + 1, "hop out of range" },
		{ 5, 1, MSG_HOP_FLAGS + 1, "unknown flags" },
		{ 20, 1, 1, "bytes behind an IPv4 address" },
		{ 79, 1, 1, "bytes behind an IPv4 address" },
	};
	static struct test_raw raw;
	struct msg_event in = { EVENT_CHANGED, FAMILY_V4, PROTO_ICMP,
		TRACE_OPEN, 4, MSG_HOP_UNREACH, 3, 1, 1234, 5, address(1),
		address(2), address(3), address(4) };
	struct msg_event out;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_event(&t.a, MSG_EVENT, 0, &in), 0);
	test_receive(&t, &imsg);
	assert_int_equal(msg_get_event(&imsg, &out, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(out.kind, EVENT_CHANGED);
	assert_int_equal(out.proto, PROTO_ICMP);
	assert_int_equal(out.hop, 4);
	assert_int_equal(out.flags, MSG_HOP_UNREACH);
	assert_int_equal(out.icmp_type, 3);
	assert_int_equal(out.icmp_code, 1);
	assert_int_equal(out.rtt_us, 1234);
	assert_int_equal(out.dropped, 5);
	assert_true(addr_equal(&out.client, &in.client));
	assert_true(addr_equal(&out.listen, &in.listen));
	assert_true(addr_equal(&out.router, &in.router));
	assert_true(addr_equal(&out.former, &in.former));
	assert_int_equal(msg_put_event(&t.a, MSG_EVENT, 0, &in), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_event, patches);
	test_pipe_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_hop),
		cmocka_unit_test(test_event),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
