/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include <linux/sched.h>
#include <linux/sched/types.h>

#include "common/slice.h"

#define SLICE 100000

/* How a child ends: what was seen, or why nothing can be. */
enum outcome {
	AS_ASKED = 0,
	REFUSED,
	CHANGED,
	NOT_GRANTED,
	UNKNOWN_HERE,
	NOT_ALLOWED
};

static void
attributes(struct sched_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	if (syscall(SYS_sched_getattr, 0, attr, sizeof(*attr), 0) == -1)
		_exit(REFUSED);
}

/* The child is to see what was asked, where it can. */
static void
expect_as_asked(void (*child)(void), int unknowable)
{
	int status;
	pid_t pid;

	pid = fork();
	assert_true(pid != -1);
	if (pid == 0)
		child();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == unknowable)
		skip();
	assert_int_equal(WEXITSTATUS(status), AS_ASKED);
}

/* A kernel that knows slices tells of one before any was asked for. */
static void
ask(void)
{
	struct sched_attr before, after;

	if (nice(3) == -1)
		_exit(REFUSED);
	attributes(&before);
	if (slice_ask(SLICE) == -1)
		_exit(REFUSED);
	attributes(&after);
	if (after.sched_policy != before.sched_policy ||
	    after.sched_nice != before.sched_nice || after.sched_nice < 3)
		_exit(CHANGED);
	if (before.sched_runtime == 0)
		_exit(UNKNOWN_HERE);
	_exit(after.sched_runtime == SLICE ? AS_ASKED : NOT_GRANTED);
}

static void
asked_and_nothing_else(void **state)
{
	(void)state;
	expect_as_asked(ask, UNKNOWN_HERE);
}

static void
ask_in_real_time(void)
{
	struct sched_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.sched_policy = SCHED_FIFO;
	attr.sched_priority = 1;
	if (syscall(SYS_sched_setattr, 0, &attr, 0) == -1)
		_exit(errno == EPERM ? NOT_ALLOWED : REFUSED);
	if (slice_ask(SLICE) == -1)
		_exit(REFUSED);
	attributes(&attr);
	if (attr.sched_policy != SCHED_FIFO || attr.sched_priority != 1)
		_exit(CHANGED);
	_exit(AS_ASKED);
}

/* A slice would take the process out of the class its operator put it in. */
static void
real_time_is_left_alone(void **state)
{
	(void)state;
	expect_as_asked(ask_in_real_time, NOT_ALLOWED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_and_nothing_else),
		cmocka_unit_test(real_time_is_left_alone),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
