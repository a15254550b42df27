/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_NOTE_H
#define ENGINE_NOTE_H

#include <stdint.h>

#include "common/msg.h"
#include "engine/pending.h"

struct engine;

/*
 * What the traces, and whoever listens to them, are told of.
 *
 * A probe's own note waits until there is something else to note: the packet
 * process waits for the order, and runs only once we sleep.  Nobody can tell:
 * whoever needs the traces gets them from note_traces.
 */
struct note {
	int due;
	uint32_t slot;
	int64_t at; /* ns: when it was decided */
	struct pending_probe probe;
};

/*
 * note_traces: the traces, with nothing outstanding.
 * note_skip: the slot's new probe is none that traces know of.
 * note_probe: what was ordered for the slot's probe; order 0: nothing yet.
 * note_match, note_silent: what became of it; hidden: as traces_match has it.
 */
struct traces *note_traces(struct engine *);
void note_skip(struct engine *, uint32_t slot);
void note_probe(struct engine *, uint32_t slot, uint32_t order,
    const struct pending_probe *);
void note_match(struct engine *, const struct msg_match *, int hidden);
void note_silent(struct engine *, uint32_t slot, enum msg_expiry);

#endif /* ENGINE_NOTE_H */
