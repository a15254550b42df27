/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>
#include <string.h>

#include "priv/ipid.h"
#include "priv/keyed.h"

/*
 * 3276 identifications per second and bucket before one is refused, so that a
 * flood from all sources at once takes none from anybody.
 */
#define IPID_BUCKETS 4096U
#define IPID_HALF    32768U
#define IPID_REST_NS 10000000000LL
/* Rounds of the permutation: few values, so more than the usual four. */
#define IPID_ROUNDS 8
#define IPID_BOX    256

/* One line of the cache each: which one is needed is anybody's guess. */
#define IPID_LINE 64
struct ipid_bucket {
	/* halves begun: each has a permutation of its own */
	_Alignas(IPID_LINE) uint64_t epoch;
	uint32_t pos;     /* values handed out of this half */
	int64_t ended[2]; /* when each half's last value was handed out */
	uint8_t used[2];  /* ended holds */
	/* the present permutation's own key: two bytes for each round */
	uint8_t sub[IPID_ROUNDS][2];
};
struct ipid {
	uint8_t key[KEYED_KEY_LEN];
	uint8_t box[IPID_ROUNDS][IPID_BOX]; /* secret, the same for all */
	struct ipid_bucket b[IPID_BUCKETS];
};

/* What keys are made of; without padding. */
enum ipid_purpose {
	IPID_FOR_BOX = 1,
	IPID_FOR_SUB
};
struct ipid_input {
	uint64_t n; /* round, or epoch */
	uint32_t at;
	uint16_t purpose;
	uint16_t bucket;
};
_Static_assert(sizeof(struct ipid_bucket) == IPID_LINE, "one line");
_Static_assert(sizeof(struct ipid_input) == 16, "no padding is hashed");

struct ipid *
ipid_new(const uint8_t key[16])
{
	struct ipid *d;
	struct ipid_input in;
	uint64_t h;
	uint32_t i, at;

	if ((d = aligned_alloc(IPID_LINE, sizeof(*d))) == NULL)
		return (NULL);
	memset(d, 0, sizeof(*d));
	memcpy(d->key, key, sizeof(d->key));
	memset(&in, 0, sizeof(in));
	in.purpose = IPID_FOR_BOX;
	for (i = 0; i < IPID_ROUNDS; i++)
		for (at = 0; at < IPID_BOX; at += sizeof(h)) {
			in.n = i;
			in.at = at;
			h = keyed_hash(d->key, &in, sizeof(in));
			memcpy(&d->box[i][at], &h, sizeof(h));
		}
	return (d);
}

void
ipid_free(struct ipid *d)
{
	free(d);
}

static uint32_t
ipid_bucket(const struct ipid *d, const struct addr *client)
{
	return ((uint32_t)(keyed_hash(d->key, client->b, sizeof(client->b)) %
	    IPID_BUCKETS));
}

/* A bucket begins a half: with a permutation of its own. */
static void
ipid_rekey(const struct ipid *d, uint32_t bucket, struct ipid_bucket *b)
{
	struct ipid_input in;
	uint64_t h;
	uint32_t at;

	_Static_assert(IPID_BUCKETS <= UINT16_MAX, "a bucket's number");
	memset(&in, 0, sizeof(in));
	in.purpose = IPID_FOR_SUB;
	in.bucket = (uint16_t)bucket;
	in.n = b->epoch;
	for (at = 0; at < sizeof(b->sub); at += sizeof(h)) {
		in.at = at;
		h = keyed_hash(d->key, &in, sizeof(in));
		memcpy((uint8_t *)b->sub + at, &h, sizeof(h));
	}
}

/*
 * A permutation of 15 bits: an unbalanced Feistel network of 8 and 7 bits.
 * Its round functions are secret tables, shifted by the bucket's key, which
 * is another for each half: both come from SipHash, but not for each packet.
 */
static uint32_t
ipid_permute(const struct ipid *d, const struct ipid_bucket *b, uint32_t v)
{
	uint8_t l = (uint8_t)(v >> 7), r = v & 0x7f;
	uint32_t i;

	for (i = 0; i < IPID_ROUNDS; i += 2) {
		l ^= d->box[i][r ^ b->sub[i][0]] ^ b->sub[i][1];
		r ^= (d->box[i + 1][l ^ b->sub[i + 1][0]] ^ b->sub[i + 1][1]) &
		    0x7f;
	}
	return ((uint32_t)l << 7 | r);
}

int
ipid_next(struct ipid *d, const struct addr *client, int64_t now, uint16_t *id)
{
	uint32_t bucket = ipid_bucket(d, client), half, v;
	struct ipid_bucket *b = &d->b[bucket];

	for (;;) {
		half = b->epoch & 1;
		/* Its values must have rested since it was last used up. */
		if (b->pos == 0 && b->used[half] &&
		    now - b->ended[half] < IPID_REST_NS)
			return (-1);
		if (b->pos == 0)
			ipid_rekey(d, bucket, b);
		v = half * IPID_HALF + ipid_permute(d, b, b->pos);
		b->pos++;
		if (b->pos == IPID_HALF) {
			b->pos = 0;
			b->ended[half] = now;
			b->used[half] = 1;
			b->epoch++;
		}
		if (v != 0)
			break;
	}
	*id = (uint16_t)v;
	return (0);
}
