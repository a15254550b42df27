/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The controller's filter. */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sandbox/filter.h"
#include "uturnd/sandbox.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define P(p) ((long)(intptr_t)(p))

/* Process ids that no process can have: the kernel's limit is 1 << 22. */
#define PID_ENGINE (5L << 20)
#define PID_PRIV   (6L << 20)

static struct timespec at_once;
static const uint64_t pids[CHILD_MAX] = {
	[CHILD_ENGINE] = PID_ENGINE, [CHILD_PRIV] = PID_PRIV
};

static const struct filter_call allowed[] = {
	{ "ppoll", SYS_ppoll, { 0, 0, P(&at_once) }, FILTER_WORKS },
	{ "clock_gettime", SYS_clock_gettime, { CLOCK_MONOTONIC, P(&at_once) },
	    FILTER_WORKS },
	{ "rt_sigreturn", SYS_rt_sigreturn, { 0 }, FILTER_CRASHES },
	{ "exit_group", SYS_exit_group, { 7 }, 7 },
	{ "recvmsg", SYS_recvmsg, { -1 }, EBADF },
	{ "sendmsg", SYS_sendmsg, { -1 }, EBADF },
	{ "accept4", SYS_accept4, { -1 }, EBADF },
	{ "getsockopt", SYS_getsockopt, { -1, SOL_SOCKET, SO_PEERCRED },
	    EBADF },
	{ "shutdown", SYS_shutdown, { -1, SHUT_WR }, EBADF },
	{ "close", SYS_close, { -1 }, EBADF },
	{ "unlink", SYS_unlink, { 0 }, EFAULT },
	{ "getpid", SYS_getpid, { 0 }, FILTER_WORKS },
	{ "wait4 for the engine", SYS_wait4, { PID_ENGINE }, ECHILD },
	{ "wait4 for the packet process", SYS_wait4, { PID_PRIV }, ECHILD },
	{ "kill of the engine", SYS_kill, { PID_ENGINE, SIGKILL }, ESRCH },
	{ "kill of the packet process", SYS_kill, { PID_PRIV, SIGKILL },
	    ESRCH },
	{ "openat", SYS_openat, { AT_FDCWD, 0, O_RDONLY | O_CLOEXEC }, EFAULT },
	{ "read", SYS_read, { -1 }, EBADF },
	{ "fstat", SYS_fstat, { -1 }, EBADF },
	{ "newfstatat", SYS_newfstatat, { AT_FDCWD }, EFAULT },
	{ "geteuid", SYS_geteuid, { 0 }, FILTER_WORKS },
	{ "write", SYS_write, { STDERR_FILENO }, FILTER_WORKS },
	{ "sendto", SYS_sendto, { -1 }, EBADF },
	{ "socket", SYS_socket, { AF_UNIX, SOCK_DGRAM }, FILTER_WORKS },
	{ "connect", SYS_connect, { -1 }, EBADF },
	{ "dup2 to 0", SYS_dup2, { -1, 0 }, EBADF },
	{ "dup2 to 1", SYS_dup2, { -1, 1 }, EBADF },
	{ "dup2 to 2", SYS_dup2, { -1, 2 }, EBADF },
	{ "brk", SYS_brk, { 0 }, FILTER_WORKS },
	{ "mmap", SYS_mmap,
	    { 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1 },
	    FILTER_WORKS },
};
static const struct filter controller = { "uturnd", controller_sandbox, pids,
	CHILD_MAX, allowed, N(allowed) };

