/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>
#include <string.h>

#include "priv/record.h"
#include "priv/records_int.h"

#define RECORDS_LINE 64 /* of a cache */

static void
records_append(struct records *rs, struct record_list *l, struct record *rec)
{
	uint32_t slot = records_id(rs, rec).slot;

	rec->qnext = RECORD_NONE;
	rec->qprev = l->tail;
	if (l->tail == RECORD_NONE)
		l->head = slot;
	else
		rs->recs[l->tail].qnext = slot;
	l->tail = slot;
}

static void
records_unlink(struct records *rs, struct record_list *l, struct record *rec)
{
	if (rec->qprev == RECORD_NONE)
		l->head = rec->qnext;
	else
		rs->recs[rec->qprev].qnext = rec->qnext;
	if (rec->qnext == RECORD_NONE)
		l->tail = rec->qprev;
	else
		rs->recs[rec->qnext].qprev = rec->qprev;
	rec->qnext = rec->qprev = RECORD_NONE;
}

static void
records_dequeue(struct records *rs, struct record *rec)
{
	if (rec->queue == RECORD_Q_MAX)
		return;
	records_unlink(rs, &rs->queues[rec->queue], rec);
	rec->queue = RECORD_Q_MAX;
}

/* Queues the record at the end of q; a queue's times never fall. */
static void
records_enqueue(
    struct records *rs, struct record *rec, enum record_queue q, int64_t due)
{
	struct record_list *l = &rs->queues[q];

	records_dequeue(rs, rec);
	if (l->tail != RECORD_NONE && rs->recs[l->tail].due > due)
		due = rs->recs[l->tail].due;
	rec->due = due;
	rec->queue = (uint8_t)q;
	records_append(rs, l, rec);
}

static int64_t
records_after(int64_t now, uint64_t ns)
{
	if (now < 0)
		now = 0;
	if (ns > (uint64_t)(INT64_MAX - now))
		return (INT64_MAX);
	return (now + (int64_t)ns);
}

struct records *
records_new(uint32_t n, const uint8_t key[16])
{
	struct records *rs;
	uint32_t i, size;
	int x;

	if (n < POLICY_PENDING_MIN || n > POLICY_PENDING_MAX)
		return (NULL);
	if ((rs = calloc(1, sizeof(*rs))) == NULL)
		return (NULL);
	for (size = 1; size < n; size <<= 1)
		;
	rs->n = n;
	rs->mask = size - 1;
	memcpy(rs->key, key, sizeof(rs->key));
	if ((rs->recs = calloc(n, sizeof(*rs->recs))) == NULL ||
	    (rs->links = calloc(n, sizeof(*rs->links))) == NULL)
		goto fail;
	for (x = 0; x < RECORD_INDEX_MAX; x++) {
		rs->buckets[x] = calloc(size, sizeof(*rs->buckets[x]));
		if (rs->buckets[x] == NULL)
			goto fail;
		for (i = 0; i < size; i++)
			rs->buckets[x][i] = RECORD_NONE;
	}
	for (i = 0; i < RECORD_Q_MAX; i++)
		rs->queues[i].head = rs->queues[i].tail = RECORD_NONE;
	rs->free.head = rs->free.tail = RECORD_NONE;
	for (i = 0; i < n; i++) {
		rs->recs[i].queue = RECORD_Q_MAX;
		records_append(rs, &rs->free, &rs->recs[i]);
	}
	return (rs);

fail:
	records_free(rs);
	return (NULL);
}

void
records_free(struct records *rs)
{
	int x;

	if (rs == NULL)
		return;
	for (x = 0; x < RECORD_INDEX_MAX; x++)
		free(rs->buckets[x]);
	free(rs->links);
	free(rs->recs);
	free(rs);
}

struct msg_id
records_id(const struct records *rs, const struct record *rec)
{
	struct msg_id id;

	id.slot = (uint32_t)(rec - rs->recs);
	id.gen = rec->gen;
	return (id);
}

