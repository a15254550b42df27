/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef TESTS_UNIT_COMMON_SANDBOX_CHILD_H
#define TESTS_UNIT_COMMON_SANDBOX_CHILD_H

#include <sys/wait.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

/*
 * What the sandbox's tests share: what a sandbox does can't be undone, so
 * each case runs in a child of its own.
 */
struct child_result {
	char text[4096]; /* its stderr */
	int status;      /* as waitpid(2) has it */
};

/* child_need_root: skips the running test, loudly, without root. */
static inline void
child_need_root(void)
{
	if (geteuid() == 0)
		return;
	fprintf(stderr,
	    "SKIPPED: needs root; without it nothing about the sandbox is "
	    "tested here\n");
	skip();
}

/* child_run: runs fn(arg) in a child; fn's value is its exit code. */
static inline void
child_run(struct child_result *r, int (*fn)(const void *), const void *arg)
{
	size_t off = 0;
	ssize_t n;
	pid_t pid;
	int p[2];

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (dup2(p[1], STDERR_FILENO) == -1)
			_exit(99);
		close(p[0]);
		close(p[1]);
		log_init("child", 0);
		_exit(fn(arg));
	}
	close(p[1]);
	while (off < sizeof(r->text) - 1 &&
	    (n = read(p[0], r->text + off, sizeof(r->text) - 1 - off)) > 0)
		off += (size_t)n;
	r->text[off] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &r->status, 0), pid);
}

/* child_expect_exit: it ended by itself, with this code. */
static inline void
child_expect_exit(const struct child_result *r, int code)
{
	if (!WIFEXITED(r->status) || WEXITSTATUS(r->status) != code)
		fail_msg("wait status %#x, wanted exit %d; it said: %s",
		    (unsigned int)r->status, code, r->text);
}

/* child_expect_killed: the filter killed it. */
static inline void
child_expect_killed(const struct child_result *r)
{
	if (!WIFSIGNALED(r->status) || WTERMSIG(r->status) != SIGSYS)
		fail_msg("wait status %#x, wanted SIGSYS; it said: %s",
		    (unsigned int)r->status, r->text);
}

/* child_expect_fatal: it gave up at start, and its log says why. */
static inline void
child_expect_fatal(const struct child_result *r, const char *why)
{
	child_expect_exit(r, EXIT_START);
	if (strstr(r->text, "fatal: ") == NULL || strstr(r->text, why) == NULL)
		fail_msg("wanted \"%s\"; it said: %s", why, r->text);
}

#endif /* TESTS_UNIT_COMMON_SANDBOX_CHILD_H */
