/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Messages: composing, framing, fetching. */

#include "tests/unit/common/test_imsg.h"

/* Move all that p->a queued to p->b. */
static void
transfer(struct pair *p)
{
	assert_int_equal(imsgbuf_write(&p->a), 0);
	assert_int_equal(imsgbuf_queuelen(&p->a), 0);
	assert_int_equal(imsgbuf_read(&p->b), 1);
}

static void
test_compose_and_get(void **state)
{
	struct iovec iov[3];
	struct imsg imsg;
	struct pair p;
	char one[] = "ab", two[] = "cde";

	(void)state;
	pair_open(&p);
	iov[0] = (struct iovec){ one, 2 };
	iov[1] = (struct iovec){ NULL, 0 };
	iov[2] = (struct iovec){ two, 3 };
	assert_int_equal(imsg_compose(&p.a, 1, 2, 3, -1, "xyz", 3), 1);
	assert_int_equal(imsg_compose(&p.a, 4, 5, 0, -1, NULL, 0), 1);
	assert_int_equal(imsg_composev(&p.a, 6, 7, 0, -1, iov, 3), 1);
	assert_int_equal(imsgbuf_queuelen(&p.a), 3);
	transfer(&p);

	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 1);
	assert_int_equal(imsg_get_id(&imsg), 2);
	assert_int_equal(imsg_get_pid(&imsg), 3);
	assert_int_equal(imsg_get_len(&imsg), 3);
	assert_int_equal(imsg_get_fd(&imsg), -1);
	assert_memory_equal(imsg.data, "xyz", 3);
	imsg_free(&imsg);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_pid(&imsg), getpid());
	assert_int_equal(imsg_get_len(&imsg), 0);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_len(&imsg), 5);
	assert_memory_equal(imsg.data, "abcde", 5);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	pair_close(&p);
}

static void
test_compose_limits(void **state)
{
	static char big[MAX_IMSGSIZE + 1];
	const size_t most = MAX_IMSGSIZE - IMSG_HEADER_SIZE;
	struct iovec iov[2] = { { big, most }, { big, 1 } };
	struct iovec huge[2] = { { big, 1 }, { big, SIZE_MAX } };
	struct imsg imsg;
	struct ibuf *msg;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_fails(imsg_compose(&p.a, 1, 0, 0, -1, big, most + 1), ERANGE);
	assert_fails(imsg_compose(&p.a, 1, 0, 0, -1, big, SIZE_MAX), ERANGE);
	assert_fails(imsg_composev(&p.a, 1, 0, 0, -1, iov, 2), ERANGE);
	assert_fails(imsg_composev(&p.a, 1, 0, 0, -1, huge, 2), ERANGE);
	assert_fails(imsg_composev(&p.a, 1, 0, 0, -1, iov, -1), EINVAL);
	assert_null_errno(imsg_create(&p.a, 1, 0, 0, most + 1), ERANGE);
	assert_null_errno(imsg_create(&p.a, 1, 0, 0, SIZE_MAX - 3), ERANGE);
	assert_int_equal(imsgbuf_queuelen(&p.a), 0);
	assert_int_equal(imsg_composev(&p.a, 1, 0, 0, -1, iov, 1), 1);

	/* Growing stops at the limit; imsg_add frees, ibuf_add does not. */
	assert_non_null(msg = imsg_create(&p.a, 2, 0, 0, 0));
	assert_int_equal(imsg_add(msg, big, most), most);
	assert_fails(ibuf_add(msg, "x", 1), ERANGE);
	assert_int_equal(ibuf_size(msg), MAX_IMSGSIZE);
	assert_fails(imsg_add(msg, "x", 1), ERANGE);

	assert_non_null(msg = imsg_create(&p.a, 3, 0, 0, 0));
	assert_fails(imsg_set_maxsize(msg, most + 1), ERANGE);
	assert_fails(imsg_set_maxsize(msg, SIZE_MAX), ERANGE);
	assert_int_equal(imsg_set_maxsize(msg, 2), 0);
	assert_int_equal(imsg_add(msg, "ab", 2), 2);
	assert_fails(ibuf_add_n8(msg, 1), ERANGE);
	imsg_close(&p.a, msg);
	transfer(&p);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_len(&imsg), most);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 3);
	assert_int_equal(imsg_get_len(&imsg), 2);
	imsg_free(&imsg);
	pair_close(&p);
}

