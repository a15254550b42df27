/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Damaged streams never harm, and random sound ones come through whole. */

#include "tests/unit/common/test_imsg.h"

#define MAXPAYLOAD 64

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (*seed);
}

static uint32_t
below(uint64_t *seed, uint32_t n)
{
	return ((uint32_t)(next_random(seed) % n));
}

/* Three sound messages, the second one marked. */
static size_t
make_blob(unsigned char *blob)
{
	size_t len;

	len = raw_msg(blob, 1, 0, 10);
	len += raw_msg(blob + len, 2, IMSG_FD_MARK, 0);
	return (len + raw_msg(blob + len, 3, 0, 23));
}

/* Take all there is; returns the number of messages, in *error what ended it.
 */
static size_t
drain(struct imsgbuf *ib, int *error)
{
	struct imsg imsg;
	size_t n = 0;
	int rv;

	*error = 0;
	for (;;) {
		if ((rv = imsgbuf_read(ib)) == -1)
			*error = errno;
		if (rv != 1)
			return (n);
		if (ib->rlen == 0)
			return (n);
		while ((rv = imsgbuf_get(ib, &imsg)) == 1) {
			assert_true(imsg_get_len(&imsg) <= MAXPAYLOAD);
			assert_int_equal(imsg.hdr.len,
			    imsg_get_len(&imsg) + IMSG_HEADER_SIZE);
			imsg_free(&imsg);
			n++;
		}
		assert_int_equal(rv, 0);
	}
}

/* A stream to its end, with a descriptor at its start if fd is not -1. */
static size_t
feed(unsigned char *blob, size_t len, int fd, int *error, size_t *partial)
{
	struct pair p;
	size_t n;

	pair_open(&p);
	imsgbuf_allow_fdpass(&p.b);
	assert_int_equal(imsgbuf_set_maxsize(&p.b, MAXPAYLOAD), 0);
	if (fd != -1 && len > 0)
		raw_send_fds(p.sv[0], blob, len, &fd, 1);
	else if (len > 0)
		raw_send(p.sv[0], blob, len);
	assert_int_equal(close(p.sv[0]), 0);
	p.sv[0] = -1;
	n = drain(&p.b, error);
	*partial = imsgbuf_partial(&p.b);
	pair_close(&p);
	return (n);
}

static void
test_every_bit_flip(void **state)
{
	unsigned char blob[128];
	size_t bit, len = make_blob(blob), n, partial, dead = 0, whole = 0;
	int error, fd = new_fd();

	(void)state;
	for (bit = 0; bit < 8 * len; bit++) {
		blob[bit / 8] ^= (unsigned char)(1U << bit % 8);
		n = feed(blob, len, bit % 2 ? fd : -1, &error, &partial);
		blob[bit / 8] ^= (unsigned char)(1U << bit % 8);
		assert_true(error == 0 || error == ERANGE);
		assert_true(n <= 5);
		dead += error != 0;
		whole += n == 3 && error == 0 && partial == 0;
	}
	assert_int_equal(close(fd), 0);
	/* All but those in the three lengths, and there the marks, are whole.
	 */
	assert_true(whole >= 8 * len - 93);
	assert_in_range(dead, 3 * 24, 3 * 31);
}

static void
test_every_truncation(void **state)
{
	unsigned char blob[128];
	size_t cut, len = make_blob(blob), want, left, partial;
	int error, fd = new_fd();

	(void)state;
	for (cut = 0; cut <= len; cut++) {
		want = (cut >= 26) + (cut >= 42) + (cut >= len);
		left = cut -
		    (want == 0          ? 0
			    : want == 1 ? 26
			    : want == 2 ? 42
					: len);
		assert_int_equal(
		    feed(blob, cut, cut % 2 ? fd : -1, &error, &partial), want);
		assert_int_equal(error, 0);
		assert_int_equal(partial, left);
	}
	assert_int_equal(close(fd), 0);
}

/* Random damage, random cuts, random descriptors. */
static void
test_random_streams(void **state)
{
	unsigned char blob[128];
	uint64_t seed = 0x7574757264ULL;
	size_t len, off, n;
	struct pair p;
	uint32_t i, hits;
	int error, fd = new_fd();

	(void)state;
	for (i = 0; i < 3000; i++) {
		len = make_blob(blob);
		for (hits = below(&seed, 4); hits > 0; hits--)
			blob[below(&seed, (uint32_t)len)] =
			    (unsigned char)next_random(&seed);
		pair_open(&p);
		imsgbuf_allow_fdpass(&p.b);
		assert_int_equal(imsgbuf_set_maxsize(&p.b, MAXPAYLOAD), 0);
		for (off = 0, error = 0; off < len && error == 0; off += n) {
			n = 1 + below(&seed, (uint32_t)(len - off));
			if (below(&seed, 3) == 0)
				raw_send_fds(p.sv[0], blob + off, n, &fd, 1);
			else
				raw_send(p.sv[0], blob + off, n);
			if (below(&seed, 2) != 0)
				continue;
			if (imsgbuf_read(&p.b) == -1)
				error = errno;
		}
		assert_int_equal(close(p.sv[0]), 0);
		p.sv[0] = -1;
		(void)drain(&p.b, &error);
		assert_true(error == 0 || error == ERANGE || error == EBADMSG);
		pair_close(&p);
	}
	assert_int_equal(close(fd), 0);
}

