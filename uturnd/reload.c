/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "uturnd/reload.h"

#define STAGED_ALL ((1U << CHILD_MAX) - 1)

void
reload_init(struct reload *r)
{
	memset(r, 0, sizeof(*r));
	r->state = RELOAD_IDLE;
	r->deadline = LOOP_FOREVER;
}

uint32_t
reload_begin(struct reload *r, int64_t now)
{
	if (r->state != RELOAD_IDLE || r->generation == UINT32_MAX)
		return (0);
	if (r->generation == 0) {
		r->order[0] = CHILD_ENGINE;
		r->order[1] = CHILD_PRIV;
	} else {
		r->order[0] = CHILD_PRIV;
		r->order[1] = CHILD_ENGINE;
	}
	r->generation++;
	r->staged = 0;
	r->state = RELOAD_STAGING;
	r->deadline = now + RELOAD_TIMEOUT_NS;
	return (r->generation);
}

enum reload_action
reload_staged(
    struct reload *r, enum child_id id, uint32_t generation, int64_t now)
{
	unsigned int bit = 1U << id;

	/* It may have been on its way when we gave up. */
	if (generation != 0 && generation == r->aborted)
		return (RELOAD_WAIT);
	if (r->state != RELOAD_STAGING || generation != r->generation ||
	    (r->staged & bit) != 0)
		return (RELOAD_FAULT);
	r->staged |= bit;
	if (r->staged != STAGED_ALL)
		return (RELOAD_WAIT);
	r->state = RELOAD_COMMIT_FIRST;
	r->deadline = now + RELOAD_TIMEOUT_NS;
	return (RELOAD_COMMIT);
}

enum reload_action
reload_committed(
    struct reload *r, enum child_id id, uint32_t generation, int64_t now)
{
	if ((r->state != RELOAD_COMMIT_FIRST &&
		r->state != RELOAD_COMMIT_SECOND) ||
	    generation != r->generation || id != reload_turn(r))
		return (RELOAD_FAULT);
	if (r->state == RELOAD_COMMIT_FIRST) {
		r->state = RELOAD_COMMIT_SECOND;
		r->deadline = now + RELOAD_TIMEOUT_NS;
		return (RELOAD_COMMIT);
	}
	r->state = RELOAD_IDLE;
	r->deadline = LOOP_FOREVER;
	return (RELOAD_DONE);
}

enum reload_action
reload_timer(struct reload *r, int64_t now)
{
	if (r->state == RELOAD_IDLE || now < r->deadline)
		return (RELOAD_WAIT);
	/* One of the two may already have swapped. */
	if (r->state != RELOAD_STAGING)
		return (RELOAD_HUNG);
	r->state = RELOAD_IDLE;
	r->aborted = r->generation;
	r->deadline = LOOP_FOREVER;
	return (RELOAD_ABORT);
}

enum child_id
reload_turn(const struct reload *r)
{
	return (r->order[r->state == RELOAD_COMMIT_SECOND ? 1 : 0]);
}

int
reload_waits_for(const struct reload *r, enum child_id id)
{
	switch (r->state) {
	case RELOAD_IDLE:
		return (0);
	case RELOAD_STAGING:
		return ((r->staged & (1U << id)) == 0);
	case RELOAD_COMMIT_FIRST:
	case RELOAD_COMMIT_SECOND:
		break;
	}
	return (reload_turn(r) == id);
}
