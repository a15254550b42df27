/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "tests/unit/engine/tracing.h"

static int
setup_none(void **state)
{
	return (setup_with(state, 0));
}

static void
test_eviction(void **state)
{
	struct fixture *f = *state;
	uint8_t i;

	for (i = 1; i <= 4; i++) {
		f->now += NS_PER_S;
		run(f, i, 10, 2);
	}
	/* The first comes back: the second is the oldest then. */
	f->now += NS_PER_S;
	probe(f, 1, 2, 9);
	probe(f, 2, 2, 10);
	probe(f, 3, 2, 11);
	f->now += NS_PER_S;
	probe(f, 1, 2, 9);
	probe(f, 4, 2, 12);
	probe(f, 5, 2, 13);
	assert_int_equal(count(f), 4);
	assert_false(copy(f, 2));
	assert_true(copy(f, 1));
	assert_true(copy(f, 3));
	assert_true(copy(f, 5));
	/* What was in flight for the evicted one touches nobody else. */
	answer(f, 10, 77, 5);
	assert_int_equal(f->ev.n, 0);
	assert_true(copy(f, 5));
	assert_int_equal(f->copy.nhops, 0);
}

/* Many keys, chains and ages: never more than there is room for. */
static void
test_churn(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < 5000; i++) {
		f->now += NS_PER_MS;
		probe(f, (uint8_t)(i * 7 + i / 13), (uint8_t)(2 + i % 60),
		    i % SLOTS);
		answer(f, (i * 5) % SLOTS, (uint8_t)i, i);
		silence(
		    f, (i * 3) % SLOTS, i % 2 ? EXPIRY_SETTLE : EXPIRY_TIMEOUT);
		if (i % 100 == 0)
			traces_set(f->t, i / 100 % 5, KEEP);
		assert_true(f->t->used <= f->t->max);
		assert_int_equal(count(f), f->t->used);
	}
}

static void
test_keep(void **state)
{
	struct fixture *f = *state;

	run(f, 1, 10, 3);
	f->now += (int64_t)KEEP;
	assert_true(copy(f, 1));
	f->now++;
	assert_false(copy(f, 1));
	assert_int_equal(count(f), 0);
	/* Gone is gone: there is no former run. */
	probe(f, 1, 2, 1);
	answer(f, 1, 99, 5);
	assert_int_equal(f->ev.n, 1);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.head.changed_hop, 0);
}

static void
test_set(void **state)
{
	struct fixture *f = *state;
	uint8_t i;

	for (i = 1; i <= 4; i++) {
		f->now += NS_PER_S;
		run(f, i, 10, 2);
	}
	traces_set(f->t, 2, KEEP);
	assert_int_equal(count(f), 2);
	assert_true(copy(f, 3));
	assert_true(copy(f, 4));
	run(f, 9, 10, 2);
	assert_int_equal(count(f), 2);
	assert_false(copy(f, 3));
	/* More than the table holds. */
	traces_set(f->t, 1000, KEEP);
	for (i = 20; i <= 29; i++)
		run(f, i, 10, 2);
	assert_int_equal(count(f), 4);
	probe(f, 29, 2, 5);
	traces_set(f->t, 0, KEEP);
	assert_int_equal(count(f), 0);
	answer(f, 5, 1, 1);
	assert_int_equal(f->ev.n, 0);
	probe(f, 1, 2, 1);
	answer(f, 1, 1, 1);
	assert_int_equal(f->ev.n, 0);
	assert_int_equal(count(f), 0);
}

/* No table: nothing is noted, and nothing is touched that is not there. */
static void
test_none(void **state)
{
	struct fixture *f = *state;

	traces_set(f->t, 256, KEEP);
	probe(f, 1, 2, 1);
	assert_int_equal(f->ev.n, 0);
	answer(f, 1, 1, 1);
	silence(f, 1, EXPIRY_SETTLE);
	traces_skip(f->t, 1);
	assert_int_equal(count(f), 0);
}

