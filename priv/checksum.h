/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_CHECKSUM_H
#define PRIV_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"

/*
 * checksum_l4: the folded one's complement sum, not inverted, over len bytes
 * of l4 (header and payload) and, but for ICMPv4, the pseudo-header.  0xffff
 * means that the checksum in it is good.
 */
uint16_t checksum_l4(enum family, uint8_t ipproto, const struct addr *src,
    const struct addr *dst, const uint8_t *l4, size_t len);

/*
 * checksum_at: where a protocol's checksum stands, counted from the start of
 * its header: UDP 6, ICMP 2, TCP 16.
 */
size_t checksum_at(enum proto);

#endif /* PRIV_CHECKSUM_H */
