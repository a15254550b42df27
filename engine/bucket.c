/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "engine/bucket.h"

uint64_t
bucket_gain(uint64_t num, uint64_t den, int64_t ns)
{
	if (ns <= 0)
		return (0);
	if (ns > BUCKET_PAUSE_MAX)
		ns = BUCKET_PAUSE_MAX;
	return ((uint64_t)ns * num / den);
}

void
bucket_fill(
    struct bucket *b, uint64_t num, uint64_t den, uint64_t cap, int64_t now)
{
	uint64_t gain;

	gain = bucket_gain(num, den, now - b->last);
	if (now > b->last)
		b->last = now;
	/* The cap may have shrunk since. */
	if (b->level >= cap || gain >= cap - b->level)
		b->level = cap;
	else
		b->level += gain;
}
