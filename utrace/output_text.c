/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <inttypes.h>
#include <string.h>

#include "utrace/output.h"

#define CELL_WIDTH  96
#define CELL_LINES  (2 * HOP_PROBES + 1)
#define CELL_NUMBER 4 /* a hop's number, and a blank */
#define CELL_TIME   9 /* a blank, and its time */
#define GAP         3 /* between the cells */

/* One hop in one column. */
struct cell {
	size_t n;
	char lines[CELL_LINES][CELL_WIDTH + 1];
};

struct table {
	FILE *out;
	const struct trace *t;
	int width;   /* of a cell */
	int guessed; /* a time that was not measured was printed */
};

static const struct {
	char sign;
	const char *means;
} table_signs[] = {
	[ALIGN_NONE] = { ' ', "" },
	[ALIGN_NETWORK] = { '.', "the same network" },
	[ALIGN_ENDS] = { '-', "next to the same host" },
	[ALIGN_LINK] = { '~', "two ends of one link" },
	[ALIGN_NAME] = { ':', "the same router's name" },
	[ALIGN_ADDRESS] = { '=', "the same address" },
};

int
output_back_time(const struct trace *t, size_t i, uint32_t *us, int *is_guess)
{
	uint32_t hop, turn;

	*is_guess = 0;
	if (hop_host_rtt(&t->hops[i], us) == 0)
		return (0);
	if (t->turn == -1 || hop_rtt(&t->hops[i], &hop) == -1 ||
	    hop_rtt(&t->hops[t->turn], &turn) == -1)
		return (-1);
	*is_guess = 1;
	*us = hop > turn ? hop - turn : 0;
	return (0);
}

static char *
cell_line(struct cell *c)
{
	if (c->n == CELL_LINES)
		c->n--;
	c->lines[c->n][0] = '\0';
	return (c->lines[c->n++]);
}

static void
cell_time(char *buf, size_t len, uint32_t us, int is_guess)
{
	char ms[16];

	(void)snprintf(ms, sizeof(ms), "%" PRIu32 ".%03u", us / 1000,
	    (unsigned int)(us % 1000));
	/* Eight columns hold hours only without the fraction. */
	if (strlen(ms) > 6)
		(void)snprintf(ms, sizeof(ms), "%" PRIu32, us / 1000);
	(void)snprintf(buf, len, is_guess ? "(%s)" : "%s", ms);
}

/* The first mark of the probes that an answer belongs to, as in "!X". */
static const char *
cell_mark(const struct hop *h, size_t answer)
{
	size_t i;

	for (i = 0; i < h->nprobes; i++)
		if (h->probes[i].answer == (int)answer &&
		    h->probes[i].mark[0] != '\0')
			return (h->probes[i].mark);
	return ("");
}

/* Where an answer came from; its name and network in a line of their own. */
static void
cell_answer(struct cell *c, const struct table *tb, const struct hop *h,
    size_t answer, const char *number, const char *time)
{
	const struct hop_answer *a = &h->answers[answer];
	int room = tb->width - CELL_NUMBER - CELL_TIME;
	char addr[ADDR_TEXT_MAX], text[ADDR_TEXT_MAX + HOP_MARK_MAX], *line;
	char more[HOP_NAME_MAX + 32];
	const char *mark = cell_mark(h, answer);

	if (a->is_hidden)
		(void)snprintf(addr, sizeof(addr), "(not named)");
	else
		(void)addr_format(
		    a->from.family, &a->from.addr, addr, sizeof(addr));
	(void)snprintf(text, sizeof(text), "%s%s%s", addr,
	    mark[0] == '\0' ? "" : " ", mark);
	line = cell_line(c);
	if ((int)strlen(text) <= room)
		(void)snprintf(line, CELL_WIDTH + 1, "%3s %-*s %8s", number,
		    room, text, time);
	else {
		(void)snprintf(line, CELL_WIDTH + 1, "%3s %s", number, text);
		if (time[0] != '\0')
			(void)snprintf(cell_line(c), CELL_WIDTH + 1, "%*s",
			    tb->width, time);
	}
	if (a->is_hidden)
		return;
	more[0] = '\0';
	if (a->asn != 0)
		(void)snprintf(more, sizeof(more), "[AS%" PRIu32 "] ", a->asn);
	(void)snprintf(
	    more + strlen(more), sizeof(more) - strlen(more), "%s", a->name);
	if (more[0] != '\0')
		(void)snprintf(cell_line(c), CELL_WIDTH + 1, "    %.*s",
		    tb->width - CELL_NUMBER, more);
}

