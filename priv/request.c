/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/handup_int.h"
#include "priv/request.h"

int
request_is(const uint8_t *pkt, size_t caplen)
{
	if (caplen < WIRE_IP4_HDR + 2)
		return (0);
	if (pkt[0] == 0x45)
		return (pkt[9] == WIRE_PROTO_ICMP4 &&
		    pkt[WIRE_IP4_HDR] == ICMP4_ECHO &&
		    pkt[WIRE_IP4_HDR + 1] == AUGSBURG_CODE);
	return (caplen >= WIRE_IP6_HDR + 2 && pkt[0] >> 4 == 6 &&
	    pkt[6] == WIRE_PROTO_ICMP6 &&
	    pkt[WIRE_IP6_HDR] == ICMP6_ECHO_REQUEST &&
	    pkt[WIRE_IP6_HDR + 1] == AUGSBURG_CODE);
}

/* What the probe is to be; a bad wish is noted, for the engine to refuse. */
static void
request_read(const struct policy *p, const struct handup *h,
    const uint8_t *icmp, struct request *ask)
{
	uint8_t ipproto = icmp[AUGSBURG_PROTO];

	memset(ask, 0, sizeof(*ask));
	ask->max_ttl = p->max_ttl;
	ask->ttl = icmp[AUGSBURG_TTL];
	ask->bad_ttl = ask->ttl == 0 || ask->ttl > p->max_ttl;
	ask->flow = wire_get16(icmp + AUGSBURG_FLOW);
	if (ipproto == WIRE_PROTO_UDP) {
		ask->proto = PROTO_UDP;
		if (ask->flow == 0)
			ask->flow = AUGSBURG_FLOW_UDP;
		return;
	}
	if (ipproto == WIRE_PROTO_TCP) {
		ask->proto = PROTO_TCP;
		if (ask->flow == 0)
			ask->flow = AUGSBURG_FLOW_TCP;
		return;
	}
	ask->proto = PROTO_ICMP;
	ask->bad_proto =
	    ipproto != 0 && ipproto != wire_ipproto(h->family, PROTO_ICMP);
	if (ask->flow == 0)
		ask->flow = AUGSBURG_FLOW_ICMP;
}

/*
 * A target, if the extension structure begins with one.  IPv4's comes as an
 * IPv6 address (RFC 4291, 2.5.5.2); one of the other family is none.
 */
static void
request_read_target(const struct policy *p, const struct handup *h,
    const uint8_t *icmp, struct request *ask)
{
	static const uint8_t object[EXT_OBJ_HDR] = { 0, AUGSBURG_TARGET_LEN,
		AUGSBURG_CLASS_TARGET, 0 };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *target = icmp + AUGSBURG_TARGET_ADDR;
	struct addr to;

	ask->to = h->src;
	if (h->len < h->l4 + AUGSBURG_TARGET_ADDR + AUGSBURG_TARGET_LEN ||
	    memcmp(icmp + AUGSBURG_TARGET_AT, object, sizeof(object)) != 0)
		return;
	memset(&to, 0, sizeof(to));
	if (h->family == FAMILY_V6)
		memcpy(to.b, target, sizeof(to.b));
	else if (memcmp(target, mapped, sizeof(mapped)) == 0)
		memcpy(to.b, target + sizeof(mapped), 4);
	if (addr_equal(&to, &h->src))
		return;
	ask->other = 1;
	ask->allowed =
	    (uint8_t)policy_target_allowed(p, h->family, &h->src, &to);
	/* What is not allowed does not even stand in the record. */
	if (ask->allowed)
		ask->to = to;
}

enum handup_reason
request_check(const struct policy *p, const uint8_t *pkt, size_t caplen,
    struct handup *out, struct request *ask)
{
	enum handup_reason why;
	const uint8_t *icmp;
	uint8_t ipproto = 0;

	memset(out, 0, sizeof(*out));
	why = handup_ip(pkt, caplen, out, &ipproto);
	if (why != HANDUP_OK)
		return (why);
	/* The kernel answers what ends too early, as any other echo. */
	if (caplen < (size_t)out->l4 + AUGSBURG_EXT)
		return (HANDUP_SHORT);
	if (caplen > WIRE_PROBE_MAX)
		return (HANDUP_LENGTH);
	if (!p->augsburg || !request_is(pkt, caplen))
		return (HANDUP_PROTOCOL);
	out->len = (uint16_t)caplen;
	out->payload = (uint16_t)(out->l4 + WIRE_ICMP_HDR);
	out->proto = PROTO_ICMP;
	if ((why = handup_addresses(p, 0, UINT8_MAX, out)) != HANDUP_OK)
		return (why);
	icmp = pkt + out->l4;
	out->sport = wire_get16(icmp + 4);
	out->dport = wire_get16(icmp + 6);
	out->sum = wire_get16(icmp + 2);
	if (!handup_sum_ok(out, icmp, ipproto))
		return (HANDUP_CHECKSUM);
	request_read(p, out, icmp, ask);
	request_read_target(p, out, icmp, ask);
	return (HANDUP_OK);
}
