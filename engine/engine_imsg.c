/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What the engine does with each message. */

#include <string.h>

#include "common/log.h"
#include "engine/decide.h"
#include "engine/note.h"
#include "engine/state.h"
#include "engine/stats.h"

static int engine_conf(struct engine *, struct imsg *, const char **);
static int engine_commit(struct engine *, struct imsg *, const char **);
static int engine_abort(struct engine *, struct imsg *, const char **);
static int engine_verbose(struct engine *, struct imsg *, const char **);
static int engine_stats(struct engine *, struct imsg *, const char **);
static int engine_ping(struct engine *, struct imsg *, const char **);
static int engine_stop(struct engine *, struct imsg *, const char **);
static int engine_traces(struct engine *, struct imsg *, const char **);
static int engine_monitor(struct engine *, struct imsg *, const char **);
static int engine_list(struct engine *, struct imsg *, const char **);
static int engine_deny(struct engine *, struct imsg *, const char **);
static int engine_probe(struct engine *, struct imsg *, const char **);
static int engine_match(struct engine *, struct imsg *, const char **);
static int engine_expired(struct engine *, struct imsg *, const char **);
static int engine_place(struct engine *, struct imsg *, const char **);
static int engine_request(struct engine *, struct imsg *, const char **);

static const struct engine_handler engine_from_controller[] = {
	{ MSG_CONF_BEGIN, engine_conf },
	{ MSG_CONF_COMMON, engine_conf },
	{ MSG_CONF_LISTEN, engine_conf },
	{ MSG_CONF_PORTS, engine_conf },
	{ MSG_CONF_RULE, engine_conf },
	{ MSG_CONF_HIDE, engine_conf },
	{ MSG_CONF_TARGET, engine_conf },
	{ MSG_CONF_END, engine_conf },
	{ MSG_CONF_COMMIT, engine_commit },
	{ MSG_CONF_ABORT, engine_abort },
	{ MSG_VERBOSE, engine_verbose },
	{ MSG_STATS, engine_stats },
	{ MSG_PING, engine_ping },
	{ MSG_STOP, engine_stop },
	{ MSG_TRACES, engine_traces },
	{ MSG_MONITOR, engine_monitor },
	{ MSG_LIST, engine_list },
	{ MSG_DENY, engine_deny },
};

static const struct engine_handler engine_from_priv[] = {
	{ MSG_PROBE, engine_probe },
	{ MSG_MATCH, engine_match },
	{ MSG_EXPIRED, engine_expired },
	{ MSG_PLACE, engine_place },
	{ MSG_REQUEST, engine_request },
};

static const struct engine_border engine_borders[ENGINE_PEERS] = {
	{ &msg_controller_to_engine, engine_from_controller,
	    sizeof(engine_from_controller) / sizeof(engine_from_controller[0]),
	    1 },
	{ &msg_priv_to_engine, engine_from_priv,
	    sizeof(engine_from_priv) / sizeof(engine_from_priv[0]),
	    ENGINE_RESERVE },
};

const struct engine_border *
engine_border(enum engine_peer peer)
{
	return (&engine_borders[peer]);
}

/* There was a buffer for it before the message was taken. */
static void
engine_queued(int rc)
{
	if (rc == -1)
		fatal(EXIT_LOST, "no buffer for a message");
}

static int
engine_conf(struct engine *e, struct imsg *imsg, const char **why)
{
	int done;

	e->staged = 0;
	if (msg_get_policy(imsg, e->shadow, &e->stage, &done, why) == -1)
		return (-1);
	if (done) {
		e->staged = e->shadow->generation;
		engine_queued(msg_put_u32(
		    &e->ib[ENGINE_CONTROLLER], MSG_STAGED, 0, e->staged));
	}
	return (0);
}

static int
engine_commit(struct engine *e, struct imsg *imsg, const char **why)
{
	struct policy *old;
	uint32_t generation;

	if (msg_get_u32(imsg, &generation, why) == -1)
		return (-1);
	if (e->staged == 0 || generation != e->staged) {
		*why = "this generation is not staged";
		return (-1);
	}
	old = e->policy;
	e->policy = e->shadow;
	e->shadow = old;
	e->staged = 0;
	limit_set(e->limit, e->policy, e->now);
	traces_set(
	    note_traces(e), e->policy->traces, e->policy->traces_keep_ns);
	e->state = MSG_RUN;
	engine_queued(msg_put_u32(
	    &e->ib[ENGINE_CONTROLLER], MSG_COMMITTED, 0, generation));
	return (0);
}

