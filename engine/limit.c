/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>
#include <string.h>

#include "engine/bucket.h"
#include "engine/limit.h"
#include "engine/table.h"

/* Active prefixes are counted in steps of this length. */
#define LIMIT_EPOCH_NS 1000000000LL
/* By then all that was active is forgotten. */
#define LIMIT_EPOCHS_MAX 128
/*
 * How much of the gated half, rate and tokens, is split into shares.  The rest
 * is for who asks first, and fills the half up again after a rush.
 */
#define LIMIT_SHARED_NUM 7
#define LIMIT_SHARED_DEN 8
#define LIMIT_NONE       SIZE_MAX

/* What is known of a prefix. */
struct limit_client {
	struct bucket limit; /* limit client */
	struct bucket share; /* of the gated half */
	uint64_t epoch;      /* the last one in which it was active, gated */
};

/* limit total: both halves are filled at the same time. */
struct limit_total {
	uint64_t gated;
	uint64_t open;
	uint64_t cap; /* of each half */
	int64_t last;
};

struct limit {
	struct policy_limit client;
	struct policy_limit total;
	struct policy_limit hop;
	struct limit_total halves;
	struct bucket hops[LIMIT_TTL_MAX]; /* by the TTL to leave with */
	uint64_t epoch;
	int64_t epoch_start;
	uint64_t active;      /* gated prefixes of this epoch so far */
	uint64_t active_past; /* of those before, let go by and by */
	struct table *table;
	struct limit_client *clients;
};

/* What a probe's tokens are to be taken from. */
struct limit_plan {
	size_t client; /* slots, or LIMIT_NONE: not in the table yet */
	size_t net;
	struct table_key client_key;
	struct table_key net_key;
	struct table_key target_key;
	struct table_key target_net_key;
};

static uint64_t
limit_cap(const struct policy_limit *l, uint64_t times)
{
	return ((l->burst == 0 ? 1 : l->burst) * times * BUCKET_TOKEN);
}

struct limit *
limit_new(size_t nsets, const uint8_t secret[16])
{
	struct limit *l;

	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return (NULL);
	l->table = table_new(nsets, secret);
	if (l->table == NULL)
		goto fail;
	l->clients = calloc(table_slots(l->table), sizeof(*l->clients));
	if (l->clients == NULL)
		goto fail;
	return (l);

fail:
	limit_free(l);
	return (NULL);
}

void
limit_free(struct limit *l)
{
	if (l == NULL)
		return;
	table_free(l->table);
	free(l->clients);
	free(l);
}

void
limit_set(struct limit *l, const struct policy *p, int64_t now)
{
	uint64_t cap;
	size_t i;

	cap = limit_cap(&p->limit_total, 1) / 2;
	if (cap < BUCKET_TOKEN)
		cap = BUCKET_TOKEN;
	if (l->total.rate == 0) {
		l->halves.gated = l->halves.open = cap;
		l->halves.last = now;
	}
	l->halves.cap = cap;

	if (l->hop.rate == 0)
		for (i = 0; i < LIMIT_TTL_MAX; i++) {
			l->hops[i].level = limit_cap(&p->limit_hop, 1);
			l->hops[i].last = now;
		}
	l->client = p->limit_client;
	l->total = p->limit_total;
	l->hop = p->limit_hop;
}

static void
limit_key(enum family f, const struct addr *client, unsigned int bits,
    struct table_key *key)
{
	struct addr a;

	a = *client;
	addr_mask(f, &a, bits);
	memset(key, 0, sizeof(*key));
	memcpy(key->addr, a.b, sizeof(key->addr));
	key->family = (uint8_t)f;
	key->kind = (uint8_t)bits;
}

static int
limit_key_equal(const struct table_key *a, const struct table_key *b)
{
	return (a->family == b->family && a->kind == b->kind &&
	    memcmp(a->addr, b->addr, sizeof(a->addr)) == 0);
}

/* Fills both halves; what does not fit the one goes to the other. */
static void
limit_total_fill(struct limit *l, int64_t now)
{
	struct limit_total *h = &l->halves;
	uint64_t gain, over;

	gain = bucket_gain(l->total.rate, 2, now - h->last);
	if (now > h->last)
		h->last = now;
	h->gated += gain;
	h->open += gain;
	if (h->gated > h->cap) {
		over = h->gated - h->cap;
		h->gated = h->cap;
		h->open += over;
	}
	if (h->open > h->cap) {
		over = h->open - h->cap;
		h->open = h->cap;
		h->gated += over;
		if (h->gated > h->cap)
			h->gated = h->cap;
	}
}

/* Of the gated half, what only those within their share can take. */
static uint64_t
limit_held(const struct limit *l)
{
	uint64_t held;

	held = l->halves.cap / LIMIT_SHARED_DEN * LIMIT_SHARED_NUM;
	if (held > l->halves.cap - BUCKET_TOKEN)
		held = l->halves.cap - BUCKET_TOKEN;
	return (held);
}