/* The number n decides all of a message: its length, bytes, descriptor. */
static size_t
nth_len(uint32_t n)
{
	return (n % 13 == 0 ? MAX_IMSGSIZE - 16 - n % 7 : (n * 37) % 301);
}

static int
nth_fd(uint32_t n)
{
	return (n % 5 == 2);
}

static void
queue_nth(struct imsgbuf *ib, uint32_t n)
{
	static unsigned char payload[MAX_IMSGSIZE];
	size_t i, len = nth_len(n);
	struct iovec iov[2] = { { payload, len / 3 },
		{ payload + len / 3, len - len / 3 } };
	struct ibuf *buf;
	int fd = nth_fd(n) ? new_fd() : -1;

	for (i = 0; i < len; i++)
		payload[i] = (unsigned char)(n + i);
	if (fd == -1 && n % 3 == 0) {
		assert_non_null(buf = ibuf_open(len));
		assert_int_equal(ibuf_add(buf, payload, len), 0);
		assert_int_equal(imsg_compose_ibuf(ib, n, ~n, 0, buf), 1);
	} else if (n % 3 == 1)
		assert_int_equal(imsg_composev(ib, n, ~n, 0, fd, iov, 2), 1);
	else
		assert_int_equal(
		    imsg_compose(ib, n, ~n, 0, fd, payload, len), 1);
}

static void
check_nth(struct imsg *imsg, uint32_t n)
{
	const unsigned char *p = imsg->data;
	size_t i;
	int fd;

	assert_int_equal(imsg_get_type(imsg), n);
	assert_int_equal(imsg_get_id(imsg), ~n);
	assert_int_equal(imsg_get_len(imsg), nth_len(n));
	for (i = 0; i < nth_len(n); i++)
		if (p[i] != (unsigned char)(n + i))
			fail();
	if (n % 2 == 0)
		return;
	fd = imsg_get_fd(imsg);
	assert_int_equal(fd != -1, nth_fd(n));
	if (fd != -1)
		assert_int_equal(close(fd), 0);
}

/*
 * Sending, receiving and fetching in random order, with a receiving pool that
 * is often empty: all come, in order, with their own descriptors.
 */
static void
test_random_round_trip(void **state)
{
	uint64_t seed = 0x696d7367ULL;
	struct ibuf_pool *pool;
	struct imsg held[4], imsg;
	struct pair p;
	uint32_t sent = 0, got = 0, nheld = 0, empty = 0;
	int rv;

	(void)state;
	pair_open(&p);
	imsgbuf_allow_fdpass(&p.a);
	imsgbuf_allow_fdpass(&p.b);
	assert_non_null(pool = ibuf_pool_new(4, MAX_IMSGSIZE));
	assert_int_equal(imsgbuf_set_pool(&p.b, NULL, pool), 0);
	while (got < 4000) {
		switch (below(&seed, 5)) {
		case 0:
			if (sent < 4000 && imsgbuf_queuelen(&p.a) < 200)
				queue_nth(&p.a, sent++);
			break;
		case 1:
			assert_int_equal(imsgbuf_write(&p.a), 0);
			break;
		case 2:
			assert_int_equal(imsgbuf_read(&p.b), 1);
			break;
		case 3:
			if ((rv = imsgbuf_get(&p.b, &imsg)) == 1) {
				check_nth(&imsg, got++);
				held[nheld++] = imsg;
			} else if (rv == -1) {
				assert_int_equal(errno, ENOBUFS);
				assert_int_equal(nheld, 4);
				empty++;
			}
			break;
		default:
			if (nheld > 0)
				imsg_free(&held[--nheld]);
			break;
		}
	}
	while (nheld > 0)
		imsg_free(&held[--nheld]);
	assert_int_equal(sent, 4000);
	assert_true(empty > 0);
	assert_int_equal(imsgbuf_partial(&p.b), 0);
	pair_close(&p);
	ibuf_pool_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bit_flip),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_random_streams),
		cmocka_unit_test(test_random_round_trip),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
