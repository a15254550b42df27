/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdio.h>

#include "common/loop.h"
#include "engine/bucket.h"
#include "engine/limit.h"
#include "tests/unit/engine/packets.h"

#define SETS  1024
#define START (1000 * NS_PER_S)

static const uint8_t secret[16] = "0123456789abcde";

struct fixture {
	struct limit *limit;
	struct policy policy;
};

static int
test_setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.limit = limit_new(SETS, secret);
	*state = &f;
	return (f.limit == NULL ? -1 : 0);
}

static int
test_teardown(void **state)
{
	struct fixture *f = *state;

	limit_free(f->limit);
	return (0);
}

static enum limit_verdict
take(struct fixture *f, enum family fam, const char *client, uint8_t ttl,
    int gated, int64_t now)
{
	struct addr a = packet_addr(fam, client);
	struct limit_ask ask = { fam, &a, NULL, ttl,
		gated ? LIMIT_GATED : LIMIT_WOKEN };

	return (limit_take(f->limit, &ask, now));
}

static enum limit_verdict
take_number(
    struct fixture *f, uint32_t client, uint8_t ttl, int gated, int64_t now)
{
	struct addr a;
	struct limit_ask ask = { FAMILY_V4, &a, NULL, ttl,
		gated ? LIMIT_GATED : LIMIT_WOKEN };

	memset(&a, 0, sizeof(a));
	wire_put32(a.b, client);
	return (limit_take(f->limit, &ask, now));
}

static void
test_bucket(void **state)
{
	struct bucket b = { 0, 0 };

	(void)state;
	/* Three a second: the first token is there after a third of one. */
	bucket_fill(&b, 3, 1, 10 * BUCKET_TOKEN, 333333333);
	assert_true(b.level < BUCKET_TOKEN);
	bucket_fill(&b, 3, 1, 10 * BUCKET_TOKEN, 333333334);
	assert_true(b.level >= BUCKET_TOKEN);
	/* In steps of a nanosecond nothing gets lost. */
	assert_int_equal(b.level, 3ULL * 333333334);
	/* Time that stands still or goes back adds nothing. */
	bucket_fill(&b, 3, 1, 10 * BUCKET_TOKEN, 333333334);
	bucket_fill(&b, 3, 1, 10 * BUCKET_TOKEN, 5);
	assert_int_equal(b.level, 3ULL * 333333334);
	assert_int_equal(b.last, 333333334);
	/* Never above the cap, also after the longest pause. */
	bucket_fill(
	    &b, 4ULL * POLICY_RATE_MAX, 1, 10 * BUCKET_TOKEN, INT64_MAX);
	assert_int_equal(b.level, 10 * BUCKET_TOKEN);
	bucket_fill(&b, 1, 1, 2 * BUCKET_TOKEN, INT64_MAX);
	assert_int_equal(b.level, 2 * BUCKET_TOKEN);
	assert_int_equal(bucket_gain(1, 3, 10), 3);
	assert_int_equal(bucket_gain(1, 3, -10), 0);
}

static void
test_off(void **state)
{
	struct fixture *f = *state;
	int i;

	limit_set(f->limit, &f->policy, START);
	for (i = 0; i < 10000; i++)
		assert_int_equal(
		    take(f, FAMILY_V4, "192.0.2.7", 2, i & 1, START), LIMIT_OK);
}

/* A /24 has one bucket: its burst, then its rate; others have their own. */
static void
test_client(void **state)
{
	struct fixture *f = *state;
	int i;

	f->policy.limit_client.rate = 32;
	f->policy.limit_client.burst = 96;
	limit_set(f->limit, &f->policy, START);
	for (i = 0; i < 96; i++)
		assert_int_equal(
		    take(f, FAMILY_V4, i & 1 ? "192.0.2.7" : "192.0.2.250", 1,
			0, START),
		    LIMIT_OK);
	assert_int_equal(
	    take(f, FAMILY_V4, "192.0.2.9", 1, 0, START), LIMIT_CLIENT);
	assert_int_equal(
	    take(f, FAMILY_V4, "192.0.3.9", 1, 0, START), LIMIT_OK);
	/* One 32nd of a second later there is one more. */
	assert_int_equal(
	    take(f, FAMILY_V4, "192.0.2.9", 1, 0, START + NS_PER_S / 32 - 1),
	    LIMIT_CLIENT);
	assert_int_equal(
	    take(f, FAMILY_V4, "192.0.2.9", 1, 0, START + NS_PER_S / 32),
	    LIMIT_OK);
	assert_int_equal(
	    take(f, FAMILY_V4, "192.0.2.9", 1, 0, START + NS_PER_S / 32),
	    LIMIT_CLIENT);
}

