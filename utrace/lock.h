/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_LOCK_H
#define UTRACE_LOCK_H

/*
 * utrace's processes, locked up.  None needs a privilege: root becomes nobody.
 * What fails is fatal (EXIT_START).
 */

/* lock_root: root gives its rights up, before anything is read. */
void lock_root(void);
/* lock_reader: from here on only reading standard input, and writing out. */
void lock_reader(int out);
/* lock_parent: from here on only reading and writing what is open. */
void lock_parent(void);
/* lock_names: no new privileges, and files can only be read: the resolver of
 * the C library opens files and sockets as its configuration says. */
void lock_names(void);

#endif /* UTRACE_LOCK_H */
