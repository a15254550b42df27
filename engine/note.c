/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "engine/note.h"
#include "engine/state.h"

/* Nothing is made of them where nobody listens. */
static struct traces_events *
note_listens(const struct engine *e, struct traces_events *events)
{
	events->n = 0;
	return (e->monitor.on ? events : NULL);
}

static void
note_tell(struct engine *e, const struct traces_events *events)
{
	monitor_events(&e->monitor, &e->ib[ENGINE_CONTROLLER], events);
}

struct traces *
note_traces(struct engine *e)
{
	const struct note *n = &e->note;
	struct traces_events events;

	if (n->due) {
		e->note.due = 0;
		traces_probe(e->traces, n->slot, &n->probe, n->at,
		    note_listens(e, &events));
		note_tell(e, &events);
	}
	return (e->traces);
}

void
note_skip(struct engine *e, uint32_t slot)
{
	traces_skip(note_traces(e), slot);
}

void
note_probe(struct engine *e, uint32_t slot, uint32_t order,
    const struct pending_probe *probe)
{
	/* A way to somebody else is no way back to a client. */
	if (probe->observe || probe->target ||
	    (order != MSG_TURN && order != MSG_INFLECT &&
		order != MSG_REQUEST_PROBE)) {
		note_skip(e, slot);
		return;
	}
	(void)note_traces(e);
	e->note.due = 1;
	e->note.slot = slot;
	e->note.at = e->now;
	e->note.probe = *probe;
	/* Who listens is not to hear of it later than it happens. */
	if (e->monitor.on)
		(void)note_traces(e);
}

void
note_match(struct engine *e, const struct msg_match *match, int hidden)
{
	struct traces_events events;

	traces_match(note_traces(e), match->id.slot, match, hidden, e->now,
	    note_listens(e, &events));
	note_tell(e, &events);
}

void
note_silent(struct engine *e, uint32_t slot, enum msg_expiry expiry)
{
	struct traces_events events;

	traces_silent(note_traces(e), slot, expiry, note_listens(e, &events));
	note_tell(e, &events);
}