/* v6: a /56 as above; a /48 four times as much in all. */
static void
test_client6(void **state)
{
	struct fixture *f = *state;
	int i, j;
	char text[ADDR_TEXT_MAX];

	f->policy.limit_client.rate = 1;
	f->policy.limit_client.burst = 10;
	limit_set(f->limit, &f->policy, START);
	for (i = 0; i < 10; i++)
		assert_int_equal(
		    take(f, FAMILY_V6, "2001:db8:1:101::1", 1, 0, START),
		    LIMIT_OK);
	assert_int_equal(
	    take(f, FAMILY_V6, "2001:db8:1:1ff::1", 1, 0, START), LIMIT_CLIENT);
	for (i = 2; i <= 4; i++)
		for (j = 0; j < 10; j++) {
			assert_true(snprintf(text, sizeof(text),
					"2001:db8:1:%d00::", i) > 0);
			assert_int_equal(
			    take(f, FAMILY_V6, text, 1, 0, START), LIMIT_OK);
		}
	assert_int_equal(
	    take(f, FAMILY_V6, "2001:db8:1:500::1", 1, 0, START), LIMIT_NET);
	assert_int_equal(
	    take(f, FAMILY_V6, "2001:db8:2:500::1", 1, 0, START), LIMIT_OK);
	/* What the /48 refused took nothing from the /56. */
	for (i = 0; i < 10; i++)
		assert_int_equal(take(f, FAMILY_V6, "2001:db8:1:500::1", 1, 0,
				     START + 10 * NS_PER_S),
		    LIMIT_OK);
	assert_int_equal(take(f, FAMILY_V6, "2001:db8:1:500::1", 1, 0,
			     START + 10 * NS_PER_S),
	    LIMIT_CLIENT);
}

/* By the TTL that it leaves with; TTL 1 is not turned, so it has none. */
static void
test_hop(void **state)
{
	struct fixture *f = *state;
	uint32_t i;

	f->policy.limit_hop.rate = 8;
	f->policy.limit_hop.burst = 8;
	limit_set(f->limit, &f->policy, START);
	for (i = 0; i < 100; i++)
		assert_int_equal(take_number(f, i << 8, 1, 0, START), LIMIT_OK);
	/* Without an open gate: half of it. */
	for (i = 0; i < 4; i++)
		assert_int_equal(take_number(f, i << 8, 2, 0, START), LIMIT_OK);
	assert_int_equal(take_number(f, i << 8, 2, 0, START), LIMIT_HOP);
	for (i = 0; i < 4; i++)
		assert_int_equal(take_number(f, i << 8, 2, 1, START), LIMIT_OK);
	assert_int_equal(take_number(f, i << 8, 2, 1, START), LIMIT_HOP);
	assert_int_equal(take_number(f, i << 8, 3, 1, START), LIMIT_OK);
	assert_int_equal(
	    take_number(f, i << 8, POLICY_TTL_MAX, 1, START), LIMIT_OK);
	/* The highest that a request may ask for; not one more. */
	assert_int_equal(
	    take_number(f, i << 8, LIMIT_TTL_MAX, 1, START), LIMIT_OK);
	assert_int_equal(
	    take_number(f, i << 8, LIMIT_TTL_MAX + 1, 1, START), LIMIT_HOP);
	assert_int_equal(
	    take_number(f, i << 8, 2, 1, START + NS_PER_S / 8), LIMIT_OK);

	/* A burst of one has no halves. */
	f->policy.limit_hop.burst = 1;
	limit_set(f->limit, &f->policy, START + NS_PER_S);
	assert_int_equal(
	    take_number(f, 7 << 8, 2, 0, START + 9 * NS_PER_S), LIMIT_OK);
	assert_int_equal(
	    take_number(f, 7 << 8, 2, 1, START + 9 * NS_PER_S), LIMIT_HOP);
}

