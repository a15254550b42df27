/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/imsg.h"
#include "common/proc.h"

/* A connection of two pipes, one for each direction. */
struct fixture {
	struct imsgbuf a, b;
	int ab[2], ba[2];
};

static int
setup(void **state)
{
	struct fixture *f;

	if ((f = calloc(1, sizeof(*f))) == NULL ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    proc_pipe(f->ab, 65536) == -1 || proc_pipe(f->ba, 65536) == -1 ||
	    imsgbuf_init_pipes(&f->a, f->ba[0], f->ab[1]) == -1 ||
	    imsgbuf_init_pipes(&f->b, f->ab[0], f->ba[1]) == -1)
		return (-1);
	*state = f;
	return (0);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	int i;

	imsgbuf_clear(&f->a);
	imsgbuf_clear(&f->b);
	for (i = 0; i < 2; i++) {
		close(f->ab[i]);
		close(f->ba[i]);
	}
	free(f);
	return (0);
}

static void
put(struct imsgbuf *ib, uint32_t type, const void *data, size_t len)
{
	assert_int_equal(imsg_compose(ib, type, 0, 0, -1, data, len), 1);
}

static void
expect(struct imsgbuf *ib, uint32_t type, size_t len)
{
	struct imsg imsg;

	assert_int_equal(imsgbuf_get(ib, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), type);
	assert_int_equal(imsg_get_len(&imsg), len);
	assert_int_equal(imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);
}

static void
both_ways(void **state)
{
	struct fixture *f = *state;

	put(&f->a, 1, "abc", 3);
	put(&f->a, 2, NULL, 0);
	put(&f->b, 3, "x", 1);
	assert_int_equal(imsgbuf_write(&f->a), 0);
	assert_int_equal(imsgbuf_write(&f->b), 0);
	assert_int_equal(imsgbuf_queuelen(&f->a), 0);
	assert_int_equal(imsgbuf_read(&f->b), 1);
	expect(&f->b, 1, 3);
	expect(&f->b, 2, 0);
	assert_int_equal(imsgbuf_read(&f->a), 1);
	expect(&f->a, 3, 1);
	/* Nothing there: no end, and no fault. */
	assert_int_equal(imsgbuf_read(&f->a), 1);
}

/* What does not fit stays queued, in order and whole. */
static void
full(void **state)
{
	struct fixture *f = *state;
	struct imsg imsg;
	uint8_t data[1000];
	uint32_t sent, got;

	memset(data, 7, sizeof(data));
	for (sent = 0; imsgbuf_queuelen(&f->a) == 0 && sent < 10000;) {
		put(&f->a, sent++, data, sizeof(data));
		put(&f->a, sent++, data, 1);
		assert_int_equal(imsgbuf_write(&f->a), 0);
	}
	assert_int_not_equal(imsgbuf_queuelen(&f->a), 0);
	for (got = 0; got < sent;) {
		assert_int_equal(imsgbuf_read(&f->b), 1);
		while (imsgbuf_get(&f->b, &imsg) == 1) {
			assert_int_equal(imsg_get_type(&imsg), got);
			got++;
			imsg_free(&imsg);
		}
		assert_int_equal(imsgbuf_write(&f->a), 0);
	}
	assert_int_equal(imsgbuf_queuelen(&f->a), 0);
}

static void
the_end(void **state)
{
	struct fixture *f = *state;

	put(&f->a, 1, NULL, 0);
	assert_int_equal(imsgbuf_write(&f->a), 0);
	close(f->ab[1]);
	f->ab[1] = -1;
	/* What was sent before it is not lost. */
	assert_int_equal(imsgbuf_read(&f->b), 1);
	expect(&f->b, 1, 0);
	assert_int_equal(imsgbuf_read(&f->b), 0);
	/* Who reads no more is told by the write. */
	close(f->ba[0]);
	f->ba[0] = -1;
	put(&f->b, 1, NULL, 0);
	assert_int_equal(imsgbuf_write(&f->b), -1);
	assert_int_equal(errno, EPIPE);
}

/* Neither allowed by anybody, nor taken from the message's own mark. */
static void
no_descriptors(void **state)
{
	struct fixture *f = *state;
	struct imsg_hdr hdr = { 1, sizeof(hdr) | IMSG_FD_MARK, 0, 0 };
	int fd;

	imsgbuf_allow_fdpass(&f->a);
	assert_int_not_equal(fd = open("/dev/null", O_RDONLY), -1);
	assert_int_equal(imsg_compose(&f->a, 1, 0, 0, fd, NULL, 0), -1);
	close(fd);
	assert_int_equal(write(f->ab[1], &hdr, sizeof(hdr)), sizeof(hdr));
	assert_int_equal(imsgbuf_read(&f->b), 1);
	expect(&f->b, 1, 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_ways),
		TEST(full),
		TEST(the_end),
		TEST(no_descriptors),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
