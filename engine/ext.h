/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_EXT_H
#define ENGINE_EXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "common/policy.h"
#include "common/wire.h"

/*
 * The objects that a reverse router attached to its error (RFC 4884): found,
 * validated and rebuilt, so that what is carried along was written here.
 * Pure.
 */

/* An object of a class that is kept has at least 8 bytes. */
#define EXT_OBJECTS_MAX (EXT_FOREIGN_MAX / 8)

struct ext {
	size_t n;                     /* objects */
	size_t size[EXT_OBJECTS_MAX]; /* bytes of each, a multiple of 4 */
	uint8_t obj[EXT_FOREIGN_MAX]; /* one behind the other */
};

/*
 * ext_read: data is what followed the error's 8-byte ICMP header (len bytes),
 * length its RFC 4884 length field: in units of 32 (v4) or 64 (v6) bits, or 0
 * where an old router left it out; then extensions count only at offset 128
 * with a checksum that is there and right (RFC 4884 section 5.5).  Kept are
 * label stacks (RFC 4950) and interface objects with an address, name or
 * number (RFC 5837), whole, up to EXT_FOREIGN_MAX bytes; other objects are
 * left out.  A structure that breaks off or whose checksum is wrong gives
 * none.
 */
void ext_read(enum family, const uint8_t *data, size_t len, uint8_t length,
    struct ext *out);

/* What is known of an answer when its contents are chosen. */
struct ext_room {
	enum family family;
	size_t probe_len; /* bytes of the probe, IP header included */
	enum policy_relay relay;
	uint8_t no_router; /* the router's address can't be a source */
};

/*
 * ext_choose: writes all of *out but the id: what fits the sum that the probe
 * allows.  Left out first is the name, then the time to the router, then
 * foreign objects from the last, then the address (DESIGN section 5).  Where
 * both forms go out, router form's copy of an object is left out before own
 * form's: behind a filter only that arrives.  Under `relay router` own form is
 * what the packet process falls back on, and has the whole sum to itself.
 */
void
ext_choose(const struct ext_room *, const struct ext *, struct msg_answer *out);

#endif /* ENGINE_EXT_H */
