/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What is noted of an answer on the way back. */

#include <string.h>

#include "common/wire.h"
#include "engine/ext.h"
#include "engine/traces_int.h"

#define US 1000 /* ns */

/* A label stack entry (RFC 4950). */
#define TRACES_LABEL_LEN 4

/* Where the quoted header has its TTL or hop limit. */
#define TRACES_TTL4 8
#define TRACES_TTL6 7

/* Notes a router's address.  Returns 1 if the former run met others here. */
static int
traces_router(
    const struct traces *t, struct traces_hop *h, const struct addr *router)
{
	uint16_t mark;
	uint8_t bit;
	size_t i, place;
	int first = h->now == 0;

	mark = (uint16_t)traces_hash(t, router->b, sizeof(router->b));
	place = MSG_HOP_ROUTERS;
	for (i = 0; i < MSG_HOP_ROUTERS; i++) {
		bit = (uint8_t)(1U << i);
		if (((h->now | h->former) & bit) != 0 && h->seen[i] == mark) {
			h->now |= bit;
			return (0);
		}
		/* Best a place that nobody has, else one of the former run. */
		if ((h->now & bit) == 0 &&
		    (place == MSG_HOP_ROUTERS || (h->former & bit) == 0))
			place = i;
	}
	if (place == MSG_HOP_ROUTERS)
		return (0);
	h->seen[place] = mark;
	h->now |= (uint8_t)(1U << place);
	return (first && h->former != 0);
}

/* The first label stack that the error bears. */
static void
traces_labels(
    struct traces_hop *h, const struct trace *tr, const struct msg_match *m)
{
	struct ext ext;
	const uint8_t *obj;
	size_t i, off, size;

	h->nlabels = 0;
	ext_read(
	    (enum family)tr->key.family, m->data, m->datalen, m->ext_len, &ext);
	for (i = 0, obj = ext.obj; i < ext.n; obj += ext.size[i++]) {
		size = ext.size[i];
		if (obj[2] != EXT_CLASS_MPLS)
			continue;
		for (off = EXT_OBJ_HDR; off + TRACES_LABEL_LEN <= size &&
		     h->nlabels < MSG_LABELS_MAX;
		     off += TRACES_LABEL_LEN)
			h->label[h->nlabels++] = wire_get32(obj + off);
		return;
	}
}

/* What the packet process calls an error in transit, as decide.c does. */
static int
traces_in_transit(enum family f, const struct msg_match *m)
{
	return (m->icmp_code == 0 &&
	    m->icmp_type == (f == FAMILY_V4 ? ICMP4_TIMEX : ICMP6_TIMEX));
}

static int
traces_from_client(enum family f, const struct msg_match *m)
{
	if (m->kind != MATCH_ERROR)
		return (1);
	return (m->from_client &&
	    m->icmp_type == (f == FAMILY_V4 ? ICMP4_UNREACH : ICMP6_UNREACH));
}

/* A router at this hop: whatever was taken for the end before it was none. */
static void
traces_extend(struct trace *tr, uint8_t hop)
{
	uint8_t i;

	if (tr->client != 0 && tr->client <= hop) {
		tr->client = 0;
		tr->said = TRACE_OPEN;
	}
	if (hop <= tr->last)
		return;
	tr->last = hop;
	if (tr->silent == 0 || tr->silent > hop)
		return;
	tr->silent = 0;
	for (i = hop; i < MSG_HOPS_MAX && tr->silent == 0; i++)
		if (tr->hop[i].lost > 0)
			tr->silent = i + 1;
	if (tr->said == TRACE_INFERRED)
		tr->said = TRACE_OPEN;
}

static uint32_t
traces_us(uint64_t ns)
{
	return (ns / US > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / US));
}

static void
traces_answered(struct traces *t, struct trace *tr, uint8_t hop,
    const struct msg_match *m, int hidden, int64_t now,
    struct traces_events *events)
{
	enum family family = (enum family)tr->key.family;
	struct traces_hop *h = &tr->hop[hop - 1];
	struct addr former = h->router;
	struct msg_event *ev;

	h->flags = hidden ? MSG_HOP_HIDDEN : 0;
	h->icmp_type = h->icmp_code = 0;
	if (!traces_in_transit(family, m)) {
		h->flags |= MSG_HOP_UNREACH;
		h->icmp_type = m->icmp_type;
		h->icmp_code = m->icmp_code;
	}
	traces_labels(h, tr, m);
	traces_extend(tr, hop);
	h->router = m->router;
	ev = traces_event(events, tr, EVENT_ANSWERED);
	if (ev != NULL) {
		ev->hop = hop;
		ev->flags = h->flags;
		ev->icmp_type = h->icmp_type;
		ev->icmp_code = h->icmp_code;
		ev->rtt_us = traces_us(m->rtt_ns);
		ev->router = m->router;
	}
	if (!traces_router(t, h, &m->router))
		return;
	/* Of one run's changes the nearest is kept: there the ways part. */
	if (tr->changed_hop == 0 || tr->changed < tr->begun ||
	    hop < tr->changed_hop) {
		tr->changed_hop = hop;
		tr->changed = now;
		tr->changed_from = former;
		tr->changed_to = m->router;
	}
	ev = traces_event(events, tr, EVENT_CHANGED);
	if (ev != NULL) {
		ev->hop = hop;
		ev->router = m->router;
		ev->former = former;
		ev->flags = h->flags;
	}
}

static void
traces_time(struct traces_hop *h, uint64_t rtt_ns)
{
	uint32_t us = traces_us(rtt_ns);

	if (h->answered == 0 || us < h->rtt_min)
		h->rtt_min = us;
	if (us > h->rtt_max)
		h->rtt_max = us;
	h->rtt_sum += us;
	h->answered++;
}

/*
 * The client's own hop.  A probe may get farther than that (a client that has
 * its trace closes its socket, and then its host answers what still comes), but
 * the error quotes it as it arrived: with the hops that it had left.
 */
static uint8_t
traces_client_hop(
    const struct trace *tr, uint8_t hop, const struct msg_match *m)
{
	size_t off = tr->key.family == FAMILY_V4 ? TRACES_TTL4 : TRACES_TTL6;
	uint8_t left, own;

	if (m->kind != MATCH_ERROR || m->datalen <= off)
		return (hop);
	left = m->data[off];
	if (left < 1 || left > hop)
		return (hop);
	own = hop - left + 1;
	return (own > tr->last ? own : hop);
}

void
traces_match(struct traces *t, uint32_t slot, const struct msg_match *m,
    int hidden, int64_t now, struct traces_events *events)
{
	struct traces_flight *f;
	struct traces_hop *h;
	struct trace *tr;
	uint8_t hop;

	if (events != NULL)
		events->n = 0;
	if (t->size == 0)
		return;
	f = &t->flight[slot];
	if ((tr = traces_of(t, f)) == NULL)
		return;
	hop = f->hop + 1;
	h = &tr->hop[f->hop];
	if (f->state == FLIGHT_LOST)
		h->lost--;
	f->state = FLIGHT_NONE;
	if (!traces_from_client((enum family)tr->key.family, m)) {
		traces_time(h, m->rtt_ns);
		traces_answered(t, tr, hop, m, hidden, now, events);
		return;
	}
	hop = traces_client_hop(tr, hop, m);
	traces_time(&tr->hop[hop - 1], m->rtt_ns);
	if (tr->client == 0 || hop < tr->client)
		tr->client = hop;
	traces_end(tr, TRACE_ANSWERED, hop, events);
}
