/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "uturnctl/reply.h"

/* How an action is asked for, and what answers it. */
struct reply_shape {
	uint32_t request;
	int value;     /* its byte, -1: none */
	uint32_t item; /* what the series consists of; 0: INFO and DATA */
	int by_result; /* ends with RESULT, not with END */
};

static const struct reply_shape shapes[ACTION_LAST] = {
	[ACTION_STATS] = { MSG_CTL_STATS, -1, 0, 0 },
	[ACTION_SHOW_CONFIG] = { MSG_CTL_CONFIG, -1, MSG_CTL_LINE, 0 },
	[ACTION_SHOW_PROCESSES] = { MSG_CTL_PROCESSES, -1, MSG_CTL_PROCESS, 0 },
	[ACTION_SHOW_TRACES] = { MSG_CTL_TRACES, -1, MSG_CTL_TRACE, 0 },
	[ACTION_SHOW_METRICS] = { MSG_CTL_STATS, -1, 0, 0 },
	[ACTION_SHOW_CLIENTS] = { MSG_CTL_CLIENTS, -1, MSG_CTL_CLIENT, 0 },
	[ACTION_SHOW_DENIED] = { MSG_CTL_DENIED, -1, MSG_CTL_DENIED_ROW, 0 },
	[ACTION_DENY] = { MSG_CTL_DENY, -1, MSG_CTL_LINE, 1 },
	[ACTION_CHECK] = { MSG_CTL_CHECK, -1, MSG_CTL_LINE, 0 },
	[ACTION_MONITOR] = { MSG_CTL_MONITOR, -1, MSG_CTL_EVENT, 0 },
	[ACTION_RELOAD] = { MSG_CTL_RELOAD, -1, MSG_CTL_LINE, 1 },
	[ACTION_PAUSE] = { MSG_CTL_PAUSE, -1, MSG_CTL_LINE, 1 },
	[ACTION_RESUME] = { MSG_CTL_RESUME, -1, MSG_CTL_LINE, 1 },
	[ACTION_LOG_BRIEF] = { MSG_CTL_VERBOSE, 0, MSG_CTL_LINE, 1 },
	[ACTION_LOG_VERBOSE] = { MSG_CTL_VERBOSE, 1, MSG_CTL_LINE, 1 },
};

void
reply_init(struct reply *r, enum ctl_action action)
{
	memset(r, 0, sizeof(*r));
	r->action = action;
}

void
reply_free(struct reply *r)
{
	size_t i;

	for (i = 0; i < r->nlines; i++)
		free(r->lines[i].text);
	free(r->lines);
	r->lines = NULL;
	r->nlines = 0;
	for (i = 0; i < r->ntraces; i++)
		free(r->traces[i].hops);
	free(r->traces);
	r->traces = NULL;
	r->ntraces = 0;
	free(r->clients);
	r->clients = NULL;
	r->nclients = 0;
	free(r->denied);
	r->denied = NULL;
	r->ndenied = 0;
}

uint32_t
reply_request(enum ctl_action action, int *value)
{
	*value = shapes[action].value;
	return (shapes[action].request);
}

static int
reply_take_line(struct reply *r, struct imsg *imsg, const char **why)
{
	char text[MSG_TEXT_MAX], seen[4 * MSG_TEXT_MAX];
	struct reply_line *lines;
	uint8_t pri;

	if (msg_get_text(imsg, 7, &pri, text, sizeof(text), why) == -1)
		return (-1);
	if (r->nlines >= REPLY_LINES_MAX) {
		*why = "too many lines";
		return (-1);
	}
	lines = reallocarray(r->lines, r->nlines + 1, sizeof(*lines));
	if (lines == NULL) {
		*why = "no memory";
		return (-1);
	}
	r->lines = lines;
	vis_line(seen, sizeof(seen), text, strlen(text));
	if ((lines[r->nlines].text = strdup(seen)) == NULL) {
		*why = "no memory";
		return (-1);
	}
	lines[r->nlines++].pri = pri;
	return (0);
}

