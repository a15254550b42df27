/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/stat.h>

#include <errno.h>

#include "common/log.h"
#include "test_msg.h"

static int
recode_u8(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	uint8_t v;

	if (msg_get_u8(imsg, 1, &v, why) == -1)
		return (-1);
	return (msg_put_u8(ib, imsg_get_type(imsg), 0, v));
}

static int
recode_u32(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	uint32_t v;

	if (msg_get_u32(imsg, &v, why) == -1)
		return (-1);
	return (msg_put_u32(ib, imsg_get_type(imsg), 0, v));
}

static int
recode_empty(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	if (msg_get_empty(imsg, why) == -1)
		return (-1);
	return (msg_put_empty(ib, imsg_get_type(imsg), 0));
}

static int
recode_init(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_init in;

	return (
	    msg_get_init(imsg, &in, why) == -1 ? -1 : msg_put_init(ib, &in));
}

static int
recode_text(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	char text[MSG_TEXT_MAX];
	uint8_t code;

	if (msg_get_text(imsg, 7, &code, text, sizeof(text), why) == -1)
		return (-1);
	return (msg_put_text(ib, imsg_get_type(imsg), 0, code, text));
}

static int
recode_process(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	char name[MSG_NAME_MAX];
	uint32_t pid;

	if (msg_get_process(imsg, &pid, name, why) == -1)
		return (-1);
	return (msg_put_process(ib, 0, pid, name));
}

static int
recode_stats(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct stats s;

	if (msg_get_stats(imsg, &s, why) == -1)
		return (-1);
	return (msg_put_stats(ib, imsg_get_type(imsg), 0, &s));
}

static int
recode_info(struct imsg *imsg, struct imsgbuf *ib, const char **why)
{
	struct msg_info in;

	return (
	    msg_get_info(imsg, &in, why) == -1 ? -1 : msg_put_info(ib, 0, &in));
}

static void
test_numbers(void **state)
{
	static const struct test_patch bytes[] = {
		{ 0, 1, 0, NULL },
		{ 0, 1, 2, "value out of range" },
		{ 0, 1, 0xff, "value out of range" },
	};
	static const struct test_patch words[] = {
		{ 0, 4, 0, NULL },
		{ 0, 4, UINT32_MAX, NULL },
	};
	static struct test_raw raw;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_u8(&t.a, MSG_VERBOSE, 0, 1), 0);
	test_receive_raw(&t, &raw);
	assert_int_equal(raw.type, MSG_VERBOSE);
	TEST_MESSAGE(&t, &raw, recode_u8, bytes);

	assert_int_equal(msg_put_u32(&t.a, MSG_STAGED, 0, 0x12345678), 0);
	test_receive_raw(&t, &raw);
	assert_int_equal(raw.type, MSG_STAGED);
	TEST_MESSAGE(&t, &raw, recode_u32, words);

	/* The peer id comes back with the answer. */
	assert_int_equal(msg_put_empty(&t.a, MSG_STATS, 0x7fff0001), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_STATS);
	assert_int_equal(imsg_get_id(&imsg), 0x7fff0001);
	assert_int_equal(msg_get_empty(&imsg, &why), 0);
	imsg_free(&imsg);
	raw.type = MSG_STATS;
	raw.len = 0;
	test_message(&t, &raw, recode_empty, NULL, 0);
	test_pipe_close(&t);
}

