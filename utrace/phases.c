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
#include "utrace/prober.h"

/* Tests of whether the host serves requests, and the pause between them. */
#define PHASES_TESTS        3
#define PHASES_TESTS_GAP_MS 250
/* Packets that find the distance: so many a hop, so many at a time. */
#define PHASES_DISTANCE        2
#define PHASES_DISTANCE_WINDOW 6
/* Where a packet is to reach the host. */
#define PHASES_TTL 64
/* Reverse hops: silent ones in a row, equal ones in a row, and it ends. */
#define PHASES_RUN 3

static void
phases_addr(const struct prober *p, const struct addr *a, struct hop_addr *h)
{
	memset(h, 0, sizeof(*h));
	h->known = 1;
	h->family = (uint8_t)p->flow.family;
	h->addr = *a;
}

static void
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
static uint16_t
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

static int
phases_is_host(const struct prober *p, const struct answer *a)
{
	return (addr_equal(&a->from, &p->flow.dst));
}

/* Does somebody answer for the host, or in a router's place for good? */
static int
phases_is_final(const struct answer *a)
{
	return (a->kind != ANSWER_TIMEX);
}

static int
phases_is_silent(const struct survey *s, uint16_t ttl)
{
	return (s->hops[ttl].nanswers == 0);
}

/* So many silent hops up to this one, all known already. */
static uint16_t
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
static void
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
static int
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

/* The way back, hop by hop as the host says. */
static void
phases_reverse_answer(struct prober *p, const struct answer *a, int64_t now)
{
	struct object o;
	struct hop_addr hop;
	uint16_t ttl;

	if (a->kind != ANSWER_REPLY)
		return;
	if (a->status != AUGSBURG_OK || !a->has_hop) {
		if ((ttl = survey_refuse(&p->survey, a->token)) == 0)
			return;
		p->end.status = a->status;
		p->end.value = a->value;
		/* A TTL too high ends the way; all else holds for every hop. */
		survey_cut(&p->survey,
		    a->status == AUGSBURG_BAD_TTL ? (uint16_t)(ttl - 1) : 0);
		return;
	}
	memset(&o, 0, sizeof(o));
	o.has_time = a->rtt_ns != AUGSBURG_RTT_NONE;
	o.time_us = o.has_time ? a->rtt_ns / 1000 : 0;
	phases_addr(p, &a->hop, &hop);
	ttl = survey_answer(&p->survey, a->token, now, &hop, &o, "");
	if (ttl != 0 && addr_equal(&a->hop, &p->flow.src))
		survey_cut(&p->survey, ttl);
}

/* Is this hop one address, and the same one as the hop before? */
static int
phases_repeats(const struct survey *s, uint16_t ttl)
{
	const struct hop *h = &s->hops[ttl], *before = &s->hops[ttl - 1];

	return (ttl > s->conf.first && h->nanswers == 1 &&
	    before->nanswers == 1 &&
	    hop_addr_equal(&h->answers[0].from, &before->answers[0].from));
}

static int
phases_reverse_step(struct prober *p)
{
	struct survey *s = &p->survey;
	uint16_t ttl, equal = 1;

	for (ttl = s->conf.first; ttl <= s->last; ttl++) {
		if (s->done[ttl] < s->conf.probes)
			break;
		equal = phases_repeats(s, ttl) ? (uint16_t)(equal + 1) : 1;
		if (equal == PHASES_RUN ||
		    phases_silent(s, ttl) == PHASES_RUN) {
			survey_cut(s, ttl);
			break;
		}
	}
	return (0);
}

/* The reverse hop that is ourselves, or whoever stands for us; 0: none. */
static uint16_t
phases_here(const struct prober *p)
{
	const struct survey *s = &p->survey;
	uint16_t ttl = s->last;
	uint8_t i;

	if (ttl < s->conf.first)
		return (0);
	for (i = 0; i < s->hops[ttl].nanswers; i++)
		if (addr_equal(
			&s->hops[ttl].answers[i].from.addr, &p->flow.src))
			return (ttl);
	if (ttl >= PHASES_RUN && phases_repeats(s, ttl) &&
	    phases_repeats(s, (uint16_t)(ttl - 1)))
		return ((uint16_t)(ttl - PHASES_RUN + 1));
	return (0);
}

