/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_BUILD_INT_H
#define PRIV_BUILD_INT_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"
#include "priv/record.h"

/* Inside of build*.c only. */

/* TOS of ICMP errors: internetwork control (RFC 1812, 4.3.2.5). */
#define BUILD_TOS_ERROR 0xc0

/* Where the parts of a turned probe's payload begin. */
#define BUILD_COMP_AT   WIRE_MARK_LEN
#define BUILD_COOKIE_AT (BUILD_COMP_AT + 2)
/* The least that is worth the name of a cookie. */
#define BUILD_COOKIE_MIN 4

/*
 * Payload of the probe that a request asks for: what the sum leaves, and in
 * IPv6 the longest cookie.
 */
#define BUILD_ASKED4 12
#define BUILD_ASKED6 (BUILD_COOKIE_AT + RECORD_COOKIE_MAX)
/* build_request_room: which of them it is. */
size_t build_request_room(const struct record *);

/* What an IP header says. */
struct build_ip {
	enum family family;
	enum proto proto; /* errors: PROTO_ICMP */
	const struct addr *src;
	const struct addr *dst;
	uint8_t ttl;
	uint8_t tos; /* or traffic class */
	uint8_t df;
	uint16_t id;
	uint32_t flow;
	size_t len; /* of the whole packet */
};

/* build_ip_header: writes the 20 or 40 bytes, returns how many. */
size_t build_ip_header(uint8_t *out, const struct build_ip *);
/*
 * build_checksum: fills the transport checksum of the otherwise finished
 * packet; its field is zero so far.
 */
void build_checksum(uint8_t *pkt, const struct build_ip *);

/* build_sane: the record's lengths are such as handup_check lets through. */
int build_sane(const struct record *);

/* An ICMP error about the record's probe. */
struct build_error {
	uint8_t type;
	uint8_t code;
	uint8_t ttl;
	struct addr src;
	struct wire_answer ans; /* filled but for family and probe_len */
	const uint8_t *obj;     /* ans.foreign bytes */
};
/*
 * build_icmp_error: returns its length, or 0 if it does not fit outlen or
 * alone exceeds the record's budget.
 */
size_t build_icmp_error(const struct record *, const struct build_error *,
    uint8_t *out, size_t outlen);

#endif /* PRIV_BUILD_INT_H */
