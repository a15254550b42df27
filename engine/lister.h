/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_LISTER_H
#define ENGINE_LISTER_H

#include <stddef.h>
#include <stdint.h>

#include "common/imsg.h"
#include "common/msg.h"
#include "engine/deny.h"
#include "engine/gate.h"

/*
 * Rows of the engine's tables on their way to the controller: a few at a
 * time, and only as long as they leave buffers for all else (as traces do).
 */

struct lister {
	int busy;
	enum msg_listing which;
	uint32_t peerid;
	uint32_t next; /* where the next row may be, 0: none */
	size_t n;      /* rows that were found */
	size_t sent;   /* of them */
	union {
		struct msg_client client[MSG_LIST_ROWS];
		struct msg_deny denied[MSG_LIST_ROWS];
	} row;
};

/*
 * lister_ask: takes a copy of the rows that are asked for, to be sent by
 * lister_fill.  Returns 0, or -1 with *why set: some are under way already.
 */
int lister_ask(struct lister *, const struct msg_list *, const struct gate *,
    const struct deny *, uint32_t peerid, int64_t now, const char **why);
/* lister_fill: queues what there are buffers for; 1: more is to come. */
int lister_fill(struct lister *, struct imsgbuf *controller);

#endif /* ENGINE_LISTER_H */
