/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/resource.h>
#include <sys/wait.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "common/loop.h"

static volatile sig_atomic_t got_usr1;
static volatile sig_atomic_t got_usr2;

static void
on_signal(int sig)
{
	if (sig == SIGUSR1)
		got_usr1 = 1;
	if (sig == SIGUSR2)
		got_usr2 = 1;
}

static int
setup(void **state)
{
	static const int sigs[] = { SIGUSR1, SIGUSR2 };
	static sigset_t waitmask;

	*state = &waitmask;
	return (loop_signals_init(sigs, 2, on_signal, &waitmask));
}

static void
deadline_rounds_up(void **state)
{
	int64_t end;
	int i;

	/* Odd remainders below a millisecond must not be cut off. */
	for (i = 0; i < 50; i++) {
		end = loop_now() + NS_PER_MS + i * 19997;
		assert_int_equal(loop_wait(NULL, 0, end, *state), 0);
		assert_true(loop_now() >= end);
	}
}

static void
deadline_in_the_past(void **state)
{
	struct pollfd pfd;
	int64_t t;
	int p[2];

	t = loop_now();
	assert_int_equal(loop_wait(NULL, 0, t - NS_PER_S, *state), 0);
	assert_int_equal(loop_wait(NULL, 0, 0, *state), 0);
	assert_int_equal(loop_wait(NULL, 0, INT64_MIN, *state), 0);
	assert_true(loop_now() - t < NS_PER_S);

	/* What is ready is still found. */
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	pfd.fd = p[0];
	pfd.events = POLLIN;
	assert_int_equal(loop_wait(&pfd, 1, 0, *state), 1);
	assert_true(loop_readable(&pfd));
	close(p[0]);
	close(p[1]);
}

static void
ready_and_hangup(void **state)
{
	struct pollfd pfd;
	char c;
	int p[2];

	assert_int_equal(pipe(p), 0);
	pfd.fd = p[0];
	pfd.events = POLLIN;
	pfd.revents = POLLIN;
	/* Stale results do not survive a wait that found nothing. */
	assert_int_equal(loop_wait(&pfd, 1, loop_now(), *state), 0);
	assert_int_equal(pfd.revents, 0);
	assert_false(loop_readable(&pfd));

	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(loop_wait(&pfd, 1, LOOP_FOREVER, *state), 1);
	assert_true(loop_readable(&pfd));
	assert_int_equal(read(p[0], &c, 1), 1);
	close(p[1]);
	assert_int_equal(loop_wait(&pfd, 1, LOOP_FOREVER, *state), 1);
	assert_true(pfd.revents & POLLHUP);
	assert_true(loop_readable(&pfd));
	close(p[0]);

	pfd.revents = POLLERR;
	assert_true(loop_readable(&pfd));
	pfd.revents = POLLOUT;
	assert_false(loop_readable(&pfd));
}

/* Sent before the wait begins: held back, then let in, never lost. */
static void
signal_not_slept_through(void **state)
{
	struct pollfd pfd;
	int64_t t;
	int p[2];

	assert_int_equal(pipe(p), 0);
	pfd.fd = p[0];
	pfd.events = POLLIN;
	pfd.revents = POLLIN;
	got_usr1 = got_usr2 = 0;
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(got_usr1, 0);
	t = loop_now();
	assert_int_equal(loop_wait(&pfd, 1, t + 5 * NS_PER_S, *state), 0);
	assert_int_equal(got_usr1, 1);
	assert_int_equal(got_usr2, 0);
	assert_int_equal(pfd.revents, 0);
	assert_true(loop_now() - t < NS_PER_S);

	/* And blocked again afterwards. */
	assert_int_equal(raise(SIGUSR2), 0);
	assert_int_equal(got_usr2, 0);
	assert_int_equal(loop_wait(&pfd, 1, LOOP_FOREVER, *state), 0);
	assert_int_equal(got_usr2, 1);
	close(p[0]);
	close(p[1]);
}

/* A signal that arrives during the wait ends it. */
static void
signal_interrupts(void **state)
{
	int64_t t;
	pid_t pid;

	got_usr1 = 0;
	t = loop_now();
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		usleep(50000);
		_exit(kill(getppid(), SIGUSR1) == -1);
	}
	assert_int_equal(loop_wait(NULL, 0, t + 10 * NS_PER_S, *state), 0);
	assert_int_equal(got_usr1, 1);
	assert_true(loop_now() - t < 5 * NS_PER_S);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
sigpipe_is_ignored(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	assert_int_equal(write(p[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(p[1]);
}

static void
faults_are_told(void **state)
{
	static const int bad[] = { 4711 };
	struct pollfd pfd[8];
	struct rlimit old, few;
	sigset_t mask;
	size_t i;
	int n, error;

	assert_int_equal(loop_signals_init(bad, 1, on_signal, &mask), -1);
	assert_int_equal(errno, EINVAL);
	/* More descriptors than RLIMIT_NOFILE lets ppoll take. */
	for (i = 0; i < 8; i++) {
		pfd[i].fd = -1;
		pfd[i].events = POLLIN;
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 4;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	n = loop_wait(pfd, 8, loop_now(), *state);
	error = errno;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(n, -1);
	assert_int_equal(error, EINVAL);
}

static void
clock_goes_on(void **state)
{
	int64_t a, b;

	(void)state;
	a = loop_now();
	usleep(2000);
	b = loop_now();
	assert_true(b - a >= 2 * NS_PER_MS);
	assert_true(b - a < 60 * NS_PER_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadline_rounds_up),
		cmocka_unit_test(deadline_in_the_past),
		cmocka_unit_test(ready_and_hangup),
		cmocka_unit_test(signal_not_slept_through),
		cmocka_unit_test(signal_interrupts),
		cmocka_unit_test(sigpipe_is_ignored),
		cmocka_unit_test(faults_are_told),
		cmocka_unit_test(clock_goes_on),
	};

	return (cmocka_run_group_tests_name("loop", tests, setup, NULL));
}