static int
reply_take_process(struct reply *r, struct imsg *imsg, const char **why)
{
	struct reply_process *p;
	char name[MSG_NAME_MAX];

	if (r->nprocs >= REPLY_PROCS_MAX) {
		*why = "too many processes";
		return (-1);
	}
	p = &r->procs[r->nprocs];
	if (msg_get_process(imsg, &p->pid, name, why) == -1)
		return (-1);
	vis_line(p->name, sizeof(p->name), name, strlen(name));
	r->nprocs++;
	return (0);
}

static int
reply_take_trace(struct reply *r, struct imsg *imsg, const char **why)
{
	struct reply_trace *traces;

	if (r->ntraces >= REPLY_TRACES_MAX) {
		*why = "too many traces";
		return (-1);
	}
	traces = reallocarray(r->traces, r->ntraces + 1, sizeof(*traces));
	if (traces == NULL) {
		*why = "no memory";
		return (-1);
	}
	r->traces = traces;
	memset(&traces[r->ntraces], 0, sizeof(*traces));
	if (msg_get_trace(imsg, &traces[r->ntraces].head, why) == -1)
		return (-1);
	r->ntraces++;
	return (0);
}

static int
reply_take_hop(struct reply *r, struct imsg *imsg, const char **why)
{
	struct reply_trace *t;
	struct msg_hop *hops, hop;

	if (msg_get_hop(imsg, &hop, why) == -1)
		return (-1);
	t = r->ntraces > 0 ? &r->traces[r->ntraces - 1] : NULL;
	if (t == NULL || hop.family != t->head.family ||
	    (t->nhops > 0 && hop.hop <= t->hops[t->nhops - 1].hop)) {
		*why = "not a next hop of the trace";
		return (-1);
	}
	hops = reallocarray(t->hops, t->nhops + 1, sizeof(*hops));
	if (hops == NULL) {
		*why = "no memory";
		return (-1);
	}
	t->hops = hops;
	hops[t->nhops++] = hop;
	return (0);
}

static int
reply_take_client(struct reply *r, struct imsg *imsg, const char **why)
{
	struct msg_client *clients;

	if (r->nclients >= REPLY_ROWS_MAX) {
		*why = "too many clients";
		return (-1);
	}
	clients = reallocarray(r->clients, r->nclients + 1, sizeof(*clients));
	if (clients == NULL) {
		*why = "no memory";
		return (-1);
	}
	r->clients = clients;
	if (msg_get_client(imsg, &clients[r->nclients], why) == -1)
		return (-1);
	r->nclients++;
	return (0);
}

static int
reply_take_denied(struct reply *r, struct imsg *imsg, const char **why)
{
	struct msg_deny *denied;

	if (r->ndenied >= REPLY_ROWS_MAX) {
		*why = "too many prefixes";
		return (-1);
	}
	denied = reallocarray(r->denied, r->ndenied + 1, sizeof(*denied));
	if (denied == NULL) {
		*why = "no memory";
		return (-1);
	}
	r->denied = denied;
	if (msg_get_deny(imsg, &denied[r->ndenied], why) == -1)
		return (-1);
	r->ndenied++;
	return (0);
}

static int
reply_take_event(const struct reply *r, struct imsg *imsg, const char **why)
{
	struct msg_event event;

	if (msg_get_event(imsg, &event, why) == -1)
		return (-1);
	if (r->event(r->arg, &event) == -1) {
		*why = "can't be written";
		return (-1);
	}
	return (0);
}

/* Is the answer a set of counters, which come whole? */
static int
reply_is_stats(const struct reply *r)
{
	return (shapes[r->action].request == MSG_CTL_STATS);
}

static int
reply_trace_cmp(const void *a, const void *b)
{
	uint64_t x = ((const struct reply_trace *)a)->head.seen_us;
	uint64_t y = ((const struct reply_trace *)b)->head.seen_us;

	return (x < y ? -1 : x > y);
}

