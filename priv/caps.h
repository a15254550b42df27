/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_CAPS_H
#define PRIV_CAPS_H

#include <stdint.h>

#include "common/policy.h"

/*
 * Caps on all that is sent (DESIGN 3.19), held here so that a compromised
 * engine can't exceed them: packets and bytes per second, and packets that
 * leave with one TTL per second.  Configured limits narrow the compiled
 * ceilings, none widens them.
 */
#define CAPS_PACKETS 200000      /* per second */
#define CAPS_BYTES   (64U << 20) /* per second */
#define CAPS_TTLS    256

struct caps_bucket {
	uint64_t tokens; /* in units of 1/1000 of a token */
	int64_t last;
};
struct caps {
	struct policy_limit packets;
	struct policy_limit bytes;
	struct policy_limit hop;
	struct caps_bucket b_packets;
	struct caps_bucket b_bytes;
	struct caps_bucket b_hop[CAPS_TTLS];
};

/*
 * caps_set: takes the limits of a policy: packets three for each of
 * `limit total` (a probe's turned probe and its answers) and hop as
 * `limit hop`, or the ceilings where they are off.
 */
void caps_set(struct caps *, const struct policy *, int64_t now);
/*
 * caps_take: may a packet of len bytes be sent now?  turned_ttl: the TTL of
 * a turned probe or an inferred final answer, or -1 (no hop cap).  Returns 1
 * and takes it off, or 0 and takes nothing.
 */
int caps_take(struct caps *, size_t len, int turned_ttl, int64_t now);

#endif /* PRIV_CAPS_H */
