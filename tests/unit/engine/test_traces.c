/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "tests/unit/engine/tracing.h"

static void
test_run(void **state)
{
	struct fixture *f = *state;
	struct addr r;

	probe(f, 1, 1, 0);
	assert_int_equal(f->ev.n, 1);
	expect_event(f, 0, EVENT_BEGAN, 0);
	assert_int_equal(f->ev.ev[0].client.b[3], 1);
	assert_int_equal(f->ev.ev[0].listen.b[3], 53);
	run(f, 1, 10, 4);
	assert_int_equal(f->ev.n, 1);
	expect_event(f, 0, EVENT_ANSWERED, 4);
	assert_int_equal(f->ev.ev[0].rtt_us, 400);
	f->now += 2 * NS_PER_S;

	assert_true(copy(f, 1));
	assert_int_equal(f->copy.head.family, FAMILY_V4);
	assert_int_equal(f->copy.head.proto, PROTO_UDP);
	assert_int_equal(f->copy.head.listen.b[3], 53);
	assert_int_equal(f->copy.head.probes, 5);
	assert_int_equal(f->copy.head.begun_us, 2000000);
	assert_int_equal(f->copy.head.seen_us, 2000000);
	assert_int_equal(f->copy.head.end, TRACE_OPEN);
	assert_int_equal(f->copy.head.changed_hop, 0);
	assert_int_equal(f->copy.nhops, 4);
	r = address(192, 13);
	assert_int_equal(f->copy.hop[2].hop, 3);
	assert_true(addr_equal(&f->copy.hop[2].router, &r));
	assert_int_equal(f->copy.hop[2].routers, 1);
	assert_int_equal(f->copy.hop[2].turned, 1);
	assert_int_equal(f->copy.hop[2].answered, 1);
	assert_int_equal(f->copy.hop[2].lost, 0);
	assert_int_equal(f->copy.hop[2].flags, 0);
	assert_false(copy(f, 2));
}

static void
test_times(void **state)
{
	struct fixture *f = *state;
	static const uint32_t us[] = { 500, 100, 310 };
	size_t i;

	for (i = 0; i < 3; i++) {
		probe(f, 1, 2, 1);
		answer(f, 1, 11, us[i]);
	}
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[0].answered, 3);
	assert_int_equal(f->copy.hop[0].rtt_min_us, 100);
	assert_int_equal(f->copy.hop[0].rtt_avg_us, 303);
	assert_int_equal(f->copy.hop[0].rtt_max_us, 500);
}

static void
test_lost(void **state)
{
	struct fixture *f = *state;

	run(f, 1, 10, 3);
	/* Hop 2 lost two, of which one is answered late. */
	probe(f, 1, 3, 8);
	probe(f, 1, 3, 9);
	silence(f, 8, EXPIRY_SETTLE);
	assert_int_equal(f->ev.n, 1);
	expect_event(f, 0, EVENT_LOST, 2);
	silence(f, 9, EXPIRY_SETTLE);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[1].turned, 3);
	assert_int_equal(f->copy.hop[1].answered, 1);
	assert_int_equal(f->copy.hop[1].lost, 2);
	answer(f, 9, 12, 700);
	/* Lost is lost once. */
	silence(f, 8, EXPIRY_TIMEOUT);
	assert_int_equal(f->ev.n, 0);
	silence(f, 9, EXPIRY_TIMEOUT);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[1].answered, 2);
	assert_int_equal(f->copy.hop[1].lost, 1);
	assert_int_equal(f->copy.head.end, TRACE_OPEN);
	/* After its end nothing is matched any more. */
	answer(f, 8, 12, 700);
	assert_int_equal(f->ev.n, 0);
}

