/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_SHARE_H
#define PRIV_SHARE_H

#include <stddef.h>
#include <stdint.h>

#include "common/place.h"

/*
 * Whether engine and packet process share one processor (common/place.h).
 * Pure but for the clock that the caller brings.
 */
struct share {
	uint32_t cpu;  /* shared, or PLACE_ANYWHERE */
	int64_t until; /* ns: of the sharing, or before the next one */
};

/* Packets in one read from which on two processors are worth their wake-ups. */
#define SHARE_BUSY 32
/* So long both are free after such a read; or the sharing lasts before the
 * scheduler may choose another place. */
#define SHARE_FREE_NS 1000000000LL
#define SHARE_KEEP_NS 10000000000LL

void share_init(struct share *);
/*
 * share_turn: after a turn of the loop that took n packets, n > 0; here is
 * the processor that runs it.  Returns 1 if the place changed: s->cpu.
 */
int share_turn(struct share *, size_t n, uint32_t here, int64_t now);

#endif /* PRIV_SHARE_H */
