/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_IPID_H
#define PRIV_IPID_H

#include <stdint.h>

#include "common/addr.h"

/*
 * IPv4 identifications for turned probes: unpredictable, and not used again
 * for the same client for 10 s (DESIGN 3.10).  Clients share buckets by a
 * keyed hash of their address.  A bucket hands out a keyed permutation of one
 * half of the 65536 values, then of the other half under a new key: so a
 * value can't come back before 32768 others, and a half that was used up in
 * less than 10 s is refused.
 */
struct ipid;

/* ipid_new: key (16 bytes) seeds all buckets.  NULL without memory. */
struct ipid *ipid_new(const uint8_t key[16]);
void ipid_free(struct ipid *);
/*
 * ipid_next: an id (never 0: the kernel would choose one itself) for client
 * at now (ns).  Returns 0, or -1 when the client's bucket is used up for the
 * moment.
 */
int
ipid_next(struct ipid *, const struct addr *client, int64_t now, uint16_t *id);

#endif /* PRIV_IPID_H */
