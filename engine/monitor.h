/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_MONITOR_H
#define ENGINE_MONITOR_H

#include <stddef.h>
#include <stdint.h>

#include "common/imsg.h"
#include "engine/traces.h"

/*
 * Traces and events on their way to the controller.  They go out only as long
 * as it leaves buffers for all else: a trace waits then, an event is dropped.
 */

/* Buffers towards the controller that they leave free. */
#define MONITOR_RESERVE 24

struct monitor {
	int on;           /* events are wanted */
	uint32_t dropped; /* events since the last one that was sent */
	/* the trace that is being sent, one at a time */
	int busy;
	int found; /* copy holds one; its head was not sent yet if hop is 0 */
	uint32_t peerid;
	uint32_t next; /* as traces_next */
	size_t hop;    /* messages of it that were queued */
	struct traces_copy copy;
};

/*
 * monitor_ask: begins to send the trace that is asked for; to be continued by
 * monitor_fill.  Returns 0, or -1 with *why set: one is under way already.
 */
int monitor_ask(struct monitor *, const struct traces *, const struct msg_ask *,
    uint32_t peerid, int64_t now, const char **why);
/* monitor_fill: queues what there are buffers for; 1: more is to come. */
int monitor_fill(struct monitor *, struct imsgbuf *controller);
/* monitor_events: queues them, or drops them and counts. */
void monitor_events(
    struct monitor *, struct imsgbuf *controller, const struct traces_events *);

#endif /* ENGINE_MONITOR_H */
