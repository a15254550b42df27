/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"

#define BUFSIZE 65536
#define ROLE    "test-child"

/*
 * The started child: this program again.  It tells on its descriptor what
 * it finds, one line each, and exits with 21.
 */
static int
child_role(char *argv[])
{
	sigset_t mask;
	char path[64], to[64], text[4096];
	size_t off = 0;
	ssize_t n;
	char **e;
	int fd, sig;

	off += (size_t)snprintf(
	    text, sizeof(text), "argv %s %s\nfds", argv[0], argv[1]);
	for (fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			off += (size_t)snprintf(
			    text + off, sizeof(text) - off, " %d", fd);
	off += (size_t)snprintf(text + off, sizeof(text) - off, "\n");
	for (e = environ; *e != NULL; e++)
		off += (size_t)snprintf(
		    text + off, sizeof(text) - off, "env %s\n", *e);
	for (fd = 0; fd < 2; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, to, sizeof(to) - 1);
		to[n == -1 ? 0 : n] = '\0';
		off += (size_t)snprintf(
		    text + off, sizeof(text) - off, "fd%d %s\n", fd, to);
	}
	if (sigprocmask(SIG_BLOCK, NULL, &mask) == -1)
		return (1);
	for (sig = 1; sig < SIGRTMIN; sig++)
		if (sigismember(&mask, sig) == 1)
			off += (size_t)snprintf(text + off, sizeof(text) - off,
			    "blocked %d\n", sig);
	if (proc_fd_check(PROC_FD_CONTROLLER) == -1)
		return (2);
	if (write(PROC_FD_CONTROLLER, text, off) != (ssize_t)off)
		return (3);
	return (21);
}

/* Reads until the other end is closed. */
static void
read_all(int fd, char *buf, size_t len)
{
	size_t off = 0;
	ssize_t n;

	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	while (off < len - 1 && (n = read(fd, buf + off, len - 1 - off)) > 0)
		off += (size_t)n;
	buf[off] = '\0';
}

static void
expect_exit(pid_t pid, int code)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static pid_t
start(int fd)
{
	char title[] = "uturnd: test", role[] = ROLE;
	char *const argv[] = { title, role, NULL };

	return (proc_start(fd, argv));
}

static void
start_shares_nothing(void **state)
{
	char buf[4096];
	sigset_t block;
	pid_t pid;
	int sv[2], leak;

	(void)state;
	assert_int_equal(setenv("SECRET", "of the parent", 1), 0);
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
	/* Not close-on-exec, and far up. */
	assert_int_equal(leak = dup2(STDERR_FILENO, 200), 200);
	assert_int_equal(sigemptyset(&block), 0);
	assert_int_equal(sigaddset(&block, SIGTERM), 0);
	assert_int_equal(sigprocmask(SIG_BLOCK, &block, NULL), 0);

	assert_int_equal(proc_socketpair(sv, BUFSIZE), 0);
	pid = start(sv[1]);
	assert_true(pid > 0);
	/* Closed here: else the read below would never end. */
	assert_int_equal(fcntl(sv[1], F_GETFD), -1);
	read_all(sv[0], buf, sizeof(buf));
	expect_exit(pid, 21);
	assert_string_equal(buf,
	    "argv uturnd: test " ROLE "\n"
	    "fds 0 1 2 3\n"
	    "fd0 /dev/null\n"
	    "fd1 /dev/null\n");
	close(sv[0]);
	close(leak);
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &block, NULL), 0);
}

static void
start_tells_of_the_journal(void **state)
{
	char buf[4096];
	pid_t pid;
	int sv[2];

	(void)state;
	assert_int_equal(setenv("JOURNAL_STREAM", "8:4711", 1), 0);
	assert_int_equal(setenv("JOURNAL_STREAMS", "another", 1), 0);
	assert_int_equal(proc_socketpair(sv, BUFSIZE), 0);
	assert_true((pid = start(sv[1])) > 0);
	read_all(sv[0], buf, sizeof(buf));
	expect_exit(pid, 21);
	assert_non_null(strstr(buf, "env JOURNAL_STREAM=8:4711\nfd0"));
	assert_null(strstr(buf, "SECRET"));
	assert_null(strstr(buf, "another"));
	close(sv[0]);
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
}

/*
 * The descriptor may have any number, also one of those that the child wants
 * for something else.  In a process of its own, whose numbers may be spoilt.
 */
