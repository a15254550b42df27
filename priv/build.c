/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/build.h"
#include "priv/build_int.h"
#include "priv/checksum.h"
#include "priv/keyed.h"

#define BUILD_TCP_NOP 0x01

size_t
build_ip_header(uint8_t *out, const struct build_ip *ip)
{
	uint8_t ipproto = wire_ipproto(ip->family, ip->proto);

	if (ip->family == FAMILY_V4) {
		memset(out, 0, WIRE_IP4_HDR);
		out[0] = 0x45;
		out[1] = ip->tos;
		wire_put16(out + 2, (uint16_t)ip->len);
		wire_put16(out + 4, ip->id);
		wire_put16(out + 6, ip->df ? 0x4000 : 0);
		out[8] = ip->ttl;
		out[9] = ipproto;
		memcpy(out + 12, ip->src->b, 4);
		memcpy(out + 16, ip->dst->b, 4);
		/* The kernel computes it again; readers of the bytes don't. */
		wire_put16(out + 10,
		    (uint16_t)~wire_fold(wire_sum(0, out, WIRE_IP4_HDR)));
		return (WIRE_IP4_HDR);
	}
	wire_put32(
	    out, 6U << 28 | (uint32_t)ip->tos << 20 | (ip->flow & 0xfffff));
	wire_put16(out + 4, (uint16_t)(ip->len - WIRE_IP6_HDR));
	out[6] = ipproto;
	out[7] = ip->ttl;
	memcpy(out + 8, ip->src->b, 16);
	memcpy(out + 24, ip->dst->b, 16);
	return (WIRE_IP6_HDR);
}

void
build_checksum(uint8_t *pkt, const struct build_ip *ip)
{
	size_t l4 = ip->family == FAMILY_V4 ? WIRE_IP4_HDR : WIRE_IP6_HDR;
	uint16_t sum;

	sum = (uint16_t)~checksum_l4(ip->family,
	    wire_ipproto(ip->family, ip->proto), ip->src, ip->dst, pkt + l4,
	    ip->len - l4);
	/* RFC 768: zero would say that there is none. */
	if (sum == 0 && ip->proto == PROTO_UDP)
		sum = 0xffff;
	wire_put16(pkt + l4 + checksum_at(ip->proto), sum);
}

int
build_sane(const struct record *rec)
{
	const struct handup *p = &rec->probe;
	size_t l4, min;

	if (p->family != FAMILY_V4 && p->family != FAMILY_V6)
		return (0);
	if (p->proto != PROTO_UDP && p->proto != PROTO_ICMP &&
	    p->proto != PROTO_TCP)
		return (0);
	l4 = p->family == FAMILY_V4 ? WIRE_IP4_HDR : WIRE_IP6_HDR;
	min = l4 + (p->proto == PROTO_TCP ? WIRE_TCP_HDR : WIRE_UDP_HDR);
	if (p->l4 != l4 || p->len < min || p->len > WIRE_PROBE_MAX)
		return (0);
	if (p->payload < min || p->payload > p->len)
		return (0);
	if (p->proto == PROTO_TCP ? p->payload != p->len : p->payload != min)
		return (0);
	return (
	    rec->headlen == (p->len < WIRE_HEAD_MAX ? p->len : WIRE_HEAD_MAX));
}

void
build_cookie(struct record *rec, struct msg_id id, const uint8_t key[16])
{
	struct {
		struct msg_id id;
		struct addr src, dst;
		uint16_t sport, dport;
		uint32_t proto;
	} in;
	size_t room;
	uint64_t h;

	_Static_assert(sizeof(in) == 48, "no padding goes into the hash");
	_Static_assert(sizeof(h) == RECORD_COOKIE_MAX, "a cookie is one hash");
	in.id = id;
	in.src = *record_to(rec);
	in.dst = rec->probe.dst;
	in.sport = rec->probe.sport;
	in.dport = rec->probe.dport;
	in.proto = (uint32_t)record_proto(rec);
	h = keyed_hash(key, &in, sizeof(in));
	memcpy(rec->cookie, &h, sizeof(h));

	if (record_proto(rec) == PROTO_TCP) {
		rec->cookie_len = BUILD_COOKIE_MIN;
		return;
	}
	room = 0;
	if (rec->kind == RECORD_AUGSBURG)
		room = build_request_room(rec);
	else if (rec->probe.len > rec->probe.payload)
		room = (size_t)(rec->probe.len - rec->probe.payload);
	if (room < BUILD_COOKIE_AT + BUILD_COOKIE_MIN)
		rec->cookie_len = 0;
	else if (room < BUILD_COOKIE_AT + RECORD_COOKIE_MAX)
		rec->cookie_len = (uint8_t)(room - BUILD_COOKIE_AT);
	else
		rec->cookie_len = RECORD_COOKIE_MAX;
}

/*
 * The payload of UDP and echo, and their checksum: want is what plain
 * swapping would give, and kept wherever a word of compensation fits.
 */
