/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/record.h"
#include "priv/records_int.h"

/* What is hashed; without padding. */
struct record_key {
	struct addr client;
	uint8_t flow[4];   /* ports as sent, or identifier and sequence */
	uint8_t secret[4]; /* EXACT: what only we know; FLOW: zero */
	uint32_t family;
	uint32_t proto;
};
_Static_assert(sizeof(struct record_key) == 32, "no padding is hashed");

static uint32_t
records_bucket(const struct records *rs, const struct record_key *k)
{
	return ((uint32_t)keyed_hash(rs->key, k, sizeof(*k)) & rs->mask);
}

/*
 * The secret of an exact key is what every packet about the probe bears: the
 * identification for IPv4 UDP and echo, since a quote may end before the
 * cookie; else the cookie's first four bytes.
 */
static int
records_secret_is_id(enum family f, enum proto proto)
{
	return (f == FAMILY_V4 && proto != PROTO_TCP);
}

static void
records_key(const struct record *rec, struct record_key k[RECORD_INDEX_MAX])
{
	struct record_key *f = &k[RECORD_FLOW], *x = &k[RECORD_EXACT];
	enum proto proto = record_proto(rec);

	memset(f, 0, sizeof(*f));
	f->client = *record_to(rec);
	f->family = (uint32_t)rec->probe.family;
	f->proto = (uint32_t)proto;
	memcpy(f->flow, rec->sent_l4 + (proto == PROTO_ICMP ? 4 : 0),
	    sizeof(f->flow));
	*x = *f;
	if (records_secret_is_id(rec->probe.family, proto))
		wire_put16(x->secret, rec->ip_id);
	else
		memcpy(x->secret, rec->cookie, sizeof(x->secret));
}

void
records_index(struct records *rs, struct record *rec)
{
	struct record_key k[RECORD_INDEX_MAX];
	uint32_t slot = records_id(rs, rec).slot, *head;
	struct record_link *l = &rs->links[slot];
	int i;

	records_key(rec, k);
	for (i = 0; i < RECORD_INDEX_MAX; i++) {
		/* The newest first: it is the likeliest to be asked for. */
		l->bucket[i] = records_bucket(rs, &k[i]);
		head = &rs->buckets[i][l->bucket[i]];
		l->prev[i] = RECORD_NONE;
		l->next[i] = *head;
		if (*head != RECORD_NONE)
			rs->links[*head].prev[i] = slot;
		*head = slot;
	}
	rec->indexed = 1;
}

void
records_unindex(struct records *rs, struct record *rec)
{
	const struct record_link *l = &rs->links[records_id(rs, rec).slot];
	int i;

	if (!rec->indexed)
		return;
	for (i = 0; i < RECORD_INDEX_MAX; i++) {
		if (l->prev[i] == RECORD_NONE)
			rs->buckets[i][l->bucket[i]] = l->next[i];
		else
			rs->links[l->prev[i]].next[i] = l->next[i];
		if (l->next[i] != RECORD_NONE)
			rs->links[l->next[i]].prev[i] = l->prev[i];
	}
	rec->indexed = 0;
}

/* The flow that a captured packet is about.  Returns 0, or -1: cut short. */
static int
records_match_flow(const struct match *m, struct record_key *k)
{
	memset(k, 0, sizeof(*k));
	k->client = m->client;
	k->family = (uint32_t)m->family;
	k->proto = (uint32_t)m->proto;
	if (m->kind == MATCH_RESET || m->kind == MATCH_SYNACK) {
		memcpy(k->flow, m->l4 + 2, 2);
		memcpy(k->flow + 2, m->l4, 2);
		return (0);
	}
	if (m->proto == PROTO_ICMP) {
		if (m->l4len < 8)
			return (-1);
		memcpy(k->flow, m->l4 + 4, sizeof(k->flow));
	} else
		memcpy(k->flow, m->l4, sizeof(k->flow));
	return (0);
}

/*
 * Adds the secret to the flow's key.  Returns 0, or -1: the packet does not
 * bear it.
 */
static int
records_match_secret(const struct match *m, struct record_key *k)
{
	if (m->kind == MATCH_RESET || m->kind == MATCH_SYNACK) {
		wire_put32(k->secret, wire_get32(m->ack) - 1);
		return (0);
	}
	if (records_secret_is_id(m->family, m->proto)) {
		if (m->kind != MATCH_ERROR)
			return (-1);
		wire_put16(k->secret, m->quoted_id);
		return (0);
	}
	if (m->proto == PROTO_TCP) {
		if (m->l4len < 8)
			return (-1);
		memcpy(k->secret, m->l4 + 4, sizeof(k->secret));
		return (0);
	}
	if (m->cookielen < sizeof(k->secret))
		return (-1);
	memcpy(k->secret, m->cookie, sizeof(k->secret));
	return (0);
}

/*
 * Walks one chain.  The best there is: a probe in flight that agrees, else one
 * that was answered before, else one in flight that is near.
 */
static enum match_verdict
records_walk(struct records *rs, enum record_index x,
    const struct record_key *k, const struct match *m, struct record **rp)
{
	enum match_verdict best = MATCH_IS_NOTHING;
	enum match_agreement a;
	struct record *rec;
	uint32_t slot, steps;

	slot = rs->buckets[x][records_bucket(rs, k)];
	for (steps = 0; slot != RECORD_NONE && steps < RECORD_WALK_MAX;
	     steps++, slot = rs->links[slot].next[x]) {
		rec = &rs->recs[slot];
		if ((a = match_compare(m, rec)) == MATCH_DIFFERS)
			continue;
		if (a == MATCH_AGREES && rec->state == RECORD_TURNED) {
			*rp = rec;
			return (MATCH_IS_FIRST);
		}
		/* Ended records are evidence of duplicates, of no more. */
		if (a == MATCH_AGREES && (rec->matched || rec->by_order))
			best = MATCH_IS_DUPLICATE;
		else if (a == MATCH_NEAR && rec->state != RECORD_FREE &&
		    best == MATCH_IS_NOTHING)
			best = MATCH_IS_FORGED;
	}
	return (best);
}

enum match_verdict
records_match(struct records *rs, const struct match *m, struct record **rp)
{
	struct record_key flow, exact;
	enum match_verdict v;

	*rp = NULL;
	if (records_match_flow(m, &flow) == -1)
		return (MATCH_IS_NOTHING);
	exact = flow;
	if (records_match_secret(m, &exact) == 0) {
		v = records_walk(rs, RECORD_EXACT, &exact, m, rp);
		if (v == MATCH_IS_FIRST || v == MATCH_IS_DUPLICATE)
			return (v);
	}
	return (records_walk(rs, RECORD_FLOW, &flow, m, rp));
}
