/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_RECORDS_INT_H
#define PRIV_RECORDS_INT_H

#include <stdint.h>

#include "priv/keyed.h"
#include "priv/record.h"

/* Inside of records*.c only. */

struct record_list {
	uint32_t head;
	uint32_t tail;
};

/*
 * A record's place in the indexes.  Apart from the records, close together:
 * whoever comes or goes writes into its neighbours, which are anywhere.
 */
struct record_link {
	uint32_t next[RECORD_INDEX_MAX], prev[RECORD_INDEX_MAX];
	uint32_t bucket[RECORD_INDEX_MAX];
};

struct records {
	uint8_t key[KEYED_KEY_LEN];
	uint32_t n;
	uint32_t used;
	uint32_t mask; /* buckets of an index, less one */
	struct record *recs;
	struct record_link *links;           /* by slot */
	uint32_t *buckets[RECORD_INDEX_MAX]; /* slots, or RECORD_NONE */
	struct record_list free;
	struct record_list queues[RECORD_Q_MAX];
};

/* records_index: enters a turned record into both indexes.
 * records_unindex: takes it out, if it is in. */
void records_index(struct records *, struct record *);
void records_unindex(struct records *, struct record *);

#endif /* PRIV_RECORDS_INT_H */
