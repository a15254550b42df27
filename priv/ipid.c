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

struct ipid_bucket {
	uint64_t epoch;   /* halves begun: each has a permutation of its own */
	uint32_t pos;     /* values handed out of this half */
	int64_t ended[2]; /* when each half's last value was handed out */
	uint8_t used[2];  /* ended holds */
};
struct ipid {
	uint8_t key[KEYED_KEY_LEN];
	struct ipid_bucket b[IPID_BUCKETS];
};

struct ipid *
ipid_new(const uint8_t key[16])
{
	struct ipid *d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	memcpy(d->key, key, sizeof(d->key));
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

/*
 * A permutation of 15 bits, keyed by bucket and epoch: an unbalanced Feistel
 * network of 8 and 7 bits, with SipHash for its rounds.
 */
static uint32_t
ipid_permute(const struct ipid *d, uint32_t bucket, uint64_t epoch, uint32_t v)
{
	struct {
		uint64_t epoch;
		uint32_t bucket;
		uint16_t round;
		uint16_t half;
	} in;
	uint32_t l = v >> 7, r = v & 0x7f;
	uint16_t i;

	_Static_assert(sizeof(in) == 16, "no padding is hashed");
	in.epoch = epoch;
	in.bucket = bucket;
	for (i = 0; i < IPID_ROUNDS; i += 2) {
		in.round = i;
		in.half = (uint16_t)r;
		l ^= (uint32_t)keyed_hash(d->key, &in, sizeof(in)) & 0xff;
		in.round = (uint16_t)(i + 1);
		in.half = (uint16_t)l;
		r ^= (uint32_t)keyed_hash(d->key, &in, sizeof(in)) & 0x7f;
	}
	return (l << 7 | r);
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
		v = half * IPID_HALF +
		    ipid_permute(d, bucket, b->epoch, b->pos);
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
