/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/checksum.h"
#include "priv/match.h"
#include "priv/record.h"

/* Where the cookie stands behind a UDP or echo header: mark, compensation. */
#define MATCH_COOKIE_AT (WIRE_UDP_HDR + WIRE_MARK_LEN + 2)
#define MATCH_FRAG_MASK 0x3fff /* more fragments, offset */

/* A captured packet, cut to its own length. */
struct match_packet {
	enum family family;
	const uint8_t *b;
	size_t len;
	size_t l4; /* offset */
	uint8_t ipproto;
	struct addr src, dst;
};

/* The outer IP header.  Returns 0, or -1. */
static int
match_ip(enum family f, const uint8_t *pkt, size_t len, struct match_packet *p)
{
	memset(p, 0, sizeof(*p));
	p->family = f;
	p->b = pkt;
	if (f == FAMILY_V4) {
		if (len < WIRE_IP4_HDR || pkt[0] != 0x45 ||
		    (wire_get16(pkt + 6) & MATCH_FRAG_MASK) != 0 ||
		    wire_fold(wire_sum(0, pkt, WIRE_IP4_HDR)) != 0xffff)
			return (-1);
		p->len = wire_get16(pkt + 2);
		p->l4 = WIRE_IP4_HDR;
		p->ipproto = pkt[9];
		memcpy(p->src.b, pkt + 12, 4);
		memcpy(p->dst.b, pkt + 16, 4);
	} else {
		if (len < WIRE_IP6_HDR || pkt[0] >> 4 != 6)
			return (-1);
		p->len = (size_t)wire_get16(pkt + 4) + WIRE_IP6_HDR;
		p->l4 = WIRE_IP6_HDR;
		p->ipproto = pkt[6];
		memcpy(p->src.b, pkt + 8, 16);
		memcpy(p->dst.b, pkt + 24, 16);
	}
	/* Eight bytes: the shortest header of any protocol here. */
	if (p->len > len || p->len < p->l4 + WIRE_ICMP_HDR)
		return (-1);
	return (0);
}

/* Where the cookie would be in l4 (a UDP or echo header, len bytes). */
static void
match_cookie(struct match *m, const uint8_t *l4, size_t len)
{
	if (m->proto == PROTO_TCP || len <= MATCH_COOKIE_AT)
		return;
	len -= MATCH_COOKIE_AT;
	m->cookie = l4 + MATCH_COOKIE_AT;
	m->cookielen =
	    len < RECORD_COOKIE_MAX ? (uint8_t)len : RECORD_COOKIE_MAX;
}

static int
match_proto(enum family f, uint8_t ipproto, enum proto *out)
{
	static const enum proto all[] = { PROTO_UDP, PROTO_ICMP, PROTO_TCP };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (wire_ipproto(f, all[i]) == ipproto) {
			*out = all[i];
			return (0);
		}
	return (-1);
}

/* The packet that an error quotes: q, len bytes.  Returns 0, or -1. */
static int
match_quote(struct match *m, const uint8_t *q, size_t len)
{
	size_t hdr, l4len;

	if (m->family == FAMILY_V4) {
		hdr = WIRE_IP4_HDR;
		/* RFC 792: header and eight bytes.  We send no options. */
		if (len < hdr + 8 || q[0] != 0x45 ||
		    (wire_get16(q + 6) & 0x1fff) != 0)
			return (-1);
		m->quoted_id = wire_get16(q + 4);
		m->quoted_ttl = q[8];
		memcpy(m->own.b, q + 12, 4);
		memcpy(m->client.b, q + 16, 4);
	} else {
		hdr = WIRE_IP6_HDR;
		if (len < hdr + 4 || q[0] >> 4 != 6)
			return (-1);
		m->quoted_ttl = q[7];
		memcpy(m->own.b, q + 8, 16);
		memcpy(m->client.b, q + 24, 16);
	}
	if (match_proto(m->family, m->family == FAMILY_V4 ? q[9] : q[6],
		&m->proto) == -1)
		return (-1);
	l4len = len - hdr;
	m->l4len = l4len < sizeof(m->l4) ? (uint8_t)l4len : sizeof(m->l4);
	memcpy(m->l4, q + hdr, m->l4len);
	match_cookie(m, q + hdr, l4len);
	return (0);
}

