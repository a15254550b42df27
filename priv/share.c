/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "priv/share.h"

void
share_init(struct share *s)
{
	s->cpu = PLACE_ANYWHERE;
	s->until = 0;
}

int
share_turn(struct share *s, size_t n, uint32_t here, int64_t now)
{
	int was = s->cpu != PLACE_ANYWHERE;

	if (n >= SHARE_BUSY || (was && now >= s->until)) {
		s->cpu = PLACE_ANYWHERE;
		s->until = now + SHARE_FREE_NS;
		return (was);
	}
	if (was || now < s->until || here == PLACE_ANYWHERE)
		return (0);
	s->cpu = here;
	s->until = now + SHARE_KEEP_NS;
	return (1);
}