/* A probe refused for one reason takes no token of another kind. */
static void
test_refused(void **state)
{
	struct fixture *f = *state;
	uint32_t i;

	f->policy.limit_client.rate = 1;
	f->policy.limit_client.burst = 2;
	f->policy.limit_hop.rate = 1;
	f->policy.limit_hop.burst = 1;
	f->policy.limit_total.rate = 1;
	f->policy.limit_total.burst = 6;
	limit_set(f->limit, &f->policy, START);
	assert_int_equal(take_number(f, 1 << 8, 2, 0, START), LIMIT_OK);
	/* Over hop: neither the client's nor the total's go down. */
	for (i = 0; i < 100; i++)
		assert_int_equal(
		    take_number(f, 2 << 8, 2, 0, START), LIMIT_HOP);
	assert_int_equal(take_number(f, 2 << 8, 1, 0, START), LIMIT_OK);
	assert_int_equal(take_number(f, 2 << 8, 1, 0, START), LIMIT_OK);
	/* Over client, then over total: hop keeps its token. */
	assert_int_equal(take_number(f, 2 << 8, 3, 0, START), LIMIT_CLIENT);
	assert_int_equal(take_number(f, 3 << 8, 3, 0, START), LIMIT_TOTAL);
	assert_int_equal(take_number(f, 3 << 8, 3, 1, START), LIMIT_OK);
}

/* Half is kept for the gated; what one half can't hold serves the other. */
static void
test_halves(void **state)
{
	struct fixture *f = *state;
	uint32_t i, n;
	int64_t t;

	f->policy.limit_total.rate = 100;
	f->policy.limit_total.burst = 100;
	limit_set(f->limit, &f->policy, START);
	for (n = 0; take_number(f, n << 8, 1, 0, START) == LIMIT_OK; n++)
		assert_true(n < 1000);
	assert_int_equal(n, 50);
	for (n = 0; take_number(f, 1 << 8, 1, 1, START) == LIMIT_OK; n++)
		assert_true(n < 1000);
	/* A part stays for whoever else is within his share. */
	assert_int_equal(n, 43);

	/* Alone, the others get nearly all of the rate in the long run. */
	n = 0;
	for (i = 1; i <= 10000; i++) {
		t = START + i * (NS_PER_S / 1000);
		n += take_number(f, i << 8, 1, 0, t) == LIMIT_OK;
	}
	assert_true(n >= 900 && n <= 1000);
	/* And so does a single gated prefix, however greedy. */
	n = 0;
	for (; i <= 20000; i++) {
		t = START + i * (NS_PER_S / 1000);
		n += take_number(f, 1 << 8, 1, 1, t) == LIMIT_OK;
	}
	assert_true(n >= 900 && n <= 1100);
	/* Both at it: each has half. */
	n = 0;
	for (; i <= 30000; i++) {
		t = START + i * (NS_PER_S / 1000);
		n += take_number(f, 1 << 8, 1, 1, t) == LIMIT_OK;
		(void)take_number(f, i << 8, 1, 0, t);
	}
	assert_true(n >= 450 && n <= 550);
}

/*
 * nspoofed gated prefixes ask as often as they can (each `times` in every
 * step of 10 ms), one genuine client once in gap ms, last.  Returns how many
 * of its hundred probes are admitted after two seconds of flood.
 */
