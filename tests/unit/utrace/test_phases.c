/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * A trace's phases over a network that is made here: prober_phase and what
 * it sends are this file's, time is a number.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/wire.h"
#include "utrace/phases.h"

#define MS   1000000LL
#define HOST 200 /* last byte of addresses: the host, */
#define TURN 201 /* its hop address, */
#define HERE 250 /* and ourselves */

/* The network. */
static struct {
	uint16_t distance;     /* hops to the host, by requests */
	uint16_t longer;       /* so many more by probes */
	uint8_t silent_router; /* from this hop there on so many are silent */
	uint8_t silent_n;
	enum prober_serves serves;
	uint8_t status;      /* what it answers requests for hops */
	uint8_t turns;       /* the host turns probes */
	uint8_t back;        /* routers on the way back */
	uint8_t silent_back; /* this hop back does not answer */
	uint8_t repeats;     /* the end is not us, but stands for us */
	uint8_t own;         /* answers come from the host with objects */
	uint8_t turn;        /* the inflection is from there; 0: silent */
	uint8_t dead;        /* the host answers no probe */
} net;

/* What was sent up. */
static struct {
	uint8_t from[HOP_TTL_MAX + 1]; /* last byte; 0: lost */
	uint16_t n;                    /* the last hop's number */
	uint16_t turn, first, here;
	enum trace_by by;
} up;

static struct prober p;
static struct prober_conf conf;

int
prober_send_hop(struct prober *pr, const struct hop *h, uint16_t ttl)
{
	(void)pr;
	assert_true(ttl > up.n);
	assert_int_equal(hop_check(h), 0);
	up.n = ttl;
	up.from[ttl] = h->nanswers == 0 ? 0 : h->answers[0].from.addr.b[3];
	if (h->nanswers != 0 && h->answers[0].router.known)
		up.from[ttl] = h->answers[0].router.addr.b[3];
	return (0);
}

int
prober_send_back(
    struct prober *pr, uint16_t turn, uint16_t first, enum trace_by by)
{
	(void)pr;
	/* Before the hop itself. */
	assert_true(turn == 0 || turn >= up.n);
	up.turn = turn;
	up.first = first;
	up.by = by;
	return (0);
}

int
prober_send_here(struct prober *pr, uint16_t ttl)
{
	(void)pr;
	assert_true(ttl > up.n);
	up.here = ttl;
	return (0);
}

static struct addr
addr(uint8_t last)
{
	struct addr a;

	memset(&a, 0, sizeof(a));
	a.b[0] = 192;
	a.b[3] = last;
	return (a);
}

/* Routers there are 1, 2, 3..., routers back 101, 102... */
static uint8_t
way_back(uint16_t hop)
{
	if (hop <= net.back)
		return ((uint8_t)(100 + hop));
	return (net.repeats ? 99 : HERE);
}

static int
answer_request(uint16_t hop, struct answer *a)
{
	a->kind = ANSWER_REPLY;
	a->to_request = 1;
	a->from = addr(HOST);
	a->status = net.status;
	a->rtt_ns = 5000000;
	if (net.status != 0)
		return (1);
	if (hop == net.silent_back)
		return (0);
	a->has_hop = 1;
	a->hop = addr(way_back(hop));
	return (1);
}

/* A probe that got to the host with this TTL. */
static int
answer_host(uint16_t left, struct answer *a)
{
	uint8_t hop;

	a->kind = ANSWER_TIMEX;
	if (net.dead)
		return (0);
	if (!net.turns || left > net.back + 1) {
		a->kind = ANSWER_ECHO;
		a->from = addr(HOST);
		return (1);
	}
	if (left == 1) {
		a->from = addr(net.turn);
		return (net.turn != 0);
	}
	if (left - 1 == net.silent_back)
		return (0);
	hop = way_back((uint16_t)(left - 1));
	a->from = addr(net.own ? net.turn : hop);
	if (net.own) {
		if (net.turn == 0)
			a->from = addr(HOST);
		a->object.is_signed = a->object.router.known = 1;
		a->object.router.addr = addr(hop);
	}
	return (1);
}

static int
answer(const struct phase *ph, uint16_t ttl, struct answer *a)
{
	uint16_t distance = net.distance;

	memset(a, 0, sizeof(*a));
	if (ph->sends == PHASE_REQUESTS)
		return (answer_request(ttl, a));
	a->to_request = ph->sends == PHASE_TESTS;
	if (!a->to_request)
		distance = (uint16_t)(distance + net.longer);
	if ((ph->ttl != 0 ? ph->ttl : ttl) < distance) {
		a->kind = ANSWER_TIMEX;
		a->from = addr((uint8_t)ttl);
		return (ttl < net.silent_router ||
		    ttl >= net.silent_router + net.silent_n);
	}
	if (!a->to_request)
		return (answer_host((uint16_t)(ttl - distance + 1), a));
	a->kind = ANSWER_REPLY;
	a->from = addr(HOST);
	a->status = net.serves == PROBER_SERVES ? AUGSBURG_BAD_TTL : 0;
	return (net.serves != PROBER_MUTE);
}

