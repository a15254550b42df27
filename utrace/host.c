/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/wire.h"
#include "utrace/host.h"

struct host {
	struct run *run;
	const struct prober_conf *conf;
	struct prober_msg msg;
	int begun;
	int ended;
	/* What the prober said of the ways: hop numbers, 0: nothing. */
	uint16_t turn;
	uint16_t first;
	uint16_t here;
	size_t shown; /* hops that the list has already */
};

static const char *const host_protos[] = {
	[PROTO_UDP] = "UDP", [PROTO_ICMP] = "ICMP", [PROTO_TCP] = "TCP"
};

static void
host_header(const struct host *h)
{
	const struct hop_header *to = &h->run->trace.header;
	char addr[ADDR_TEXT_MAX];

	if (h->run->form == RUN_JSON)
		return;
	fprintf(h->run->out, "utrace to %s (%s) by %s", to->name,
	    addr_format(
		to->target.family, &to->target.addr, addr, sizeof(addr)),
	    host_protos[h->conf->proto]);
	if (h->conf->proto != PROTO_ICMP)
		fprintf(h->run->out, " port %u", h->conf->port);
	fprintf(h->run->out, ", %u hops max each way\n", h->conf->max);
	fflush(h->run->out);
}

/* By request nothing is to be found out: the prober has said what is what. */
static void
host_mark(struct host *h, size_t i)
{
	struct trace *t = &h->run->trace;

	if (t->by != TRACE_BY_REQUEST)
		return;
	if (t->hops[i].ttl == h->turn)
		t->turn = (ssize_t)i;
	if (t->back == -1 && t->hops[i].ttl >= h->first)
		t->back = (ssize_t)i;
	if (t->hops[i].ttl == h->here)
		t->end = (ssize_t)i;
}

/* List form: prints all hops that are certain. */
static void
host_list(struct host *h, int over)
{
	struct run *r = h->run;
	size_t sure = r->trace.nhops;

	if (r->trace.by != TRACE_BY_REQUEST)
		sure = trace_cut(&r->trace, over);
	if (r->form != RUN_LIST)
		return;
	for (; h->shown < sure; h->shown++) {
		run_fill(r, &r->trace.hops[h->shown]);
		output_list_hop(r->out, &r->trace, h->shown, r->with_names);
	}
	fflush(r->out);
}

/* One message.  Returns 1; 0 after the last one; -1. */
static int
host_message(struct host *h)
{
	struct trace *t = &h->run->trace;
	const struct prober_msg *m = &h->msg;

	switch (m->what) {
	case PROBER_BEGIN:
		h->begun = 1;
		host_header(h);
		return (1);
	case PROBER_BACK:
		t->by = (enum trace_by)m->back.by;
		h->turn = m->back.turn;
		h->first = m->back.first;
		if (t->by == TRACE_BY_TURN && !t->hint.known &&
		    t->hint_ttl == 0)
			t->hint_ttl = m->back.turn;
		return (1);
	case PROBER_HERE:
		h->here = m->here;
		return (1);
	case PROBER_HOP:
		if (trace_add(t, &m->hop) == -1)
			return (-1);
		host_mark(h, t->nhops - 1);
		host_list(h, 0);
		return (1);
	default:
		h->ended = 1;
		return (0);
	}
}

/* Whatever there is, in its form.  Returns 0, or -1. */
static int
host_output(struct host *h)
{
	struct run *r = h->run;
	struct trace *t = &r->trace;
	size_t first, i, n;

	host_list(h, 1);
	if ((n = trace_reverse(t, &first)) == 0)
		t->by = TRACE_BY_NOTHING;
	else if (t->by != TRACE_BY_REQUEST)
		t->by = TRACE_BY_TURN;
	if (r->form == RUN_LIST)
		return (0);
	for (i = 0; i < t->nhops; i++)
		run_fill(r, &t->hops[i]);
	align_paths(t, &r->align);
	if (!r->with_names)
		run_unname(t);
	if (r->form == RUN_JSON)
		return (output_json(r->out, t, &r->align));
	if (n != 0)
		return (output_table(r->out, t, &r->align, r->width));
	for (i = 0; i < t->nhops; i++)
		output_list_hop(r->out, t, i, r->with_names);
	return (0);
}