static int
reply_take_result(struct reply *r, struct imsg *imsg, const char **why)
{
	char text[MSG_TEXT_MAX];
	uint8_t code;

	if (msg_get_text(
		imsg, RESULT_LAST - 1, &code, text, sizeof(text), why) == -1)
		return (-1);
	/* A series is only refused by a result; END says that it is whole. */
	if (code == RESULT_OK && !shapes[r->action].by_result) {
		*why = "a result where an end is due";
		return (-1);
	}
	r->have_result = 1;
	r->result = code;
	vis_line(r->text, sizeof(r->text), text, strlen(text));
	return (1);
}

static int
reply_take_end(struct reply *r, struct imsg *imsg, const char **why)
{
	if (msg_get_empty(imsg, why) == -1)
		return (-1);
	if (r->have_end ||
	    (reply_is_stats(r) && (!r->have_info || !r->have_stats))) {
		*why = "an end that is not due";
		return (-1);
	}
	r->have_end = 1;
	if (r->ntraces > 0)
		qsort(
		    r->traces, r->ntraces, sizeof(*r->traces), reply_trace_cmp);
	return (!shapes[r->action].by_result);
}

/* The parts of `stats`, each of which comes once. */
static int
reply_take_stats(struct reply *r, struct imsg *imsg, const char **why)
{
	int is_info = imsg_get_type(imsg) == MSG_CTL_INFO;
	int *have = is_info ? &r->have_info : &r->have_stats;

	if (*have) {
		*why = "comes twice";
		return (-1);
	}
	*have = 1;
	return (is_info ? msg_get_info(imsg, &r->info, why)
			: msg_get_stats(imsg, &r->stats, why));
}

/* Is this type a part of the answer that we wait for? */
static int
reply_is_due(const struct reply *r, uint32_t type)
{
	if (type == MSG_CTL_END || type == MSG_CTL_RESULT)
		return (1);
	if (r->have_end)
		return (0);
	if (type == MSG_CTL_INFO || type == MSG_CTL_DATA)
		return (reply_is_stats(r));
	if (type == MSG_CTL_HOP)
		return (r->action == ACTION_SHOW_TRACES);
	return (type == shapes[r->action].item);
}

int
reply_take(struct reply *r, struct imsg *imsg, char *why, size_t whylen)
{
	const char *fault = NULL;
	uint32_t type = imsg_get_type(imsg);
	int rc = -1;

	if (msg_check(&msg_controller_to_ctl, imsg, MSG_RUN, why, whylen) ==
	    NULL)
		return (-1);
	if (!reply_is_due(r, type))
		fault = "does not answer what was asked";
	else if (type == MSG_CTL_TRACE)
		rc = reply_take_trace(r, imsg, &fault);
	else if (type == MSG_CTL_HOP)
		rc = reply_take_hop(r, imsg, &fault);
	else if (type == MSG_CTL_CLIENT)
		rc = reply_take_client(r, imsg, &fault);
	else if (type == MSG_CTL_DENIED_ROW)
		rc = reply_take_denied(r, imsg, &fault);
	else if (type == MSG_CTL_EVENT)
		rc = reply_take_event(r, imsg, &fault);
	else if (type == MSG_CTL_LINE)
		rc = reply_take_line(r, imsg, &fault);
	else if (type == MSG_CTL_PROCESS)
		rc = reply_take_process(r, imsg, &fault);
	else if (type == MSG_CTL_RESULT)
		rc = reply_take_result(r, imsg, &fault);
	else if (type == MSG_CTL_END)
		rc = reply_take_end(r, imsg, &fault);
	else
		rc = reply_take_stats(r, imsg, &fault);
	if (fault != NULL)
		(void)snprintf(why, whylen, "%s: %s: %s",
		    msg_controller_to_ctl.sender, msg_name(type), fault);
	return (rc);
}
