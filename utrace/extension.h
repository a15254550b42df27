/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_EXTENSION_H
#define UTRACE_EXTENSION_H

#include <stddef.h>
#include <stdint.h>

#include "utrace/object.h"

/*
 * extension_read: the objects of an ICMP error (RFC 4884).  data is what
 * follows its 8-byte header, length its length field: in units of 32 (IPv4) or
 * 64 (IPv6) bits; 0: an old router left it out, then extensions count only at
 * offset 128 with a checksum that is there and right (section 5.5).  Where the
 * structure breaks off what came before counts.  Of our own objects router,
 * is_signed, time_us are filled as object_parse does; all others are in extra:
 * label stacks and interfaces (RFC 4950, RFC 5837) as traceroute -e writes
 * them, else class, type and words in hex.  Pure; any bytes.
 */
void extension_read(enum family, const uint8_t *data, size_t len,
    uint8_t length, struct object *);

#endif /* UTRACE_EXTENSION_H */
