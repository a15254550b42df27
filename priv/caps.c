/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/build.h"
#include "priv/caps.h"

#define CAPS_NS    1000000000ULL
#define CAPS_MILLI 1000ULL
/* Packets that one probe may lead to: the turned one, an answer or two. */
#define CAPS_PER_PROBE 3

/* times as much as the configured limit, but no more than the ceiling. */
static struct policy_limit
caps_limit(const struct policy_limit *l, uint32_t times, uint32_t ceiling)
{
	struct policy_limit r;
	uint64_t rate, burst;

	rate = (uint64_t)l->rate * times;
	burst = (uint64_t)l->burst * times;
	if (rate == 0 || rate > ceiling)
		rate = ceiling;
	/* No burst is named, or none is: one second's worth. */
	if (burst == 0 || l->rate == 0)
		burst = rate;
	if (burst > ceiling)
		burst = ceiling;
	r.rate = (uint32_t)rate;
	r.burst = (uint32_t)burst;
	return (r);
}

static void
caps_fill(struct caps_bucket *b, const struct policy_limit *l, int64_t now)
{
	b->tokens = l->burst * CAPS_MILLI;
	b->last = now;
}

void
caps_set(struct caps *c, const struct policy *p, int64_t now)
{
	struct policy_limit bytes;
	int i;

	c->packets = caps_limit(&p->limit_total, CAPS_PER_PROBE, CAPS_PACKETS);
	c->hop = caps_limit(&p->limit_hop, 1, CAPS_PACKETS);
	/* As many bytes as these packets can have. */
	bytes = c->packets;
	c->bytes = caps_limit(&bytes, BUILD_MAX, CAPS_BYTES);
	caps_fill(&c->b_packets, &c->packets, now);
	caps_fill(&c->b_bytes, &c->bytes, now);
	for (i = 0; i < CAPS_TTLS; i++)
		caps_fill(&c->b_hop[i], &c->hop, now);
}

/* Adds what time has brought.  Times in ns, tokens in thousandths. */
static void
caps_refill(struct caps_bucket *b, const struct policy_limit *l, int64_t now)
{
	uint64_t full = l->burst * CAPS_MILLI, gone, add;

	if (now <= b->last)
		return;
	gone = (uint64_t)now - (uint64_t)b->last;
	/* So long ago that it is full; also keeps the products small. */
	if (gone / CAPS_NS > l->burst / l->rate) {
		b->tokens = full;
		b->last = now;
		return;
	}
	add = gone / CAPS_NS * l->rate * CAPS_MILLI +
	    gone % CAPS_NS * l->rate / (CAPS_NS / CAPS_MILLI);
	if (add >= full - b->tokens) {
		b->tokens = full;
		b->last = now;
		return;
	}
	b->tokens += add;
	/* Only the time that these tokens took, rounded up: what is left
	 * counts at the next call, and no time counts twice. */
	b->last +=
	    (int64_t)((add * (CAPS_NS / CAPS_MILLI) + l->rate - 1) / l->rate);
}

int
caps_take(struct caps *c, size_t len, int turned_ttl, int64_t now)
{
	struct caps_bucket *hop = NULL;
	uint64_t bytes;

	if (len == 0 || len > BUILD_MAX || turned_ttl < -1 ||
	    turned_ttl >= CAPS_TTLS || c->packets.rate == 0)
		return (0);
	bytes = len * CAPS_MILLI;
	caps_refill(&c->b_packets, &c->packets, now);
	caps_refill(&c->b_bytes, &c->bytes, now);
	if (turned_ttl != -1) {
		hop = &c->b_hop[turned_ttl];
		caps_refill(hop, &c->hop, now);
		if (hop->tokens < CAPS_MILLI)
			return (0);
	}
	if (c->b_packets.tokens < CAPS_MILLI || c->b_bytes.tokens < bytes)
		return (0);
	c->b_packets.tokens -= CAPS_MILLI;
	c->b_bytes.tokens -= bytes;
	if (hop != NULL)
		hop->tokens -= CAPS_MILLI;
	return (1);
}