static int
phases_reverse(struct prober *p, uint16_t last)
{
	struct phase ph;
	struct hop *h;
	uint16_t here, most = (uint16_t)(HOP_TTL_MAX - last);

	phases_conf(p, &ph, p->conf->max < most ? p->conf->max : most);
	ph.sends = PHASE_REQUESTS;
	ph.ttl = PHASES_TTL;
	ph.answer = phases_reverse_answer;
	ph.step = phases_reverse_step;
	if (prober_phase(p, &ph) == -1)
		return (-1);
	if ((here = phases_here(p)) != 0) {
		survey_cut(&p->survey, here);
		if (prober_send_here(p, (uint16_t)(last + here)) == -1)
			return (-1);
	}
	while ((h = survey_hop(&p->survey)) != NULL)
		if (prober_send_hop(p, h, (uint16_t)(last + h->ttl)) == -1)
			return (-1);
	return (0);
}

/* Both ways in one trace, past the inflection. */
static void
phases_turn_answer(struct prober *p, const struct answer *a, int64_t now)
{
	uint16_t ttl;

	if (a->to_request || (ttl = phases_put(p, a, now)) == 0)
		return;
	if (phases_is_host(p, a) || a->object.is_signed)
		p->end.reached = 1;
	if (!phases_is_final(a))
		return;
	if (phases_is_host(p, a) && (p->final == 0 || ttl < p->final))
		p->final = ttl;
	survey_cut(&p->survey, ttl);
}

/* The host is as far away as that: hops beyond have turned round. */
static int
phases_turned(const struct prober *p)
{
	const struct survey *s = &p->survey;
	uint16_t ttl;

	if (phases_is_longer(p))
		return (0);
	for (ttl = (uint16_t)(p->distance + 1); ttl <= s->last; ttl++)
		if (!phases_is_silent(s, ttl))
			return (1);
	return (0);
}

static int
phases_turn_step(struct prober *p)
{
	struct survey *s = &p->survey;
	struct hop *h;
	int over;

	phases_gap(p);
	over = survey_over(s);
	while ((h = survey_hop(s)) != NULL) {
		/* What the host's hop is shows only behind it. */
		if (h->ttl == p->distance) {
			if (!phases_turned(p) && !over) {
				s->next--;
				return (0);
			}
			if (phases_turned(p) &&
			    prober_send_back(p, h->ttl, (uint16_t)(h->ttl + 1),
				TRACE_BY_TURN) == -1)
				return (-1);
		}
		if (prober_send_hop(p, h, h->ttl) == -1)
			return (-1);
	}
	return (0);
}

static int
phases_turn(struct prober *p)
{
	struct phase ph;
	unsigned int last = p->conf->max;

	/* As many hops back as there. */
	last += p->distance != 0 ? p->distance : p->conf->max;
	phases_conf(
	    p, &ph, (uint16_t)(last > HOP_TTL_MAX ? HOP_TTL_MAX : last));
	ph.conf.first = p->conf->first;
	ph.sends = PHASE_PROBES;
	ph.answer = phases_turn_answer;
	ph.step = phases_turn_step;
	return (prober_phase(p, &ph));
}

int
phases_run(struct prober *p)
{
	uint16_t last;

	if (phases_test(p) == -1 || phases_distance(p) == -1)
		return (-1);
	if (p->conf->mode == PROBER_TURN ||
	    (p->conf->mode == PROBER_AUTO && p->end.serves != PROBER_SERVES))
		return (phases_turn(p));
	if (phases_forward(p, &last) == -1)
		return (-1);
	if (p->end.serves != PROBER_SERVES)
		return (0);
	p->end.reached = 1;
	return (phases_reverse(p, last));
}
