/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/record.h"
#include "priv/records_int.h"

/*
 * Where a packet belongs: the flow it is about, and what only we and whoever
 * saw the turned probe know.  Only the flow is hashed, so that one hash leads
 * to both indexes: a secret is nobody's choice, and spreads by itself whatever
 * flow it belongs to.
 */
struct record_flow {
	struct addr client;
	uint8_t flow[4]; /* ports as sent, or identifier and sequence */
	uint32_t family;
	uint32_t proto;
};
struct record_key {
	struct record_flow flow;
	uint32_t secret;
};
_Static_assert(sizeof(struct record_flow) == 28, "no padding is hashed");

/* An odd number with bits everywhere, to spread a secret: 2^64 / phi. */
#define RECORDS_SPREAD 0x9e3779b97f4a7c15ULL

static void
records_buckets(const struct records *rs, const struct record_key *k,
    uint32_t bucket[RECORD_INDEX_MAX])
{
	uint64_t h = keyed_hash(rs->key, &k->flow, sizeof(k->flow));

	bucket[RECORD_FLOW] = (uint32_t)h & rs->mask;
	bucket[RECORD_EXACT] =
	    (uint32_t)((h + k->secret * RECORDS_SPREAD) >> 32) & rs->mask;
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
records_key(const struct record *rec, struct record_key *k)
{
	struct record_flow *f = &k->flow;
	enum proto proto = record_proto(rec);

	memset(k, 0, sizeof(*k));
	f->client = *record_to(rec);
	f->family = (uint32_t)rec->probe.family;
	f->proto = (uint32_t)proto;
	memcpy(f->flow, rec->sent_l4 + (proto == PROTO_ICMP ? 4 : 0),
	    sizeof(f->flow));
	if (records_secret_is_id(rec->probe.family, proto))
		k->secret = rec->ip_id;
	else
		k->secret = wire_get32(rec->cookie);
}

void
records_index(struct records *rs, struct record *rec)
{
	struct record_key k;
	uint32_t slot = records_id(rs, rec).slot, *head;
	struct record_link *l = &rs->links[slot];
	int i;

	records_key(rec, &k);
	records_buckets(rs, &k, l->bucket);
	for (i = 0; i < RECORD_INDEX_MAX; i++) {
		/* The newest first: it is the likeliest to be asked for. */
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
	struct record_flow *f = &k->flow;

	memset(k, 0, sizeof(*k));
	f->client = m->client;
	f->family = (uint32_t)m->family;
	f->proto = (uint32_t)m->proto;
	if (m->kind == MATCH_RESET || m->kind == MATCH_SYNACK) {
		memcpy(f->flow, m->l4 + 2, 2);
		memcpy(f->flow + 2, m->l4, 2);
		return (0);
	}
	if (m->proto == PROTO_ICMP) {
		if (m->l4len < 8)
			return (-1);
		memcpy(f->flow, m->l4 + 4, sizeof(f->flow));
	} else
		memcpy(f->flow, m->l4, sizeof(f->flow));
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
		k->secret = wire_get32(m->ack) - 1;
		return (0);
	}
	if (records_secret_is_id(m->family, m->proto)) {
		if (m->kind != MATCH_ERROR)
			return (-1);
		k->secret = m->quoted_id;
		return (0);
	}
	if (m->proto == PROTO_TCP) {
		if (m->l4len < 8)
			return (-1);
		k->secret = wire_get32(m->l4 + 4);
		return (0);
	}
	if (m->cookielen < 4)
		return (-1);
	k->secret = wire_get32(m->cookie);
	return (0);
}

/*
 * Walks one chain.  The best there is: a probe in flight that agrees, else one
 * that was answered before, else one in flight that is near.
 */
static enum match_verdict
records_walk(struct records *rs, enum record_index x, uint32_t bucket,
    const struct match *m, struct record **rp)
{
	enum match_verdict best = MATCH_IS_NOTHING;
	enum match_agreement a;
	struct record *rec;
	uint32_t slot, steps;

	slot = rs->buckets[x][bucket];
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
	uint32_t bucket[RECORD_INDEX_MAX];
	struct record_key k;
	enum match_verdict v;
	int bears;

	*rp = NULL;
	if (records_match_flow(m, &k) == -1)
		return (MATCH_IS_NOTHING);
	bears = records_match_secret(m, &k) == 0;
	records_buckets(rs, &k, bucket);
	if (bears) {
		v = records_walk(rs, RECORD_EXACT, bucket[RECORD_EXACT], m, rp);
		if (v == MATCH_IS_FIRST || v == MATCH_IS_DUPLICATE)
			return (v);
	}
	return (records_walk(rs, RECORD_FLOW, bucket[RECORD_FLOW], m, rp));
}
