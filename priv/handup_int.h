/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_HANDUP_INT_H
#define PRIV_HANDUP_INT_H

#include <stddef.h>
#include <stdint.h>

#include "priv/handup.h"

/* What probes and requests have in common; for priv/handup.c, request.c. */

/*
 * handup_ip: the IP header's fields and the protocol behind it; 8 bytes of
 * that (TCP: 20) are there, and the packet is as long as the header says.
 */
enum handup_reason
handup_ip(const uint8_t *pkt, size_t caplen, struct handup *, uint8_t *ipproto);
/*
 * handup_addresses: to a listen address, whose index it sets, with a TTL in
 * range, from a source that can be answered.
 */
enum handup_reason handup_addresses(
    const struct policy *, uint8_t ttl_min, uint8_t ttl_max, struct handup *);
/* handup_sum_ok: the transport checksum is right. */
int handup_sum_ok(const struct handup *, const uint8_t *l4, uint8_t ipproto);

#endif /* PRIV_HANDUP_INT_H */
