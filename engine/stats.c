/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "engine/stats.h"

void
stats_count(struct stats *s, uint32_t bits, enum family f, enum proto proto)
{
	unsigned int i;

	for (i = 0; i < STAT_MAX; i++)
		if (bits & (1U << i))
			s->stat[i][f][proto]++;
}
