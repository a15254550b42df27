/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "common/loop.h"
#include "engine/gate.h"
#include "engine/table.h"
#include "tests/unit/engine/packets.h"

#define SETS    16
#define GATE_NS (10 * NS_PER_S)
#define START   (1000 * NS_PER_S)

static const uint8_t secret[16] = "0123456789abcde";

static int
test_setup(void **state)
{
	*state = gate_new(SETS, secret);
	return (*state == NULL ? -1 : 0);
}

static int
test_teardown(void **state)
{
	gate_free(*state);
	return (0);
}

static struct gate_ask
ask4(enum proto proto, const struct addr *client, uint8_t ttl)
{
	struct gate_ask ask = { FAMILY_V4, proto, client, 80, ttl };

	return (ask);
}

/* Open until the last nanosecond, from TTL 1 on; then closed for TTL > 3. */
static void
test_edges(void **state)
{
	struct gate *g = *state;
	struct addr a = packet_addr(FAMILY_V4, "192.0.2.7");
	struct gate_ask first = ask4(PROTO_ICMP, &a, 1);
	struct gate_ask later = ask4(PROTO_ICMP, &a, 4);

	assert_int_equal(gate_look(g, &later, START), GATE_CLOSED);
	gate_use(g, &later, GATE_NS, START);
	assert_int_equal(gate_look(g, &later, START), GATE_CLOSED);

	assert_int_equal(gate_look(g, &first, START), GATE_OPENS);
	gate_use(g, &first, GATE_NS, START);
	assert_int_equal(gate_look(g, &first, START), GATE_OPEN);
	assert_int_equal(gate_look(g, &later, START + GATE_NS - 1), GATE_OPEN);
	assert_int_equal(gate_look(g, &later, START + GATE_NS), GATE_CLOSED);
	assert_int_equal(gate_look(g, &first, START + GATE_NS), GATE_OPENS);

	/* Looking did not renew it, using does. */
	gate_use(g, &later, GATE_NS, START + GATE_NS - 1);
	assert_int_equal(
	    gate_look(g, &later, START + 2 * GATE_NS - 2), GATE_OPEN);
	assert_int_equal(
	    gate_look(g, &later, START + 2 * GATE_NS - 1), GATE_CLOSED);
}

/* Renewed by use, but 120 s after it was opened it closes. */
static void
test_life(void **state)
{
	struct gate *g = *state;
	struct addr a = packet_addr(FAMILY_V4, "192.0.2.7");
	struct gate_ask first = ask4(PROTO_ICMP, &a, 1);
	struct gate_ask later = ask4(PROTO_ICMP, &a, 9);
	int64_t t;

	gate_use(g, &first, GATE_NS, START);
	for (t = START; t < START + GATE_LIFE_NS; t += NS_PER_S) {
		assert_int_equal(gate_look(g, &later, t), GATE_OPEN);
		gate_use(g, &later, GATE_NS, t);
	}
	assert_int_equal(
	    gate_look(g, &later, START + GATE_LIFE_NS - 1), GATE_OPEN);
	assert_int_equal(
	    gate_look(g, &later, START + GATE_LIFE_NS), GATE_CLOSED);

	/* A round of mtr begins with TTL 1, which counts anew. */
	gate_use(g, &first, GATE_NS, START);
	gate_use(g, &first, GATE_NS, START + 5 * NS_PER_S);
	for (t = START + 5 * NS_PER_S; t < START + GATE_LIFE_NS; t += NS_PER_S)
		gate_use(g, &later, GATE_NS, t);
	assert_int_equal(
	    gate_look(g, &later, START + GATE_LIFE_NS + 4 * NS_PER_S),
	    GATE_OPEN);
	assert_int_equal(
	    gate_look(g, &later, START + GATE_LIFE_NS + 5 * NS_PER_S),
	    GATE_CLOSED);

	/* However long `gate` is. */
	gate_use(g, &first, UINT64_MAX, START);
	assert_int_equal(
	    gate_look(g, &later, START + GATE_LIFE_NS - 1), GATE_OPEN);
	assert_int_equal(
	    gate_look(g, &later, START + GATE_LIFE_NS), GATE_CLOSED);
}

