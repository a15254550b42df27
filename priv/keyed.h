/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_KEYED_H
#define PRIV_KEYED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sodium.h>

/* A key of all keyed hashes here: SipHash-2-4's 16 bytes. */
#define KEYED_KEY_LEN 16

_Static_assert(crypto_shorthash_KEYBYTES == KEYED_KEY_LEN, "SipHash's key");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "SipHash's sum");

/*
 * keyed_hash: SipHash-2-4 of len bytes, as a number.  It is never seen
 * outside this process, so the order of its bytes does not matter.
 */
static inline uint64_t
keyed_hash(const uint8_t key[KEYED_KEY_LEN], const void *p, size_t len)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t v;

	/* It has no way to fail; libsodium returns 0 always. */
	(void)crypto_shorthash(out, p, len, key);
	memcpy(&v, out, sizeof(v));
	return (v);
}

#endif /* PRIV_KEYED_H */
