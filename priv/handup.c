/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/checksum.h"
#include "priv/handup.h"
#include "priv/handup_int.h"

/* Ports below are services that an answer could set talking. */
#define HANDUP_PORT_MIN 1024
/* All bits of IPv4's fragment word but "don't fragment". */
#define HANDUP_FRAG_MASK 0xbfff
#define HANDUP_FRAG_DF   0x4000
/* Mark and compensation, and the shortest cookie. */
#define HANDUP_ROOM6 10

/*
 * The two IP headers: what they must look like, that a whole transport header
 * is there, and the fields of the record.
 */
static enum handup_reason
handup_ip4(
    const uint8_t *pkt, size_t caplen, struct handup *h, uint8_t *ipproto)
{
	uint16_t frag;

	if (caplen < WIRE_PROBE_MIN)
		return (HANDUP_SHORT);
	*ipproto = pkt[9];
	if (*ipproto == WIRE_PROTO_TCP && caplen < WIRE_IP4_HDR + WIRE_TCP_HDR)
		return (HANDUP_SHORT);
	if (pkt[0] != 0x45)
		return (HANDUP_HEADER);
	frag = wire_get16(pkt + 6);
	if ((frag & HANDUP_FRAG_MASK) != 0)
		return (HANDUP_FRAGMENT);
	if (wire_get16(pkt + 2) != caplen)
		return (HANDUP_LENGTH);

	h->family = FAMILY_V4;
	h->l4 = WIRE_IP4_HDR;
	h->tos = pkt[1];
	h->df = (frag & HANDUP_FRAG_DF) != 0;
	h->ttl = pkt[8];
	memcpy(h->src.b, pkt + 12, 4);
	memcpy(h->dst.b, pkt + 16, 4);
	return (HANDUP_OK);
}

static enum handup_reason
handup_ip6(
    const uint8_t *pkt, size_t caplen, struct handup *h, uint8_t *ipproto)
{
	uint32_t word;

	if (caplen < WIRE_IP6_HDR + WIRE_UDP_HDR)
		return (HANDUP_SHORT);
	*ipproto = pkt[6];
	if (*ipproto == WIRE_PROTO_TCP && caplen < WIRE_IP6_HDR + WIRE_TCP_HDR)
		return (HANDUP_SHORT);
	if (*ipproto != WIRE_PROTO_UDP && *ipproto != WIRE_PROTO_ICMP6 &&
	    *ipproto != WIRE_PROTO_TCP)
		return (HANDUP_HEADER);
	if ((size_t)wire_get16(pkt + 4) + WIRE_IP6_HDR != caplen)
		return (HANDUP_LENGTH);

	word = wire_get32(pkt);
	h->family = FAMILY_V6;
	h->l4 = WIRE_IP6_HDR;
	h->tos = (uint8_t)(word >> 20);
	h->flow = word & 0xfffff;
	h->ttl = pkt[7];
	memcpy(h->src.b, pkt + 8, 16);
	memcpy(h->dst.b, pkt + 24, 16);
	return (HANDUP_OK);
}

/* Lengths inside the transport header against the IP header's. */
static enum handup_reason
handup_lengths(
    const uint8_t *pkt, size_t caplen, uint8_t ipproto, struct handup *h)
{
	const uint8_t *l4 = pkt + h->l4;
	size_t l4len = caplen - h->l4;

	if (caplen > WIRE_PROBE_MAX)
		return (HANDUP_LENGTH);
	if (ipproto == WIRE_PROTO_UDP && wire_get16(l4 + 4) != l4len)
		return (HANDUP_LENGTH);
	/* The data offset, in words; it leaves no room for a payload. */
	if (ipproto == WIRE_PROTO_TCP && (size_t)(l4[12] >> 4) * 4 != l4len)
		return (HANDUP_LENGTH);

	h->len = (uint16_t)caplen;
	if (ipproto == WIRE_PROTO_TCP)
		h->payload = h->len;
	else
		h->payload = (uint16_t)(h->l4 + WIRE_UDP_HDR);
	return (HANDUP_OK);
}

enum handup_reason
handup_ip(const uint8_t *pkt, size_t caplen, struct handup *h, uint8_t *ipproto)
{
	if (caplen == 0)
		return (HANDUP_SHORT);
	if (pkt[0] >> 4 == 4)
		return (handup_ip4(pkt, caplen, h, ipproto));
	if (pkt[0] >> 4 == 6)
		return (handup_ip6(pkt, caplen, h, ipproto));
	return (HANDUP_HEADER);
}

