/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_ARGS_H
#define UTRACE_ARGS_H

#include "utrace/prober.h"
#include "utrace/run.h"

#define ARGS_USAGE  2
#define ARGS_FAILED 1

/* What the user wants. */
struct args {
	struct run run;
	/* utrace HOST only */
	const char *host;
	enum family family; /* FAMILY_MAX: either */
	struct hop_addr source;
	struct prober_conf prober; /* but its target and source */
};

/*
 * args_decode, args_host: read the options behind the command, or all of them,
 * getopt(3)'s state untouched before.  They print what is wrong and exit.
 */
void args_decode(struct args *, int argc, char *argv[]);
void args_host(struct args *, int argc, char *argv[]);
void args_usage(void) __attribute__((noreturn));

#endif /* UTRACE_ARGS_H */
