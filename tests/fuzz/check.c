/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/msg.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/fuzz.h"

/* Parts of a turned probe's payload: mark, compensation, cookie, zeros. */
#define CHECK_COMP   4
#define CHECK_COOKIE 6
#define CHECK_ZEROS  14

void
check_probe_init(struct check_probe *c, const struct policy_listen *l,
    const uint8_t *pkt, size_t len)
{
	FUZZ_CHECK(len <= sizeof(c->raw));
	memcpy(c->raw, pkt, len);
	c->len = len;
	c->listen = *l;
	FUZZ_CHECK(packet_read(c->raw, len, &c->p) == 0);
}

static int
check_zero(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != 0)
			return (0);
	return (1);
}

static int
check_port(const struct policy *p, enum proto proto, uint16_t port)
{
	uint32_t i;

	for (i = 0; i < p->nports; i++)
		if (p->ports[i].proto == proto && port >= p->ports[i].lo &&
		    port <= p->ports[i].hi)
			return (1);
	return (0);
}

static void
check_probe_l4(const struct check_probe *c, const struct policy *p)
{
	const uint8_t *l4 = c->p.l4;
	size_t room = c->p.l4len - 8;
	int v4 = c->p.family == FAMILY_V4;

	switch (c->p.proto) {
	case PROTO_UDP:
		FUZZ_CHECK(wire_get16(l4) >= 1024);
		FUZZ_CHECK(check_port(p, PROTO_UDP, wire_get16(l4 + 2)));
		/* Too short for a mark: it may be a turned one. */
		if (room < 4)
			FUZZ_CHECK(!check_port(p, PROTO_UDP, wire_get16(l4)));
		break;
	case PROTO_ICMP:
		FUZZ_CHECK(p->probe_icmp);
		FUZZ_CHECK(l4[0] == (v4 ? 8 : 128) && l4[1] == 0);
		break;
	case PROTO_TCP:
		FUZZ_CHECK(l4[13] == 0x02);
		FUZZ_CHECK(check_port(p, PROTO_TCP, wire_get16(l4 + 2)));
		FUZZ_CHECK((size_t)(l4[12] >> 4) * 4 == c->p.l4len);
		return;
	case PROTO_MAX:
		FUZZ_CHECK(0);
	}
	if (room >= 4)
		FUZZ_CHECK(memcmp(l4 + 8, "uTrN", 4) != 0);
	if (!v4)
		FUZZ_CHECK(room >= 10);
}

void
check_probe_ok(const struct check_probe *c, const struct policy *p)
{
	const uint8_t *s = c->p.src.b;

	FUZZ_CHECK(c->len >= 28 && c->len <= 1280);
	/* The kernel has looked at the IP header's. */
	FUZZ_CHECK(packet_l4_good(&c->p));
	FUZZ_CHECK(c->p.family == c->listen.family);
	FUZZ_CHECK(addr_equal(&c->p.dst, &c->listen.addr));
	FUZZ_CHECK(c->p.ttl >= 1 && c->p.ttl <= p->max_ttl);
	FUZZ_CHECK(!policy_is_own(p, c->p.family, &c->p.src));
	if (c->p.family == FAMILY_V4)
		FUZZ_CHECK(s[0] != 0 && s[0] != 127 && s[0] < 224 &&
		    !(s[0] == 169 && s[1] == 254));
	else
		/* Multicast, link-local; ::/96 and IPv4-mapped. */
		FUZZ_CHECK(s[0] != 0xff && !(s[0] == 0xfe && s[1] >> 6 == 2) &&
		    !(check_zero(s, 10) &&
			(check_zero(s + 10, 2) ||
			    (s[10] == 0xff && s[11] == 0xff))));
	check_probe_l4(c, p);
}

