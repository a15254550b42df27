/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

/* No deadline: wait until a descriptor or a signal is ready. */
#define LOOP_FOREVER INT64_MAX

#define NS_PER_MS 1000000LL
#define NS_PER_S  1000000000LL

/* loop_now: CLOCK_MONOTONIC in ns.  Never fails (fatal if the clock does). */
int64_t loop_now(void);

/*
 * loop_signals_init: blocks the n signals in sigs and routes each to handler;
 * they are delivered only inside loop_wait, so that a flag set just before
 * the wait can't be slept through.  SIGPIPE is ignored.  The mask to use
 * while waiting is stored in *waitmask.  Returns 0, or -1 with errno.
 */
int loop_signals_init(
    const int *sigs, size_t n, void (*handler)(int), sigset_t *waitmask);

/*
 * loop_wait: ppoll(2) until a descriptor is ready, a signal came, or deadline
 * (ns, CLOCK_MONOTONIC; LOOP_FOREVER for none) has passed.  Returns the number
 * of ready descriptors, 0 at the deadline or on EINTR, -1 with errno.
 * Rounds up: never returns before the deadline without a reason.
 */
int loop_wait(struct pollfd *fds, nfds_t nfds, int64_t deadline,
    const sigset_t *waitmask);

/* loop_readable: POLLIN, POLLHUP or POLLERR; the read then tells which. */
int loop_readable(const struct pollfd *pfd);

#endif /* COMMON_LOOP_H */