/*
 * The number of active prefixes is let go slowly, or those that rest and come
 * back all at once would each find a share as if it were alone.
 */
static void
limit_epoch(struct limit *l, int64_t now)
{
	int64_t epochs;

	epochs = (now - l->epoch_start) / LIMIT_EPOCH_NS;
	if (epochs <= 0)
		return;
	l->epoch_start += epochs * LIMIT_EPOCH_NS;
	l->epoch++;
	if (epochs > LIMIT_EPOCHS_MAX) {
		l->active_past = 0;
		epochs = 1;
	}
	for (; epochs > 0; epochs--) {
		l->active_past -= (l->active_past + 7) / 8;
		if (l->active_past < l->active)
			l->active_past = l->active;
		l->active = 0;
	}
}

/*
 * Fills a gated prefix's share; a new one's is full.  All shares together hold
 * no more than what is held back for them (as long as there are fewer prefixes
 * than tokens, and their number does not grow).
 */
static void
limit_share_fill(struct limit *l, struct limit_client *c, int64_t now)
{
	uint64_t cap, n;

	n = l->active > l->active_past ? l->active : l->active_past;
	if (n == 0)
		n = 1;
	cap = limit_held(l) / n;
	if (cap < BUCKET_TOKEN)
		cap = BUCKET_TOKEN;
	bucket_fill(&c->share, (uint64_t)l->total.rate * LIMIT_SHARED_NUM,
	    2 * n * LIMIT_SHARED_DEN, cap, now);
}

/* The prefix's slot; what it held is void if it is new: then it is full. */
static size_t
limit_client_take(
    struct limit *l, const struct table_key *key, uint64_t times, int64_t now)
{
	struct limit_client *c;
	size_t slot;
	int fresh;

	slot = table_take(l->table, key, now, &fresh);
	c = &l->clients[slot];
	if (fresh) {
		memset(c, 0, sizeof(*c));
		c->limit.level = limit_cap(&l->client, times);
		c->limit.last = now;
		c->share.level = UINT64_MAX; /* its share's cap cuts it */
		c->share.last = now;
		c->epoch = UINT64_MAX;
	}
	return (slot);
}

/* Is there a token in the prefix's bucket?  None known: it is full. */
static int
limit_client_has(struct limit *l, const struct table_key *key, uint64_t times,
    int64_t now, size_t *slot)
{
	struct bucket *b;

	if (!table_find(l->table, key, slot)) {
		*slot = LIMIT_NONE;
		return (1);
	}
	if (l->client.rate == 0)
		return (1);
	b = &l->clients[*slot].limit;
	bucket_fill(
	    b, l->client.rate * times, 1, limit_cap(&l->client, times), now);
	return (b->level >= BUCKET_TOKEN);
}

static int
limit_hop_has(struct limit *l, uint8_t ttl, enum limit_rank rank, int64_t now)
{
	struct bucket *b;
	uint64_t cap, floor;

	if (l->hop.rate == 0 || ttl < 2)
		return (1);
	if (ttl > LIMIT_TTL_MAX)
		return (0);
	b = &l->hops[ttl - 1];
	cap = limit_cap(&l->hop, 1);
	bucket_fill(b, l->hop.rate, 1, cap, now);
	floor = rank == LIMIT_GATED || cap < 2 * BUCKET_TOKEN ? 0 : cap / 2;
	return (b->level >= floor + BUCKET_TOKEN);
}

int
limit_final(struct limit *l, uint8_t ttl, enum limit_rank rank, int64_t now)
{
	if (!limit_hop_has(l, ttl, rank, now))
		return (0);
	if (l->hop.rate != 0 && ttl >= 2)
		l->hops[ttl - 1].level -= BUCKET_TOKEN;
	return (1);
}

/* What of the half for all others is left to those of a higher rank. */
static uint64_t
limit_open_floor(const struct limit *l, enum limit_rank rank)
{
	if (l->halves.cap < 4 * BUCKET_TOKEN || rank >= LIMIT_WOKEN)
		return (0);
	return (l->halves.cap / 4 * (rank == LIMIT_OPENS ? 2 : 3));
}

static int
limit_total_has(struct limit *l, const struct limit_ask *ask,
    const struct limit_plan *plan, int64_t now)
{
	if (l->total.rate == 0)
		return (1);
	limit_total_fill(l, now);
	if (ask->rank != LIMIT_GATED)
		return (l->halves.open >=
		    limit_open_floor(l, ask->rank) + BUCKET_TOKEN);
	if (l->halves.gated < BUCKET_TOKEN)
		return (0);
	return (l->clients[plan->client].share.level >= BUCKET_TOKEN ||
	    l->halves.gated >= limit_held(l) + BUCKET_TOKEN);
}

