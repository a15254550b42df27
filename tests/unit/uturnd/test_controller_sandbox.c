/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "uturnd/sandbox.h"

/* Not ours, and nobody's on a system with the usual limit. */
#define OTHER_PID 4194303
/* What the C library's dup2(3) is made of; the other call is not allowed. */
#ifdef SYS_dup2
#define DUP SYS_dup2
#else
#define DUP SYS_dup3
#endif

/* Runs one call under the controller's real filter; the child's status. */
static int
try(long nr, long a, long b, long c, long d)
{
	const struct sandbox_call *table;
	uint64_t params[CHILD_MAX];
	size_t n;
	pid_t pid;
	int status;

	assert_true((pid = fork()) != -1);
	if (pid == 0) {
		table = controller_sandbox(&n);
		params[CHILD_ENGINE] = (uint64_t)getpid();
		params[CHILD_PRIV] = OTHER_PID;
		sandbox_seccomp(table, n, params, CHILD_MAX);
		(void)syscall(nr, a, b, c, d);
		/* Raw: before _exit(2) a sanitizer makes a call of its own. */
		(void)syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return (status);
}

static int
killed(int status)
{
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void
what_it_needs(void **state)
{
	const long path = (long)"/etc/passwd";

	(void)state;
	assert_int_equal(
	    try(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), 0);
	assert_int_equal(try(SYS_socket, AF_UNIX, SOCK_DGRAM, 0, 0), 0);
	assert_int_equal(try(SYS_kill, OTHER_PID, SIGKILL, 0, 0), 0);
	assert_int_equal(try(SYS_wait4, OTHER_PID, 0, WNOHANG, 0), 0);
	assert_int_equal(try(DUP, 9, STDERR_FILENO, 0, 0), 0);
	assert_int_equal(try(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE), 0);
	assert_int_equal(try(SYS_brk, 0, 0, 0, 0), 0);
}

static void
what_it_must_not(void **state)
{
	const long path = (long)"/tmp/uturnd-never";

	(void)state;
	assert_true(killed(try(SYS_openat, AT_FDCWD, path, O_WRONLY, 0)));
	assert_true(killed(try(SYS_openat, AT_FDCWD, path, O_RDWR, 0)));
	assert_true(
	    killed(try(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CREAT, 0)));
	assert_true(killed(try(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0)));
	assert_true(killed(try(SYS_socket, AF_NETLINK, SOCK_RAW, 0, 0)));
	assert_true(killed(try(SYS_socket, AF_PACKET, SOCK_RAW, 0, 0)));
	/* Others than its children, and with another signal. */
	assert_true(killed(try(SYS_kill, getpid(), SIGKILL, 0, 0)));
	assert_true(killed(try(SYS_kill, -1, SIGKILL, 0, 0)));
	assert_true(killed(try(SYS_kill, OTHER_PID, SIGTERM, 0, 0)));
	assert_true(killed(try(SYS_wait4, -1, 0, WNOHANG, 0)));
	assert_true(killed(try(SYS_write, 1, path, 0, 0)));
	assert_true(killed(try(DUP, 2, 7, 0, 0)));
	assert_true(
	    killed(try(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE)));
	assert_true(killed(try(SYS_mprotect, 0, 0, PROT_EXEC, 0)));
	assert_true(killed(try(SYS_execve, path, 0, 0, 0)));
	assert_true(killed(try(SYS_clone, SIGCHLD, 0, 0, 0)));
	assert_true(killed(try(SYS_ptrace, 0, 0, 0, 0)));
	assert_true(killed(try(SYS_ioctl, 0, 0, 0, 0)));
	assert_true(killed(try(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0)));
	assert_true(killed(try(SYS_getsockopt, 0, SOL_SOCKET, SO_PEERSEC, 0)));
	assert_true(killed(try(SYS_shutdown, 0, SHUT_RDWR, 0, 0)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_needs),
		cmocka_unit_test(what_it_must_not),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
