/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdio.h>
#include <string.h>

#include "common/wire.h"
#include "utrace/answer.h"
#include "utrace/extension.h"

#define ANSWER_QUOTED 8 /* bytes that are quoted behind the IP header */

/* Of RFC 4443 section 3.1, by code: the codes of IPv4 that mean the same. */
static const char *const answer_marks6[] = { "!N", "!X", "!S", "!H", "", "!P",
	"!R" };

const char *
answer_mark(enum family f, uint8_t code)
{
	if (f == FAMILY_V6)
		return (code < sizeof(answer_marks6) / sizeof(answer_marks6[0])
			? answer_marks6[code]
			: "!?");
	switch (code) {
	case 0: /* net, RFC 792 */
		return ("!N");
	case 1: /* host */
		return ("!H");
	case 2: /* protocol */
		return ("!P");
	case ICMP4_UNREACH_PORT:
		return ("");
	case ICMP4_UNREACH_FRAG:
		return ("!F");
	case 5: /* source route failed */
		return ("!S");
	case 9: /* prohibited: net, host, by a filter (RFC 1812, 5.2.7.1) */
	case 10:
	case 13:
		return ("!X");
	default:
		return ("!?");
	}
}

/* The token of a quoted packet behind its IP header, ANSWER_QUOTED bytes. */
static int
answer_quoted(
    const struct flow *f, uint8_t ipproto, const uint8_t *l4, struct answer *a)
{
	enum proto proto = f->proto;

	if (ipproto == wire_ipproto(f->family, PROTO_ICMP)) {
		if (l4[0] !=
		    (f->family == FAMILY_V4 ? ICMP4_ECHO : ICMP6_ECHO_REQUEST))
			return (-1);
		a->to_request = l4[1] == AUGSBURG_CODE;
		if (a->to_request) {
			a->token = wire_get16(l4 + 4);
			return (wire_get16(l4 + 6) == 0 ? 0 : -1);
		}
		a->token = wire_get16(l4 + 6);
		return (proto == PROTO_ICMP && l4[1] == 0 &&
			    wire_get16(l4 + 4) == f->id
			? 0
			: -1);
	}
	if (proto == PROTO_ICMP || ipproto != wire_ipproto(f->family, proto) ||
	    wire_get16(l4) != f->sport || wire_get16(l4 + 2) != f->dport)
		return (-1);
	a->token = wire_get16(l4 + 6);
	return (wire_get16(l4 + 4) ==
		    (proto == PROTO_UDP ? flow_len(f->family) : f->id)
		? 0
		: -1);
}

/* An ICMP error: it must quote what we sent. */
static int
answer_error(
    const struct flow *f, const uint8_t *icmp, size_t len, struct answer *a)
{
	const uint8_t *q = icmp + WIRE_ICMP_HDR;
	size_t left, hdr, dst;
	uint8_t ipproto, length;

	if (len < WIRE_ICMP_HDR)
		return (-1);
	left = len - WIRE_ICMP_HDR;
	hdr = f->family == FAMILY_V4 ? WIRE_IP4_HDR : WIRE_IP6_HDR;
	if (left < hdr + ANSWER_QUOTED)
		return (-1);
	if (f->family == FAMILY_V4) {
		if (q[0] != (4 << 4 | WIRE_IP4_HDR / 4))
			return (-1);
		ipproto = q[9];
		dst = 16;
		length = icmp[5];
	} else {
		if (q[0] >> 4 != 6)
			return (-1);
		ipproto = q[6];
		dst = 24;
		length = icmp[4];
	}
	if (memcmp(q + dst, f->dst.b, addr_len(f->family)) != 0 ||
	    answer_quoted(f, ipproto, q + hdr, a) == -1)
		return (-1);
	extension_read(f->family, q, left, length, &a->object);
	return (0);
}

/* A reply that tells a hop.  -1: it contradicts itself. */
static int
answer_hop(const struct flow *f, const uint8_t *icmp, struct answer *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *hop = icmp + AUGSBURG_HOP;

	if (f->family == FAMILY_V4) {
		if (memcmp(hop, mapped, sizeof(mapped)) != 0)
			return (-1);
		hop += sizeof(mapped);
	}
	memcpy(a->hop.b, hop, addr_len(f->family));
	a->has_hop = 1;
	a->rtt_ns = wire_get32(icmp + AUGSBURG_RTT);
	return (0);
}

