/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Faults of the kernel that no set-up brings about at will: linked into a
 * uturnd of its own (ld --wrap), which is the same in all else, and stays in
 * the same sandbox.
 *
 * A packet of a length named below is refused with its error; every second
 * read of the queue says that packets were lost; there is no descriptor for
 * some of the control clients; and who reads any clock but the monotonic one
 * dies, so nobody can be misled by a step of it.
 */

#include <sys/socket.h>
#include <sys/time.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "priv/priv.h"

/* Lengths of probes that nobody sends otherwise, and what is said to them. */
static const struct {
	size_t len;
	int error;
} faults[] = {
	{ 101, ENOBUFS },
	{ 102, EMSGSIZE },
	{ 103, EPERM },
	{ 104, EAGAIN },
	{ 105, ENETUNREACH },
	{ 106, ENOMEM },
};

int __real_sendmmsg(int, struct mmsghdr *, unsigned int, int);
int __wrap_sendmmsg(int, struct mmsghdr *, unsigned int, int);
int
__real_recvmmsg(int, struct mmsghdr *, unsigned int, int, struct timespec *);
int
__wrap_recvmmsg(int, struct mmsghdr *, unsigned int, int, struct timespec *);
int __real_accept4(int, struct sockaddr *, socklen_t *, int);
int __wrap_accept4(int, struct sockaddr *, socklen_t *, int);
int __real_clock_gettime(clockid_t, struct timespec *);
int __wrap_clock_gettime(clockid_t, struct timespec *);
int __wrap_gettimeofday(struct timeval *, void *);
time_t __wrap_time(time_t *);

/* How often a client finds no descriptor; each costs it a second. */
#define ACCEPTS 16

static int
fault_of(const struct mmsghdr *m)
{
	size_t i;

	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (m->msg_hdr.msg_iov[0].iov_len == faults[i].len)
			return (faults[i].error);
	return (0);
}

/* As the kernel: what stands before the one at fault is sent. */
int
__wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned int n, int flags)
{
	unsigned int i;

	for (i = 0; i < n && fault_of(&m[i]) == 0; i++)
		;
	if (i == 0 && n > 0) {
		errno = fault_of(&m[0]);
		return (-1);
	}
	return (__real_sendmmsg(fd, m, i, flags));
}

int
__wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned int n, int flags,
    struct timespec *timeout)
{
	static unsigned int reads;

	if (fd == PRIV_FD_QUEUE && ++reads % 2 == 0) {
		errno = ENOBUFS;
		return (-1);
	}
	return (__real_recvmmsg(fd, m, n, flags, timeout));
}

int
__wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	static unsigned int accepts;

	if (++accepts % ACCEPTS == 0) {
		errno = EMFILE;
		return (-1);
	}
	return (__real_accept4(fd, sa, len, flags));
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (clock != CLOCK_MONOTONIC)
		abort();
	return (__real_clock_gettime(clock, ts));
}

int
__wrap_gettimeofday(struct timeval *tv, void *zone)
{
	(void)tv;
	(void)zone;
	abort();
}

time_t
__wrap_time(time_t *t)
{
	(void)t;
	abort();
}
