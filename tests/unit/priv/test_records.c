/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "priv/records_int.h"
#include "tests/unit/priv/packets.h"
#include "tests/unit/priv/util.h"

#define SECOND 1000000000LL
#define NRECS  64U

static struct policy policy;
static struct records *rs;

static int
setup(void **state)
{
	(void)state;
	test_policy(&policy);
	rs = records_new(NRECS, test_key);
	assert_non_null(rs);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	records_free(rs);
	rs = NULL;
	return (0);
}

/* Fills a fresh record from a probe; keeps what records.c has set. */
static void
fill(struct record *rec, const uint8_t *b, size_t len)
{
	struct record r;

	test_record(&r, &policy, b, len);
	rec->probe = r.probe;
	rec->headlen = r.headlen;
	memcpy(rec->head, r.head, sizeof(r.head));
	rec->policy = r.policy;
	rec->timeout_ns = r.timeout_ns;
	rec->settle_ns = r.settle_ns;
	rec->ip_id = r.ip_id;
	rec->cookie_len = r.cookie_len;
	memcpy(rec->cookie, r.cookie, sizeof(r.cookie));
}

/* A turned record of packet i, whose turned probe is written to out. */
static struct record *
turned(size_t i, int64_t now, uint8_t *out)
{
	uint8_t b[BUILD_MAX];
	struct record *rec;

	rec = records_alloc(rs, now);
	assert_non_null(rec);
	fill(rec, packets[i].probe.b, packets[i].probe.len);
	assert_int_not_equal(build_turn(rec, out ? out : b, BUILD_MAX), 0);
	records_turned(rs, rec, now);
	return (rec);
}

/* A list is whole: forwards and backwards, and times do not fall. */
static uint32_t
check_list(const struct record_list *l, int q)
{
	uint32_t slot, prev = RECORD_NONE, n = 0;
	int64_t due = INT64_MIN;

	for (slot = l->head; slot != RECORD_NONE; slot = rs->recs[slot].qnext) {
		assert_true(slot < rs->n && n < rs->n);
		assert_int_equal(rs->recs[slot].qprev, prev);
		assert_int_equal(rs->recs[slot].queue, q);
		if (q != RECORD_Q_MAX) {
			assert_true(rs->recs[slot].due >= due);
			due = rs->recs[slot].due;
		}
		prev = slot;
		n++;
	}
	assert_int_equal(l->tail, prev);
	return (n);
}

/* All that must hold of the whole structure at any time. */
static void
check(void)
{
	uint32_t i, n, slot, prev, indexed, seen;
	int q, x;

	n = check_list(&rs->free, RECORD_Q_MAX);
	assert_int_equal(n + rs->used, rs->n);
	for (q = 0; q < RECORD_Q_MAX; q++)
		n += check_list(&rs->queues[q], q);
	assert_int_equal(n, rs->n);
	indexed = 0;
	for (i = 0; i < rs->n; i++) {
		indexed += rs->recs[i].indexed;
		if (rs->recs[i].state == RECORD_TURNED ||
		    rs->recs[i].state == RECORD_MATCHED)
			assert_true(rs->recs[i].indexed);
		if (rs->recs[i].state == RECORD_PENDING)
			assert_false(rs->recs[i].indexed);
	}
	for (x = 0; x < RECORD_INDEX_MAX; x++) {
		seen = 0;
		for (i = 0; i <= rs->mask; i++) {
			prev = RECORD_NONE;
			for (slot = rs->buckets[x][i]; slot != RECORD_NONE;
			     slot = rs->links[slot].next[x]) {
				assert_true(slot < rs->n && seen < rs->n);
				assert_true(rs->recs[slot].indexed);
				assert_int_equal(rs->links[slot].bucket[x], i);
				assert_int_equal(rs->links[slot].prev[x], prev);
				prev = slot;
				seen++;
			}
		}
		assert_int_equal(seen, indexed);
	}
}

static enum match_verdict
match(const uint8_t *b, size_t len, struct record **rp)
{
	struct match m;

	assert_int_equal(
	    match_read(b[0] >> 4 == 4 ? FAMILY_V4 : FAMILY_V6, b, len, &m), 0);
	return (records_match(rs, &m, rp));
}

static void
sizes(void **state)
{
	(void)state;
	assert_null(records_new(63, test_key));
	assert_null(records_new(65537, test_key));
	records_free(records_new(65536, test_key));
	records_free(NULL);
}

