/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Answers that TURN told ahead: what is plain is answered without a question,
 * as the same ANSWER would answer it, and nothing else is.
 */

#include <sys/socket.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/imsg.h"
#include "common/msg.h"
#include "priv/orders.h"
#include "tests/unit/priv/turned.h"

#define AHEAD MSG_TURN_AHEAD
#define ADDR  MSG_ANSWER_ADDR
#define NAME  MSG_ANSWER_NAME
#define RTT   MSG_ANSWER_RTT
#define TWICE "a second order for a probe that is done"
#define OVER  "an answer ahead that is over the sum of its probe"

static const uint8_t flags[] = { 0, ADDR, ADDR | NAME, ADDR | RTT,
	ADDR | NAME | RTT };
#define NFLAGS (sizeof(flags) / sizeof(flags[0]))

static const enum policy_relay relays[] = { RELAY_OWN, RELAY_ROUTER,
	RELAY_BOTH };
#define NRELAYS (sizeof(relays) / sizeof(relays[0]))

static const char *const routers[FAMILY_MAX] = { "203.0.113.1",
	"2001:db8:113::1" };

/* The caps have room again, the verdicts' list, too. */
static void
again(struct bench *b)
{
	b->now += SECOND;
	b->nverdicts = 0;
}

/* Time exceeded from this router; NULL: the client. */
static void
timex(struct bench *b, struct record *rec, const char *router)
{
	met(b, rec, router,
	    rec->probe.family == FAMILY_V4 ? ICMP4_TIMEX : ICMP6_TIMEX, 0);
	rec->rtt_ns = 1234567;
}

/* It has ended as if by an order: all that comes now is one too many. */
static void
expect_over(struct bench *b, struct msg_id id)
{
	static const uint32_t all[] = { MSG_PASS, MSG_DROP, MSG_TURN,
		MSG_INFLECT, MSG_ANSWER, MSG_FINAL };
	struct record *rec;
	size_t i;

	assert_int_equal(
	    records_find(b->orders.records, id, &rec), RECORD_TWICE);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(order(b, all[i], id), -1);
		assert_string_equal(b->why, TWICE);
	}
}

/* Not answered: nothing has happened, and an order is waited for. */
static void
expect_asked(struct bench *b, struct record *rec, struct msg_id id)
{
	struct stats before = b->stats;
	struct record *found;

	assert_int_equal(orders_ahead(&b->orders, rec, b->now), 0);
	assert_int_equal(b->out.n, 0);
	assert_memory_equal(&before, &b->stats, sizeof(before));
	assert_int_equal(rec->answered, 0);
	assert_int_equal(
	    records_find(b->orders.records, id, &found), RECORD_LIVE);
}

/* With the same flags: by ANSWER, then ahead.  Returns how many packets. */
static size_t
compare(struct bench *b, const struct packet_set *set, uint8_t what)
{
	static struct outbox by_order;
	struct record *rec;
	struct msg_answer ma;
	struct msg_id id;
	uint64_t relayed;
	size_t i, sum;

	again(b);
	rec = turned(b, set->probe.b, set->probe.len, &id);
	timex(b, rec, routers[rec->probe.family]);
	memset(&ma, 0, sizeof(ma));
	ma.id = id;
	ma.flags = what;
	assert_int_equal(msg_put_answer(&b->engine, &ma), 0);
	assert_int_equal(deliver(b), 0);
	by_order = b->out;
	send_all(b, rec, 0);

	rec = turned_ahead(b, set->probe.b, set->probe.len, &id, AHEAD | what);
	timex(b, rec, routers[rec->probe.family]);
	relayed =
	    b->stats.stat[STAT_RELAYED][rec->probe.family][rec->probe.proto];
	assert_int_equal(orders_ahead(&b->orders, rec, b->now), 1);
	assert_int_equal(b->out.n, by_order.n);
	for (i = 0, sum = 0; i < by_order.n; i++) {
		assert_int_equal(b->out.pkt[i].kind, OUT_ANSWER);
		assert_int_equal(b->out.pkt[i].again, by_order.pkt[i].again);
		assert_int_equal(b->out.pkt[i].len, by_order.pkt[i].len);
		assert_memory_equal(b->out.pkt[i].buf, by_order.pkt[i].buf,
		    by_order.pkt[i].len);
		sum += by_order.pkt[i].len;
	}
	assert_int_equal(rec->answered, sum);
	if (rec->policy.relay == RELAY_OWN && what == (ADDR | NAME)) {
		assert_int_equal(b->out.pkt[0].len, set->own.len);
		assert_memory_equal(
		    b->out.pkt[0].buf, set->own.b, set->own.len);
	}
	send_all(b, rec, 0);
	assert_int_equal(
	    b->stats.stat[STAT_RELAYED][rec->probe.family][rec->probe.proto],
	    relayed + 1);
	expect_over(b, id);
	return (by_order.n);
}

