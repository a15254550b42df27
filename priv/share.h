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
 * Whether the engine is to share the packet process's processor
 * (common/place.h).  The scheduler puts the packet process where the packets
 * come in; the engine is made to follow it.  Pure but for the clock that the
 * caller brings.
 */
struct share {
	uint32_t cpu;           /* the engine's, or PLACE_ANYWHERE */
	int64_t until;          /* ns: not before that */
	unsigned int elsewhere; /* turns in a row that ran on another one */
};

/* Packets in one read from which on two processors are worth their wake-ups. */
#define SHARE_BUSY 32
/* So long the engine is free after such a read. */
#define SHARE_FREE_NS 1000000000LL
/* So many turns elsewhere are no chance any more. */
#define SHARE_MOVED 8

void share_init(struct share *);
/*
 * share_turn: after a turn of the loop that took n packets, n > 0; here is
 * the processor that ran it.  Returns 1 if the engine's place changed: s->cpu.
 */
int share_turn(struct share *, size_t n, uint32_t here, int64_t now);

#endif /* PRIV_SHARE_H */
