/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "common/log.h"
#include "engine/lister.h"
#include "engine/monitor.h"

int
lister_ask(struct lister *l, const struct msg_list *ask,
    const struct gate *gate, const struct deny *deny, uint32_t peerid,
    int64_t now, const char **why)
{
	if (l->busy) {
		*why = "the last one is not answered yet";
		return (-1);
	}
	l->busy = 1;
	l->which = ask->which;
	l->peerid = peerid;
	l->n = l->sent = 0;
	l->next = ask->from;
	do {
		l->next = l->which == LIST_CLIENTS
		    ? gate_next(gate, l->next, now, &l->row.client[l->n])
		    : deny_next(deny, l->next, now, &l->row.denied[l->n]);
		if (l->next != 0)
			l->n++;
	} while (l->next != 0 && l->n < MSG_LIST_ROWS);
	return (0);
}

/* Queues the next message; there is a buffer for it. */
static int
lister_send(struct lister *l, struct imsgbuf *controller)
{
	if (l->sent == l->n) {
		l->busy = 0;
		return (
		    msg_put_u32(controller, MSG_LIST_END, l->peerid, l->next));
	}
	if (l->which == LIST_CLIENTS)
		return (msg_put_client(controller, MSG_CLIENT, l->peerid,
		    &l->row.client[l->sent++]));
	return (msg_put_deny(
	    controller, MSG_DENIED, l->peerid, &l->row.denied[l->sent++]));
}

int
lister_fill(struct lister *l, struct imsgbuf *controller)
{
	while (l->busy && ibuf_pool_avail(controller->txpool) > MONITOR_RESERVE)
		if (lister_send(l, controller) == -1)
			fatal(EXIT_LOST, "no buffer for a row");
	return (l->busy);
}
