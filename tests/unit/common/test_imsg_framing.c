/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Framing: cuts at every byte, every false length, the end of the stream. */

#include "tests/unit/common/test_imsg.h"

static void
test_split_at_every_byte(void **state)
{
	static const size_t sizes[3] = { 5, 0, 40 };
	unsigned char blob[3 * 16 + 45];
	struct imsg imsg;
	struct pair p;
	size_t cut, end, i, got, len = 0, ends[3];

	(void)state;
	for (i = 0; i < 3; i++)
		ends[i] = len += raw_msg(blob + len, (uint32_t)i, 0, sizes[i]);
	assert_int_equal(len, sizeof(blob));
	for (cut = 0; cut <= len; cut++) {
		pair_open(&p);
		got = 0;
		for (end = cut; end <= len; end = end < len ? len : len + 1) {
			size_t from = end == cut ? 0 : cut;

			if (end > from)
				raw_send(p.sv[0], blob + from, end - from);
			assert_int_equal(imsgbuf_read(&p.b), 1);
			while (imsgbuf_get(&p.b, &imsg) == 1) {
				assert_true(got < 3 && end >= ends[got % 3]);
				check_msg(&imsg, (uint32_t)got, sizes[got % 3]);
				imsg_free(&imsg);
				got++;
			}
			/* Nothing is held back. */
			assert_true(got == 3 || end < ends[got % 3]);
			assert_int_equal(imsgbuf_partial(&p.b),
			    end - (got == 0 ? 0 : ends[got - 1]));
		}
		assert_int_equal(got, 3);
		pair_close(&p);
	}
}

static void
test_byte_by_byte(void **state)
{
	unsigned char blob[16 + 9];
	struct imsg imsg;
	struct pair p;
	size_t i, len;

	(void)state;
	pair_open(&p);
	len = raw_msg(blob, 77, 0, 9);
	for (i = 0; i < len; i++) {
		assert_int_equal(imsgbuf_get(&p.b, &imsg), 0);
		assert_int_equal(imsgbuf_partial(&p.b), i);
		raw_send(p.sv[0], blob + i, 1);
		assert_int_equal(imsgbuf_read(&p.b), 1);
	}
	/* A whole message is not a partial one. */
	assert_int_equal(imsgbuf_partial(&p.b), 0);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	check_msg(&imsg, 77, 9);
	imsg_free(&imsg);
	pair_close(&p);
}

/* One header with this length: is the stream dead after it? */
static void
check_dead(uint32_t len, uint32_t max)
{
	unsigned char blob[3 * 16];
	struct imsg_hdr hdr = { .len = len };
	struct imsg imsg;
	struct pair p;
	size_t n;

	pair_open(&p);
	assert_int_equal(imsgbuf_set_maxsize(&p.b, max), 0);
	/* What came before in the same read is not used either. */
	n = raw_msg(blob, 1, 0, 0);
	memcpy(blob + n, &hdr, sizeof(hdr));
	n += sizeof(hdr);
	n += raw_msg(blob + n, 2, 0, 0);
	raw_send(p.sv[0], blob, n);
	assert_fails(imsgbuf_read(&p.b), ERANGE);
	assert_fails(imsgbuf_get(&p.b, &imsg), ERANGE);
	raw_send(p.sv[0], blob, 16);
	assert_fails(imsgbuf_read(&p.b), ERANGE);
	assert_fails(imsgbuf_get(&p.b, &imsg), ERANGE);
	assert_int_equal(imsgbuf_partial(&p.b), 0);
	pair_close(&p);
}

static void
test_false_lengths(void **state)
{
	const uint32_t max = MAX_IMSGSIZE - 16;
	uint32_t len;

	(void)state;
	for (len = 0; len < IMSG_HEADER_SIZE; len++) {
		check_dead(len, max);
		check_dead(len | IMSG_FD_MARK, max);
	}
	check_dead(MAX_IMSGSIZE + 1, max);
	check_dead((MAX_IMSGSIZE + 1) | IMSG_FD_MARK, max);
	check_dead(0x40000000, max);
	check_dead(0x7fffffff, max);
	check_dead(UINT32_MAX, max);
	check_dead(17, 0);
	check_dead(117, 100);
}

