/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/wait.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"

struct capture {
	char line[LOG_LINE_MAX + 1];
	int pri;
	int count;
};

static void
capture_emit(void *arg, int pri, const char *line)
{
	struct capture *c = arg;

	assert_true(strlen(line) < LOG_LINE_MAX);
	snprintf(c->line, sizeof(c->line), "%s", line);
	c->pri = pri;
	c->count++;
	errno = EXDEV; /* a sink may spoil it */
}

static void
capture_start(struct capture *c, int verbose)
{
	struct log_sink sink = { capture_emit, c };

	memset(c, 0, sizeof(*c));
	log_init("test", verbose);
	log_to_sink(&sink);
}

/*
 * Runs fn in a child and returns what it wrote to stderr in buf.  Its exit
 * code is the return value.
 */
static int
run_stderr(void (*fn)(void), char *buf, size_t len)
{
	size_t off = 0;
	ssize_t n;
	pid_t pid;
	int p[2], status;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (dup2(p[1], STDERR_FILENO) == -1)
			_exit(99);
		close(p[0]);
		close(p[1]);
		fn();
		_exit(0);
	}
	close(p[1]);
	while (off < len - 1 && (n = read(p[0], buf + off, len - 1 - off)) > 0)
		off += (size_t)n;
	buf[off] = '\0';
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return (WEXITSTATUS(status));
}

static void
log_priorities(void **state)
{
	struct capture c = { 0 };

	(void)state;
	capture_start(&c, 1);
	errno = ENOENT;
	log_warn("open %s", "x");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(c.line, "open x: No such file or directory");
	assert_int_equal(c.pri, LOG_ERR);
	errno = EBUSY;
	log_warnx("plain");
	assert_int_equal(errno, EBUSY);
	assert_string_equal(c.line, "plain");
	assert_int_equal(c.pri, LOG_ERR);
	log_info("info");
	assert_int_equal(errno, EBUSY);
	assert_int_equal(c.pri, LOG_INFO);
	log_debug("debug");
	assert_int_equal(errno, EBUSY);
	assert_int_equal(c.pri, LOG_DEBUG);
	assert_int_equal(c.count, 4);
}

static void
log_verbose_gate(void **state)
{
	struct capture c = { 0 };

	(void)state;
	capture_start(&c, 0);
	assert_int_equal(log_getverbose(), 0);
	log_debug("no");
	log_relay("engine", LOG_DEBUG, "no");
	assert_int_equal(c.count, 0);
	log_setverbose(1);
	assert_int_equal(log_getverbose(), 1);
	log_debug("yes");
	assert_int_equal(c.count, 1);
	log_relay("engine", LOG_DEBUG, "yes");
	assert_int_equal(c.count, 2);
}

static void
log_escapes(void **state)
{
	struct capture c = { 0 };

	(void)state;
	capture_start(&c, 0);
	log_warnx("%s", "a\n<0>forged\x1b[0m\\");
	assert_string_equal(c.line, "a\\x0a<0>forged\\x1b[0m\\\\");
}

static void
log_relay_claims(void **state)
{
	struct capture c = { 0 };

	(void)state;
	capture_start(&c, 1);
	errno = EBUSY;
	log_relay("engine", LOG_INFO, "one\ntwo");
	assert_int_equal(errno, EBUSY);
	assert_string_equal(c.line, "engine: one\\x0atwo");
	assert_int_equal(c.pri, LOG_INFO);
	log_relay("engine", LOG_EMERG, "x");
	assert_int_equal(c.pri, LOG_ERR);
	log_relay("engine", -5, "x");
	assert_int_equal(c.pri, LOG_ERR);
	log_relay("engine", INT32_MAX, "x");
	assert_int_equal(c.pri, LOG_DEBUG);
	log_relay("engine", LOG_KERN | LOG_AUTH, "x");
	assert_int_equal(c.pri, LOG_DEBUG);
}

/* Cut lines: whole escapes, the reason kept, never beyond LOG_LINE_MAX. */
static void
log_long_lines(void **state)
{
	struct capture c = { 0 };
	char big[LOG_LINE_MAX * 2], *p;

	(void)state;
	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	capture_start(&c, 0);
	log_warnx("%s", big);
	assert_int_equal(strlen(c.line), LOG_LINE_MAX - 1);
	errno = ENOENT;
	log_warn("%s", big);
	p = strstr(c.line, "a: No such file or directory");
	assert_non_null(p);
	assert_int_equal(strlen(c.line), LOG_LINE_MAX - 1);
	log_relay("engine", LOG_ERR, big);
	assert_int_equal(strlen(c.line), LOG_LINE_MAX - 1);
	/* A name as long as the line leaves no room, but does no harm. */
	log_relay(big, LOG_ERR, "x");
	assert_int_equal(strlen(c.line), LOG_LINE_MAX - 1);

	memset(big, '\n', sizeof(big) - 1);
	log_warnx("%s", big);
	assert_int_equal(strlen(c.line) % 4, 0);
	assert_string_equal(c.line + strlen(c.line) - 4, "\\x0a");
}

static void
write_plain(void)
{
	unsetenv("JOURNAL_STREAM");
	log_init("controller", 0);
	log_info("hello\n");
	log_debug("hidden");
}

static void
write_journal(void)
{
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_init("engine", 1);
	log_info("hello");
	log_warnx("bad");
	log_debug("seen");
	log_relay("packet process", LOG_INFO, "from there");
}

static void
do_fatal(void)
{
	unsetenv("JOURNAL_STREAM");
	log_init("engine", 0);
	errno = EACCES;
	fatal(EXIT_VIOLATION, "peer %d", 7);
}

static void
do_fatalx(void)
{
	unsetenv("JOURNAL_STREAM");
	log_init("engine", 0);
	fatalx(EXIT_LOST, "gone");
}

static void
log_to_stderr(void **state)
{
	char buf[1024];

	(void)state;
	assert_int_equal(run_stderr(write_plain, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "controller: hello\\x0a\n");
	assert_int_equal(run_stderr(write_journal, buf, sizeof(buf)), 0);
	assert_string_equal(buf,
	    "<6>engine: hello\n<3>engine: bad\n<7>engine: seen\n"
	    "<6>packet process: from there\n");
}

static void
log_fatal_codes(void **state)
{
	char buf[1024];

	(void)state;
	assert_int_equal(
	    run_stderr(do_fatal, buf, sizeof(buf)), EXIT_VIOLATION);
	assert_string_equal(buf, "engine: fatal: peer 7: Permission denied\n");
	assert_int_equal(run_stderr(do_fatalx, buf, sizeof(buf)), EXIT_LOST);
	assert_string_equal(buf, "engine: fatal: gone\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_priorities),
		cmocka_unit_test(log_verbose_gate),
		cmocka_unit_test(log_escapes),
		cmocka_unit_test(log_relay_claims),
		cmocka_unit_test(log_long_lines),
		cmocka_unit_test(log_to_stderr),
		cmocka_unit_test(log_fatal_codes),
	};

	return (cmocka_run_group_tests_name("log", tests, NULL, NULL));
}
