/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "priv/caps.h"
#include "tests/unit/priv/util.h"

#define SECOND 1000000000LL

static struct policy policy;
static struct caps caps;

static int
setup(void **state)
{
	(void)state;
	test_policy(&policy);
	memset(&caps, 0, sizeof(caps));
	return (0);
}

/* How many packets go through in ns, one tried every step. */
static uint64_t
through(size_t len, int ttl, int64_t from, int64_t ns, int64_t step)
{
	uint64_t n = 0;
	int64_t t;

	for (t = from; t < from + ns; t += step)
		n += (uint64_t)caps_take(&caps, len, ttl, t);
	return (n);
}

static void
inv19_ceilings(void **state)
{
	(void)state;
	/* Off, or beyond: the ceiling. */
	caps_set(&caps, &policy, SECOND);
	assert_int_equal(caps.packets.rate, CAPS_PACKETS);
	assert_int_equal(caps.bytes.rate, CAPS_BYTES);
	assert_int_equal(caps.hop.rate, CAPS_PACKETS);
	policy.limit_total.rate = policy.limit_total.burst = UINT32_MAX;
	policy.limit_hop = policy.limit_total;
	caps_set(&caps, &policy, SECOND);
	assert_int_equal(caps.packets.rate, CAPS_PACKETS);
	assert_int_equal(caps.packets.burst, CAPS_PACKETS);
	assert_int_equal(caps.bytes.rate, CAPS_BYTES);
	assert_int_equal(caps.bytes.burst, CAPS_BYTES);
	assert_int_equal(caps.hop.rate, CAPS_PACKETS);
	assert_int_equal(caps.hop.burst, CAPS_PACKETS);
	/* The burst at once, and then the rate. */
	assert_int_equal(
	    through(40, -1, SECOND, SECOND, 1000), CAPS_PACKETS * 2 - 1);
}

static void
inv19_packets(void **state)
{
	(void)state;
	policy.limit_total.rate = 100;
	policy.limit_total.burst = 200;
	caps_set(&caps, &policy, SECOND);
	assert_int_equal(caps.packets.rate, 300);
	assert_int_equal(caps.packets.burst, 600);
	assert_int_equal(through(60, -1, SECOND, 1000, 1), 600);
	assert_int_equal(through(60, -1, SECOND + 1000, 1000, 1), 0);
	/* Steps far shorter than a token's time lose nothing of it. */
	assert_in_range(through(60, -1, SECOND, 10 * SECOND, 7919), 2999, 3000);
	/* Idle: up to the burst, and no farther. */
	assert_int_equal(through(60, -1, 1000 * SECOND, 1000, 1), 600);
	/* A clock that stands, or goes back, brings none. */
	assert_int_equal(caps_take(&caps, 60, -1, 0), 0);
	assert_int_equal(caps_take(&caps, 60, -1, INT64_MIN), 0);
	assert_int_equal(caps_take(&caps, 60, -1, INT64_MAX), 1);
}

static void
inv19_bytes(void **state)
{
	uint64_t n;

	(void)state;
	caps_set(&caps, &policy, SECOND);
	n = through(BUILD_MAX, -1, SECOND, 200000, 1);
	assert_in_range(n, CAPS_BYTES / BUILD_MAX,
	    CAPS_BYTES / BUILD_MAX + CAPS_BYTES / 5000 / BUILD_MAX + 1);
	assert_int_equal(caps_take(&caps, 0, -1, SECOND), 0);
	assert_int_equal(caps_take(&caps, BUILD_MAX + 1, -1, SECOND), 0);
	policy.limit_total.rate = 10;
	policy.limit_total.burst = 10;
	caps_set(&caps, &policy, SECOND);
	assert_int_equal(caps.bytes.rate, 30 * BUILD_MAX);
}

static void
inv19_hop(void **state)
{
	int ttl;

	(void)state;
	policy.limit_hop.rate = 64;
	policy.limit_hop.burst = 64;
	caps_set(&caps, &policy, SECOND);
	for (ttl = 0; ttl < CAPS_TTLS; ttl++) {
		assert_int_equal(through(60, ttl, SECOND, 1000, 10), 64);
		/* What one TTL has used up, answers have not. */
		assert_int_equal(caps_take(&caps, 60, -1, SECOND), 1);
	}
	assert_in_range(through(60, 1, SECOND, SECOND, 100000), 63, 64);
	assert_int_equal(caps_take(&caps, 60, CAPS_TTLS, 5 * SECOND), 0);
	assert_int_equal(caps_take(&caps, 60, -2, 5 * SECOND), 0);

	/* Refused for one reason: nothing is taken off for the others. */
	policy.limit_total.rate = 1;
	policy.limit_total.burst = 1;
	caps_set(&caps, &policy, SECOND);
	assert_int_equal(through(60, 2, SECOND, 3, 1), 3);
	assert_int_equal(caps_take(&caps, 60, 2, SECOND), 0);
	assert_int_equal(caps.b_hop[2].tokens, 61 * 1000);
	caps.b_hop[3].tokens = 0;
	caps.b_packets.tokens = 2000;
	assert_int_equal(caps_take(&caps, 60, 3, SECOND), 0);
	assert_int_equal(caps.b_packets.tokens, 2000);
}

static void
unset(void **state)
{
	(void)state;
	assert_int_equal(caps_take(&caps, 60, -1, SECOND), 0);
}

/* Never more than burst and rate, however the calls are spaced. */
static void
inv19_random(void **state)
{
	uint32_t st = TEST_SEED, round, i;
	uint64_t n, most;
	int64_t t;

	(void)state;
	for (round = 0; round < 200; round++) {
		policy.limit_hop.rate = 1 + test_random(&st) % 5000;
		policy.limit_hop.burst = 1 + test_random(&st) % 500;
		caps_set(&caps, &policy, 0);
		n = 0;
		t = 0;
		for (i = 0; i < 2000; i++) {
			t += test_random(&st) % 2000000;
			n += (uint64_t)caps_take(&caps, 60, 9, t);
		}
		most = policy.limit_hop.burst +
		    (uint64_t)t / 1000 * policy.limit_hop.rate / 1000000;
		assert_true(n <= most + 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(inv19_ceilings, setup),
		cmocka_unit_test_setup(inv19_packets, setup),
		cmocka_unit_test_setup(inv19_bytes, setup),
		cmocka_unit_test_setup(inv19_hop, setup),
		cmocka_unit_test_setup(inv19_random, setup),
		cmocka_unit_test_setup(unset, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
