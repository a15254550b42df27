/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "priv/verdicts.h"

static struct verdicts v;

/* Adds n verdicts, from id on. */
static void
add(uint32_t id, size_t n, int accept)
{
	size_t i;

	for (i = 0; i < n; i++)
		assert_int_equal(verdicts_add(&v, id + (uint32_t)i, accept), 0);
}

static int
begin(void **state)
{
	(void)state;
	memset(&v, 0, sizeof(v));
	return (0);
}

static void
full(void **state)
{
	(void)state;
	add(1, VERDICTS_MAX, 0);
	assert_int_equal(verdicts_add(&v, VERDICTS_MAX + 1, 0), -1);
	assert_int_equal(v.n, VERDICTS_MAX);
	assert_int_equal(v.id[VERDICTS_MAX - 1], VERDICTS_MAX);
}

static void
few(void **state)
{
	uint32_t last = 77;

	(void)state;
	assert_int_equal(verdicts_common(&v, NULL, &last), 0);
	add(1, 1, 0);
	assert_int_equal(verdicts_common(&v, NULL, &last), 0);
	assert_int_equal(last, 77);
}

static void
common(void **state)
{
	uint32_t last = 0;
	int accept;

	(void)state;
	for (accept = 0; accept < 2; accept++) {
		v.n = 0;
		/* In whatever order they were decided. */
		add(20, 3, accept);
		add(10, 10, accept);
		assert_int_equal(verdicts_common(&v, NULL, &last), 1);
		assert_int_equal(last, 22);
	}
	add(23, 1, 0);
	assert_int_equal(verdicts_common(&v, NULL, &last), 0);
}

/* One verdict for all would take in whoever waits below the last. */
static void
waiting(void **state)
{
	uint32_t last = 0, w;

	(void)state;
	add(10, 3, 0);
	add(14, 3, 0);
	for (w = 0; w <= 16; w++)
		assert_int_equal(verdicts_common(&v, &w, &last), 0);
	w = 17;
	assert_int_equal(verdicts_common(&v, &w, &last), 1);
	assert_int_equal(last, 16);
}

/* The kernel's numbers begin again: id - last > 0 as a signed number. */
static void
wrap(void **state)
{
	uint32_t last = 0, w;

	(void)state;
	add(UINT32_MAX - 1, 4, 0);
	assert_int_equal(v.id[3], 1);
	assert_int_equal(verdicts_common(&v, NULL, &last), 1);
	assert_int_equal(last, 1);
	w = 2;
	assert_int_equal(verdicts_common(&v, &w, &last), 1);
	w = UINT32_MAX - 2;
	assert_int_equal(verdicts_common(&v, &w, &last), 0);
	w = UINT32_MAX / 2 + 1;
	assert_int_equal(verdicts_common(&v, &w, &last), 1);
	w = UINT32_MAX / 2 + 2;
	assert_int_equal(verdicts_common(&v, &w, &last), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(full, begin),
		cmocka_unit_test_setup(few, begin),
		cmocka_unit_test_setup(common, begin),
		cmocka_unit_test_setup(waiting, begin),
		cmocka_unit_test_setup(wrap, begin),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
