/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef UTURND_RELOAD_H
#define UTURND_RELOAD_H

#include <stdint.h>

#include "common/loop.h"
#include "uturnd/children.h"

/*
 * How a policy comes into force in both children: staged in both, then
 * committed in one after the other, or given up.  A pure state machine: events
 * go in, what to do next comes out; it sends nothing itself.
 *
 * The first policy is committed in the engine first: the packet process hands
 * probes up from its own commit on, and the engine must know what to do with
 * them.  Later ones in the packet process first, whose records carry the
 * policy that they were made under.
 */

#define RELOAD_TIMEOUT_NS (5 * NS_PER_S) /* for each phase */

enum reload_state {
	RELOAD_IDLE = 0,
	RELOAD_STAGING,
	RELOAD_COMMIT_FIRST, /* COMMIT was sent to the first in order */
	RELOAD_COMMIT_SECOND
};

enum reload_action {
	RELOAD_WAIT = 0, /* nothing */
	RELOAD_COMMIT,   /* send COMMIT to reload_turn */
	RELOAD_DONE,     /* the generation is in force in both */
	RELOAD_ABORT,    /* send ABORT to both; the old one goes on */
	RELOAD_HUNG,     /* no answer to a COMMIT: nothing left but to end */
	RELOAD_FAULT     /* the message was not due: a border violation */
};

struct reload {
	enum reload_state state;
	uint32_t generation;    /* the last one that was begun; 0: none */
	uint32_t aborted;       /* the last one given up; 0: none */
	unsigned int staged;    /* bit 1 << child_id */
	enum child_id order[2]; /* of the commits */
	int64_t deadline;       /* LOOP_FOREVER when idle */
};

void reload_init(struct reload *);

/*
 * reload_begin: a new policy was sent to both.  Returns its generation, or 0
 * if another one is under way (or, after 2^32 - 1 of them, none is left).
 */
uint32_t reload_begin(struct reload *, int64_t now);

/* Events.  generation: as the child says. */
enum reload_action
reload_staged(struct reload *, enum child_id, uint32_t generation, int64_t now);
enum reload_action reload_committed(
    struct reload *, enum child_id, uint32_t generation, int64_t now);
enum reload_action reload_timer(struct reload *, int64_t now);

/* reload_turn: whose COMMIT is due, or whose COMMITTED is waited for. */
enum child_id reload_turn(const struct reload *);

/* reload_waits_for: staging or committing waits for this child. */
int reload_waits_for(const struct reload *, enum child_id);

#endif /* UTURND_RELOAD_H */
