/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "common/log.h"
#include "engine/monitor.h"

static int
monitor_room(const struct imsgbuf *controller)
{
	return (ibuf_pool_avail(controller->txpool) > MONITOR_RESERVE);
}

/* There was a buffer for it. */
static void
monitor_queued(int rc)
{
	if (rc == -1)
		fatal(EXIT_LOST, "no buffer for a trace");
}

int
monitor_ask(struct monitor *m, const struct traces *traces,
    const struct msg_ask *ask, uint32_t peerid, int64_t now, const char **why)
{
	if (m->busy) {
		*why = "the last one is not answered yet";
		return (-1);
	}
	m->busy = 1;
	m->peerid = peerid;
	m->hop = 0;
	m->next = traces_next(traces, ask, now, &m->copy);
	m->found = m->next != 0;
	return (0);
}

int
monitor_fill(struct monitor *m, struct imsgbuf *controller)
{
	while (m->busy && monitor_room(controller)) {
		if (!m->found || m->hop > m->copy.nhops) {
			monitor_queued(msg_put_u32(
			    controller, MSG_TRACES_END, m->peerid, m->next));
			m->busy = 0;
		} else if (m->hop == 0)
			monitor_queued(msg_put_trace(
			    controller, MSG_TRACE, m->peerid, &m->copy.head));
		else
			monitor_queued(msg_put_hop(controller, MSG_TRACE_HOP,
			    m->peerid, &m->copy.hop[m->hop - 1]));
		m->hop++;
	}
	return (m->busy);
}

void
monitor_events(struct monitor *m, struct imsgbuf *controller,
    const struct traces_events *events)
{
	struct msg_event ev;
	size_t i;

	if (!m->on)
		return;
	for (i = 0; i < events->n; i++) {
		if (!monitor_room(controller)) {
			if (m->dropped < UINT32_MAX)
				m->dropped++;
			continue;
		}
		ev = events->ev[i];
		ev.dropped = m->dropped;
		monitor_queued(msg_put_event(controller, MSG_EVENT, 0, &ev));
		m->dropped = 0;
	}
}