static unsigned int
flood(struct fixture *f, uint32_t nspoofed, unsigned int times, int64_t gap)
{
	unsigned int done, ok, j;
	int64_t ms;
	uint32_t i;

	limit_set(f->limit, &f->policy, START);
	done = ok = 0;
	for (ms = 0; done < 100; ms += 10) {
		for (i = 0; i < nspoofed; i++)
			for (j = 0; j < times; j++)
				(void)take_number(f, (i + 1) << 8, 1, 1,
				    START + ms * NS_PER_MS);
		if (ms < 2000 || ms % gap != 0)
			continue;
		done++;
		ok += take_number(f, 0xcb007107, 1, 1,
			  START + ms * NS_PER_MS) == LIMIT_OK;
	}
	return (ok);
}

/* 1000 spoofed gated prefixes: the genuine one gets its share, 0.9 a second. */
static void
test_fair_many(void **state)
{
	struct fixture *f = *state;

	f->policy.limit_client.rate = 32;
	f->policy.limit_client.burst = 96;
	f->policy.limit_total.rate = 2048;
	f->policy.limit_total.burst = 2048;
	assert_in_range(flood(f, 1000, 1, 1200), 98, 100);
}

/* Ten greedy prefixes, no limit for each: a tenth is left to it. */
static void
test_fair_greedy(void **state)
{
	struct fixture *f = *state;

	f->policy.limit_total.rate = 2048;
	f->policy.limit_total.burst = 2048;
	assert_in_range(flood(f, 10, 50, 30), 99, 100);
}

static void
test_fair_one(void **state)
{
	struct fixture *f = *state;

	f->policy.limit_total.rate = 200;
	f->policy.limit_total.burst = 200;
	assert_in_range(flood(f, 1, 100, 30), 99, 100);
}

/*
 * Spoofers that rest for five seconds, then all ask at once, and on for a
 * second, do no lasting harm: half a second later the genuine client is
 * served, even if it always asks last.
 */
static void
test_fair_bursts(void **state)
{
	struct fixture *f = *state;
	unsigned int j, ok, rounds;
	int64_t t, ms;
	uint32_t i, n;

	f->policy.limit_client.rate = 32;
	f->policy.limit_client.burst = 96;
	f->policy.limit_total.rate = 2048;
	f->policy.limit_total.burst = 2048;
	limit_set(f->limit, &f->policy, START);
	ok = 0;
	n = 0;
	for (rounds = 0; rounds < 20; rounds++) {
		t = START + rounds * 6 * NS_PER_S;
		for (ms = 0; ms < 1000; ms += 10) {
			for (i = 0; i < 800; i++)
				for (j = 0; j < (ms == 0 ? 50U : 1U); j++)
					(void)take_number(f, (i + 1) << 8, 1, 1,
					    t + ms * NS_PER_MS);
			/* Nothing is left over from the other half, either. */
			for (i = 0; i < 50; i++)
				(void)take_number(f, (n++ + 10000) << 8, 1, 0,
				    t + ms * NS_PER_MS);
			if (rounds > 0 && ms == 500)
				ok += take_number(f, 0xcb007107, 1, 1,
					  t + ms * NS_PER_MS) == LIMIT_OK;
		}
	}
	assert_int_equal(ok, 19);
}

/* New prefixes without a gate can't touch what the gated ones have. */
static void
test_fair_newcomers(void **state)
{
	struct fixture *f = *state;
	unsigned int ok;
	int64_t ms;
	uint32_t i, n;

	f->policy.limit_client.rate = 32;
	f->policy.limit_client.burst = 96;
	f->policy.limit_total.rate = 2048;
	f->policy.limit_total.burst = 2048;
	limit_set(f->limit, &f->policy, START);
	n = 1;
	ok = 0;
	for (ms = 0; ms < 4000; ms += 40) {
		for (i = 0; i < 2000; i++)
			(void)take_number(
			    f, n++ << 8, 1, 0, START + ms * NS_PER_MS);
		ok += take_number(f, 0xcb007107, 1, 1,
			  START + ms * NS_PER_MS) == LIMIT_OK;
	}
	assert_int_equal(ok, 100);
}

