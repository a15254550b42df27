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
	"queue_dropped", "queue_seq", "pending", "log_dropped", "observed" };

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

/* Each round trip in one bucket, the bound's own in that of the bound. */
static void
test_rtt(void **state)
{
	static struct stats s;
	uint64_t before = 0;
	unsigned int i;

	(void)state;
	for (i = 0; i < STATS_RTT_BOUNDS; i++) {
		assert_true(stats_rtt_bound(i) > before);
		before = stats_rtt_bound(i);
		memset(&s, 0, sizeof(s));
		stats_rtt(&s, FAMILY_V6, before * 1000);
		assert_int_equal(s.rtt[FAMILY_V6][i], 1);
		assert_int_equal(s.rtt_sum_us[FAMILY_V6], before);
		stats_rtt(&s, FAMILY_V6, before * 1000 + 1);
		assert_int_equal(s.rtt[FAMILY_V6][i], 1);
		assert_int_equal(s.rtt[FAMILY_V6][i + 1], 1);
		assert_int_equal(s.rtt_sum_us[FAMILY_V4], 0);
	}
	assert_int_equal(stats_rtt_bound(STATS_RTT_BOUNDS), 0);
	assert_int_equal(stats_rtt_bound(UINT32_MAX), 0);
}

/* Every byte of every counter takes part. */
static void
test_add(void **state)
{
	static struct stats a, b;
	uint64_t *pa = (uint64_t *)&a, *pb = (uint64_t *)&b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(a) / sizeof(*pa); i++) {
		pa[i] = i + 1;
		pb[i] = 1000 * i;
	}
	stats_add(&a, &b);
	for (i = 0; i < sizeof(a) / sizeof(*pa); i++)
		assert_int_equal(pa[i], 1001 * i + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat_names),
		cmocka_unit_test(test_tally_names),
		cmocka_unit_test(test_unique),
		cmocka_unit_test(test_rtt),
		cmocka_unit_test(test_add),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
