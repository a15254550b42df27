/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_VERDICTS_H
#define PRIV_VERDICTS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The verdicts that are owed to the kernel, until one send gives them.  It
 * numbers packets in the order in which it queues them, and can take one
 * verdict for all up to a number: that spares it most of its work, but is right
 * only if there is nobody else below that number.  Pure.
 */
#define VERDICTS_MAX 256

struct verdicts {
	size_t n;
	uint32_t id[VERDICTS_MAX];
	uint8_t accept[VERDICTS_MAX];
};

/* verdicts_add: returns 0, or -1: full. */
int verdicts_add(struct verdicts *, uint32_t id, int accept);

/*
 * verdicts_common: whether all that are owed may be given as one, for all
 * packets up to *last: they are at least two, are equal, and the oldest packet
 * that nobody has decided on yet (*waiting; NULL: there is none) was numbered
 * after *last.  Numbers begin again at 0, and are compared by the nearer way
 * round, as the kernel does.
 */
int verdicts_common(
    const struct verdicts *, const uint32_t *waiting, uint32_t *last);

#endif /* PRIV_VERDICTS_H */
