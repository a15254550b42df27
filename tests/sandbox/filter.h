/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_SANDBOX_FILTER_H
#define TESTS_SANDBOX_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "common/sandbox.h"

/*
 * What the filters' tests share.  Each call is tried under the
 * real filter, in a child of its own, since a filter can't be undone.  The
 * child has no descriptors but 0, 1 and 2.
 */

/* A call that must get through, and what it must come back with. */
#define FILTER_WORKS   0  /* no error */
#define FILTER_CRASHES -2 /* gets through, and then has no frame to go to */
struct filter_call {
	const char *name;
	long nr;
	long args[6];
	int err; /* errno, or one of the above; for forbidden calls unused */
};

struct filter {
	const char *process; /* also the golden text's name */
	const struct sandbox_call *(*table)(size_t *);
	const uint64_t *params;
	size_t nparams;
	/* One for each entry of the table: every other call must die. */
	const struct filter_call *allowed;
	size_t nallowed;
};

/* Each asserts by cmocka, for all of its cases. */

/* filter_allowed: each allowed call gets through, and there is one for each
 * entry of the table. */
void filter_allowed(const struct filter *);
/* filter_forbidden: each of these n calls dies by SIGSYS. */
void
filter_forbidden(const struct filter *, const struct filter_call *, size_t n);
/* filter_dangerous: likewise, for the calls that no process may ever make. */
void filter_dangerous(const struct filter *);
/* filter_numbers: every number that the table does not name dies. */
void filter_numbers(const struct filter *);
/* filter_foreign: every x32 number, and every one through the 32-bit gate. */
void filter_foreign(const struct filter *);
/*
 * filter_argument: the call's argument is pinned: with any other number from
 * -1 to 64, and with an allowed one above 32 bits, it dies; the other arguments
 * are those of its allowed calls.
 */
void filter_argument(const struct filter *, long nr, unsigned int arg);
/* filter_golden: the filter's text is that of golden/PROCESS.pfc. */
void filter_golden(const struct filter *);
/* filter_export: writes that text to stdout.  Returns an exit code. */
int filter_export(const struct filter *);

#endif /* TESTS_SANDBOX_FILTER_H */
