/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Buffers: integers, their byte order, and the refusal of what does not fit. */

#include "tests/unit/common/test_imsg.h"

struct width {
	const char *name;
	size_t size;
	uint64_t max;
	int net;
	int (*add)(struct ibuf *, uint64_t);
	int (*set)(struct ibuf *, size_t, uint64_t);
};

static const struct width widths[] = {
	{ "n8", 1, UINT8_MAX, 1, ibuf_add_n8, ibuf_set_n8 },
	{ "n16", 2, UINT16_MAX, 1, ibuf_add_n16, ibuf_set_n16 },
	{ "n32", 4, UINT32_MAX, 1, ibuf_add_n32, ibuf_set_n32 },
	{ "n64", 8, UINT64_MAX, 1, ibuf_add_n64, ibuf_set_n64 },
	{ "h16", 2, UINT16_MAX, 0, ibuf_add_h16, ibuf_set_h16 },
	{ "h32", 4, UINT32_MAX, 0, ibuf_add_h32, ibuf_set_h32 },
	{ "h64", 8, UINT64_MAX, 0, ibuf_add_h64, ibuf_set_h64 },
};

/* The bytes of value as they must lie in the buffer. */
static void
expect_bytes(const struct width *w, uint64_t value, unsigned char *out)
{
	uint16_t v16 = (uint16_t)value;
	uint32_t v32 = (uint32_t)value;
	size_t i;

	if (!w->net) {
		memcpy(out,
		    w->size == 2       ? (const void *)&v16
			: w->size == 4 ? (const void *)&v32
				       : (const void *)&value,
		    w->size);
		return;
	}
	for (i = 0; i < w->size; i++)
		out[i] = (unsigned char)(value >> (8 * (w->size - 1 - i)));
}

static void
test_add(void **state)
{
	static const uint64_t values[] = { 0, 1, 0x7f, 0xff, 0x1234, 0xffff,
		0x12345678, UINT32_MAX, 0x123456789abcdef0, UINT64_MAX };
	const struct width *w;
	unsigned char want[8];
	struct ibuf *buf;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		w = &widths[i];
		for (j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
			assert_non_null(buf = ibuf_open(w->size));
			if (values[j] > w->max) {
				assert_fails(w->add(buf, values[j]), EINVAL);
				assert_int_equal(ibuf_size(buf), 0);
			} else {
				assert_int_equal(w->add(buf, values[j]), 0);
				assert_int_equal(ibuf_size(buf), w->size);
				expect_bytes(w, values[j], want);
				assert_memory_equal(
				    ibuf_data(buf), want, w->size);
				assert_fails(w->add(buf, 0), ERANGE);
			}
			ibuf_free(buf);
		}
		if (w->max != UINT64_MAX) {
			assert_non_null(buf = ibuf_open(w->size));
			assert_fails(w->add(buf, w->max + 1), EINVAL);
			/* What an int of -1 becomes. */
			assert_fails(w->add(buf, (uint64_t)-1), EINVAL);
			assert_int_equal(w->add(buf, w->max), 0);
			ibuf_free(buf);
		}
	}
}

static void
test_set(void **state)
{
	const struct width *w;
	unsigned char want[12];
	struct ibuf *buf;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		w = &widths[i];
		assert_non_null(buf = ibuf_open(12));
		assert_int_equal(ibuf_add_zero(buf, w->size + 3), 0);
		assert_int_equal(ibuf_skip(buf, 1), 0);
		assert_int_equal(w->set(buf, 1, w->max / 3), 0);
		memset(want, 0, sizeof(want));
		expect_bytes(w, w->max / 3, want + 2);
		ibuf_rewind(buf);
		assert_int_equal(ibuf_size(buf), w->size + 3);
		assert_memory_equal(ibuf_data(buf), want, w->size + 3);
		assert_int_equal(w->set(buf, 3, w->max), 0);
		assert_fails(w->set(buf, 4, 0), ERANGE);
		assert_fails(w->set(buf, SIZE_MAX, 0), ERANGE);
		if (w->max != UINT64_MAX)
			assert_fails(w->set(buf, 0, w->max + 1), EINVAL);
		ibuf_free(buf);
	}
}

/* Read with each getter: one byte short, exact, one byte more. */
#define TEST_GET(name, type, value)                                \
	do {                                                       \
		type v = (type)0xa5a5a5a5a5a5a5a5;                 \
		struct ibuf view;                                  \
		ibuf_from_buffer(&view, bytes, sizeof(v) - 1);     \
		assert_fails(ibuf_get_##name(&view, &v), EBADMSG); \
		/* Neither read, nor swapped. */                   \
		assert_true(v == (type)0xa5a5a5a5a5a5a5a5);        \
		assert_int_equal(ibuf_size(&view), sizeof(v) - 1); \
		ibuf_from_buffer(&view, bytes, sizeof(v));         \
		assert_int_equal(ibuf_get_##name(&view, &v), 0);   \
		assert_true(v == (value));                         \
		assert_int_equal(ibuf_size(&view), 0);             \
		ibuf_from_buffer(&view, bytes, sizeof(v) + 1);     \
		assert_int_equal(ibuf_get_##name(&view, &v), 0);   \
		assert_true(v == (value));                         \
		assert_int_equal(ibuf_size(&view), 1);             \
	} while (0)

static void
test_get(void **state)
{
	static const unsigned char bytes[9] = { 0x12, 0x34, 0x56, 0x78, 0x9a,
		0xbc, 0xde, 0xf1, 0 };
	uint64_t h64;
	uint32_t h32;
	uint16_t h16;

	(void)state;
	memcpy(&h16, bytes, sizeof(h16));
	memcpy(&h32, bytes, sizeof(h32));
	memcpy(&h64, bytes, sizeof(h64));
	TEST_GET(n8, uint8_t, 0x12);
	TEST_GET(n16, uint16_t, 0x1234);
	TEST_GET(n32, uint32_t, 0x12345678);
	TEST_GET(n64, uint64_t, 0x123456789abcdef1);
	TEST_GET(h16, uint16_t, h16);
	TEST_GET(h32, uint32_t, h32);
	TEST_GET(h64, uint64_t, h64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_get),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
