/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_UNIT_ENGINE_TRACING_H
#define TESTS_UNIT_ENGINE_TRACING_H

/* Probes, answers and silence for the tests of traces. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/loop.h"
#include "common/wire.h"
#include "engine/traces_int.h"

#define SLOTS 64
#define START (1000 * NS_PER_S)
#define KEEP  (600ULL * NS_PER_S)

static const uint8_t secret[16] = { 1, 2, 3 };

struct fixture {
	struct traces *t;
	int64_t now;
	struct traces_events ev;
	struct traces_copy copy;
};

static inline struct addr
address(uint8_t net, uint8_t host)
{
	struct addr a;

	memset(&a, 0, sizeof(a));
	a.b[0] = net;
	a.b[3] = host;
	return (a);
}

static inline int
setup_with(void **state, uint32_t n)
{
	struct fixture *f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (-1);
	f->t = traces_new(n, SLOTS, secret);
	f->now = START;
	*state = f;
	if (f->t == NULL)
		return (-1);
	traces_set(f->t, n, KEEP);
	return (0);
}

static inline int
setup(void **state)
{
	return (setup_with(state, 4));
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	traces_free(f->t);
	free(f);
	return (0);
}

/* A UDP probe of client 203.0.0.c with this ttl, in slot. */
static inline void
probe(struct fixture *f, uint8_t client, uint8_t ttl, uint32_t slot)
{
	struct pending_probe p;

	memset(&p, 0, sizeof(p));
	p.family = FAMILY_V4;
	p.proto = PROTO_UDP;
	p.ttl = ttl;
	p.len = 60;
	p.client = address(203, client);
	p.listen = address(198, 53);
	traces_probe(f->t, slot, &p, f->now, &f->ev);
}

static inline struct msg_match
error_from(struct addr router, uint32_t rtt_us)
{
	struct msg_match m;

	memset(&m, 0, sizeof(m));
	m.kind = MATCH_ERROR;
	m.icmp_type = ICMP4_TIMEX;
	m.router = router;
	m.rtt_ns = (uint64_t)rtt_us * 1000;
	return (m);
}

/* The router 192.0.0.r answers the probe in slot. */
static inline void
answer(struct fixture *f, uint32_t slot, uint8_t r, uint32_t rtt_us)
{
	struct msg_match m = error_from(address(192, r), rtt_us);

	traces_match(f->t, slot, &m, 0, f->now, &f->ev);
}

/* The client itself says port unreachable. */
static inline void
answer_final(struct fixture *f, uint32_t slot, uint8_t client)
{
	struct msg_match m = error_from(address(203, client), 900);

	m.icmp_type = ICMP4_UNREACH;
	m.icmp_code = ICMP4_UNREACH_PORT;
	m.from_client = 1;
	traces_match(f->t, slot, &m, 0, f->now, &f->ev);
}

static inline void
silence(struct fixture *f, uint32_t slot, enum msg_expiry expiry)
{
	traces_silent(f->t, slot, expiry, &f->ev);
}

/* One probe for each reverse hop of 1..n, answered by routers base + hop. */
static inline void
run(struct fixture *f, uint8_t client, uint8_t base, uint8_t n)
{
	uint8_t hop;

	for (hop = 1; hop <= n; hop++) {
		probe(f, client, hop + 1, hop);
		answer(f, hop, base + hop, 100U * hop);
	}
}

/* The client's trace into f->copy; 0: there is none. */
static inline int
copy(struct fixture *f, uint8_t client)
{
	struct msg_ask ask = { 0, 1, FAMILY_V4, address(203, client) };

	memset(&f->copy, 0xee, sizeof(f->copy));
	return (traces_next(f->t, &ask, f->now, &f->copy) != 0);
}

static inline size_t
count(struct fixture *f)
{
	struct msg_ask ask = { 0 };
	size_t n = 0;

	while ((ask.from = traces_next(f->t, &ask, f->now, &f->copy)) != 0)
		n++;
	return (n);
}

static inline void
expect_event(
    const struct fixture *f, size_t i, enum event_kind kind, uint8_t hop)
{
	assert_true(i < f->ev.n);
	assert_int_equal(f->ev.ev[i].kind, kind);
	assert_int_equal(f->ev.ev[i].hop, hop);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif /* TESTS_UNIT_ENGINE_TRACING_H */
