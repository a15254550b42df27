/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>
#include <string.h>

#include "engine/waiting.h"

struct waiting_entry {
	int64_t since;
	struct waiting_probe probe;
};

struct waiting {
	struct table *table;
	struct waiting_entry *entries;
};

struct waiting *
waiting_new(size_t n, const uint8_t secret[16])
{
	struct waiting *w;
	size_t nsets;

	for (nsets = 1; nsets * 2 * TABLE_WAYS <= n; nsets *= 2)
		;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return (NULL);
	w->table = table_new(nsets, secret);
	if (w->table == NULL)
		goto fail;
	w->entries = calloc(table_slots(w->table), sizeof(*w->entries));
	if (w->entries == NULL)
		goto fail;
	return (w);

fail:
	waiting_free(w);
	return (NULL);
}

void
waiting_free(struct waiting *w)
{
	if (w == NULL)
		return;
	table_free(w->table);
	free(w->entries);
	free(w);
}

static int
waiting_is(const struct waiting_entry *e, int64_t now)
{
	return (e->probe.order != 0 && now - e->since < WAITING_NS);
}

void
waiting_put(struct waiting *w, const struct gate_ask *ask,
    const struct waiting_probe *probe, int64_t now, struct waiting_probe *gone)
{
	struct waiting_entry *e;
	struct table_key key;
	int fresh;

	gate_key(ask, &key);
	e = &w->entries[table_take(w->table, &key, now, &fresh)];
	memset(gone, 0, sizeof(*gone));
	if (waiting_is(e, now))
		*gone = e->probe;
	e->since = now;
	e->probe = *probe;
}

struct waiting_probe *
waiting_find(struct waiting *w, const struct gate_ask *ask, int64_t now)
{
	struct table_key key;
	size_t slot;

	gate_key(ask, &key);
	if (!table_find(w->table, &key, &slot) ||
	    !waiting_is(&w->entries[slot], now))
		return (NULL);
	return (&w->entries[slot].probe);
}
