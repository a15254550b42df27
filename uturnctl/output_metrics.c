/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Counters in the text format of Prometheus, version 0.0.4.  Names and labels
 * are a stable interface: dashboards and alerts are made of them.  No label
 * has values that grow with clients.
 */

#include <inttypes.h>

#include "common/version.h"
#include "uturnctl/output.h"

static const char *const metrics_families[FAMILY_MAX] = { "4", "6" };

/* What `show metrics' says of each counter; the names are stat_name's. */
static const char *const metrics_help[STAT_MAX] = {
	[STAT_PROBES] = "Probes taken from the queue.",
	[STAT_INFLECTIONS] = "Probes answered as the inflection point.",
	[STAT_TURNED] = "Turned probes sent.",
	[STAT_RELAYED] = "Answers of reverse routers relayed.",
	[STAT_ENDED] = "Final answers sent.",
	[STAT_EXPIRED] = "Turned probes without anything to relay.",
	[STAT_PASSED] = "Probes left to the host's kernel.",
	[STAT_DROPPED] = "Probes dropped without an answer.",
	[STAT_LATE] = "Orders past their deadline.",
	[STAT_FORGED] = "ICMP errors that agree in all but id or cookie.",
	[STAT_UNMATCHED] = "ICMP errors that match no probe in flight.",
	[STAT_DUPLICATE] = "ICMP errors for a probe that was matched before.",
	[STAT_CAPPED] = "Packets not sent: over the compiled caps.",
	[STAT_UNANSWERED] = "Probes without an order in time, passed.",
	[STAT_SEND_FAILED] = "Packets that the kernel refused to send.",
	[STAT_LIMITED] = "Probes over a limit.",
	[STAT_GATED] = "Probes without an open gate, passed.",
	[STAT_DENIED] = "Probes of denied sources, passed.",
	[STAT_MALFORMED] = "Probes that could not be parsed, passed.",
	[STAT_HIDDEN] = "Answers relayed without the router's address.",
	[STAT_UNREACHABLE] = "Unreachables of reverse routers.",
	[STAT_REQUESTS] = "Requests for a reverse hop taken from the queue.",
	[STAT_REQUESTS_PROBED] = "Probes sent for requests.",
	[STAT_REQUESTS_ANSWERED] = "Requests answered with what was met.",
	[STAT_REQUESTS_REFUSED] = "Requests answered with another status.",
	[STAT_REQUESTS_EXPIRED] = "Requests probed without anything to answer.",
	[STAT_REQUESTS_PASSED] = "Requests left to the host's kernel.",
	[STAT_REQUESTS_DROPPED] = "Requests over a limit, dropped.",
};

struct metrics_tally {
	enum tally tally;
	const char *name;
	const char *help;
};
/* All that are neither a reason of refusal nor a gauge. */
static const struct metrics_tally metrics_tallies[] = {
	{ TALLY_PAUSED, "passed_paused", "Packets passed during a pause." },
	{ TALLY_FULL, "passed_full", "Packets passed: no record was free." },
	{ TALLY_BUSY, "passed_busy", "Messages the engine had no room for." },
	{ TALLY_CAPTURE_BAD, "capture_bad", "Malformed ICMP errors." },
	{ TALLY_QUEUE_ERROR, "queue_errors", "Errors of the kernel's queue." },
	{ TALLY_QUEUE_OVERFLOW, "queue_overflows",
	    "Overflows of the queue's socket." },
	{ TALLY_QUEUE_DROPPED, "queue_dropped",
	    "Packets that the kernel's queue dropped." },
	{ TALLY_QUEUE_SEQ, "queue_packets", "Packets that were queued." },
	{ TALLY_LOG_DROPPED, "log_dropped", "Log lines over the rate." },
	{ TALLY_OBSERVED, "observed",
	    "Probes passed in mode observe that would have been taken." },
};

static void
metrics_head(FILE *out, const char *name, const char *suffix, const char *type,
    const char *help)
{
	fprintf(out, "# HELP uturnd_%s%s %s\n# TYPE uturnd_%s%s %s\n", name,
	    suffix, help, name, suffix, type);
}

static void
metrics_gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
	metrics_head(out, name, "", "gauge", help);
	fprintf(out, "uturnd_%s %" PRIu64 "\n", name, value);
}

