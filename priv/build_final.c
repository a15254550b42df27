/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/build.h"
#include "priv/build_int.h"

/* RFC 792, RFC 4443 4.2: the request's data comes back. */
static size_t
build_final_echo(
    const struct record *rec, struct build_ip *ip, uint8_t *out, size_t outlen)
{
	const struct handup *p = &rec->probe;
	uint8_t *icmp;

	ip->len = p->len;
	if (ip->len > outlen)
		return (0);
	/* Of a long one the record has the first bytes; zeros stand in. */
	memset(out, 0, ip->len);
	icmp = out + build_ip_header(out, ip);
	icmp[0] =
	    p->family == FAMILY_V4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_RESPONSE;
	wire_put16(icmp + 4, p->sport);
	wire_put16(icmp + 6, p->dport);
	memcpy(out + p->payload, rec->head + p->payload,
	    (size_t)(rec->headlen - p->payload));
	build_checksum(out, ip);
	return (ip->len);
}

/* RFC 9293, 3.10.7.1: what a closed port says to a SYN. */
static size_t
build_final_reset(
    const struct record *rec, struct build_ip *ip, uint8_t *out, size_t outlen)
{
	const struct handup *p = &rec->probe;
	uint8_t *tcp;

	ip->len = p->l4 + (size_t)WIRE_TCP_HDR;
	if (ip->len > outlen)
		return (0);
	memset(out, 0, ip->len);
	tcp = out + build_ip_header(out, ip);
	wire_put16(tcp, p->dport);
	wire_put16(tcp + 2, p->sport);
	wire_put32(tcp + 8, p->seq + 1);
	tcp[12] = WIRE_TCP_HDR / 4 << 4;
	tcp[13] = WIRE_TCP_RST | WIRE_TCP_ACK;
	build_checksum(out, ip);
	return (ip->len);
}

static size_t
build_final_port(
    const struct record *rec, uint8_t ttl, uint8_t *out, size_t outlen)
{
	struct build_error e;

	memset(&e, 0, sizeof(e));
	if (rec->probe.family == FAMILY_V4) {
		e.type = ICMP4_UNREACH;
		e.code = ICMP4_UNREACH_PORT;
	} else {
		e.type = ICMP6_UNREACH;
		e.code = ICMP6_UNREACH_PORT;
	}
	e.ttl = ttl;
	e.src = rec->probe.dst;
	return (build_icmp_error(rec, &e, out, outlen));
}

size_t
build_final(const struct record *rec, uint8_t ttl, uint8_t *out, size_t outlen)
{
	const struct handup *p = &rec->probe;
	struct build_ip ip;

	if (!build_sane(rec) || p->ttl < 2)
		return (0);
	/* An inferred end is UDP's, and goes no farther than the probe did. */
	if (ttl != BUILD_TTL &&
	    (p->proto != PROTO_UDP || ttl == 0 || ttl != rec->ttl_sent))
		return (0);
	if (p->proto == PROTO_UDP)
		return (build_final_port(rec, ttl, out, outlen));

	/* A reply bears its request's TOS (RFC 1349, 5.1). */
	memset(&ip, 0, sizeof(ip));
	ip.family = p->family;
	ip.proto = p->proto;
	ip.src = &p->dst;
	ip.dst = &p->src;
	ip.ttl = ttl;
	ip.tos = p->tos;
	if (p->proto == PROTO_ICMP)
		return (build_final_echo(rec, &ip, out, outlen));
	return (build_final_reset(rec, &ip, out, outlen));
}
