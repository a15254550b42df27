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
	s->elsewhere = 0;
}

int
share_turn(struct share *s, size_t n, uint32_t here, int64_t now)
{
	int was = s->cpu != PLACE_ANYWHERE;

	if (n >= SHARE_BUSY) {
		s->cpu = PLACE_ANYWHERE;
		s->until = now + SHARE_FREE_NS;
		s->elsewhere = 0;
		return (was);
	}
	if (here == PLACE_ANYWHERE || now < s->until)
		return (0);
	if (here == s->cpu) {
		s->elsewhere = 0;
		return (0);
	}
	if (was && ++s->elsewhere < SHARE_MOVED)
		return (0);
	s->cpu = here;
	s->elsewhere = 0;
	return (1);
}
