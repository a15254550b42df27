/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/place.h"

void
place_init(struct place *p)
{
	memset(p, 0, sizeof(*p));
	p->known = sched_getaffinity(0, sizeof(p->all), &p->all) == 0;
}

uint32_t
place_here(void)
{
	int cpu;

	if ((cpu = sched_getcpu()) < 0)
		return (PLACE_ANYWHERE);
	return ((uint32_t)cpu);
}

int
place_on(const struct place *p, uint32_t cpu)
{
	cpu_set_t one;

	if (!p->known)
		return (-1);
	if (cpu == PLACE_ANYWHERE)
		return (sched_setaffinity(0, sizeof(p->all), &p->all));
	if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &p->all))
		return (-1);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return (sched_setaffinity(0, sizeof(one), &one));
}
