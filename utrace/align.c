/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "utrace/align.h"

/* More hops than this on one way are not lined up. */
#define ALIGN_HOPS 128

/* 128 pairs of the same network weigh less than one of anything better. */
static const unsigned int align_weights[] = {
	[ALIGN_NONE] = 0,
	[ALIGN_NETWORK] = 1,
	[ALIGN_ENDS] = 200,
	[ALIGN_LINK] = 2000,
	[ALIGN_NAME] = 2500,
	[ALIGN_ADDRESS] = 3000,
};

/* The two ways: there from the client on, back from the client, too. */
struct align_ways {
	const struct trace *t;
	size_t forward; /* index of the first hop, and how many */
	size_t n;
	size_t reverse;
	size_t m;
};

const char *
align_sign_name(enum align_sign sign)
{
	static const char *const names[] = {
		[ALIGN_NONE] = "none",
		[ALIGN_NETWORK] = "network",
		[ALIGN_ENDS] = "ends",
		[ALIGN_LINK] = "link",
		[ALIGN_NAME] = "name",
		[ALIGN_ADDRESS] = "address",
	};

	return (names[sign]);
}

int
align_is_link(const struct hop_addr *a, const struct hop_addr *b)
{
	unsigned int bits, x, y;
	size_t last;

	if (!a->known || !b->known || a->family != b->family ||
	    hop_addr_equal(a, b))
		return (0);
	bits = addr_bits(a->family);
	last = addr_len(a->family) - 1;
	if (addr_in_prefix(a->family, &a->addr, &b->addr, bits - 1))
		return (1);
	x = a->addr.b[last] & 3;
	y = b->addr.b[last] & 3;
	if (addr_in_prefix(a->family, &a->addr, &b->addr, bits - 2) &&
	    x + y == 3 && x != 0 && y != 0)
		return (1);
	return (a->family == FAMILY_V6 &&
	    addr_in_prefix(FAMILY_V6, &a->addr, &b->addr, 64));
}

/* The name behind a first label that is an interface's; or the whole name. */
static const char *
align_router_name(const char *name)
{
	static const char *const kinds[] = { "ae", "be", "bundle", "et", "eth",
		"fa", "fe", "fo", "ge", "gi", "hu", "irb", "lag", "lo", "po",
		"so", "te", "ten", "vl", "vlan", "xe" };
	size_t i, n;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		n = strlen(kinds[i]);
		if (strncasecmp(name, kinds[i], n) != 0 ||
		    (!isdigit((unsigned char)name[n]) && name[n] != '-'))
			continue;
		n += strcspn(name + n, ".");
		/* Of "ge1.example" nothing is left that names a router. */
		if (name[n] == '.' && strchr(name + n + 1, '.') != NULL)
			return (name + n + 1);
	}
	return (name);
}

int
align_is_name(const char *a, const char *b)
{
	if (a[0] == '\0' || b[0] == '\0')
		return (0);
	return (strcasecmp(align_router_name(a), align_router_name(b)) == 0);
}

/* Forward hop i, 0 next to the client; n is the inflection. */
static const struct hop *
align_forward(const struct align_ways *w, size_t i)
{
	return (&w->t->hops[w->forward + i]);
}

/* Reverse hop j, 0 next to the client. */
static const struct hop *
align_reverse(const struct align_ways *w, size_t j)
{
	return (&w->t->hops[w->reverse + w->m - 1 - j]);
}

static int
align_hops_link(const struct hop *a, const struct hop *b)
{
	size_t i, j;

	for (i = 0; i < a->nanswers; i++)
		for (j = 0; j < b->nanswers; j++)
			if (!b->answers[j].is_hidden &&
			    align_is_link(
				&a->answers[i].from, &b->answers[j].from))
				return (1);
	return (0);
}

/* What two answers alone say. */
static enum align_sign
align_answers(const struct hop_answer *a, const struct hop_answer *b)
{
	if (b->is_hidden)
		return (ALIGN_NONE);
	if (hop_addr_equal(&a->from, &b->from))
		return (ALIGN_ADDRESS);
	if (align_is_name(a->name, b->name))
		return (ALIGN_NAME);
	if (a->asn != 0 && a->asn == b->asn)
		return (ALIGN_NETWORK);
	return (ALIGN_NONE);
}

