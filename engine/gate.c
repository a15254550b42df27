/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>
#include <string.h>

#include "common/msg.h"
#include "engine/gate.h"
#include "engine/table.h"

#define GATE_V6_BITS 64

struct gate_entry {
	int64_t opened;
	int64_t until;    /* open before this time */
	uint32_t probes;  /* since it was opened */
	uint32_t limited; /* likewise */
};

struct gate {
	struct table *table;
	struct gate_entry *entries;
};

struct gate *
gate_new(size_t nsets, const uint8_t secret[16])
{
	struct gate *g;

	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return (NULL);
	g->table = table_new(nsets, secret);
	if (g->table == NULL)
		goto fail;
	g->entries = calloc(table_slots(g->table), sizeof(*g->entries));
	if (g->entries == NULL)
		goto fail;
	return (g);

fail:
	gate_free(g);
	return (NULL);
}

void
gate_free(struct gate *g)
{
	if (g == NULL)
		return;
	table_free(g->table);
	free(g->entries);
	free(g);
}

void
gate_key(const struct gate_ask *ask, struct table_key *key)
{
	struct addr a;

	memset(key, 0, sizeof(*key));
	a = *ask->client;
	if (ask->proto == PROTO_TCP)
		key->port = ask->dport;
	else if (ask->family == FAMILY_V6)
		addr_mask(FAMILY_V6, &a, GATE_V6_BITS);
	memcpy(key->addr, a.b, sizeof(key->addr));
	key->family = (uint8_t)ask->family;
	key->kind = (uint8_t)ask->proto;
}

static enum gate_verdict
gate_judge(const struct gate_entry *e, uint8_t ttl, int64_t now)
{
	if (e != NULL && now < e->until)
		return (GATE_OPEN);
	if (ttl == 1)
		return (GATE_OPENS);
	if (e != NULL && ttl <= GATE_MEMORY_TTL &&
	    now - e->until < GATE_MEMORY_NS)
		return (GATE_OPENS);
	return (GATE_CLOSED);
}

enum gate_verdict
gate_look(const struct gate *g, const struct gate_ask *ask, int64_t now)
{
	struct table_key key;
	size_t slot;

	gate_key(ask, &key);
	if (!table_find(g->table, &key, &slot))
		return (gate_judge(NULL, ask->ttl, now));
	return (gate_judge(&g->entries[slot], ask->ttl, now));
}

void
gate_use(
    struct gate *g, const struct gate_ask *ask, uint64_t gate_ns, int64_t now)
{
	struct gate_entry *e;
	struct table_key key;
	enum gate_verdict verdict;
	int64_t end;
	size_t slot;
	int fresh;

	if (gate_ns > GATE_LIFE_NS)
		gate_ns = GATE_LIFE_NS;
	verdict = gate_look(g, ask, now);
	if (verdict == GATE_CLOSED)
		return;
	gate_key(ask, &key);
	slot = table_take(g->table, &key, now, &fresh);
	e = &g->entries[slot];
	/* TTL 1 starts a trace, or a round of one, so it counts anew. */
	if (verdict == GATE_OPENS || ask->ttl == 1)
		e->opened = now;
	if (verdict == GATE_OPENS)
		e->probes = e->limited = 0;
	if (e->probes < UINT32_MAX)
		e->probes++;
	end = e->opened + GATE_LIFE_NS;
	e->until = now + (int64_t)gate_ns;
	if (e->until > end)
		e->until = end;
}

void
gate_limited(struct gate *g, const struct gate_ask *ask, int64_t now)
{
	struct gate_entry *e;
	struct table_key key;
	size_t slot;

	gate_key(ask, &key);
	if (!table_find(g->table, &key, &slot))
		return;
	e = &g->entries[slot];
	if (now < e->until && e->limited < UINT32_MAX)
		e->limited++;
}

uint32_t
gate_next(
    const struct gate *g, uint32_t from, int64_t now, struct msg_client *c)
{
	const struct gate_entry *e;
	struct table_key key;
	size_t slot;

	for (slot = from; slot < table_slots(g->table); slot++) {
		e = &g->entries[slot];
		if (!table_key_at(g->table, slot, &key) || now >= e->until)
			continue;
		memset(c, 0, sizeof(*c));
		c->family = (enum family)key.family;
		c->proto = (enum proto)key.kind;
		c->len = (uint8_t)addr_bits(c->family);
		if (c->family == FAMILY_V6 && c->proto != PROTO_TCP)
			c->len = GATE_V6_BITS;
		memcpy(c->addr.b, key.addr, sizeof(c->addr.b));
		c->port = key.port;
		c->opened_us = (uint64_t)(now - e->opened) / 1000;
		c->left_us = (uint64_t)(e->until - now) / 1000;
		c->probes = e->probes;
		c->limited = e->limited;
		return ((uint32_t)slot + 1);
	}
	return (0);
}