static void
cell_hop(struct cell *c, struct table *tb, ssize_t i, int is_back)
{
	const struct hop *h;
	char number[8], time[24] = "";
	uint32_t us;
	int is_guess = 0, rc;
	size_t k;

	c->n = 0;
	if (i == -1)
		return;
	h = &tb->t->hops[i];
	(void)snprintf(number, sizeof(number), "%u", h->ttl);
	if (hop_is_lost(h)) {
		(void)snprintf(cell_line(c), CELL_WIDTH + 1, "%3s *", number);
		return;
	}
	rc = is_back ? output_back_time(tb->t, (size_t)i, &us, &is_guess)
		     : hop_rtt(h, &us);
	if (rc == 0)
		cell_time(time, sizeof(time), us, is_guess);
	tb->guessed |= is_guess;
	for (k = 0; k < h->nanswers; k++)
		cell_answer(
		    c, tb, h, k, k == 0 ? number : "", k == 0 ? time : "");
}

/* Two cells, line by line; no blanks at a line's end. */
static void
table_cells(struct table *tb, const struct cell *left, const char *between,
    const struct cell *right)
{
	char line[2 * CELL_WIDTH + GAP + 1];
	size_t i, n;

	for (i = 0; i < left->n || i < right->n; i++) {
		(void)snprintf(line, sizeof(line), "%-*s%s%s", tb->width,
		    i < left->n ? left->lines[i] : "", i == 0 ? between : "   ",
		    i < right->n ? right->lines[i] : "");
		for (n = strlen(line); n > 0 && line[n - 1] == ' '; n--)
			;
		fprintf(tb->out, "%.*s\n", (int)n, line);
	}
}

/* A line of text in each column. */
static void
table_text(struct table *tb, const char *left, const char *right)
{
	struct cell l, r;

	l.n = r.n = 1;
	(void)snprintf(l.lines[0], sizeof(l.lines[0]), "%s", left);
	(void)snprintf(r.lines[0], sizeof(r.lines[0]), "%s", right);
	table_cells(tb, &l, "   ", &r);
}

/* An address must never be cut: then the table rather outgrows its width. */
static int
table_width(const struct trace *t, int width)
{
	char text[ADDR_TEXT_MAX];
	int cell = (width - GAP) / 2, need;
	size_t i, k;

	for (i = 0; i < t->nhops; i++)
		for (k = 0; k < t->hops[i].nanswers; k++) {
			(void)addr_format(t->hops[i].answers[k].from.family,
			    &t->hops[i].answers[k].from.addr, text,
			    sizeof(text));
			need = CELL_NUMBER + (int)strlen(text);
			if (need > cell)
				cell = need;
		}
	return (cell < CELL_WIDTH ? cell : CELL_WIDTH);
}

/* The client's end on top, and the target's at the bottom. */
static void
table_top(struct table *tb)
{
	char text[48];

	table_text(
	    tb, "  v there, ms from here", "  ^ back, ms from the target");
	if (tb->t->end != -1)
		(void)snprintf(text, sizeof(text), "%3u here",
		    tb->t->hops[tb->t->end].ttl);
	else
		(void)snprintf(text, sizeof(text), "    (did not get here)");
	table_text(tb, "    here", text);
}

static void
table_bottom(struct table *tb)
{
	struct cell left, right;

	cell_hop(&left, tb, tb->t->turn, 0);
	if (left.n == 0)
		(void)snprintf(
		    cell_line(&left), CELL_WIDTH + 1, "    (not seen)");
	right.n = 1;
	(void)snprintf(right.lines[0], sizeof(right.lines[0]), "    turn");
	table_cells(tb, &left, " ->", &right);
}

static void
table_legend(struct table *tb, const struct align *a)
{
	size_t first, n, m, i;
	int sign, used;

	n = trace_forward(tb->t, &first);
	m = trace_reverse(tb->t, &first);
	fprintf(tb->out,
	    "\n%zu hop%s there, %zu back; seen on both ways: %zu\n", n,
	    n == 1 ? "" : "s", m, align_same(a));
	for (sign = ALIGN_ADDRESS; sign > ALIGN_NONE; sign--) {
		used = 0;
		for (i = 0; i < a->nrows; i++)
			used |= a->rows[i].sign == (enum align_sign)sign;
		if (used)
			fprintf(tb->out, "  %c   %s\n", table_signs[sign].sign,
			    table_signs[sign].means);
	}
	if (tb->guessed)
		fprintf(
		    tb->out, " ( )  ms from here, less those to the turn\n");
}

int
output_table(FILE *out, const struct trace *t, const struct align *a, int width)
{
	struct cell left, right;
	struct table tb = { out, t, table_width(t, width), 0 };
	char between[GAP + 1] = "   ";
	size_t i;

	table_top(&tb);
	for (i = 0; i < a->nrows; i++) {
		cell_hop(&left, &tb, a->rows[i].forward, 0);
		cell_hop(&right, &tb, a->rows[i].reverse, 1);
		between[1] = table_signs[a->rows[i].sign].sign;
		table_cells(&tb, &left, between, &right);
	}
	table_bottom(&tb);
	table_legend(&tb, a);
	return (0);
}
