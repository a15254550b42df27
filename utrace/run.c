/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "utrace/run.h"

/*
 * Each line is kept as a byte that says which hop it is, its text and a NUL.
 * The list form prints a line as soon as it is certain on which way it lies;
 * the other forms print a trace when it is over.
 */
#define RUN_NO_HOP 0 /* not a hop's line */
#define RUN_MORE   1 /* more answers of the hop before */
#define RUN_HOP    2 /* the next hop */

static int
run_grow(struct run *r, size_t more)
{
	size_t size = r->size == 0 ? 65536 : r->size;
	char *p;

	while (size - r->len < more) {
		if (size > SIZE_MAX / 2)
			return (-1);
		size *= 2;
	}
	if (size == r->size)
		return (0);
	if ((p = realloc(r->text, size)) == NULL)
		return (-1);
	r->text = p;
	r->size = size;
	return (0);
}

/* A piece of text is added to the line that is being read. */
static int
run_piece(struct run *r, const char *text)
{
	size_t n = strlen(text);

	/* Also room for the first byte and the last. */
	if (run_grow(r, n + 2) == -1) {
		fprintf(r->err, "utrace: %s\n", strerror(errno));
		return (-1);
	}
	if (r->len == r->line)
		r->text[r->len++] = RUN_NO_HOP;
	memcpy(r->text + r->len, text, n);
	r->len += n;
	return (0);
}

static void
run_line_end(struct run *r, char kind)
{
	r->text[r->line] = kind;
	r->text[r->len++] = '\0';
	r->line = r->len;
}

/* What the table and the DNS say of a hop. */
void
run_fill(struct run *r, struct hop *h)
{
	struct names_reply reply;
	struct hop_answer *a;
	uint32_t want;
	size_t i;

	for (i = 0; i < h->nanswers; i++) {
		a = &h->answers[i];
		if (a->is_hidden)
			continue;
		if (a->asn == 0)
			a->asn = astable_find(r->astable, &a->from);
		want = r->want;
		if (a->resolved || a->name[0] != '\0')
			want &= ~(uint32_t)NAMES_NAME;
		if (a->asn != 0)
			want &= ~(uint32_t)NAMES_ASN;
		if (want == 0)
			continue;
		names_ask(r->names, &a->from, want, &reply);
		if (want & NAMES_ASN)
			a->asn = reply.asn;
		if (want & NAMES_NAME)
			memcpy(a->name, reply.name, sizeof(a->name));
	}
}

/*
 * List form: a line, the i-th hop's or one behind it.  On the way there nothing
 * is to be decoded: the client's own line stands.  What goes on with a hop
 * that is printed in the same go is in there already (is_fresh).
 */
static void
run_list_line(struct run *r, const char *line, size_t i, int is_fresh)
{
	const struct trace *t = &r->trace;
	int is_back;

	is_back = line[0] != RUN_NO_HOP && t->back != -1 &&
	    i >= (size_t)t->back && (ssize_t)i != t->end;
	if (is_back && line[0] == RUN_HOP) {
		run_fill(r, &r->trace.hops[i]);
		output_list_hop(r->out, t, i, r->with_names);
	} else if (!is_back || !is_fresh)
		fprintf(r->out, "%s%s\n", line + 1,
		    line[0] == RUN_HOP ? output_list_mark(t, i) : "");
}

/* List form: prints all lines before the sure-th hop's. */
static void
run_list(struct run *r, size_t sure)
{
	const char *line;
	size_t at = 0, n = 0;
	int is_fresh = 0;

	while (at < r->line) {
		line = r->text + at;
		if (line[0] == RUN_HOP) {
			if (n == sure)
				break;
			n++;
			is_fresh = at >= r->printed;
		}
		if (at >= r->printed)
			run_list_line(r, line, n == 0 ? 0 : n - 1, is_fresh);
		at += strlen(line + 1) + 2;
	}
	r->printed = at;
	fflush(r->out);
}

/* The lines as they came; or only those that are no hops. */
static void
run_lines(struct run *r, int all)
{
	size_t at;

	for (at = 0; at < r->line; at += strlen(r->text + at + 1) + 2)
		if (all || r->text[at] == RUN_NO_HOP)
			fprintf(r->out, "%s\n", r->text + at + 1);
}

/* Names that the client printed, and nobody wants to see. */
void
run_unname(struct trace *t)
{
	size_t i, k;

	for (i = 0; i < t->nhops; i++)
		for (k = 0; k < t->hops[i].nanswers; k++)
			t->hops[i].answers[k].name[0] = '\0';
}