static void
inv03_generations(void **state)
{
	struct record *rec, *got;
	struct msg_id id, old;
	uint32_t i;

	(void)state;
	/* Nothing was issued yet. */
	id.slot = 0;
	id.gen = 1;
	assert_int_equal(records_find(rs, id, &got), RECORD_BAD);
	rec = records_alloc(rs, SECOND);
	id = records_id(rs, rec);
	assert_int_equal(records_find(rs, id, &got), RECORD_LIVE);
	assert_ptr_equal(got, rec);
	for (i = 0; i < 3; i++) {
		old = id;
		if (i == 0)
			old.slot = NRECS;
		else if (i == 1)
			old.gen++;
		else
			old.gen = 0;
		assert_int_equal(records_find(rs, old, &got), RECORD_BAD);
		assert_null(got);
	}
	old = id;
	old.slot = UINT32_MAX;
	assert_int_equal(records_find(rs, old, &got), RECORD_BAD);

	/* Ended by an order: twice; by its deadline: late. */
	records_end(rs, rec, 1);
	assert_int_equal(records_find(rs, id, &got), RECORD_TWICE);
	assert_ptr_equal(got, rec);
	for (i = 0; i < NRECS - 1; i++)
		records_end(rs, records_alloc(rs, SECOND), 0);
	assert_ptr_equal(records_alloc(rs, SECOND), rec);
	old = id;
	id = records_id(rs, rec);
	assert_int_equal(id.slot, old.slot);
	assert_int_equal(id.gen, old.gen + 1);
	assert_int_equal(records_find(rs, old, &got), RECORD_LATE);
	assert_int_equal(records_find(rs, id, &got), RECORD_LIVE);
	records_end(rs, rec, 0);
	assert_int_equal(records_find(rs, id, &got), RECORD_LATE);
	/* A second end changes nothing. */
	records_end(rs, rec, 1);
	assert_int_equal(records_find(rs, id, &got), RECORD_LATE);
	assert_int_equal(records_used(rs), 0);
	check();
}

static void
inv03_generation_wraps(void **state)
{
	struct record *rec, *got;
	struct msg_id id;
	uint32_t i;

	(void)state;
	rec = records_alloc(rs, SECOND);
	rec->gen = UINT32_MAX;
	id = records_id(rs, rec);
	records_end(rs, rec, 1);
	for (i = 0; i < NRECS - 1; i++)
		records_end(rs, records_alloc(rs, SECOND), 0);
	assert_ptr_equal(records_alloc(rs, SECOND), rec);
	/* Never 0; those before are old, those behind were not issued. */
	assert_int_equal(rec->gen, 1);
	assert_int_equal(records_find(rs, id, &got), RECORD_LATE);
	id.gen = 2;
	assert_int_equal(records_find(rs, id, &got), RECORD_BAD);
	id.gen = 0;
	assert_int_equal(records_find(rs, id, &got), RECORD_BAD);
	id.gen = 1;
	assert_int_equal(records_find(rs, id, &got), RECORD_LIVE);
}

static void
exhaustion(void **state)
{
	struct record *rec[NRECS];
	uint32_t i;

	(void)state;
	for (i = 0; i < NRECS; i++) {
		rec[i] = records_alloc(rs, SECOND);
		assert_non_null(rec[i]);
		assert_int_equal(records_id(rs, rec[i]).slot, i);
		assert_int_equal(rec[i]->state, RECORD_PENDING);
	}
	assert_int_equal(records_used(rs), NRECS);
	assert_null(records_alloc(rs, SECOND));
	/* The one that has been free the longest is next. */
	records_end(rs, rec[40], 1);
	records_end(rs, rec[7], 0);
	assert_int_equal(records_used(rs), NRECS - 2);
	assert_ptr_equal(records_alloc(rs, SECOND), rec[40]);
	assert_ptr_equal(records_alloc(rs, SECOND), rec[7]);
	assert_null(records_alloc(rs, SECOND));
	check();
}

