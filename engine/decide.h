/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_DECIDE_H
#define ENGINE_DECIDE_H

#include <stdint.h>

#include "common/msg.h"
#include "common/policy.h"
#include "engine/deny.h"
#include "engine/gate.h"
#include "engine/limit.h"
#include "engine/pending.h"
#include "engine/waiting.h"

/*
 * What is to become of a probe, and of what a turned probe met.  What the
 * packet process enforces from its record (relay mode, turn form, inflection,
 * unreachables) is taken from the probe's message, not from the policy in
 * force: a reload in between must not make an order a violation.
 */

struct decide {
	const struct policy *policy; /* in force */
	struct gate *gate;
	struct limit *limit;
	struct waiting *waiting; /* NULL: nobody waits */
	const struct deny *deny; /* NULL: nobody is denied for a while */
};

#define DECIDE_STAT(stat) (1U << (stat))

struct decision {
	/* MSG_PASS ... MSG_FINAL, MSG_REQUEST_...; 0: none */
	uint32_t order;
	uint32_t stats;           /* DECIDE_STAT of each to be counted */
	struct msg_answer answer; /* if order is MSG_ANSWER */
	struct msg_status status; /* if order is MSG_REQUEST_STATUS */
	/* Others that get an order now; their order is 0 if there is none. */
	struct waiting_probe woken; /* the same source's first probe */
	struct waiting_probe gone;  /* lost its place to this one */
};

/*
 * decide_probe: now in ns of CLOCK_MONOTONIC.  The order is PASS, DROP,
 * INFLECT or TURN; for these two *probe is filled, for TURN it is what
 * pending_turned is to keep.  There is none if the probe has to wait.
 */
void decide_probe(const struct decide *, const struct msg_probe *, int64_t now,
    struct pending_probe *probe, struct decision *out);

/*
 * decide_ask: the same for a request (docs/augsburg.md).  The order is PASS,
 * DROP, REQUEST_STATUS, or REQUEST_PROBE: then *probe is what pending_turned is
 * to keep.  *proto becomes the protocol that it counts as.
 */
void decide_ask(const struct decide *, const struct msg_request *, int64_t now,
    struct pending_probe *probe, enum proto *proto, struct decision *out);

/*
 * decide_match: before is the state that the probe was in.  An order may be
 * ANSWER, FINAL or REQUEST_ANSWER, or there is none.  Returns 0, or -1 with
 * *why set: nothing like this can answer this probe, so the packet process
 * broke its rules.
 */
int decide_match(const struct policy *, const struct pending_probe *,
    enum pending_state before, const struct msg_match *, struct decision *out,
    const char **why);

#endif /* ENGINE_DECIDE_H */
