/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The engine's filter. */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/proc.h"
#include "engine/engine.h"
#include "tests/sandbox/filter.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define P(p) ((long)(intptr_t)(p))

static struct timespec at_once;
static const struct filter_call allowed[] = {
	{ "recvmsg 3", SYS_recvmsg, { PROC_FD_CONTROLLER }, EBADF },
	{ "sendmsg 3", SYS_sendmsg, { PROC_FD_CONTROLLER }, EBADF },
	{ "read 4", SYS_read, { PROC_FD_PEER_IN }, EBADF },
	{ "writev 5", SYS_writev, { PROC_FD_PEER_OUT }, EBADF },
	{ "sched_setaffinity of itself", SYS_sched_setaffinity, { 0 }, EINVAL },
	{ "ppoll", SYS_ppoll, { 0, 0, P(&at_once) }, FILTER_WORKS },
	{ "clock_gettime", SYS_clock_gettime, { CLOCK_MONOTONIC, P(&at_once) },
	    FILTER_WORKS },
	{ "exit_group", SYS_exit_group, { 7 }, 7 },
};
static const struct filter engine = { "engine", engine_sandbox, NULL, 0,
	allowed, N(allowed) };

static const struct filter_call forbidden[] = {
	{ "openat", SYS_openat, { AT_FDCWD, P("/"), O_RDONLY }, 0 },
	{ "sched_setaffinity of another", SYS_sched_setaffinity, { 1 }, 0 },
	{ "socket AF_UNIX", SYS_socket, { AF_UNIX, SOCK_STREAM }, 0 },
	{ "connect", SYS_connect, { PROC_FD_PEER_IN }, 0 },
	{ "accept4", SYS_accept4, { PROC_FD_PEER_IN }, 0 },
	{ "shutdown", SYS_shutdown, { PROC_FD_PEER_IN, SHUT_WR }, 0 },
	{ "read the controller", SYS_read, { PROC_FD_CONTROLLER }, 0 },
	{ "read what is for writing", SYS_read, { PROC_FD_PEER_OUT }, 0 },
	{ "write", SYS_write, { PROC_FD_PEER_OUT }, 0 },
	{ "writev to the controller", SYS_writev, { PROC_FD_CONTROLLER }, 0 },
	{ "readv", SYS_readv, { PROC_FD_PEER_IN }, 0 },
	{ "recvmsg of the peer", SYS_recvmsg, { PROC_FD_PEER_IN }, 0 },
	{ "sendmsg to the peer", SYS_sendmsg, { PROC_FD_PEER_OUT }, 0 },
	{ "write to stderr", SYS_write, { STDERR_FILENO }, 0 },
	{ "sendto", SYS_sendto, { PROC_FD_PEER_IN }, 0 },
	{ "recvfrom", SYS_recvfrom, { PROC_FD_PEER_IN }, 0 },
	{ "sendmmsg", SYS_sendmmsg, { PROC_FD_PEER_IN }, 0 },
	{ "recvmmsg", SYS_recvmmsg, { PROC_FD_PEER_IN }, 0 },
	{ "pread64", SYS_pread64, { PROC_FD_PEER_IN }, 0 },
	{ "setsockopt", SYS_setsockopt, { PROC_FD_PEER_IN, SOL_SOCKET }, 0 },
	{ "getsockopt", SYS_getsockopt, { PROC_FD_PEER_IN, SOL_SOCKET }, 0 },
	{ "close", SYS_close, { PROC_FD_PEER_IN }, 0 },
	{ "dup", SYS_dup, { PROC_FD_PEER_IN }, 0 },
	{ "dup2", SYS_dup2, { PROC_FD_PEER_IN, 0 }, 0 },
	{ "brk", SYS_brk, { 0 }, 0 },
	{ "mmap", SYS_mmap,
	    { 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1 }, 0 },
	{ "munmap", SYS_munmap, { 0, 4096 }, 0 },
	{ "madvise", SYS_madvise, { 0, 4096 }, 0 },
	{ "getrandom", SYS_getrandom, { 0 }, 0 },
	{ "getpid", SYS_getpid, { 0 }, 0 },
	{ "rt_sigreturn", SYS_rt_sigreturn, { 0 }, 0 },
	{ "restart_syscall", SYS_restart_syscall, { 0 }, 0 },
};

static void
engine_allowed(void **state)
{
	(void)state;
	filter_allowed(&engine);
}

static void
engine_forbidden(void **state)
{
	(void)state;
	filter_forbidden(&engine, forbidden, N(forbidden));
	filter_dangerous(&engine);
}

static void
engine_numbers(void **state)
{
	(void)state;
	filter_numbers(&engine);
}

static void
engine_foreign(void **state)
{
	(void)state;
	filter_foreign(&engine);
}

static void
engine_descriptors(void **state)
{
	(void)state;
	filter_argument(&engine, SYS_recvmsg, 0);
	filter_argument(&engine, SYS_sendmsg, 0);
}

static void
engine_golden(void **state)
{
	(void)state;
	filter_golden(&engine);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engine_allowed),
		cmocka_unit_test(engine_forbidden),
		cmocka_unit_test(engine_numbers),
		cmocka_unit_test(engine_foreign),
		cmocka_unit_test(engine_descriptors),
		cmocka_unit_test(engine_golden),
	};

	if (argc > 1 && strcmp(argv[1], "export") == 0)
		return (filter_export(&engine));
	return (cmocka_run_group_tests_name("engine", tests, NULL, NULL));
}
