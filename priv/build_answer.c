/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/build.h"
#include "priv/build_int.h"

/* Highest codes of destination unreachable that are defined (IANA). */
#define BUILD_UNREACH4_MAX 15
#define BUILD_UNREACH6_MAX 8

/* Our object (RFC 5837): the router's address, and a name that is ours. */
static size_t
build_object(const struct record *rec, int with_name, uint8_t *o)
{
	static const char name[] = EXT_NAME;
	enum family f = rec->probe.family;
	size_t len;

	_Static_assert(sizeof(name) <= EXT_NAME_LEN, "a length octet, a name");
	len = EXT_OBJ_HDR + 4 + addr_len(f);
	o[2] = EXT_CLASS_IFACE;
	o[3] = EXT_IFACE_NEXTHOP | EXT_IFACE_ADDR;
	/* Section 4.2: address family number, reserved, address. */
	wire_put16(o + 4, f == FAMILY_V4 ? 1 : 2);
	memcpy(o + 8, rec->met.router.b, addr_len(f));
	if (with_name) {
		/* Section 4.3: a length that counts itself, zero padded. */
		o[3] |= EXT_IFACE_NAME;
		o[len] = EXT_NAME_LEN;
		memcpy(o + len + 1, name, sizeof(name) - 1);
		len += EXT_NAME_LEN;
	}
	wire_put16(o, (uint16_t)len);
	return (len);
}

/* The time that we measured, from the turned probe to the router's error. */
static size_t
build_rtt(const struct record *rec, uint8_t *o)
{
	uint64_t us = rec->rtt_ns / 1000;

	wire_put16(o, EXT_RTT_LEN);
	o[2] = EXT_CLASS_RTT;
	o[3] = EXT_CTYPE_RTT;
	wire_put32(
	    o + EXT_OBJ_HDR, us < UINT32_MAX ? (uint32_t)us : UINT32_MAX);
	return (EXT_RTT_LEN);
}

/* RFC 4884: the extension structure behind 128 bytes of quote. */
static size_t
build_extension(
    const struct record *rec, const struct build_error *e, uint8_t *x)
{
	size_t len = EXT_HDR;

	x[0] = 0x20; /* version 2 */
	if (e->ans.with_addr)
		len += build_object(rec, e->ans.with_name, x + len);
	if (e->ans.with_rtt)
		len += build_rtt(rec, x + len);
	if (e->ans.foreign != 0)
		memcpy(x + len, e->obj, e->ans.foreign);
	len += e->ans.foreign;
	wire_put16(x + 2, (uint16_t)~wire_fold(wire_sum(0, x, len)));
	return (len);
}

size_t
build_icmp_error(const struct record *rec, const struct build_error *e,
    uint8_t *out, size_t outlen)
{
	const struct handup *p = &rec->probe;
	struct wire_answer ans = e->ans;
	struct build_ip ip;
	uint8_t *icmp;
	size_t at;
	int v4 = p->family == FAMILY_V4;

	if (!build_sane(rec) || ans.foreign > EXT_FOREIGN_MAX ||
	    ans.foreign % 4 != 0 ||
	    ((ans.with_name || ans.with_rtt) && !ans.with_addr))
		return (0);
	ans.family = p->family;
	ans.probe_len = p->len;
	memset(&ip, 0, sizeof(ip));
	ip.len = wire_answer_len(&ans);
	if (ip.len > outlen || ip.len > BUILD_MAX ||
	    ip.len >
		wire_answer_budget(p->len, rec->policy.relay == RELAY_BOTH))
		return (0);

	memset(out, 0, ip.len);
	ip.family = p->family;
	ip.proto = PROTO_ICMP;
	ip.src = &e->src;
	ip.dst = &p->src;
	ip.ttl = e->ttl;
	ip.tos = v4 ? BUILD_TOS_ERROR : 0;
	at = build_ip_header(out, &ip);
	icmp = out + at;
	icmp[0] = e->type;
	icmp[1] = e->code;
	at += WIRE_ICMP_HDR;
	memcpy(out + at, rec->head, rec->headlen);
	if (ans.with_addr || ans.foreign != 0) {
		/* The quote's length, in words of 32 bits, of 64 in IPv6. */
		icmp[v4 ? 5 : 4] = EXT_QUOTE / (v4 ? 4 : 8);
		at += EXT_QUOTE;
		at += build_extension(rec, e, out + at);
	} else
		at += rec->headlen;
	/* The sum that was checked above is the sum that was written. */
	if (at != ip.len)
		return (0);
	build_checksum(out, &ip);
	return (ip.len);
}

