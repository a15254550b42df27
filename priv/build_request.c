/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What a request is answered with (docs/augsburg.md): its probe, its reply. */

#include <string.h>

#include "priv/build.h"
#include "priv/build_int.h"
#include "priv/checksum.h"

_Static_assert(WIRE_IP4_HDR + WIRE_ICMP_HDR + BUILD_ASKED4 + WIRE_IP4_HDR +
	    AUGSBURG_REPLY <=
	3 * (WIRE_IP4_HDR + AUGSBURG_EXT),
    "probe and reply are at most three times the shortest request");
_Static_assert(WIRE_IP4_HDR + WIRE_TCP_HDR + WIRE_IP4_HDR + AUGSBURG_REPLY <=
	3 * (WIRE_IP4_HDR + AUGSBURG_EXT),
    "so with TCP");
_Static_assert(WIRE_IP6_HDR + WIRE_ICMP_HDR + BUILD_ASKED6 + WIRE_IP6_HDR +
	    AUGSBURG_REPLY <=
	3 * (WIRE_IP6_HDR + AUGSBURG_EXT),
    "so in IPv6");

/* A packet from the listen address: to is who asked, or who is probed. */
static void
build_request_ip(const struct record *rec, const struct addr *to,
    enum proto proto, size_t l4len, struct build_ip *ip)
{
	const struct handup *p = &rec->probe;

	memset(ip, 0, sizeof(*ip));
	ip->family = p->family;
	ip->proto = proto;
	ip->src = &p->dst;
	ip->dst = to;
	ip->ttl = BUILD_TTL;
	ip->tos = p->tos;
	ip->len = p->l4 + l4len;
}

static int
build_request_ok(const struct record *rec)
{
	return (rec->kind == RECORD_AUGSBURG &&
	    rec->probe.proto == PROTO_ICMP && build_sane(rec) &&
	    rec->probe.len >= rec->probe.l4 + AUGSBURG_EXT);
}

/*
 * Mark, compensation, cookie: nothing of it is the requester's choice but
 * what a checksum that he chose makes of two bytes.
 */
static void
build_request_payload(
    const struct record *rec, const struct build_ip *ip, uint8_t *l4)
{
	size_t l4len = ip->len - rec->probe.l4;
	uint8_t *data = l4 + WIRE_UDP_HDR;
	uint16_t sum;

	wire_put32(data, WIRE_MARK);
	memcpy(data + BUILD_COOKIE_AT, rec->cookie, rec->cookie_len);
	if (ip->proto != PROTO_ICMP) {
		build_checksum(l4 - rec->probe.l4, ip);
		return;
	}
	wire_put16(l4 + checksum_at(PROTO_ICMP), rec->ask.flow);
	sum = checksum_l4(ip->family, wire_ipproto(ip->family, ip->proto),
	    ip->src, ip->dst, l4, l4len);
	wire_put16(data + BUILD_COMP_AT, (uint16_t)~sum);
}

static void
build_request_tcp(
    const struct record *rec, const struct build_ip *ip, uint8_t *l4)
{
	wire_put16(l4, AUGSBURG_SPORT);
	wire_put16(l4 + 2, rec->ask.flow);
	memcpy(l4 + 4, rec->cookie, 4);
	l4[12] = WIRE_TCP_HDR / 4 << 4;
	l4[13] = WIRE_TCP_SYN;
	/* Where a turned probe bears it: another uturnd leaves it alone. */
	wire_put16(l4 + 14, WIRE_MARK >> 16);
	wire_put16(l4 + 18, WIRE_MARK & 0xffff);
	build_checksum(l4 - rec->probe.l4, ip);
}

size_t
build_request_room(const struct record *rec)
{
	return (rec->probe.family == FAMILY_V4 ? BUILD_ASKED4 : BUILD_ASKED6);
}

