/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/policy.h"
#include "common/wire.h"
#include "engine/parse.h"
#include "engine/parse_int.h"
#include "engine/reader.h"

#define PARSE_IP4_FRAGMENT 0x3fff /* more fragments, and the offset */
#define PARSE_TCP_EOL      0
#define PARSE_TCP_NOP      1

static enum parse_fault
parse_ip4(struct reader *r, struct parse_ip *ip, struct parse *out)
{
	uint16_t total, fragment;
	uint8_t vihl;

	if (reader_get8(r, &vihl) == -1 || reader_skip(r, 1) == -1 ||
	    reader_get16(r, &total) == -1 || reader_skip(r, 2) == -1 ||
	    reader_get16(r, &fragment) == -1 ||
	    reader_get8(r, &ip->ttl) == -1 ||
	    reader_get8(r, &ip->ipproto) == -1 || reader_skip(r, 2) == -1 ||
	    reader_get(r, out->src.b, 4) == -1 ||
	    reader_get(r, out->dst.b, 4) == -1)
		return (PARSE_SHORT);
	if (vihl != 0x45 || (fragment & PARSE_IP4_FRAGMENT) != 0)
		return (PARSE_HEADER);
	ip->len = total;
	return (PARSE_OK);
}

static enum parse_fault
parse_ip6(struct reader *r, struct parse_ip *ip, struct parse *out)
{
	uint32_t first;
	uint16_t payload;

	if (reader_get32(r, &first) == -1 || reader_get16(r, &payload) == -1 ||
	    reader_get8(r, &ip->ipproto) == -1 ||
	    reader_get8(r, &ip->ttl) == -1 ||
	    reader_get(r, out->src.b, 16) == -1 ||
	    reader_get(r, out->dst.b, 16) == -1)
		return (PARSE_SHORT);
	if (first >> 28 != 6)
		return (PARSE_HEADER);
	ip->len = (size_t)payload + WIRE_IP6_HDR;
	return (PARSE_OK);
}

enum parse_fault
parse_ip(
    enum family f, struct reader *r, struct parse_ip *ip, struct parse *out)
{
	switch (f) {
	case FAMILY_V4:
		return (parse_ip4(r, ip, out));
	case FAMILY_V6:
		return (parse_ip6(r, ip, out));
	case FAMILY_MAX:
	default:
		return (PARSE_DISAGREES);
	}
}

/* l4len: bytes behind the IP header, as that says. */
static enum parse_fault
parse_udp(struct reader *r, size_t l4len, struct parse *out)
{
	uint16_t len;

	if (reader_get16(r, &out->sport) == -1 ||
	    reader_get16(r, &out->dport) == -1 || reader_get16(r, &len) == -1 ||
	    reader_skip(r, 2) == -1)
		return (PARSE_SHORT);
	if (len != l4len)
		return (PARSE_LENGTH);
	return (PARSE_OK);
}

static enum parse_fault
parse_echo(struct reader *r, enum family f, size_t l4len, struct parse *out)
{
	uint8_t type, code;

	if (reader_get8(r, &type) == -1 || reader_get8(r, &code) == -1 ||
	    reader_skip(r, 2) == -1 || reader_get16(r, &out->sport) == -1 ||
	    reader_get16(r, &out->dport) == -1)
		return (PARSE_SHORT);
	if (type != (f == FAMILY_V4 ? ICMP4_ECHO : ICMP6_ECHO_REQUEST) ||
	    code != 0)
		return (PARSE_PROTO);
	if (l4len < WIRE_ICMP_HDR)
		return (PARSE_LENGTH);
	return (PARSE_OK);
}

/* Each option's length must lie within the options (RFC 9293 section 3.1). */
static enum parse_fault
parse_tcp_options(struct reader *r)
{
	uint8_t kind, len;

	while (reader_left(r) > 0) {
		if (reader_get8(r, &kind) == -1)
			return (PARSE_OPTIONS);
		if (kind == PARSE_TCP_EOL)
			return (PARSE_OK);
		if (kind == PARSE_TCP_NOP)
			continue;
		if (reader_get8(r, &len) == -1 || len < 2 ||
		    reader_skip(r, (size_t)len - 2) == -1)
			return (PARSE_OPTIONS);
	}
	return (PARSE_OK);
}

static enum parse_fault
parse_tcp(struct reader *r, size_t l4len, struct parse *out)
{
	struct reader options;
	uint8_t offset, flags;
	size_t hdrlen;

	if (reader_get16(r, &out->sport) == -1 ||
	    reader_get16(r, &out->dport) == -1 || reader_skip(r, 8) == -1 ||
	    reader_get8(r, &offset) == -1 || reader_get8(r, &flags) == -1 ||
	    reader_skip(r, 6) == -1)
		return (PARSE_SHORT);
	if (flags != WIRE_TCP_SYN)
		return (PARSE_PROTO);
	hdrlen = (size_t)(offset >> 4) * 4;
	/* No payload: a SYN with data is no traceroute's. */
	if (hdrlen < WIRE_TCP_HDR || hdrlen != l4len)
		return (PARSE_LENGTH);
	if (reader_sub(r, hdrlen - WIRE_TCP_HDR, &options) == -1)
		return (PARSE_SHORT);
	return (parse_tcp_options(&options));
}

static enum parse_fault
parse_l4(const struct msg_probe *p, struct reader *r, size_t l4len,
    struct parse *out)
{
	switch (p->proto) {
	case PROTO_UDP:
		return (parse_udp(r, l4len, out));
	case PROTO_ICMP:
		return (parse_echo(r, p->family, l4len, out));
	case PROTO_TCP:
		return (parse_tcp(r, l4len, out));
	case PROTO_MAX:
		break;
	}
	return (PARSE_DISAGREES);
}

enum parse_fault
parse_probe(const struct msg_probe *p, struct parse *out)
{
	struct parse_ip ip;
	struct parse parse;
	struct reader r;
	enum parse_fault fault;

	memset(&parse, 0, sizeof(parse));
	if (p->headlen > sizeof(p->head) || p->headlen > p->len)
		return (PARSE_DISAGREES);
	reader_init(&r, p->head, p->headlen);

	fault = parse_ip(p->family, &r, &ip, &parse);
	if (fault != PARSE_OK)
		return (fault);
	if (ip.ttl != p->ttl || ip.len != p->len || ip.ttl == 0 ||
	    ip.ttl > POLICY_TTL_MAX || ip.len < r.off ||
	    ip.ipproto != wire_ipproto(p->family, p->proto))
		return (PARSE_DISAGREES);

	fault = parse_l4(p, &r, ip.len - r.off, &parse);
	if (fault == PARSE_OK)
		*out = parse;
	return (fault);
}