static size_t
own_len(enum family f, size_t probe_len, uint8_t what)
{
	size_t len = f == FAMILY_V4 ? 28 : 48;

	if (what == 0)
		return (len + (probe_len < 128 ? probe_len : 128));
	len += 128 + 4 + 8 + (f == FAMILY_V4 ? 4 : 16);
	return (len + (what & NAME ? 8 : 0) + (what & RTT ? 8 : 0));
}

/* Every kind of probe, mode and content, byte for byte. */
static void
ahead_sends_what_the_same_answer_sends(void **state)
{
	static const size_t forms[] = { 1, 1, 2 };
	struct bench *b = *state;
	enum family f;
	size_t i, j, k;
	unsigned int n = 0;

	for (i = 0; i < NPACKETS; i++)
		for (j = 0; j < NRELAYS; j++)
			for (k = 0; k < NFLAGS; k++) {
				f = packets[i].probe.b[0] >> 4 == 4 ? FAMILY_V4
								    : FAMILY_V6;
				b->policy.listen[f].relay = relays[j];
				if (own_len(f, packets[i].probe.len, flags[k]) >
				    packets[i].probe.len *
					(relays[j] == RELAY_BOTH ? 5 : 3))
					continue;
				assert_int_equal(
				    compare(b, &packets[i], flags[k]),
				    forms[j]);
				n++;
			}
	/* Only the longest one is too long, in IPv4 and one form. */
	assert_int_equal(n, 6 * 3 * 5 - 3 * 2);
}

/* Where both forms are over the sum, own form goes out alone. */
static void
ahead_of_both_forms_own_comes_first(void **state)
{
	static uint8_t probe[40];
	static const struct packet_set set = { "short", PACKET(probe),
		PACKET_NONE, PACKET_NONE, PACKET_NONE, PACKET_NONE, PACKET_NONE,
		PACKET_NONE };
	struct bench *b = *state;

	memcpy(probe, probe_udp4, sizeof(probe));
	probe[3] = sizeof(probe);
	probe[25] = sizeof(probe) - 20;
	test_sums_write(probe, sizeof(probe));
	b->policy.listen[0].relay = RELAY_BOTH;
	/* 5 x 40: 172 and 68, 68 and 68. */
	assert_int_equal(compare(b, &set, ADDR), 1);
	assert_int_equal(compare(b, &set, 0), 2);
}

/* What a probe met, and how a plain answer differs from it. */
struct unlike {
	const char *router; /* NULL: the client */
	enum policy_relay relay;
	enum msg_match_kind kind;
	uint8_t type;
	uint8_t code;
	size_t behind;
	int settled;
	int plain;
};

static void
check_unlike(
    struct bench *b, const struct packet_set *set, const struct unlike *u)
{
	struct record *rec;
	struct msg_id id;
	enum family f = set->probe.b[0] >> 4 == 4 ? FAMILY_V4 : FAMILY_V6;

	again(b);
	b->policy.listen[f].relay = u->relay;
	b->policy.listen[f].unreachable = UNREACHABLE_RELAY;
	rec = turned_ahead(b, set->probe.b, set->probe.len, &id, AHEAD | ADDR);
	if (u->settled)
		records_settled(b->orders.records, rec);
	met(b, rec, u->router, u->type, u->code);
	rec->met.kind = u->kind;
	rec->met.datalen = u->behind;
	if (!u->plain) {
		expect_asked(b, rec, id);
		records_end(b->orders.records, rec, 0);
		return;
	}
	assert_int_equal(orders_ahead(&b->orders, rec, b->now), 1);
	assert_true(b->out.n > 0);
	send_all(b, rec, 0);
	expect_over(b, id);
}

