/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_PARSE_H
#define ENGINE_PARSE_H

#include <stdint.h>

#include "common/msg.h"

/*
 * Reads a probe's head once more, independently of what the packet process
 * says about it.
 */

struct parse {
	struct addr src; /* the client */
	struct addr dst; /* the listen address */
	uint16_t sport;  /* host order; ICMP echo: identifier */
	uint16_t dport;  /* host order; ICMP echo: sequence number */
};

/* Why a head is no probe as announced. */
enum parse_fault {
	PARSE_OK = 0,
	PARSE_SHORT,    /* the head ends inside a header */
	PARSE_HEADER,   /* version, options, fragment, extension headers */
	PARSE_LENGTH,   /* the packet's lengths disagree */
	PARSE_PROTO,    /* not UDP, echo request with code 0, TCP SYN */
	PARSE_OPTIONS,  /* TCP options break off or overlap the end */
	PARSE_DISAGREES /* family, protocol, TTL or length not as announced */
};

/*
 * parse_probe: reads p->head (RFC 791, 768, 792, 9293; RFC 8200, 4443) and
 * requires that it agrees with family, proto, ttl (1..POLICY_TTL_MAX) and
 * len.  Fills *out on PARSE_OK only.  Pure.
 */
enum parse_fault parse_probe(const struct msg_probe *p, struct parse *out);

#endif /* ENGINE_PARSE_H */
