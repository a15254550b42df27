/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Answers that TURN told ahead: when one is due, and what it says. */

#include <string.h>

#include "tests/fuzz/bench.h"

/* The router's address can be a source (3.17). */
static int
bench_is_source(const struct bench *b, const struct bench_probe *s)
{
	enum family f = s->probe.p.family;
	const struct addr *a = &s->met.router;

	return (!addr_is_martian(f, a) && !policy_is_own(b->policy, f, a));
}

/* Nor was it ours when the probe came, before a reload. */
static int
bench_was_source(const struct bench *b, const struct bench_probe *s)
{
	const struct policy_listen *l = &s->probe.listen;
	const struct addr *a = &s->met.router;
	struct addr net = *a;

	if (!bench_is_source(b, s) || addr_equal(a, &l->addr) ||
	    (!addr_is_zero(&l->hop_addr) && addr_equal(a, &l->hop_addr)) ||
	    (!addr_is_zero(&l->public_addr) && addr_equal(a, &l->public_addr)))
		return (0);
	if (l->hop_prefix_len == 0)
		return (1);
	addr_mask(l->family, &net, l->hop_prefix_len);
	return (!addr_equal(&net, &l->hop_prefix));
}

/* Nothing about what was met is left to decide. */
static int
bench_is_plain(const struct bench *b, const struct bench_probe *s)
{
	const struct match *m = &s->met;
	enum family f = s->probe.p.family;

	/* Before settle: then FINAL is under way. */
	if (s->ahead == 0 || s->settled)
		return (0);
	if (m->kind != MATCH_ERROR || m->icmp_code != 0 ||
	    m->icmp_type != (f == FAMILY_V4 ? 11 : 3))
		return (0);
	/* RFC 4884: 128 bytes of quote, two headers. */
	if (m->datalen >= 136 || addr_equal(&m->router, &s->probe.p.src) ||
	    policy_hidden(b->policy, f, &m->router))
		return (0);
	return (s->probe.listen.relay != RELAY_BOTH || bench_is_source(b, s));
}

/* Unless a cap withheld one: each form that is due, and no other. */
static void
bench_ahead_forms(
    const struct bench *b, const struct bench_probe *s, int capped)
{
	enum policy_relay relay = s->probe.listen.relay;
	int own = 1, router = 0;

	switch (relay) {
	case RELAY_ROUTER:
		router = bench_was_source(b, s);
		own = !router;
		break;
	case RELAY_BOTH:
		router = bench_was_source(b, s) &&
		    check_answer_len(&s->probe, 0) +
			    check_answer_len(&s->probe, b->answer.flags) <=
			5 * s->probe.len;
		break;
	default:
		break;
	}
	if (!capped)
		FUZZ_CHECK(s->own == own && s->router == router);
	FUZZ_CHECK(s->own <= 1 && s->router <= router);
	/* Own form stands in where router form could not be had. */
	FUZZ_CHECK(s->own + s->router <= own + router);
}

int
bench_ahead(struct bench *b, struct bench_probe *s, struct record *rec)
{
	struct stats before;
	struct record *found;
	size_t first, i;
	uint64_t expired, late;
	int capped, due;

	if (OUTBOX_MAX - b->out->n < ORDERS_ROOM)
		bench_send(b, 0);
	before = b->stats;
	first = b->out->n;
	due = bench_is_plain(b, s);
	FUZZ_CHECK(orders_ahead(&b->orders, rec, b->now) == due);
	if (!due) {
		FUZZ_CHECK(b->out->n == first &&
		    memcmp(&before, &b->stats, sizeof(before)) == 0);
		FUZZ_CHECK(records_find(b->orders.records, s->id, &found) ==
		    RECORD_LIVE);
		return (0);
	}
	FUZZ_CHECK(
	    records_find(b->orders.records, s->id, &found) == RECORD_TWICE);
	/* The same as if the engine had been asked. */
	b->order = MSG_ANSWER;
	memset(&b->answer, 0, sizeof(b->answer));
	b->answer.flags = s->ahead & 0x7f;
	for (i = first; i < b->out->n; i++)
		bench_packet(b, s, &b->out->pkt[i]);
	b->order = 0;
	capped = memcmp(before.stat[STAT_CAPPED], b->stats.stat[STAT_CAPPED],
		     sizeof(before.stat[STAT_CAPPED])) != 0;
	bench_ahead_forms(b, s, capped);
	expired =
	    b->stats.stat[STAT_EXPIRED][s->probe.p.family][s->probe.p.proto] -
	    before.stat[STAT_EXPIRED][s->probe.p.family][s->probe.p.proto];
	late = b->stats.stat[STAT_LATE][s->probe.p.family][s->probe.p.proto] -
	    before.stat[STAT_LATE][s->probe.p.family][s->probe.p.proto];
	FUZZ_CHECK(expired == (b->out->n == first) && late == 0);
	s->state = BENCH_DONE;
	s->ended_ahead = 1;
	return (1);
}
