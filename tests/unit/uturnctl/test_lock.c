/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/loop.h"
#include "uturnctl/client.h"
#include "uturnctl/lock.h"
#include "uturnctl/output.h"

/* A sanitizer's own work needs calls that the filter forbids. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

/* More than qsort(3) sorts on its stack. */
#define MANY 500

/* One end of a connection on which the answers wait already. */
static int test_fd;

/* Runs what in a process that is locked up; its wait status. */
static int
locked(int with_proc, void (*what)(void))
{
	int status;
	pid_t pid;

	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		/* Like a terminal, to stdio: a character device. */
		if (freopen("/dev/null", "w", stdout) == NULL)
			_exit(20);
		json_object_seed(0);
		tzset();
		lock_up(with_proc);
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return (status);
}

static void
must_live(int with_proc, void (*what)(void))
{
	int status = locked(with_proc, what);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("wait status %#x", (unsigned int)status);
}

static void
must_die(int with_proc, void (*what)(void))
{
	int status = locked(with_proc, what);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("wait status %#x", (unsigned int)status);
}

/* All that uturnctl does: ask, take in, print in both forms. */
static void
do_stats(void)
{
	static struct reply r;
	char why[256];
	FILE *out = stdout;

	reply_init(&r, ACTION_STATS);
	if (client_ask(
		test_fd, &r, loop_now() + 5 * NS_PER_S, why, sizeof(why)) == -1)
		_exit(21);
	if (output_text.stats(out, &r) == -1 ||
	    output_json.stats(out, &r) == -1 || fflush(out) == EOF)
		_exit(22);
	reply_free(&r);
	close(test_fd);
}

static void
do_processes(void)
{
	struct output_process p = { .pid = (uint32_t)getpid(), .name = "me" };

	if (procstat_read(p.pid, &p.stat) == -1)
		_exit(23);
	if (p.stat.seccomp != 2 || p.stat.no_new_privs != 1)
		_exit(24);
	if (output_text.processes(stdout, &p, 1) == -1 ||
	    output_json.processes(stdout, &p, 1) == -1 || fflush(stdout) == EOF)
		_exit(25);
}

/* A reply with many traces, taken in. */
static void
do_take_traces(void)
{
	static struct reply r;
	char why[256];

	reply_init(&r, ACTION_SHOW_TRACES);
	if (client_ask(
		test_fd, &r, loop_now() + 5 * NS_PER_S, why, sizeof(why)) == -1)
		_exit(29);
	reply_free(&r);
}

/* All outputs of traces and events, whose time of day needs a time zone. */
static void
do_traces(void)
{
	static struct msg_hop hop = { .hop = 1, .answered = 1 };
	static struct reply_trace trace[MANY];
	static struct reply r = { .traces = trace, .ntraces = MANY };
	static const struct msg_event event = { .kind = EVENT_ANSWERED };
	struct names names;
	size_t i;

	for (i = 0; i < MANY; i++) {
		trace[i].nhops = 1;
		trace[i].hops = &hop;
	}
	names_none(&names);
	if (output_text.traces(stdout, &r, &names) == -1 ||
	    output_json.traces(stdout, &r, &names) == -1 ||
	    output_dot(stdout, &r, &names) == -1 ||
	    output_text.event(stdout, &event, 1764000000123) == -1 ||
	    output_json.event(stdout, &event, 1764000000123) == -1 ||
	    fflush(stdout) == EOF)
		_exit(28);
}

static void
do_open(void)
{
	(void)open("/proc/self/status", O_RDONLY);
}

static void
do_open_elsewhere(void)
{
	/* Where the kernel has Landlock: nothing outside of /proc. */
	if (open("/etc/passwd", O_RDONLY) != -1)
		_exit(sandbox_landlock(NULL, 0) == 0 ? 0 : 26);
	if (errno != EACCES)
		_exit(27);
}

static void
do_create(void)
{
	(void)open("/tmp/uturnctl.test", O_WRONLY | O_CREAT, 0600);
}

static void
do_socket(void)
{
	(void)socket(AF_INET, SOCK_DGRAM, 0);
}

static void
do_fork(void)
{
	(void)fork();
}

static void
do_exec(void)
{
	char name[] = "/bin/true", *argv[] = { name, NULL };

	(void)execv(name, argv);
}

static void
test_work(void **state)
{
	static const struct msg_info info = { 0, 0, 1, 64, 1 };
	static struct stats stats;
	static struct msg_trace trace;
	struct imsgbuf ib;
	int i, sv[2];

	(void)state;
	if (TEST_SANITIZED)
		skip();
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	assert_int_equal(imsgbuf_init(&ib, sv[1]), 0);
	assert_int_equal(msg_put_info(&ib, 1, &info), 0);
	assert_int_equal(msg_put_stats(&ib, MSG_CTL_DATA, 1, &stats), 0);
	assert_int_equal(msg_put_empty(&ib, MSG_CTL_END, 1), 0);
	assert_int_equal(imsgbuf_flush(&ib), 0);
	test_fd = sv[0];
	must_live(0, do_stats);
	for (i = 0; i < MANY; i++)
		assert_int_equal(
		    msg_put_trace(&ib, MSG_CTL_TRACE, 1, &trace), 0);
	assert_int_equal(msg_put_empty(&ib, MSG_CTL_END, 1), 0);
	assert_int_equal(imsgbuf_flush(&ib), 0);
	must_live(0, do_take_traces);
	must_live(1, do_processes);
	must_live(0, do_traces);
	imsgbuf_clear(&ib);
	close(sv[0]);
	close(sv[1]);
}

static void
test_forbidden(void **state)
{
	int with_proc;

	(void)state;
	if (TEST_SANITIZED)
		skip();
	must_die(0, do_open);
	must_live(1, do_open);
	must_live(1, do_open_elsewhere);
	for (with_proc = 0; with_proc < 2; with_proc++) {
		must_die(with_proc, do_create);
		must_die(with_proc, do_socket);
		must_die(with_proc, do_fork);
		must_die(with_proc, do_exec);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_work),
		cmocka_unit_test(test_forbidden),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