/* An echo reply: only the host itself may send it. */
static int
answer_echo(
    const struct flow *f, const uint8_t *icmp, size_t len, struct answer *a)
{
	if (len < WIRE_ICMP_HDR || !addr_equal(&a->from, &f->dst))
		return (-1);
	if (f->proto == PROTO_ICMP && wire_get16(icmp + 4) == f->id) {
		a->kind = ANSWER_ECHO;
		a->token = wire_get16(icmp + 6);
		return (icmp[1] == 0 ? 0 : -1);
	}
	/* A code that is cleared on the way back is still an echo. */
	if (icmp[1] > AUGSBURG_CODE || len < AUGSBURG_ERROR ||
	    wire_get16(icmp + 6) != 0)
		return (-1);
	a->kind = ANSWER_REPLY;
	a->to_request = 1;
	a->token = wire_get16(icmp + 4);
	a->len = len;
	a->status = icmp[AUGSBURG_TTL];
	a->value = wire_get16(icmp + AUGSBURG_FLOW);
	a->rtt_ns = AUGSBURG_RTT_NONE;
	if (icmp[1] == AUGSBURG_CODE && a->status == AUGSBURG_OK &&
	    len >= ANSWER_HOP_LEN)
		return (answer_hop(f, icmp, a));
	return (0);
}

static int
answer_icmp(
    const struct flow *f, const uint8_t *icmp, size_t len, struct answer *a)
{
	uint32_t sum = 0;
	int v4 = f->family == FAMILY_V4;

	if (len < WIRE_ICMP_HDR)
		return (-1);
	if (!v4)
		sum = wire_pseudo(
		    f->family, &a->from, &f->src, WIRE_PROTO_ICMP6, len);
	if (wire_fold(wire_sum(sum, icmp, len)) != UINT16_MAX)
		return (-1);
	a->code = icmp[1];
	if (icmp[0] == (v4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_RESPONSE))
		return (answer_echo(f, icmp, len, a));
	if (icmp[0] == (v4 ? ICMP4_TIMEX : ICMP6_TIMEX) && icmp[1] == 0)
		a->kind = ANSWER_TIMEX;
	else if (icmp[0] == (v4 ? ICMP4_UNREACH : ICMP6_UNREACH))
		a->kind = ANSWER_UNREACH;
	else
		return (-1);
	return (answer_error(f, icmp, len, a));
}

/* What the host itself says by TCP or UDP. */
static int
answer_direct(
    const struct flow *f, const uint8_t *l4, size_t len, struct answer *a)
{
	uint32_t ack;

	if (!addr_equal(&a->from, &f->dst) || len < WIRE_UDP_HDR ||
	    wire_get16(l4) != f->dport || wire_get16(l4 + 2) != f->sport)
		return (-1);
	if (f->proto == PROTO_UDP) {
		if (len < WIRE_UDP_HDR + 4)
			return (-1);
		a->kind = ANSWER_DATAGRAM;
		/*
		 * Such a service as gives back what we sent; or our probe, that
		 * a uturnd host has turned, with the checksum that it had.
		 */
		a->token = wire_get16(l4 + WIRE_UDP_HDR);
		if (wire_get32(l4 + WIRE_UDP_HDR) == WIRE_MARK)
			a->token = wire_get16(l4 + 6);
		return (0);
	}
	if (f->proto != PROTO_TCP || len < WIRE_TCP_HDR ||
	    !(l4[13] & WIRE_TCP_ACK) ||
	    !(l4[13] & (WIRE_TCP_RST | WIRE_TCP_SYN)))
		return (-1);
	ack = wire_get32(l4 + 8) - 1;
	a->kind = ANSWER_SEGMENT;
	a->token = (uint16_t)ack;
	return (ack >> 16 == f->id ? 0 : -1);
}

int
answer_packet(const struct flow *f, uint8_t ipproto, const struct addr *from,
    const uint8_t *pkt, size_t len, struct answer *a)
{
	size_t hdr = 0;

	memset(a, 0, sizeof(*a));
	a->from = *from;
	if (f->family == FAMILY_V4) {
		if (len < WIRE_IP4_HDR || pkt[0] >> 4 != 4)
			return (-1);
		hdr = (size_t)(pkt[0] & 0x0f) * 4;
		if (hdr < WIRE_IP4_HDR || hdr > len)
			return (-1);
		memset(&a->from, 0, sizeof(a->from));
		memcpy(a->from.b, pkt + 12, 4);
	}
	if (ipproto == wire_ipproto(f->family, PROTO_ICMP))
		return (answer_icmp(f, pkt + hdr, len - hdr, a));
	if (f->proto == PROTO_ICMP ||
	    ipproto != wire_ipproto(f->family, f->proto))
		return (-1);
	return (answer_direct(f, pkt + hdr, len - hdr, a));
}
