/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The packet process's filter. */

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
#include "priv/priv.h"
#include "tests/sandbox/filter.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define P(p) ((long)(intptr_t)(p))

static struct timespec at_once;
static const struct filter_call allowed[] = {
	{ "recvmsg 3", SYS_recvmsg, { PROC_FD_CONTROLLER }, EBADF },
	{ "sendmsg 3", SYS_sendmsg, { PROC_FD_CONTROLLER }, EBADF },
	{ "read 4", SYS_read, { PROC_FD_PEER_IN }, EBADF },
	{ "writev 5", SYS_writev, { PROC_FD_PEER_OUT }, EBADF },
	{ "recvmmsg 6", SYS_recvmmsg, { PRIV_FD_QUEUE }, EBADF },
	{ "sendto 6", SYS_sendto, { PRIV_FD_QUEUE }, EBADF },
	{ "sendmmsg 7", SYS_sendmmsg, { PRIV_FD_RAW4 }, EBADF },
	{ "sendmmsg 8", SYS_sendmmsg, { PRIV_FD_RAW6 }, EBADF },
	{ "pread64 11", SYS_pread64, { PRIV_FD_FIGURES }, EBADF },
	{ "setsockopt 9", SYS_setsockopt,
	    { PRIV_FD_CAPTURE4, SOL_SOCKET, SO_ATTACH_FILTER }, EBADF },
	{ "setsockopt 10", SYS_setsockopt,
	    { PRIV_FD_CAPTURE6, SOL_SOCKET, SO_ATTACH_FILTER }, EBADF },
	{ "ppoll", SYS_ppoll, { 0, 0, P(&at_once) }, FILTER_WORKS },
	{ "clock_gettime", SYS_clock_gettime, { CLOCK_MONOTONIC, P(&at_once) },
	    FILTER_WORKS },
	{ "exit_group", SYS_exit_group, { 7 }, 7 },
};
static const struct filter priv = { "priv", priv_sandbox, NULL, 0, allowed,
	N(allowed) };

