/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Traces, rows of its tables and events, from the engine to the clients that
 * want them.  The engine is asked for one trace, or for a few rows, at a time,
 * for one client after the other, and only for one that has read all that it
 * got: so nothing piles up here, and whoever does not read holds up nobody.
 */

#include <string.h>

#include "common/log.h"
#include "uturnd/controller.h"

static void relay_subscribe(struct controller *);
static struct control_client *relay_whose_turn(struct controller *);
static const char *relay_trace(struct controller *, struct imsg *);
static const char *relay_hop(struct controller *, struct imsg *);
static const char *relay_row(struct controller *, struct imsg *);
static const char *relay_end(struct controller *, struct imsg *);
static int relay_is_due(const struct controller *, uint32_t);
static const char *relay_event(struct controller *, struct imsg *);

void
relay_begin(struct controller *c, struct control_client *cl)
{
	if (c->conf->policy.traces == 0)
		control_result(cl, RESULT_REFUSED,
		    "traces are off: see `traces' in uturnd.conf");
}

void
relay_next(struct controller *c)
{
	struct imsgbuf *engine = &c->children.child[CHILD_ENGINE].ibuf;
	struct control_client *cl;
	struct msg_list list;

	relay_subscribe(c);
	if (c->relay.busy != 0 || (cl = relay_whose_turn(c)) == NULL)
		return;
	list.which = cl->request == MSG_CTL_DENIED ? LIST_DENIED : LIST_CLIENTS;
	list.from = cl->ask.from;
	if ((cl->request == MSG_CTL_TRACES
		    ? msg_put_ask(engine, MSG_TRACES, cl->id, &cl->ask)
		    : msg_put_list(engine, MSG_LIST, cl->id, &list)) == -1)
		fatal(EXIT_LOST, "engine: request");
	c->relay.busy = cl->request;
	c->relay.id = cl->id;
	c->relay.hops = -1;
	c->relay.rows = 0;
}

/* Tells the engine when the first subscriber came or the last one went. */
static void
relay_subscribe(struct controller *c)
{
	const struct control_client *cl;
	uint8_t wanted = 0;
	size_t i;

	for (i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		cl = &c->control.client[i];
		if (cl->id != 0 && cl->request == MSG_CTL_MONITOR)
			wanted = 1;
	}
	if (wanted == c->relay.monitoring)
		return;
	c->relay.monitoring = wanted;
	if (msg_put_u8(&c->children.child[CHILD_ENGINE].ibuf, MSG_MONITOR, 0,
		wanted) == -1)
		fatal(EXIT_LOST, "engine: request");
}

static int
relay_is_list(const struct control_client *cl)
{
	return (cl->request == MSG_CTL_TRACES ||
	    cl->request == MSG_CTL_CLIENTS || cl->request == MSG_CTL_DENIED);
}

/* The next client, round the table, that waits for a part and can take it. */
static struct control_client *
relay_whose_turn(struct controller *c)
{
	struct control_client *cl;
	size_t i, n;

	for (n = 1; n <= CONTROL_CLIENTS_MAX; n++) {
		i = (c->relay.last + n) % CONTROL_CLIENTS_MAX;
		cl = &c->control.client[i];
		if (cl->id == 0 || cl->dead || !relay_is_list(cl) ||
		    imsgbuf_queuelen(&cl->ibuf) > 0)
			continue;
		c->relay.last = i;
		return (cl);
	}
	return (NULL);
}

const char *
relay_message(struct controller *c, struct imsg *imsg)
{
	uint32_t type = imsg_get_type(imsg);

	if (type == MSG_EVENT)
		return (relay_event(c, imsg));
	if (!relay_is_due(c, type) || imsg_get_id(imsg) != c->relay.id)
		return ("not asked for");
	if (type == MSG_TRACE)
		return (relay_trace(c, imsg));
	if (type == MSG_TRACE_HOP)
		return (relay_hop(c, imsg));
	if (type == MSG_CLIENT || type == MSG_DENIED)
		return (relay_row(c, imsg));
	return (relay_end(c, imsg));
}

/* Does it belong to what the engine was asked for? */
static int
relay_is_due(const struct controller *c, uint32_t type)
{
	switch (c->relay.busy) {
	case MSG_CTL_TRACES:
		return (type == MSG_TRACE || type == MSG_TRACE_HOP ||
		    type == MSG_TRACES_END);
	case MSG_CTL_CLIENTS:
		return (type == MSG_CLIENT || type == MSG_LIST_END);
	case MSG_CTL_DENIED:
		return (type == MSG_DENIED || type == MSG_LIST_END);
	default:
		return (0);
	}
}

static const char *
relay_trace(struct controller *c, struct imsg *imsg)
{
	struct msg_trace trace;
	const char *why;

	if (msg_get_trace(imsg, &trace, &why) == -1)
		return (why);
	if (c->relay.hops != -1)
		return ("a second trace");
	c->relay.hops = 0;
	control_trace(control_find(&c->control, c->relay.id), &trace);
	return (NULL);
}

static const char *
relay_hop(struct controller *c, struct imsg *imsg)
{
	struct msg_hop hop;
	const char *why;

	if (msg_get_hop(imsg, &hop, &why) == -1)
		return (why);
	if (c->relay.hops == -1)
		return ("a hop of no trace");
	if (++c->relay.hops > MSG_HOPS_MAX)
		return ("too many hops");
	control_hop(control_find(&c->control, c->relay.id), &hop);
	return (NULL);
}

static const char *
relay_row(struct controller *c, struct imsg *imsg)
{
	struct control_client *cl = control_find(&c->control, c->relay.id);
	struct msg_client row;
	struct msg_deny denied;
	const char *why;

	if (++c->relay.rows > MSG_LIST_ROWS)
		return ("too many rows");
	if (c->relay.busy == MSG_CTL_CLIENTS) {
		if (msg_get_client(imsg, &row, &why) == -1)
			return (why);
		control_row(cl, &row);
		return (NULL);
	}
	if (msg_get_deny(imsg, &denied, &why) == -1)
		return (why);
	control_denied(cl, &denied);
	return (NULL);
}

static const char *
relay_end(struct controller *c, struct imsg *imsg)
{
	struct control_client *cl;
	const char *why;
	uint32_t asked = c->relay.busy, next, max;

	if (msg_get_u32(imsg, &next, &why) == -1)
		return (why);
	cl = control_find(&c->control, c->relay.id);
	c->relay.busy = 0;
	c->relay.id = 0;
	max = asked == MSG_CTL_TRACES ? POLICY_TRACES_MAX : MSG_LIST_PLACES;
	if (next > max)
		return ("place out of range");
	if (cl == NULL || cl->request != asked)
		return (NULL);
	if (next == 0) {
		control_end(cl);
		return (NULL);
	}
	if (next <= cl->ask.from)
		return ("a place that was shown already");
	cl->ask.from = next;
	return (NULL);
}

static const char *
relay_event(struct controller *c, struct imsg *imsg)
{
	struct control_client *cl;
	struct msg_event event;
	const char *why;
	size_t i;

	if (msg_get_event(imsg, &event, &why) == -1)
		return (why);
	for (i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		cl = &c->control.client[i];
		if (cl->id != 0 && cl->request == MSG_CTL_MONITOR)
			control_event(cl, &event);
	}
	return (NULL);
}
