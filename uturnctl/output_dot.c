/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Traces as a graph for Graphviz: from the host over the routers to clients. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "uturnctl/output.h"

/* An address may be all of these; the first one decides how it looks. */
enum dot_kind {
	DOT_HOST = 0,
	DOT_CLIENT,
	DOT_ROUTER
};

struct dot_node {
	enum family family;
	struct addr addr;
	enum dot_kind kind;
};

/* One step of one trace. */
struct dot_edge {
	enum family family;
	struct addr from;
	struct addr to;
	uint32_t silent; /* hops between them that nobody answered for */
	enum trace_end
	    end;         /* the last step: how that is known; else ANSWERED */
	uint32_t rtt_us; /* host to `to`, 0: not known */
};

struct dot {
	struct dot_node *node;
	size_t nnodes;
	struct dot_edge *edge;
	size_t nedges;
};

static int
dot_add_node(struct dot *d, enum family family, const struct addr *addr,
    enum dot_kind kind)
{
	struct dot_node *n;

	n = reallocarray(d->node, d->nnodes + 1, sizeof(*n));
	if (n == NULL)
		return (-1);
	d->node = n;
	n += d->nnodes++;
	memset(n, 0, sizeof(*n));
	n->family = family;
	n->addr = *addr;
	n->kind = kind;
	return (0);
}

static int
dot_add_edge(struct dot *d, const struct dot_edge *edge)
{
	struct dot_edge *e;

	e = reallocarray(d->edge, d->nedges + 1, sizeof(*e));
	if (e == NULL)
		return (-1);
	d->edge = e;
	e[d->nedges++] = *edge;
	return (0);
}

/* One step; then *at is where it led.  hops: how many it is long. */
static int
dot_step(
    struct dot *d, struct dot_edge *e, const struct addr *to, unsigned int hops)
{
	e->to = *to;
	e->silent = hops > 0 ? hops - 1 : 0;
	if (dot_add_edge(d, e) == -1)
		return (-1);
	e->from = *to;
	return (0);
}

static int
dot_trace(struct dot *d, const struct reply_trace *t)
{
	const struct msg_trace *head = &t->head;
	const struct msg_hop *h;
	struct dot_edge e;
	unsigned int at = 0;
	size_t i;

	if (dot_add_node(d, head->family, &head->listen, DOT_HOST) == -1 ||
	    dot_add_node(d, head->family, &head->client, DOT_CLIENT) == -1)
		return (-1);
	memset(&e, 0, sizeof(e));
	e.family = head->family;
	e.from = head->listen;
	for (i = 0; i < t->nhops; i++) {
		h = &t->hops[i];
		if (h->answered == 0 || (h->flags & MSG_HOP_CLIENT))
			continue;
		if (dot_add_node(d, h->family, &h->router, DOT_ROUTER) == -1)
			return (-1);
		e.end = TRACE_ANSWERED;
		e.rtt_us = h->rtt_avg_us;
		if (dot_step(d, &e, &h->router, h->hop - at) == -1)
			return (-1);
		at = h->hop;
	}
	e.end = head->end;
	e.rtt_us = 0;
	if (t->nhops > 0 && (t->hops[t->nhops - 1].flags & MSG_HOP_CLIENT))
		e.rtt_us = t->hops[t->nhops - 1].rtt_avg_us;
	return (dot_step(
	    d, &e, &head->client, head->end_hop > at ? head->end_hop - at : 0));
}

static int
dot_node_cmp(const void *a, const void *b)
{
	const struct dot_node *x = a, *y = b;
	int c;

	if (x->family != y->family)
		return (x->family < y->family ? -1 : 1);
	if ((c = memcmp(&x->addr, &y->addr, sizeof(x->addr))) != 0)
		return (c);
	return ((int)x->kind - (int)y->kind);
}

static int
dot_edge_cmp(const void *a, const void *b)
{
	const struct dot_edge *x = a, *y = b;
	int c;

	if (x->family != y->family)
		return (x->family < y->family ? -1 : 1);
	if ((c = memcmp(&x->from, &y->from, sizeof(x->from))) != 0 ||
	    (c = memcmp(&x->to, &y->to, sizeof(x->to))) != 0)
		return (c);
	if (x->silent != y->silent)
		return (x->silent < y->silent ? -1 : 1);
	if (x->end != y->end)
		return (x->end < y->end ? -1 : 1);
	return (x->rtt_us < y->rtt_us ? -1 : x->rtt_us > y->rtt_us);
}

