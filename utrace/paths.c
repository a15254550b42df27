/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/wire.h"
#include "utrace/paths.h"

void
trace_init(struct trace *t)
{
	memset(&t->header, 0, sizeof(t->header));
	t->nhops = t->npromoted = 0;
	t->turn = t->back = t->end = -1;
	t->prefix = 0;
}

/* More answers of the hop before, in a line of their own. */
static int
trace_more(struct hop *to, const struct hop *h)
{
	size_t i, base = to->nanswers;

	if (base + h->nanswers > HOP_PROBES ||
	    (size_t)to->nprobes + h->nprobes > HOP_PROBES)
		return (-1);
	memcpy(to->answers + base, h->answers,
	    h->nanswers * sizeof(h->answers[0]));
	to->nanswers = (uint8_t)(base + h->nanswers);
	for (i = 0; i < h->nprobes; i++) {
		to->probes[to->nprobes] = h->probes[i];
		if (h->probes[i].answer != -1)
			to->probes[to->nprobes].answer =
			    (int16_t)((int)base + h->probes[i].answer);
		to->nprobes++;
	}
	return (0);
}

int
trace_add(struct trace *t, const struct hop *h)
{
	if (h->ttl == 0)
		return (
		    t->nhops == 0 ? -1 : trace_more(&t->hops[t->nhops - 1], h));
	if (t->nhops == HOP_TTL_MAX ||
	    (t->nhops != 0 && h->ttl <= t->hops[t->nhops - 1].ttl))
		return (-1);
	t->hops[t->nhops++] = *h;
	return (0);
}

/* Is b the n-th address after a, as uturnd's hop prefix gives them out? */
static int
paths_is_nth(const struct hop_addr *a, const struct hop_addr *b, int n)
{
	struct hop_addr nth = *a;
	uint8_t *low;

	if (!a->known)
		return (0);
	low = nth.addr.b + addr_len(a->family) - 4;
	wire_put32(low, wire_get32(low) + (uint32_t)n);
	return (hop_addr_equal(&nth, b));
}

/* Have two hops, b behind a, an address (or, prefix, a source) in common? */
static int
paths_hops_same(const struct hop *a, const struct hop *b, int prefix)
{
	const struct hop_addr *x, *y;
	size_t i, j;

	for (i = 0; i < a->nanswers; i++)
		for (j = 0; j < b->nanswers; j++) {
			x = &a->answers[i].from;
			y = &b->answers[j].from;
			if (hop_addr_equal(x, y) ||
			    (prefix && paths_is_nth(x, y, b->ttl - a->ttl)))
				return (1);
		}
	return (0);
}

static int
paths_is_from(const struct hop *h, const struct hop_addr *a)
{
	size_t i;

	for (i = 0; i < h->nanswers; i++)
		if (hop_addr_equal(&h->answers[i].from, a))
			return (1);
	return (0);
}

/* Does one of its answers name a reverse router, and who says so? */
static int
paths_names_router(const struct trace *t, const struct hop *h)
{
	const struct hop_answer *a;
	size_t i;

	for (i = 0; i < h->nanswers; i++) {
		a = &h->answers[i];
		if (a->router.known &&
		    (a->is_signed ||
			hop_addr_equal(&a->from, &t->header.target) ||
			hop_addr_equal(&a->from, &t->hint)))
			return (1);
	}
	return (0);
}

/*
 * Hop i is a reverse hop, the first that shows: where was the turn?  An equal
 * address is the better sign: in a small network the gateway's address may
 * well lie just as far from the host's as the two hops do.
 */
static void
paths_turn_before(struct trace *t, size_t i)
{
	size_t k;
	int prefix;

	for (prefix = 0; prefix < 2; prefix++)
		for (k = 0; k < i; k++) {
			if (!paths_hops_same(
				&t->hops[k], &t->hops[i], prefix) &&
			    !paths_is_from(&t->hops[k], &t->header.target))
				continue;
			t->turn = (ssize_t)k;
			t->back = t->turn + 1;
			t->prefix = prefix;
			return;
		}
	/* A silent inflection, or one that the client did not ask. */
	t->back = (ssize_t)i;
	if (i > 0 && hop_is_lost(&t->hops[i - 1]))
		t->turn = (ssize_t)i - 1;
}

/*
 * The target, where the client did not say it: whoever answered last, if there
 * are objects, or if it answered just twice.  In a loop of routers it would
 * have answered more often.
 */
