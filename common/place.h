/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_PLACE_H
#define COMMON_PLACE_H

#include <sched.h>
#include <stdint.h>

/*
 * On which processor the engine runs.  To wake a process on a processor that
 * sleeps takes longer than all that is done for a packet; so while there is
 * little to do the engine is where the packet process is, and under load it is
 * free to use another one.
 */
#define PLACE_ANYWHERE UINT32_MAX

struct place {
	cpu_set_t all; /* where the process could run at start */
	int known;     /* 0: the process is left where it is */
};

/*
 * place_init: notes where the process may run; without it, or if that can't
 * be known, the process is never moved.  To be called before the lock-up.
 * place_here: the processor that runs the caller, or PLACE_ANYWHERE.
 * place_on: from now on only on this one, if the process may run there; or
 * anywhere again.  Needs sched_setaffinity(2) for the caller itself.  Returns
 * 0, or -1: it stays as it was.
 */
void place_init(struct place *);
uint32_t place_here(void);
int place_on(const struct place *, uint32_t cpu);

#endif /* COMMON_PLACE_H */
