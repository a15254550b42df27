/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Requests for a probe to somebody else: read, decided on, and bounded. */

#include <stdio.h>
#include <stdlib.h>

#include "common/loop.h"
#include "engine/ask.h"
#include "engine/decide.h"
#include "tests/unit/engine/deciding.h"
#include "tests/unit/engine/packets.h"

#define BIT DECIDE_STAT

static const char *const client_text[FAMILY_MAX] = { "192.0.2.7",
	"2001:db8:1::7" };
static const char *const target_text[FAMILY_MAX] = { "203.0.113.77",
	"2001:db8:7::77" };

static int
test_setup(void **state)
{
	struct fixture *f;

	if (deciding_setup(state) == -1)
		return (-1);
	f = *state;
	f->policy.augsburg = 1;
	f->decide.deny = &f->deny;
	return (0);
}

/* Object bytes of a target; address is of either family. */
static void
object(uint8_t *b, const char *address)
{
	struct addr a;

	memset(b, 0, 20);
	b[1] = AUGSBURG_TARGET_LEN;
	b[2] = AUGSBURG_CLASS_TARGET;
	if (addr_parse(FAMILY_V4, address, &a) == 0) {
		b[14] = b[15] = 0xff;
		memcpy(b + 16, a.b, 4);
	} else {
		a = packet_addr(FAMILY_V6, address);
		memcpy(b + 4, a.b, 16);
	}
}

/* The client asks by UDP with TTL 5, with these objects behind the header. */
static void
asking(struct msg_request *q, enum family f, const char *client,
    const uint8_t *objects, size_t len)
{
	struct addr src, dst;
	size_t l4 = f == FAMILY_V4 ? 20 : 40;
	uint8_t *b = q->head;

	memset(q, 0, sizeof(*q));
	q->id.slot = 3;
	q->id.gen = 9;
	q->family = f;
	q->max_ttl = 32;
	q->target = 1;
	q->len = q->headlen = (uint16_t)(l4 + 12 + 4 + len);
	src = packet_addr(f, client);
	dst = packet_addr(f, f == FAMILY_V4 ? "198.51.100.9" : "2001:db8:2::9");
	b[0] = f == FAMILY_V4 ? 0x45 : 0x60;
	if (f == FAMILY_V4) {
		wire_put16(b + 2, q->len);
		b[8] = 60;
		b[9] = 1;
		memcpy(b + 12, src.b, 4);
		memcpy(b + 16, dst.b, 4);
	} else {
		wire_put16(b + 4, (uint16_t)(q->len - 40));
		b[6] = 58;
		b[7] = 60;
		memcpy(b + 8, src.b, 16);
		memcpy(b + 24, dst.b, 16);
	}
	b[l4] = f == FAMILY_V4 ? 8 : 128;
	b[l4 + 1] = 1;
	b[l4 + 8] = 5;
	b[l4 + 9] = WIRE_PROTO_UDP;
	b[l4 + 12] = 0x20;
	memcpy(b + l4 + 16, objects, len);
}

static void
asking_for(struct msg_request *q, enum family f, const char *client,
    const char *target)
{
	uint8_t b[20];

	object(b, target);
	asking(q, f, client, b, sizeof(b));
}

static void
test_parse(void **state)
{
	struct msg_request q;
	struct addr want;
	struct ask ask;
	enum family f;

	(void)state;
	for (f = FAMILY_V4; f < FAMILY_MAX; f++) {
		asking_for(&q, f, client_text[f], target_text[f]);
		assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
		assert_int_equal(ask.status, AUGSBURG_OK);
		assert_int_equal(ask.other, 1);
		want = packet_addr(f, target_text[f]);
		assert_true(addr_equal(&ask.to, &want));
		want = packet_addr(f, client_text[f]);
		assert_true(addr_equal(&ask.src, &want));
		/* The packet process says that he may not. */
		q.target = 0;
		assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
		assert_int_equal(ask.status, AUGSBURG_BAD_EXT);
		assert_int_equal(ask.value, 0x0500);
		assert_int_equal(ask.other, 0);
		/* Who asks. */
		asking_for(&q, f, client_text[f], client_text[f]);
		assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
		assert_int_equal(ask.status, AUGSBURG_OK);
		assert_int_equal(ask.other, 0);
		assert_true(addr_equal(&ask.to, &want));
	}
	/* IPv4 by an IPv6 address that is none. */
	asking_for(&q, FAMILY_V4, client_text[0], target_text[1]);
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, AUGSBURG_BAD_EXT);
	assert_int_equal(ask.value, 0x0500);
}

