/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The phases that find the way back: by requests, by u-turn. */

#include <string.h>

#include "common/wire.h"
#include "utrace/phases.h"

/* Reverse hops: silent ones in a row, equal ones in a row, and it ends. */
#define PHASES_RUN 3

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

/* Has anybody answered? */
static int
phases_is_mute(const struct survey *s)
{
	uint16_t ttl;

	for (ttl = s->conf.first; ttl <= s->last; ttl++)
		if (!phases_is_silent(s, ttl))
			return (0);
	return (1);
}

int
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
	if (phases_is_mute(&p->survey) && p->conf->mode == PROBER_AUTO)
		return (0);
	p->end.learnt = 1;
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
	if (phases_is_host(p, a) || a->object.is_signed) {
		p->end.reached = 1;
		/* As many hops back as there. */
		if (!phases_is_final(a) && p->survey.last == p->conf->max)
			survey_extend(
			    &p->survey, (unsigned int)ttl + p->conf->max);
	}
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

int
phases_turn(struct prober *p, uint16_t first)
{
	struct phase ph;
	unsigned int last = (unsigned int)p->distance + p->conf->max;

	if (first > HOP_TTL_MAX)
		return (0);
	phases_conf(
	    p, &ph, (uint16_t)(last > HOP_TTL_MAX ? HOP_TTL_MAX : last));
	ph.conf.first = first;
	ph.sends = PHASE_PROBES;
	ph.answer = phases_turn_answer;
	ph.step = phases_turn_step;
	return (prober_phase(p, &ph));
}