static int
engine_abort(struct engine *e, struct imsg *imsg, const char **why)
{
	uint32_t generation;

	if (msg_get_u32(imsg, &generation, why) == -1)
		return (-1);
	e->stage = 0;
	e->staged = 0;
	return (0);
}

static int
engine_verbose(struct engine *e, struct imsg *imsg, const char **why)
{
	uint8_t verbose;

	(void)e;
	if (msg_get_u8(imsg, 1, &verbose, why) == -1)
		return (-1);
	log_setverbose(verbose);
	return (0);
}

static int
engine_stats(struct engine *e, struct imsg *imsg, const char **why)
{
	if (msg_get_empty(imsg, why) == -1)
		return (-1);
	e->stats.tally[TALLY_LOG_DROPPED] = e->log.dropped;
	engine_queued(msg_put_stats(&e->ib[ENGINE_CONTROLLER], MSG_STATS_DATA,
	    imsg_get_id(imsg), &e->stats));
	return (0);
}

static int
engine_ping(struct engine *e, struct imsg *imsg, const char **why)
{
	uint32_t number;

	if (msg_get_u32(imsg, &number, why) == -1)
		return (-1);
	/* Where it can't go on, the controller finds that out by its absence.
	 */
	if (e->lost ||
	    msg_put_u32(&e->ib[ENGINE_PRIV], MSG_PING_ON, 0, number) == -1)
		log_debug("ping %u does not go on", number);
	return (0);
}

static int
engine_stop(struct engine *e, struct imsg *imsg, const char **why)
{
	if (msg_get_empty(imsg, why) == -1)
		return (-1);
	e->stopped = 1;
	return (0);
}

static int
engine_traces(struct engine *e, struct imsg *imsg, const char **why)
{
	struct msg_ask ask;

	if (msg_get_ask(imsg, &ask, why) == -1)
		return (-1);
	return (monitor_ask(
	    &e->monitor, note_traces(e), &ask, imsg_get_id(imsg), e->now, why));
}

static int
engine_monitor(struct engine *e, struct imsg *imsg, const char **why)
{
	uint8_t on;

	if (msg_get_u8(imsg, 1, &on, why) == -1)
		return (-1);
	/* What was before is no event. */
	(void)note_traces(e);
	e->monitor.on = on;
	e->monitor.dropped = 0;
	log_debug("events: %s", on ? "on" : "off");
	return (0);
}

static int
engine_list(struct engine *e, struct imsg *imsg, const char **why)
{
	struct msg_list list;

	if (msg_get_list(imsg, &list, why) == -1)
		return (-1);
	return (lister_ask(&e->lister, &list, e->gate, &e->deny,
	    imsg_get_id(imsg), e->now, why));
}

static int
engine_deny(struct engine *e, struct imsg *imsg, const char **why)
{
	struct msg_deny deny;

	if (msg_get_deny(imsg, &deny, why) == -1)
		return (-1);
	engine_queued(msg_put_u8(&e->ib[ENGINE_CONTROLLER], MSG_DENY_DONE,
	    imsg_get_id(imsg), (uint8_t)deny_set(&e->deny, &deny, e->now)));
	return (0);
}

/* What becomes of a probe; order 0: nothing yet. */
static void
engine_order(struct engine *e, struct msg_id id, uint32_t order,
    const struct pending_probe *keep)
{
	struct msg_turn turn;

	/* Where all is passed nothing comes back. */
	if ((order == MSG_TURN || order == MSG_REQUEST_PROBE) && !keep->observe)
		pending_turned(e->pending, id, keep);
	note_probe(e, id.slot, order, keep);
	if (order == MSG_TURN) {
		turn.id = id;
		turn.ahead = keep->ahead;
		engine_queued(msg_put_turn(&e->ib[ENGINE_PRIV], &turn));
	} else if (order != 0)
		engine_queued(msg_put_order(&e->ib[ENGINE_PRIV], order, id));
}

/*
 * Probes that waited until now.  Where the slot has a newer one, the packet
 * process was quicker, and passed it.
 */
static void
engine_others(struct engine *e, const struct decision *d)
{
	const struct waiting_probe *w;

	w = &d->woken;
	if (w->order != 0 && pending_kept(e->pending, w->id) != NULL)
		engine_order(e, w->id, w->order, &w->keep);
	w = &d->gone;
	if (w->order != 0 && pending_kept(e->pending, w->id) != NULL)
		engine_order(e, w->id, MSG_PASS, &w->keep);
}

