/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "priv/ipid.h"
#include "tests/unit/priv/util.h"

#define SECOND 1000000000LL

static const struct addr client = { { 198, 51, 100, 9 } };

/* Never 0, all others in two halves, none again before 32767 others. */
static void
inv10_no_repeat(void **state)
{
	static uint32_t last[65536];
	struct ipid *d;
	uint32_t n;
	uint16_t id;

	(void)state;
	memset(last, 0, sizeof(last));
	d = ipid_new(test_key);
	assert_non_null(d);
	/* A millisecond each: 32 s for one half. */
	for (n = 1; n <= 4 * 65535; n++) {
		assert_int_equal(
		    ipid_next(d, &client, n * (SECOND / 1000), &id), 0);
		assert_int_not_equal(id, 0);
		if (last[id] != 0)
			assert_true(n - last[id] >= 32767);
		else
			assert_true(n <= 65535);
		last[id] = n;
	}
	ipid_free(d);
}

static void
inv10_ten_seconds(void **state)
{
	static int64_t last[65536];
	struct ipid *d;
	int64_t now = SECOND;
	uint32_t n, given = 0, refused = 0;
	uint16_t id;

	(void)state;
	memset(last, 0, sizeof(last));
	d = ipid_new(test_key);
	assert_non_null(d);
	/* As fast as can be: 100 us each, 33 s in all. */
	for (n = 0; n < 330000; n++) {
		now += SECOND / 10000;
		if (ipid_next(d, &client, now, &id) == -1) {
			refused++;
			continue;
		}
		given++;
		if (last[id] != 0)
			assert_true(now - last[id] >= 10 * SECOND);
		last[id] = now;
	}
	assert_true(given > 3 * 32767);
	assert_true(refused > 0);

	/* All at one moment: both halves, then none, then again. */
	ipid_free(d);
	d = ipid_new(test_key);
	for (n = 0; n < 65535; n++)
		assert_int_equal(ipid_next(d, &client, now, &id), 0);
	assert_int_equal(ipid_next(d, &client, now, &id), -1);
	assert_int_equal(ipid_next(d, &client, now + 10 * SECOND - 1, &id), -1);
	assert_int_equal(ipid_next(d, &client, now + 10 * SECOND, &id), 0);
	ipid_free(d);
}

static void
inv10_unpredictable(void **state)
{
	static const uint8_t other[16] = { 1 };
	struct addr next = client;
	struct ipid *a, *b;
	uint32_t bins[16] = { 0 }, steps[16] = { 0 }, same = 0, n;
	uint16_t x, y, before = 0;

	(void)state;
	a = ipid_new(test_key);
	b = ipid_new(other);
	for (n = 0; n < 16000; n++) {
		assert_int_equal(ipid_next(a, &client, SECOND, &x), 0);
		assert_int_equal(ipid_next(b, &client, SECOND, &y), 0);
		same += x == y;
		bins[x >> 11 & 15]++;
		steps[(uint16_t)(x - before) >> 11 & 15]++;
		before = x;
	}
	/* 1000 each, and 97 for three standard deviations. */
	for (n = 0; n < 16; n++) {
		assert_in_range(bins[n], 850, 1150);
		assert_in_range(steps[n], 850, 1150);
	}
	assert_true(same < 10);

	/* Other clients have other sequences. */
	same = 0;
	for (n = 0; n < 1000; n++) {
		next.b[2] = (uint8_t)(n >> 8);
		next.b[3] = (uint8_t)n;
		assert_int_equal(ipid_next(b, &next, SECOND, &y), 0);
		same += y == before;
	}
	assert_true(same < 10);
	ipid_free(a);
	ipid_free(b);
	ipid_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inv10_no_repeat),
		cmocka_unit_test(inv10_ten_seconds),
		cmocka_unit_test(inv10_unpredictable),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