size_t
build_request_probe(struct record *rec, uint8_t *out, size_t outlen)
{
	const struct handup *p = &rec->probe;
	const struct request *ask = &rec->ask;
	struct build_ip ip;
	uint8_t *l4;
	size_t l4len;

	if (!build_request_ok(rec) || ask->bad_ttl || ask->bad_proto ||
	    (ask->other && !ask->allowed) || ask->ttl == 0 ||
	    rec->cookie_len < BUILD_COOKIE_MIN ||
	    rec->cookie_len > RECORD_COOKIE_MAX)
		return (0);
	/* The kernel would choose another id than the one we match by. */
	if (p->family == FAMILY_V4 && rec->ip_id == 0)
		return (0);
	l4len = ask->proto == PROTO_TCP
	    ? WIRE_TCP_HDR
	    : WIRE_UDP_HDR + build_request_room(rec);
	build_request_ip(rec, record_to(rec), ask->proto, l4len, &ip);
	ip.ttl = ask->ttl;
	ip.df = p->df;
	ip.id = rec->ip_id;
	ip.flow = p->flow;
	if (ip.len > outlen)
		return (0);
	memset(out, 0, ip.len);
	l4 = out + build_ip_header(out, &ip);
	switch (ask->proto) {
	case PROTO_UDP:
		wire_put16(l4, AUGSBURG_SPORT);
		wire_put16(l4 + 2, ask->flow);
		wire_put16(l4 + 4, (uint16_t)l4len);
		build_request_payload(rec, &ip, l4);
		break;
	case PROTO_ICMP:
		l4[0] =
		    p->family == FAMILY_V4 ? ICMP4_ECHO : ICMP6_ECHO_REQUEST;
		wire_put16(l4 + 4, p->sport);
		wire_put16(l4 + 6, AUGSBURG_SEQ);
		build_request_payload(rec, &ip, l4);
		break;
	case PROTO_TCP:
		build_request_tcp(rec, &ip, l4);
		break;
	case PROTO_MAX:
		return (0);
	}
	memcpy(rec->sent_l4, l4, sizeof(rec->sent_l4));
	rec->ttl_sent = ip.ttl;
	return (ip.len);
}

/* The reply's header and status; len bytes of ICMP. */
static uint8_t *
build_request_head(const struct record *rec, uint8_t status, size_t len,
    struct build_ip *ip, uint8_t *out)
{
	uint8_t *icmp;

	build_request_ip(rec, &rec->probe.src, PROTO_ICMP, len, ip);
	memset(out, 0, ip->len);
	icmp = out + build_ip_header(out, ip);
	icmp[0] = rec->probe.family == FAMILY_V4 ? ICMP4_ECHO_REPLY
						 : ICMP6_ECHO_RESPONSE;
	icmp[1] = AUGSBURG_CODE;
	wire_put16(icmp + 4, rec->probe.sport);
	icmp[AUGSBURG_TTL] = status;
	return (icmp);
}

size_t
build_request_status(const struct record *rec, uint8_t status, uint16_t value,
    uint8_t *out, size_t outlen)
{
	struct build_ip ip;
	uint8_t *icmp;

	if (!build_request_ok(rec) || status == AUGSBURG_OK ||
	    outlen < (size_t)rec->probe.l4 + AUGSBURG_ERROR)
		return (0);
	icmp = build_request_head(rec, status, AUGSBURG_ERROR, &ip, out);
	wire_put16(icmp + AUGSBURG_FLOW, value);
	build_checksum(out, &ip);
	return (ip.len);
}

size_t
build_request_answer(const struct record *rec, uint8_t *out, size_t outlen)
{
	struct build_ip ip;
	uint8_t *icmp, *hop;

	if (!build_request_ok(rec) ||
	    outlen < (size_t)rec->probe.l4 + AUGSBURG_REPLY)
		return (0);
	icmp = build_request_head(rec, AUGSBURG_OK, AUGSBURG_REPLY, &ip, out);
	hop = icmp + AUGSBURG_HOP;
	if (rec->probe.family == FAMILY_V4) {
		/* RFC 4291, 2.5.5.2: as an IPv6 address. */
		hop[10] = hop[11] = 0xff;
		hop += 12;
	}
	memcpy(hop, rec->met.router.b, addr_len(rec->probe.family));
	wire_put32(icmp + AUGSBURG_RTT,
	    rec->rtt_ns < AUGSBURG_RTT_NONE ? (uint32_t)rec->rtt_ns
					    : AUGSBURG_RTT_NONE);
	build_checksum(out, &ip);
	return (ip.len);
}

size_t
build_request_reset(const struct record *rec, uint8_t *out, size_t outlen)
{
	struct build_ip ip;
	uint8_t *l4;

	if (!build_request_ok(rec) || rec->ask.proto != PROTO_TCP ||
	    outlen < (size_t)rec->probe.l4 + WIRE_TCP_HDR)
		return (0);
	build_request_ip(rec, record_to(rec), PROTO_TCP, WIRE_TCP_HDR, &ip);
	memset(out, 0, ip.len);
	l4 = out + build_ip_header(out, &ip);
	wire_put16(l4, AUGSBURG_SPORT);
	wire_put16(l4 + 2, rec->ask.flow);
	/* RFC 9293, 3.10.7.3: what its SYN+ACK acknowledged. */
	wire_put32(l4 + 4, wire_get32(rec->cookie) + 1);
	l4[12] = WIRE_TCP_HDR / 4 << 4;
	l4[13] = WIRE_TCP_RST;
	build_checksum(out, &ip);
	return (ip.len);
}