/* TTL 2 and 3 open it only where it was open within ten minutes. */
static void
test_memory(void **state)
{
	struct gate *g = *state;
	struct addr a = packet_addr(FAMILY_V4, "192.0.2.7");
	struct addr b = packet_addr(FAMILY_V4, "192.0.2.8");
	struct gate_ask ask = ask4(PROTO_TCP, &a, 1);
	struct gate_ask other = ask4(PROTO_TCP, &b, 2);
	int64_t closed = START + GATE_NS;

	ask.ttl = 2;
	assert_int_equal(gate_look(g, &ask, START), GATE_CLOSED);
	ask.ttl = 1;
	gate_use(g, &ask, GATE_NS, START);
	assert_int_equal(gate_look(g, &other, START), GATE_CLOSED);
	for (ask.ttl = 2; ask.ttl <= 3; ask.ttl++) {
		assert_int_equal(gate_look(g, &ask, closed), GATE_OPENS);
		assert_int_equal(
		    gate_look(g, &ask, closed + GATE_MEMORY_NS - 1),
		    GATE_OPENS);
		assert_int_equal(
		    gate_look(g, &ask, closed + GATE_MEMORY_NS), GATE_CLOSED);
	}
	assert_int_equal(ask.ttl, 4);
	assert_int_equal(gate_look(g, &ask, closed), GATE_CLOSED);

	ask.ttl = 3;
	gate_use(g, &ask, GATE_NS, closed + GATE_MEMORY_NS - 1);
	ask.ttl = 20;
	assert_int_equal(
	    gate_look(g, &ask, closed + GATE_MEMORY_NS), GATE_OPEN);
}

/* What one gate is for: source, protocol; v6 the /64; TCP all and the port. */
static void
test_keys(void **state)
{
	struct gate *g = *state;
	struct addr a, same64, other64;
	struct gate_ask ask = { FAMILY_V6, PROTO_ICMP, &a, 80, 1 };
	struct addr v4 = packet_addr(FAMILY_V4, "192.0.2.7");
	struct gate_ask four = ask4(PROTO_UDP, &v4, 1);

	a = packet_addr(FAMILY_V6, "2001:db8:1:2::7");
	same64 = packet_addr(FAMILY_V6, "2001:db8:1:2:ffff::1");
	other64 = packet_addr(FAMILY_V6, "2001:db8:1:3::7");
	gate_use(g, &ask, GATE_NS, START);
	ask.ttl = 9;
	ask.dport = 81;
	ask.client = &same64;
	assert_int_equal(gate_look(g, &ask, START), GATE_OPEN);
	ask.client = &other64;
	assert_int_equal(gate_look(g, &ask, START), GATE_CLOSED);
	ask.client = &a;
	ask.proto = PROTO_UDP;
	assert_int_equal(gate_look(g, &ask, START), GATE_CLOSED);

	ask.proto = PROTO_TCP;
	ask.ttl = 1;
	gate_use(g, &ask, GATE_NS, START);
	ask.ttl = 9;
	assert_int_equal(gate_look(g, &ask, START), GATE_OPEN);
	ask.dport = 80;
	assert_int_equal(gate_look(g, &ask, START), GATE_CLOSED);
	ask.dport = 81;
	ask.client = &same64;
	assert_int_equal(gate_look(g, &ask, START), GATE_CLOSED);

	gate_use(g, &four, GATE_NS, START);
	four.ttl = 9;
	assert_int_equal(gate_look(g, &four, START), GATE_OPEN);
	four.proto = PROTO_ICMP;
	assert_int_equal(gate_look(g, &four, START), GATE_CLOSED);
}

static struct table_key
key_number(uint32_t n)
{
	struct table_key key;

	memset(&key, 0, sizeof(key));
	wire_put32(key.addr, n);
	return (key);
}