/* Other objects beside it; and it is the first or none. */
static void
test_objects(void **state)
{
	static const uint8_t pad[4] = { 0, 4, 6, 0 };
	static const uint8_t strange[4] = { 0, 4, 7, 2 };
	struct msg_request q;
	struct ask ask;
	uint8_t b[44];

	(void)state;
	object(b, target_text[0]);
	memcpy(b + 20, pad, sizeof(pad));
	asking(&q, FAMILY_V4, client_text[0], b, 24);
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, AUGSBURG_OK);
	assert_int_equal(ask.other, 1);
	memcpy(b + 20, strange, sizeof(strange));
	asking(&q, FAMILY_V4, client_text[0], b, 24);
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, AUGSBURG_BAD_EXT);
	assert_int_equal(ask.value, 0x0702);
	/* Twice the same is one wish, two are one too many. */
	object(b + 20, target_text[0]);
	asking(&q, FAMILY_V4, client_text[0], b, 40);
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, AUGSBURG_OK);
	object(b + 20, "203.0.113.78");
	asking(&q, FAMILY_V4, client_text[0], b, 40);
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, AUGSBURG_BAD_EXT);
	assert_int_equal(ask.value, 0x0500);
	/* Behind padding. */
	memcpy(b, pad, sizeof(pad));
	object(b + 4, target_text[0]);
	asking(&q, FAMILY_V4, client_text[0], b, 24);
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, AUGSBURG_BAD_EXT);
	assert_int_equal(ask.value, 0x0500);
	/* A bad TTL is told first. */
	asking_for(&q, FAMILY_V4, client_text[0], target_text[0]);
	q.head[28] = 0;
	assert_int_equal(ask_parse(&q, &ask), PARSE_OK);
	assert_int_equal(ask.status, AUGSBURG_BAD_TTL);
	/* Broken off. */
	asking_for(&q, FAMILY_V4, client_text[0], target_text[0]);
	q.len = --q.headlen;
	q.head[3]--;
	assert_int_equal(ask_parse(&q, &ask), PARSE_OPTIONS);
}

static uint32_t
decided(struct fixture *f, const struct msg_request *q, uint32_t stats)
{
	struct pending_probe keep;
	struct decision d;
	enum proto proto;

	memset(&keep, 0xee, sizeof(keep));
	decide_ask(&f->decide, q, START, &keep, &proto, &d);
	assert_int_equal(d.stats, stats);
	if (d.order == MSG_REQUEST_PROBE) {
		assert_int_equal(keep.request, 1);
		assert_int_equal(keep.target, 1);
	}
	if (d.order == MSG_REQUEST_STATUS) {
		assert_int_equal(d.status.status, AUGSBURG_BAD_EXT);
		assert_int_equal(d.status.value, 0x0500);
	}
	return (d.order);
}

static void
test_decide(void **state)
{
	struct fixture *f = *state;
	struct msg_request q;
	struct msg_deny deny;
	enum family fam;

	for (fam = FAMILY_V4; fam < FAMILY_MAX; fam++) {
		asking_for(&q, fam, client_text[fam], target_text[fam]);
		assert_int_equal(decided(f, &q, 0), MSG_REQUEST_PROBE);
		q.target = 0;
		assert_int_equal(decided(f, &q, 0), MSG_REQUEST_STATUS);
	}
	/* For a while, the target is denied; then who asks. */
	asking_for(&q, FAMILY_V4, client_text[0], target_text[0]);
	memset(&deny, 0, sizeof(deny));
	deny.len = 24;
	deny.ms = 1000;
	deny.addr = packet_addr(FAMILY_V4, "203.0.113.0");
	assert_int_equal(deny_set(&f->deny, &deny, START), DENYING_DONE);
	assert_int_equal(decided(f, &q, 0), MSG_REQUEST_STATUS);
	deny.addr = packet_addr(FAMILY_V4, "192.0.2.0");
	assert_int_equal(deny_set(&f->deny, &deny, START), DENYING_DONE);
	assert_int_equal(decided(f, &q, BIT(STAT_DENIED)), MSG_PASS);
}

