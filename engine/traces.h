/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_TRACES_H
#define ENGINE_TRACES_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "engine/pending.h"

/*
 * The last traces, for the operator: for each client, listen address and
 * protocol what the probes met on the way back.  A table of fixed size with a
 * keyed hash (SipHash-2-4); a new trace takes the place of the one that was
 * silent longest.  Times in ns of CLOCK_MONOTONIC.
 *
 * A client that was silent for TRACES_SILENCE_NS begins anew; which routers
 * it met before is kept, so that another way back is noticed.
 */

#define TRACES_SILENCE_NS (30 * 1000000000LL)

/* What one message may make known at once. */
#define TRACES_EVENTS_MAX 3
struct traces_events {
	size_t n;
	struct msg_event ev[TRACES_EVENTS_MAX];
};

/* One trace, ready to be sent. */
struct traces_copy {
	struct msg_trace head;
	size_t nhops;
	struct msg_hop hop[MSG_HOPS_MAX];
};

struct traces;

/*
 * traces_new: a table of n traces (0: nothing is ever noted) and npending
 * probes in flight, by the packet process's slots.  None are kept before
 * traces_set.  NULL without memory; nothing is allocated later.
 */
struct traces *
traces_new(uint32_t n, uint32_t npending, const uint8_t secret[16]);
/* traces_free: NULL is fine. */
void traces_free(struct traces *);
/*
 * traces_set: keep at most max (or what the table holds, if that is less; 0:
 * forget all, note nothing), and none that was silent longer than keep_ns.
 */
void traces_set(struct traces *, uint32_t max, uint64_t keep_ns);

/*
 * What happened to the probe in a slot, which is below npending.  *events
 * becomes what is new, unless it is NULL.
 *
 * traces_probe: it will be turned, or answered as the inflection point.
 * traces_skip: it is left alone: what the slot stood for is void.
 * traces_match: the packet process matched it; hidden: the client is not told
 * the router's address.  Where the client itself answers, its hop is where it
 * is, not how far the probe might have got.
 * traces_silent: nothing was matched within `settle`, or until its end.
 */
void traces_probe(struct traces *, uint32_t slot, const struct pending_probe *,
    int64_t now, struct traces_events *events);
void traces_skip(struct traces *, uint32_t slot);
void traces_match(struct traces *, uint32_t slot, const struct msg_match *,
    int hidden, int64_t now, struct traces_events *events);
void traces_silent(struct traces *, uint32_t slot, enum msg_expiry,
    struct traces_events *events);

/*
 * traces_next: copies the first trace at place ask->from or behind that is
 * asked for.  Returns the place behind it, for the next call, or 0 if there
 * is none.  The table may change between calls: whatever is there then is
 * shown, once for each place.
 */
uint32_t traces_next(const struct traces *, const struct msg_ask *, int64_t now,
    struct traces_copy *);

#endif /* ENGINE_TRACES_H */
