/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/wire.h"
#include "utrace/flow.h"

/* Where the checksum is, from behind the IP header. */
#define FLOW_SUM_ICMP 2
#define FLOW_SUM_UDP  6
#define FLOW_SUM_TCP  16
#define FLOW_WINDOW   64240
#define FLOW_TCP_HDR  20

/* The sum that a checksum is made of, what is at its place included. */
static uint16_t
flow_sum(const struct flow *f, enum proto proto, const uint8_t *b, size_t len)
{
	uint32_t sum = 0;

	if (f->family == FAMILY_V6 || proto != PROTO_ICMP)
		sum = wire_pseudo(f->family, &f->src, &f->dst,
		    wire_ipproto(f->family, proto), len);
	return (wire_fold(wire_sum(sum, b, len)));
}

/* The packet's checksum is to be this: two bytes at room make up for it. */
static void
flow_compensate(const struct flow *f, uint8_t *b, size_t len, size_t at,
    uint16_t sum, size_t room)
{
	wire_put16(b + at, sum);
	wire_put16(b + room, 0);
	wire_put16(b + room, (uint16_t)~flow_sum(f, f->proto, b, len));
}

static size_t
flow_udp(const struct flow *f, uint16_t token, uint8_t *b, size_t len)
{
	wire_put16(b, f->sport);
	wire_put16(b + 2, f->dport);
	wire_put16(b + 4, (uint16_t)len);
	/* A name server would answer with these two bytes. */
	wire_put16(b + WIRE_UDP_HDR, token);
	flow_compensate(f, b, len, FLOW_SUM_UDP, token, WIRE_UDP_HDR + 2);
	return (len);
}

static uint8_t
flow_echo(enum family f)
{
	return (f == FAMILY_V4 ? ICMP4_ECHO : ICMP6_ECHO_REQUEST);
}

static size_t
flow_icmp(const struct flow *f, uint16_t token, uint8_t *b, size_t len)
{
	b[0] = flow_echo(f->family);
	wire_put16(b + 4, f->id);
	wire_put16(b + 6, token);
	flow_compensate(f, b, len, FLOW_SUM_ICMP, f->sum, WIRE_ICMP_HDR);
	return (len);
}

static size_t
flow_tcp(const struct flow *f, uint16_t token, uint8_t *b)
{
	/* RFC 9293: MSS 1460; RFC 7323, RFC 2018: SACK, timestamp, scale. */
	static const uint8_t options[] = { 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0,
		1, 0, 0, 0, 0, 1, 3, 3, 7 };
	uint8_t *o = b + FLOW_TCP_HDR;

	wire_put16(b, f->sport);
	wire_put16(b + 2, f->dport);
	wire_put16(b + 4, f->id);
	wire_put16(b + 6, token);
	b[12] = FLOW_TCP / 4 << 4;
	b[13] = WIRE_TCP_SYN;
	wire_put16(b + 14, FLOW_WINDOW);
	/* The rest are options without a meaning. */
	memset(o, 1, FLOW_TCP - FLOW_TCP_HDR);
	memcpy(o, options, sizeof(options));
	wire_put16(
	    b + FLOW_SUM_TCP, (uint16_t)~flow_sum(f, PROTO_TCP, b, FLOW_TCP));
	return (FLOW_TCP);
}

uint16_t
flow_len(enum family f)
{
	return (FLOW_PACKET - (f == FAMILY_V4 ? WIRE_IP4_HDR : WIRE_IP6_HDR));
}

size_t
flow_probe(const struct flow *f, uint16_t token, uint8_t *out, size_t outlen)
{
	size_t len;

	len = f->proto == PROTO_TCP ? FLOW_TCP : flow_len(f->family);
	if (outlen < len)
		return (0);
	memset(out, 0, len);
	switch (f->proto) {
	case PROTO_UDP:
		return (flow_udp(f, token, out, len));
	case PROTO_ICMP:
		return (flow_icmp(f, token, out, len));
	case PROTO_TCP:
		return (flow_tcp(f, token, out));
	case PROTO_MAX:
		break;
	}
	return (0);
}

size_t
flow_request(const struct flow *f, uint16_t token, uint8_t ttl, uint8_t *out,
    size_t outlen)
{
	if (outlen < AUGSBURG_EXT)
		return (0);
	memset(out, 0, AUGSBURG_EXT);
	out[0] = flow_echo(f->family);
	out[1] = AUGSBURG_CODE;
	wire_put16(out + 4, token);
	out[AUGSBURG_TTL] = ttl;
	out[AUGSBURG_PROTO] = wire_ipproto(f->family, f->proto);
	wire_put16(
	    out + AUGSBURG_FLOW, f->proto == PROTO_ICMP ? f->sum : f->sport);
	wire_put16(out + FLOW_SUM_ICMP,
	    (uint16_t)~flow_sum(f, PROTO_ICMP, out, AUGSBURG_EXT));
	return (AUGSBURG_EXT);
}