static void
paths_guess_target(struct trace *t)
{
	const struct hop *h;
	size_t i, k, n = 0;

	for (i = t->nhops; i > 0 && hop_is_lost(&t->hops[i - 1]); i--)
		;
	if (i == 0)
		return;
	h = &t->hops[i - 1];
	for (k = 0; k < i; k++)
		n += paths_is_from(&t->hops[k], &h->answers[0].from) ? 1 : 0;
	if (!h->answers[0].router.known && (t->back != -1 || n == 2))
		t->header.target = h->answers[0].from;
}

static void
paths_find(struct trace *t)
{
	const struct hop *h;
	size_t i;

	for (i = 0; i < t->nhops; i++) {
		h = &t->hops[i];
		if (paths_names_router(t, h)) {
			paths_turn_before(t, i);
			return;
		}
		/* The last hop may be the end of an ordinary trace. */
		if (i + 1 == t->nhops)
			return;
		if (h->ttl == t->hint_ttl || paths_is_from(h, &t->hint) ||
		    (t->hint_ttl == 0 && !t->hint.known &&
			paths_is_from(h, &t->header.target))) {
			t->turn = (ssize_t)i;
			t->back = t->turn + 1;
			return;
		}
	}
}

/* From here on a reverse hop's answers are its router's. */
static void
paths_promote(const struct trace *t, struct hop *h)
{
	static const struct hop_answer nobody;
	const struct hop_answer *turn = &nobody;
	struct hop_answer *a;
	int n = 0;
	size_t i;

	if (t->turn != -1 && t->hops[t->turn].nanswers != 0) {
		turn = &t->hops[t->turn].answers[0];
		n = h->ttl - t->hops[t->turn].ttl;
	}
	for (i = 0; i < h->nanswers; i++) {
		a = &h->answers[i];
		if (a->router.known) {
			a->from = a->router;
			a->router.known = 0;
			a->name[0] = '\0';
			a->resolved = 0;
			a->asn = 0;
		} else if (hop_addr_equal(&a->from, &t->header.target) ||
		    hop_addr_equal(&a->from, &turn->from) ||
		    (t->prefix && paths_is_nth(&turn->from, &a->from, n)))
			a->is_hidden = 1;
	}
}

/* How many hops come before the last run that may yet turn out to be back. */
static size_t
paths_before_run(const struct trace *t)
{
	const struct hop *h, *last;
	size_t i = t->nhops;

	/* The hop that answered last, and silent ones behind it. */
	while (i > 0 && hop_is_lost(&t->hops[i - 1]))
		i--;
	if (i == 0)
		return (0);
	last = &t->hops[--i];
	/* What answered from the same source, and silent ones before. */
	while (i > 0) {
		h = &t->hops[i - 1];
		if (!hop_is_lost(h) && !paths_hops_same(h, last, 1))
			break;
		i--;
	}
	return (i);
}

size_t
trace_cut(struct trace *t, int over)
{
	struct hop *last;
	size_t i, sure;

	if (t->back == -1)
		paths_find(t);
	if (over && !t->header.target.known) {
		paths_guess_target(t);
		if (t->back == -1)
			paths_find(t);
	}
	if (t->back == -1)
		return (over ? t->nhops : paths_before_run(t));
	sure = t->nhops;
	last = t->nhops == 0 ? NULL : &t->hops[t->nhops - 1];
	/* An answer of the target itself that names nobody: the end? */
	if (last != NULL && t->nhops > (size_t)t->back &&
	    paths_is_from(last, &t->header.target) &&
	    !paths_names_router(t, last)) {
		sure--;
		if (over)
			t->end = (ssize_t)t->nhops - 1;
	}
	/* Each only once: what a router is named must not be read again. */
	i = t->npromoted > (size_t)t->back ? t->npromoted : (size_t)t->back;
	for (; i < sure; i++)
		paths_promote(t, &t->hops[i]);
	t->npromoted = i;
	return (over ? t->nhops : sure);
}

size_t
trace_forward(const struct trace *t, size_t *first)
{
	*first = 0;
	if (t->turn != -1)
		return ((size_t)t->turn);
	return (t->back != -1 ? (size_t)t->back : t->nhops);
}

size_t
trace_reverse(const struct trace *t, size_t *first)
{
	size_t end = t->end != -1 ? (size_t)t->end : t->nhops;

	*first = t->back != -1 ? (size_t)t->back : t->nhops;
	/* Stars behind the last answer say nothing of the way. */
	while (t->end == -1 && end > *first && hop_is_lost(&t->hops[end - 1]))
		end--;
	return (end > *first ? end - *first : 0);
}
