/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_ASK_H
#define ENGINE_ASK_H

#include <stdint.h>

#include "common/msg.h"
#include "engine/parse.h"

/*
 * Reads a request for a reverse probe (docs/augsburg.md), independently of
 * what the packet process made of it.
 */
struct ask {
	struct addr src;  /* who asks */
	struct addr dst;  /* the listen address */
	struct addr to;   /* who is to be probed */
	enum proto proto; /* PROTO_ICMP if asked for none, or a bad one */
	uint8_t ttl;
	uint8_t status; /* AUGSBURG_OK, or why there is to be no probe */
	uint16_t value; /* of the status */
	uint8_t other;  /* to is not src */
};

/*
 * ask_parse: reads q->head.  Fills *out on PARSE_OK only.  An object that is
 * not known is AUGSBURG_BAD_EXT, as is a target other than who asks unless it
 * is the first object and q->target says that it may be asked for; a structure
 * of another version, or that breaks off, PARSE_OPTIONS: no request of this
 * protocol.  Padding is passed over.  The structure's checksum is not looked
 * at, as in other servers.  Pure.
 */
enum parse_fault ask_parse(const struct msg_request *q, struct ask *out);

#endif /* ENGINE_ASK_H */
