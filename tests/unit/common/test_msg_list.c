/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "test_msg.h"

static int
recode_list(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_list l;

	if (msg_get_list(imsg, &l, why) == -1)
		return (-1);
	return (msg_put_list(ib, imsg_get_type(imsg), 0, &l));
}

static int
recode_client(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_client c;

	if (msg_get_client(imsg, &c, why) == -1)
		return (-1);
	return (msg_put_client(ib, imsg_get_type(imsg), 0, &c));
}

static int
recode_deny(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_deny d;

	if (msg_get_deny(imsg, &d, why) == -1)
		return (-1);
	return (msg_put_deny(ib, imsg_get_type(imsg), 0, &d));
}

static void
test_list(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 1, LIST_CLIENTS, NULL },
		{ 0, 1, LIST_LAST, "bad kind of list" },
		{ 1, 4, 0, NULL },
		{ 1, 4, MSG_LIST_PLACES, NULL },
		{ 1, 4, MSG_LIST_PLACES + 1, "place out of range" },
	};
	static struct test_raw raw;
	struct msg_list in = { LIST_DENIED, 7 }, out;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_list(&t.a, MSG_LIST, 9, &in), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_LIST);
	assert_int_equal(imsg_get_id(&imsg), 9);
	assert_int_equal(msg_get_list(&imsg, &out, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(out.which, LIST_DENIED);
	assert_int_equal(out.from, 7);
	assert_int_equal(msg_put_list(&t.a, MSG_LIST, 9, &in), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_list, patches);
	test_pipe_close(&t);
}

static void
test_client(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 1, FAMILY_MAX, "bad family" },
		{ 0, 1, FAMILY_V4, "prefix too long" },
		{ 1, 1, PROTO_MAX, "bad protocol" },
		{ 2, 1, 65, NULL },
		{ 2, 1, 128, NULL },
		{ 2, 1, 129, "prefix too long" },
		{ 2, 1, 15, "prefix not masked" },
		{ 18, 1, 1, "prefix not masked" },
		{ 19, 2, UINT16_MAX, NULL },
		{ 41, 4, UINT32_MAX, NULL },
	};
	static struct test_raw raw;
	struct msg_client in = { FAMILY_V6, PROTO_ICMP, 64,
		{ { 0x20, 1, 0xd, 0xb8 } }, 80, 111, 222, 33, 4 };
	struct msg_client out;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_client(&t.a, MSG_CTL_CLIENT, 9, &in), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_CTL_CLIENT);
	assert_int_equal(msg_get_client(&imsg, &out, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(out.family, FAMILY_V6);
	assert_int_equal(out.proto, PROTO_ICMP);
	assert_int_equal(out.len, 64);
	assert_true(addr_equal(&out.addr, &in.addr));
	assert_int_equal(out.port, 80);
	assert_int_equal(out.opened_us, 111);
	assert_int_equal(out.left_us, 222);
	assert_int_equal(out.probes, 33);
	assert_int_equal(out.limited, 4);
	assert_int_equal(msg_put_client(&t.a, MSG_CLIENT, 9, &in), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_client, patches);
	test_pipe_close(&t);
}

static void
test_deny(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 1, 1, "a time to remove, or none to deny" },
		{ 0, 1, 2, "remove is not 0 or 1" },
		{ 1, 1, FAMILY_MAX, "bad family" },
		{ 2, 1, 0, "prefix not masked" },
		{ 2, 1, 24, NULL },
		{ 2, 1, 7, "prefix not masked" },
		{ 2, 1, 33, "prefix too long" },
		{ 5, 1, 1, "prefix not masked" },
		{ 7, 1, 1, "bytes behind an IPv4 address" },
		{ 19, 8, 0, "a time to remove, or none to deny" },
		{ 19, 8, MSG_DENY_MS_MAX, NULL },
		{ 19, 8, MSG_DENY_MS_MAX + 1, "time out of range" },
	};
	static struct test_raw raw;
	struct msg_deny in = { 0, FAMILY_V4, 16, { { 203, 7 } }, 600000 }, out;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_deny(&t.a, MSG_DENY, 9, &in), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_DENY);
	assert_int_equal(msg_get_deny(&imsg, &out, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(out.remove, 0);
	assert_int_equal(out.family, FAMILY_V4);
	assert_int_equal(out.len, 16);
	assert_true(addr_equal(&out.addr, &in.addr));
	assert_int_equal(out.ms, 600000);
	assert_int_equal(msg_put_deny(&t.a, MSG_CTL_DENY, 9, &in), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_deny, patches);
	/* To remove one needs no time, and to deny all no bit. */
	in.remove = 1;
	in.ms = 0;
	memset(&in.addr, 0, sizeof(in.addr));
	in.len = 0;
	assert_int_equal(msg_put_deny(&t.a, MSG_DENIED, 9, &in), 0);
	test_receive_raw(&t, &raw);
	assert_true(test_recodes(&t, &raw, recode_deny, &why));
	test_pipe_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_deny),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
