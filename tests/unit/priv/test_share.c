/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "priv/share.h"

/* Calm: the engine is where the packet process is. */
static void
calm(void **state)
{
	struct share s;

	(void)state;
	share_init(&s);
	assert_int_equal(s.cpu, PLACE_ANYWHERE);
	assert_int_equal(share_turn(&s, 1, PLACE_ANYWHERE, 5), 0);
	assert_int_equal(s.cpu, PLACE_ANYWHERE);
	assert_int_equal(share_turn(&s, 1, 3, 5), 1);
	assert_int_equal(s.cpu, 3);
	assert_int_equal(share_turn(&s, SHARE_BUSY - 1, 3, 6), 0);
	assert_int_equal(share_turn(&s, 1, PLACE_ANYWHERE, 7), 0);
	assert_int_equal(s.cpu, 3);
}

/* It follows, but not for a turn or two. */
static void
follows(void **state)
{
	struct share s;
	int i;

	(void)state;
	share_init(&s);
	assert_int_equal(share_turn(&s, 1, 3, 5), 1);
	for (i = 1; i < SHARE_MOVED; i++)
		assert_int_equal(share_turn(&s, 1, 2, 6), 0);
	/* Back again: the count begins anew. */
	assert_int_equal(share_turn(&s, 1, 3, 6), 0);
	for (i = 1; i < SHARE_MOVED; i++)
		assert_int_equal(share_turn(&s, 1, 2, 6), 0);
	assert_int_equal(s.cpu, 3);
	assert_int_equal(share_turn(&s, 1, 2, 6), 1);
	assert_int_equal(s.cpu, 2);
	for (i = 1; i < SHARE_MOVED; i++)
		assert_int_equal(share_turn(&s, 1, 3, 6), 0);
}

static void
busy(void **state)
{
	struct share s;

	(void)state;
	share_init(&s);
	assert_int_equal(share_turn(&s, 1, 0, 1), 1);
	assert_int_equal(s.cpu, 0);
	assert_int_equal(share_turn(&s, SHARE_BUSY, 0, 2), 1);
	assert_int_equal(s.cpu, PLACE_ANYWHERE);
	/* Each busy turn puts the next sharing off. */
	assert_int_equal(share_turn(&s, SHARE_BUSY, 0, 10), 0);
	assert_int_equal(share_turn(&s, 1, 0, 2 + SHARE_FREE_NS), 0);
	assert_int_equal(share_turn(&s, 1, 0, 10 + SHARE_FREE_NS), 1);
	assert_int_equal(s.cpu, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calm),
		cmocka_unit_test(follows),
		cmocka_unit_test(busy),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
