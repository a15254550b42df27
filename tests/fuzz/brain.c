/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/brain.h"

/* Small tables: what is displaced is part of the game. */
#define BRAIN_SETS   2
#define BRAIN_TRACES 3
/* Towards the controller; all but the reserve can fill up. */
#define BRAIN_BUFFERS (MONITOR_RESERVE + 8)

static const uint8_t secret[ENGINE_SECRET] = { 7, 7, 7 };

void
brain_begin(struct engine *e, const struct policy *p, int64_t now)
{
	static struct imsgbuf ib[ENGINE_PEERS];
	static struct ibuf_pool *pool;
	int i;

	memset(e, 0, sizeof(*e));
	e->now = now;
	e->gate = gate_new(BRAIN_SETS, secret);
	e->limit = limit_new(BRAIN_SETS, secret);
	e->waiting = waiting_new(WAITING_MIN, secret);
	e->pending = pending_new(POLICY_PENDING_MIN);
	e->traces = traces_new(BRAIN_TRACES, POLICY_PENDING_MIN, secret);
	e->policy = calloc(1, sizeof(*e->policy));
	e->shadow = calloc(1, sizeof(*e->shadow));
	FUZZ_CHECK(e->gate != NULL && e->limit != NULL && e->waiting != NULL &&
	    e->pending != NULL && e->traces != NULL && e->policy != NULL &&
	    e->shadow != NULL);
	for (i = 0; i < ENGINE_PEERS; i++) {
		if (ib[i].rbuf == NULL)
			FUZZ_CHECK(imsgbuf_init(&ib[i], -1) == 0);
		e->ib[i] = ib[i];
		/* The empty list points to itself. */
		TAILQ_INIT(&e->ib[i].txq);
	}
	if (pool == NULL)
		pool = ibuf_pool_new(BRAIN_BUFFERS,
		    IMSG_HEADER_SIZE + msg_engine_to_controller.maxsize);
	FUZZ_CHECK(
	    imsgbuf_set_pool(&e->ib[ENGINE_CONTROLLER], pool, NULL) == 0);
	brain_policy(e, p);
	e->state = MSG_RUN;
}

void
brain_policy(struct engine *e, const struct policy *p)
{
	*e->policy = *p;
	limit_set(e->limit, e->policy, e->now);
	traces_set(
	    note_traces(e), e->policy->traces, e->policy->traces_keep_ns);
}

void
brain_end(struct engine *e)
{
	int i;

	for (i = 0; i < ENGINE_PEERS; i++)
		fuzz_drain(&e->ib[i]);
	engine_free(e);
}

/* One message to the controller is what its receiver takes. */
static void
brain_said(struct imsg *imsg)
{
	struct msg_trace trace;
	struct msg_event event;
	struct msg_hop hop;
	struct msg_client client;
	struct msg_deny deny;
	const char *fault = NULL;
	char why[160];
	int rc = 0;

	FUZZ_CHECK(msg_check(&msg_engine_to_controller, imsg, MSG_RUN, why,
		       sizeof(why)) != NULL);
	if (imsg_get_type(imsg) == MSG_TRACE)
		rc = msg_get_trace(imsg, &trace, &fault);
	else if (imsg_get_type(imsg) == MSG_TRACE_HOP)
		rc = msg_get_hop(imsg, &hop, &fault);
	else if (imsg_get_type(imsg) == MSG_EVENT)
		rc = msg_get_event(imsg, &event, &fault);
	else if (imsg_get_type(imsg) == MSG_CLIENT)
		rc = msg_get_client(imsg, &client, &fault);
	else if (imsg_get_type(imsg) == MSG_DENIED)
		rc = msg_get_deny(imsg, &deny, &fault);
	FUZZ_CHECK(rc == 0);
}

void
brain_tell(struct engine *e)
{
	struct imsg imsg;
	int more;

	do {
		more = monitor_fill(&e->monitor, &e->ib[ENGINE_CONTROLLER]);
		more |= lister_fill(&e->lister, &e->ib[ENGINE_CONTROLLER]);
		while (fuzz_dequeue(&e->ib[ENGINE_CONTROLLER], &imsg)) {
			brain_said(&imsg);
			imsg_free(&imsg);
		}
	} while (more);
}

int
brain_take(struct engine *e, enum engine_peer peer, struct imsg *imsg)
{
	const struct engine_border *b = engine_border(peer);
	const char *fault = NULL;
	char why[160];
	size_t i;

	if (msg_check(b->from, imsg, e->state, why, sizeof(why)) == NULL)
		return (-1);
	for (i = 0; i < b->nhandlers; i++)
		if (b->handlers[i].type == imsg_get_type(imsg)) {
			if (b->handlers[i].handle(e, imsg, &fault) == 0)
				return (0);
			FUZZ_CHECK(fault != NULL);
			return (-1);
		}
	/* A message of the table that nobody handles. */
	FUZZ_CHECK(0);
}