enum record_lookup
records_find(struct records *rs, struct msg_id id, struct record **rp)
{
	struct record *rec;
	int future;

	*rp = NULL;
	if (id.slot >= rs->n || id.gen == 0)
		return (RECORD_BAD);
	rec = &rs->recs[id.slot];
	/* Once they have begun again, the nearer way round counts. */
	if (rec->wrapped)
		future = (uint32_t)(id.gen - rec->gen - 1) < INT32_MAX;
	else
		future = id.gen > rec->gen;
	if (future)
		return (RECORD_BAD);
	*rp = rec;
	if (id.gen != rec->gen)
		return (RECORD_LATE);
	if (rec->state != RECORD_FREE)
		return (RECORD_LIVE);
	return (rec->by_order ? RECORD_TWICE : RECORD_LATE);
}

/* The slot that has been free the longest is also the coldest. */
static void
records_prefetch(const struct records *rs, uint32_t slot)
{
	const uint8_t *p;
	size_t at;

	if (slot == RECORD_NONE)
		return;
	p = (const uint8_t *)&rs->recs[slot];
	for (at = 0; at < sizeof(struct record); at += RECORDS_LINE)
		__builtin_prefetch(p + at, 1);
}

struct record *
records_alloc(struct records *rs, int64_t now)
{
	struct record *rec;
	uint32_t gen;
	uint8_t wrapped;

	if (rs->free.head == RECORD_NONE)
		return (NULL);
	rec = &rs->recs[rs->free.head];
	records_unlink(rs, &rs->free, rec);
	records_prefetch(rs, rs->free.head);
	records_unindex(rs, rec);
	gen = rec->gen + 1;
	wrapped = rec->wrapped;
	if (gen == 0) {
		gen = 1;
		wrapped = 1;
	}
	memset(rec, 0, sizeof(*rec));
	rec->gen = gen;
	rec->wrapped = wrapped;
	rec->state = RECORD_PENDING;
	rec->queue = RECORD_Q_MAX;
	records_enqueue(
	    rs, rec, RECORD_Q_ORDER, records_after(now, RECORD_ORDER_NS));
	rs->used++;
	return (rec);
}

void
records_turned(struct records *rs, struct record *rec, int64_t now)
{
	if (rec->state != RECORD_PENDING)
		return;
	rec->state = RECORD_TURNED;
	rec->sent_at = now;
	records_index(rs, rec);
	if (rec->kind == RECORD_PROBE && rec->probe.proto == PROTO_UDP)
		records_enqueue(rs, rec, RECORD_Q_SETTLE,
		    records_after(now, rec->settle_ns));
	else
		records_enqueue(rs, rec, RECORD_Q_TIMEOUT,
		    records_after(now, rec->timeout_ns));
}

void
records_settled(struct records *rs, struct record *rec)
{
	if (rec->state != RECORD_TURNED || rec->queue != RECORD_Q_SETTLE)
		return;
	rec->settled = 1;
	records_enqueue(rs, rec, RECORD_Q_TIMEOUT,
	    records_after(rec->sent_at, rec->timeout_ns));
}

void
records_matched(struct records *rs, struct record *rec)
{
	if (rec->state != RECORD_TURNED)
		return;
	rec->state = RECORD_MATCHED;
	rec->matched = 1;
	/* The packet that it points into is gone by the next one. */
	rec->met.cookie = NULL;
	rec->met.cookielen = 0;
	records_enqueue(rs, rec, RECORD_Q_TIMEOUT,
	    records_after(rec->sent_at, rec->timeout_ns));
}

void
records_end(struct records *rs, struct record *rec, int by_order)
{
	if (rec->state == RECORD_FREE)
		return;
	records_dequeue(rs, rec);
	rec->state = RECORD_FREE;
	rec->by_order = by_order != 0;
	records_append(rs, &rs->free, rec);
	rs->used--;
}

struct record *
records_due(struct records *rs, enum record_queue q, int64_t now)
{
	struct record *rec;

	if (rs->queues[q].head == RECORD_NONE)
		return (NULL);
	rec = &rs->recs[rs->queues[q].head];
	return (rec->due <= now ? rec : NULL);
}

int64_t
records_next_due(const struct records *rs)
{
	int64_t due, next = INT64_MAX;
	uint32_t head;
	int q;

	for (q = 0; q < RECORD_Q_MAX; q++) {
		if ((head = rs->queues[q].head) == RECORD_NONE)
			continue;
		due = rs->recs[head].due;
		if (due < next)
			next = due;
	}
	return (next);
}

uint32_t
records_used(const struct records *rs)
{
	return (rs->used);
}