static void
test_init(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 4, 0, "bad uid" },
		{ 0, 4, UINT32_MAX, "bad uid" },
		{ 0, 4, 1, NULL },
		{ 4, 4, 0, "bad gid" },
		{ 4, 4, UINT32_MAX, "bad gid" },
		{ 8, 1, 0, NULL },
		{ 8, 1, 2, "verbose is not 0 or 1" },
		{ 9, 2, 0, NULL },
		{ 9, 2, UINT16_MAX, NULL },
		{ 11, 4, 0, "queue length is 0" },
		{ 11, 4, UINT32_MAX, NULL },
		{ 15, 4, 0x75000001, "mark outside of its mask" },
		{ 15, 4, 0, NULL },
		{ 19, 4, UINT32_MAX, NULL },
		{ 19, 4, 0x74000000, "mark outside of its mask" },
		{ 23, 4, POLICY_PENDING_MIN, NULL },
		{ 23, 4, POLICY_PENDING_MIN - 1, "pending out of range" },
		{ 23, 4, POLICY_PENDING_MAX, NULL },
		{ 23, 4, POLICY_PENDING_MAX + 1, "pending out of range" },
		{ 27, 4, 0, NULL },
		{ 27, 4, POLICY_TRACES_MAX, NULL },
		{ 27, 4, POLICY_TRACES_MAX + 1, "traces out of range" },
	};
	static struct test_raw raw;
	struct msg_init in = { 990, 991, 1,
		{ 33434, 1024, 0x75000000, 0xff000000, 8192 }, 256 };
	struct msg_init out;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_init(&t.a, &in), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_INIT);
	assert_int_equal(msg_get_init(&imsg, &out, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(out.uid, 990);
	assert_int_equal(out.gid, 991);
	assert_int_equal(out.verbose, 1);
	assert_int_equal(out.fixed.queue, 33434);
	assert_int_equal(out.fixed.queue_len, 1024);
	assert_int_equal(out.fixed.mark, 0x75000000);
	assert_int_equal(out.fixed.mark_mask, 0xff000000);
	assert_int_equal(out.fixed.pending, 8192);
	assert_int_equal(out.traces, 256);

	assert_int_equal(msg_put_init(&t.a, &in), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_init, patches);
	test_pipe_close(&t);
}

static void
test_peer(void **state)
{
	struct stat sent, got;
	struct test_pipe t;
	struct imsg imsg;
	int fd, in;

	(void)state;
	test_pipe_open(&t);
	assert_int_not_equal(fd = open("/dev/null", O_RDONLY), -1);
	assert_int_equal(fstat(fd, &sent), 0);
	assert_int_equal(msg_put_peer(&t.a, fd), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_PEER);
	assert_int_not_equal(in = imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);
	assert_int_equal(fstat(in, &got), 0);
	assert_int_equal(sent.st_rdev, got.st_rdev);
	close(in);

	/* Refused: the descriptor is still the caller's. */
	imsgbuf_deny_fdpass(&t.a);
	assert_int_not_equal(fd = open("/dev/null", O_RDONLY), -1);
	assert_int_equal(msg_put_peer(&t.a, fd), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(close(fd), 0);
	test_pipe_close(&t);
}

static void
test_text(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 1, 0, NULL },
		{ 0, 1, 7, NULL },
		{ 0, 1, 8, "code out of range" },
		{ 1, 1, 0x1b, NULL }, /* escaping is the reader's work */
		{ 1, 1, 0, "text does not end with its only NUL" },
		{ 4, 1, 'x', "text does not end with its only NUL" },
	};
	static struct test_raw raw;
	char line[2 * MSG_TEXT_MAX], text[MSG_TEXT_MAX];
	struct test_pipe t;
	struct imsg imsg;
	const char *why;
	uint8_t code;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_text(&t.a, MSG_CTL_LINE, 3, 4, "abc"), 0);
	test_receive_raw(&t, &raw);
	assert_int_equal(raw.type, MSG_CTL_LINE);
	assert_int_equal(raw.len, 5);
	TEST_MESSAGE(&t, &raw, recode_text, patches);

	/* The empty text. */
	assert_int_equal(msg_put_text(&t.a, MSG_CTL_LINE, 3, 4, ""), 0);
	test_receive_raw(&t, &raw);
	assert_true(test_recodes(&t, &raw, recode_text, &why));

	/* Cut to fit, each type to its own length. */
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(msg_put_text(&t.a, MSG_CTL_RESULT, 0, 1, line), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_len(&imsg), 1 + MSG_TEXT_MAX);
	assert_int_equal(msg_get_text(&imsg, RESULT_LAST - 1, &code, text,
			     sizeof(text), &why),
	    0);
	assert_int_equal(code, RESULT_REFUSED);
	assert_int_equal(strlen(text), MSG_TEXT_MAX - 1);
	imsg_free(&imsg);
	assert_int_equal(msg_put_text(&t.a, MSG_LOG, 0, 4, line), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_len(&imsg), 1 + LOG_LINE_MAX);
	/* A room too small by one is a fault, not an overrun. */
	assert_int_equal(
	    msg_get_text(&imsg, 7, &code, text, LOG_LINE_MAX - 1, &why), -1);
	assert_string_equal(why, "bad length of text");
	imsg_free(&imsg);
	test_pipe_close(&t);
}

