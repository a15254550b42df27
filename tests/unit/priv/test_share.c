/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "priv/share.h"

/* Calm: shared where the packet process is, and not moved by and by. */
static void
calm(void **state)
{
	struct share s;
	int64_t now = 5;

	(void)state;
	share_init(&s);
	assert_int_equal(s.cpu, PLACE_ANYWHERE);
	assert_int_equal(share_turn(&s, 1, PLACE_ANYWHERE, now), 0);
	assert_int_equal(share_turn(&s, 1, 3, now), 1);
	assert_int_equal(s.cpu, 3);
	assert_int_equal(share_turn(&s, SHARE_BUSY - 1, 2, now + 1), 0);
	assert_int_equal(s.cpu, 3);

	/* Now and then the scheduler may choose, a while later we do. */
	now += SHARE_KEEP_NS;
	assert_int_equal(share_turn(&s, 1, 3, now - 1), 0);
	assert_int_equal(share_turn(&s, 1, 3, now), 1);
	assert_int_equal(s.cpu, PLACE_ANYWHERE);
	assert_int_equal(share_turn(&s, 1, 2, now + SHARE_FREE_NS - 1), 0);
	assert_int_equal(share_turn(&s, 1, 2, now + SHARE_FREE_NS), 1);
	assert_int_equal(s.cpu, 2);
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
		cmocka_unit_test(busy),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