static const struct filter_call forbidden[] = {
	{ "openat O_WRONLY", SYS_openat, { AT_FDCWD, 0, O_WRONLY }, 0 },
	{ "openat O_RDWR", SYS_openat, { AT_FDCWD, 0, O_RDWR }, 0 },
	{ "openat O_CREAT", SYS_openat, { AT_FDCWD, 0, O_CREAT }, 0 },
	{ "openat O_TRUNC", SYS_openat, { AT_FDCWD, 0, O_TRUNC }, 0 },
	{ "another signal to a child", SYS_kill, { PID_ENGINE, SIGSTOP }, 0 },
	{ "a child's group", SYS_kill, { -PID_ENGINE, SIGKILL }, 0 },
	{ "another process", SYS_kill, { PID_ENGINE + 1, SIGKILL }, 0 },
	{ "wait4 for another", SYS_wait4, { PID_PRIV + 1 }, 0 },
	{ "write to stdout", SYS_write, { STDOUT_FILENO }, 0 },
	{ "write elsewhere", SYS_write, { 3 }, 0 },
	{ "writev", SYS_writev, { STDERR_FILENO }, 0 },
	{ "dup2 elsewhere", SYS_dup2, { 0, 3 }, 0 },
	{ "dup", SYS_dup, { 0 }, 0 },
	{ "dup3", SYS_dup3, { 0, 1 }, 0 },
	{ "unlinkat", SYS_unlinkat, { AT_FDCWD }, 0 },
	{ "another option", SYS_getsockopt, { 3, SOL_SOCKET, SO_PEERSEC }, 0 },
	{ "another level", SYS_getsockopt, { 3, 6, SO_PEERCRED }, 0 },
	{ "setsockopt", SYS_setsockopt, { 3, SOL_SOCKET }, 0 },
	{ "shutdown to read", SYS_shutdown, { 3, SHUT_RD }, 0 },
	{ "mmap to run and write", SYS_mmap,
	    { 0, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		-1 },
	    0 },
	{ "mprotect", SYS_mprotect, { 0, 4096, PROT_READ }, 0 },
	{ "recvmmsg", SYS_recvmmsg, { 3 }, 0 },
	{ "sendmmsg", SYS_sendmmsg, { 3 }, 0 },
	{ "pread64", SYS_pread64, { 3 }, 0 },
	{ "munmap", SYS_munmap, { 0, 4096 }, 0 },
	{ "futex", SYS_futex, { 0 }, 0 },
	{ "time", SYS_time, { 0 }, 0 },
	{ "gettimeofday", SYS_gettimeofday, { 0 }, 0 },
	{ "restart_syscall", SYS_restart_syscall, { 0 }, 0 },
};

static void
controller_allowed(void **state)
{
	(void)state;
	filter_allowed(&controller);
}

static void
controller_forbidden(void **state)
{
	(void)state;
	filter_forbidden(&controller, forbidden, N(forbidden));
	filter_dangerous(&controller);
}

static void
controller_numbers(void **state)
{
	(void)state;
	filter_numbers(&controller);
}

static void
controller_foreign(void **state)
{
	(void)state;
	filter_foreign(&controller);
}

static void
controller_arguments(void **state)
{
	(void)state;
	filter_argument(&controller, SYS_socket, 0);
	filter_argument(&controller, SYS_kill, 0);
	filter_argument(&controller, SYS_kill, 1);
	filter_argument(&controller, SYS_wait4, 0);
	filter_argument(&controller, SYS_write, 0);
	filter_argument(&controller, SYS_dup2, 1);
	filter_argument(&controller, SYS_shutdown, 1);
	filter_argument(&controller, SYS_getsockopt, 1);
	filter_argument(&controller, SYS_getsockopt, 2);
}

static void
controller_golden(void **state)
{
	(void)state;
	filter_golden(&controller);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(controller_allowed),
		cmocka_unit_test(controller_forbidden),
		cmocka_unit_test(controller_numbers),
		cmocka_unit_test(controller_foreign),
		cmocka_unit_test(controller_arguments),
		cmocka_unit_test(controller_golden),
	};

	if (argc > 1 && strcmp(argv[1], "export") == 0)
		return (filter_export(&controller));
	return (cmocka_run_group_tests_name("controller", tests, NULL, NULL));
}