/* The payload of a turned UDP or echo probe: nothing of the sender's. */
static void
check_payload(
    const struct packet *a, const struct packet *b, const uint8_t cookie[8])
{
	const uint8_t *data = b->l4 + 8;
	size_t len = b->l4len - 8, n;

	if (len < CHECK_COMP) {
		FUZZ_CHECK(memcmp(data, cookie, len) == 0);
		return;
	}
	FUZZ_CHECK(memcmp(data, "uTrN", 4) == 0);
	if (len < CHECK_COOKIE) {
		FUZZ_CHECK(check_zero(data + 4, len - 4));
		return;
	}
	/* The checksum that plain swapping would give. */
	if (a->proto == PROTO_UDP) {
		FUZZ_CHECK(memcmp(a->l4 + 6, b->l4 + 6, 2) == 0);
		if (check_zero(a->l4 + 6, 2))
			FUZZ_CHECK(check_zero(data + CHECK_COMP, 2));
	}
	n = len - CHECK_COOKIE;
	if (n < 4) {
		FUZZ_CHECK(check_zero(data + CHECK_COOKIE, n));
		return;
	}
	FUZZ_CHECK(memcmp(data + CHECK_COOKIE, cookie, n < 8 ? n : 8) == 0);
	if (len > CHECK_ZEROS)
		FUZZ_CHECK(check_zero(data + CHECK_ZEROS, len - CHECK_ZEROS));
}

static void
check_turn_icmp(const struct check_probe *c, const struct packet *b)
{
	const struct packet *a = &c->p;
	uint8_t swapped[WIRE_PROBE_MAX];
	struct packet s = *a;
	size_t at, hdr;
	int v4 = a->family == FAMILY_V4;
	uint8_t reply = v4 ? 0 : 129, request = v4 ? 8 : 128;

	FUZZ_CHECK(
	    b->l4[0] == (c->listen.turn == TURN_MIRROR ? request : reply));
	FUZZ_CHECK(b->l4[1] == 0);
	FUZZ_CHECK(memcmp(a->l4 + 4, b->l4 + 4, 4) == 0);
	if (b->l4len < 8 + CHECK_COOKIE)
		return;
	/* The probe with another type: its sum is the one to keep. */
	hdr = c->len - a->l4len;
	memcpy(swapped, c->raw, c->len);
	swapped[hdr] = b->l4[0];
	s.l4 = swapped + hdr;
	FUZZ_CHECK(
	    packet_same_sum(packet_l4_sum(&s, &at), wire_get16(b->l4 + 2)));
}

static void
check_turn_tcp(const struct check_probe *c, const struct packet *b,
    const uint8_t cookie[8])
{
	const struct packet *a = &c->p;
	size_t i;

	FUZZ_CHECK(memcmp(b->l4 + 4, cookie, 4) == 0);
	FUZZ_CHECK((size_t)(b->l4[12] >> 4) * 4 == b->l4len);
	FUZZ_CHECK((b->l4[12] & 0x0f) == 0);
	for (i = 20; i < b->l4len; i++)
		FUZZ_CHECK(b->l4[i] == 1);
	if (c->listen.turn == TURN_MIRROR) {
		FUZZ_CHECK(b->l4[13] == 0x02);
		FUZZ_CHECK(check_zero(b->l4 + 8, 4));
		FUZZ_CHECK(memcmp(b->l4 + 14, "uT", 2) == 0);
		FUZZ_CHECK(memcmp(b->l4 + 18, "rN", 2) == 0);
		return;
	}
	FUZZ_CHECK(b->l4[13] == 0x14);
	FUZZ_CHECK(
	    wire_get32(b->l4 + 8) == (uint32_t)(wire_get32(a->l4 + 4) + 1));
	FUZZ_CHECK(check_zero(b->l4 + 14, 2) && check_zero(b->l4 + 18, 2));
}

