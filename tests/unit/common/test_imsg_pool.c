/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Pools: exhaustion, return, wiping. */

#include "tests/unit/common/test_imsg.h"

static void
test_pool(void **state)
{
	struct ibuf_pool *pool;
	struct ibuf *bufs[3], *buf;
	const unsigned char *p;
	size_t i, j;

	(void)state;
	assert_null_errno(ibuf_pool_new(0, 10), EINVAL);
	assert_null_errno(ibuf_pool_new(10, 0), EINVAL);
	assert_null_errno(ibuf_pool_new(SIZE_MAX / 2, 1), ENOMEM);
	assert_null_errno(ibuf_pool_new(2, SIZE_MAX / 2 + 1), ENOMEM);
	ibuf_pool_free(NULL);

	assert_non_null(pool = ibuf_pool_new(3, 40));
	assert_int_equal(ibuf_pool_bufsize(pool), 40);
	for (i = 0; i < 3; i++) {
		assert_int_equal(ibuf_pool_avail(pool), 3 - i);
		assert_non_null(bufs[i] = ibuf_pool_get(pool));
		assert_int_equal(ibuf_size(bufs[i]), 0);
		for (j = 0; j < 40; j++)
			assert_int_equal(ibuf_add_n8(bufs[i], i + 1), 0);
		assert_fails(ibuf_add_n8(bufs[i], 0), ERANGE);
	}
	assert_null_errno(ibuf_pool_get(pool), ENOBUFS);
	/* They do not overlap. */
	for (i = 0; i < 3; i++) {
		p = ibuf_data(bufs[i]);
		for (j = 0; j < 40; j++)
			assert_int_equal(p[j], i + 1);
	}
	errno = EPIPE;
	ibuf_free(bufs[1]);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(ibuf_pool_avail(pool), 1);
	/* A lower limit does not stay with the buffer. */
	assert_non_null(buf = ibuf_pool_get(pool));
	assert_int_equal(ibuf_set_maxsize(buf, 1), 0);
	ibuf_free(buf);
	assert_non_null(buf = ibuf_pool_get(pool));
	assert_int_equal(ibuf_left(buf), 40);
	ibuf_free(buf);
	ibuf_free(bufs[0]);
	ibuf_free(bufs[2]);
	ibuf_pool_free(pool);
}

static void
test_pool_wipes(void **state)
{
	static const unsigned char zeros[64];
	struct ibuf_pool *pool;
	struct ibuf *buf;
	const unsigned char *p;
	char *q;

	(void)state;
	assert_non_null(pool = ibuf_pool_new(1, 64));
	assert_non_null(buf = ibuf_pool_get(pool));
	p = ibuf_data(buf);
	assert_int_equal(ibuf_add(buf, "some secret text", 16), 0);
	assert_non_null(q = ibuf_reserve(buf, 8));
	memset(q, 'x', 8);
	assert_int_equal(ibuf_add_strbuf(buf, "more", 40), 0);
	/* Read or cut, it is wiped all the same. */
	assert_int_equal(ibuf_skip(buf, 10), 0);
	assert_int_equal(ibuf_truncate(buf, 1), 0);
	ibuf_fd_set(buf, new_fd());
	ibuf_free(buf);
	assert_memory_equal(p, zeros, 64);
	assert_non_null(buf = ibuf_pool_get(pool));
	assert_ptr_equal(ibuf_data(buf), p);
	assert_int_equal(ibuf_fd_avail(buf), 0);
	ibuf_free(buf);
	ibuf_pool_free(pool);
}

static void
do_free_twice(void *arg)
{
	struct ibuf *buf = ibuf_pool_get(arg);

	ibuf_free(buf);
	ibuf_free(buf);
}

static void
do_free_pool(void *arg)
{
	(void)ibuf_pool_get(arg);
	ibuf_pool_free(arg);
}

static void
test_pool_misuse_aborts(void **state)
{
	struct ibuf_pool *pool;

	(void)state;
	assert_non_null(pool = ibuf_pool_new(2, 64));
	assert_true(aborts(do_free_twice, pool));
	assert_true(aborts(do_free_pool, pool));
	ibuf_pool_free(pool);
}

static void
test_set_pool_refusals(void **state)
{
	struct ibuf_pool *pool, *tiny;
	struct imsg imsg;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_non_null(pool = ibuf_pool_new(2, MAX_IMSGSIZE));
	assert_non_null(tiny = ibuf_pool_new(2, IMSG_HEADER_SIZE - 1));
	assert_fails(imsgbuf_set_pool(&p.a, NULL, tiny), EINVAL);
	assert_fails(imsgbuf_set_pool(&p.a, tiny, NULL), EINVAL);
	assert_int_equal(imsgbuf_set_pool(&p.a, pool, pool), 0);
	assert_fails(imsgbuf_set_maxsize(&p.a, MAX_IMSGSIZE - 15), EINVAL);
	assert_int_equal(imsgbuf_set_maxsize(&p.a, MAX_IMSGSIZE - 16), 0);
	assert_int_equal(imsg_compose(&p.a, 1, 0, 0, -1, "a", 1), 1);
	assert_fails(imsgbuf_set_pool(&p.a, NULL, NULL), EBUSY);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_fails(imsgbuf_set_pool(&p.b, pool, pool), EBUSY);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	imsg_free(&imsg);
	pair_close(&p);
	ibuf_pool_free(pool);
	ibuf_pool_free(tiny);
}