static int
engine_probe(struct engine *e, struct imsg *imsg, const char **why)
{
	struct decide decide = { e->policy, e->gate, e->limit, e->waiting,
		&e->deny };
	struct pending_probe keep;
	struct msg_probe probe;
	struct decision d;

	if (msg_get_probe(imsg, &probe, why) == -1 ||
	    pending_begin(e->pending, probe.id, why) == -1)
		return (-1);
	if (e->state != MSG_RUN) {
		/* Its COMMIT was quicker than ours. */
		note_skip(e, probe.id.slot);
		engine_queued(
		    msg_put_order(&e->ib[ENGINE_PRIV], MSG_PASS, probe.id));
		return (0);
	}
	/* A verdict that waits would be felt. */
	if (probe.observe)
		decide.waiting = NULL;
	memset(&keep, 0, sizeof(keep));
	decide_probe(&decide, &probe, e->now, &keep, &d);
	stats_count(&e->stats, d.stats, probe.family, probe.proto);
	engine_others(e, &d);
	engine_order(e, probe.id, d.order, &keep);
	return (0);
}

static int
engine_request(struct engine *e, struct imsg *imsg, const char **why)
{
	struct decide decide = { e->policy, e->gate, e->limit, NULL, &e->deny };
	struct pending_probe keep;
	struct msg_request request;
	struct decision d;
	enum proto proto;

	if (msg_get_request(imsg, &request, why) == -1 ||
	    pending_begin(e->pending, request.id, why) == -1)
		return (-1);
	memset(&keep, 0, sizeof(keep));
	if (e->state != MSG_RUN) {
		engine_order(e, request.id, MSG_PASS, &keep);
		return (0);
	}
	decide_ask(&decide, &request, e->now, &keep, &proto, &d);
	stats_count(&e->stats, d.stats, request.family, proto);
	if (d.order == MSG_REQUEST_STATUS) {
		note_skip(e, request.id.slot);
		engine_queued(msg_put_status(&e->ib[ENGINE_PRIV], &d.status));
		return (0);
	}
	engine_order(e, request.id, d.order, &keep);
	return (0);
}

static int
engine_match(struct engine *e, struct imsg *imsg, const char **why)
{
	const struct pending_probe *probe;
	struct msg_match match;
	struct decision d;
	enum pending_state before;

	if (msg_get_match(imsg, &match, why) == -1 ||
	    pending_match(e->pending, match.id, &probe, &before, why) == -1 ||
	    decide_match(e->policy, probe, before, &match, &d, why) == -1)
		return (-1);
	stats_count(&e->stats, d.stats, probe->family, probe->proto);
	if (match.kind == MATCH_ERROR && !match.from_client)
		stats_rtt(&e->stats, probe->family, match.rtt_ns);
	note_match(e, &match,
	    !match.answered &&
		policy_hidden(e->policy, probe->family, &match.router));
	if (d.order == MSG_ANSWER)
		engine_queued(msg_put_answer(&e->ib[ENGINE_PRIV], &d.answer));
	else if (d.order != 0)
		engine_queued(
		    msg_put_order(&e->ib[ENGINE_PRIV], d.order, match.id));
	return (0);
}

static int
engine_expired(struct engine *e, struct imsg *imsg, const char **why)
{
	const struct pending_probe *probe;
	struct msg_id id;
	enum msg_expiry expiry;

	if (msg_get_expired(imsg, &id, &expiry, why) == -1)
		return (-1);
	if ((expiry == EXPIRY_TIMEOUT
		    ? pending_end(e->pending, id, why)
		    : pending_settle(e->pending, id, why)) == -1)
		return (-1);
	note_silent(e, id.slot, expiry);
	if (expiry == EXPIRY_TIMEOUT)
		return (0);
	/* It leaves with the turned probe's TTL, so it counts like one. */
	probe = pending_kept(e->pending, id);
	if (probe == NULL ||
	    !limit_final(
		e->limit, probe->ttl, (enum limit_rank)probe->rank, e->now))
		return (0);
	engine_queued(msg_put_order(&e->ib[ENGINE_PRIV], MSG_FINAL, id));
	return (0);
}

/* The packet process knows the load; where we run is all that it decides. */
static int
engine_place(struct engine *e, struct imsg *imsg, const char **why)
{
	uint32_t cpu;

	if (msg_get_u32(imsg, &cpu, why) == -1)
		return (-1);
	if (place_on(&e->place, cpu) == -1)
		log_debug("not moved to processor %u", cpu);
	return (0);
}