/* Each answer comes after 10 ms, before the next probe. */
int
prober_phase(struct prober *pr, const struct phase *ph)
{
	struct answer a;
	int64_t now = 0;
	uint16_t ttl, token;

	survey_init(&pr->survey, &ph->conf, now);
	for (;;) {
		while (survey_due(&pr->survey, now, &ttl)) {
			token = tokens_next(&pr->tokens);
			assert_int_not_equal(token, 0);
			survey_sent(&pr->survey, token, now);
			if (answer(ph, ttl, &a)) {
				a.token = token;
				ph->answer(pr, &a, now + 10 * MS);
			}
		}
		assert_int_equal(ph->step(pr), 0);
		if (survey_over(&pr->survey))
			return (0);
		now = survey_deadline(&pr->survey);
		assert_true(now < 600 * 1000 * MS);
		survey_expire(&pr->survey, now);
	}
}

/* A host behind three routers, five on the way back. */
static void
network(enum prober_serves serves)
{
	memset(&net, 0, sizeof(net));
	net.distance = 4;
	net.serves = serves;
	net.turns = 1;
	net.back = 5;
	net.turn = HOST;
	net.own = 1;
	memset(&conf, 0, sizeof(conf));
	conf.first = 1;
	conf.max = PROBER_TTL;
	conf.probes = 3;
	conf.wait_ns = 2000 * MS;
}

static void
trace(void)
{
	memset(&p, 0, sizeof(p));
	memset(&up, 0, sizeof(up));
	p.conf = &conf;
	p.flow.family = FAMILY_V4;
	p.flow.src = addr(HERE);
	p.flow.dst = addr(HOST);
	tokens_init(&p.tokens);
	assert_int_equal(phases_run(&p), 0);
}

/* Hops from 1 on: there, the inflection, back; all of them. */
static void
assert_hops(const uint8_t *want, size_t n)
{
	assert_int_equal(up.n, n);
	assert_memory_equal(up.from + 1, want, n);
}

