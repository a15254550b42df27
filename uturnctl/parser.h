/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURNCTL_PARSER_H
#define UTURNCTL_PARSER_H

#include <stdio.h>

#include "common/msg.h"

/* What can be asked for. */
enum ctl_action {
	ACTION_NONE = 0,
	ACTION_STATS,
	ACTION_SHOW_CONFIG,
	ACTION_SHOW_PROCESSES,
	ACTION_SHOW_TRACES,
	ACTION_SHOW_METRICS,
	ACTION_SHOW_CLIENTS,
	ACTION_SHOW_DENIED,
	ACTION_DENY,
	ACTION_CHECK,
	ACTION_MONITOR,
	ACTION_RELOAD,
	ACTION_PAUSE,
	ACTION_RESUME,
	ACTION_LOG_BRIEF,
	ACTION_LOG_VERBOSE,
	ACTION_LAST
};

/* What an action needs beside its name; all zero where it needs nothing. */
struct parser_args {
	struct msg_ask ask;   /* of ACTION_SHOW_TRACES */
	struct msg_deny deny; /* of ACTION_DENY */
};

/* How long is denied if nothing else is said, in ms. */
#define PARSER_DENY_MS (600 * 1000)

/*
 * parser_parse: reads the argc words of argv, each of which may be shortened
 * as long as it stays unambiguous.  Returns what they ask for, or ACTION_NONE:
 * then what is wrong, and the words that are valid at that place, were
 * written to err.
 */
enum ctl_action
parser_parse(int argc, char *const argv[], struct parser_args *, FILE *err);

#endif /* UTURNCTL_PARSER_H */
