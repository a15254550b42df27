/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_GATE_H
#define ENGINE_GATE_H

#include <stdint.h>

#include "common/addr.h"

/*
 * The gate (DESIGN section 5): a source whose probe arrives with TTL 1 traces
 * through this host.  What comes from it with a higher TTL belongs to the
 * trace for a while; what comes without is somebody's ordinary traffic.  Times
 * in ns of CLOCK_MONOTONIC.
 */

/* However long a gate is used, it closes this long after it was opened. */
#define GATE_LIFE_NS (120 * 1000000000LL)
/* A gate that closed no longer ago than this opens at TTL 2 and 3 too. */
#define GATE_MEMORY_NS  (600 * 1000000000LL)
#define GATE_MEMORY_TTL 3

/* Who asks.  UDP and ICMP: its address (v6: /64); TCP: address and dport. */
struct gate_ask {
	enum family family;
	enum proto proto;
	const struct addr *client;
	uint16_t dport; /* host order; TCP only */
	uint8_t ttl;
};

enum gate_verdict {
	GATE_CLOSED = 0,
	GATE_OPENS, /* closed, and this probe opens it */
	GATE_OPEN
};

struct gate;
struct msg_client;
struct table_key;

/*
 * gate_new: a table of nsets (power of two) times TABLE_WAYS sources.  NULL
 * without memory.  Nothing is allocated later.
 */
struct gate *gate_new(size_t nsets, const uint8_t secret[16]);
/* gate_free: NULL is fine. */
void gate_free(struct gate *);

/* gate_key: what stands for the source, in a table of one's own, too. */
void gate_key(const struct gate_ask *, struct table_key *);
/* gate_look: what the gate says; changes nothing. */
enum gate_verdict
gate_look(const struct gate *, const struct gate_ask *, int64_t now);
/*
 * gate_use: the probe is admitted: opens the gate for gate_ns or renews it,
 * as gate_look says; nothing if that says closed.  Separate, so that a flood
 * that the limits refuse displaces nobody's gate.
 */
void
gate_use(struct gate *, const struct gate_ask *, uint64_t gate_ns, int64_t now);

/* gate_limited: the probe is over a limit: counted, if its gate is open. */
void gate_limited(struct gate *, const struct gate_ask *, int64_t now);
/*
 * gate_next: the first open gate at place from or behind it.  Returns the
 * place behind it, or 0 if there is none.
 */
uint32_t
gate_next(const struct gate *, uint32_t from, int64_t now, struct msg_client *);

#endif /* ENGINE_GATE_H */
