/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_BUCKET_H
#define ENGINE_BUCKET_H

#include <stdint.h>

/*
 * A token bucket, exact: its level is in billionths of a token, so that a
 * rate per second times nanoseconds needs no rounding.  Pure.
 */
#define BUCKET_TOKEN 1000000000ULL

/*
 * Longer pauses count as this long; it keeps the sums below 2^64 for a num of
 * up to 16 times POLICY_RATE_MAX.
 */
#define BUCKET_PAUSE_MAX (1000 * 1000000000LL)

struct bucket {
	uint64_t level;
	int64_t last; /* ns: filled up to this time */
};

/* bucket_fill: what comes in at num/den tokens a second until now; full at
 * cap (billionths).  den is not 0.  A time before the last one adds nothing. */
void bucket_fill(
    struct bucket *, uint64_t num, uint64_t den, uint64_t cap, int64_t now);
/* bucket_gain: billionths that come in during ns at num/den a second. */
uint64_t bucket_gain(uint64_t num, uint64_t den, int64_t ns);

#endif /* ENGINE_BUCKET_H */