static void
test_keys(void **state)
{
	struct fixture *f = *state;
	struct pending_probe p;

	memset(&p, 0, sizeof(p));
	p.ttl = 2;
	p.client = address(203, 1);
	p.listen = address(198, 53);
	traces_probe(f->t, 0, &p, f->now, NULL);
	p.proto = PROTO_ICMP;
	traces_probe(f->t, 0, &p, f->now, NULL);
	p.listen = address(198, 54);
	traces_probe(f->t, 0, &p, f->now, NULL);
	p.family = FAMILY_V6;
	traces_probe(f->t, 0, &p, f->now, NULL);
	traces_probe(f->t, 0, &p, f->now, NULL);
	assert_int_equal(count(f), 4);
	assert_int_equal(f->copy.head.probes, 2);
}

static void
test_edges(void **state)
{
	struct fixture *f = *state;
	struct msg_match m = error_from(address(192, 1), 1);

	/* The largest TTL has the last hop; none beyond is ever touched. */
	probe(f, 1, POLICY_TTL_MAX, 1);
	answer(f, 1, 1, 1);
	expect_event(f, 0, EVENT_ANSWERED, MSG_HOPS_MAX);
	probe(f, 1, POLICY_TTL_MAX + 1, 1);
	probe(f, 1, 0, 1);
	answer(f, 1, 1, 1);
	assert_int_equal(f->ev.n, 0);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.nhops, 1);
	assert_int_equal(f->copy.hop[0].hop, MSG_HOPS_MAX);
	assert_int_equal(f->copy.head.probes, 3);
	/* A time that does not fit. */
	probe(f, 2, 2, 1);
	m.rtt_ns = UINT64_MAX;
	traces_match(f->t, 1, &m, 0, f->now, &f->ev);
	assert_true(copy(f, 2));
	assert_int_equal(f->copy.hop[0].rtt_max_us, UINT32_MAX);
}

/* A counter that is full begins the trace anew, so that rates stay true. */
static void
test_full_counter(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < UINT16_MAX; i++) {
		probe(f, 1, 2, 1);
		answer(f, 1, 11, 5);
	}
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[0].answered, UINT16_MAX);
	probe(f, 1, 3, 1);
	assert_int_equal(f->ev.n, 0);
	probe(f, 1, 2, 1);
	expect_event(f, 0, EVENT_BEGAN, 0);
	answer(f, 1, 11, 5);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[0].turned, 1);
	assert_int_equal(f->copy.hop[0].answered, 1);
}

/* The table changes between the calls. */
static void
test_cursor(void **state)
{
	struct fixture *f = *state;
	struct msg_ask ask = { 0 };
	uint8_t i;

	for (i = 1; i <= 3; i++)
		run(f, i, 10, 2);
	ask.from = traces_next(f->t, &ask, f->now, &f->copy);
	assert_int_equal(f->copy.head.client.b[3], 1);
	for (i = 11; i <= 14; i++) {
		f->now += NS_PER_S;
		run(f, i, 10, 2);
	}
	ask.from = traces_next(f->t, &ask, f->now, &f->copy);
	assert_int_equal(f->copy.head.client.b[3], 13);
	assert_int_equal(f->copy.nhops, 2);
	traces_set(f->t, 0, KEEP);
	assert_int_equal(traces_next(f->t, &ask, f->now, &f->copy), 0);
	/* Anything that a confused peer may ask. */
	ask.from = UINT32_MAX;
	assert_int_equal(traces_next(f->t, &ask, f->now, &f->copy), 0);
}

static void
test_size(void **state)
{
	(void)state;
	assert_true(sizeof(struct trace) <= 4800);
	assert_null(traces_new(POLICY_TRACES_MAX + 1, SLOTS, secret));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_eviction),
		TEST(test_churn),
		TEST(test_keep),
		TEST(test_set),
		cmocka_unit_test_setup_teardown(
		    test_none, setup_none, teardown),
		TEST(test_keys),
		TEST(test_edges),
		TEST(test_full_counter),
		TEST(test_cursor),
		cmocka_unit_test(test_size),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