/* A quoted string; the text is printable ASCII already. */
static void
dot_quote(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void
dot_id(FILE *out, enum family family, const struct addr *addr)
{
	char buf[ADDR_TEXT_MAX];

	fprintf(out, "\"%s\"", addr_format(family, addr, buf, sizeof(buf)));
}

static void
dot_write_node(FILE *out, const struct dot_node *n, const struct names *names)
{
	static const char *const looks[] = {
		[DOT_HOST] = "shape=box, style=filled, fillcolor=lightgrey",
		[DOT_CLIENT] = "shape=box, style=rounded",
		[DOT_ROUTER] = "shape=ellipse",
	};
	char buf[ADDR_TEXT_MAX];
	const char *name;

	fputc('\t', out);
	dot_id(out, n->family, &n->addr);
	fprintf(out, " [%s", looks[n->kind]);
	if ((name = names_find(names, n->family, &n->addr)) != NULL) {
		fputs(", label=\"", out);
		dot_quote(out, name);
		fprintf(out, "\\n%s\"",
		    addr_format(n->family, &n->addr, buf, sizeof(buf)));
	}
	fputs("];\n", out);
}

/* n equal steps; the least of their times is shown. */
static void
dot_write_edge(FILE *out, const struct dot_edge *e, size_t n)
{
	static const char *const looks[TRACE_END_LAST] = {
		[TRACE_OPEN] = "dotted",
		[TRACE_ANSWERED] = "solid",
		[TRACE_INFERRED] = "dashed",
	};
	const char *sep = "";

	fputc('\t', out);
	dot_id(out, e->family, &e->from);
	fputs(" -> ", out);
	dot_id(out, e->family, &e->to);
	fprintf(out, " [style=%s, label=\"",
	    e->silent > 0 && e->end == TRACE_ANSWERED ? "dashed"
						      : looks[e->end]);
	if (e->rtt_us > 0) {
		fprintf(out, "%" PRIu32 ".%03" PRIu32 " ms", e->rtt_us / 1000,
		    e->rtt_us % 1000);
		sep = "\\n";
	}
	if (e->silent > 0) {
		fprintf(out, "%s%" PRIu32 " silent", sep, e->silent);
		sep = "\\n";
	}
	if (n > 1)
		fprintf(out, "%s%zu traces", sep, n);
	fputs("\"];\n", out);
}

static void
dot_write(FILE *out, const struct dot *d, const struct names *names)
{
	struct dot_edge same;
	size_t i, n;

	fputs("digraph uturnd {\n\trankdir=LR;\n", out);
	for (i = 0; i < d->nnodes; i++)
		if (i == 0 || d->node[i].family != d->node[i - 1].family ||
		    !addr_equal(&d->node[i].addr, &d->node[i - 1].addr))
			dot_write_node(out, &d->node[i], names);
	for (i = 0; i < d->nedges; i += n) {
		for (n = 1; i + n < d->nedges; n++) {
			same = d->edge[i + n];
			same.rtt_us = d->edge[i].rtt_us;
			if (dot_edge_cmp(&same, &d->edge[i]) != 0)
				break;
		}
		dot_write_edge(out, &d->edge[i], n);
	}
	fputs("}\n", out);
}

int
output_dot(FILE *out, const struct reply *r, const struct names *names)
{
	struct dot d;
	size_t i;
	int rc = 0;

	memset(&d, 0, sizeof(d));
	for (i = 0; i < r->ntraces && rc == 0; i++)
		rc = dot_trace(&d, &r->traces[i]);
	if (rc == 0 && r->ntraces > 0) {
		qsort(d.node, d.nnodes, sizeof(*d.node), dot_node_cmp);
		qsort(d.edge, d.nedges, sizeof(*d.edge), dot_edge_cmp);
	}
	if (rc == 0)
		dot_write(out, &d, names);
	free(d.node);
	free(d.edge);
	return (rc);
}
