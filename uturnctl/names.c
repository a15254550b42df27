/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "uturnctl/lock.h"
#include "uturnctl/names.h"
#include "uturnctl/reply.h"

/* Seconds that the process has, once it has the addresses. */
#define NAMES_ALARM 6

/* The one message to the process, and each of its answers (cut behind name). */
struct names_question {
	uint32_t n;
	struct {
		uint32_t family;
		struct addr addr;
	} item[NAMES_MAX];
};
struct names_answer {
	uint32_t index;
	char name[NAMES_LEN];
};
#define NAMES_ANSWER_MIN sizeof(uint32_t)

int
names_system(enum family family, const struct addr *addr, char *buf)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	const struct sockaddr *sa;
	socklen_t len;

	memset(&sin, 0, sizeof(sin));
	memset(&sin6, 0, sizeof(sin6));
	if (family == FAMILY_V4) {
		sin.sin_family = AF_INET;
		memcpy(&sin.sin_addr, addr->b, sizeof(sin.sin_addr));
		sa = (const struct sockaddr *)&sin;
		len = sizeof(sin);
	} else {
		sin6.sin6_family = AF_INET6;
		memcpy(&sin6.sin6_addr, addr->b, sizeof(sin6.sin6_addr));
		sa = (const struct sockaddr *)&sin6;
		len = sizeof(sin6);
	}
	return (getnameinfo(sa, len, buf, NAMES_LEN, NULL, 0, NI_NAMEREQD) == 0
		? 0
		: -1);
}

void
names_none(struct names *names)
{
	memset(names, 0, sizeof(*names));
	names->fd = -1;
}

/* The process's whole life. */
static void __attribute__((noreturn)) names_serve(int fd, names_lookup *lookup)
{
	static struct names_question q;
	struct names_answer a;
	ssize_t n;
	uint32_t i;

	lock_names();
	n = recv(fd, &q, sizeof(q), 0);
	if (n < (ssize_t)NAMES_ANSWER_MIN || q.n > NAMES_MAX)
		_exit(0); /* nobody asks: it ended without */
	(void)alarm(NAMES_ALARM);
	for (i = 0; i < q.n; i++) {
		memset(&a, 0, sizeof(a));
		a.index = i;
		if (lookup(
			q.item[i].family == FAMILY_V4 ? FAMILY_V4 : FAMILY_V6,
			&q.item[i].addr, a.name) == -1)
			a.name[0] = '\0';
		if (send(fd, &a,
			NAMES_ANSWER_MIN + strnlen(a.name, sizeof(a.name)),
			MSG_NOSIGNAL) == -1)
			break;
	}
	_exit(0);
}

/* It needs none of our descriptors, and nothing it says is for a terminal. */
static int
names_descriptors(int fd)
{
	int null;

	if ((null = open("/dev/null", O_RDWR)) == -1 ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1)
		return (-1);
	fd = dup2(fd, STDERR_FILENO + 1);
	if (fd == -1 || close_range((unsigned int)fd + 1, ~0U, 0) == -1)
		return (-1);
	return (fd);
}

void
names_start(struct names *names, names_lookup *lookup)
{
	int fd, sv[2];

	names_none(names);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == -1)
		return;
	switch (fork()) {
	case -1:
		close(sv[0]);
		close(sv[1]);
		return;
	case 0:
		/* Else it would hold its own end of file off. */
		close(sv[0]);
		if ((fd = names_descriptors(sv[1])) == -1)
			_exit(1);
		names_serve(fd, lookup);
	}
	close(sv[1]);
	names->fd = sv[0];
}

static int
names_known(
    const struct names_question *q, enum family family, const struct addr *addr)
{
	uint32_t i;

	for (i = 0; i < q->n; i++)
		if (q->item[i].family == (uint32_t)family &&
		    addr_equal(&q->item[i].addr, addr))
			return (1);
	return (0);
}

static void
names_add(struct names_question *q, enum family family, const struct addr *addr)
{
	if (addr_is_zero(addr) || names_known(q, family, addr))
		return;
	q->item[q->n].family = (uint32_t)family;
	q->item[q->n++].addr = *addr;
}

static void
names_collect(struct names_question *q, const struct reply *r)
{
	const struct msg_hop *hop;
	size_t i, j;

	memset(q, 0, sizeof(*q));
	for (i = 0; i < r->ntraces; i++)
		for (j = 0; j < r->traces[i].nhops; j++) {
			hop = &r->traces[i].hops[j];
			if (q->n == NAMES_MAX)
				return;
			names_add(q, hop->family, &hop->router);
		}
	for (i = 0; i < r->nclients && q->n < NAMES_MAX; i++)
		if (r->clients[i].len == addr_bits(r->clients[i].family))
			names_add(q, r->clients[i].family, &r->clients[i].addr);
}

/* By sendmsg(2), which is left to uturnctl, and without SIGPIPE. */
static int
names_send(int fd, struct names_question *q)
{
	struct iovec iov = { .iov_base = q, .iov_len = sizeof(*q) };
	struct msghdr msg;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	return (sendmsg(fd, &msg, MSG_NOSIGNAL) == -1 ? -1 : 0);
}

/* One answer.  Returns 1, or 0: there will be no more. */
static int
names_take(struct names *names)
{
	struct names_answer a;
	ssize_t n;

	n = read(names->fd, &a, sizeof(a));
	if (n < (ssize_t)NAMES_ANSWER_MIN || a.index >= names->n)
		return (0);
	(void)vis_line(names->entry[a.index].name,
	    sizeof(names->entry[a.index].name), a.name,
	    strnlen(a.name, (size_t)n - NAMES_ANSWER_MIN));
	return (1);
}

void
names_ask(struct names *names, const struct reply *r, int64_t deadline)
{
	struct names_question *q;
	struct pollfd pfd;
	size_t i;

	if (names->fd == -1 || (q = malloc(sizeof(*q))) == NULL)
		return;
	names_collect(q, r);
	names->entry = calloc(q->n + 1, sizeof(*names->entry));
	if (q->n == 0 || names->entry == NULL ||
	    names_send(names->fd, q) == -1) {
		free(q);
		return;
	}
	names->n = q->n;
	for (i = 0; i < q->n; i++) {
		names->entry[i].family =
		    q->item[i].family == FAMILY_V4 ? FAMILY_V4 : FAMILY_V6;
		names->entry[i].addr = q->item[i].addr;
	}
	free(q);
	for (i = 0; i < names->n;) {
		pfd.fd = names->fd;
		pfd.events = POLLIN;
		pfd.revents = 0;
		if (loop_now() >= deadline ||
		    loop_wait(&pfd, 1, deadline, NULL) == -1)
			return;
		if (!loop_readable(&pfd))
			continue;
		if (!names_take(names))
			return;
		i++;
	}
}

const char *
names_find(
    const struct names *names, enum family family, const struct addr *addr)
{
	const struct names_entry *e;
	size_t i;

	for (i = 0; i < names->n; i++) {
		e = &names->entry[i];
		if (e->family == family && addr_equal(&e->addr, addr))
			return (e->name[0] != '\0' ? e->name : NULL);
	}
	return (NULL);
}

void
names_free(struct names *names)
{
	free(names->entry);
	if (names->fd != -1)
		close(names->fd);
	names_none(names);
}