static int
match_error_type(enum family f, uint8_t type)
{
	if (f == FAMILY_V4)
		return (type == ICMP4_UNREACH || type == ICMP4_TIMEX);
	return (type == ICMP6_UNREACH || type == ICMP6_TOOBIG ||
	    type == ICMP6_TIMEX);
}

static int
match_icmp(const struct match_packet *p, struct match *m)
{
	const uint8_t *icmp = p->b + p->l4;
	size_t len = p->len - p->l4;
	uint8_t reply;

	if (checksum_l4(p->family, p->ipproto, &p->src, &p->dst, icmp, len) !=
	    0xffff)
		return (-1);
	reply = p->family == FAMILY_V4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_RESPONSE;
	if (icmp[0] == reply && icmp[1] == 0) {
		m->kind = MATCH_REPLY;
		m->proto = PROTO_ICMP;
		m->client = p->src;
		m->own = p->dst;
		m->l4len = sizeof(m->l4);
		memcpy(m->l4, icmp, sizeof(m->l4));
		match_cookie(m, icmp, len);
		return (0);
	}
	if (!match_error_type(p->family, icmp[0]))
		return (-1);
	m->kind = MATCH_ERROR;
	m->icmp_type = icmp[0];
	m->icmp_code = icmp[1];
	m->ext_len = icmp[p->family == FAMILY_V4 ? 5 : 4];
	m->data = (uint16_t)(p->l4 + WIRE_ICMP_HDR);
	/* Of an IPv6 packet of 65535 + 40 bytes no capture sees the end. */
	if (p->len - m->data > UINT16_MAX)
		return (-1);
	m->datalen = (uint16_t)(p->len - m->data);
	return (match_quote(m, p->b + m->data, m->datalen));
}

static int
match_tcp(const struct match_packet *p, struct match *m)
{
	const uint8_t *tcp = p->b + p->l4;
	size_t len = p->len - p->l4, hdr;
	uint16_t sum;

	if (len < WIRE_TCP_HDR)
		return (-1);
	hdr = (size_t)(tcp[12] >> 4) * 4;
	if (hdr < WIRE_TCP_HDR || hdr > len)
		return (-1);
	/* RFC 9293: a SYN's answer acknowledges it: a reset, or a SYN. */
	switch (tcp[13] &
	    (WIRE_TCP_SYN | WIRE_TCP_RST | WIRE_TCP_ACK | WIRE_TCP_FIN)) {
	case WIRE_TCP_RST | WIRE_TCP_ACK:
		m->kind = MATCH_RESET;
		break;
	case WIRE_TCP_SYN | WIRE_TCP_ACK:
		m->kind = MATCH_SYNACK;
		break;
	default:
		return (-1);
	}
	/*
	 * A virtual link leaves out the checksum: then the field holds the
	 * pseudo-header's sum, for a device to go on with.
	 */
	sum = wire_fold(
	    wire_pseudo(p->family, &p->src, &p->dst, p->ipproto, len));
	if (checksum_l4(p->family, p->ipproto, &p->src, &p->dst, tcp, len) !=
		0xffff &&
	    wire_get16(tcp + checksum_at(PROTO_TCP)) != sum)
		return (-1);
	m->proto = PROTO_TCP;
	m->client = p->src;
	m->own = p->dst;
	m->l4len = sizeof(m->l4);
	memcpy(m->l4, tcp, sizeof(m->l4));
	memcpy(m->ack, tcp + 8, sizeof(m->ack));
	return (0);
}

int
match_read(enum family f, const uint8_t *pkt, size_t len, struct match *out)
{
	struct match_packet p;

	memset(out, 0, sizeof(*out));
	if (match_ip(f, pkt, len, &p) == -1)
		return (-1);
	out->family = f;
	out->router = p.src;
	if (p.ipproto == wire_ipproto(f, PROTO_ICMP))
		return (match_icmp(&p, out));
	if (p.ipproto == WIRE_PROTO_TCP)
		return (match_tcp(&p, out));
	return (-1);
}
