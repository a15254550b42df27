/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURNCTL_LOCK_H
#define UTURNCTL_LOCK_H

#include <stddef.h>

#include "common/sandbox.h"

/*
 * lock_table: the system calls that are left to uturnctl when it is
 * connected; with_proc: reading files too (which Landlock confines to /proc).
 */
const struct sandbox_call *lock_table(int with_proc, size_t *n);

/*
 * lock_up: gives up what uturnctl does not need between connect(2) and its
 * end: no new privileges, no files (with_proc: none but /proc), no system
 * calls but the table's.  Fatal on failure.  What writes JSON or looks up
 * users by name must have been warmed up before.
 */
void lock_up(int with_proc);

#endif /* UTURNCTL_LOCK_H */
