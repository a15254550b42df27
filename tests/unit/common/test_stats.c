/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/stats.h"

/* The names are a stable interface: these are all, in the enums' order. */
static const char *const test_stats[] = { "probes", "inflections", "turned",
	"relayed", "ended", "expired", "passed", "dropped", "late", "forged",
	"unmatched", "duplicate", "capped", "unanswered", "send_failed",
	"limited", "gated", "denied", "malformed", "hidden", "unreachable",
	"requests", "requests_probed", "requests_answered", "requests_refused",
	"requests_expired", "requests_passed", "requests_dropped" };
static const char *const test_tallies[] = { "short", "header", "fragment",
	"length", "destination", "ttl", "source", "protocol", "port",
	"checksum", "loop", "no_room", "passed_paused", "passed_full",
	"passed_busy", "capture_bad", "queue_errors", "queue_overflows",
	"queue_dropped", "queue_seq", "pending", "log_dropped" };

static void
test_stat_names(void **state)
{
	int i;

	(void)state;
	assert_int_equal(sizeof(test_stats) / sizeof(test_stats[0]), STAT_MAX);
	for (i = 0; i < STAT_MAX; i++)
		assert_string_equal(stat_name(i), test_stats[i]);
	assert_string_equal(stat_name(STAT_MAX), "?");
	assert_string_equal(stat_name((enum stat_kind) - 1), "?");
}

static void
test_tally_names(void **state)
{
	int i;

	(void)state;
	assert_int_equal(
	    sizeof(test_tallies) / sizeof(test_tallies[0]), TALLY_MAX);
	for (i = 0; i < TALLY_MAX; i++)
		assert_string_equal(tally_name(i), test_tallies[i]);
	assert_string_equal(tally_name(TALLY_MAX), "?");
	assert_string_equal(tally_name((enum tally) - 1), "?");
}

/* What stands alone in one object must not be there twice. */
static void
test_unique(void **state)
{
	int i, j;

	(void)state;
	for (i = TALLY_REFUSED_LAST + 1; i < TALLY_MAX; i++)
		for (j = 0; j < STAT_MAX; j++)
			assert_string_not_equal(tally_name(i), stat_name(j));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat_names),
		cmocka_unit_test(test_tally_names),
		cmocka_unit_test(test_unique),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
