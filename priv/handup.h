/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_HANDUP_H
#define PRIV_HANDUP_H

#include <stddef.h>
#include <stdint.h>

#include "common/policy.h"
#include "common/wire.h"

/*
 * The hand-up checks (DESIGN 3.1, 3.2, 3.9): which packets of the queue are
 * probes at all.  Untrusted bytes are read at fixed offsets, after a check
 * that they are there; nothing of variable length is walked.
 */

/* In the order of the checks; TALLY_REFUSED_FIRST + reason - 1 counts it. */
enum handup_reason {
	HANDUP_OK = 0,
	HANDUP_SHORT,
	HANDUP_HEADER,
	HANDUP_FRAGMENT,
	HANDUP_LENGTH,
	HANDUP_DESTINATION,
	HANDUP_TTL,
	HANDUP_SOURCE,
	HANDUP_PROTOCOL,
	HANDUP_PORT,
	HANDUP_CHECKSUM,
	HANDUP_LOOP,
	HANDUP_NOROOM,
	HANDUP_REASON_LAST
};

/* A probe's fields, as far as the packet process needs them. */
struct handup {
	enum family family;
	enum proto proto;
	struct addr src;  /* the client */
	struct addr dst;  /* the listen address */
	uint8_t ttl;      /* or hop limit, as received */
	uint8_t tos;      /* or traffic class */
	uint8_t df;       /* IPv4: don't fragment */
	uint32_t flow;    /* IPv6: flow label, 20 bits */
	uint16_t len;     /* bytes, IP header included, 28..1280 */
	uint16_t l4;      /* offset of the transport header: 20 or 40 */
	uint16_t payload; /* offset of the payload, <= len */
	uint16_t sport;   /* host order; ICMP echo: identifier */
	uint16_t dport;   /* host order; ICMP echo: sequence number */
	uint16_t sum;     /* transport checksum as received, host order */
	uint32_t seq;     /* TCP: sequence number */
	uint32_t listen;  /* index in the policy */
};

/*
 * handup_check: reads the packet pkt (caplen bytes captured, from the IP
 * header) as a probe under the policy.  Returns HANDUP_OK with *out filled,
 * or the first reason against it.  Pure.
 *
 * The protocol and port checks are those of the policy; TCP: flags exactly
 * SYN, the data offset 20..60 bytes and no payload; the transport checksum
 * must be right (IPv4 UDP 0: none).  Source ports below 1024: PORT (UDP).
 * Payload that begins with the mark, or (UDP too short for one) a source
 * port in the probe range: LOOP; a SYN whose window and urgent pointer are
 * the mark: LOOP.  IPv6 UDP and echo with less than 10 bytes of payload, and
 * under mirror form any UDP or echo payload with no room for the mark:
 * NOROOM.
 */
enum handup_reason handup_check(const struct policy *, const uint8_t *pkt,
    size_t caplen, struct handup *out);

#endif /* PRIV_HANDUP_H */
