/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/log.h"

static void
vis_every_byte(void **state)
{
	char dst[8], want[8];
	unsigned char c;
	size_t n;
	int i;

	(void)state;
	for (i = 0; i <= UINT8_MAX; i++) {
		c = (unsigned char)i;
		if (c == '\\')
			snprintf(want, sizeof(want), "\\\\");
		else if (c >= 0x20 && c <= 0x7e)
			snprintf(want, sizeof(want), "%c", c);
		else
			snprintf(want, sizeof(want), "\\x%02x", c);
		n = vis_line(dst, sizeof(dst), &c, 1);
		assert_string_equal(dst, want);
		assert_int_equal(n, strlen(want));
	}
}

static void
vis_embedded_nul(void **state)
{
	static const char src[] = { 'a', '\0', 'b' };
	char dst[16];

	(void)state;
	assert_int_equal(vis_line(dst, sizeof(dst), src, sizeof(src)), 6);
	assert_string_equal(dst, "a\\x00b");
}

static void
vis_nothing(void **state)
{
	char dst[4] = "xyz";

	(void)state;
	assert_int_equal(vis_line(dst, 0, "abc", 3), 0);
	assert_string_equal(dst, "xyz");
	assert_int_equal(vis_line(dst, sizeof(dst), "", 0), 0);
	assert_string_equal(dst, "");
	memset(dst, 'x', sizeof(dst));
	assert_int_equal(vis_line(dst, 1, "abc", 3), 0);
	assert_string_equal(dst, "");
}

/* At each length: a prefix of the whole, cut between escapes, no overrun. */
static void
vis_truncation(void **state)
{
	static const char src[] = "a\x1b[2J\\b\xff\n\\\\z";
	static const size_t cuts[] = { 0, 1, 5, 6, 7, 8, 10, 11, 15, 19, 21, 23,
		24 };
	char whole[64], dst[64];
	size_t d, i, len, n, want;

	(void)state;
	len = vis_line(whole, sizeof(whole), src, sizeof(src) - 1);
	assert_string_equal(whole, "a\\x1b[2J\\\\b\\xff\\x0a\\\\\\\\z");
	assert_int_equal(len, 24);

	for (d = 1; d <= len + 2; d++) {
		memset(dst, '#', sizeof(dst));
		n = vis_line(dst, d, src, sizeof(src) - 1);
		want = 0;
		for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
			if (cuts[i] <= d - 1)
				want = cuts[i];
		assert_int_equal(n, want);
		assert_memory_equal(dst, whole, n);
		assert_int_equal(dst[n], '\0');
		for (i = d; i < sizeof(dst); i++)
			assert_int_equal(dst[i], '#');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vis_every_byte),
		cmocka_unit_test(vis_embedded_nul),
		cmocka_unit_test(vis_nothing),
		cmocka_unit_test(vis_truncation),
	};

	return (cmocka_run_group_tests_name("vis", tests, NULL, NULL));
}