/* A trace is over: prints it, or what is left of it. */
static int
run_finish(struct run *r)
{
	struct trace *t = &r->trace;
	size_t i;
	int rc = 0;

	(void)trace_cut(t, 1);
	r->nhops += t->nhops;
	if (t->nhops != 0)
		(void)strlcpy(r->host, t->header.name, sizeof(r->host));
	r->nturns += t->back != -1;
	if (r->form == RUN_LIST)
		run_list(r, t->nhops);
	else if (r->form == RUN_TABLE && t->back == -1)
		run_lines(r, 1);
	else if (r->form == RUN_TABLE || t->nhops != 0) {
		for (i = 0; i < t->nhops; i++)
			run_fill(r, &t->hops[i]);
		/* Names are a sign all the same. */
		align_paths(t, &r->align);
		if (!r->with_names)
			run_unname(t);
		if (r->form == RUN_JSON)
			rc = output_json(r->out, t, &r->align);
		else {
			run_lines(r, 0);
			rc = output_table(r->out, t, &r->align, r->width);
		}
	}
	fflush(r->out);
	trace_init(t);
	r->line = r->len = r->printed = 0;
	return (rc);
}

/* The trace before ends where a line of another one is read. */
static int
run_next_trace(struct run *r)
{
	size_t line = r->line, n = r->len - r->line;
	int rc;

	rc = run_finish(r);
	memmove(r->text, r->text + line, n);
	r->len = n;
	return (rc);
}

static int
run_hop(struct run *r)
{
	const struct hop *h = &r->msg.hop;
	struct trace *t = &r->trace;
	char kind = h->ttl == 0 ? RUN_MORE : RUN_HOP;

	if (trace_add(t, h) == -1) {
		if (kind == RUN_MORE) {
			run_line_end(r, RUN_NO_HOP);
			return (0);
		}
		if (run_next_trace(r) == -1)
			return (-1);
		(void)trace_add(t, h);
	}
	run_line_end(r, kind);
	if (r->form == RUN_LIST)
		run_list(r, trace_cut(t, 0));
	return (0);
}

/* One message.  Returns 1; 0 after the last one; -1. */
static int
run_message(struct run *r)
{
	const struct reader_msg *m = &r->msg;
	int rc = 0;

	switch (m->what) {
	case READER_CUT:
		fprintf(r->err,
		    "utrace: input of more than %d bytes: the rest is left "
		    "out\n",
		    READER_INPUT_MAX);
		return (1);
	case READER_END:
		return (0);
	default:
		break;
	}
	if (run_piece(r, m->text) == -1)
		return (-1);
	switch (m->what) {
	case READER_HEADER:
		if (r->trace.nhops != 0)
			rc = run_next_trace(r);
		r->trace.header = m->header;
		run_line_end(r, RUN_NO_HOP);
		break;
	case READER_HOP:
		return (run_hop(r) == -1 ? -1 : 1);
	case READER_OTHER:
		run_line_end(r, RUN_NO_HOP);
		break;
	default:
		return (1);
	}
	if (r->form == RUN_LIST)
		run_list(r, trace_cut(&r->trace, 0));
	return (rc == -1 ? -1 : 1);
}

void
run_names(const struct run *r)
{
	if (r->names->gave_up)
		fprintf(r->err, "utrace: %s: some names are left out\n",
		    r->names->gave_up == NAMES_SLOW ? "the DNS is slow"
						    : "the resolver failed");
}

int
run_decode(struct run *r)
{
	int rc;

	trace_init(&r->trace);
	for (;;) {
		errno = 0;
		if ((rc = reader_get(r->in, &r->msg)) != 1) {
			fprintf(r->err, "utrace: the reader %s\n",
			    rc == 0 ? "ended early" : "does not make sense");
			break;
		}
		if ((rc = run_message(r)) != 1)
			break;
	}
	if (rc == 0 && r->msg.what != READER_END)
		rc = -1;
	if (run_finish(r) == -1 || rc == -1)
		rc = -1;
	free(r->text);
	r->text = NULL;
	if (rc == -1)
		return (-1);
	run_names(r);
	if (r->nhops == 0) {
		fprintf(r->err, "utrace: no line was one of traceroute's\n");
		return (-1);
	}
	if (r->nturns == 0)
		fprintf(r->err,
		    "utrace: no inflection seen: does %s run uturnd?\n",
		    r->host[0] != '\0' ? r->host : "the target");
	return (0);
}
