/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "uturnd/children.h"

#define UNASKED_NS (200 * NS_PER_MS) /* to end since the other one went */
#define GRACE_NS   (1 * NS_PER_S)    /* to end by themselves, in all */
#define KILLED_NS  (500 * NS_PER_MS) /* to be reaped after SIGKILL */
#define STEP_NS    (20 * NS_PER_MS)

static int collect_until(struct children *, int64_t, const sigset_t *);
static void children_kill(struct children *, int);
static const char *exit_code_text(int);

int
children_reap(struct children *cs)
{
	struct child *c;
	pid_t pid;
	int i, n = 0, status;

	for (i = 0; i < CHILD_MAX; i++) {
		c = &cs->child[i];
		if (c->pid <= 0)
			continue;
		do {
			pid = waitpid(c->pid, &status, WNOHANG);
		} while (pid == -1 && errno == EINTR);
		if (pid == 0)
			continue;
		if (pid == -1)
			log_warn("%s: waitpid", c->name);
		else {
			c->status = status;
			c->reaped = 1;
			if (cs->first == -1)
				cs->first = i;
		}
		/* Never again: the number may be somebody else's now. */
		c->pid = 0;
		n++;
	}
	return (n);
}

void
children_collect(struct children *cs, int kill_now, const sigset_t *waitmask)
{
	int64_t start = loop_now();
	int i;

	if (!kill_now && collect_until(cs, start + UNASKED_NS, waitmask))
		return;
	/* The end of file tells a child to go; its last words still come. */
	for (i = 0; i < CHILD_MAX; i++)
		if (!cs->child[i].lost)
			(void)shutdown(cs->child[i].fd, SHUT_WR);
	if (!kill_now && collect_until(cs, start + GRACE_NS, waitmask))
		return;
	children_kill(cs, kill_now);
	if (collect_until(cs, loop_now() + KILLED_NS, waitmask))
		return;
	for (i = 0; i < CHILD_MAX; i++)
		if (cs->child[i].pid > 0)
			log_warnx(
			    "%s: does not end, left behind", cs->child[i].name);
}

/* Returns 1 when both are reaped and all that they said is read. */
static int
collect_until(struct children *cs, int64_t deadline, const sigset_t *waitmask)
{
	struct pollfd pfd[CHILD_MAX];
	int64_t now;
	int i, left;

	for (;;) {
		(void)children_reap(cs);
		left = 0;
		for (i = 0; i < CHILD_MAX; i++) {
			child_pollfd(&cs->child[i], &pfd[i]);
			pfd[i].events = POLLIN;
			if (cs->child[i].pid > 0 || !cs->child[i].lost)
				left = 1;
		}
		if (!left)
			return (1);
		now = loop_now();
		if (now >= deadline)
			return (0);
		/* A pipe's end comes shortly before its process's. */
		if (loop_wait(pfd, CHILD_MAX,
			now + STEP_NS < deadline ? now + STEP_NS : deadline,
			waitmask) == -1) {
			log_warn("ppoll");
			return (0);
		}
		now = loop_now();
		for (i = 0; i < CHILD_MAX; i++)
			/* A fault now is one of many ways to end. */
			if (loop_readable(&pfd[i]) &&
			    children_handle(cs, (enum child_id)i, &pfd[i], now,
				NULL, NULL) == CHILD_FAULT)
				cs->child[i].lost = 1;
	}
}

static void
children_kill(struct children *cs, int at_once)
{
	int i;

	for (i = 0; i < CHILD_MAX; i++) {
		if (cs->child[i].pid <= 0)
			continue;
		if (at_once)
			log_debug("%s: killing it", cs->child[i].name);
		else
			log_warnx(
			    "%s: does not end, killing it", cs->child[i].name);
		if (kill(cs->child[i].pid, SIGKILL) == -1)
			log_warn("%s: kill", cs->child[i].name);
	}
}

void
child_describe_end(const struct child *c, char *buf, size_t buflen)
{
	const char *name;
	int n;

	if (!c->reaped)
		n = snprintf(buf, buflen, "still there");
	else if (WIFSIGNALED(c->status) && WTERMSIG(c->status) == SIGSYS)
		n = snprintf(buf, buflen, "killed by seccomp");
	else if (WIFSIGNALED(c->status)) {
		name = sigabbrev_np(WTERMSIG(c->status));
		n = snprintf(buf, buflen, "killed by signal %d (SIG%s)",
		    WTERMSIG(c->status), name != NULL ? name : "?");
	} else
		n = snprintf(buf, buflen, "exited with code %d (%s)",
		    WEXITSTATUS(c->status),
		    exit_code_text(WEXITSTATUS(c->status)));
	if (n < 0 && buflen > 0)
		buf[0] = '\0';
}

static const char *
exit_code_text(int code)
{
	switch (code) {
	case EXIT_OK:
		return ("stopped");
	case EXIT_START:
		return ("start failed");
	case EXIT_USAGE:
		return ("usage");
	case EXIT_LOST:
		return ("a process was lost");
	case EXIT_VIOLATION:
		return ("border violation");
	case EXIT_HUNG:
		return ("a process hung");
	default:
		return ("unexpected");
	}
}

int
children_culprit(const struct children *cs)
{
	const struct child *c;
	int i, culprit = -1, n = 0;

	for (i = 0; i < CHILD_MAX; i++) {
		c = &cs->child[i];
		if (c->reaped &&
		    !(WIFEXITED(c->status) &&
			WEXITSTATUS(c->status) == EXIT_LOST)) {
			culprit = i;
			n++;
		}
	}
	return (n == 1 ? culprit : cs->first);
}

int
children_exit_code(const struct children *cs, int started, int cause)
{
	int i, hung, seccomp = 0, start = 0, status, violation;

	violation = cause == EXIT_VIOLATION;
	hung = cause == EXIT_HUNG;
	for (i = 0; i < CHILD_MAX; i++) {
		if (!cs->child[i].reaped)
			continue;
		status = cs->child[i].status;
		if (WIFSIGNALED(status)) {
			if (WTERMSIG(status) == SIGSYS)
				seccomp = 1;
			continue;
		}
		switch (WEXITSTATUS(status)) {
		case EXIT_START:
			start = 1;
			break;
		case EXIT_VIOLATION:
			violation = 1;
			break;
		case EXIT_HUNG:
			hung = 1;
			break;
		}
	}
	if (seccomp)
		return (EXIT_SECCOMP);
	if (violation)
		return (EXIT_VIOLATION);
	if (hung)
		return (EXIT_HUNG);
	/* After the start, a child's 1 is a loss like any other. */
	if (start && !started)
		return (EXIT_START);
	if (cause == EXIT_OK)
		return (EXIT_OK);
	return (EXIT_LOST);
}
