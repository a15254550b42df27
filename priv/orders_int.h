/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_ORDERS_INT_H
#define PRIV_ORDERS_INT_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "priv/orders.h"

/* Inside of orders*.c only. */

/* One order, read. */
struct orders_order {
	uint32_t type;
	struct msg_id id;
	struct msg_turn turn;
	struct msg_answer answer; /* MSG_ANSWER */
	struct msg_status status; /* MSG_REQUEST_STATUS */
};

/* orders_count: one more; the end of a request counts as a request's. */
void orders_count(struct orders *, enum stat_kind, const struct record *);
/*
 * orders_packet: the next packet of the outbox, addressed from the record:
 * the route and the destination never come from an order.  NULL: no room.
 */
struct outbox_packet *
orders_packet(struct orders *, const struct record *, enum outbox_kind);
/*
 * orders_commit: puts a packet that was built into the outbox, if the caps
 * let it go.  Answers also count into the record's sum (DESIGN 3.18), which
 * holds here once more whatever was checked before.  Returns 0, or -1.
 */
int orders_commit(struct orders *, struct record *, struct outbox_packet *,
    size_t len, int64_t now);
/* orders_leave: an order that can't be carried out leaves the probe to the
 * kernel. */
void orders_leave(struct orders *, struct record *);

/* orders_ahead_fits: is what TURN says of the answer within its sum? */
int orders_ahead_fits(const struct record *, uint8_t ahead);
/* orders_answer: ANSWER for a probe.  Returns 0, or -1 with *why: a violation.
 */
int orders_answer(struct orders *, struct record *, const struct msg_answer *,
    int64_t now, const char **why);

/*
 * The orders for requests, of a record that is one; for the first two a
 * verdict is owed.  Each returns 0, or -1 with *why: a violation.
 */
int orders_request_probe(
    struct orders *, struct record *, int64_t now, const char **why);
int orders_request_status(struct orders *, struct record *,
    const struct msg_status *, int64_t now, const char **why);
int orders_request_answer(
    struct orders *, struct record *, int64_t now, const char **why);

#endif /* PRIV_ORDERS_INT_H */