void
check_turn(const struct check_probe *c, const uint8_t cookie[8],
    const uint8_t *pkt, size_t len)
{
	const struct packet *a = &c->p;
	struct packet b;
	int mirror = c->listen.turn == TURN_MIRROR;

	FUZZ_CHECK(len == c->len);
	FUZZ_CHECK(packet_read(pkt, len, &b) == 0);
	FUZZ_CHECK(packet_sums_good(pkt, len));
	FUZZ_CHECK(a->ttl >= 2 && b.ttl == a->ttl - 1);
	FUZZ_CHECK(b.family == a->family && b.proto == a->proto);
	FUZZ_CHECK(addr_equal(&b.src, &a->dst) && addr_equal(&b.dst, &a->src));
	FUZZ_CHECK(b.tos == a->tos && b.df == a->df && b.flow == a->flow);
	FUZZ_CHECK(b.family != FAMILY_V4 || b.id != 0);
	if (a->proto != PROTO_ICMP) {
		FUZZ_CHECK(memcmp(b.l4, a->l4 + (mirror ? 0 : 2), 2) == 0);
		FUZZ_CHECK(memcmp(b.l4 + 2, a->l4 + (mirror ? 2 : 0), 2) == 0);
	}
	switch (a->proto) {
	case PROTO_ICMP:
		check_turn_icmp(c, &b);
		check_payload(a, &b, cookie);
		break;
	case PROTO_UDP:
		check_payload(a, &b, cookie);
		break;
	case PROTO_TCP:
		check_turn_tcp(c, &b, cookie);
		break;
	case PROTO_MAX:
		FUZZ_CHECK(0);
	}
}

/* The extension structure (RFC 4884) at x, len bytes. */
static void
check_extension(const struct check_probe *c, const struct check_error *want,
    const uint8_t *x, size_t len)
{
	size_t at = 4, alen = c->p.family == FAMILY_V4 ? 4 : 16, olen;

	FUZZ_CHECK(len >= 4 && x[0] == 0x20 && x[1] == 0);
	FUZZ_CHECK(packet_add(0, x, len) == 0xffff);
	if (want->with_addr) {
		olen = 8 + alen + (want->with_name ? 8 : 0);
		FUZZ_CHECK(len >= at + olen);
		FUZZ_CHECK(wire_get16(x + at) == olen && x[at + 2] == 2);
		FUZZ_CHECK(x[at + 3] == (want->with_name ? 0xc6 : 0xc4));
		FUZZ_CHECK(wire_get16(x + at + 4) == (alen == 4 ? 1 : 2));
		FUZZ_CHECK(check_zero(x + at + 6, 2));
		FUZZ_CHECK(memcmp(x + at + 8, want->router.b, alen) == 0);
		if (want->with_name)
			FUZZ_CHECK(
			    memcmp(x + at + 8 + alen, "\010u-turn\0", 8) == 0);
		at += olen;
	}
	if (want->with_rtt) {
		FUZZ_CHECK(len >= at + 8);
		FUZZ_CHECK(wire_get32(x + at) == 0x0008f701);
		FUZZ_CHECK(wire_get32(x + at + 4) == want->rtt_us);
		at += 8;
	}
	FUZZ_CHECK(len - at == want->objlen);
	if (want->objlen > 0)
		FUZZ_CHECK(memcmp(x + at, want->obj, want->objlen) == 0);
}

void
check_error(const struct check_probe *c, const struct check_error *want,
    const uint8_t *pkt, size_t len)
{
	struct packet b;
	size_t quote = c->len < 128 ? c->len : 128, budget;
	uint8_t unit, words;
	int v4 = c->p.family == FAMILY_V4, ext;

	FUZZ_CHECK(packet_read(pkt, len, &b) == 0);
	FUZZ_CHECK(packet_sums_good(pkt, len));
	FUZZ_CHECK(b.proto == PROTO_ICMP && b.family == c->p.family);
	FUZZ_CHECK(addr_equal(&b.src, &want->src));
	FUZZ_CHECK(addr_equal(&b.dst, &c->p.src));
	FUZZ_CHECK(b.ttl == want->ttl);
	FUZZ_CHECK(b.l4[0] == want->type && b.l4[1] == want->code);
	budget = c->len * (c->listen.relay == RELAY_BOTH ? 5 : 3);
	FUZZ_CHECK(len <= budget);

	ext = want->with_addr || want->objlen != 0;
	FUZZ_CHECK(b.l4len >= 8 + quote);
	FUZZ_CHECK(memcmp(b.l4 + 8, c->raw, quote) == 0);
	unit = v4 ? 4 : 8;
	words = b.l4[v4 ? 5 : 4];
	FUZZ_CHECK(check_zero(b.l4 + 4, v4 ? 1 : 0));
	FUZZ_CHECK(check_zero(b.l4 + (v4 ? 6 : 5), v4 ? 2 : 3));
	if (!ext) {
		FUZZ_CHECK(words == 0 && b.l4len == 8 + quote);
		return;
	}
	FUZZ_CHECK(words * unit == 128 && b.l4len >= 8 + 128 + 4);
	FUZZ_CHECK(check_zero(b.l4 + 8 + quote, 128 - quote));
	check_extension(c, want, b.l4 + 136, b.l4len - 136);
}

