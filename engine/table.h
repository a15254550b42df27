/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_TABLE_H
#define ENGINE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/*
 * A set-associative table of fixed size with a keyed hash (SipHash-2-4), so
 * that nobody outside can choose the set that a key falls into.  A new key
 * takes an empty slot of its own set, or that of the key there which was
 * touched least recently; other sets are never affected.  The table knows
 * keys and times only: what they stand for its user keeps in arrays of
 * table_slots() elements, by slot.
 */

#define TABLE_WAYS 8

/* All bytes take part: clear it before filling. */
struct table_key {
	uint8_t addr[16];
	uint8_t family;
	uint8_t kind; /* the user's: a protocol, a prefix length */
	uint16_t port;
};

struct table;

/*
 * table_new: nsets (a power of two, at least 1) sets of TABLE_WAYS slots;
 * secret is the hash's.  NULL on failure (errno: EINVAL, ENOMEM).  Nothing is
 * allocated later.
 */
struct table *table_new(size_t nsets, const uint8_t secret[16]);
/* table_free: NULL is fine. */
void table_free(struct table *);
size_t table_slots(const struct table *);
/* table_set: the set that a key belongs to. */
size_t table_set(const struct table *, const struct table_key *);

/* table_key_at: 1 with the key that a slot stands for, or 0: none. */
int table_key_at(const struct table *, size_t slot, struct table_key *);
/* table_find: 1 with the key's slot in *slot, or 0. */
int table_find(const struct table *, const struct table_key *, size_t *slot);
/*
 * table_take: the key's slot, made if it had none: then *fresh is 1 and what
 * the slot stood for before is void.  Touched at now (ns, not negative).
 */
size_t
table_take(struct table *, const struct table_key *, int64_t now, int *fresh);

#endif /* ENGINE_TABLE_H */
