/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_STATE_H
#define PRIV_STATE_H

#include <stdint.h>

#include "common/child.h"
#include "common/imsg.h"
#include "common/msg.h"
#include "common/place.h"
#include "common/policy.h"
#include "common/stats.h"
#include "priv/capture.h"
#include "priv/nfqueue.h"
#include "priv/orders.h"
#include "priv/outbox.h"
#include "priv/rawsock.h"
#include "priv/record.h"
#include "priv/share.h"

/* All of the packet process's state. */
struct priv {
	struct imsgbuf controller;
	struct imsgbuf engine;
	struct ibuf_pool *to_engine;
	struct ibuf_pool *from_engine;
	enum msg_state state;
	int stopping; /* STOP was received */
	int paused;
	int asked;     /* what waits for the engine waits for its orders, too */
	uint32_t here; /* the processor that runs this turn */
	int64_t now;   /* of this turn of the loop, ns */
	size_t taken;  /* packets of the queue, in this turn */

	struct nfqueue *queue;
	struct rawsock *raw;
	struct capture *capture;
	struct records *records;
	struct orders orders;
	struct outbox outbox;
	struct share share;

	struct policy *policy; /* in force */
	struct policy *shadow; /* staged, or being so */
	uint32_t stage;        /* of msg_get_policy */
	uint32_t staged;       /* generation of a whole shadow, or 0 */

	struct stats stats;
	struct child_log log;
	uint64_t sequence; /* the queue's, last read */
	int64_t probed_at; /* the last probe's hand-up, ns; 0: none */
};

/*
 * priv_end: passes every probe that is still owed a verdict (closing the
 * queue would drop them), and exits with code.
 */
void priv_end(struct priv *, int code) __attribute__((noreturn));
/* priv_violation: a peer broke a rule: logs, priv_end(EXIT_VIOLATION). */
void priv_violation(struct priv *, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/* priv_flush: sends the outbox, and gives the verdicts that waited for it. */
void priv_flush(struct priv *);

/* packets.c: what comes from the network */
void priv_queue_read(struct priv *);
/* priv_queue_prove: fatal if the kernel takes no verdicts of this process. */
void priv_queue_prove(struct priv *);
/* priv_queue_shut: accepts what still waits in the queue; 0 or -1. */
int priv_queue_shut(struct priv *);
void priv_capture_read(struct priv *, enum family);
/* priv_expire: acts on all records that are due. */
void priv_expire(struct priv *);

/* borders.c: messages; each reads once and takes all that is whole. */
void priv_controller_read(struct priv *);
void priv_engine_read(struct priv *);

#endif /* PRIV_STATE_H */
