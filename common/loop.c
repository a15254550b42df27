/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/loop.h"

int64_t
loop_now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		fatal(EXIT_START, "clock_gettime");
	return ((int64_t)ts.tv_sec * NS_PER_S + (int64_t)ts.tv_nsec);
}

int
loop_signals_init(
    const int *sigs, size_t n, void (*handler)(int), sigset_t *waitmask)
{
	struct sigaction sa;
	sigset_t block, mask;
	size_t i;

	if (sigemptyset(&block) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (sigaddset(&block, sigs[i]) == -1)
			return (-1);
	/*
	 * Blocked first: a signal that comes before its handler is there
	 * then waits for it instead of ending the process.
	 */
	if (sigprocmask(SIG_BLOCK, &block, &mask) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (sigdelset(&mask, sigs[i]) == -1)
			return (-1);

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = handler;
	if (sigfillset(&sa.sa_mask) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (sigaction(sigs[i], &sa, NULL) == -1)
			return (-1);
	sa.sa_handler = SIG_IGN;
	if (sigaction(SIGPIPE, &sa, NULL) == -1)
		return (-1);
	*waitmask = mask;
	return (0);
}

int
loop_wait(
    struct pollfd *fds, nfds_t nfds, int64_t deadline, const sigset_t *waitmask)
{
	struct timespec ts;
	int64_t now, left;
	nfds_t i;
	int n;

	do {
		now = loop_now();
		left = deadline > now ? deadline - now : 0;
		ts.tv_sec = (time_t)(left / NS_PER_S);
		ts.tv_nsec = (long)(left % NS_PER_S);
		n = ppoll(
		    fds, nfds, deadline == LOOP_FOREVER ? NULL : &ts, waitmask);
		if (n > 0)
			return (n);
		if (n == -1) {
			if (errno != EINTR)
				return (-1);
			break;
		}
	} while (loop_now() < deadline);

	/* Nobody may act on what an earlier wait had left here. */
	for (i = 0; i < nfds; i++)
		fds[i].revents = 0;
	return (0);
}

int
loop_readable(const struct pollfd *pfd)
{
	return ((pfd->revents & (POLLIN | POLLHUP | POLLERR)) != 0);
}
