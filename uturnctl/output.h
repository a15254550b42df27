/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURNCTL_OUTPUT_H
#define UTURNCTL_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "uturnctl/check.h"
#include "uturnctl/names.h"
#include "uturnctl/procstat.h"
#include "uturnctl/reply.h"

#define OUTPUT_USER_MAX 64

/* One process: the daemon says pid and name, the kernel says the rest. */
struct output_process {
	uint32_t pid;
	const char *name;
	int error; /* errno of reading stat, which then does not hold; or 0 */
	struct procstat stat;
	char user[OUTPUT_USER_MAX];
};

/*
 * A form of output.  Everything that comes from the daemon was escaped by
 * reply_take.  Each returns 0, or -1 without memory; the caller looks at the
 * streams' error indicators.
 */
struct output {
	/* what `stats` asked for */
	int (*stats)(FILE *out, const struct reply *);
	/* the lines of the configuration */
	int (*config)(FILE *out, const struct reply *);
	int (*processes)(FILE *out, const struct output_process *, size_t n);
	int (*traces)(FILE *out, const struct reply *, const struct names *);
	/* who traces now, and who is denied */
	int (*clients)(FILE *out, const struct reply *, const struct names *);
	int (*denied)(FILE *out, const struct reply *);
	int (*check)(FILE *out, const struct check *);
	/* one event, on a line of its own; now in ms since 1970 */
	int (*event)(FILE *out, const struct msg_event *, int64_t now);
	/* an order's lines and its result; or a refusal of anything */
	int (*result)(FILE *out, FILE *err, const struct reply *);
};

extern const struct output output_text;
extern const struct output output_json;

/* output_dot: all traces as one graph for Graphviz; returns 0, or -1. */
int output_dot(FILE *out, const struct reply *, const struct names *);

/*
 * output_metrics: counters for Prometheus; now in ms since 1970.  Returns 0.
 */
int output_metrics(FILE *out, const struct reply *, int64_t now);

/* What the tables above name, in files of their own. */
int text_traces(FILE *out, const struct reply *, const struct names *);
int text_event(FILE *out, const struct msg_event *, int64_t now);
int json_traces(FILE *out, const struct reply *, const struct names *);
int json_event(FILE *out, const struct msg_event *, int64_t now);
int text_clients(FILE *out, const struct reply *, const struct names *);
int text_denied(FILE *out, const struct reply *);
int text_check(FILE *out, const struct check *);
int json_clients(FILE *out, const struct reply *, const struct names *);
int json_denied(FILE *out, const struct reply *);
int json_check(FILE *out, const struct check *);

/*
 * output_sum: a counter over all protocols of one family, or over all with
 * FAMILY_MAX.  Sticks at UINT64_MAX instead of wrapping.
 */
uint64_t output_sum(const struct stats *, enum stat_kind, enum family);
/* output_proto: "udp", "icmp", "tcp". */
const char *output_proto(enum proto);
/*
 * output_unreach: how traceroute marks such an unreachable: "!H", "!X", or its
 * code as a number; writes and returns buf.
 */
#define OUTPUT_UNREACH_MAX 12
const char *output_unreach(
    enum family, uint8_t type, uint8_t code, char buf[OUTPUT_UNREACH_MAX]);
/* output_result_name: "ok", "refused", "failed". */
const char *output_result_name(enum msg_result);

#endif /* UTURNCTL_OUTPUT_H */