/* The header is cut, so that the fault shows only in the second read. */
static void
test_false_length_in_cut_header(void **state)
{
	struct imsg_hdr hdr = { .len = 15 };
	unsigned char raw[16];
	struct pair p;
	size_t cut;

	(void)state;
	memcpy(raw, &hdr, sizeof(raw));
	for (cut = 1; cut < 16; cut++) {
		pair_open(&p);
		raw_send(p.sv[0], raw, cut);
		assert_int_equal(imsgbuf_read(&p.b), 1);
		raw_send(p.sv[0], raw + cut, 16 - cut);
		assert_fails(imsgbuf_read(&p.b), ERANGE);
		pair_close(&p);
	}
}

static void
test_largest_message(void **state)
{
	static unsigned char blob[200016];
	const uint32_t sizes[] = { 0, 1, 100, MAX_IMSGSIZE, 65520, 65521,
		200000 };
	struct imsg imsg;
	struct pair p;
	ssize_t n;
	size_t i, len, off;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pair_open(&p);
		assert_int_equal(imsgbuf_set_maxsize(&p.b, sizes[i]), 0);
		len = raw_msg(blob, 5, 0, sizes[i]);
		for (off = 0; off < len;) {
			n = send(p.sv[0], blob + off, len - off, MSG_NOSIGNAL);
			if (n > 0)
				off += (size_t)n;
			assert_int_equal(imsgbuf_read(&p.b), 1);
		}
		while (imsgbuf_partial(&p.b) != 0)
			assert_int_equal(imsgbuf_read(&p.b), 1);
		assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
		check_msg(&imsg, 5, sizes[i]);
		imsg_free(&imsg);
		pair_close(&p);
	}
}

static void
test_maxsize_refusals(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_fails(imsgbuf_set_maxsize(&p.a, UINT32_MAX), ERANGE);
	assert_fails(imsgbuf_set_maxsize(&p.a, UINT32_MAX - 15), ERANGE);
	assert_fails(imsgbuf_set_maxsize(&p.a, UINT32_MAX - 16), EINVAL);
	assert_fails(imsgbuf_set_maxsize(&p.a, IMSG_FD_MARK), EINVAL);
	assert_fails(imsgbuf_set_maxsize(&p.a, IMSG_FD_MARK - 16), EINVAL);
	assert_int_equal(p.a.maxsize, MAX_IMSGSIZE);
	pair_close(&p);
}

static void
test_end_of_file(void **state)
{
	unsigned char blob[40];
	struct imsg imsg;
	struct pair p;

	(void)state;
	pair_open(&p);
	(void)raw_msg(blob, 1, 0, 24);
	raw_send(p.sv[0], blob, 39);
	assert_int_equal(close(p.sv[0]), 0);
	p.sv[0] = -1;
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(imsgbuf_read(&p.b), 0);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 0);
	assert_int_equal(imsgbuf_partial(&p.b), 39);
	assert_int_equal(imsgbuf_read(&p.b), 0);
	pair_close(&p);
}

/* A peer that never stops, and a caller that does not fetch. */
static void
test_read_is_bounded(void **state)
{
	unsigned char blob[1016];
	struct imsg imsg;
	struct pair p;
	size_t i, got = 0, len = raw_msg(blob, 1, 0, 1000), sent = 0;

	(void)state;
	pair_open(&p);
	while (send(p.sv[0], blob, len, MSG_NOSIGNAL) == (ssize_t)len)
		sent++;
	assert_true(sent * len > IMSG_READSIZE);
	for (i = 0; i < 5; i++)
		assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(p.b.rlen, IMSG_READSIZE);
	while (got < sent) {
		while (imsgbuf_get(&p.b, &imsg) == 1) {
			check_msg(&imsg, 1, 1000);
			imsg_free(&imsg);
			got++;
		}
		assert_int_equal(imsgbuf_read(&p.b), 1);
	}
	assert_int_equal(imsgbuf_partial(&p.b), 0);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_at_every_byte),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_false_lengths),
		cmocka_unit_test(test_false_length_in_cut_header),
		cmocka_unit_test(test_largest_message),
		cmocka_unit_test(test_maxsize_refusals),
		cmocka_unit_test(test_end_of_file),
		cmocka_unit_test(test_read_is_bounded),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
