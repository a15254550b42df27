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
	ACTION_MONITOR,
	ACTION_RELOAD,
	ACTION_PAUSE,
	ACTION_RESUME,
	ACTION_LOG_BRIEF,
	ACTION_LOG_VERBOSE,
	ACTION_LAST
};

/*
 * parser_parse: reads the argc words of argv, each of which may be shortened
 * as long as it stays unambiguous.  Returns what they ask for, or ACTION_NONE:
 * then what is wrong, and the words that are valid at that place, were
 * written to err.  *ask: of ACTION_SHOW_TRACES; else it is empty.
 */
enum ctl_action
parser_parse(int argc, char *const argv[], struct msg_ask *ask, FILE *err);

#endif /* UTURNCTL_PARSER_H */
