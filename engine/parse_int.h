/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_PARSE_INT_H
#define ENGINE_PARSE_INT_H

#include <stddef.h>
#include <stdint.h>

#include "engine/parse.h"
#include "engine/reader.h"

/* What the parsers of probes and requests have in common. */

/* What the IP header says of the packet. */
struct parse_ip {
	uint8_t ttl;
	uint8_t ipproto;
	size_t len; /* of the whole packet */
};

/* parse_ip: reads the IP header; src and dst go to *out. */
enum parse_fault
parse_ip(enum family, struct reader *, struct parse_ip *, struct parse *out);

#endif /* ENGINE_PARSE_INT_H */
