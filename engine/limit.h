/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_LIMIT_H
#define ENGINE_LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "common/policy.h"

/*
 * The limits (DESIGN section 5).  A probe is admitted if every bucket that it
 * falls under has a token; only then does each lose one.  Times in ns of
 * CLOCK_MONOTONIC.
 *
 * limit client: by prefix, v4 /24, v6 /56, and v6 /48 at four times as much.
 * limit hop: what leaves with one TTL; strangers can't take its last half.
 * limit total: one half is for clients with an open gate, one for all others;
 * what one half can't hold flows into the other.  Of the others' half,
 * strangers leave the last three quarters to those who open a gate, and these
 * the last half to those who waited and gave a sign of life: so no flood of
 * the one takes away what the next is served from.
 *
 * Within their half the gated prefixes are served in turn: each has a share
 * of the half's rate, split evenly over those that were active in this second
 * or the last, and some of the half is held back for who is within his share.
 * Who wants more gets what the others leave over.  So neither a greedy prefix
 * nor many that somebody pretends to be can take away another's share.
 */

#define LIMIT_V4_BITS     24
#define LIMIT_V6_BITS     56
#define LIMIT_V6_NET_BITS 48
#define LIMIT_V6_NET      4 /* times the rate and burst of a /56 */

/* The highest TTL that counts, see struct limit_ask. */
#define LIMIT_TTL_MAX (POLICY_TTL_MAX + 1)

/* Which limit a probe was over. */
enum limit_verdict {
	LIMIT_OK = 0,
	LIMIT_CLIENT,
	LIMIT_NET, /* v6 /48 */
	LIMIT_HOP,
	LIMIT_TOTAL
};

/* Who asks, from whom least is known to whom most is. */
enum limit_rank {
	LIMIT_STRANGER = 0, /* UDP without a gate */
	LIMIT_OPENS,        /* the probe would open its gate */
	LIMIT_WOKEN,        /* it would, and has waited (engine/waiting.h) */
	LIMIT_GATED         /* its gate is open already */
};

struct limit_ask {
	enum family family;
	const struct addr *client;
	/* Somebody else whom the probe goes to, or NULL: his prefix pays
	 * `limit client`, too, as it is spared what nobody there asked for. */
	const struct addr *target;
	/*
	 * As it came in: 1..POLICY_TTL_MAX.  What leaves with a TTL that a
	 * request asks for counts like a probe that came in with one more.
	 */
	uint8_t ttl;
	enum limit_rank rank;
};

struct limit;

/*
 * limit_new: a table of nsets (a power of two) times TABLE_WAYS prefixes; no
 * limit is set.  NULL without memory.  Nothing is allocated later.
 */
struct limit *limit_new(size_t nsets, const uint8_t secret[16]);
/* limit_free: NULL is fine. */
void limit_free(struct limit *);
/*
 * limit_set: the limits of a policy from now on.  Buckets of a limit that was
 * off begin full, others keep what they hold.
 */
void limit_set(struct limit *, const struct policy *, int64_t now);
/* limit_take: the probe's tokens, or none and which limit it was over. */
enum limit_verdict
limit_take(struct limit *, const struct limit_ask *, int64_t now);
/*
 * limit_final: may a final answer be sent with the TTL of the turned probe
 * that came in with ttl?  Takes a token of `limit hop`: 1, or none: 0.
 */
int limit_final(struct limit *, uint8_t ttl, enum limit_rank rank, int64_t now);

#endif /* ENGINE_LIMIT_H */
