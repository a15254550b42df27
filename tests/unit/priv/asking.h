/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TEST_ASKING_H
#define TEST_ASKING_H

#include "priv/request.h"
#include "tests/unit/priv/util.h"

/* Requests for a reverse probe.  Include after cmocka.h. */

#define ASK_TTL  7
#define ASK_ID   0x4321
#define ASK_FLOW 0x8abc

/*
 * A request from the client to the host of packets.h, extra bytes of zeros
 * behind it.  Returns its length.
 */
static inline size_t
ask_packet(uint8_t *b, enum family f, uint8_t ttl, uint8_t ipproto,
    uint16_t flow, size_t extra)
{
	size_t l4 = f == FAMILY_V4 ? 20 : 40, len = l4 + 12 + extra;
	struct addr src, dst;

	memset(b, 0, len);
	src = test_addr(f, f == FAMILY_V4 ? "198.51.100.9" : "2001:db8:9::9");
	dst = test_addr(f, f == FAMILY_V4 ? "192.0.2.53" : "2001:db8:1::53");
	if (f == FAMILY_V4) {
		b[0] = 0x45;
		b[1] = 0x10;
		wire_put16(b + 2, (uint16_t)len);
		b[6] = 0x40;
		b[8] = 200;
		b[9] = 1;
		memcpy(b + 12, src.b, 4);
		memcpy(b + 16, dst.b, 4);
	} else {
		wire_put32(b, 0x61012345);
		wire_put16(b + 4, (uint16_t)(len - l4));
		b[6] = 58;
		b[7] = 200;
		memcpy(b + 8, src.b, 16);
		memcpy(b + 24, dst.b, 16);
	}
	b[l4] = f == FAMILY_V4 ? 8 : 128;
	b[l4 + 1] = 1;
	wire_put16(b + l4 + 4, ASK_ID);
	b[l4 + 8] = ttl;
	b[l4 + 9] = ipproto;
	wire_put16(b + l4 + 10, flow);
	test_sums_write(b, len);
	return (len);
}

/*
 * Writes a target behind a request that was made with ASK_TARGET bytes extra;
 * text is an address of either family.
 */
#define ASK_TARGET 24
static inline void
ask_target(uint8_t *b, size_t len, const char *text)
{
	static const uint8_t head[] = { 0x20, 0, 0, 0, 0, 16, 5, 0 };
	size_t at = b[0] == 0x45 ? 32 : 52;
	struct addr a;

	memcpy(b + at, head, sizeof(head));
	memset(b + at + 8, 0, 16);
	if (addr_parse(FAMILY_V4, text, &a) == 0) {
		b[at + 18] = b[at + 19] = 0xff;
		memcpy(b + at + 20, a.b, 4);
	} else {
		a = test_addr(FAMILY_V6, text);
		memcpy(b + at + 8, a.b, 16);
	}
	test_sums_write(b, len);
}

/* The client may have 203.0.113.0/24 and 2001:db8:7::/48 probed. */
static inline void
ask_policy_targets(struct policy *p)
{
	static const char *const text[] = { "203.0.113.0", "198.51.100.9",
		"2001:db8:7::", "2001:db8:9::9" };
	static const uint8_t len[] = { 24, 32, 48, 128 };
	uint32_t i;

	p->ntargets = 4;
	for (i = 0; i < p->ntargets; i++) {
		memset(&p->targets[i], 0, sizeof(p->targets[i]));
		p->targets[i].side = i % 2 ? POLICY_ASKER : POLICY_TARGET;
		p->targets[i].family = i / 2 ? FAMILY_V6 : FAMILY_V4;
		p->targets[i].addr = test_addr(p->targets[i].family, text[i]);
		p->targets[i].len = len[i];
	}
}

/* What the policy makes of it; of a copy with nothing behind it. */
static inline enum handup_reason
ask_check(const struct policy *p, const uint8_t *b, size_t len,
    struct handup *h, struct request *ask)
{
	enum handup_reason why;
	uint8_t *c = test_copy(b, len);

	memset(ask, 0, sizeof(*ask));
	why = request_check(p, c, len, h, ask);
	free(c);
	return (why);
}

/* A record as the packet process makes it of a request. */
static inline void
ask_record(
    struct record *r, const struct policy *p, const uint8_t *b, size_t len)
{
	assert_int_equal(ask_check(p, b, len, &r->probe, &r->ask), HANDUP_OK);
	r->kind = RECORD_AUGSBURG;
	r->headlen = (uint16_t)(len < WIRE_HEAD_MAX ? len : WIRE_HEAD_MAX);
	memcpy(r->head, b, r->headlen);
	r->policy = p->listen[r->probe.listen];
	r->timeout_ns = p->timeout_ns;
	r->settle_ns = p->settle_ns;
}

/* The IP protocol that a request names. */
static inline uint8_t
ask_ipproto(enum family f, enum proto proto)
{
	static const uint8_t numbers[FAMILY_MAX][PROTO_MAX] = {
		[FAMILY_V4] = { 17, 1, 6 },
		[FAMILY_V6] = { 17, 58, 6 },
	};

	return (numbers[f][proto]);
}

#endif /* TEST_ASKING_H */