enum handup_reason
handup_addresses(
    const struct policy *p, uint8_t ttl_min, uint8_t ttl_max, struct handup *h)
{
	int i;

	i = policy_listen_find(p, h->family, &h->dst);
	if (i == -1)
		return (HANDUP_DESTINATION);
	h->listen = (uint32_t)i;
	if (h->ttl < ttl_min || h->ttl > ttl_max)
		return (HANDUP_TTL);
	if (policy_is_own(p, h->family, &h->src) ||
	    addr_is_martian(h->family, &h->src) || addr_equal(&h->src, &h->dst))
		return (HANDUP_SOURCE);
	return (HANDUP_OK);
}

static enum handup_reason
handup_protocol(const struct policy *p, const uint8_t *l4, uint8_t ipproto,
    struct handup *h)
{
	uint8_t echo;

	h->sport = wire_get16(l4);
	h->dport = wire_get16(l4 + 2);
	switch (ipproto) {
	case WIRE_PROTO_UDP:
		h->proto = PROTO_UDP;
		break;
	case WIRE_PROTO_TCP:
		h->proto = PROTO_TCP;
		h->seq = wire_get32(l4 + 4);
		/* The reserved bits, which share the offset's byte, are off. */
		if (l4[13] != WIRE_TCP_SYN || (l4[12] & 0x0f) != 0)
			return (HANDUP_PROTOCOL);
		break;
	case WIRE_PROTO_ICMP4:
	case WIRE_PROTO_ICMP6:
		h->proto = PROTO_ICMP;
		echo = h->family == FAMILY_V4 ? ICMP4_ECHO : ICMP6_ECHO_REQUEST;
		if (wire_ipproto(h->family, PROTO_ICMP) != ipproto ||
		    !p->probe_icmp || l4[0] != echo || l4[1] != 0)
			return (HANDUP_PROTOCOL);
		h->sport = wire_get16(l4 + 4);
		h->dport = wire_get16(l4 + 6);
		break;
	default:
		return (HANDUP_PROTOCOL);
	}
	h->sum = wire_get16(l4 + checksum_at(h->proto));
	return (HANDUP_OK);
}

static int
handup_port_ok(const struct policy *p, const struct handup *h)
{
	if (h->proto == PROTO_ICMP)
		return (1);
	if (h->proto == PROTO_UDP && h->sport < HANDUP_PORT_MIN)
		return (0);
	return (policy_port_listed(p, h->proto, h->dport));
}

int
handup_sum_ok(const struct handup *h, const uint8_t *l4, uint8_t ipproto)
{
	/* RFC 768: none was computed.  RFC 8200, 8.1: not in IPv6. */
	if (h->proto == PROTO_UDP && h->sum == 0)
		return (h->family == FAMILY_V4);
	return (checksum_l4(h->family, ipproto, &h->src, &h->dst, l4,
		    (size_t)(h->len - h->l4)) == 0xffff);
}

/* A turned probe of some uturnd, or one that can't be told from it. */
static int
handup_is_turned(
    const struct policy *p, const struct handup *h, const uint8_t *pkt)
{
	const uint8_t *l4 = pkt + h->l4;

	if (h->proto == PROTO_TCP)
		return (wire_get16(l4 + 14) == WIRE_MARK >> 16 &&
		    wire_get16(l4 + 18) == (WIRE_MARK & 0xffff));
	if (h->len - h->payload >= WIRE_MARK_LEN)
		return (wire_get32(pkt + h->payload) == WIRE_MARK);
	return (h->proto == PROTO_UDP &&
	    policy_port_listed(p, PROTO_UDP, h->sport));
}

static int
handup_has_room(const struct policy *p, const struct handup *h)
{
	int room = h->len - h->payload;

	if (h->proto == PROTO_TCP)
		return (1);
	if (p->listen[h->listen].turn == TURN_MIRROR && room < WIRE_MARK_LEN)
		return (0);
	return (h->family == FAMILY_V4 || room >= HANDUP_ROOM6);
}

enum handup_reason
handup_check(const struct policy *p, const uint8_t *pkt, size_t caplen,
    struct handup *out)
{
	enum handup_reason why;
	const uint8_t *l4;
	uint8_t ipproto = 0;

	memset(out, 0, sizeof(*out));
	why = handup_ip(pkt, caplen, out, &ipproto);
	if (why != HANDUP_OK)
		return (why);
	if ((why = handup_lengths(pkt, caplen, ipproto, out)) != HANDUP_OK)
		return (why);
	why = handup_addresses(p, 1, p->max_ttl, out);
	if (why != HANDUP_OK)
		return (why);
	l4 = pkt + out->l4;
	if ((why = handup_protocol(p, l4, ipproto, out)) != HANDUP_OK)
		return (why);
	if (!handup_port_ok(p, out))
		return (HANDUP_PORT);
	if (!handup_sum_ok(out, l4, ipproto))
		return (HANDUP_CHECKSUM);
	if (handup_is_turned(p, out, pkt))
		return (HANDUP_LOOP);
	if (!handup_has_room(p, out))
		return (HANDUP_NOROOM);
	return (HANDUP_OK);
}
