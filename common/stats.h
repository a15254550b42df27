/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_STATS_H
#define COMMON_STATS_H

#include <stdint.h>

#include "common/addr.h"

/*
 * Counters.  Each is kept by one process; a child sends all of its own and
 * the controller adds the two arrays, so no counter is kept twice.
 *
 * Every probe handed up ends as exactly one of PASSED, DROPPED, INFLECTIONS,
 * RELAYED, ENDED, EXPIRED; every request as one of REQUESTS_ANSWERED, REFUSED,
 * EXPIRED, PASSED, DROPPED.  A request counts as the protocol that it asks
 * for.
 */
enum stat_kind {
	/* kept by the packet process */
	STAT_PROBES = 0,  /* handed up to the engine */
	STAT_INFLECTIONS, /* answered as the inflection point */
	STAT_TURNED,      /* turned probes sent */
	STAT_RELAYED,     /* answers of reverse routers relayed */
	STAT_ENDED,       /* final answers sent */
	STAT_EXPIRED,     /* turned, nothing to relay by the deadline */
	STAT_PASSED,      /* left to the host's kernel */
	STAT_DROPPED,     /* dropped by order, unanswered */
	STAT_LATE,        /* orders past their deadline */
	STAT_FORGED,      /* errors that agree in all but id or cookie */
	STAT_UNMATCHED,   /* errors that match no probe in flight */
	STAT_DUPLICATE,   /* errors for a probe already matched */
	STAT_CAPPED,      /* not sent: over the packet process's own caps */
	STAT_UNANSWERED,  /* no order within 250 ms: passed */
	STAT_SEND_FAILED, /* the kernel refused to send */
	/* kept by the engine */
	STAT_LIMITED,     /* over a limit (passed or dropped) */
	STAT_GATED,       /* no open gate: passed */
	STAT_DENIED,      /* source denied: passed */
	STAT_MALFORMED,   /* the engine's parser refused: passed */
	STAT_HIDDEN,      /* relayed without address: hidden hop */
	STAT_UNREACHABLE, /* a reverse router said unreachable */
	/* requests (docs/augsburg.md); kept by the packet process */
	STAT_REQUESTS,          /* handed up to the engine */
	STAT_REQUESTS_PROBED,   /* probes sent for them */
	STAT_REQUESTS_ANSWERED, /* with what the probe met */
	STAT_REQUESTS_REFUSED,  /* answered with another status */
	STAT_REQUESTS_EXPIRED,  /* probed, nothing to answer by the deadline */
	STAT_REQUESTS_PASSED,   /* left to the host's kernel */
	STAT_REQUESTS_DROPPED,  /* over a limit */
	STAT_MAX
};

/* Plain counters: packets that never reached the engine, by reason, ... */
enum tally {
	/* hand-up refusals, in the order of the checks (enum handup_reason) */
	TALLY_REFUSED_FIRST = 0,
	TALLY_SHORT = 0, /* shorter than its headers */
	TALLY_HEADER,    /* version, options, extension headers */
	TALLY_FRAGMENT,
	TALLY_LENGTH,      /* lengths disagree, or out of 28..1280 */
	TALLY_DESTINATION, /* not a listen address */
	TALLY_TTL,         /* 0 or above max ttl */
	TALLY_SOURCE,      /* own, martian, multicast */
	TALLY_PROTOCOL,    /* not UDP, ICMP echo, TCP SYN as configured */
	TALLY_PORT,        /* port not in range, or source port below 1024 */
	TALLY_CHECKSUM,    /* wrong transport checksum */
	TALLY_LOOP,        /* a turned probe of another uturnd */
	TALLY_NOROOM,      /* too small for a cookie */
	TALLY_REFUSED_LAST = TALLY_NOROOM,
	TALLY_PAUSED,         /* paused by the operator */
	TALLY_FULL,           /* no free record */
	TALLY_BUSY,           /* the pipe to the engine is full */
	TALLY_CAPTURE_BAD,    /* captured, but not a well-formed error */
	TALLY_QUEUE_ERROR,    /* netlink errors read back */
	TALLY_QUEUE_OVERFLOW, /* ENOBUFS on the netlink socket */
	TALLY_QUEUE_DROPPED,  /* the kernel's drop columns */
	TALLY_QUEUE_SEQ,      /* the kernel's id sequence: packets queued */
	TALLY_PENDING,        /* records in use now (a gauge) */
	TALLY_LOG_DROPPED,    /* log lines over the rate */
	TALLY_OBSERVED,       /* mode observe: passed instead of its order */
	TALLY_MAX
};

/*
 * Round trips to reverse hops: one bucket for each bound, those up to it that
 * no lower bucket has, and one for all that took longer than any.
 */
#define STATS_RTT_BOUNDS  12
#define STATS_RTT_BUCKETS (STATS_RTT_BOUNDS + 1)

struct stats {
	uint64_t stat[STAT_MAX][FAMILY_MAX][PROTO_MAX];
	uint64_t tally[TALLY_MAX];
	uint64_t rtt[FAMILY_MAX][STATS_RTT_BUCKETS]; /* kept by the engine */
	uint64_t rtt_sum_us[FAMILY_MAX];
	/* ms since the last probe, at least 1; 0: none.  The packet
	 * process's alone, so that a sum is right here, too. */
	uint64_t probe_age_ms;
};

/* Names as in JSON and metrics: snake_case. */
const char *stat_name(enum stat_kind);
const char *tally_name(enum tally);

/* stats_rtt_bound: a bucket's, in us; 0 for the last, which has none. */
uint32_t stats_rtt_bound(unsigned int bucket);
/* stats_rtt: counts one round trip. */
void stats_rtt(struct stats *, enum family, uint64_t rtt_ns);
/* stats_add: adds all that a process counted to a sum. */
void stats_add(struct stats *sum, const struct stats *);

#endif /* COMMON_STATS_H */