static void
test_sending_pool_runs_out(void **state)
{
	static char big[200];
	struct ibuf_pool *pool;
	struct ibuf *msg;
	struct pair p;
	int fd;

	(void)state;
	pair_open(&p);
	imsgbuf_allow_fdpass(&p.a);
	assert_non_null(pool = ibuf_pool_new(2, 100));
	assert_int_equal(imsgbuf_set_pool(&p.a, pool, NULL), 0);
	assert_fails(imsg_compose(&p.a, 1, 0, 0, -1, big, 85), ERANGE);
	assert_null_errno(imsg_create(&p.a, 1, 0, 0, 85), ERANGE);
	assert_int_equal(ibuf_pool_avail(pool), 2);
	assert_int_equal(imsg_compose(&p.a, 1, 0, 0, -1, big, 84), 1);
	assert_non_null(msg = imsg_create(&p.a, 2, 0, 0, 0));
	assert_int_equal(ibuf_left(msg), 84);
	assert_int_equal(ibuf_pool_avail(pool), 0);
	fd = new_fd();
	assert_fails(imsg_compose(&p.a, 3, 0, 0, fd, NULL, 0), ENOBUFS);
	assert_true(is_open(fd));
	assert_int_equal(close(fd), 0);
	assert_null_errno(imsg_create(&p.a, 3, 0, 0, 0), ENOBUFS);
	assert_fails(imsg_compose_ibuf(&p.a, 3, 0, 0, ibuf_open(3)), ENOBUFS);
	/* Consumed, into the pool: */
	assert_fails(imsg_compose_ibuf(&p.a, 3, 0, 0, msg), ENOBUFS);
	assert_int_equal(ibuf_pool_avail(pool), 1);
	assert_int_equal(imsgbuf_queuelen(&p.a), 1);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(ibuf_pool_avail(pool), 2);
	/* The limit of the connection holds in a larger buffer too. */
	assert_int_equal(imsgbuf_set_maxsize(&p.a, 10), 0);
	assert_non_null(msg = imsg_create(&p.a, 2, 0, 0, 10));
	assert_int_equal(ibuf_add_zero(msg, 10), 0);
	assert_fails(imsg_add(msg, big, 1), ERANGE);
	assert_int_equal(ibuf_pool_avail(pool), 2);
	assert_int_equal(imsg_compose(&p.a, 1, 0, 0, -1, big, 10), 1);
	imsgbuf_clear(&p.a);
	assert_int_equal(ibuf_pool_avail(pool), 2);
	pair_close(&p);
	ibuf_pool_free(pool);
}

static void
test_receiving_pool_runs_out(void **state)
{
	struct ibuf_pool *pool;
	struct imsg imsgs[3];
	struct pair p;
	uint32_t i;

	(void)state;
	pair_open(&p);
	imsgbuf_allow_fdpass(&p.a);
	imsgbuf_allow_fdpass(&p.b);
	assert_non_null(pool = ibuf_pool_new(2, 64));
	assert_int_equal(imsgbuf_set_maxsize(&p.b, 48), 0);
	assert_int_equal(imsgbuf_set_pool(&p.b, NULL, pool), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(imsg_compose(&p.a, i, 0, 0,
				     i == 2 ? new_fd() : -1, &i, sizeof(i)),
		    1);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(imsgbuf_get(&p.b, &imsgs[0]), 1);
	assert_int_equal(imsgbuf_get(&p.b, &imsgs[1]), 1);
	for (i = 0; i < 3; i++) {
		assert_int_equal(imsgbuf_read(&p.b), 1);
		assert_fails(imsgbuf_get(&p.b, &imsgs[2]), ENOBUFS);
	}
	imsg_free(&imsgs[0]);
	assert_int_equal(imsgbuf_get(&p.b, &imsgs[2]), 1);
	assert_int_equal(imsg_get_type(&imsgs[2]), 2);
	assert_true(ibuf_fd_avail(imsgs[2].buf));
	assert_int_equal(imsg_get_data(&imsgs[2], &i, sizeof(i)), 0);
	assert_int_equal(i, 2);
	assert_int_equal(imsg_get_type(&imsgs[1]), 1);
	imsg_free(&imsgs[1]);
	imsg_free(&imsgs[2]);
	assert_int_equal(imsgbuf_get(&p.b, &imsgs[2]), 0);
	assert_int_equal(ibuf_pool_avail(pool), 2);
	pair_close(&p);
	ibuf_pool_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_pool_wipes),
		cmocka_unit_test(test_pool_misuse_aborts),
		cmocka_unit_test(test_set_pool_refusals),
		cmocka_unit_test(test_sending_pool_runs_out),
		cmocka_unit_test(test_receiving_pool_runs_out),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
