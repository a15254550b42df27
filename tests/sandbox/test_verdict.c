/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The packet process's proof that its verdicts count after the drop: it passes
 * with CAP_NET_ADMIN and fails without, both under the real filter.  Each case
 * has a network namespace of its own, with nothing in it.
 */

#include <sys/wait.h>

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "priv/nfqueue.h"
#include "priv/priv.h"

#define QUEUE 33434
/* Any user but root: no process of this id is needed, nor left. */
#define UID 65534

enum verdict_end {
	VERDICT_PROVED = 0,
	VERDICT_REFUSED = 100, /* EPERM */
	VERDICT_NO_QUEUE,      /* ENODEV */
	VERDICT_ELSE,
	VERDICT_SKIPPED
};

static void
verdict_take(void *arg, const struct nfqueue_packet *np)
{
	(void)arg;
	(void)np;
	_exit(VERDICT_ELSE);
}

static void
verdict_child(const int *caps, size_t ncaps, int swap)
{
	static const struct sandbox_ids ids = { UID, UID };
	const struct sandbox_call *calls;
	struct policy_fixed fixed;
	struct nfqueue *q;
	char why[256];
	size_t n;

	log_init("child", 0);
	if (unshare(CLONE_NEWNET) == -1)
		_exit(VERDICT_SKIPPED);
	memset(&fixed, 0, sizeof(fixed));
	fixed.queue = QUEUE;
	fixed.queue_len = 64;
	q = nfqueue_open(
	    &fixed, PRIV_FD_QUEUE, PRIV_FD_FIGURES, why, sizeof(why));
	if (q == NULL) {
		fprintf(stderr, "%s\n", why);
		_exit(VERDICT_ELSE);
	}
	if (swap) {
		/* The socket is bound to another one, and ours is gone. */
		close(PRIV_FD_QUEUE);
		fixed.queue++;
		if (nfqueue_open(&fixed, PRIV_FD_QUEUE, PRIV_FD_FIGURES, why,
			sizeof(why)) == NULL)
			_exit(VERDICT_ELSE);
	}
	sandbox_drop(&ids, caps, ncaps, 0, 0);
	calls = priv_sandbox(&n);
	sandbox_seccomp(calls, n, NULL, 0);
	/* Twice: a proof leaves nothing behind that spoils the next one. */
	if (nfqueue_prove(q, verdict_take, NULL) == 0 &&
	    nfqueue_prove(q, verdict_take, NULL) == 0)
		_exit(nfqueue_owed(q) == 0 ? VERDICT_PROVED : VERDICT_ELSE);
	switch (errno) {
	case EPERM:
		_exit(VERDICT_REFUSED);
	case ENODEV:
		_exit(VERDICT_NO_QUEUE);
	default:
		_exit(VERDICT_ELSE);
	}
}

static int
verdict_run(const int *caps, size_t ncaps, int swap)
{
	pid_t pid;
	int status;

	if (geteuid() != 0) {
		fprintf(stderr, "SKIPPED: needs root\n");
		skip();
	}
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		verdict_child(caps, ncaps, swap);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("status %#x", (unsigned int)status);
	if (WEXITSTATUS(status) == VERDICT_SKIPPED) {
		fprintf(stderr, "SKIPPED: no network namespaces here\n");
		skip();
	}
	return (WEXITSTATUS(status));
}

static void
verdict_with_the_capability(void **state)
{
	static const int keep[] = { CAP_NET_ADMIN };

	(void)state;
	assert_int_equal(verdict_run(keep, 1, 0), VERDICT_PROVED);
}

static void
verdict_without_it(void **state)
{
	(void)state;
	assert_int_equal(verdict_run(NULL, 0, 0), VERDICT_REFUSED);
}

static void
verdict_without_a_queue(void **state)
{
	static const int keep[] = { CAP_NET_ADMIN };

	(void)state;
	assert_int_equal(verdict_run(keep, 1, 1), VERDICT_NO_QUEUE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdict_with_the_capability),
		cmocka_unit_test(verdict_without_it),
		cmocka_unit_test(verdict_without_a_queue),
	};

	return (cmocka_run_group_tests_name("verdict", tests, NULL, NULL));
}
