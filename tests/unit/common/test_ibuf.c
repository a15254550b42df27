/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Buffers: bounds, growth, strings, views. */

#include "tests/unit/common/test_imsg.h"

static void
test_open_is_fixed(void **state)
{
	struct ibuf *buf;

	(void)state;
	assert_non_null(buf = ibuf_open(4));
	assert_int_equal(ibuf_left(buf), 4);
	assert_int_equal(ibuf_add(buf, "abc", 3), 0);
	assert_fails(ibuf_add(buf, "de", 2), ERANGE);
	assert_int_equal(ibuf_size(buf), 3);
	assert_int_equal(ibuf_add(buf, "d", 1), 0);
	assert_int_equal(ibuf_left(buf), 0);
	assert_int_equal(ibuf_add(buf, NULL, 0), 0);
	assert_fails(ibuf_add_zero(buf, 1), ERANGE);
	assert_fails(ibuf_add(buf, "x", SIZE_MAX), ERANGE);
	assert_null_errno(ibuf_reserve(buf, SIZE_MAX - 1), ERANGE);
	assert_memory_equal(ibuf_data(buf), "abcd", 4);
	ibuf_free(buf);
	assert_non_null(buf = ibuf_open(0));
	assert_fails(ibuf_add(buf, "x", 1), ERANGE);
	ibuf_free(buf);
	ibuf_free(NULL);
}

static void
test_dynamic_grows(void **state)
{
	struct ibuf *buf;
	unsigned char c;
	size_t i;

	(void)state;
	assert_null_errno(ibuf_dynamic(0, 0), EINVAL);
	assert_null_errno(ibuf_dynamic(5, 4), EINVAL);
	assert_non_null(buf = ibuf_dynamic(0, 1000));
	for (i = 0; i < 1000; i++) {
		c = (unsigned char)i;
		assert_int_equal(ibuf_left(buf), 1000 - i);
		assert_int_equal(ibuf_add(buf, &c, 1), 0);
	}
	assert_fails(ibuf_add(buf, &c, 1), ERANGE);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(ibuf_get(buf, &c, 1), 0);
		assert_int_equal(c, (unsigned char)i);
	}
	assert_fails(ibuf_get(buf, &c, 1), EBADMSG);
	ibuf_free(buf);
}

static void
test_set_maxsize(void **state)
{
	struct ibuf *buf;

	(void)state;
	assert_non_null(buf = ibuf_dynamic(2, 10));
	assert_int_equal(ibuf_add(buf, "abcd", 4), 0);
	assert_fails(ibuf_set_maxsize(buf, 11), ERANGE);
	assert_fails(ibuf_set_maxsize(buf, 3), ERANGE);
	assert_int_equal(ibuf_set_maxsize(buf, 5), 0);
	assert_fails(ibuf_set_maxsize(buf, 6), ERANGE);
	assert_int_equal(ibuf_add(buf, "e", 1), 0);
	assert_fails(ibuf_add(buf, "f", 1), ERANGE);
	ibuf_free(buf);
}

static void
test_seek_and_set(void **state)
{
	struct ibuf *buf;
	char *p;

	(void)state;
	assert_non_null(buf = ibuf_dynamic(0, 10));
	assert_int_equal(ibuf_add(buf, "0123456789", 10), 0);
	assert_int_equal(ibuf_skip(buf, 2), 0);
	assert_non_null(p = ibuf_seek(buf, 0, 8));
	assert_int_equal(*p, '2');
	assert_non_null(ibuf_seek(buf, 8, 0));
	assert_null_errno(ibuf_seek(buf, 0, 9), ERANGE);
	assert_null_errno(ibuf_seek(buf, 9, 0), ERANGE);
	assert_null_errno(ibuf_seek(buf, 1, SIZE_MAX), ERANGE);
	assert_null_errno(ibuf_seek(buf, SIZE_MAX, 1), ERANGE);
	assert_int_equal(ibuf_set(buf, 6, "xy", 2), 0);
	assert_fails(ibuf_set(buf, 7, "zz", 2), ERANGE);
	assert_int_equal(ibuf_set(buf, 8, NULL, 0), 0);
	assert_memory_equal(ibuf_data(buf), "234567xy", 8);
	ibuf_rewind(buf);
	assert_memory_equal(ibuf_data(buf), "01234567xy", 10);
	ibuf_free(buf);
}

