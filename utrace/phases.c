/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * A trace in phases: does the host serve requests; how far is it; the way
 * there, or both ways by u-turn; the way back by requests.
 */

#include <string.h>

#include "common/loop.h"
#include "common/wire.h"
#include "utrace/phases.h"

/* Tests of whether the host serves requests, and the pause between them. */
#define PHASES_TESTS        3
#define PHASES_TESTS_GAP_MS 250
/* Packets that find the distance: so many a hop, so many at a time. */
#define PHASES_DISTANCE        2
#define PHASES_DISTANCE_WINDOW 6

void
phases_addr(const struct prober *p, const struct addr *a, struct hop_addr *h)
{
	memset(h, 0, sizeof(*h));
	h->known = 1;
	h->family = (uint8_t)p->flow.family;
	h->addr = *a;
}

void
phases_conf(const struct prober *p, struct phase *ph, uint16_t last)
{
	memset(ph, 0, sizeof(*ph));
	ph->conf.first = 1;
	ph->conf.last = last;
	ph->conf.probes = p->conf->probes;
	ph->conf.window = PROBER_WINDOW;
	ph->conf.gap_ns = PROBER_GAP_MS * NS_PER_MS;
	ph->conf.wait_ns = p->conf->wait_ns;
}

/* Puts an answer into the survey.  Returns its hop, or 0. */
uint16_t
phases_put(struct prober *p, const struct answer *a, int64_t now)
{
	struct hop_addr from;

	phases_addr(p, &a->from, &from);
	return (survey_answer(&p->survey, a->token, now, &from, &a->object,
	    a->kind == ANSWER_UNREACH ? answer_mark(p->flow.family, a->code)
				      : ""));
}

static int
phases_nothing(struct prober *p)
{
	(void)p;
	return (0);
}

/* The first phase: one answer is enough. */
static void
phases_test_answer(struct prober *p, const struct answer *a, int64_t now)
{
	if (!a->to_request || phases_put(p, a, now) == 0)
		return;
	if (a->kind == ANSWER_REPLY)
		p->end.serves = a->status == AUGSBURG_BAD_TTL ? PROBER_SERVES
							      : PROBER_ECHOES;
	if (a->kind != ANSWER_TIMEX)
		survey_cut(&p->survey, 0);
}

static int
phases_test(struct prober *p)
{
	struct phase ph;

	phases_conf(p, &ph, 1);
	ph.sends = PHASE_TESTS;
	ph.ttl = PHASES_TTL;
	ph.conf.probes = PHASES_TESTS;
	ph.conf.gap_ns = PHASES_TESTS_GAP_MS * NS_PER_MS;
	ph.answer = phases_test_answer;
	ph.step = phases_nothing;
	return (prober_phase(p, &ph));
}

/*
 * The second phase: requests that die on their way or get to the host.  No
 * uturnd turns or inflects them, so that this says where the way there ends
 * even if the host answers probes from another address, or not at all.
 */
static void
phases_distance_answer(struct prober *p, const struct answer *a, int64_t now)
{
	uint16_t ttl;

	if (!a->to_request || (ttl = phases_put(p, a, now)) == 0 ||
	    a->kind != ANSWER_REPLY)
		return;
	if (p->distance == 0 || ttl < p->distance)
		p->distance = ttl;
	survey_cut(&p->survey, ttl);
}

static int
phases_distance(struct prober *p)
{
	struct phase ph;

	if (p->end.serves == PROBER_MUTE)
		return (0);
	phases_conf(p, &ph, p->conf->max);
	ph.sends = PHASE_TESTS;
	ph.conf.probes = PHASES_DISTANCE;
	ph.conf.window = PHASES_DISTANCE_WINDOW;
	ph.answer = phases_distance_answer;
	ph.step = phases_nothing;
	return (prober_phase(p, &ph));
}

int
phases_is_host(const struct prober *p, const struct answer *a)
{
	return (addr_equal(&a->from, &p->flow.dst));
}

/* Does somebody answer for the host, or in a router's place for good? */
int
phases_is_final(const struct answer *a)
{
	return (a->kind != ANSWER_TIMEX);
}

int
phases_is_silent(const struct survey *s, uint16_t ttl)
{
	return (s->hops[ttl].nanswers == 0);
}

/* So many silent hops up to this one, all known already. */
uint16_t
phases_silent(const struct survey *s, uint16_t ttl)
{
	uint16_t n = 0;

	while (ttl >= s->conf.first && s->done[ttl] == s->conf.probes &&
	    phases_is_silent(s, ttl)) {
		n++;
		ttl--;
	}
	return (n);
}

/* Too much silence ends a trace, but not before the host. */
void
phases_gap(struct prober *p)
{
	struct survey *s = &p->survey;
	uint16_t ttl;

	for (ttl = s->conf.first; ttl <= s->last; ttl++) {
		if (s->done[ttl] < s->conf.probes)
			return;
		if (ttl > p->distance &&
		    phases_silent(s, ttl) >= PROBER_SILENT) {
			survey_cut(s, ttl);
			return;
		}
	}
}

