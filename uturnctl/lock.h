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
 * lock_names_table: those that are left to whoever looks up names.  That is
 * any name service module of this system, so the table is wide; but it has no
 * exec, no new processes, no files but to read, and no say over others.
 */
const struct sandbox_call *lock_names_table(size_t *n);
/*
 * lock_names: locks up the process that looks up names: if it is root it
 * becomes nobody for good; reads files of the system only.  Fatal on failure.
 */
void lock_names(void);

/*
 * lock_up: gives up what uturnctl does not need between connect(2) and its
 * end: no new privileges, no files (with_proc: none but /proc), no system
 * calls but the table's.  Fatal on failure.  What writes JSON or looks up
 * users by name must have been warmed up before.
 */
void lock_up(int with_proc);

#endif /* UTURNCTL_LOCK_H */