static void
inv04_queues(void **state)
{
	struct record *a, *b, *c;

	(void)state;
	assert_true(records_next_due(rs) == INT64_MAX);
	assert_null(records_due(rs, RECORD_Q_ORDER, INT64_MAX));
	a = records_alloc(rs, SECOND);
	assert_true(records_next_due(rs) == SECOND + 250000000);
	assert_null(records_due(rs, RECORD_Q_ORDER, SECOND + 249999999));
	assert_ptr_equal(
	    records_due(rs, RECORD_Q_ORDER, SECOND + 250000000), a);
	records_end(rs, a, 0);

	/* UDP settles, then waits for the timeout; others only wait. */
	a = turned(0, 2 * SECOND, NULL);
	b = turned(1, 2 * SECOND + 1, NULL);
	c = turned(3, 2 * SECOND + 2, NULL);
	assert_null(records_due(rs, RECORD_Q_ORDER, INT64_MAX));
	assert_true(records_next_due(rs) == 2 * SECOND + 400000000);
	assert_ptr_equal(
	    records_due(rs, RECORD_Q_SETTLE, 2 * SECOND + 400000000), a);
	records_settled(rs, a);
	assert_int_equal(a->settled, 1);
	assert_int_equal(a->state, RECORD_TURNED);
	records_settled(rs, a);
	records_settled(rs, b);
	assert_int_equal(b->settled, 0);
	assert_null(records_due(rs, RECORD_Q_SETTLE, 2 * SECOND + 400000001));
	assert_ptr_equal(
	    records_due(rs, RECORD_Q_SETTLE, 2 * SECOND + 400000002), c);
	check();
	assert_null(records_due(rs, RECORD_Q_TIMEOUT, 5 * SECOND));
	assert_ptr_equal(records_due(rs, RECORD_Q_TIMEOUT, 5 * SECOND + 1), b);
	records_matched(rs, c);
	assert_int_equal(c->state, RECORD_MATCHED);
	assert_null(records_due(rs, RECORD_Q_SETTLE, INT64_MAX));
	records_end(rs, b, 0);
	assert_ptr_equal(records_due(rs, RECORD_Q_TIMEOUT, 5 * SECOND + 1), a);
	records_end(rs, a, 0);
	assert_ptr_equal(records_due(rs, RECORD_Q_TIMEOUT, 5 * SECOND + 2), c);
	records_end(rs, c, 1);
	assert_true(records_next_due(rs) == INT64_MAX);

	/* A time without end is no overflow. */
	a = records_alloc(rs, SECOND);
	fill(a, probe_icmp4, sizeof(probe_icmp4));
	a->timeout_ns = UINT64_MAX;
	records_turned(rs, a, SECOND);
	assert_true(records_next_due(rs) == INT64_MAX);
	/* Turned already: not once more. */
	records_turned(rs, a, 9 * SECOND);
	assert_true(a->sent_at == SECOND);
	check();
}

static void
inv12_first_match_wins(void **state)
{
	struct record *rec, *got;
	uint32_t k;
	size_t i;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		const struct packet *e = &packets[i].error;

		assert_int_equal(match(e->b, e->len, &got), MATCH_IS_NOTHING);
		rec = turned(i, SECOND, NULL);
		assert_int_equal(match(e->b, e->len, &got), MATCH_IS_FIRST);
		assert_ptr_equal(got, rec);
		rec->met.cookie = e->b;
		records_matched(rs, rec);
		assert_null(rec->met.cookie);
		assert_int_equal(match(e->b, e->len, &got), MATCH_IS_DUPLICATE);
		assert_null(got);
		/* Also when answered, until the slot is used again. */
		records_end(rs, rec, 1);
		assert_int_equal(match(e->b, e->len, &got), MATCH_IS_DUPLICATE);
		for (k = 0; k < NRECS; k++)
			records_end(rs, records_alloc(rs, SECOND), 0);
		assert_int_equal(match(e->b, e->len, &got), MATCH_IS_NOTHING);

		/* Expired without a match: its error comes too late. */
		rec = turned(i, SECOND, NULL);
		records_end(rs, rec, 0);
		assert_int_equal(match(e->b, e->len, &got), MATCH_IS_NOTHING);
		/* An end that was inferred: answered before. */
		rec = turned(i, SECOND, NULL);
		records_end(rs, rec, 1);
		assert_int_equal(match(e->b, e->len, &got), MATCH_IS_DUPLICATE);
		check();
	}
}

static void
inv12_forged(void **state)
{
	struct record *rec, *got;
	uint8_t b[BUILD_MAX];
	size_t i, at;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		const struct packet *e = &packets[i].error;

		rec = turned(i, SECOND, NULL);
		/* v4: the identification; v6: the cookie, TCP's is seq. */
		at = i < 3 ? 28 + 4 : i == 5 ? 48 + 44 : 48 + 54;
		memcpy(b, e->b, e->len);
		b[at] ^= 1;
		test_sums_write(b, e->len);
		assert_int_equal(match(b, e->len, &got), MATCH_IS_FORGED);
		assert_null(got);
		/* Another port, or sequence number: none of ours. */
		b[at] ^= 1;
		at = i < 3 ? 48 : 88;
		b[at + (i % 3 == 1 ? 7 : 3)] ^= 1;
		test_sums_write(b, e->len);
		assert_int_equal(match(b, e->len, &got), MATCH_IS_NOTHING);
		/* The true one is still the first. */
		assert_int_equal(match(e->b, e->len, &got), MATCH_IS_FIRST);
		records_end(rs, rec, 0);
		/* Nothing is in flight that could be forged. */
		b[at + (i % 3 == 1 ? 7 : 3)] ^= 1;
		b[at = i < 3 ? 32 : i == 5 ? 92 : 102] ^= 1;
		test_sums_write(b, e->len);
		assert_int_equal(match(b, e->len, &got), MATCH_IS_NOTHING);
	}
}