static void
test_process(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 4, 0, "bad pid" },
		{ 0, 4, 1, NULL },
		{ 0, 4, INT32_MAX, NULL },
		{ 0, 4, (uint64_t)INT32_MAX + 1, "bad pid" },
		{ 4, 1, 0, "text does not end with its only NUL" },
		{ 10, 1, 'x', "text does not end with its only NUL" },
	};
	static struct test_raw raw;
	char name[2 * MSG_NAME_MAX];
	struct test_pipe t;
	const char *why;

	(void)state;
	test_pipe_open(&t);
	assert_int_equal(msg_put_process(&t.a, 0, 4711, "engine"), 0);
	test_receive_raw(&t, &raw);
	assert_int_equal(raw.type, MSG_CTL_PROCESS);
	TEST_MESSAGE(&t, &raw, recode_process, patches);

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(msg_put_process(&t.a, 0, 4711, name), 0);
	test_receive_raw(&t, &raw);
	assert_int_equal(raw.len, 4 + MSG_NAME_MAX);
	assert_true(test_recodes(&t, &raw, recode_process, &why));
	/* One more byte of name. */
	raw.data[raw.len - 1] = 'n';
	raw.data[raw.len++] = '\0';
	assert_false(test_recodes(&t, &raw, recode_process, &why));
	assert_string_equal(why, "bad length of text");
	test_pipe_close(&t);
}

static void
test_counters(void **state)
{
	static const struct test_patch numbers[] = {
		{ 0, 8, UINT64_MAX, NULL },
		{ 8, 8, 0, NULL },
	};
	static const struct test_patch infos[] = {
		{ 0, 1, 0, NULL },
		{ 0, 1, 2, "paused is not 0 or 1" },
		{ 1, 1, 0, NULL },
		{ 1, 1, 2, "observe is not 0 or 1" },
		{ 2, 4, UINT32_MAX, NULL },
		{ 10, 8, UINT64_MAX, NULL },
	};
	static struct test_raw raw;
	static struct stats s, u;
	struct msg_info in = { 1, 1, 7, 8192, UINT64_MAX - 1 }, out;
	struct test_pipe t;
	struct imsg imsg;
	const char *why;
	size_t i;

	(void)state;
	test_pipe_open(&t);
	for (i = 0; i < sizeof(s); i++)
		((uint8_t *)&s)[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(msg_put_stats(&t.a, MSG_STATS_DATA, 9, &s), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_STATS_DATA);
	assert_int_equal(imsg_get_id(&imsg), 9);
	assert_int_equal(msg_get_stats(&imsg, &u, &why), 0);
	assert_memory_equal(&s, &u, sizeof(s));
	imsg_free(&imsg);
	assert_int_equal(msg_put_stats(&t.a, MSG_CTL_DATA, 0, &s), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_stats, numbers);

	assert_int_equal(msg_put_info(&t.a, 9, &in), 0);
	test_receive(&t, &imsg);
	assert_int_equal(imsg_get_type(&imsg), MSG_CTL_INFO);
	assert_int_equal(msg_get_info(&imsg, &out, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(out.paused, 1);
	assert_int_equal(out.observe, 1);
	assert_int_equal(out.generation, 7);
	assert_int_equal(out.pending_max, 8192);
	assert_true(out.uptime_ns == UINT64_MAX - 1);
	assert_int_equal(msg_put_info(&t.a, 9, &in), 0);
	test_receive_raw(&t, &raw);
	TEST_MESSAGE(&t, &raw, recode_info, infos);
	test_pipe_close(&t);
}

/* A pool that is empty: nothing is queued, and errno says so. */
static void
test_no_buffer(void **state)
{
	struct ibuf_pool *pool;
	struct test_pipe t;

	(void)state;
	test_pipe_open(&t);
	assert_non_null(pool = ibuf_pool_new(1, 64));
	assert_int_equal(imsgbuf_set_pool(&t.a, pool, NULL), 0);
	assert_int_equal(msg_put_u32(&t.a, MSG_PONG, 0, 1), 0);
	errno = 0;
	assert_int_equal(msg_put_u32(&t.a, MSG_PONG, 0, 2), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(imsgbuf_queuelen(&t.a), 1);
	test_pipe_close(&t);

	/* One that is too small for the message gives its buffer back. */
	test_pipe_open(&t);
	assert_int_equal(imsgbuf_set_pool(&t.a, pool, NULL), 0);
	errno = 0;
	assert_int_equal(msg_put_text(&t.a, MSG_LOG, 0, 4,
			     "a line that does not fit into so small a buffer"),
	    -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(ibuf_pool_avail(pool), 1);
	test_pipe_close(&t);
	ibuf_pool_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_no_buffer),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