/* The target's prefix pays like who asks, whoever that is; a status does not.
 */
static void
test_limits(void **state)
{
	struct fixture *f = *state;
	struct msg_request q;
	int i;

	f->policy.limit_client.rate = 1;
	f->policy.limit_client.burst = 4;
	limit_set(f->decide.limit, &f->policy, START);
	for (i = 0; i < 4; i++) {
		asking_for(&q, FAMILY_V4, client_text[0], target_text[0]);
		q.target = 0;
		wire_put16(q.head + 12, (uint16_t)(0x0b00 + i));
		assert_int_equal(decided(f, &q, 0), MSG_REQUEST_STATUS);
	}
	for (i = 0; i < 4; i++) {
		asking_for(&q, FAMILY_V4, client_text[0], target_text[0]);
		wire_put16(q.head + 12, (uint16_t)(0x0a00 + i));
		assert_int_equal(decided(f, &q, 0), MSG_REQUEST_PROBE);
	}
	asking_for(&q, FAMILY_V4, client_text[0], "203.0.113.78");
	assert_int_equal(decided(f, &q, BIT(STAT_LIMITED)), MSG_DROP);
	/* That took nothing from who asked. */
	for (i = 0; i < 4; i++) {
		asking_for(&q, FAMILY_V4, client_text[0], "203.0.112.1");
		wire_put16(q.head + 20 + 16 + 4 + 12, (uint16_t)(0x0c00 + i));
		assert_int_equal(decided(f, &q, 0), MSG_REQUEST_PROBE);
	}
	assert_int_equal(decided(f, &q, BIT(STAT_LIMITED)), MSG_DROP);
}

/* A target in the client's own prefix pays once. */
static void
test_limits_own(void **state)
{
	struct fixture *f = *state;
	struct msg_request q;
	enum family fam;
	int i;

	f->policy.limit_client.rate = 1;
	f->policy.limit_client.burst = 2;
	limit_set(f->decide.limit, &f->policy, START);
	for (fam = FAMILY_V4; fam < FAMILY_MAX; fam++) {
		asking_for(&q, fam, client_text[fam],
		    fam == FAMILY_V4 ? "192.0.2.8" : "2001:db8:1::8");
		for (i = 0; i < 2; i++)
			assert_int_equal(decided(f, &q, 0), MSG_REQUEST_PROBE);
		assert_int_equal(decided(f, &q, BIT(STAT_LIMITED)), MSG_DROP);
	}
}

/* IPv6: the target's /56, and its /48 at four times as much. */
static void
test_limits6(void **state)
{
	struct fixture *f = *state;
	struct msg_request q;
	char client[ADDR_TEXT_MAX], target[ADDR_TEXT_MAX];
	int i;

	f->policy.limit_client.rate = 1;
	f->policy.limit_client.burst = 2;
	limit_set(f->decide.limit, &f->policy, START);
	for (i = 0; i < 8; i++) {
		(void)snprintf(client, sizeof(client), "2001:db8:%x::1",
		    (unsigned int)(0x100 + i));
		(void)snprintf(target, sizeof(target), "2001:db8:7:%x00::1",
		    (unsigned int)i / 2);
		asking_for(&q, FAMILY_V6, client, target);
		assert_int_equal(decided(f, &q, 0), MSG_REQUEST_PROBE);
		if (i % 2 == 0)
			continue;
		asking_for(&q, FAMILY_V6, "2001:db8:200::1", target);
		assert_int_equal(decided(f, &q, BIT(STAT_LIMITED)), MSG_DROP);
	}
	/* A new /56 of that /48. */
	asking_for(&q, FAMILY_V6, "2001:db8:200::1", "2001:db8:7:ff00::1");
	assert_int_equal(decided(f, &q, BIT(STAT_LIMITED)), MSG_DROP);
	asking_for(&q, FAMILY_V6, "2001:db8:200::1", "2001:db8:8:ff00::1");
	assert_int_equal(decided(f, &q, 0), MSG_REQUEST_PROBE);
}

#define FRESH(name) \
	cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_objects),
		FRESH(test_decide),
		FRESH(test_limits),
		FRESH(test_limits_own),
		FRESH(test_limits6),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