static void
ahead_is_only_what_is_plain(void **state)
{
#define V4(router, relay) router, relay, MATCH_ERROR, ICMP4_TIMEX, 0
#define V6(router, relay) router, relay, MATCH_ERROR, ICMP6_TIMEX, 0
	static const struct unlike v4[] = {
		{ V4("203.0.113.1", RELAY_OWN), 60, 0, 1 },
		/* room for an object's header behind the quote, or a byte less
		 */
		{ V4("203.0.113.1", RELAY_OWN), 135, 0, 1 },
		{ V4("203.0.113.1", RELAY_OWN), 136, 0, 0 },
		{ V4("203.0.113.1", RELAY_OWN), 576, 0, 0 },
		{ V4("203.0.113.1", RELAY_OWN), 60, 1, 0 },
		{ V4("203.0.113.1", RELAY_BOTH), 60, 1, 0 },
		{ V4(NULL, RELAY_OWN), 60, 0, 0 },
		{ V4(NULL, RELAY_ROUTER), 60, 0, 0 },
		{ V4("10.1.2.3", RELAY_OWN), 60, 0, 0 },
		{ V4("10.1.2.3", RELAY_ROUTER), 60, 0, 0 },
		/* no sources: own form, if that is not one of two */
		{ V4("192.0.2.53", RELAY_OWN), 60, 0, 1 },
		{ V4("192.0.2.53", RELAY_ROUTER), 60, 0, 1 },
		{ V4("192.0.2.53", RELAY_BOTH), 60, 0, 0 },
		{ V4("127.0.0.1", RELAY_ROUTER), 60, 0, 1 },
		{ V4("127.0.0.1", RELAY_BOTH), 60, 0, 0 },
		{ V4("203.0.113.1", RELAY_BOTH), 60, 0, 1 },
		{ "203.0.113.1", RELAY_OWN, MATCH_ERROR, ICMP4_TIMEX, 1, 60, 0,
		    0 },
		{ "203.0.113.1", RELAY_OWN, MATCH_ERROR, ICMP4_UNREACH, 0, 60,
		    0, 0 },
		{ "203.0.113.1", RELAY_OWN, MATCH_ERROR, ICMP4_UNREACH, 13, 60,
		    0, 0 },
		/* IPv6's number */
		{ "203.0.113.1", RELAY_OWN, MATCH_ERROR, 12, 0, 60, 0, 0 },
		{ "203.0.113.1", RELAY_OWN, MATCH_REPLY, ICMP4_TIMEX, 0, 60, 0,
		    0 },
		{ "203.0.113.1", RELAY_OWN, MATCH_RESET, ICMP4_TIMEX, 0, 60, 0,
		    0 },
	};
	static const struct unlike v6[] = {
		{ V6("2001:db8:113::1", RELAY_OWN), 80, 0, 1 },
		{ V6("2001:db8:113::1", RELAY_OWN), 135, 0, 1 },
		{ V6("2001:db8:113::1", RELAY_OWN), 136, 0, 0 },
		{ V6("2001:db8:113::1", RELAY_OWN), 80, 1, 0 },
		{ V6(NULL, RELAY_OWN), 80, 0, 0 },
		{ V6("fd00::3", RELAY_OWN), 80, 0, 0 },
		{ V6("2001:db8:1::53", RELAY_ROUTER), 80, 0, 1 },
		{ V6("2001:db8:1::53", RELAY_BOTH), 80, 0, 0 },
		{ V6("fe80::9", RELAY_BOTH), 80, 0, 0 },
		{ V6("2001:db8:113::1", RELAY_BOTH), 80, 0, 1 },
		{ "2001:db8:113::1", RELAY_OWN, MATCH_ERROR, ICMP6_TIMEX, 1, 80,
		    0, 0 },
		{ "2001:db8:113::1", RELAY_OWN, MATCH_ERROR, ICMP6_UNREACH, 0,
		    80, 0, 0 },
		{ "2001:db8:113::1", RELAY_OWN, MATCH_ERROR, ICMP4_TIMEX, 0, 80,
		    0, 0 },
	};
#undef V4
#undef V6
	struct bench *b = *state;
	size_t i;

	b->policy.nhide = 1;
	b->policy.hide[0].action = POLICY_DENY;
	b->policy.hide[0].kind = POLICY_PRIVATE;
	for (i = 0; i < sizeof(v4) / sizeof(v4[0]); i++)
		check_unlike(b, &packets[0], &v4[i]);
	for (i = 0; i < sizeof(v6) / sizeof(v6[0]); i++)
		check_unlike(b, &packets[3], &v6[i]);
}

/* An engine that wants to be asked is, and so is its next probe's. */
static void
ahead_only_if_it_was_told(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t i;

	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	timex(b, rec, routers[FAMILY_V4]);
	expect_asked(b, rec, id);
	assert_int_equal(order(b, MSG_ANSWER, id), 0);
	send_all(b, rec, 0);
	/* not matched, whatever is in the record */
	rec =
	    turned_ahead(b, probe_udp4, sizeof(probe_udp4), &id, AHEAD | ADDR);
	rec->met.family = FAMILY_V4;
	rec->met.kind = MATCH_ERROR;
	rec->met.icmp_type = ICMP4_TIMEX;
	rec->met.router = test_addr(FAMILY_V4, routers[FAMILY_V4]);
	expect_asked(b, rec, id);
	/* what one probe's order said says nothing of the slot's others */
	records_end(b->orders.records, rec, 0);
	for (i = 0; i < 200; i++) {
		again(b);
		rec = turned_ahead(b, probe_udp4, sizeof(probe_udp4), &id,
		    i < 100 ? AHEAD | ADDR : 0);
		timex(b, rec, routers[FAMILY_V4]);
		if (i >= 100)
			expect_asked(b, rec, id);
		records_end(b->orders.records, rec, 0);
	}
}

