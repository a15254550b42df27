/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_LOCK_H
#define UTRACE_LOCK_H

#include <stddef.h>
#include <sys/types.h>

#include "common/sandbox.h"
#include "utrace/socks.h"

/*
 * utrace's processes, locked up.  None keeps a privilege: root becomes nobody,
 * and whoever else has capabilities gives them up.  Only the prober uses one,
 * before that.  What fails is fatal (EXIT_START).
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

/* lock_has_raw: may this process open raw sockets? */
int lock_has_raw(void);
/* lock_caps: no capabilities from here on. */
void lock_caps(void);
/*
 * lock_prober: no rights, not dumpable, gone with its parent, and from here on
 * only sending and receiving on these sockets, setting a TTL, and writing out.
 */
void lock_prober(const struct socks *, int out, pid_t parent);

/* lock_prober_calls: its table, and what the parameters in it stand for. */
enum lock_param {
	LOCK_OUT,
	LOCK_ICMP,
	LOCK_DIRECT,
	LOCK_ERRORS,
	LOCK_TTL_LEVEL,
	LOCK_TTL_NAME,
	LOCK_PARAMS
};
const struct sandbox_call *lock_prober_calls(size_t *n);

#endif /* UTRACE_LOCK_H */