static void
test_inferred(void **state)
{
	struct fixture *f = *state;
	uint8_t hop;

	run(f, 1, 10, 2);
	/* Hop 3 is a silent router, 4 answers, the client is hop 5. */
	for (hop = 3; hop <= 8; hop++)
		probe(f, 1, hop + 1, hop);
	silence(f, 3, EXPIRY_SETTLE);
	expect_event(f, 0, EVENT_ENDED, 3);
	assert_int_equal(f->ev.ev[0].end, TRACE_INFERRED);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.head.end, TRACE_INFERRED);
	assert_int_equal(f->copy.head.end_hop, 3);
	assert_int_equal(f->copy.nhops, 2);
	silence(f, 6, EXPIRY_SETTLE);
	assert_int_equal(f->ev.n, 0);
	answer(f, 4, 14, 400);
	assert_true(copy(f, 1));
	/* The probe that was lost behind it counts again. */
	assert_int_equal(f->copy.head.end_hop, 6);
	assert_int_equal(f->copy.nhops, 4);
	assert_int_equal(f->copy.hop[2].lost, 1);
	assert_int_equal(f->copy.hop[2].routers, 0);
	assert_true(addr_is_zero(&f->copy.hop[2].router));
	silence(f, 5, EXPIRY_SETTLE);
	expect_event(f, 0, EVENT_ENDED, 5);
	silence(f, 7, EXPIRY_SETTLE);
	assert_int_equal(f->ev.n, 0);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.head.end_hop, 5);
	assert_int_equal(f->copy.nhops, 4);
}

static void
test_answered(void **state)
{
	struct fixture *f = *state;

	run(f, 1, 10, 2);
	probe(f, 1, 4, 3);
	probe(f, 1, 5, 4);
	probe(f, 1, 6, 5);
	silence(f, 5, EXPIRY_SETTLE);
	expect_event(f, 0, EVENT_ENDED, 5);
	answer_final(f, 4, 1);
	expect_event(f, 0, EVENT_ENDED, 4);
	assert_int_equal(f->ev.ev[0].end, TRACE_ANSWERED);
	answer_final(f, 3, 1);
	assert_int_equal(f->ev.n, 0);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.head.end, TRACE_ANSWERED);
	assert_int_equal(f->copy.head.end_hop, 3);
	assert_int_equal(f->copy.nhops, 3);
	assert_int_equal(f->copy.hop[2].flags, MSG_HOP_CLIENT);
	assert_int_equal(f->copy.hop[2].router.b[3], 1);
	assert_int_equal(f->copy.hop[2].rtt_max_us, 900);
	/* The way became longer. */
	probe(f, 1, 4, 3);
	answer(f, 3, 33, 100);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.head.end, TRACE_INFERRED);
	probe(f, 1, 5, 4);
	answer_final(f, 4, 1);
	expect_event(f, 0, EVENT_ENDED, 4);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.head.end, TRACE_ANSWERED);
	assert_int_equal(f->copy.head.end_hop, 4);
	assert_int_equal(f->copy.hop[2].router.b[3], 33);
}

/* The quote says where the client is, whichever probe it answers. */
static void
test_quoted_ttl(void **state)
{
	static const struct {
		enum family family;
		uint8_t hop; /* of the probe */
		uint8_t left;
		uint8_t want;
	} cases[] = {
		{ FAMILY_V4, 13, 9, 5 },
		{ FAMILY_V6, 13, 9, 5 },
		{ FAMILY_V4, 5, 1, 5 },
		/* Nonsense: a probe gains no hops, and r4 is a router. */
		{ FAMILY_V4, 13, 14, 13 },
		{ FAMILY_V4, 13, 0, 13 },
		{ FAMILY_V4, 13, 255, 13 },
		{ FAMILY_V4, 13, 10, 13 },
	};
	struct fixture *f = *state;
	struct pending_probe p;
	struct msg_match m;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		traces_set(f->t, 0, KEEP);
		traces_set(f->t, 4, KEEP);
		memset(&p, 0, sizeof(p));
		p.family = cases[i].family;
		p.client = address(203, 1);
		p.ttl = 5;
		traces_probe(f->t, 0, &p, f->now, NULL);
		m = error_from(address(192, 4), 1);
		m.icmp_type = p.family == FAMILY_V4 ? ICMP4_TIMEX : ICMP6_TIMEX;
		traces_match(f->t, 0, &m, 0, f->now, NULL);
		p.ttl = cases[i].hop + 1;
		traces_probe(f->t, 0, &p, f->now, NULL);
		m.from_client = 1;
		m.icmp_type =
		    p.family == FAMILY_V4 ? ICMP4_UNREACH : ICMP6_UNREACH;
		m.datalen = 40;
		m.data[p.family == FAMILY_V4 ? 8 : 7] = cases[i].left;
		traces_match(f->t, 0, &m, 0, f->now, &f->ev);
		expect_event(f, 0, EVENT_ENDED, cases[i].want);
		assert_int_equal(count(f), 1);
		(void)traces_next(
		    f->t, &(struct msg_ask){ 0 }, f->now, &f->copy);
		assert_int_equal(f->copy.head.end_hop, cases[i].want);
		assert_int_equal(f->copy.nhops, 2);
		assert_int_equal(f->copy.hop[1].flags, MSG_HOP_CLIENT);
	}
}