/* A probe of so many bytes, 28 at least; IPv6 58. */
static size_t
sized(uint8_t *p, enum family f, size_t len)
{
	size_t hdr = f == FAMILY_V4 ? 20 : 40;

	memset(p, 0x40, len);
	memcpy(p, f == FAMILY_V4 ? probe_udp4 : probe_udp6, hdr + 8);
	wire_put16(p + (f == FAMILY_V4 ? 2 : 4),
	    (uint16_t)(f == FAMILY_V4 ? len : len - hdr));
	wire_put16(p + hdr + 4, (uint16_t)(len - hdr));
	test_sums_write(p, len);
	return (len);
}

static void
inv18_ahead_over_the_sum_is_a_violation_by_turn(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	uint8_t p[WIRE_PROBE_MAX];
	size_t len, k, j, factor, over = 0;
	int f, fits;

	for (f = 0; f < FAMILY_MAX; f++)
		for (len = f == FAMILY_V4 ? 28 : 58; len < 80; len++)
			for (k = 0; k < NFLAGS * NRELAYS; k++) {
				again(b);
				j = k % NRELAYS;
				b->policy.listen[f].relay = relays[j];
				factor = relays[j] == RELAY_BOTH ? 5 : 3;
				fits = own_len((enum family)f, len,
					   flags[k / NRELAYS]) <= factor * len;
				rec = hand_up(
				    b, p, sized(p, (enum family)f, len), 5);
				id = records_id(b->orders.records, rec);
				assert_int_equal(
				    order_turn(
					b, id, AHEAD | flags[k / NRELAYS]),
				    fits ? 0 : -1);
				if (!fits) {
					over++;
					assert_string_equal(b->why, OVER);
					assert_int_equal(b->out.n, 0);
					assert_int_equal(b->nverdicts, 0);
					assert_int_equal(
					    rec->state, RECORD_PENDING);
					assert_int_equal(
					    order_turn(b, id, AHEAD), 0);
				}
				send_all(b, rec, 0);
				records_end(b->orders.records, rec, 0);
			}
	assert_true(over > 100);
}

/* A cap withholds it: told to nobody, and over. */
static void
inv19_ahead_is_capped(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	b->policy.limit_total.rate = 1;
	b->policy.limit_total.burst = 1;
	caps_set(&b->orders.caps, &b->policy, b->now);
	rec =
	    turned_ahead(b, probe_udp4, sizeof(probe_udp4), &id, AHEAD | ADDR);
	timex(b, rec, routers[FAMILY_V4]);
	while (caps_take(&b->orders.caps, 1, -1, b->now))
		;
	assert_int_equal(orders_ahead(&b->orders, rec, b->now), 1);
	assert_int_equal(b->out.n, 0);
	assert_int_equal(COUNT(b, CAPPED), 1);
	assert_int_equal(COUNT(b, EXPIRED), 1);
	expect_over(b, id);
}

/* The caller makes room; where there is none, nothing is written past it. */
static void
ahead_without_room(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t room;

	b->policy.listen[0].relay = RELAY_BOTH;
	for (room = 0; room <= 2; room++) {
		again(b);
		memset(&b->stats, 0, sizeof(b->stats));
		rec = turned_ahead(
		    b, probe_udp4, sizeof(probe_udp4), &id, AHEAD | ADDR);
		timex(b, rec, routers[FAMILY_V4]);
		b->out.n = OUTBOX_MAX - room;
		assert_int_equal(orders_ahead(&b->orders, rec, b->now), 1);
		assert_int_equal(b->out.n, OUTBOX_MAX);
		assert_int_equal(COUNT(b, EXPIRED), room == 0);
		b->out.n = 0;
		expect_over(b, id);
	}
}

/* The send fails: it counts like the same answer that was ordered. */
static void
ahead_that_fails(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	rec =
	    turned_ahead(b, probe_udp4, sizeof(probe_udp4), &id, AHEAD | ADDR);
	timex(b, rec, routers[FAMILY_V4]);
	assert_int_equal(orders_ahead(&b->orders, rec, b->now), 1);
	send_all(b, rec, 1);
	assert_int_equal(COUNT(b, RELAYED), 0);
	assert_int_equal(COUNT(b, EXPIRED), 1);
	assert_int_equal(COUNT(b, SEND_FAILED), 1);
	expect_over(b, id);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(ahead_sends_what_the_same_answer_sends),
		T(ahead_of_both_forms_own_comes_first),
		T(ahead_is_only_what_is_plain),
		T(ahead_only_if_it_was_told),
		T(inv18_ahead_over_the_sum_is_a_violation_by_turn),
		T(inv19_ahead_is_capped),
		T(ahead_without_room),
		T(ahead_that_fails),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
