/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/reader.h"

static void
test_values(void **state)
{
	static const uint8_t b[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct reader r, sub;
	uint8_t v8, dst[2];
	uint16_t v16;
	uint32_t v32;

	(void)state;
	reader_init(&r, b, sizeof(b));
	assert_int_equal(reader_get8(&r, &v8), 0);
	assert_int_equal(v8, 1);
	assert_int_equal(reader_get16(&r, &v16), 0);
	assert_int_equal(v16, 0x0203);
	assert_int_equal(reader_sub(&r, 5, &sub), 0);
	assert_int_equal(reader_left(&r), 1);
	assert_int_equal(reader_left(&sub), 5);
	assert_int_equal(reader_get32(&sub, &v32), 0);
	assert_int_equal(v32, 0x04050607);
	assert_int_equal(reader_get16(&sub, &v16), -1);
	assert_int_equal(reader_get(&sub, dst, 1), 0);
	assert_int_equal(dst[0], 8);
	assert_int_equal(reader_skip(&r, 1), 0);
	assert_int_equal(reader_left(&r), 0);
}

/* One byte short of each: nothing is consumed, nothing is written. */
static void
test_short(void **state)
{
	static const uint8_t b[] = { 1, 2, 3 };
	struct reader r, sub;
	uint8_t v8, dst[4];
	uint16_t v16;
	uint32_t v32;

	(void)state;
	reader_init(&r, b, 0);
	v8 = 0xee;
	assert_int_equal(reader_get8(&r, &v8), -1);
	assert_int_equal(v8, 0xee);
	reader_init(&r, b, 1);
	v16 = 0xeeee;
	assert_int_equal(reader_get16(&r, &v16), -1);
	assert_int_equal(v16, 0xeeee);
	reader_init(&r, b, 3);
	v32 = 0xeeeeeeee;
	assert_int_equal(reader_get32(&r, &v32), -1);
	assert_int_equal(v32, 0xeeeeeeee);
	memset(dst, 0xee, sizeof(dst));
	assert_int_equal(reader_get(&r, dst, 4), -1);
	assert_int_equal(dst[0], 0xee);
	assert_int_equal(reader_skip(&r, 4), -1);
	assert_int_equal(reader_skip(&r, SIZE_MAX), -1);
	assert_int_equal(reader_sub(&r, 4, &sub), -1);
	assert_int_equal(reader_left(&r), 3);
	assert_int_equal(reader_skip(&r, 3), 0);
	assert_int_equal(reader_skip(&r, SIZE_MAX), -1);
	assert_int_equal(reader_skip(&r, 0), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_short),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
