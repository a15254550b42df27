/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "utrace/lock.h"
#include "utrace/lookup.h"
#include "utrace/reader.h"

/* What comes through the pipe. */
struct lookup_reply {
	int32_t error; /* of getaddrinfo(3) */
	struct target target;
};

static int
lookup_now(const char *host, enum family family, int flags, struct target *t)
{
	struct addrinfo hints, *res;
	const struct sockaddr_in6 *sin6;
	const struct sockaddr_in *sin;
	int error;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = family == FAMILY_V4 ? AF_INET
	    : family == FAMILY_V6             ? AF_INET6
					      : AF_UNSPEC;
	hints.ai_socktype = SOCK_DGRAM;
	hints.ai_flags = flags;
	if ((error = getaddrinfo(host, NULL, &hints, &res)) != 0)
		return (error);
	memset(t, 0, sizeof(*t));
	if (res->ai_family == AF_INET) {
		sin = (const void *)res->ai_addr;
		t->family = FAMILY_V4;
		memcpy(t->addr.b, &sin->sin_addr, sizeof(sin->sin_addr));
	} else {
		sin6 = (const void *)res->ai_addr;
		t->family = FAMILY_V6;
		t->scope = sin6->sin6_scope_id;
		memcpy(t->addr.b, &sin6->sin6_addr, sizeof(sin6->sin6_addr));
	}
	freeaddrinfo(res);
	return (0);
}

static void __attribute__((noreturn))
lookup_child(const char *host, enum family family, int out)
{
	struct lookup_reply r;

	(void)signal(SIGPIPE, SIG_DFL);
	lock_root();
	lock_caps();
	lock_names();
	(void)alarm(LOOKUP_SECONDS);
	memset(&r, 0, sizeof(r));
	r.error = lookup_now(host, family, AI_ADDRCONFIG, &r.target);
	/* Such a machine has only loopback addresses: those may do. */
	if (r.error != 0)
		r.error = lookup_now(host, family, 0, &r.target);
	_exit(reader_put(out, &r, sizeof(r)) == 1 ? 0 : 1);
}

static int
lookup_process(const char *host, enum family family, struct lookup_reply *r)
{
	int fds[2], rc;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return (-1);
	if ((pid = fork()) == -1)
		return (-1);
	if (pid == 0)
		lookup_child(host, family, fds[1]);
	close(fds[1]);
	errno = ETIMEDOUT;
	rc = reader_full(fds[0], r, sizeof(*r));
	close(fds[0]);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	if (rc == 0)
		errno = ETIMEDOUT;
	return (rc == 1 ? 0 : -1);
}

int
lookup_host(const char *host, enum family family, struct target *t, char *why,
    size_t whylen)
{
	struct lookup_reply r;

	if (lookup_now(host, family, AI_NUMERICHOST, t) == 0)
		return (0);
	memset(&r, 0, sizeof(r));
	if (lookup_process(host, family, &r) == -1) {
		(void)snprintf(why, whylen, "%s", strerror(errno));
		return (-1);
	}
	if (r.error != 0) {
		(void)snprintf(why, whylen, "%s", gai_strerror(r.error));
		return (-1);
	}
	if (r.target.family >= FAMILY_MAX ||
	    (family != FAMILY_MAX && r.target.family != family)) {
		(void)snprintf(why, whylen, "the resolver makes no sense");
		return (-1);
	}
	*t = r.target;
	return (0);
}