/* A quote of IPv6 that ends before identifier and sequence number. */
static void
short_quote(void **state)
{
	struct record *got;
	uint8_t b[BUILD_MAX];

	(void)state;
	turned(4, SECOND, NULL);
	memcpy(b, error_icmp6, 48 + 44);
	wire_put16(b + 4, 8 + 44);
	test_sums_write(b, 48 + 44);
	assert_int_equal(match(b, 48 + 44, &got), MATCH_IS_NOTHING);
}

static void
mirror(void **state)
{
	struct record *rec, *got;
	size_t i;

	(void)state;
	policy.listen[0].turn = policy.listen[1].turn = TURN_MIRROR;
	for (i = 0; i < NPACKETS; i++) {
		const struct packet *c = &packets[i].client;

		if (c->b == NULL)
			continue;
		assert_int_equal(match(c->b, c->len, &got), MATCH_IS_NOTHING);
		rec = turned(i, SECOND, NULL);
		assert_int_equal(match(c->b, c->len, &got), MATCH_IS_FIRST);
		assert_ptr_equal(got, rec);
		rec->cookie[0] ^= 1;
		assert_int_equal(match(c->b, c->len, &got), MATCH_IS_FORGED);
		rec->cookie[0] ^= 1;
		records_matched(rs, rec);
		assert_int_equal(match(c->b, c->len, &got), MATCH_IS_DUPLICATE);
		check();
	}
}

/*
 * One flow fills the table: each probe is still found by what only we know,
 * and a forged error costs a bounded walk.
 */
static void
one_flow(void **state)
{
	struct record *rec[NRECS], *got;
	uint8_t b[BUILD_MAX], out[BUILD_MAX];
	uint32_t i;

	(void)state;
	for (i = 0; i < NRECS; i++) {
		rec[i] = records_alloc(rs, SECOND);
		fill(rec[i], probe_udp4, sizeof(probe_udp4));
		rec[i]->ip_id = (uint16_t)(100 + i);
		assert_int_not_equal(build_turn(rec[i], out, sizeof(out)), 0);
		records_turned(rs, rec[i], SECOND);
	}
	check();
	memcpy(b, error_udp4, sizeof(error_udp4));
	for (i = 0; i < NRECS; i++) {
		wire_put16(b + 28 + 4, (uint16_t)(100 + i));
		test_sums_write(b, sizeof(error_udp4));
		assert_int_equal(
		    match(b, sizeof(error_udp4), &got), MATCH_IS_FIRST);
		assert_ptr_equal(got, rec[i]);
	}
	wire_put16(b + 28 + 4, 99);
	test_sums_write(b, sizeof(error_udp4));
	assert_int_equal(match(b, sizeof(error_udp4), &got), MATCH_IS_FORGED);
	/* Only the oldest are in flight, farther than the walk goes. */
	for (i = RECORD_WALK_MAX; i < NRECS; i++)
		records_end(rs, rec[i], 0);
	assert_int_equal(match(b, sizeof(error_udp4), &got), MATCH_IS_NOTHING);
}

/* One step of a random life. */
static void
step(uint32_t *st, int64_t now)
{
	uint8_t probe[WIRE_PROBE_MAX], out[BUILD_MAX];
	struct record *rec;
	size_t len;

	rec = &rs->recs[test_random(st) % rs->n];
	switch (test_random(st) % 6) {
	case 0:
	case 1:
		if ((rec = records_alloc(rs, now)) == NULL)
			return;
		len = test_probe(st, &policy, probe);
		fill(rec, probe, len);
		rec->ip_id = (uint16_t)(1 + test_random(st) % 1000);
		rec->timeout_ns = test_random(st);
		rec->settle_ns = test_random(st) % 1000;
		break;
	case 2:
		if (rec->state == RECORD_PENDING &&
		    build_turn(rec, out, sizeof(out)) != 0)
			records_turned(rs, rec, now);
		break;
	case 3:
		records_matched(rs, rec);
		break;
	case 4:
		records_settled(rs, rec);
		break;
	default:
		records_end(rs, rec, (int)(test_random(st) % 2));
		break;
	}
}

static void
random_life(void **state)
{
	uint32_t st = TEST_SEED, i;
	int64_t now = SECOND;

	(void)state;
	for (i = 0; i < 50000; i++) {
		now += test_random(&st) % 1000;
		step(&st, now);
		if (i % 16 == 0)
			check();
	}
	check();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(sizes),
		T(inv03_generations),
		T(inv03_generation_wraps),
		T(exhaustion),
		T(inv04_queues),
		T(inv12_first_match_wins),
		T(inv12_forged),
		T(short_quote),
		T(mirror),
		T(one_flow),
		T(random_life),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