#define ASSERT_HOPS(...)                              \
	assert_hops((const uint8_t[]){ __VA_ARGS__ }, \
	    sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void
assert_back(uint16_t turn, uint16_t here, enum trace_by by)
{
	assert_int_equal(up.turn, turn);
	assert_int_equal(up.here, here);
	assert_int_equal(up.by, by);
}

/* Wherever the host answers from, the way there ends in the right place. */
static void
phases_by_request(void **state)
{
	static const uint8_t turns[] = { HOST, TURN, 0 };
	size_t i, k;

	(void)state;
	for (i = 0; i < 3; i++)
		for (k = 0; k < 2; k++) {
			network(PROBER_SERVES);
			net.turn = turns[i];
			net.own = (uint8_t)k;
			trace();
			ASSERT_HOPS(
			    1, 2, 3, turns[i], 101, 102, 103, 104, 105, HERE);
			assert_back(4, 10, TRACE_BY_REQUEST);
			assert_int_equal(p.end.serves, PROBER_SERVES);
			assert_true(p.end.reached);
		}
	/* One that turns nothing. */
	network(PROBER_SERVES);
	net.turns = 0;
	net.repeats = 1;
	trace();
	ASSERT_HOPS(1, 2, 3, HOST, 101, 102, 103, 104, 105, 99);
	assert_back(4, 10, TRACE_BY_REQUEST);
}

/* Next to us, with every inflection. */
static void
phases_adjacent(void **state)
{
	network(PROBER_SERVES);
	(void)state;
	net.distance = 1;
	net.turn = TURN;
	net.back = 1;
	trace();
	ASSERT_HOPS(TURN, 101, HERE);
	assert_back(1, 3, TRACE_BY_REQUEST);
	/* No router between: the second probe is its last. */
	net.back = 0;
	trace();
	ASSERT_HOPS(TURN, HERE);
	assert_back(1, 2, TRACE_BY_REQUEST);
}

/* The probes' way is longer than the requests'. */
static void
phases_longer(void **state)
{
	(void)state;
	network(PROBER_SERVES);
	net.longer = 1;
	net.turns = 0;
	trace();
	ASSERT_HOPS(1, 2, 3, 4, HOST, 101, 102, 103, 104, 105, HERE);
	assert_back(5, 11, TRACE_BY_REQUEST);
	network(PROBER_ECHOES);
	net.longer = 1;
	net.turns = 0;
	trace();
	ASSERT_HOPS(1, 2, 3, 4, HOST);
	assert_int_equal(up.by, TRACE_BY_INPUT);
}

static void
phases_silence(void **state)
{
	(void)state;
	network(PROBER_SERVES);
	net.silent_router = 2;
	net.silent_n = 1;
	net.silent_back = 3;
	trace();
	ASSERT_HOPS(1, 0, 3, HOST, 101, 102, 0, 104, 105, HERE);
	assert_back(4, 10, TRACE_BY_REQUEST);
	/* The host answers requests, but nothing else. */
	network(PROBER_SERVES);
	net.dead = 1;
	trace();
	ASSERT_HOPS(1, 2, 3, 0, 101, 102, 103, 104, 105, HERE);
	assert_back(4, 10, TRACE_BY_REQUEST);
	/* Nobody is there: six silent hops. */
	network(PROBER_MUTE);
	net.dead = 1;
	trace();
	ASSERT_HOPS(1, 2, 3, 0, 0, 0, 0, 0, 0);
	assert_false(p.end.reached);
	/* Silence before the host, but it is known to be there. */
	network(PROBER_ECHOES);
	net.distance = 12;
	net.turns = 0;
	net.silent_router = 4;
	net.silent_n = 7;
	trace();
	ASSERT_HOPS(1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 11, HOST);
}

static void
phases_refused(void **state)
{
	(void)state;
	network(PROBER_SERVES);
	net.status = AUGSBURG_BAD_PROTO;
	trace();
	/* It goes on as if there were no requests. */
	ASSERT_HOPS(1, 2, 3, HOST, 101, 102, 103, 104, 105, HOST);
	assert_back(4, 0, TRACE_BY_TURN);
	assert_int_equal(p.end.status, AUGSBURG_BAD_PROTO);
	conf.mode = PROBER_REQUEST;
	trace();
	ASSERT_HOPS(1, 2, 3, HOST);
	assert_back(4, 0, TRACE_BY_REQUEST);
	/* And the host turns nothing. */
	conf.mode = PROBER_AUTO;
	net.turns = 0;
	trace();
	ASSERT_HOPS(1, 2, 3, HOST);
}

/* Who stands for us answers again and again: once is enough. */
static void
phases_repeat(void **state)
{
	(void)state;
	network(PROBER_SERVES);
	net.repeats = 1;
	trace();
	ASSERT_HOPS(1, 2, 3, HOST, 101, 102, 103, 104, 105, 99);
	assert_back(4, 10, TRACE_BY_REQUEST);
}

static void
phases_by_turn(void **state)
{
	static const uint8_t turns[] = { HOST, TURN, 0 };
	size_t i, k;

	(void)state;
	for (i = 0; i < 3; i++)
		for (k = 0; k < 2; k++) {
			network(PROBER_ECHOES);
			net.turn = turns[i];
			net.own = (uint8_t)k;
			trace();
			ASSERT_HOPS(
			    1, 2, 3, turns[i], 101, 102, 103, 104, 105, HOST);
			assert_int_equal(up.by, TRACE_BY_TURN);
			assert_int_equal(up.turn, 4);
		}
	/* Where requests get no answer, what the hops say must do. */
	network(PROBER_MUTE);
	trace();
	ASSERT_HOPS(1, 2, 3, HOST, 101, 102, 103, 104, 105, HOST);
	assert_int_equal(up.by, TRACE_BY_INPUT);
	/* Both ways are as long as the user lets them be. */
	conf.max = 4;
	trace();
	ASSERT_HOPS(1, 2, 3, HOST, 101, 102, 103, 104);
	conf.max = 3;
	trace();
	ASSERT_HOPS(1, 2, 3);
}

static void
phases_modes(void **state)
{
	(void)state;
	network(PROBER_SERVES);
	conf.mode = PROBER_TURN;
	trace();
	ASSERT_HOPS(1, 2, 3, HOST, 101, 102, 103, 104, 105, HOST);
	assert_int_equal(up.by, TRACE_BY_TURN);
	network(PROBER_ECHOES);
	conf.mode = PROBER_REQUEST;
	trace();
	ASSERT_HOPS(1, 2, 3, HOST);
	assert_int_equal(up.by, TRACE_BY_INPUT);
	/* Nothing but the objects says that a hop is behind the host. */
	network(PROBER_MUTE);
	conf.mode = PROBER_REQUEST;
	net.turn = TURN;
	trace();
	ASSERT_HOPS(1, 2, 3, TURN);
	/* The host is farther away than the user looks. */
	network(PROBER_SERVES);
	conf.max = 2;
	trace();
	ASSERT_HOPS(1, 2, 101, 102);
	assert_back(0, 0, TRACE_BY_REQUEST);
	assert_int_equal(up.first, 3);
	network(PROBER_SERVES);
	conf.first = 3;
	trace();
	assert_int_equal(up.from[2], 0);
	assert_int_equal(up.from[3], 3);
	assert_int_equal(up.here, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phases_by_request),
		cmocka_unit_test(phases_adjacent),
		cmocka_unit_test(phases_longer),
		cmocka_unit_test(phases_silence),
		cmocka_unit_test(phases_refused),
		cmocka_unit_test(phases_repeat),
		cmocka_unit_test(phases_by_turn),
		cmocka_unit_test(phases_modes),
	};

	return (cmocka_run_group_tests_name("phases", tests, NULL, NULL));
}