/* New keys displace the oldest one of their own set and nothing else. */
static void
test_table_flood(void **state)
{
	struct table *t = table_new(SETS, secret);
	struct table_key key, victim;
	size_t had[SETS], nsets, slot, set, i, n;
	uint32_t number;
	int fresh;

	(void)state;
	assert_non_null(t);
	assert_int_equal(table_slots(t), SETS * TABLE_WAYS);
	memset(had, 0, sizeof(had));

	/* Fill all sets; the first of set 0 is touched again and stays. */
	memset(&victim, 0, sizeof(victim));
	nsets = 0;
	for (number = 0; nsets < SETS; number++) {
		key = key_number(number);
		set = table_set(t, &key);
		if (had[set] == TABLE_WAYS)
			continue;
		slot = table_take(t, &key, number, &fresh);
		assert_int_equal(fresh, 1);
		assert_int_equal(slot / TABLE_WAYS, set);
		if (set == 0 && had[0] == 0)
			victim = key;
		if (++had[set] == TABLE_WAYS)
			nsets++;
	}
	(void)table_take(t, &victim, number++, &fresh);
	assert_int_equal(fresh, 0);

	/* Seven newcomers to set 0 displace the other seven, not the victim. */
	for (n = 0; n < TABLE_WAYS - 1; number++) {
		key = key_number(number);
		if (table_set(t, &key) != 0)
			continue;
		(void)table_take(t, &key, number, &fresh);
		assert_int_equal(fresh, 1);
		assert_true(table_find(t, &victim, &slot));
		n++;
	}
	/* Now it is the oldest, and goes with the next one. */
	while (key = key_number(number), table_set(t, &key) != 0)
		number++;
	(void)table_take(t, &key, number, &fresh);
	assert_false(table_find(t, &victim, &slot));

	/* All other sets hold what they held. */
	n = 0;
	for (i = 0; i < number; i++) {
		key = key_number((uint32_t)i);
		if (table_set(t, &key) != 0 && table_find(t, &key, &slot))
			n++;
	}
	assert_int_equal(n, (SETS - 1) * TABLE_WAYS);
	table_free(t);
}

/* Another secret, other sets; a key may not be told from one in its set. */
static void
test_table_keyed(void **state)
{
	static const uint8_t other[16] = "fedcba987654321";
	struct table *t, *u;
	struct table_key key;
	uint32_t i, moved;

	(void)state;
	assert_null(table_new(0, secret));
	assert_null(table_new(3, secret));
	t = table_new(1024, secret);
	u = table_new(1024, other);
	assert_non_null(t);
	assert_non_null(u);
	moved = 0;
	for (i = 0; i < 1000; i++) {
		key = key_number(i);
		moved += table_set(t, &key) != table_set(u, &key);
	}
	assert_true(moved > 900);
	table_free(t);
	table_free(u);
	table_free(NULL);
}

/* A client that is at it keeps its gate while others come and go. */
static void
test_gate_flood(void **state)
{
	struct gate *g = *state;
	struct addr a = packet_addr(FAMILY_V4, "192.0.2.7"), b = { { 0 } };
	struct gate_ask mine = ask4(PROTO_ICMP, &a, 1);
	struct gate_ask theirs = ask4(PROTO_ICMP, &b, 1);
	uint32_t i;

	gate_use(g, &mine, GATE_NS, START);
	mine.ttl = 5;
	for (i = 0; i < 100000; i++) {
		wire_put32(b.b, 0x0b000000 + i);
		gate_use(g, &theirs, GATE_NS, START + i + 1);
		/* As often as newcomers could fill a set only by chance. */
		if (i % 16 == 0)
			gate_use(g, &mine, GATE_NS, START + i + 1);
	}
	assert_int_equal(gate_look(g, &mine, START + 100000), GATE_OPEN);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_edges, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_life, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_memory, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_keys, test_setup, test_teardown),
		cmocka_unit_test(test_table_flood),
		cmocka_unit_test(test_table_keyed),
		cmocka_unit_test_setup_teardown(
		    test_gate_flood, test_setup, test_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