static void
build_payload(const struct record *rec, const struct build_ip *ip,
    uint16_t want, uint8_t *out)
{
	uint8_t *l4 = out + rec->probe.l4;
	uint8_t *data = out + rec->probe.payload;
	size_t len = (size_t)(rec->probe.len - rec->probe.payload);
	size_t l4len = (size_t)(rec->probe.len - rec->probe.l4);
	uint16_t sum;

	if (len < WIRE_MARK_LEN)
		/* The cookie's bytes, which are no cookie when so few. */
		memcpy(data, rec->cookie, len);
	else
		wire_put32(data, WIRE_MARK);
	if (len >= BUILD_COOKIE_AT)
		memcpy(data + BUILD_COOKIE_AT, rec->cookie, rec->cookie_len);

	/* IPv4 UDP that came without a checksum leaves without one. */
	if (ip->proto == PROTO_UDP && want == 0)
		return;
	if (len < BUILD_COOKIE_AT) {
		build_checksum(out, ip);
		return;
	}
	wire_put16(l4 + checksum_at(ip->proto), want);
	sum = checksum_l4(ip->family, wire_ipproto(ip->family, ip->proto),
	    ip->src, ip->dst, l4, l4len);
	/* Both are even offsets: what lacks to all ones goes in as it is. */
	wire_put16(data + BUILD_COMP_AT, (uint16_t)~sum);
}

static void
build_turn_udp(
    const struct record *rec, const struct build_ip *ip, uint8_t *out)
{
	const struct handup *p = &rec->probe;
	uint8_t *l4 = out + p->l4;
	int mirror = rec->policy.turn == TURN_MIRROR;

	wire_put16(l4, mirror ? p->sport : p->dport);
	wire_put16(l4 + 2, mirror ? p->dport : p->sport);
	wire_put16(l4 + 4, (uint16_t)(p->len - p->l4));
	build_payload(rec, ip, p->sum, out);
}

static void
build_turn_icmp(
    const struct record *rec, const struct build_ip *ip, uint8_t *out)
{
	const struct handup *p = &rec->probe;
	uint8_t *l4 = out + p->l4;
	uint8_t request, reply;
	uint16_t want = p->sum;

	request = p->family == FAMILY_V4 ? ICMP4_ECHO : ICMP6_ECHO_REQUEST;
	reply = p->family == FAMILY_V4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_RESPONSE;
	l4[0] = request;
	if (rec->policy.turn == TURN_REPLY) {
		l4[0] = reply;
		/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). */
		want = (uint16_t)~wire_fold((uint32_t)(uint16_t)~p->sum +
		    (uint16_t) ~(request << 8) + (uint32_t)(reply << 8));
	}
	wire_put16(l4 + 4, p->sport);
	wire_put16(l4 + 6, p->dport);
	build_payload(rec, ip, want, out);
}

static void
build_turn_tcp(
    const struct record *rec, const struct build_ip *ip, uint8_t *out)
{
	const struct handup *p = &rec->probe;
	uint8_t *l4 = out + p->l4;
	size_t l4len = (size_t)(p->len - p->l4);
	int mirror = rec->policy.turn == TURN_MIRROR;

	wire_put16(l4, mirror ? p->sport : p->dport);
	wire_put16(l4 + 2, mirror ? p->dport : p->sport);
	memcpy(l4 + 4, rec->cookie, 4);
	l4[12] = (uint8_t)(l4len / 4 << 4);
	if (mirror) {
		l4[13] = WIRE_TCP_SYN;
		wire_put16(l4 + 14, WIRE_MARK >> 16);
		wire_put16(l4 + 18, WIRE_MARK & 0xffff);
	} else {
		/* What a closed port says: nothing is left half open. */
		l4[13] = WIRE_TCP_RST | WIRE_TCP_ACK;
		wire_put32(l4 + 8, p->seq + 1);
	}
	memset(l4 + WIRE_TCP_HDR, BUILD_TCP_NOP, l4len - WIRE_TCP_HDR);
	build_checksum(out, ip);
}

/* The probe may be turned, and the record holds what that takes. */
static int
build_turn_ok(const struct record *rec)
{
	const struct handup *p = &rec->probe;

	if (!build_sane(rec) || p->ttl < 2)
		return (0);
	/* The kernel would choose another id than the one we match by. */
	if (p->family == FAMILY_V4 && rec->ip_id == 0)
		return (0);
	if (p->proto == PROTO_TCP)
		return ((p->len - p->l4) % 4 == 0 && p->len - p->l4 <= 60 &&
		    rec->cookie_len == BUILD_COOKIE_MIN);
	if (rec->cookie_len > RECORD_COOKIE_MAX ||
	    (rec->cookie_len != 0 &&
		p->len - p->payload < BUILD_COOKIE_AT + rec->cookie_len))
		return (0);
	if (rec->policy.turn == TURN_MIRROR &&
	    p->len - p->payload < WIRE_MARK_LEN)
		return (0);
	return (p->family == FAMILY_V4 || rec->cookie_len >= BUILD_COOKIE_MIN);
}

size_t
build_turn(struct record *rec, uint8_t *out, size_t outlen)
{
	const struct handup *p = &rec->probe;
	struct build_ip ip;

	if (!build_turn_ok(rec) || p->len > outlen)
		return (0);
	memset(out, 0, p->len);
	ip.family = p->family;
	ip.proto = p->proto;
	ip.src = &p->dst;
	ip.dst = &p->src;
	ip.ttl = (uint8_t)(p->ttl - 1);
	ip.tos = p->tos;
	ip.df = p->df;
	ip.id = rec->ip_id;
	ip.flow = p->flow;
	ip.len = p->len;
	build_ip_header(out, &ip);

	switch (p->proto) {
	case PROTO_UDP:
		build_turn_udp(rec, &ip, out);
		break;
	case PROTO_ICMP:
		build_turn_icmp(rec, &ip, out);
		break;
	case PROTO_TCP:
		build_turn_tcp(rec, &ip, out);
		break;
	case PROTO_MAX:
		return (0);
	}
	memcpy(rec->sent_l4, out + p->l4, sizeof(rec->sent_l4));
	rec->ttl_sent = ip.ttl;
	return (p->len);
}