static void
test_compose_ibuf(void **state)
{
	struct imsg imsg;
	struct ibuf *buf;
	struct pair p;
	char out[3];

	(void)state;
	pair_open(&p);
	assert_non_null(buf = ibuf_dynamic(0, 8));
	assert_int_equal(ibuf_add(buf, "abcdef", 6), 0);
	assert_int_equal(ibuf_skip(buf, 3), 0);
	assert_int_equal(imsg_compose_ibuf(&p.a, 1, 2, 3, buf), 1);
	assert_int_equal(imsgbuf_queuelen(&p.a), 2);
	assert_non_null(buf = ibuf_open(0));
	assert_int_equal(imsg_compose_ibuf(&p.a, 2, 0, 0, buf), 1);
	assert_int_equal(imsgbuf_queuelen(&p.a), 3);
	/* Consumed in the error case too: the sanitizer sees to that. */
	assert_non_null(buf = ibuf_open(MAX_IMSGSIZE));
	assert_int_equal(ibuf_add_zero(buf, MAX_IMSGSIZE - 15), 0);
	assert_fails(imsg_compose_ibuf(&p.a, 3, 0, 0, buf), ERANGE);
	assert_non_null(buf = ibuf_open(1));
	ibuf_fd_set(buf, new_fd());
	assert_fails(imsg_compose_ibuf(&p.a, 4, 0, 0, buf), EINVAL);
	transfer(&p);

	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 1);
	assert_int_equal(imsg_get_data(&imsg, out, 3), 0);
	assert_memory_equal(out, "def", 3);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 2);
	assert_int_equal(imsg_get_len(&imsg), 0);
	imsg_free(&imsg);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 0);
	pair_close(&p);
}

static void
do_compose_view(void *arg)
{
	struct ibuf view;

	ibuf_from_buffer(&view, "abc", 3);
	(void)imsg_compose_ibuf(arg, 1, 0, 0, &view);
}

static void
do_close_view(void *arg)
{
	struct ibuf view;

	ibuf_from_buffer(&view, "0123456789abcdef", 16);
	imsg_close(arg, &view);
}

static void
test_queueing_a_view_aborts(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_true(aborts(do_compose_view, &p.a));
	assert_true(aborts(do_close_view, &p.a));
	pair_close(&p);
}

static void
test_getters(void **state)
{
	struct imsg imsg;
	struct ibuf view;
	struct pair p;
	char out[8];
	size_t i;

	(void)state;
	pair_open(&p);
	for (i = 0; i < 3; i++)
		assert_int_equal(
		    imsg_compose(&p.a, 1, 0, 0, -1, "abc\0xyz", 7), 1);
	transfer(&p);

	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_fails(imsg_get_data(&imsg, out, 0), EINVAL);
	assert_fails(imsg_get_data(&imsg, out, 6), EBADMSG);
	assert_fails(imsg_get_data(&imsg, out, 8), EBADMSG);
	assert_int_equal(imsg_get_data(&imsg, out, 7), 0);
	assert_memory_equal(out, "abc\0xyz", 7);
	assert_int_equal(imsg_get_len(&imsg), 0);
	assert_fails(imsg_get_data(&imsg, out, 7), EBADMSG);
	assert_fails(imsg_get_ibuf(&imsg, &view), EBADMSG);
	imsg_free(&imsg);

	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_fails(imsg_get_buf(&imsg, out, 8), EBADMSG);
	assert_fails(imsg_get_strbuf(&imsg, out, 3), EOVERFLOW);
	assert_int_equal(imsg_get_buf(&imsg, out, 1), 0);
	assert_int_equal(imsg_get_len(&imsg), 6);
	assert_int_equal(imsg_get_strbuf(&imsg, out, 3), 0);
	assert_memory_equal(out, "bc\0", 3);
	assert_fails(imsg_get_strbuf(&imsg, out, 3), EOVERFLOW);
	assert_int_equal(imsg_get_buf(&imsg, out, 3), 0);
	assert_fails(imsg_get_buf(&imsg, out, 1), EBADMSG);
	imsg_free(&imsg);

	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_buf(&imsg, out, 4), 0);
	assert_int_equal(imsg_get_ibuf(&imsg, &view), 0);
	assert_int_equal(ibuf_size(&view), 3);
	assert_memory_equal(ibuf_data(&view), "xyz", 3);
	assert_int_equal(imsg_get_len(&imsg), 0);
	imsg_free(&imsg);
	pair_close(&p);
}

static void
test_forward(void **state)
{
	struct imsg imsg;
	struct pair p;
	char out[6];

	(void)state;
	pair_open(&p);
	imsgbuf_allow_fdpass(&p.a);
	imsgbuf_allow_fdpass(&p.b);
	assert_int_equal(imsg_compose(&p.a, 9, 8, 7, new_fd(), "abcdef", 6), 1);
	transfer(&p);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_buf(&imsg, out, 4), 0);
	assert_int_equal(imsg_forward(&p.a, &imsg), 1);
	/* It still has its descriptor, the forwarded one has none. */
	assert_true(ibuf_fd_avail(imsg.buf));
	imsg_free(&imsg);
	transfer(&p);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), 9);
	assert_int_equal(imsg_get_id(&imsg), 8);
	assert_int_equal(imsg_get_pid(&imsg), 7);
	assert_int_equal(imsg_get_fd(&imsg), -1);
	assert_int_equal(imsg_get_data(&imsg, out, 6), 0);
	assert_memory_equal(out, "abcdef", 6);
	imsg_free(&imsg);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compose_and_get),
		cmocka_unit_test(test_compose_limits),
		cmocka_unit_test(test_compose_ibuf),
		cmocka_unit_test(test_queueing_a_view_aborts),
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_forward),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