void
build_hop_source(const struct record *rec, unsigned int n, struct addr *out)
{
	const struct policy_listen *l = &rec->policy;
	enum family f = rec->probe.family;
	unsigned int bits = addr_bits(f), host;
	uint32_t last, at;
	uint8_t *low;

	if (!addr_is_zero(&l->hop_addr)) {
		*out = l->hop_addr;
		return;
	}
	if (l->hop_prefix_len == 0 || l->hop_prefix_len > bits) {
		*out = rec->probe.dst;
		return;
	}
	host = bits - l->hop_prefix_len;
	last = host >= 32 ? UINT32_MAX : (1U << host) - 1;
	at = n < last ? n + 1 : last;
	*out = l->hop_prefix;
	addr_mask(f, out, l->hop_prefix_len);
	/* None of these bits is the prefix's. */
	low = out->b + addr_len(f) - 4;
	wire_put32(low, wire_get32(low) | at);
}

size_t
build_inflection(const struct record *rec, uint8_t *out, size_t outlen)
{
	struct build_error e;

	/* The host is where a TTL of 1 ends, and of nothing else. */
	if (rec->probe.ttl != 1 || rec->policy.inflection != INFLECTION_ANSWER)
		return (0);
	memset(&e, 0, sizeof(e));
	e.type = rec->probe.family == FAMILY_V4 ? ICMP4_TIMEX : ICMP6_TIMEX;
	e.ttl = BUILD_TTL;
	build_hop_source(rec, 0, &e.src);
	return (build_icmp_error(rec, &e, out, outlen));
}

/*
 * What the router said, as far as it may be passed on: type and code of the
 * answer.  Returns 0, or -1 if there is none.
 */
static int
build_relayed(const struct record *rec, uint8_t *type, uint8_t *code)
{
	const struct match *m = &rec->met;
	int v4 = rec->probe.family == FAMILY_V4;

	if (m->kind != MATCH_ERROR || m->family != rec->probe.family)
		return (-1);
	*type = v4 ? ICMP4_TIMEX : ICMP6_TIMEX;
	*code = 0;
	if (m->icmp_type == *type ||
	    rec->policy.unreachable != UNREACHABLE_RELAY)
		return (0);

	/* Packet too big is none of these; its IPv4 form is a code. */
	if (m->icmp_type != (v4 ? ICMP4_UNREACH : ICMP6_UNREACH))
		return (-1);
	if (m->icmp_code > (v4 ? BUILD_UNREACH4_MAX : BUILD_UNREACH6_MAX))
		return (-1);
	if (m->icmp_code == (v4 ? ICMP4_UNREACH_PORT : ICMP6_UNREACH_PORT))
		return (-1);
	if (v4 && m->icmp_code == ICMP4_UNREACH_FRAG)
		return (-1);
	*type = m->icmp_type;
	*code = m->icmp_code;
	return (0);
}

size_t
build_answer_own(const struct record *rec, const struct wire_answer *ans,
    const uint8_t *obj, uint8_t *out, size_t outlen)
{
	struct build_error e;

	memset(&e, 0, sizeof(e));
	if (rec->probe.ttl < 2 || build_relayed(rec, &e.type, &e.code) == -1)
		return (0);
	/* The first object is ours (DESIGN 3.16). */
	if (ans->foreign != 0 && !ans->with_addr)
		return (0);
	e.ttl = BUILD_TTL;
	e.ans = *ans;
	e.obj = obj;
	build_hop_source(rec, rec->probe.ttl - 1U, &e.src);
	return (build_icmp_error(rec, &e, out, outlen));
}

/* Own when the probe came; a reload may have changed that since. */
static int
build_was_own(const struct record *rec, const struct addr *a)
{
	const struct policy_listen *l = &rec->policy;

	if (addr_equal(a, &rec->probe.dst) || addr_equal(a, &l->public_addr) ||
	    addr_equal(a, &l->hop_addr))
		return (1);
	return (l->hop_prefix_len != 0 &&
	    addr_in_prefix(
		rec->probe.family, a, &l->hop_prefix, l->hop_prefix_len));
}

size_t
build_answer_router(const struct record *rec, const struct wire_answer *ans,
    const uint8_t *obj, int is_own, uint8_t *out, size_t outlen)
{
	const struct addr *router = &rec->met.router;
	struct build_error e;

	memset(&e, 0, sizeof(e));
	if (rec->policy.relay != RELAY_ROUTER &&
	    rec->policy.relay != RELAY_BOTH)
		return (0);
	if (is_own || build_was_own(rec, router) ||
	    addr_is_martian(rec->probe.family, router) ||
	    addr_equal(router, &rec->probe.src))
		return (0);
	if (rec->probe.ttl < 2 || build_relayed(rec, &e.type, &e.code) == -1)
		return (0);
	e.ttl = BUILD_TTL;
	e.src = *router;
	e.ans.foreign = ans->foreign;
	e.obj = obj;
	return (build_icmp_error(rec, &e, out, outlen));
}
