/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "tests/fuzz/packet.h"

#define IP4 20
#define IP6 40

static unsigned int
packet_16(const uint8_t *p)
{
	return ((unsigned int)p[0] * 256 + p[1]);
}

static void
packet_put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v / 256);
	p[1] = (uint8_t)(v % 256);
}

uint16_t
packet_add(uint16_t sum, const uint8_t *p, size_t len)
{
	uint32_t s = sum;
	size_t i;

	for (i = 0; i < len; i++) {
		s += i % 2 == 0 ? (uint32_t)p[i] * 256 : p[i];
		if (s > 0xffff)
			s -= 0xffff;
	}
	return ((uint16_t)s);
}

int
packet_same_sum(uint16_t a, uint16_t b)
{
	return (a == b || (a % 0xffff == 0 && b % 0xffff == 0));
}

/* Where the checksum stands; 0: no such protocol here. */
static size_t
packet_sum_at(int v4, uint8_t ipproto)
{
	if (ipproto == 17)
		return (6);
	if (ipproto == 6)
		return (16);
	return (ipproto == (v4 ? 1 : 58) ? 2 : 0);
}

static uint16_t
packet_sum(int v4, uint8_t ipproto, const uint8_t *addrs, const uint8_t *l4,
    size_t len, size_t at)
{
	uint8_t tail[4] = { 0, 0, 0, ipproto };
	uint16_t s = 0;

	if (!v4 || ipproto != 1) {
		s = packet_add(s, addrs, v4 ? 8 : 32);
		packet_put16(tail, len);
		s = packet_add(s, tail, sizeof(tail));
	}
	s = packet_add(s, l4, at);
	s = packet_add(s, l4 + at + 2, len - at - 2);
	return ((uint16_t)~s);
}

void
packet_sums(uint8_t *pkt, size_t len)
{
	size_t hdr, at;
	uint8_t ipproto;
	int v4;

	if (len < IP4)
		return;
	v4 = pkt[0] >> 4 == 4;
	if (!v4 && (pkt[0] >> 4 != 6 || len < IP6))
		return;
	hdr = v4 ? IP4 : IP6;
	if (v4) {
		packet_put16(pkt + 10, 0);
		packet_put16(pkt + 10, (uint16_t)~packet_add(0, pkt, IP4));
	}
	ipproto = v4 ? pkt[9] : pkt[6];
	at = packet_sum_at(v4, ipproto);
	if (at != 0 && len - hdr >= at + 2)
		packet_put16(pkt + hdr + at,
		    packet_sum(v4, ipproto, pkt + (v4 ? 12 : 8), pkt + hdr,
			len - hdr, at));
}

void
packet_lengths(uint8_t *pkt, size_t len)
{
	size_t hdr;
	int v4;

	if (len < IP4 || len > 0xffff)
		return;
	v4 = pkt[0] >> 4 == 4;
	if (!v4 && (pkt[0] >> 4 != 6 || len < IP6))
		return;
	hdr = v4 ? IP4 : IP6;
	packet_put16(pkt + (v4 ? 2 : 4), v4 ? len : len - IP6);
	if ((v4 ? pkt[9] : pkt[6]) == 17 && len - hdr >= 6)
		packet_put16(pkt + hdr + 4, len - hdr);
}

static int
packet_proto(int v4, uint8_t ipproto, enum proto *out)
{
	if (ipproto == 17)
		*out = PROTO_UDP;
	else if (ipproto == 6)
		*out = PROTO_TCP;
	else if (ipproto == (v4 ? 1 : 58))
		*out = PROTO_ICMP;
	else
		return (-1);
	return (0);
}

int
packet_read(const uint8_t *pkt, size_t len, struct packet *p)
{
	int v4;
	size_t hdr;

	memset(p, 0, sizeof(*p));
	if (len < IP4)
		return (-1);
	v4 = pkt[0] == 0x45;
	hdr = v4 ? IP4 : IP6;
	if ((!v4 && pkt[0] / 16 != 6) || len < hdr + 8 ||
	    packet_proto(v4, v4 ? pkt[9] : pkt[6], &p->proto) == -1)
		return (-1);
	p->family = v4 ? FAMILY_V4 : FAMILY_V6;
	p->len = len;
	p->l4 = pkt + hdr;
	p->l4len = len - hdr;
	if (v4) {
		if (packet_16(pkt + 2) != len || (pkt[6] & 0xbf) != 0 ||
		    pkt[7] != 0)
			return (-1);
		p->tos = pkt[1];
		p->id = (uint16_t)packet_16(pkt + 4);
		p->df = pkt[6] == 0x40;
		p->ttl = pkt[8];
		memcpy(p->src.b, pkt + 12, 4);
		memcpy(p->dst.b, pkt + 16, 4);
	} else {
		if (packet_16(pkt + 4) + (size_t)IP6 != len)
			return (-1);
		p->tos = (uint8_t)((pkt[0] << 4 | pkt[1] >> 4) & 0xff);
		p->flow = (uint32_t)(pkt[1] & 0x0f) << 16 | packet_16(pkt + 2);
		p->ttl = pkt[7];
		memcpy(p->src.b, pkt + 8, 16);
		memcpy(p->dst.b, pkt + 24, 16);
	}
	if (p->proto == PROTO_UDP && packet_16(p->l4 + 4) != p->l4len)
		return (-1);
	if (p->proto == PROTO_TCP &&
	    (p->l4len < 20 || (size_t)(p->l4[12] / 16) * 4 < 20 ||
		(size_t)(p->l4[12] / 16) * 4 > p->l4len))
		return (-1);
	return (0);
}

uint16_t
packet_l4_sum(const struct packet *p, size_t *at)
{
	int v4 = p->family == FAMILY_V4;
	const uint8_t *pkt = p->l4 - (v4 ? IP4 : IP6);
	uint8_t ipproto = v4 ? pkt[9] : pkt[6];

	*at = packet_sum_at(v4, ipproto);
	return (
	    packet_sum(v4, ipproto, pkt + (v4 ? 12 : 8), p->l4, p->l4len, *at));
}

int
packet_l4_good(const struct packet *p)
{
	uint16_t want, is;
	size_t at;

	want = packet_l4_sum(p, &at);
	is = (uint16_t)packet_16(p->l4 + at);
	if (p->proto == PROTO_UDP && is == 0)
		return (p->family == FAMILY_V4);
	return (packet_same_sum(want, is));
}

int
packet_sums_good(const uint8_t *pkt, size_t len)
{
	struct packet p;

	if (packet_read(pkt, len, &p) == -1)
		return (0);
	if (p.family == FAMILY_V4 && packet_add(0, pkt, IP4) != 0xffff)
		return (0);
	return (packet_l4_good(&p));
}

size_t
packet_ip(uint8_t *b, enum family f, const struct addr *src,
    const struct addr *dst, uint8_t ipproto, uint8_t ttl, size_t l4len)
{
	if (f == FAMILY_V4) {
		memset(b, 0, IP4);
		b[0] = 0x45;
		packet_put16(b + 2, IP4 + l4len);
		b[8] = ttl;
		b[9] = ipproto;
		memcpy(b + 12, src->b, 4);
		memcpy(b + 16, dst->b, 4);
		return (IP4);
	}
	memset(b, 0, IP6);
	b[0] = 0x60;
	packet_put16(b + 4, l4len);
	b[6] = ipproto;
	b[7] = ttl;
	memcpy(b + 8, src->b, 16);
	memcpy(b + 24, dst->b, 16);
	return (IP6);
}
