/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_RECORD_H
#define PRIV_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "common/policy.h"
#include "common/wire.h"
#include "priv/handup.h"
#include "priv/match.h"
#include "priv/request.h"

/*
 * The fixed array of records, one for each probe handed up.  A record is
 * named by its slot and generation; it holds all that is needed to write any
 * packet for its probe, so that no byte of an order does.
 */

#define RECORD_NONE       UINT32_MAX
#define RECORD_COOKIE_MAX 8
/* No order within this time: the probe is passed (DESIGN 3.4). */
#define RECORD_ORDER_NS (250 * 1000000ULL)

enum record_state {
	RECORD_FREE = 0,
	RECORD_PENDING, /* handed up: the engine owes an order, we a verdict */
	RECORD_TURNED,  /* turned probe sent, nothing matched yet */
	RECORD_MATCHED  /* matched: the engine may order the answer */
};
/* Each state but FREE has a queue of records, oldest first. */
enum record_queue {
	RECORD_Q_ORDER = 0, /* PENDING, due RECORD_ORDER_NS after hand-up */
	RECORD_Q_SETTLE,    /* TURNED UDP probe, due `settle` after the turn */
	RECORD_Q_TIMEOUT,   /* TURNED and MATCHED, due `timeout` after it */
	RECORD_Q_MAX
};
/* Where a turned probe is found by what comes back. */
enum record_index {
	RECORD_EXACT = 0, /* also by what only we chose */
	RECORD_FLOW,      /* by addresses, protocol, ports or id and sequence */
	RECORD_INDEX_MAX
};
/* Steps along one chain of an index, at most: so that whoever fills one flow
 * can't make matching slow. */
#define RECORD_WALK_MAX 32

/* What was handed up. */
enum record_kind {
	RECORD_PROBE = 0, /* a probe, to be turned */
	RECORD_AUGSBURG   /* a request for a reverse probe */
};

struct record {
	/* name and state */
	uint32_t gen;
	enum record_state state;
	enum record_kind kind;
	uint8_t by_order; /* FREE: the last probe ended by an order */
	uint8_t ahead;    /* of msg_turn */
	uint8_t settled;  /* EXPIRED(settle) went up */
	uint8_t matched;  /* it met something */
	/* links of records.c: slots or RECORD_NONE */
	uint8_t queue; /* enum record_queue, or RECORD_Q_MAX */
	uint8_t indexed;
	uint8_t wrapped; /* the generation has begun again at 1 */
	uint32_t qnext, qprev;
	int64_t due;
	uint32_t packet_id; /* NFQUEUE's, for the verdict */
	/* sums: bytes answered to the client; a turned probe is not included,
	 * the probe that was asked for is */
	uint32_t answered;
	/* the turned probe */
	int64_t sent_at; /* ns, CLOCK_MONOTONIC */
	uint16_t ip_id;  /* IPv4 identification */
	uint8_t ttl_sent;
	uint8_t cookie_len; /* bytes of cookie in the payload: 0, 4..8 */
	uint8_t cookie[RECORD_COOKIE_MAX]; /* TCP: first 4 are seq */
	uint8_t sent_l4[8];                /* first 8 bytes of L4 as sent */
	/* the probe, as the hand-up checks read it (host order ports) */
	struct handup probe;
	struct request ask; /* RECORD_AUGSBURG: what the probe is to be */
	uint16_t headlen;
	/* the policy that held when it was handed up */
	struct policy_listen policy;
	uint64_t timeout_ns;
	uint64_t settle_ns;
	uint8_t observe; /* only ever passed */
	/* what it met; its cookie does not point anywhere any more */
	struct match met;
	uint64_t rtt_ns; /* from the turned probe to it */
	uint8_t head[WIRE_HEAD_MAX];
};

/* record_proto: the protocol of what is sent for the record. */
static inline enum proto
record_proto(const struct record *rec)
{
	return (
	    rec->kind == RECORD_AUGSBURG ? rec->ask.proto : rec->probe.proto);
}

/* record_to: where what is sent with a cookie goes, and answers come from. */
static inline const struct addr *
record_to(const struct record *rec)
{
	return (rec->kind == RECORD_AUGSBURG ? &rec->ask.to : &rec->probe.src);
}

struct records;

/*
 * records_new: n records (64..65536), key (16 bytes) for the keyed hashes of
 * its indexes.  NULL without memory; nothing is allocated later.
 */
struct records *records_new(uint32_t n, const uint8_t key[16]);
void records_free(struct records *);

/*
 * What records_find says of an id that came in an order.  *rp is the slot's
 * record for all but RECORD_BAD.
 */
enum record_lookup {
	RECORD_LIVE = 0, /* the record is not FREE */
	RECORD_LATE,     /* an older generation, or ended by its deadline */
	RECORD_TWICE,    /* this very probe was ended by an order before */
	RECORD_BAD       /* no such slot, or a generation never issued */
};
enum record_lookup
records_find(struct records *, struct msg_id, struct record **rp);

/*
 * records_alloc: takes the slot that has been free the longest, raises its
 * generation, state PENDING, queued for RECORD_ORDER_NS after now.  NULL
 * when all are taken.  The caller fills probe, head, policy.
 */
struct record *records_alloc(struct records *, int64_t now);
struct msg_id records_id(const struct records *, const struct record *);
/*
 * records_turned: PENDING -> TURNED: indexed for matching by what was sent
 * (ip_id, cookie, sent_l4 are filled), queued for settle (a probe by UDP) or
 * timeout.
 */
void records_turned(struct records *, struct record *, int64_t now);
/* records_settled: a TURNED record whose settle is due waits on for
 * timeout; sets settled. */
void records_settled(struct records *, struct record *);
/*
 * records_matched: TURNED -> MATCHED, moves to the end of the timeout queue.
 * The caller has filled met; its pointer into the packet is cleared here.  The
 * record stays indexed, so that a second error counts as a duplicate.
 */
void records_matched(struct records *, struct record *);
/*
 * records_end: any state -> FREE; by_order 0: its deadline ended it.  One that
 * was matched, or that an order ended, stays findable as a duplicate until its
 * slot is reused.
 */
void records_end(struct records *, struct record *, int by_order);

/*
 * records_due: the oldest record of a queue if due at now, else NULL.  None is
 * due before one that joined the queue earlier: a record that comes later with
 * an earlier time (a shorter timeout after a reload, an end of settling) waits
 * for the one before it.
 * records_next_due: the earliest due time of all queues, INT64_MAX if none.
 */
struct record *records_due(struct records *, enum record_queue, int64_t now);
int64_t records_next_due(const struct records *);
uint32_t records_used(const struct records *);

/*
 * records_match: finds the turned probe that a captured packet answers
 * (DESIGN 3.11, 3.12).  *rp is set for MATCH_IS_FIRST only.
 */
enum match_verdict {
	MATCH_IS_FIRST = 0, /* all agrees, the record is TURNED */
	MATCH_IS_DUPLICATE, /* all agrees, but it was matched or answered
			       before */
	MATCH_IS_FORGED,    /* all but id, cookie or quoted TTL agrees with a
			       probe in flight */
	MATCH_IS_NOTHING    /* no probe of ours, or one that has expired */
};
enum match_verdict
records_match(struct records *, const struct match *, struct record **rp);

#endif /* PRIV_RECORD_H */