static const struct filter_call forbidden[] = {
	{ "openat", SYS_openat, { AT_FDCWD, P("/"), O_RDONLY }, 0 },
	{ "sched_setaffinity", SYS_sched_setaffinity, { 0 }, 0 },
	{ "socket AF_UNIX", SYS_socket, { AF_UNIX, SOCK_STREAM }, 0 },
	{ "connect", SYS_connect, { PRIV_FD_RAW4 }, 0 },
	{ "accept4", SYS_accept4, { PROC_FD_PEER_IN }, 0 },
	{ "shutdown", SYS_shutdown, { PROC_FD_PEER_IN, SHUT_WR }, 0 },
	{ "read the queue", SYS_read, { PRIV_FD_QUEUE }, 0 },
	{ "write", SYS_write, { PROC_FD_PEER_OUT }, 0 },
	{ "recvmsg of the engine", SYS_recvmsg, { PROC_FD_PEER_IN }, 0 },
	{ "sendmsg to the engine", SYS_sendmsg, { PROC_FD_PEER_OUT }, 0 },
	{ "write to stderr", SYS_write, { STDERR_FILENO }, 0 },
	{ "write to the queue", SYS_write, { PRIV_FD_QUEUE }, 0 },
	{ "writev", SYS_writev, { PRIV_FD_RAW4 }, 0 },
	{ "recvfrom", SYS_recvfrom, { PRIV_FD_QUEUE }, 0 },
	{ "sendmsg to the queue", SYS_sendmsg, { PRIV_FD_QUEUE }, 0 },
	{ "sendmmsg to the capture", SYS_sendmmsg, { PRIV_FD_CAPTURE4 }, 0 },
	{ "recvmmsg on a send socket", SYS_recvmmsg, { PRIV_FD_RAW4 }, 0 },
	{ "recvmmsg on a capture", SYS_recvmmsg, { PRIV_FD_CAPTURE4 }, 0 },
	{ "sendto IPv4", SYS_sendto, { PRIV_FD_RAW4 }, 0 },
	{ "SO_MARK", SYS_setsockopt, { PRIV_FD_RAW4, SOL_SOCKET, SO_MARK }, 0 },
	{ "SO_ATTACH_FILTER on a send socket", SYS_setsockopt,
	    { PRIV_FD_RAW4, SOL_SOCKET, SO_ATTACH_FILTER }, 0 },
	{ "SO_DETACH_FILTER", SYS_setsockopt,
	    { PRIV_FD_CAPTURE4, SOL_SOCKET, SO_DETACH_FILTER }, 0 },
	{ "SO_ATTACH_BPF", SYS_setsockopt,
	    { PRIV_FD_CAPTURE4, SOL_SOCKET, SO_ATTACH_BPF }, 0 },
	{ "SO_LOCK_FILTER", SYS_setsockopt,
	    { PRIV_FD_CAPTURE6, SOL_SOCKET, SO_LOCK_FILTER }, 0 },
	{ "a packet option", SYS_setsockopt,
	    { PRIV_FD_CAPTURE4, SOL_PACKET, SO_ATTACH_FILTER }, 0 },
	{ "getsockopt", SYS_getsockopt, { PRIV_FD_CAPTURE4, SOL_SOCKET }, 0 },
	{ "pread64 of the queue", SYS_pread64, { PRIV_FD_QUEUE }, 0 },
	{ "close", SYS_close, { PRIV_FD_RAW4 }, 0 },
	{ "dup", SYS_dup, { PRIV_FD_RAW4 }, 0 },
	{ "dup2", SYS_dup2, { PRIV_FD_RAW4, 0 }, 0 },
	{ "brk", SYS_brk, { 0 }, 0 },
	{ "mmap", SYS_mmap,
	    { 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1 }, 0 },
	{ "munmap", SYS_munmap, { 0, 4096 }, 0 },
	{ "getrandom", SYS_getrandom, { 0 }, 0 },
	{ "getpid", SYS_getpid, { 0 }, 0 },
	{ "rt_sigreturn", SYS_rt_sigreturn, { 0 }, 0 },
	{ "restart_syscall", SYS_restart_syscall, { 0 }, 0 },
};

static void
priv_allowed(void **state)
{
	(void)state;
	filter_allowed(&priv);
}

static void
priv_forbidden(void **state)
{
	(void)state;
	filter_forbidden(&priv, forbidden, N(forbidden));
	filter_dangerous(&priv);
}

static void
priv_numbers(void **state)
{
	(void)state;
	filter_numbers(&priv);
}

static void
priv_foreign(void **state)
{
	(void)state;
	filter_foreign(&priv);
}

/* Each call that carries data works on its own descriptors and no other. */
static void
priv_descriptors(void **state)
{
	static const long pinned[] = { SYS_recvmsg, SYS_sendmsg, SYS_recvmmsg,
		SYS_sendto, SYS_sendmmsg, SYS_pread64, SYS_setsockopt };
	size_t i;

	(void)state;
	for (i = 0; i < N(pinned); i++)
		filter_argument(&priv, pinned[i], 0);
}

static void
priv_capture_options(void **state)
{
	(void)state;
	filter_argument(&priv, SYS_setsockopt, 1);
	filter_argument(&priv, SYS_setsockopt, 2);
}

static void
priv_golden(void **state)
{
	(void)state;
	filter_golden(&priv);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(priv_allowed),
		cmocka_unit_test(priv_forbidden),
		cmocka_unit_test(priv_numbers),
		cmocka_unit_test(priv_foreign),
		cmocka_unit_test(priv_descriptors),
		cmocka_unit_test(priv_capture_options),
		cmocka_unit_test(priv_golden),
	};

	if (argc > 1 && strcmp(argv[1], "export") == 0)
		return (filter_export(&priv));
	return (cmocka_run_group_tests_name("priv", tests, NULL, NULL));
}