/* Floods of the lower ranks leave to each higher one what it begins with. */
static void
test_ranks(void **state)
{
	static const struct {
		enum limit_rank rank;
		uint32_t ok;
	} left[] = {
		{ LIMIT_STRANGER, 25 },
		{ LIMIT_OPENS, 25 },
		{ LIMIT_WOKEN, 50 },
		{ LIMIT_GATED, 87 },
	};
	struct fixture *f = *state;
	struct limit_ask ask;
	struct addr a;
	uint32_t n, client = 0;
	size_t i;

	f->policy.limit_total.rate = 1;
	f->policy.limit_total.burst = 200;
	limit_set(f->limit, &f->policy, START);
	memset(&a, 0, sizeof(a));
	memset(&ask, 0, sizeof(ask));
	ask.family = FAMILY_V4;
	ask.client = &a;
	ask.ttl = 1;
	for (i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		ask.rank = left[i].rank;
		for (n = 0; n < 1000; n++) {
			/* One gated prefix, all others are new ones. */
			if (ask.rank != LIMIT_GATED)
				client++;
			wire_put32(a.b, client << 8);
			if (limit_take(f->limit, &ask, START) != LIMIT_OK)
				break;
		}
		assert_int_equal(n, left[i].ok);
	}
}

/* A final answer counts like the turned probe whose TTL it has. */
static void
test_final(void **state)
{
	struct fixture *f = *state;
	uint32_t n;

	f->policy.limit_hop.rate = 10;
	f->policy.limit_hop.burst = 10;
	assert_int_equal(limit_final(f->limit, 3, LIMIT_STRANGER, START), 1);
	limit_set(f->limit, &f->policy, START);
	for (n = 0; limit_final(f->limit, 3, LIMIT_STRANGER, START); n++)
		assert_true(n < 100);
	assert_int_equal(n, 5);
	assert_int_equal(take_number(f, 1 << 8, 3, 1, START), LIMIT_OK);
	for (n = 0; limit_final(f->limit, 3, LIMIT_GATED, START); n++)
		assert_true(n < 100);
	assert_int_equal(n, 4);
	assert_int_equal(take_number(f, 1 << 8, 3, 1, START), LIMIT_HOP);
	assert_int_equal(limit_final(f->limit, 4, LIMIT_STRANGER, START), 1);
}

/* A reload keeps what is used up, and cuts what is too much now. */
static void
test_reload(void **state)
{
	struct fixture *f = *state;
	uint32_t n;

	f->policy.limit_total.rate = 100;
	f->policy.limit_total.burst = 100;
	limit_set(f->limit, &f->policy, START);
	for (n = 0; take_number(f, n << 8, 1, 0, START) == LIMIT_OK; n++)
		assert_true(n < 1000);
	limit_set(f->limit, &f->policy, START);
	assert_int_equal(take_number(f, n << 8, 1, 0, START), LIMIT_TOTAL);
	/* The gated half still has all 50, of which 10 may stay. */
	f->policy.limit_total.burst = 20;
	limit_set(f->limit, &f->policy, START);
	for (n = 0; take_number(f, n << 8, 1, 1, START) == LIMIT_OK; n++)
		assert_true(n < 1000);
	assert_in_range(n, 1, 10);
	/* The smallest limit that there is still lets a probe through. */
	f->policy.limit_total.rate = 1;
	f->policy.limit_total.burst = 1;
	limit_set(f->limit, &f->policy, START);
	assert_int_equal(
	    take_number(f, 1 << 8, 1, 0, START + 9 * NS_PER_S), LIMIT_OK);
	assert_int_equal(
	    take_number(f, 1 << 8, 1, 1, START + 9 * NS_PER_S), LIMIT_OK);
	assert_int_equal(
	    take_number(f, 1 << 8, 1, 1, START + 9 * NS_PER_S), LIMIT_TOTAL);
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, test_setup, test_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket),
		FRESH(test_off),
		FRESH(test_client),
		FRESH(test_client6),
		FRESH(test_hop),
		FRESH(test_refused),
		FRESH(test_halves),
		FRESH(test_fair_many),
		FRESH(test_fair_greedy),
		FRESH(test_fair_one),
		FRESH(test_fair_bursts),
		FRESH(test_fair_newcomers),
		FRESH(test_ranks),
		FRESH(test_final),
		FRESH(test_reload),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