size_t
check_answer_len(const struct check_probe *c, uint8_t flags)
{
	int v4 = c->p.family == FAMILY_V4;
	size_t len = v4 ? 28 : 48;

	if ((flags & MSG_ANSWER_ADDR) == 0)
		return (len + (c->len < 128 ? c->len : 128));
	len += 128 + 4 + 8 + (v4 ? 4 : 16);
	if (flags & MSG_ANSWER_NAME)
		len += 8;
	if (flags & MSG_ANSWER_RTT)
		len += 8;
	return (len);
}

void
check_ahead(const struct check_probe *c, uint8_t ahead)
{
	if (ahead == 0)
		return;
	FUZZ_CHECK((ahead & 0x80) != 0 && (ahead & 0x71) == 0);
	FUZZ_CHECK((ahead & (MSG_ANSWER_NAME | MSG_ANSWER_RTT)) == 0 ||
	    (ahead & MSG_ANSWER_ADDR) != 0);
	FUZZ_CHECK(check_answer_len(c, ahead) <=
	    c->len * (c->listen.relay == RELAY_BOTH ? 5 : 3));
}

void
check_final(
    const struct check_probe *c, uint8_t ttl, const uint8_t *pkt, size_t len)
{
	struct check_error want;
	struct packet b;
	size_t keep, data;
	int v4 = c->p.family == FAMILY_V4;

	if (c->p.proto == PROTO_UDP) {
		memset(&want, 0, sizeof(want));
		want.type = v4 ? 3 : 1;
		want.code = v4 ? 3 : 4;
		want.ttl = ttl;
		want.src = c->p.dst;
		check_error(c, &want, pkt, len);
		return;
	}
	FUZZ_CHECK(packet_read(pkt, len, &b) == 0);
	FUZZ_CHECK(packet_sums_good(pkt, len));
	FUZZ_CHECK(b.proto == c->p.proto && b.family == c->p.family);
	FUZZ_CHECK(addr_equal(&b.src, &c->p.dst));
	FUZZ_CHECK(addr_equal(&b.dst, &c->p.src));
	FUZZ_CHECK(b.ttl == ttl && len <= c->len);
	if (c->p.proto == PROTO_ICMP) {
		FUZZ_CHECK(len == c->len);
		FUZZ_CHECK(b.l4[0] == (v4 ? 0 : 129) && b.l4[1] == 0);
		FUZZ_CHECK(memcmp(b.l4 + 4, c->p.l4 + 4, 4) == 0);
		data = c->p.l4len - 8;
		keep = (c->len < 128 ? c->len : 128) - (c->len - data);
		FUZZ_CHECK(memcmp(b.l4 + 8, c->p.l4 + 8, keep) == 0);
		FUZZ_CHECK(check_zero(b.l4 + 8 + keep, data - keep));
		return;
	}
	FUZZ_CHECK(b.l4len == 20 && b.l4[13] == 0x14);
	FUZZ_CHECK(memcmp(b.l4, c->p.l4 + 2, 2) == 0);
	FUZZ_CHECK(memcmp(b.l4 + 2, c->p.l4, 2) == 0);
	FUZZ_CHECK(
	    wire_get32(b.l4 + 8) == (uint32_t)(wire_get32(c->p.l4 + 4) + 1));
}

int
check_source_own(const struct check_probe *c, const struct addr *a)
{
	const struct policy_listen *l = &c->listen;
	struct addr net = *a;

	if (!addr_is_zero(&l->hop_addr))
		return (addr_equal(a, &l->hop_addr));
	if (l->hop_prefix_len == 0)
		return (addr_equal(a, &l->addr));
	addr_mask(l->family, &net, l->hop_prefix_len);
	return (addr_equal(&net, &l->hop_prefix));
}
