/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "common/stats.h"

static const char *const stat_names[STAT_MAX] = {
	[STAT_PROBES] = "probes",
	[STAT_INFLECTIONS] = "inflections",
	[STAT_TURNED] = "turned",
	[STAT_RELAYED] = "relayed",
	[STAT_ENDED] = "ended",
	[STAT_EXPIRED] = "expired",
	[STAT_PASSED] = "passed",
	[STAT_DROPPED] = "dropped",
	[STAT_LATE] = "late",
	[STAT_FORGED] = "forged",
	[STAT_UNMATCHED] = "unmatched",
	[STAT_DUPLICATE] = "duplicate",
	[STAT_CAPPED] = "capped",
	[STAT_UNANSWERED] = "unanswered",
	[STAT_SEND_FAILED] = "send_failed",
	[STAT_LIMITED] = "limited",
	[STAT_GATED] = "gated",
	[STAT_DENIED] = "denied",
	[STAT_MALFORMED] = "malformed",
	[STAT_HIDDEN] = "hidden",
	[STAT_UNREACHABLE] = "unreachable",
	[STAT_REQUESTS] = "requests",
	[STAT_REQUESTS_PROBED] = "requests_probed",
	[STAT_REQUESTS_ANSWERED] = "requests_answered",
	[STAT_REQUESTS_REFUSED] = "requests_refused",
	[STAT_REQUESTS_EXPIRED] = "requests_expired",
	[STAT_REQUESTS_PASSED] = "requests_passed",
	[STAT_REQUESTS_DROPPED] = "requests_dropped",
};

/*
 * The reasons of hand-up are read below "refused", so they are short; the
 * others stand alone and must not collide with a counter or a state.
 */
static const char *const tally_names[TALLY_MAX] = {
	[TALLY_SHORT] = "short",
	[TALLY_HEADER] = "header",
	[TALLY_FRAGMENT] = "fragment",
	[TALLY_LENGTH] = "length",
	[TALLY_DESTINATION] = "destination",
	[TALLY_TTL] = "ttl",
	[TALLY_SOURCE] = "source",
	[TALLY_PROTOCOL] = "protocol",
	[TALLY_PORT] = "port",
	[TALLY_CHECKSUM] = "checksum",
	[TALLY_LOOP] = "loop",
	[TALLY_NOROOM] = "no_room",
	[TALLY_PAUSED] = "passed_paused",
	[TALLY_FULL] = "passed_full",
	[TALLY_BUSY] = "passed_busy",
	[TALLY_CAPTURE_BAD] = "capture_bad",
	[TALLY_QUEUE_ERROR] = "queue_errors",
	[TALLY_QUEUE_OVERFLOW] = "queue_overflows",
	[TALLY_QUEUE_DROPPED] = "queue_dropped",
	[TALLY_QUEUE_SEQ] = "queue_seq",
	[TALLY_PENDING] = "pending",
	[TALLY_LOG_DROPPED] = "log_dropped",
	[TALLY_OBSERVED] = "observed",
};

const char *
stat_name(enum stat_kind s)
{
	/* The cast also refuses negative values. */
	if ((unsigned int)s >= STAT_MAX)
		return ("?");
	return (stat_names[s]);
}

const char *
tally_name(enum tally t)
{
	if ((unsigned int)t >= TALLY_MAX)
		return ("?");
	return (tally_names[t]);
}

/* In us: from within a data centre to round the world and then some. */
static const uint32_t stats_rtt_bounds[STATS_RTT_BOUNDS] = { 500, 1000, 2500,
	5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000 };

uint32_t
stats_rtt_bound(unsigned int bucket)
{
	return (bucket < STATS_RTT_BOUNDS ? stats_rtt_bounds[bucket] : 0);
}

void
stats_rtt(struct stats *s, enum family f, uint64_t rtt_ns)
{
	uint64_t us = rtt_ns / 1000;
	unsigned int i;

	for (i = 0; i < STATS_RTT_BOUNDS; i++)
		if (rtt_ns <= (uint64_t)stats_rtt_bounds[i] * 1000)
			break;
	s->rtt[f][i]++;
	s->rtt_sum_us[f] += us;
}

void
stats_add(struct stats *sum, const struct stats *add)
{
	int f, i, p;

	for (i = 0; i < STAT_MAX; i++)
		for (f = 0; f < FAMILY_MAX; f++)
			for (p = 0; p < PROTO_MAX; p++)
				sum->stat[i][f][p] += add->stat[i][f][p];
	for (i = 0; i < TALLY_MAX; i++)
		sum->tally[i] += add->tally[i];
	for (f = 0; f < FAMILY_MAX; f++) {
		for (i = 0; i < STATS_RTT_BUCKETS; i++)
			sum->rtt[f][i] += add->rtt[f][i];
		sum->rtt_sum_us[f] += add->rtt_sum_us[f];
	}
	sum->probe_age_ms += add->probe_age_ms;
}
