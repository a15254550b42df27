/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/syscall.h>
#include <sys/types.h>
#include <string.h>
#include <unistd.h>

#include <linux/sched.h>
#include <linux/sched/types.h>

#include "common/slice.h"

/* No libc of the systems that we build on has these two calls. */
int
slice_ask(uint64_t ns)
{
	struct sched_attr attr;

	memset(&attr, 0, sizeof(attr));
	if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) == -1)
		return (-1);
	if (attr.sched_policy != SCHED_NORMAL)
		return (0);
	attr.sched_runtime = ns;
	return ((int)syscall(SYS_sched_setattr, 0, &attr, 0));
}
