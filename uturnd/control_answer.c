/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdarg.h>
#include <stdio.h>

#include "common/log.h"
#include "uturnd/control.h"

static void client_queued(struct control_client *, int);

void
control_line(struct control_client *cl, int pri, const char *text)
{
	if (cl == NULL || cl->dead)
		return;
	client_queued(cl,
	    msg_put_text(&cl->ibuf, MSG_CTL_LINE, cl->id, (uint8_t)pri, text));
}

void
control_stats(struct control_client *cl, const struct msg_info *info,
    const struct stats *stats)
{
	if (cl == NULL || cl->dead)
		return;
	client_queued(cl, msg_put_info(&cl->ibuf, cl->id, info));
	client_queued(
	    cl, msg_put_stats(&cl->ibuf, MSG_CTL_DATA, cl->id, stats));
}

void
control_process(struct control_client *cl, pid_t pid, const char *name)
{
	if (cl == NULL || cl->dead)
		return;
	client_queued(
	    cl, msg_put_process(&cl->ibuf, cl->id, (uint32_t)pid, name));
}

void
control_trace(struct control_client *cl, const struct msg_trace *trace)
{
	if (cl == NULL || cl->dead)
		return;
	client_queued(
	    cl, msg_put_trace(&cl->ibuf, MSG_CTL_TRACE, cl->id, trace));
}

void
control_hop(struct control_client *cl, const struct msg_hop *hop)
{
	if (cl == NULL || cl->dead)
		return;
	client_queued(cl, msg_put_hop(&cl->ibuf, MSG_CTL_HOP, cl->id, hop));
}

void
control_event(struct control_client *cl, const struct msg_event *event)
{
	if (cl == NULL || cl->dead)
		return;
	/* Only now something waits to be read by it. */
	if (imsgbuf_queuelen(&cl->ibuf) == 0)
		cl->deadline = loop_now() + CONTROL_IDLE_NS;
	client_queued(
	    cl, msg_put_event(&cl->ibuf, MSG_CTL_EVENT, cl->id, event));
}

void
control_row(struct control_client *cl, const struct msg_client *row)
{
	if (cl == NULL || cl->dead)
		return;
	client_queued(
	    cl, msg_put_client(&cl->ibuf, MSG_CTL_CLIENT, cl->id, row));
}

void
control_denied(struct control_client *cl, const struct msg_deny *row)
{
	if (cl == NULL || cl->dead)
		return;
	client_queued(
	    cl, msg_put_deny(&cl->ibuf, MSG_CTL_DENIED_ROW, cl->id, row));
}

void
control_end(struct control_client *cl)
{
	if (cl == NULL)
		return;
	cl->request = 0;
	if (!cl->dead)
		client_queued(
		    cl, msg_put_empty(&cl->ibuf, MSG_CTL_END, cl->id));
}

void
control_result(
    struct control_client *cl, enum msg_result code, const char *fmt, ...)
{
	char text[MSG_TEXT_MAX];
	va_list ap;

	if (cl == NULL)
		return;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	cl->request = 0;
	if (!cl->dead)
		client_queued(cl,
		    msg_put_text(&cl->ibuf, MSG_CTL_RESULT, cl->id,
			(uint8_t)code, text));
}

/* After each message: no memory, or too much that it does not read. */
static void
client_queued(struct control_client *cl, int n)
{
	if (n == -1)
		log_warn("control client %u", cl->id);
	else if (imsgbuf_queuelen(&cl->ibuf) > CONTROL_QUEUE_MAX)
		log_debug("control client %u: reads nothing", cl->id);
	else
		return;
	cl->dead = 1;
}