/* Why the host would not send a reverse probe. */
static void
host_refused(const struct host *h)
{
	const struct prober_end *e = &h->msg.end;
	const char *name = h->run->trace.header.name;

	switch (e->status) {
	case AUGSBURG_OK:
	case AUGSBURG_BAD_TTL:
		return;
	case AUGSBURG_BAD_PROTO:
		fprintf(h->run->err,
		    "utrace: %s sends no reverse probes of %s (status 2)\n",
		    name, host_protos[h->conf->proto]);
		return;
	default:
		fprintf(h->run->err,
		    "utrace: %s refuses to send reverse probes (status %u, "
		    "value %#06x)\n",
		    name, e->status, e->value);
		return;
	}
}

static int
host_has_answers(const struct trace *t, size_t first, size_t n)
{
	size_t i;

	for (i = first; i < first + n; i++)
		if (!hop_is_lost(&t->hops[i]))
			return (1);
	return (0);
}

/* How the way back is known, or why not. */
static void
host_says(const struct host *h)
{
	const struct run *r = h->run;
	const struct trace *t = &r->trace;
	const struct prober_end *e = &h->msg.end;
	size_t first, n;

	n = trace_reverse(t, &first);
	host_refused(h);
	if (n != 0) {
		if (r->form != RUN_JSON)
			fprintf(r->out, "the way back by %s, %s\n",
			    t->by == TRACE_BY_REQUEST ? "request for each hop"
						      : "u-turn of the probes",
			    host_protos[h->conf->proto]);
		return;
	}
	if (e->serves == PROBER_SERVES && h->conf->mode != PROBER_TURN) {
		if (e->status <= AUGSBURG_BAD_TTL)
			fprintf(r->err,
			    "utrace: %s serves requests, but none for a hop "
			    "was answered\n",
			    t->header.name);
		return;
	}
	if (!e->reached)
		return;
	fprintf(r->err, "utrace: %s shows no way back: it %s\n", t->header.name,
	    h->conf->mode == PROBER_REQUEST ? "serves no requests"
		: h->conf->mode == PROBER_TURN
		? "does not turn probes round"
		: "neither serves requests nor turns probes round");
}

/* The exit code, and on err what it is about. */
static int
host_result(const struct host *h)
{
	const struct trace *t = &h->run->trace;
	const struct prober_end *e = &h->msg.end;
	FILE *err = h->run->err;

	host_says(h);
	run_names(h->run);
	if (e->spent)
		fprintf(err, "utrace: ended after %d packets\n", TOKENS_MAX);
	if (!host_has_answers(t, 0, t->nhops)) {
		fprintf(err, "utrace: nothing answered%s%s\n",
		    e->error != 0 ? ": sending: " : "",
		    e->error != 0 ? strerror(e->error) : "");
		return (HOST_FAILED);
	}
	if (!e->reached) {
		fprintf(err, "utrace: %s did not answer\n", t->header.name);
		return (HOST_SILENT);
	}
	return (HOST_DONE);
}

int
host_run(struct run *r, const struct prober_conf *conf, const char *name)
{
	static struct host h;
	struct hop_header *to = &r->trace.header;
	int rc;

	memset(&h, 0, sizeof(h));
	h.run = r;
	h.conf = conf;
	trace_init(&r->trace);
	r->trace.by = TRACE_BY_NOTHING;
	r->trace.proto = conf->proto;
	(void)vis_line(to->name, sizeof(to->name), name, strlen(name));
	to->target.known = 1;
	to->target.family = (uint8_t)conf->target.family;
	to->target.addr = conf->target.addr;
	to->max_ttl = conf->max;
	do {
		errno = 0;
		if ((rc = prober_get(r->in, &h.msg)) == 1)
			rc = host_message(&h);
	} while (rc == 1);
	/* It has said why. */
	if (!h.begun)
		return (HOST_FAILED);
	if (!h.ended)
		fprintf(r->err, "utrace: the prober %s\n",
		    rc == 0 ? "ended early" : "does not make sense");
	if (host_output(&h) == -1 || !h.ended)
		return (HOST_FAILED);
	return (host_result(&h));
}
