/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_SLICE_H
#define COMMON_SLICE_H

#include <stdint.h>

/*
 * slice_ask: asks the scheduler to run the caller for at most so many ns at a
 * time (100,000 is the least that it grants).  Who asks for less than others
 * runs as soon as it is woken, before a process that woke it goes on; its
 * share of the processor is no larger.  Nice value and policy stay; a real
 * time policy, and a kernel before 6.12, know no such thing.  To be called
 * before the lock-up.  Returns 0, or -1 with errno: it stays as it was.
 */
int slice_ask(uint64_t ns);

#endif /* COMMON_SLICE_H */