/* Has this hop an answer of the host's own address? */
static int
phases_is_host_hop(const struct prober *p, uint16_t ttl)
{
	const struct hop *h = &p->survey.hops[ttl];
	uint8_t i;

	for (i = 0; i < h->nanswers; i++)
		if (addr_equal(&h->answers[i].from.addr, &p->flow.dst))
			return (1);
	return (0);
}

/*
 * Do packets of this flow take a way that is one hop longer than that of
 * requests?  Then the host answers for good right behind where it should be.
 * So does a host without a router between if it has turned a probe.
 */
int
phases_is_longer(const struct prober *p)
{
	return (p->distance > 1 && p->final == p->distance + 1);
}

/* The way there, where the way back is asked for by requests. */
static void
phases_forward_answer(struct prober *p, const struct answer *a, int64_t now)
{
	uint16_t ttl;

	if (a->to_request || (ttl = phases_put(p, a, now)) == 0)
		return;
	if (a->object.is_signed) {
		/* A uturnd host has turned it: the host is before. */
		p->end.reached = 1;
		survey_cut(&p->survey, (uint16_t)(ttl - 1));
		return;
	}
	if (phases_is_host(p, a)) {
		p->end.reached = 1;
		if (phases_is_final(a) && (p->final == 0 || ttl < p->final))
			p->final = ttl;
	} else if (!phases_is_final(a))
		return;
	survey_cut(&p->survey, ttl);
}

static int
phases_forward_step(struct prober *p)
{
	struct hop *h;

	phases_gap(p);
	/* The last two wait: the host is one of them. */
	while (p->survey.next < p->distance &&
	    (h = survey_hop(&p->survey)) != NULL)
		if (prober_send_hop(p, h, h->ttl) == -1)
			return (-1);
	return (0);
}

/*
 * The host is the last hop that counts.  Where a uturnd host inflects from
 * another address or in silence, nothing shows it but the distance; the hop
 * behind it was asked in case that packets of this flow take a longer way.
 */
static uint16_t
phases_forward_end(const struct prober *p)
{
	const struct survey *s = &p->survey;

	if (p->distance == 0 || s->last <= p->distance)
		return (s->last);
	return (phases_is_longer(p) ? s->last : p->distance);
}

/* Sends the rest of the hops up to the last, whose number is returned. */
static int
phases_forward(struct prober *p, uint16_t *last)
{
	struct phase ph;
	struct hop *h;
	uint16_t turn;

	phases_conf(p, &ph,
	    p->distance != 0 ? (uint16_t)(p->distance + 1) : p->conf->max);
	if (ph.conf.last > HOP_TTL_MAX)
		ph.conf.last = HOP_TTL_MAX;
	ph.conf.first = p->conf->first;
	if (ph.conf.first > ph.conf.last)
		ph.conf.first = ph.conf.last;
	ph.sends = PHASE_PROBES;
	ph.answer = phases_forward_answer;
	ph.step = phases_forward_step;
	if (prober_phase(p, &ph) == -1)
		return (-1);
	*last = phases_forward_end(p);
	/* What was sent was certain: no hop is taken back. */
	if (*last + 1 < p->survey.next)
		*last = (uint16_t)(p->survey.next - 1);
	turn = phases_is_host_hop(p, *last) ||
		(p->distance != 0 && *last >= p->distance)
	    ? *last
	    : 0;
	if (p->end.serves == PROBER_SERVES &&
	    prober_send_back(
		p, turn, (uint16_t)(*last + 1), TRACE_BY_REQUEST) == -1)
		return (-1);
	survey_cut(&p->survey, *last);
	while ((h = survey_hop(&p->survey)) != NULL)
		if (prober_send_hop(p, h, h->ttl) == -1)
			return (-1);
	return (0);
}

int
phases_run(struct prober *p)
{
	enum prober_mode mode = p->conf->mode;
	uint16_t last;

	if (phases_test(p) == -1 || phases_distance(p) == -1)
		return (-1);
	if (mode == PROBER_TURN ||
	    (mode == PROBER_AUTO && p->end.serves != PROBER_SERVES))
		return (phases_turn(p, p->conf->first));
	if (phases_forward(p, &last) == -1)
		return (-1);
	if (p->end.serves != PROBER_SERVES)
		return (0);
	p->end.reached = 1;
	if (phases_reverse(p, last) == -1)
		return (-1);
	if (p->end.learnt || last != p->distance || p->final == last)
		return (0);
	/* The trace goes on where it ended: the host inflects probes. */
	if (prober_send_back(p, last, (uint16_t)(last + 1), TRACE_BY_TURN) ==
	    -1)
		return (-1);
	return (phases_turn(p, (uint16_t)(last + 1)));
}
