/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_HOST_H
#define UTRACE_HOST_H

#include "utrace/prober.h"
#include "utrace/run.h"

#define HOST_DONE   0
#define HOST_FAILED 1
#define HOST_SILENT 3 /* the host did not answer */

/*
 * host_run: utrace HOST: from the prober's messages (run.in) to the output.
 * name: the host, as the user wrote it.  Returns an exit code.
 */
int host_run(struct run *, const struct prober_conf *, const char *name);

#endif /* UTRACE_HOST_H */
