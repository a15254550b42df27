/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_WAITING_H
#define ENGINE_WAITING_H

#include <stdint.h>

#include "engine/gate.h"
#include "engine/pending.h"
#include "engine/table.h"

/*
 * The waiting room.  A flood of first probes from forged sources leaves
 * nothing of `limit total` to a genuine first probe, and nobody can tell it
 * from the others; but a forged source is drawn anew for each packet, and a
 * traceroute sends its next probe at once.  So a first probe for which there
 * is no room waits, without an order, for a sign that its source is alive;
 * the next probe of the same source (as the gate knows it) is one.  Who
 * gives none within WAITING_NS is left to the packet process, which passes
 * what has no order within 250 ms.
 */

/* Well below 250 ms: an order must not come late. */
#define WAITING_NS (180 * 1000000LL)
/* The smallest room. */
#define WAITING_MIN TABLE_WAYS

/* One that waits, and what is to be ordered for it if it is woken. */
struct waiting_probe {
	struct msg_id id;
	uint32_t order; /* MSG_INFLECT and so on; 0: nobody */
	struct pending_probe keep;
};

struct waiting;

/*
 * waiting_new: room for at most n probes, at least WAITING_MIN.  NULL without
 * memory; nothing is allocated later.
 */
struct waiting *waiting_new(size_t n, const uint8_t secret[16]);
/* waiting_free: NULL is fine. */
void waiting_free(struct waiting *);
/*
 * waiting_put: the probe of this source waits from now on.  Whom it takes the
 * place of is written to *gone (order 0: nobody whose time is not over), and
 * is to be given an order at once.
 */
void waiting_put(struct waiting *, const struct gate_ask *,
    const struct waiting_probe *, int64_t now, struct waiting_probe *gone);
/*
 * waiting_find: the probe of this source that waits, or NULL; valid until the
 * next call.
 */
struct waiting_probe *
waiting_find(struct waiting *, const struct gate_ask *, int64_t now);

#endif /* ENGINE_WAITING_H */