static void
test_mirror_kinds(void **state)
{
	static const enum msg_match_kind kinds[] = { MATCH_REPLY, MATCH_RESET };
	struct fixture *f = *state;
	struct msg_match m;
	size_t i;

	for (i = 0; i < 2; i++) {
		probe(f, (uint8_t)(i + 1), 2, 1);
		m = error_from(address(203, (uint8_t)(i + 1)), 10);
		m.kind = kinds[i];
		m.icmp_type = 0;
		m.from_client = 1;
		traces_match(f->t, 1, &m, 0, f->now, &f->ev);
		expect_event(f, 0, EVENT_ENDED, 1);
		assert_true(copy(f, (uint8_t)(i + 1)));
		assert_int_equal(f->copy.head.end, TRACE_ANSWERED);
	}
}

static void
test_unreachable_and_hidden(void **state)
{
	struct fixture *f = *state;
	struct msg_match m = error_from(address(10, 7), 100);

	probe(f, 1, 2, 1);
	m.icmp_type = ICMP4_UNREACH;
	m.icmp_code = 13;
	traces_match(f->t, 1, &m, 1, f->now, &f->ev);
	expect_event(f, 0, EVENT_ANSWERED, 1);
	assert_int_equal(f->ev.ev[0].flags, MSG_HOP_UNREACH | MSG_HOP_HIDDEN);
	assert_int_equal(f->ev.ev[0].icmp_code, 13);
	assert_int_equal(f->ev.ev[0].router.b[0], 10);
	assert_true(copy(f, 1));
	assert_int_equal(
	    f->copy.hop[0].flags, MSG_HOP_UNREACH | MSG_HOP_HIDDEN);
	assert_int_equal(f->copy.hop[0].icmp_type, ICMP4_UNREACH);
	assert_int_equal(f->copy.hop[0].icmp_code, 13);
	assert_int_equal(f->copy.head.end, TRACE_OPEN);
	/* No more: the last answer counts. */
	probe(f, 1, 2, 1);
	answer(f, 1, 7, 1);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[0].flags, 0);
	assert_int_equal(f->copy.hop[0].icmp_code, 0);
}

/* An error with a stack of six labels behind its quote. */
static void
test_labels(void **state)
{
	struct fixture *f = *state;
	struct msg_match m = error_from(address(192, 1), 100);
	uint8_t *ext = m.data + EXT_QUOTE;
	uint8_t i;

	ext[0] = 0x20;
	wire_put16(ext + 4, 4 + 6 * 4);
	ext[6] = EXT_CLASS_MPLS;
	ext[7] = 1;
	for (i = 0; i < 6; i++)
		wire_put32(ext + 8 + 4 * (size_t)i, (16U + i) << 12 | 1);
	m.datalen = EXT_QUOTE + 4 + 4 + 6 * 4;
	m.ext_len = EXT_QUOTE / 4;
	probe(f, 1, 2, 1);
	traces_match(f->t, 1, &m, 1, f->now, &f->ev);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[0].nlabels, MSG_LABELS_MAX);
	assert_int_equal(f->copy.hop[0].label[0], 16 << 12 | 1);
	assert_int_equal(f->copy.hop[0].label[3], 19 << 12 | 1);
	probe(f, 1, 2, 1);
	answer(f, 1, 1, 100);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[0].nlabels, 0);
}

static void
test_anew_after_silence(void **state)
{
	struct fixture *f = *state;

	run(f, 1, 10, 3);
	f->now += TRACES_SILENCE_NS;
	probe(f, 1, 2, 1);
	assert_int_equal(f->ev.n, 0);
	probe(f, 1, 4, 3);
	f->now += TRACES_SILENCE_NS + 1;
	probe(f, 1, 2, 1);
	assert_int_equal(f->ev.n, 1);
	expect_event(f, 0, EVENT_BEGAN, 0);
	/* A probe of the former run counts no more. */
	answer(f, 3, 13, 5);
	assert_int_equal(f->ev.n, 0);
	answer(f, 1, 11, 5);
	assert_int_equal(f->ev.n, 1);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.head.probes, 1);
	assert_int_equal(f->copy.head.begun_us, 0);
	assert_int_equal(f->copy.nhops, 1);
	assert_int_equal(f->copy.hop[0].answered, 1);
	assert_int_equal(f->copy.hop[0].rtt_max_us, 5);
	assert_int_equal(f->copy.hop[0].routers, 1);
	assert_int_equal(count(f), 1);
}