static void
test_truncate(void **state)
{
	struct ibuf *buf, view;
	const unsigned char *p;

	(void)state;
	assert_non_null(buf = ibuf_dynamic(0, 8));
	assert_int_equal(ibuf_add(buf, "abcdef", 6), 0);
	assert_int_equal(ibuf_skip(buf, 1), 0);
	p = ibuf_data(buf);
	assert_int_equal(ibuf_truncate(buf, 2), 0);
	assert_int_equal(ibuf_size(buf), 2);
	/* The cut bytes are wiped at once. */
	assert_memory_equal(p, "bc\0\0\0", 5);
	assert_int_equal(ibuf_truncate(buf, 7), 0);
	assert_memory_equal(ibuf_data(buf), "bc\0\0\0\0\0", 7);
	assert_fails(ibuf_truncate(buf, 8), ERANGE);
	assert_int_equal(ibuf_size(buf), 7);
	ibuf_free(buf);

	ibuf_from_buffer(&view, "abc", 3);
	assert_fails(ibuf_truncate(&view, 4), EINVAL);
	assert_int_equal(ibuf_truncate(&view, 1), 0);
	assert_int_equal(ibuf_size(&view), 1);
}

static void
test_get_and_skip(void **state)
{
	struct ibuf view;
	char out[4] = "----";

	(void)state;
	ibuf_from_buffer(&view, "abcd", 4);
	assert_fails(ibuf_get(&view, out, 5), EBADMSG);
	assert_fails(ibuf_get(&view, out, SIZE_MAX), EBADMSG);
	assert_fails(ibuf_skip(&view, 5), EBADMSG);
	assert_memory_equal(out, "----", 4);
	assert_int_equal(ibuf_size(&view), 4);
	assert_int_equal(ibuf_get(&view, out, 3), 0);
	assert_memory_equal(out, "abc-", 4);
	assert_int_equal(ibuf_skip(&view, 1), 0);
	assert_int_equal(ibuf_skip(&view, 0), 0);
	assert_int_equal(ibuf_get(&view, out, 0), 0);
	assert_fails(ibuf_skip(&view, 1), EBADMSG);
	assert_fails(ibuf_skip(&view, SIZE_MAX), EBADMSG);
}

static void
test_add_strbuf(void **state)
{
	struct ibuf *buf;

	(void)state;
	assert_non_null(buf = ibuf_dynamic(0, 8));
	assert_fails(ibuf_add_strbuf(buf, "abcd", 4), EOVERFLOW);
	assert_fails(ibuf_add_strbuf(buf, "", 0), EOVERFLOW);
	assert_fails(ibuf_add_strbuf(buf, "abcd", 9), ERANGE);
	assert_int_equal(ibuf_size(buf), 0);
	assert_int_equal(ibuf_add_strbuf(buf, "abcd", 5), 0);
	assert_int_equal(ibuf_add_strbuf(buf, "", 3), 0);
	assert_memory_equal(ibuf_data(buf), "abcd\0\0\0\0", 8);
	ibuf_free(buf);
}

static void
test_get_strbuf(void **state)
{
	struct ibuf view;
	char out[6];

	(void)state;
	ibuf_from_buffer(&view, "abcd\0xyz", 8);
	memset(out, '-', sizeof(out));
	assert_fails(ibuf_get_strbuf(&view, out, 0), EINVAL);
	assert_fails(ibuf_get_strbuf(&view, out, 9), EBADMSG);
	assert_fails(ibuf_get_strbuf(&view, out, 4), EOVERFLOW);
	assert_memory_equal(out, "------", 6);
	assert_int_equal(ibuf_size(&view), 8);
	/* What the peer put behind the NUL does not come through. */
	assert_int_equal(ibuf_get_strbuf(&view, out, 6), 0);
	assert_memory_equal(out, "abcd\0\0", 6);
	assert_int_equal(ibuf_size(&view), 2);
	assert_fails(ibuf_get_strbuf(&view, out, 2), EOVERFLOW);
	assert_fails(ibuf_get_strbuf(&view, out, 3), EBADMSG);
}

static void
test_get_string(void **state)
{
	struct ibuf view;
	char *str;

	(void)state;
	ibuf_from_buffer(&view, "abc\0d", 5);
	assert_null_errno(ibuf_get_string(&view, 6), EBADMSG);
	assert_non_null(str = ibuf_get_string(&view, 2));
	assert_string_equal(str, "ab");
	free(str);
	assert_non_null(str = ibuf_get_string(&view, 3));
	assert_string_equal(str, "c");
	free(str);
	assert_int_equal(ibuf_size(&view), 0);
	assert_non_null(str = ibuf_get_string(&view, 0));
	assert_string_equal(str, "");
	free(str);
}

