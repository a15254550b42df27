/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_PENDING_H
#define ENGINE_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"

/*
 * The probes in flight, by the packet process's slots: what is needed when
 * something comes back, and which messages may come for which probe.  What
 * may not come is a violation by the packet process.
 */

/* What is kept of a probe. */
struct pending_probe {
	enum family family;
	enum proto proto;
	uint8_t ttl; /* it leaves with one less */
	enum policy_relay relay;
	enum policy_turn turn;
	enum policy_unreachable unreachable;
	uint8_t request; /* 1: one that a request asked for */
	uint8_t target;  /* 1: and that goes to somebody else */
	uint8_t rank;    /* enum limit_rank, by which it was admitted */
	uint8_t observe; /* the packet process passes it in any case */
	uint8_t ahead;   /* of msg_turn */
	uint16_t len;
	struct addr client;
	struct addr listen; /* the probe's destination */
};

enum pending_state {
	PENDING_NONE = 0, /* passed, dropped, answered, forgotten */
	PENDING_TURNED,
	PENDING_SETTLED, /* UDP: taken to have arrived, FINAL ordered */
	PENDING_MATCHED
};

struct pending;

/* pending_new: n slots.  NULL without memory; nothing is allocated later. */
struct pending *pending_new(uint32_t n);
/* pending_free: NULL is fine. */
void pending_free(struct pending *);

/*
 * Each of these takes one message's id and returns 0, or -1 with *why set to
 * a constant text: a violation, and nothing was changed.
 *
 * pending_begin: PROBE: a generation newer than the slot's last one.
 * pending_match: MATCH: once, for a turned probe; fills *probe (valid until
 * the next call) and *before, the state that it was in.
 * pending_settle: EXPIRED(settle): once, for a turned UDP probe.
 * pending_end: EXPIRED(timeout): the slot's last generation, in any state:
 * the packet process need not know yet what was ordered.
 */
int pending_begin(struct pending *, struct msg_id, const char **why);
int pending_match(struct pending *, struct msg_id,
    const struct pending_probe **probe, enum pending_state *before,
    const char **why);
int pending_settle(struct pending *, struct msg_id, const char **why);
int pending_end(struct pending *, struct msg_id, const char **why);
/*
 * pending_kept: what pending_turned kept, valid until the next call; NULL if
 * this generation is not the slot's last one.
 */
const struct pending_probe *pending_kept(struct pending *, struct msg_id);
/* pending_turned: after pending_begin: TURN is ordered, keep the probe. */
void
pending_turned(struct pending *, struct msg_id, const struct pending_probe *);

#endif /* ENGINE_PENDING_H */