static void
test_changed(void **state)
{
	struct fixture *f = *state;

	run(f, 1, 10, 4);
	f->now += TRACES_SILENCE_NS + 1;
	probe(f, 1, 2, 1);
	answer(f, 1, 11, 5);
	assert_int_equal(f->ev.n, 1);
	probe(f, 1, 3, 2);
	answer(f, 2, 99, 5);
	assert_int_equal(f->ev.n, 2);
	expect_event(f, 0, EVENT_ANSWERED, 2);
	expect_event(f, 1, EVENT_CHANGED, 2);
	assert_int_equal(f->ev.ev[1].router.b[3], 99);
	assert_int_equal(f->ev.ev[1].former.b[3], 12);
	/* Another one farther away: it is told, but the nearest is kept. */
	probe(f, 1, 5, 4);
	answer(f, 4, 77, 5);
	expect_event(f, 1, EVENT_CHANGED, 4);
	f->now += NS_PER_S;
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.head.changed_hop, 2);
	assert_int_equal(f->copy.head.changed_us, 1000000);
	assert_int_equal(f->copy.head.changed_from.b[3], 12);
	assert_int_equal(f->copy.head.changed_to.b[3], 99);
	/* A run that does not get so far forgets nothing. */
	f->now += TRACES_SILENCE_NS + 1;
	probe(f, 1, 2, 1);
	answer(f, 1, 11, 5);
	f->now += TRACES_SILENCE_NS + 1;
	probe(f, 1, 3, 2);
	answer(f, 2, 99, 5);
	assert_int_equal(f->ev.n, 1);
	probe(f, 1, 4, 3);
	answer(f, 3, 98, 5);
	expect_event(f, 1, EVENT_CHANGED, 3);
	assert_int_equal(f->ev.ev[1].former.b[3], 13);
}

/* A run in which a hop is silent does not make it forget who was there. */
static void
test_changed_behind_silence(void **state)
{
	struct fixture *f = *state;

	run(f, 1, 10, 2);
	f->now += TRACES_SILENCE_NS + 1;
	probe(f, 1, 2, 1);
	silence(f, 1, EXPIRY_TIMEOUT);
	f->now += TRACES_SILENCE_NS + 1;
	probe(f, 1, 2, 1);
	answer(f, 1, 99, 5);
	expect_event(f, 1, EVENT_CHANGED, 1);
	assert_int_equal(f->ev.ev[1].former.b[3], 11);
}

/* Within one run, and among the routers of the former one, it is no change. */
static void
test_balanced(void **state)
{
	struct fixture *f = *state;
	uint8_t r;

	for (r = 1; r <= 2; r++) {
		probe(f, 1, 2, 1);
		answer(f, 1, r, 5);
		assert_int_equal(f->ev.n, 1);
	}
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[0].routers, 2);
	f->now += TRACES_SILENCE_NS + 1;
	probe(f, 1, 2, 1);
	answer(f, 1, 1, 5);
	assert_int_equal(f->ev.n, 1);
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[0].routers, 1);
	for (r = 1; r <= 9; r++) {
		probe(f, 1, 2, 1);
		answer(f, 1, r, 5);
		assert_int_equal(f->ev.n, 1);
	}
	assert_true(copy(f, 1));
	assert_int_equal(f->copy.hop[0].routers, MSG_HOP_ROUTERS);
	assert_int_equal(f->copy.hop[0].router.b[3], 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_run),
		TEST(test_times),
		TEST(test_lost),
		TEST(test_inferred),
		TEST(test_answered),
		TEST(test_quoted_ttl),
		TEST(test_mirror_kinds),
		TEST(test_unreachable_and_hidden),
		TEST(test_labels),
		TEST(test_anew_after_silence),
		TEST(test_changed),
		TEST(test_changed_behind_silence),
		TEST(test_balanced),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
