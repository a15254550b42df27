/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "engine/table.h"

#define TABLE_EMPTY (-1) /* older than any time */

struct table_slot {
	struct table_key key;
	int64_t touched; /* ns, or TABLE_EMPTY */
};

struct table {
	uint8_t secret[crypto_shorthash_KEYBYTES];
	size_t nsets;
	struct table_slot *slots;
};

_Static_assert(sizeof(struct table_key) == 20, "no padding is hashed");
_Static_assert(crypto_shorthash_KEYBYTES == 16, "the secret's size");
_Static_assert(crypto_shorthash_BYTES == 8, "the hash's size");

struct table *
table_new(size_t nsets, const uint8_t secret[16])
{
	struct table *t;
	size_t i;

	if (nsets == 0 || (nsets & (nsets - 1)) != 0 ||
	    nsets > SIZE_MAX / TABLE_WAYS) {
		errno = EINVAL;
		return (NULL);
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return (NULL);
	t->slots = calloc(nsets * TABLE_WAYS, sizeof(*t->slots));
	if (t->slots == NULL) {
		free(t);
		return (NULL);
	}
	t->nsets = nsets;
	memcpy(t->secret, secret, sizeof(t->secret));
	for (i = 0; i < nsets * TABLE_WAYS; i++)
		t->slots[i].touched = TABLE_EMPTY;
	return (t);
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	free(t->slots);
	sodium_memzero(t->secret, sizeof(t->secret));
	free(t);
}

size_t
table_slots(const struct table *t)
{
	return (t->nsets * TABLE_WAYS);
}

size_t
table_set(const struct table *t, const struct table_key *key)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t hash;

	if (crypto_shorthash(
		out, (const uint8_t *)key, sizeof(*key), t->secret) != 0)
		abort(); /* libsodium: it can't fail */
	memcpy(&hash, out, sizeof(hash));
	return ((size_t)hash & (t->nsets - 1));
}

static int
table_find_in(const struct table *t, size_t first, const struct table_key *key,
    size_t *slot)
{
	size_t i;

	for (i = first; i < first + TABLE_WAYS; i++)
		if (t->slots[i].touched != TABLE_EMPTY &&
		    memcmp(&t->slots[i].key, key, sizeof(*key)) == 0) {
			*slot = i;
			return (1);
		}
	return (0);
}

int
table_key_at(const struct table *t, size_t slot, struct table_key *key)
{
	if (t->slots[slot].touched == TABLE_EMPTY)
		return (0);
	*key = t->slots[slot].key;
	return (1);
}

int
table_find(const struct table *t, const struct table_key *key, size_t *slot)
{
	return (table_find_in(t, table_set(t, key) * TABLE_WAYS, key, slot));
}

size_t
table_take(
    struct table *t, const struct table_key *key, int64_t now, int *fresh)
{
	size_t first, i, slot;

	first = table_set(t, key) * TABLE_WAYS;
	*fresh = !table_find_in(t, first, key, &slot);
	if (*fresh) {
		slot = first;
		for (i = first + 1; i < first + TABLE_WAYS; i++)
			if (t->slots[i].touched < t->slots[slot].touched)
				slot = i;
		t->slots[slot].key = *key;
	}
	t->slots[slot].touched = now;
	return (slot);
}
