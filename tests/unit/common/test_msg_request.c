/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Messages about requests for a reverse probe. */

#include <errno.h>

#include "test_msg.h"

static const struct msg_id test_id = { 0x01020304, 0xfffefdfc };

static int
recode_request(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_request q;

	return (msg_get_request(imsg, &q, why) == -1 ? -1
						     : msg_put_request(ib, &q));
}

static int
recode_status(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_status s;

	return (
	    msg_get_status(imsg, &s, why) == -1 ? -1 : msg_put_status(ib, &s));
}

static void
test_request(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 4, UINT32_MAX, NULL },
		{ 4, 4, UINT32_MAX, NULL },
		{ 8, 1, FAMILY_V4, NULL },
		{ 8, 1, FAMILY_MAX, "bad family" },
		{ 9, 1, 1, NULL },
		{ 9, 1, POLICY_TTL_MAX, NULL },
		{ 9, 1, 0, "highest TTL out of range" },
		{ 9, 1, POLICY_TTL_MAX + 1, "highest TTL out of range" },
		{ 10, 1, UNREACHABLE_HIDE, NULL },
		{ 10, 1, UNREACHABLE_LAST, "bad unreachable" },
		{ 11, 1, 0, NULL },
		{ 11, 1, 2, "observe is not 0 or 1" },
		{ 12, 1, 0, NULL },
		{ 12, 1, 2, "target is not 0 or 1" },
		{ 13, 2, 128, NULL },
		{ 13, 2, 127, "head's length out of range" },
		{ 13, 2, 27, "request's length out of range" },
		{ 13, 2, 1281, "request's length out of range" },
		{ 15, 1, 129, "head's length out of range" },
		{ 15, 1, 127, "payload too long" },
	};
	static struct test_raw raw;
	struct msg_request p, q;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;
	size_t i;

	(void)state;
	test_pipe_open(&t);
	memset(&p, 0, sizeof(p));
	p.id = test_id;
	p.family = FAMILY_V6;
	p.max_ttl = 32;
	p.unreachable = UNREACHABLE_RELAY;
	p.observe = 1;
	p.target = 1;
	p.len = 1280;
	p.headlen = WIRE_HEAD_MAX;
	for (i = 0; i < sizeof(p.head); i++)
		p.head[i] = (uint8_t)(i ^ 0x5a);
	assert_int_equal(msg_put_request(&t.a, &p), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_REQUEST);
	assert_int_equal(msg_get_request(&imsg, &q, &why), 0);
	imsg_free(&imsg);
	assert_memory_equal(&p.id, &q.id, sizeof(p.id));
	assert_int_equal(q.family, FAMILY_V6);
	assert_int_equal(q.max_ttl, 32);
	assert_int_equal(q.unreachable, UNREACHABLE_RELAY);
	assert_int_equal(q.observe, 1);
	assert_int_equal(q.target, 1);
	assert_int_equal(q.len, 1280);
	assert_int_equal(q.headlen, WIRE_HEAD_MAX);
	assert_memory_equal(p.head, q.head, sizeof(p.head));

	assert_int_equal(msg_put_request(&t.a, &p), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_request, patches);

	p.headlen = WIRE_HEAD_MAX + 1;
	errno = 0;
	assert_int_equal(msg_put_request(&t.a, &p), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(imsgbuf_queuelen(&t.a), 0);
	test_pipe_close(&t);
}

static void
test_status(void **state)
{
	static const struct test_patch patches[] = {
		{ 4, 4, 0, NULL },
		{ 8, 1, AUGSBURG_OK, "unknown status" },
		{ 8, 1, 3, "unknown status" },
		{ 8, 1, 5, "unknown status" },
		{ 8, 1, 0xff, "unknown status" },
		{ 8, 1, AUGSBURG_BAD_TTL, "a value without an object" },
		{ 8, 1, AUGSBURG_BAD_PROTO, "a value without an object" },
		{ 9, 2, 0, NULL },
	};
	static struct test_raw raw;
	struct msg_status s = { test_id, AUGSBURG_BAD_EXT, 0x0702 }, got;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_status(&t.a, &s), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_REQUEST_STATUS);
	assert_int_equal(msg_get_status(&imsg, &got, &why), 0);
	imsg_free(&imsg);
	assert_memory_equal(&got.id, &test_id, sizeof(test_id));
	assert_int_equal(got.status, AUGSBURG_BAD_EXT);
	assert_int_equal(got.value, 0x0702);

	assert_int_equal(msg_put_status(&t.a, &s), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_status, patches);
	s.status = AUGSBURG_BAD_TTL;
	s.value = 0;
	assert_int_equal(msg_put_status(&t.a, &s), 0);
	test_receive_raw(&t, &raw);
	assert_true(test_recodes(&t, &raw, recode_status, &why));
	test_pipe_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_status),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
