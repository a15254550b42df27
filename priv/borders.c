/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/log.h"
#include "common/loop.h"
#include "priv/state.h"

/* Room in the outbox for one more order, sending what waits if need be. */
static void
borders_make_room(struct priv *p)
{
	if (OUTBOX_MAX - p->outbox.n < ORDERS_ROOM)
		priv_flush(p);
}

/* A staged policy comes into force: new probes go by it. */
static void
borders_commit(struct priv *p, uint32_t generation)
{
	struct policy *old;

	if (p->staged == 0 || generation != p->staged)
		priv_violation(p,
		    "controller: CONF_COMMIT: generation %u is not staged",
		    generation);
	old = p->policy;
	p->policy = p->shadow;
	p->shadow = old;
	p->staged = 0;
	p->orders.policy = p->policy;
	caps_set(&p->orders.caps, p->policy, p->now);
	if (capture_filter(p->capture, p->policy) == -1) {
		log_warn("capture filter");
		priv_end(p, EXIT_LOST);
	}
	p->state = MSG_RUN;
	if (msg_put_u32(&p->controller, MSG_COMMITTED, 0, generation) == -1)
		priv_violation(p, "controller: does not read");
}

static void
borders_stage(struct priv *p, struct imsg *imsg)
{
	const char *why;
	int done;

	p->staged = 0;
	if (msg_get_policy(imsg, p->shadow, &p->stage, &done, &why) == -1)
		priv_violation(p, "controller: %s: %s",
		    msg_name(imsg_get_type(imsg)), why);
	if (!done)
		return;
	p->staged = p->shadow->generation;
	if (msg_put_u32(&p->controller, MSG_STAGED, 0, p->staged) == -1)
		priv_violation(p, "controller: does not read");
}

static void
borders_stats(struct priv *p, uint32_t peerid)
{
	uint64_t dropped, sequence;

	if (nfqueue_figures(p->queue, &dropped, &sequence) == 0) {
		/* The kernel's columns are 32 bits wide and wrap. */
		p->stats.tally[TALLY_QUEUE_DROPPED] = dropped;
		p->sequence += (uint32_t)(sequence - p->sequence);
		p->stats.tally[TALLY_QUEUE_SEQ] = p->sequence;
	}
	p->stats.tally[TALLY_PENDING] = records_used(p->records);
	p->stats.tally[TALLY_LOG_DROPPED] = p->log.dropped;
	if (p->probed_at != 0)
		p->stats.probe_age_ms =
		    (uint64_t)((p->now - p->probed_at) / NS_PER_MS) + 1;
	/* No buffer: the controller asks again. */
	if (msg_put_stats(&p->controller, MSG_STATS_DATA, peerid, &p->stats) ==
	    -1)
		p->log.dropped++;
}

static void
borders_byte(struct priv *p, struct imsg *imsg)
{
	const char *why;
	uint8_t on;

	if (msg_get_u8(imsg, 1, &on, &why) == -1)
		priv_violation(p, "controller: %s: %s",
		    msg_name(imsg_get_type(imsg)), why);
	if (imsg_get_type(imsg) == MSG_VERBOSE) {
		log_setverbose(on);
		return;
	}
	p->paused = on;
	if (msg_put_u8(&p->controller, MSG_PAUSED, imsg_get_id(imsg), on) == -1)
		priv_violation(p, "controller: does not read");
}

static void
borders_generation(struct priv *p, struct imsg *imsg)
{
	const char *why;
	uint32_t generation, type;

	type = imsg_get_type(imsg);
	if (msg_get_u32(imsg, &generation, &why) == -1)
		priv_violation(p, "controller: %s: %s", msg_name(type), why);
	if (type == MSG_CONF_COMMIT)
		borders_commit(p, generation);
	else {
		p->staged = 0;
		p->stage = 0;
	}
}

static void
borders_controller(struct priv *p, struct imsg *imsg)
{
	switch (imsg_get_type(imsg)) {
	case MSG_CONF_BEGIN:
	case MSG_CONF_COMMON:
	case MSG_CONF_LISTEN:
	case MSG_CONF_PORTS:
	case MSG_CONF_RULE:
	case MSG_CONF_HIDE:
	case MSG_CONF_TARGET:
	case MSG_CONF_END:
		borders_stage(p, imsg);
		break;
	case MSG_CONF_COMMIT:
	case MSG_CONF_ABORT:
		borders_generation(p, imsg);
		break;
	case MSG_VERBOSE:
	case MSG_PAUSE:
		borders_byte(p, imsg);
		break;
	case MSG_STATS:
		borders_stats(p, imsg_get_id(imsg));
		break;
	case MSG_STOP:
		p->stopping = 1;
		break;
	default:
		priv_violation(p, "controller: %s: not handled",
		    msg_name(imsg_get_type(imsg)));
	}
}

/* Reads a border once; ends the process if the peer is gone or broken. */
static void
borders_read(struct priv *p, struct imsgbuf *ib, const char *peer)
{
	int n;

	if ((n = imsgbuf_read(ib)) == 1)
		return;
	if (n == 0 && p->stopping)
		priv_end(p, EXIT_OK);
	if (n == 0) {
		log_warnx("%s: gone", peer);
		priv_end(p, EXIT_LOST);
	}
	priv_violation(p, "%s: broken stream of messages", peer);
}

void
priv_controller_read(struct priv *p)
{
	struct imsg imsg;
	char why[160];
	int n;

	borders_read(p, &p->controller, "controller");
	while ((n = imsgbuf_get(&p->controller, &imsg)) == 1) {
		if (msg_check(&msg_controller_to_priv, &imsg, p->state, why,
			sizeof(why)) == NULL)
			priv_violation(p, "%s", why);
		borders_controller(p, &imsg);
		imsg_free(&imsg);
	}
	if (n == -1)
		priv_violation(p, "controller: broken stream of messages");
}

/* The watchdog's number goes on to the controller. */
static void
borders_ping(struct priv *p, struct imsg *imsg)
{
	const char *why;
	uint32_t number;

	if (msg_get_u32(imsg, &number, &why) == -1)
		priv_violation(p, "engine: PING_ON: %s", why);
	if (msg_put_u32(&p->controller, MSG_PONG, 0, number) == -1)
		p->log.dropped++;
}

void
priv_engine_read(struct priv *p)
{
	struct imsg imsg;
	const char *fault;
	char why[160];
	uint32_t type;
	int n;

	borders_read(p, &p->engine, "engine");
	while ((n = imsgbuf_get(&p->engine, &imsg)) == 1) {
		type = imsg_get_type(&imsg);
		if (msg_check(&msg_engine_to_priv, &imsg, p->state, why,
			sizeof(why)) == NULL)
			priv_violation(p, "%s", why);
		if (type == MSG_PING_ON)
			borders_ping(p, &imsg);
		else {
			borders_make_room(p);
			if (orders_take(&p->orders, &imsg, p->now, &fault) ==
			    -1)
				priv_violation(
				    p, "engine: %s: %s", msg_name(type), fault);
		}
		imsg_free(&imsg);
	}
	if (n == -1)
		priv_violation(p, "engine: broken stream of messages");
}