static void
metrics_counters(FILE *out, const struct stats *s)
{
	size_t i;
	int f, p;

	for (i = 0; i < STAT_MAX; i++) {
		metrics_head(
		    out, stat_name(i), "_total", "counter", metrics_help[i]);
		for (f = 0; f < FAMILY_MAX; f++)
			for (p = 0; p < PROTO_MAX; p++)
				fprintf(out,
				    "uturnd_%s_total{family=\"%s\","
				    "proto=\"%s\"} %" PRIu64 "\n",
				    stat_name(i), metrics_families[f],
				    output_proto(p), s->stat[i][f][p]);
	}
	metrics_head(out, "refused", "_total", "counter",
	    "Packets of the queue that were no probes of ours, passed.");
	for (i = TALLY_REFUSED_FIRST; i <= TALLY_REFUSED_LAST; i++)
		fprintf(out,
		    "uturnd_refused_total{reason=\"%s\"} %" PRIu64 "\n",
		    tally_name(i), s->tally[i]);
	for (i = 0; i < sizeof(metrics_tallies) / sizeof(metrics_tallies[0]);
	     i++) {
		metrics_head(out, metrics_tallies[i].name, "_total", "counter",
		    metrics_tallies[i].help);
		fprintf(out, "uturnd_%s_total %" PRIu64 "\n",
		    metrics_tallies[i].name,
		    s->tally[metrics_tallies[i].tally]);
	}
}

static void
metrics_seconds(FILE *out, uint64_t us)
{
	fprintf(out, "%" PRIu64 ".%06u", us / 1000000,
	    (unsigned int)(us % 1000000));
}

static void
metrics_rtt(FILE *out, const struct stats *s)
{
	const char *family;
	uint64_t n;
	unsigned int i;
	int f;

	metrics_head(out, "hop_rtt_seconds", "", "histogram",
	    "Time from the host to a reverse router and back.");
	for (f = 0; f < FAMILY_MAX; f++) {
		family = metrics_families[f];
		for (i = 0, n = 0; i < STATS_RTT_BUCKETS; i++) {
			n += s->rtt[f][i];
			fprintf(out,
			    "uturnd_hop_rtt_seconds_bucket{family=\"%s\",le=\"",
			    family);
			if (stats_rtt_bound(i) == 0)
				fprintf(out, "+Inf");
			else
				fprintf(out, "%g",
				    (double)stats_rtt_bound(i) / 1e6);
			fprintf(out, "\"} %" PRIu64 "\n", n);
		}
		fprintf(
		    out, "uturnd_hop_rtt_seconds_sum{family=\"%s\"} ", family);
		metrics_seconds(out, s->rtt_sum_us[f]);
		fprintf(out,
		    "\nuturnd_hop_rtt_seconds_count{family=\"%s\"} %" PRIu64
		    "\n",
		    family, n);
	}
}

int
output_metrics(FILE *out, const struct reply *r, int64_t now_ms)
{
	const struct stats *s = &r->stats;
	uint64_t then = 0, now = now_ms > 0 ? (uint64_t)now_ms : 0;

	metrics_head(out, "build_info", "", "gauge",
	    "Always 1; the version is a label.");
	fprintf(out, "uturnd_build_info{version=\"%s\"} 1\n", UTURND_VERSION);
	metrics_gauge(out, "up", "The daemon answers.", 1);
	metrics_gauge(out, "uptime_seconds", "Since the daemon's start.",
	    r->info.uptime_ns / 1000000000);
	metrics_gauge(out, "config_generation",
	    "The configuration in force, counted from the start.",
	    r->info.generation);
	metrics_gauge(out, "paused", "1: every probe is passed, by order.",
	    r->info.paused);
	metrics_gauge(out, "observing", "1: mode observe, nothing is answered.",
	    r->info.observe);
	metrics_gauge(
	    out, "pending", "Probes in flight.", s->tally[TALLY_PENDING]);
	metrics_gauge(out, "pending_max", "Probes that may be in flight.",
	    r->info.pending_max);
	/* The daemon says how long ago: it has no clock of the calendar. */
	if (s->probe_age_ms != 0 && s->probe_age_ms <= now)
		then = (now - s->probe_age_ms) * 1000;
	metrics_head(out, "last_probe_timestamp_seconds", "", "gauge",
	    "When the last probe was taken, since 1970; 0: none was.");
	fprintf(out, "uturnd_last_probe_timestamp_seconds ");
	metrics_seconds(out, then);
	fputc('\n', out);
	metrics_counters(out, s);
	metrics_rtt(out, s);
	return (0);
}