static void
start_any_number(void **state)
{
	static const int numbers[] = { 0, 1, 2, 3, 4, 300 };
	char buf[4096];
	size_t i;
	pid_t pid, child;
	int sv[2], n, status;

	(void)state;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		n = numbers[i];
		assert_int_equal(proc_socketpair(sv, BUFSIZE), 0);
		assert_int_not_equal(pid = fork(), -1);
		if (pid == 0) {
			sv[1] = fcntl(sv[1], F_DUPFD_CLOEXEC, 400);
			if (sv[1] == -1 || close_range(3, 399, 0) == -1)
				_exit(1);
			/* Nor are the standard ones sure to be open. */
			close(STDIN_FILENO);
			close(STDOUT_FILENO);
			close(STDERR_FILENO);
			if (proc_fd_move(sv[1], n) != n ||
			    (fcntl(n, F_GETFD) & FD_CLOEXEC) == 0)
				_exit(2);
			if ((child = start(n)) == -1 ||
			    waitpid(child, &status, 0) != child)
				_exit(3);
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 4);
		}
		close(sv[1]);
		read_all(sv[0], buf, sizeof(buf));
		expect_exit(pid, 21);
		assert_non_null(strstr(
		    buf, "\nfds 0 1 2 3\nfd0 /dev/null\nfd1 /dev/null\n"));
		close(sv[0]);
	}
}

static void
start_faults(void **state)
{
	char buf[512];
	pid_t pid;
	int p[2];

	(void)state;
	/* The child says on stderr why it could not become one. */
	assert_int_equal(pipe(p), 0);
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		pid_t child;
		int status;

		if (dup2(p[1], STDERR_FILENO) == -1)
			_exit(1);
		if ((child = start(999)) == -1 ||
		    waitpid(child, &status, 0) != child)
			_exit(2);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
	}
	close(p[1]);
	read_all(p[0], buf, sizeof(buf));
	close(p[0]);
	expect_exit(pid, EXIT_START);
	assert_string_equal(
	    buf, "uturnd: test: fatal: dup2 to 3: Bad file descriptor\n");
}