static void
test_views(void **state)
{
	static const char text[] = "abcdef";
	struct ibuf *buf, outer, inner;

	(void)state;
	ibuf_from_buffer(&outer, text, 6);
	assert_ptr_equal(ibuf_data(&outer), text);
	assert_int_equal(ibuf_left(&outer), 0);
	assert_fails(ibuf_add(&outer, "x", 1), EINVAL);
	assert_fails(ibuf_add_n8(&outer, 1), EINVAL);
	assert_fails(ibuf_add_strbuf(&outer, "x", 2), EINVAL);
	assert_fails(ibuf_set(&outer, 0, "x", 1), EINVAL);
	assert_fails(ibuf_set_n8(&outer, 0, 1), EINVAL);
	assert_fails(ibuf_set_maxsize(&outer, 1), EINVAL);
	assert_null_errno(ibuf_reserve(&outer, 1), EINVAL);
	assert_null_errno(ibuf_seek(&outer, 0, 1), EINVAL);

	assert_fails(ibuf_get_ibuf(&outer, 7, &inner), EBADMSG);
	assert_int_equal(ibuf_get_ibuf(&outer, 4, &inner), 0);
	assert_fails(ibuf_skip(&inner, 5), EBADMSG);
	assert_int_equal(ibuf_skip(&inner, 3), 0);
	assert_memory_equal(ibuf_data(&inner), "d", 1);
	assert_memory_equal(ibuf_data(&outer), "ef", 2);

	/* Only what is unread is viewed, and added. */
	ibuf_from_ibuf(&inner, &outer);
	assert_int_equal(ibuf_size(&inner), 2);
	assert_non_null(buf = ibuf_dynamic(0, 3));
	assert_int_equal(ibuf_add_ibuf(buf, &inner), 0);
	assert_fails(ibuf_add_ibuf(buf, &inner), ERANGE);
	assert_int_equal(ibuf_size(buf), 2);
	assert_memory_equal(ibuf_data(buf), "ef", 2);
	ibuf_free(buf);

	ibuf_from_buffer(&outer, NULL, 0);
	assert_null(ibuf_data(&outer));
	assert_fails(ibuf_get(&outer, &inner, 1), EBADMSG);
	assert_int_equal(ibuf_get(&outer, &inner, 0), 0);
	assert_int_equal(ibuf_fd_avail(&outer), 0);
	assert_int_equal(ibuf_fd_get(&outer), -1);
}

static void
do_free(void *arg)
{
	ibuf_free(arg);
}

static void
do_fd_set(void *arg)
{
	ibuf_fd_set(arg, 0);
}

static void
test_view_misuse_aborts(void **state)
{
	struct ibuf view;

	(void)state;
	ibuf_from_buffer(&view, "abc", 3);
	assert_true(aborts(do_free, &view));
	assert_true(aborts(do_fd_set, &view));
	/* The control: what is allowed does not. */
	assert_false(aborts(do_free, NULL));
}

static void
test_fd_is_owned(void **state)
{
	struct ibuf *buf;
	int fd, nfds = count_fds();

	(void)state;
	assert_non_null(buf = ibuf_open(1));
	assert_int_equal(ibuf_fd_get(buf), -1);
	ibuf_fd_set(buf, new_fd());
	assert_true(ibuf_fd_avail(buf));
	/* A second one replaces the first. */
	ibuf_fd_set(buf, new_fd());
	assert_int_equal(count_fds(), nfds + 1);
	fd = ibuf_fd_get(buf);
	assert_false(ibuf_fd_avail(buf));
	assert_int_equal(ibuf_fd_get(buf), -1);
	ibuf_fd_set(buf, fd);
	/* A close that fails does not disturb the caller's errno. */
	assert_int_equal(close(fd), 0);
	errno = EPIPE;
	ibuf_free(buf);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(count_fds(), nfds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_is_fixed),
		cmocka_unit_test(test_dynamic_grows),
		cmocka_unit_test(test_set_maxsize),
		cmocka_unit_test(test_seek_and_set),
		cmocka_unit_test(test_truncate),
		cmocka_unit_test(test_get_and_skip),
		cmocka_unit_test(test_add_strbuf),
		cmocka_unit_test(test_get_strbuf),
		cmocka_unit_test(test_get_string),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_view_misuse_aborts),
		cmocka_unit_test(test_fd_is_owned),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
