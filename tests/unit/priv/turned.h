/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TEST_TURNED_H
#define TEST_TURNED_H

#include "tests/unit/priv/bench.h"
#include "tests/unit/priv/packets.h"

/* Records on their way through the states.  Include after cmocka.h. */

/* A probe handed up, with another TTL than its bytes say. */
static inline struct record *
hand_up(struct bench *b, const uint8_t *pkt, size_t len, uint8_t ttl)
{
	static uint32_t packet_id = 100;
	struct record *rec;

	rec = records_alloc(b->orders.records, b->now);
	assert_non_null(rec);
	assert_int_equal(
	    test_handup(&b->policy, pkt, len, &rec->probe), HANDUP_OK);
	rec->probe.ttl = ttl;
	rec->headlen = (uint16_t)(len < WIRE_HEAD_MAX ? len : WIRE_HEAD_MAX);
	memcpy(rec->head, pkt, rec->headlen);
	rec->packet_id = packet_id++;
	rec->policy = b->policy.listen[rec->probe.listen];
	rec->timeout_ns = b->policy.timeout_ns;
	rec->settle_ns = b->policy.settle_ns;
	return (rec);
}

/* The turned probe met something: as packets.c notes it. */
static inline void
met(struct bench *b, struct record *rec, const char *router, uint8_t type,
    uint8_t code)
{
	memset(&rec->met, 0, sizeof(rec->met));
	rec->met.family = rec->probe.family;
	rec->met.proto = rec->probe.proto;
	rec->met.kind = MATCH_ERROR;
	rec->met.icmp_type = type;
	rec->met.icmp_code = code;
	rec->met.router = router == NULL ? rec->probe.src
					 : test_addr(rec->probe.family, router);
	records_matched(b->orders.records, rec);
}

#define COUNT(b, name) ((b)->stats.stat[STAT_##name][FAMILY_V4][PROTO_UDP])

/* Turned; what is said of a plain answer goes with the order. */
static inline struct record *
turned_ahead(struct bench *b, const uint8_t *pkt, size_t len, struct msg_id *id,
    uint8_t ahead)
{
	struct record *rec;

	rec = hand_up(b, pkt, len, 5);
	*id = records_id(b->orders.records, rec);
	assert_int_equal(order_turn(b, *id, ahead), 0);
	assert_int_equal(rec->state, RECORD_TURNED);
	send_all(b, rec, 0);
	return (rec);
}

static inline struct record *
turned(struct bench *b, const uint8_t *pkt, size_t len, struct msg_id *id)
{
	return (turned_ahead(b, pkt, len, id, 0));
}

#endif /* TEST_TURNED_H */
