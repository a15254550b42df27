/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_ORDERS_H
#define PRIV_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/imsg.h"
#include "common/policy.h"
#include "common/stats.h"
#include "priv/caps.h"
#include "priv/handup.h"
#include "priv/ipid.h"
#include "priv/outbox.h"
#include "priv/record.h"

/*
 * What the engine orders, checked against the records (DESIGN section 3),
 * and turned into packets in the outbox and verdicts.  No system calls: what
 * an order can cause is all in *out and in the calls of `verdict`.
 */
struct orders {
	struct records *records;
	struct ipid *ipid;
	struct caps caps;
	uint8_t key[16];             /* cookies */
	const struct policy *policy; /* in force: which addresses are own */
	struct stats *stats;
	struct outbox *out;
	/* Takes a verdict for the queue: accept 1 or 0. */
	void (*verdict)(void *arg, uint32_t packet_id, int accept);
	void *arg;
};

/*
 * orders_room: how many packets an order may add to the outbox at most; the
 * caller sends first where there is less room.
 */
#define ORDERS_ROOM 2

/*
 * orders_take: one message from the engine, already checked by msg_check.
 * Returns 0 when it was carried out, or refused as late and counted; -1 with
 * *why set when it is a violation: then nothing was done.
 */
int orders_take(struct orders *, struct imsg *, int64_t now, const char **why);

/*
 * orders_ahead: a probe that has just been matched (records_matched): answers
 * it if the engine said ahead how, with TURN, and if nothing about what it met
 * is left to decide.  Needs ORDERS_ROOM in the outbox.  Returns 1: answered,
 * the record has ended; 0: an order is needed.
 */
int orders_ahead(struct orders *, struct record *, int64_t now);

/*
 * orders_sent: after the outbox was sent: counts each packet, gives the
 * verdicts that were held back until now, empties the outbox.
 */
void orders_sent(struct orders *);

/*
 * orders_pass: a record that nobody ordered anything for: accept, end.
 * orders_expire: a turned record at its deadline: counted, ended.
 */
void orders_pass(struct orders *, struct record *);
void orders_expire(struct orders *, struct record *);

/*
 * orders_reset: a SYN+ACK was matched for a request: queues the reset that
 * ends the connection, so that nobody waits for it.  Without room in the
 * outbox, or over the caps, there is none.
 */
void orders_reset(struct orders *, struct record *, int64_t now);

#endif /* PRIV_ORDERS_H */
