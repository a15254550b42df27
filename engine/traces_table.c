/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Where traces are: memory, hash chains, and the order of their ages. */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "engine/traces_int.h"

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the secret's size");
_Static_assert(crypto_shorthash_BYTES == 8, "the hash's size");

struct traces *
traces_new(uint32_t n, uint32_t npending, const uint8_t secret[16])
{
	struct traces *t;
	uint32_t i, nbuckets;

	if (n > POLICY_TRACES_MAX || (t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	memcpy(t->secret, secret, sizeof(t->secret));
	t->size = n;
	t->free = t->newest = t->oldest = TRACES_NONE;
	if (n == 0)
		return (t);
	for (nbuckets = 1; nbuckets < n; nbuckets *= 2)
		continue;
	t->mask = nbuckets - 1;
	t->bucket = calloc(nbuckets, sizeof(*t->bucket));
	t->trace = calloc(n, sizeof(*t->trace));
	t->flight = calloc(npending, sizeof(*t->flight));
	if (t->bucket == NULL || t->trace == NULL || t->flight == NULL) {
		traces_free(t);
		return (NULL);
	}
	for (i = 0; i < nbuckets; i++)
		t->bucket[i] = TRACES_NONE;
	return (t);
}

void
traces_free(struct traces *t)
{
	if (t == NULL)
		return;
	free(t->bucket);
	free(t->trace);
	free(t->flight);
	sodium_memzero(t->secret, sizeof(t->secret));
	free(t);
}

uint64_t
traces_hash(const struct traces *t, const void *p, size_t len)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t hash;

	if (crypto_shorthash(out, p, len, t->secret) != 0)
		abort(); /* libsodium: it can't fail */
	memcpy(&hash, out, sizeof(hash));
	return (hash);
}

static uint32_t *
traces_bucket(const struct traces *t, const struct traces_key *key)
{
	return (
	    &t->bucket[(uint32_t)traces_hash(t, key, sizeof(*key)) & t->mask]);
}

static void
traces_unlink_age(struct traces *t, const struct trace *tr)
{
	if (tr->newer == TRACES_NONE)
		t->newest = tr->older;
	else
		t->trace[tr->newer].older = tr->older;
	if (tr->older == TRACES_NONE)
		t->oldest = tr->newer;
	else
		t->trace[tr->older].newer = tr->newer;
}

static void
traces_link_newest(struct traces *t, uint32_t i)
{
	struct trace *tr = &t->trace[i];

	tr->newer = TRACES_NONE;
	tr->older = t->newest;
	if (t->newest == TRACES_NONE)
		t->oldest = i;
	else
		t->trace[t->newest].newer = i;
	t->newest = i;
}

/* Wiped, but for the run: a probe in flight must not find a later trace. */
static void
traces_drop(struct traces *t, uint32_t i)
{
	struct trace *tr = &t->trace[i];
	uint32_t *link, run = tr->run;

	for (link = traces_bucket(t, &tr->key); *link != i;
	     link = &t->trace[*link].chain)
		continue;
	*link = tr->chain;
	traces_unlink_age(t, tr);
	memset(tr, 0, sizeof(*tr));
	tr->run = run + 1;
	tr->chain = t->free;
	t->free = i;
	t->used--;
}

void
traces_set(struct traces *t, uint32_t max, uint64_t keep_ns)
{
	t->max = max < t->size ? max : t->size;
	t->keep = keep_ns;
	while (t->used > t->max)
		traces_drop(t, t->oldest);
}

int
traces_is_old(const struct traces *t, const struct trace *tr, int64_t now)
{
	return (now > tr->seen && (uint64_t)(now - tr->seen) > t->keep);
}

struct trace *
traces_take(
    struct traces *t, const struct traces_key *key, int64_t now, int *fresh)
{
	struct trace *tr;
	uint32_t *bucket, i;

	bucket = traces_bucket(t, key);
	for (i = *bucket; i != TRACES_NONE; i = t->trace[i].chain)
		if (memcmp(&t->trace[i].key, key, sizeof(*key)) == 0)
			break;
	if (i != TRACES_NONE && traces_is_old(t, &t->trace[i], now)) {
		traces_drop(t, i);
		i = TRACES_NONE;
	}
	*fresh = i == TRACES_NONE;
	if (!*fresh) {
		traces_unlink_age(t, &t->trace[i]);
		traces_link_newest(t, i);
		return (&t->trace[i]);
	}
	if (t->used == t->max)
		traces_drop(t, t->oldest);
	if (t->free != TRACES_NONE) {
		i = t->free;
		t->free = t->trace[i].chain;
	} else
		i = t->high++;
	t->used++;
	tr = &t->trace[i];
	tr->key = *key;
	tr->used = 1;
	tr->chain = *bucket;
	*bucket = i;
	traces_link_newest(t, i);
	return (tr);
}
