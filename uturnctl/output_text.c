/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <cap-ng.h>
#include <inttypes.h>
#include <string.h>

#include "uturnctl/output.h"

/* Total, and each protocol of each family. */
#define COLUMNS    (1 + FAMILY_MAX * PROTO_MAX)
#define NAME_WIDTH 16
/* More capabilities than this are shown as the kernel's number. */
#define CAPS_NAMED 2

static const char *const text_columns[COLUMNS] = { "total", "v4 udp", "v4 icmp",
	"v4 tcp", "v6 udp", "v6 icmp", "v6 tcp" };

static int
text_digits(uint64_t v)
{
	int n = 1;

	while (v >= 10) {
		v /= 10;
		n++;
	}
	return (n);
}

static uint64_t
text_cell(const struct stats *s, enum stat_kind kind, int column)
{
	if (column == 0)
		return (output_sum(s, kind, FAMILY_MAX));
	column--;
	return (s->stat[kind][column / PROTO_MAX][column % PROTO_MAX]);
}

static void
text_counters(FILE *out, const struct stats *s)
{
	int width[COLUMNS], c, i, n;

	for (c = 0; c < COLUMNS; c++) {
		width[c] = 8;
		for (i = 0; i < STAT_MAX; i++)
			if ((n = text_digits(text_cell(s, i, c))) > width[c])
				width[c] = n;
	}
	fprintf(out, "%-*s", NAME_WIDTH, "");
	for (c = 0; c < COLUMNS; c++)
		fprintf(out, " %*s", width[c], text_columns[c]);
	fputc('\n', out);
	for (i = 0; i < STAT_MAX; i++) {
		fprintf(out, "%-*s", NAME_WIDTH, stat_name(i));
		for (c = 0; c < COLUMNS; c++)
			fprintf(
			    out, " %*" PRIu64, width[c], text_cell(s, i, c));
		fputc('\n', out);
	}
}

static void
text_tally(FILE *out, const struct stats *s, enum tally t)
{
	fprintf(
	    out, "%-*s %8" PRIu64 "\n", NAME_WIDTH, tally_name(t), s->tally[t]);
}

static void
text_uptime(FILE *out, uint64_t s)
{
	if (s >= 86400)
		fprintf(out, "%" PRIu64 "d ", s / 86400);
	fprintf(out, "%02u:%02u:%02u", (unsigned int)(s / 3600 % 24),
	    (unsigned int)(s / 60 % 60), (unsigned int)(s % 60));
}

static int
text_stats(FILE *out, const struct reply *r)
{
	const struct stats *s = &r->stats;
	int i;

	fprintf(out, "%s, configuration %" PRIu32 ", up ",
	    r->info.paused        ? "paused"
		: r->info.observe ? "observing"
				  : "running",
	    r->info.generation);
	text_uptime(out, r->info.uptime_ns / 1000000000);
	fprintf(out, "\nprobes in flight: %" PRIu64 " of %" PRIu32 "\n\n",
	    s->tally[TALLY_PENDING], r->info.pending_max);
	text_counters(out, s);
	fprintf(out, "\nnot ours, left to the host's kernel:\n");
	for (i = TALLY_REFUSED_FIRST; i <= TALLY_REFUSED_LAST; i++)
		text_tally(out, s, i);
	fprintf(out, "\nothers:\n");
	for (i = TALLY_REFUSED_LAST + 1; i < TALLY_MAX; i++)
		if (i != TALLY_PENDING)
			text_tally(out, s, i);
	return (0);
}

static int
text_config(FILE *out, const struct reply *r)
{
	size_t i;

	for (i = 0; i < r->nlines; i++)
		fprintf(out, "%s\n", r->lines[i].text);
	return (0);
}

/* A set of capabilities: none, the names of a few, or the number. */
static void
text_caps(char *buf, size_t len, uint64_t caps)
{
	const char *name;
	unsigned int i, n = 0;

	(void)snprintf(buf, len, "none");
	for (i = 0; i < 64; i++)
		n += (caps >> i) & 1;
	if (n > CAPS_NAMED) {
		(void)snprintf(buf, len, "%" PRIx64, caps);
		return;
	}
	for (i = 0; i < 64; i++) {
		if (!((caps >> i) & 1))
			continue;
		if ((name = capng_capability_to_name(i)) == NULL) {
			(void)snprintf(buf, len, "%" PRIx64, caps);
			return;
		}
		if (strcmp(buf, "none") == 0)
			buf[0] = '\0';
		else
			strlcat(buf, ",", len);
		strlcat(buf, name, len);
	}
}

static int
text_processes(FILE *out, const struct output_process *p, size_t n)
{
	char eff[64], bnd[64];
	size_t i;

	fprintf(out, "%7s %-15s %-10s %-12s %-12s %5s %7s %8s\n", "PID",
	    "PROCESS", "USER", "CAPEFF", "CAPBND", "NNP", "SECCOMP", "RSS");
	for (i = 0; i < n; i++, p++) {
		fprintf(out, "%7" PRIu32 " %-15s", p->pid, p->name);
		if (p->error != 0) {
			fprintf(out, " %s\n", strerror(p->error));
			continue;
		}
		text_caps(eff, sizeof(eff), p->stat.cap_eff);
		text_caps(bnd, sizeof(bnd), p->stat.cap_bnd);
		fprintf(out,
		    " %-10s %-12s %-12s %5" PRIu32 " %7" PRIu32 " %6" PRIu64
		    "kB\n",
		    p->user, eff, bnd, p->stat.no_new_privs, p->stat.seccomp,
		    p->stat.rss_kb);
	}
	return (0);
}

static int
text_result(FILE *out, FILE *err, const struct reply *r)
{
	size_t i;

	for (i = 0; i < r->nlines; i++)
		fprintf(err, "%s\n", r->lines[i].text);
	if (r->result == RESULT_OK) {
		if (r->text[0] != '\0')
			fprintf(out, "%s\n", r->text);
		return (0);
	}
	fprintf(err, "uturnctl: %s%s%s\n", output_result_name(r->result),
	    r->text[0] != '\0' ? ": " : "", r->text);
	return (0);
}

const struct output output_text = { text_stats, text_config, text_processes,
	text_traces, text_clients, text_denied, text_check, text_event,
	text_result };
