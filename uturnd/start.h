/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef UTURND_START_H
#define UTURND_START_H

#include "uturnd/conf.h"

/* What the command line says of the daemon. */
struct start_options {
	const char *file;
	const struct conf_macros *macros;
	int foreground;
	int verbose;
};

/*
 * start_daemon: from a checked configuration (which it takes over) to the end
 * of the daemon.  Returns the exit code (enum exit_code).
 */
int start_daemon(const struct start_options *, struct conf *);

#endif /* UTURND_START_H */
