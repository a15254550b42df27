/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What is noted of probes: a trace begins, goes on, and ends. */

#include <string.h>

#include "engine/traces_int.h"

struct msg_event *
traces_event(
    struct traces_events *events, const struct trace *tr, enum event_kind kind)
{
	struct msg_event *ev;

	if (events == NULL || events->n == TRACES_EVENTS_MAX)
		return (NULL);
	ev = &events->ev[events->n++];
	memset(ev, 0, sizeof(*ev));
	ev->kind = kind;
	ev->family = (enum family)tr->key.family;
	ev->proto = (enum proto)tr->key.proto;
	ev->client = tr->key.client;
	ev->listen = tr->key.listen;
	return (ev);
}

/* Begins a run; routers of earlier ones are kept, all else is not. */
static void
traces_begin(struct trace *tr, int64_t now)
{
	struct traces_hop *h, old;
	size_t i;

	for (i = 0; i < MSG_HOPS_MAX; i++) {
		h = &tr->hop[i];
		if (h->turned == 0)
			continue;
		old = *h;
		memset(h, 0, sizeof(*h));
		h->router = old.router;
		h->former = old.now != 0 ? old.now : old.former;
		memcpy(h->seen, old.seen, sizeof(h->seen));
	}
	tr->run++;
	tr->probes = 0;
	tr->said = TRACE_OPEN;
	tr->last = tr->client = tr->silent = 0;
	tr->begun = now;
}

static int
traces_begins(const struct trace *tr, size_t hop, int turned, int64_t now)
{
	if (now - tr->seen > TRACES_SILENCE_NS)
		return (1);
	/* A full counter: the sums must stay true to each other. */
	return (turned && tr->hop[hop].turned == UINT16_MAX);
}

void
traces_skip(struct traces *t, uint32_t slot)
{
	if (t->size > 0)
		t->flight[slot].state = FLIGHT_NONE;
}

void
traces_probe(struct traces *t, uint32_t slot, const struct pending_probe *p,
    int64_t now, struct traces_events *events)
{
	struct traces_flight *f;
	struct traces_key key;
	struct trace *tr;
	size_t hop;
	int fresh, turned;

	if (events != NULL)
		events->n = 0;
	traces_skip(t, slot);
	if (t->max == 0)
		return;
	turned = p->ttl >= 2 && p->ttl <= POLICY_TTL_MAX;
	hop = turned ? (size_t)p->ttl - 2 : 0;
	key.client = p->client;
	key.listen = p->listen;
	key.family = (uint8_t)p->family;
	key.proto = (uint8_t)p->proto;
	tr = traces_take(t, &key, now, &fresh);
	if (fresh || traces_begins(tr, hop, turned, now)) {
		traces_begin(tr, now);
		(void)traces_event(events, tr, EVENT_BEGAN);
	}
	tr->seen = now;
	if (tr->probes < UINT32_MAX)
		tr->probes++;
	if (!turned)
		return;
	tr->hop[hop].turned++;
	f = &t->flight[slot];
	f->trace = (uint32_t)(tr - t->trace);
	f->run = tr->run;
	f->hop = (uint8_t)hop;
	f->state = FLIGHT_TURNED;
}

struct trace *
traces_of(struct traces *t, const struct traces_flight *f)
{
	struct trace *tr;

	if (f->state == FLIGHT_NONE)
		return (NULL);
	tr = &t->trace[f->trace];
	return (tr->used && tr->run == f->run ? tr : NULL);
}

void
traces_end(struct trace *tr, enum trace_end end, uint8_t hop,
    struct traces_events *events)
{
	struct msg_event *ev;

	if (tr->said >= TRACE_ANSWERED && end == TRACE_INFERRED)
		return;
	if (tr->said == end)
		return;
	tr->said = (uint8_t)end;
	ev = traces_event(events, tr, EVENT_ENDED);
	if (ev == NULL)
		return;
	ev->end = end;
	ev->hop = hop;
}

/*
 * Behind the last router silence is taken for the end: the client swallows
 * what looks like an answer of T, and only its own screen shows it.
 */
void
traces_silent(struct traces *t, uint32_t slot, enum msg_expiry expiry,
    struct traces_events *events)
{
	struct traces_flight *f;
	struct msg_event *ev;
	struct trace *tr;
	uint8_t hop;

	if (events != NULL)
		events->n = 0;
	if (t->size == 0)
		return;
	f = &t->flight[slot];
	tr = traces_of(t, f);
	if (tr != NULL && f->state == FLIGHT_TURNED) {
		hop = f->hop + 1;
		tr->hop[f->hop].lost++;
		f->state = FLIGHT_LOST;
		if (hop > tr->last) {
			if (tr->silent == 0 || hop < tr->silent)
				tr->silent = hop;
			traces_end(tr, TRACE_INFERRED, hop, events);
		} else if ((ev = traces_event(events, tr, EVENT_LOST)) != NULL)
			ev->hop = hop;
	}
	if (expiry == EXPIRY_TIMEOUT)
		f->state = FLIGHT_NONE;
}
