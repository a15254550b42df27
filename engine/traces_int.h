/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_TRACES_INT_H
#define ENGINE_TRACES_INT_H

#include "engine/traces.h"

/* Shared by the files of engine/traces*.c, for those only. */

#define TRACES_NONE UINT32_MAX

/* All bytes are hashed and compared: no padding. */
struct traces_key {
	struct addr client;
	struct addr listen;
	uint8_t family;
	uint8_t proto;
};

/*
 * A reverse hop.  Routers are told apart by seen[], 16 bits of a keyed hash
 * each; a bit of now or former says whose run saw that one.
 */
struct traces_hop {
	uint64_t rtt_sum; /* us */
	struct addr router;
	uint32_t label[MSG_LABELS_MAX];
	uint32_t rtt_min; /* us */
	uint32_t rtt_max;
	uint16_t turned;
	uint16_t answered;
	uint16_t lost;
	uint16_t seen[MSG_HOP_ROUTERS];
	uint8_t now;
	uint8_t former;
	uint8_t flags; /* MSG_HOP_... */
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t nlabels;
};

struct trace {
	struct traces_key key;
	uint8_t used;
	uint8_t said;   /* enum trace_end that was made known */
	uint8_t last;   /* farthest hop where a router answered, or 0 */
	uint8_t client; /* nearest hop where the client answered, or 0 */
	uint8_t silent; /* nearest hop behind last that lost a probe, or 0 */
	uint8_t changed_hop;
	uint32_t run; /* grows with each run: older probes do not count */
	uint32_t probes;
	uint32_t chain; /* next of its bucket, or of the free ones */
	uint32_t newer; /* neighbours by time of the last probe */
	uint32_t older;
	int64_t begun;
	int64_t seen;
	int64_t changed;
	struct addr changed_from;
	struct addr changed_to;
	struct traces_hop hop[MSG_HOPS_MAX];
};

/* A turned probe in flight. */
enum traces_state {
	FLIGHT_NONE = 0,
	FLIGHT_TURNED,
	FLIGHT_LOST /* counted as lost; an answer may still come */
};
struct traces_flight {
	uint32_t trace;
	uint32_t run;
	uint8_t hop; /* index: reverse hop - 1 */
	uint8_t state;
};

struct traces {
	uint8_t secret[16];
	uint32_t size; /* traces that there is room for */
	uint32_t max;  /* that may be used; 0: off */
	uint32_t used;
	uint32_t high; /* those from here on were never used */
	uint32_t free; /* given back */
	uint32_t newest;
	uint32_t oldest;
	uint32_t mask;    /* of the buckets */
	uint32_t *bucket; /* first of each chain */
	uint64_t keep;
	struct trace *trace;
	struct traces_flight *flight;
};

/* The cost of the table is the sum of these (DESIGN 4: made at start). */
_Static_assert(sizeof(struct traces_hop) <= 72, "a hop is small");
_Static_assert(sizeof(struct traces_key) == 34, "no padding is hashed");

/* traces_hash: of len bytes, keyed. */
uint64_t traces_hash(const struct traces *, const void *, size_t len);
/*
 * traces_take: the key's trace, now the newest; one that was silent for
 * longer than keep is forgotten first.  *fresh: it was not there before.
 */
struct trace *traces_take(
    struct traces *, const struct traces_key *, int64_t now, int *fresh);
/* traces_is_old: it was silent longer than it is kept. */
int traces_is_old(const struct traces *, const struct trace *, int64_t now);

/* traces_event: a new one about the trace, to be filled; NULL: not wanted. */
struct msg_event *
traces_event(struct traces_events *, const struct trace *, enum event_kind);
/* traces_of: the trace of a probe in flight, if it is still in its run. */
struct trace *traces_of(struct traces *, const struct traces_flight *);
/* traces_end: makes the end known, unless it is known as well already. */
void
traces_end(struct trace *, enum trace_end, uint8_t hop, struct traces_events *);

#endif /* ENGINE_TRACES_INT_H */
