/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <inttypes.h>

#include "utrace/output.h"

/* The list form: one hop a line. */

const char *
output_list_mark(const struct trace *t, size_t i)
{
	if (t->turn == (ssize_t)i)
		return ("  <- turn");
	if (t->end == (ssize_t)i)
		return ("  <- end");
	return ("");
}

static void
list_ms(FILE *out, uint32_t us)
{
	fprintf(out, "%" PRIu32 ".%03u", us / 1000, (unsigned int)(us % 1000));
}

static void
list_answer(FILE *out, const struct hop_answer *a, int names)
{
	char text[ADDR_TEXT_MAX];

	if (a->is_hidden) {
		fprintf(out, "  (not named)");
		return;
	}
	(void)addr_format(a->from.family, &a->from.addr, text, sizeof(text));
	if (names && a->name[0] != '\0')
		fprintf(out, "  %s (%s)", a->name, text);
	else
		fprintf(out, "  %s", text);
	if (a->asn != 0)
		fprintf(out, " [AS%" PRIu32 "]", a->asn);
	if (a->extra[0] != '\0')
		fprintf(out, " <%s>", a->extra);
}

/* What the host measured, in the order of the probes. */
static void
list_host(FILE *out, const struct hop *h)
{
	const char *before = "  (from the target ";
	size_t i;

	for (i = 0; i < h->nprobes; i++) {
		if (h->probes[i].answer == -1 || !h->probes[i].has_host)
			continue;
		fprintf(out, "%s", before);
		list_ms(out, h->probes[i].host_us);
		before = " ";
	}
	if (before[1] == '\0')
		fprintf(out, " ms)");
}

void
output_list_hop(FILE *out, const struct trace *t, size_t i, int names)
{
	const struct hop *h = &t->hops[i];
	const struct hop_probe *p;
	int last = -1;
	size_t k;

	fprintf(out, "%2u", h->ttl);
	for (k = 0; k < h->nprobes; k++) {
		p = &h->probes[k];
		if (p->answer == -1) {
			fprintf(out, k == 0 ? "  *" : " *");
			continue;
		}
		if (p->answer != last)
			list_answer(out, &h->answers[p->answer], names);
		last = p->answer;
		fprintf(out, "  ");
		list_ms(out, p->rtt_us);
		fprintf(out, " ms");
		if (p->mark[0] != '\0')
			fprintf(out, " %s", p->mark);
	}
	list_host(out, h);
	fprintf(out, "%s\n", output_list_mark(t, i));
}
