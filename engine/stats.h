/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_STATS_H
#define ENGINE_STATS_H

#include <stdint.h>

#include "common/stats.h"

/*
 * stats_count: one more of each counter whose bit (1 << enum stat_kind) is
 * set.  Pure.
 */
void stats_count(struct stats *, uint32_t bits, enum family, enum proto);

#endif /* ENGINE_STATS_H */