static void
socketpair_properties(void **state)
{
	socklen_t len;
	int flags, i, size, sv[2];

	(void)state;
	/* More than the usual limit, as far as the system lets. */
	assert_int_equal(proc_socketpair(sv, 1 << 20), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(proc_fd_check(sv[i]), 0);
		flags = fcntl(sv[i], F_GETFL);
		assert_true(flags != -1 && (flags & O_NONBLOCK));
		assert_int_equal(fcntl(sv[i], F_GETFD), FD_CLOEXEC);
		len = sizeof(size);
		assert_int_equal(
		    getsockopt(sv[i], SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
		if (geteuid() == 0)
			assert_true(size >= 1 << 20);
		else
			fprintf(stderr,
			    "SKIPPED: only root may exceed the "
			    "system's buffer limit\n");
	}
	close(sv[0]);
	close(sv[1]);

	/* Never lowered. */
	assert_int_equal(proc_socketpair(sv, 1), 0);
	len = sizeof(size);
	assert_int_equal(
	    getsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
	assert_true(size > 65536);
	close(sv[0]);
	close(sv[1]);

	assert_int_equal(proc_socketpair(sv, 0), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(proc_socketpair(sv, -1), -1);
	assert_int_equal(errno, EINVAL);
}

static void
pipe_properties(void **state)
{
	int i, p[2], sv[2];

	(void)state;
	assert_int_equal(proc_pipe(p, 1 << 20), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(fcntl(p[i], F_GETFD), FD_CLOEXEC);
		assert_true(fcntl(p[i], F_GETFL) & O_NONBLOCK);
	}
	assert_true(fcntl(p[1], F_GETPIPE_SZ) >= 65536);
	if (geteuid() == 0)
		assert_true(fcntl(p[1], F_GETPIPE_SZ) >= 1 << 20);
	/* Each end only for what it is. */
	assert_int_equal(proc_pipe_check(p[0], O_RDONLY), 0);
	assert_int_equal(proc_pipe_check(p[1], O_WRONLY), 0);
	assert_int_equal(proc_pipe_check(p[0], O_WRONLY), -1);
	assert_int_equal(errno, EPROTOTYPE);
	assert_int_equal(proc_pipe_check(p[1], O_RDONLY), -1);
	/* A blocking one would stop the process. */
	assert_int_equal(fcntl(p[1], F_SETFL, 0), 0);
	assert_int_equal(proc_pipe_check(p[1], O_WRONLY), -1);
	close(p[0]);
	close(p[1]);
	assert_int_equal(proc_pipe_check(p[0], O_RDONLY), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(proc_socketpair(sv, 1 << 16), 0);
	assert_int_equal(proc_pipe_check(sv[0], O_RDONLY), -1);
	assert_int_equal(proc_pipe_check(sv[0], O_WRONLY), -1);
	close(sv[0]);
	close(sv[1]);
}

static void
fd_move(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(proc_fd_move(p[0], 150), 150);
	assert_int_equal(fcntl(p[0], F_GETFD), -1);
	assert_int_equal(fcntl(150, F_GETFD), FD_CLOEXEC);
	/* Onto itself: still open, and close-on-exec now. */
	assert_int_equal(fcntl(150, F_SETFD, 0), 0);
	assert_int_equal(proc_fd_move(150, 150), 150);
	assert_int_equal(fcntl(150, F_GETFD), FD_CLOEXEC);
	close(150);
	close(p[1]);
	assert_int_equal(proc_fd_move(150, 151), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(proc_fd_move(150, 150), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(fcntl(151, F_GETFD), -1);
}

static void
fd_check(void **state)
{
	int fd, p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(proc_fd_check(p[0]), -1);
	close(p[0]);
	close(p[1]);
	assert_int_equal(proc_fd_check(p[0]), -1);
	assert_int_not_equal(fd = socket(AF_UNIX, SOCK_DGRAM, 0), -1);
	assert_int_equal(proc_fd_check(fd), -1);
	close(fd);
	assert_int_not_equal(fd = socket(AF_INET, SOCK_STREAM, 0), -1);
	assert_int_equal(proc_fd_check(fd), -1);
	close(fd);
	assert_int_not_equal(fd = socket(AF_UNIX, SOCK_STREAM, 0), -1);
	assert_int_equal(proc_fd_check(fd), 0);
	close(fd);
}

static int
is_null(int fd)
{
	char path[64], to[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if ((n = readlink(path, to, sizeof(to) - 1)) == -1)
		return (0);
	to[n] = '\0';
	return (strcmp(to, "/dev/null") == 0);
}

/*
 * A process that becomes a daemon and reports code, or ends without a report
 * for code -1.  What the daemon finds wrong, it writes to out.
 */
static void
daemon_life(int out, int code)
{
	char cwd[8];
	int fd;

	/* In place of a terminal, whatever the tests themselves run on. */
	if (dup2(out, STDOUT_FILENO) == -1 || dup2(out, STDERR_FILENO) == -1)
		_exit(98);
	if ((fd = proc_daemonize()) == -1)
		_exit(99);
	if (code == -1)
		_exit(0);
	if (getsid(0) != getpid() || getcwd(cwd, sizeof(cwd)) == NULL ||
	    strcmp(cwd, "/") != 0)
		dprintf(out, "no session of its own, or not in /\n");
	if (!is_null(STDIN_FILENO) || is_null(STDERR_FILENO))
		dprintf(out, "wrong descriptors before the report\n");
	if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
		dprintf(out, "the report's descriptor would survive exec\n");
	if (proc_report(fd, code) == -1)
		dprintf(out, "report failed\n");
	if (!is_null(STDIN_FILENO) || !is_null(STDOUT_FILENO) ||
	    !is_null(STDERR_FILENO))
		dprintf(out, "still on the terminal\n");
	if (fcntl(fd, F_GETFD) != -1)
		dprintf(out, "the report's descriptor is left\n");
	dprintf(out, "done\n");
	_exit(0);
}

static void
daemonize_codes(void **state)
{
	static const int codes[] = { EXIT_OK, EXIT_START, EXIT_HUNG, 255 };
	char buf[512];
	size_t i;
	pid_t pid;
	int p[2];

	(void)state;
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_int_equal(pipe(p), 0);
		assert_int_not_equal(pid = fork(), -1);
		if (pid == 0)
			daemon_life(p[1], codes[i]);
		close(p[1]);
		expect_exit(pid, codes[i]);
		read_all(p[0], buf, sizeof(buf));
		close(p[0]);
		assert_string_equal(buf, "done\n");
	}
	/* A daemon that dies before it could say anything. */
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0)
		daemon_life(STDERR_FILENO, -1);
	expect_exit(pid, EXIT_START);
}

/* The one who waited was killed: no SIGPIPE, and detached all the same. */
static void
report_to_nobody(void **state)
{
	char buf[512] = "";
	pid_t pid;
	int fd, p[2], q[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(pipe(q), 0);
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		if ((fd = proc_daemonize()) == -1)
			_exit(99);
		close(q[1]);
		dprintf(p[1], "x");
		if (read(q[0], buf, 1) != 0)
			_exit(1);
		if (proc_report(fd, 0) == -1 && errno == EPIPE &&
		    is_null(STDOUT_FILENO) && is_null(STDERR_FILENO))
			dprintf(p[1], "told and detached\n");
		_exit(0);
	}
	close(p[1]);
	close(q[0]);
	/* The daemon is there: only the one who waits is killed. */
	assert_int_equal(read(p[0], buf, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(q[1]);
	read_all(p[0], buf, sizeof(buf));
	close(p[0]);
	assert_string_equal(buf, "told and detached\n");
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_shares_nothing),
		cmocka_unit_test(start_tells_of_the_journal),
		cmocka_unit_test(start_any_number),
		cmocka_unit_test(start_faults),
		cmocka_unit_test(socketpair_properties),
		cmocka_unit_test(pipe_properties),
		cmocka_unit_test(fd_move),
		cmocka_unit_test(fd_check),
		cmocka_unit_test(daemonize_codes),
		cmocka_unit_test(report_to_nobody),
	};

	if (argc == 2 && strcmp(argv[1], ROLE) == 0)
		return (child_role(argv));
	return (cmocka_run_group_tests_name("proc", tests, NULL, NULL));
}