/* Has the target's prefix a token, unless it is the client's own? */
static enum limit_verdict
limit_target_has(struct limit *l, const struct limit_ask *ask,
    struct limit_plan *plan, int64_t now)
{
	size_t slot;

	limit_key(ask->family, ask->target,
	    ask->family == FAMILY_V4 ? LIMIT_V4_BITS : LIMIT_V6_BITS,
	    &plan->target_key);
	if (!limit_key_equal(&plan->target_key, &plan->client_key) &&
	    !limit_client_has(l, &plan->target_key, 1, now, &slot))
		return (LIMIT_CLIENT);
	if (ask->family == FAMILY_V4)
		return (LIMIT_OK);
	limit_key(
	    ask->family, ask->target, LIMIT_V6_NET_BITS, &plan->target_net_key);
	if (!limit_key_equal(&plan->target_net_key, &plan->net_key) &&
	    !limit_client_has(
		l, &plan->target_net_key, LIMIT_V6_NET, now, &slot))
		return (LIMIT_NET);
	return (LIMIT_OK);
}

/* A token of a prefix that has one. */
static void
limit_client_pay(
    struct limit *l, const struct table_key *key, uint64_t times, int64_t now)
{
	size_t slot;

	slot = limit_client_take(l, key, times, now);
	l->clients[slot].limit.level -= BUCKET_TOKEN;
}

/* The target's prefix; the client's own has paid already. */
static void
limit_target_pay(struct limit *l, const struct limit_ask *ask,
    const struct limit_plan *plan, int64_t now)
{
	if (!limit_key_equal(&plan->target_key, &plan->client_key))
		limit_client_pay(l, &plan->target_key, 1, now);
	if (ask->family == FAMILY_V6 &&
	    !limit_key_equal(&plan->target_net_key, &plan->net_key))
		limit_client_pay(l, &plan->target_net_key, LIMIT_V6_NET, now);
}

/* All buckets have a token: takes them. */
static void
limit_pay(struct limit *l, const struct limit_ask *ask,
    const struct limit_plan *plan, int64_t now)
{
	struct limit_client *c;
	size_t slot;

	slot = limit_client_take(l, &plan->client_key, 1, now);
	c = &l->clients[slot];
	if (l->client.rate != 0)
		c->limit.level -= BUCKET_TOKEN;
	if (ask->rank == LIMIT_GATED && l->total.rate != 0) {
		l->halves.gated -= BUCKET_TOKEN;
		c->share.level = c->share.level >= BUCKET_TOKEN
		    ? c->share.level - BUCKET_TOKEN
		    : 0;
	} else if (l->total.rate != 0)
		l->halves.open -= BUCKET_TOKEN;
	if (l->hop.rate != 0 && ask->ttl >= 2)
		l->hops[ask->ttl - 1].level -= BUCKET_TOKEN;
	/* Last: in a full set it may displace the /56 itself. */
	if (l->client.rate == 0)
		return;
	if (ask->family == FAMILY_V6)
		limit_client_pay(l, &plan->net_key, LIMIT_V6_NET, now);
	if (ask->target != NULL)
		limit_target_pay(l, ask, plan, now);
}

enum limit_verdict
limit_take(struct limit *l, const struct limit_ask *ask, int64_t now)
{
	struct limit_client *c;
	struct limit_plan plan;
	enum limit_verdict over;

	limit_epoch(l, now);
	memset(&plan, 0, sizeof(plan));
	limit_key(ask->family, ask->client,
	    ask->family == FAMILY_V4 ? LIMIT_V4_BITS : LIMIT_V6_BITS,
	    &plan.client_key);
	if (ask->rank == LIMIT_GATED) {
		plan.client = limit_client_take(l, &plan.client_key, 1, now);
		c = &l->clients[plan.client];
		if (c->epoch != l->epoch) {
			c->epoch = l->epoch;
			l->active++;
		}
		limit_share_fill(l, c, now);
	}
	if (!limit_client_has(l, &plan.client_key, 1, now, &plan.client))
		return (LIMIT_CLIENT);
	if (ask->family == FAMILY_V6) {
		limit_key(
		    ask->family, ask->client, LIMIT_V6_NET_BITS, &plan.net_key);
		if (!limit_client_has(
			l, &plan.net_key, LIMIT_V6_NET, now, &plan.net))
			return (LIMIT_NET);
	}
	if (ask->target != NULL) {
		over = limit_target_has(l, ask, &plan, now);
		if (over != LIMIT_OK)
			return (over);
	}
	if (!limit_hop_has(l, ask->ttl, ask->rank, now))
		return (LIMIT_HOP);
	if (!limit_total_has(l, ask, &plan, now))
		return (LIMIT_TOTAL);
	limit_pay(l, ask, &plan, now);
	return (LIMIT_OK);
}