/* Next to the client or next to the target on both ways? */
static int
align_is_end(const struct align_ways *w, size_t i, size_t j)
{
	const struct hop *f = align_forward(w, i), *r = align_reverse(w, j);
	const struct hop_answer *a, *b;
	int client, target;

	client = i == 0 && j == 0 && f->ttl == 1 && w->t->end != -1;
	target = i == w->n - 1 && j == w->m - 1 && w->t->turn != -1;
	if ((!client && !target) || hop_is_lost(f) || hop_is_lost(r))
		return (0);
	a = &f->answers[0];
	b = &r->answers[0];
	return (!b->is_hidden && (a->asn == 0 || b->asn == 0));
}

static enum align_sign
align_evidence(const struct align_ways *w, size_t i, size_t j)
{
	const struct hop *f = align_forward(w, i), *r = align_reverse(w, j);
	enum align_sign sign, best = ALIGN_NONE;
	size_t x, y;

	for (x = 0; x < f->nanswers; x++)
		for (y = 0; y < r->nanswers; y++) {
			sign = align_answers(&f->answers[x], &r->answers[y]);
			if (sign > best)
				best = sign;
		}
	if (best > ALIGN_LINK)
		return (best);
	/* The link towards the target, or the one towards the client. */
	if ((i + 1 < w->n || w->t->turn != -1) &&
	    align_hops_link(align_forward(w, i + 1), r))
		return (ALIGN_LINK);
	if (j > 0 && align_hops_link(f, align_reverse(w, j - 1)))
		return (ALIGN_LINK);
	if (align_is_end(w, i, j))
		return (ALIGN_ENDS);
	return (best);
}

static void
align_row(
    struct align *a, ssize_t forward, ssize_t reverse, enum align_sign sign)
{
	struct align_row *r;

	if (a->nrows == ALIGN_ROWS)
		return;
	r = &a->rows[a->nrows++];
	r->forward = forward;
	r->reverse = reverse;
	r->sign = sign;
}

/*
 * The best alignment of what is left, from each pair of places on: the
 * textbook's longest common subsequence, with weights for lengths.
 */
void
align_paths(const struct trace *t, struct align *a)
{
	static unsigned int best[ALIGN_HOPS + 1][ALIGN_HOPS + 1];
	static unsigned char signs[ALIGN_HOPS][ALIGN_HOPS];
	struct align_ways w;
	unsigned int with;
	size_t i, j;

	a->nrows = 0;
	w.t = t;
	w.n = trace_forward(t, &w.forward);
	w.m = trace_reverse(t, &w.reverse);
	if (w.n > ALIGN_HOPS)
		w.n = ALIGN_HOPS;
	if (w.m > ALIGN_HOPS)
		w.m = ALIGN_HOPS;
	for (i = 0; i <= w.n; i++)
		best[i][w.m] = 0;
	for (j = 0; j <= w.m; j++)
		best[w.n][j] = 0;
	for (i = w.n; i-- > 0;)
		for (j = w.m; j-- > 0;) {
			signs[i][j] = (unsigned char)align_evidence(&w, i, j);
			with = best[i + 1][j + 1] + align_weights[signs[i][j]];
			best[i][j] = best[i + 1][j] > best[i][j + 1]
			    ? best[i + 1][j]
			    : best[i][j + 1];
			if (signs[i][j] != ALIGN_NONE && with > best[i][j])
				best[i][j] = with;
		}
	i = j = 0;
	while (i < w.n || j < w.m) {
		if (i < w.n && j < w.m && signs[i][j] != ALIGN_NONE &&
		    best[i][j] ==
			best[i + 1][j + 1] + align_weights[signs[i][j]]) {
			align_row(a, (ssize_t)(w.forward + i),
			    (ssize_t)(w.reverse + w.m - 1 - j), signs[i][j]);
			i++;
			j++;
		} else if (j == w.m ||
		    (i < w.n && best[i][j] == best[i + 1][j])) {
			align_row(a, (ssize_t)(w.forward + i), -1, ALIGN_NONE);
			i++;
		} else {
			align_row(a, -1, (ssize_t)(w.reverse + w.m - 1 - j),
			    ALIGN_NONE);
			j++;
		}
	}
}

size_t
align_same(const struct align *a)
{
	size_t i, n = 0;

	for (i = 0; i < a->nrows; i++)
		if (a->rows[i].sign >= ALIGN_LINK)
			n++;
	return (n);
}
