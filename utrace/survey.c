/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>
#include <string.h>

#include "utrace/survey.h"

#define TOKENS_FIRST 1
#define TOKENS_COUNT 0xfffe

void
tokens_init(struct tokens *t)
{
	static uint16_t all[TOKENS_COUNT];
	uint16_t v;
	size_t i, k;

	for (i = 0; i < TOKENS_COUNT; i++)
		all[i] = (uint16_t)(TOKENS_FIRST + i);
	for (i = 0; i < TOKENS_MAX; i++) {
		k = i + arc4random_uniform((uint32_t)(TOKENS_COUNT - i));
		v = all[k];
		all[k] = all[i];
		t->v[i] = v;
	}
	t->used = 0;
}

uint16_t
tokens_next(struct tokens *t)
{
	return (t->used == TOKENS_MAX ? 0 : t->v[t->used++]);
}

void
survey_init(struct survey *s, const struct survey_conf *conf, int64_t now)
{
	size_t i, k;

	memset(s, 0, sizeof(*s));
	s->conf = *conf;
	s->ttl = s->next = conf->first;
	s->last = conf->last;
	s->send = now;
	for (i = conf->first; i <= HOP_TTL_MAX; i++) {
		s->hops[i].ttl = (uint16_t)i;
		s->hops[i].nprobes = conf->probes;
		for (k = 0; k < conf->probes; k++)
			s->hops[i].probes[k].answer = -1;
	}
}

int
survey_due(const struct survey *s, int64_t now, uint16_t *ttl)
{
	*ttl = s->ttl;
	return (s->ttl <= s->last && s->out < s->conf.window &&
	    s->n < TOKENS_MAX && now >= s->send);
}

void
survey_sent(struct survey *s, uint16_t token, int64_t now)
{
	struct survey_slot *slot = &s->slots[s->n++];

	slot->token = token;
	slot->ttl = s->ttl;
	slot->probe = s->probe;
	slot->state = SURVEY_SENT;
	slot->sent = now;
	s->out++;
	s->send = now + s->conf.gap_ns;
	if (++s->probe == s->conf.probes) {
		s->probe = 0;
		s->ttl++;
	}
}

/* Who answered: one more, or one of those that are there. */
static int16_t
survey_from(struct hop *h, const struct hop_addr *from, const struct object *o)
{
	struct hop_answer *a;
	uint8_t i;

	for (i = 0; i < h->nanswers; i++) {
		a = &h->answers[i];
		if (hop_addr_equal(&a->from, from) &&
		    a->router.known == o->router.known &&
		    (!a->router.known ||
			hop_addr_equal(&a->router, &o->router))) {
			a->is_signed |= o->is_signed;
			return (i);
		}
	}
	a = &h->answers[h->nanswers];
	a->from = *from;
	a->router = o->router;
	a->is_signed = o->is_signed;
	memcpy(a->extra, o->extra, sizeof(a->extra));
	return (h->nanswers++);
}

/* The packet with this token, which is awaited no longer; or NULL. */
static struct survey_slot *
survey_end(struct survey *s, uint16_t token, enum survey_state state)
{
	struct survey_slot *slot;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->slots[i].token == token)
			break;
	if (i == s->n || s->slots[i].state != SURVEY_SENT)
		return (NULL);
	slot = &s->slots[i];
	slot->state = (uint8_t)state;
	s->out--;
	s->done[slot->ttl]++;
	return (slot);
}

uint16_t
survey_refuse(struct survey *s, uint16_t token)
{
	struct survey_slot *slot = survey_end(s, token, SURVEY_LOST);

	return (slot == NULL ? 0 : slot->ttl);
}

uint16_t
survey_answer(struct survey *s, uint16_t token, int64_t now,
    const struct hop_addr *from, const struct object *o, const char *mark)
{
	static const struct object nothing;
	struct survey_slot *slot;
	struct hop_probe *p;
	int64_t us;

	if ((slot = survey_end(s, token, SURVEY_ANSWERED)) == NULL)
		return (0);
	if (o == NULL)
		o = &nothing;
	p = &s->hops[slot->ttl].probes[slot->probe];
	p->answer = survey_from(&s->hops[slot->ttl], from, o);
	us = (now - slot->sent) / 1000;
	p->rtt_us = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
	p->has_host = o->has_time;
	p->host_us = o->time_us;
	(void)strlcpy(p->mark, mark, sizeof(p->mark));
	return (slot->ttl);
}

void
survey_expire(struct survey *s, int64_t now)
{
	struct survey_slot *slot;
	size_t i;

	for (i = 0; i < s->n; i++) {
		slot = &s->slots[i];
		if (slot->state != SURVEY_SENT ||
		    now - slot->sent < s->conf.wait_ns)
			continue;
		slot->state = SURVEY_LOST;
		s->out--;
		s->done[slot->ttl]++;
	}
}

int64_t
survey_deadline(const struct survey *s)
{
	int64_t at, least = INT64_MAX;
	size_t i;

	if (s->ttl <= s->last && s->out < s->conf.window && s->n < TOKENS_MAX)
		least = s->send;
	for (i = 0; i < s->n; i++) {
		at = s->slots[i].sent + s->conf.wait_ns;
		if (s->slots[i].state == SURVEY_SENT && at < least)
			least = at;
	}
	return (least);
}

void
survey_cut(struct survey *s, uint16_t last)
{
	if (last < s->last)
		s->last = last;
}

void
survey_extend(struct survey *s, unsigned int last)
{
	s->last = (uint16_t)(last > HOP_TTL_MAX ? HOP_TTL_MAX : last);
}

struct hop *
survey_hop(struct survey *s)
{
	if (s->next > s->last || s->done[s->next] < s->conf.probes)
		return (NULL);
	return (&s->hops[s->next++]);
}

int
survey_over(const struct survey *s)
{
	uint16_t i;

	for (i = s->conf.first; i <= s->last; i++)
		if (s->done[i] < s->conf.probes)
			return (0);
	return (1);
}
