/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The filter of utrace's prober. */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sandbox/filter.h"
#include "utrace/lock.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define P(p) ((long)(intptr_t)(p))

/* As the prober's descriptors might be numbered. */
#define OUT    4
#define HOLD   5
#define ERRORS 6
#define ICMP   7
#define DIRECT 8

static const uint64_t params[LOCK_PARAMS] = {
	[LOCK_OUT] = OUT,
	[LOCK_ICMP] = ICMP,
	[LOCK_DIRECT] = DIRECT,
	[LOCK_ERRORS] = ERRORS,
	[LOCK_TTL_LEVEL] = IPPROTO_IP,
	[LOCK_TTL_NAME] = IP_TTL,
};
static char byte;
static struct sockaddr_in somebody;
static struct timespec at_once;
static const struct filter_call allowed[] = {
	{ "sendto 7", SYS_sendto, { ICMP, P(&byte), 1 }, EBADF },
	{ "sendto 8", SYS_sendto, { DIRECT, P(&byte), 1 }, EBADF },
	{ "IP_TTL 7", SYS_setsockopt, { ICMP, IPPROTO_IP, IP_TTL }, EBADF },
	{ "IP_TTL 8", SYS_setsockopt, { DIRECT, IPPROTO_IP, IP_TTL }, EBADF },
	{ "recvfrom 6", SYS_recvfrom, { ERRORS, P(&byte), 1 }, EBADF },
	{ "recvfrom 8", SYS_recvfrom, { DIRECT, P(&byte), 1 }, EBADF },
	{ "ppoll", SYS_ppoll, { 0, 0, P(&at_once) }, FILTER_WORKS },
	{ "clock_gettime", SYS_clock_gettime, { CLOCK_MONOTONIC, P(&at_once) },
	    FILTER_WORKS },
	{ "write 4", SYS_write, { OUT, P(&byte), 0 }, EBADF },
	{ "write to stderr", SYS_write, { STDERR_FILENO, P(&byte), 0 },
	    FILTER_WORKS },
	{ "restart_syscall", SYS_restart_syscall, { 0 }, EINTR },
	{ "exit_group", SYS_exit_group, { 7 }, 7 },
};
static const struct filter utrace = { "utrace", lock_prober_calls, params,
	LOCK_PARAMS, allowed, N(allowed) };

static const struct filter_call forbidden[] = {
	{ "sendto another address", SYS_sendto,
	    { DIRECT, P(&byte), 1, 0, P(&somebody), sizeof(somebody) }, 0 },
	{ "sendto another address by ICMP", SYS_sendto,
	    { ICMP, P(&byte), 1, 0, P(&somebody), sizeof(somebody) }, 0 },
	{ "sendto from where it receives", SYS_sendto, { ERRORS, P(&byte), 1 },
	    0 },
	{ "sendmsg", SYS_sendmsg, { DIRECT }, 0 },
	{ "sendmmsg", SYS_sendmmsg, { DIRECT }, 0 },
	{ "recvfrom the port's holder", SYS_recvfrom, { HOLD, P(&byte), 1 },
	    0 },
	{ "recvmsg", SYS_recvmsg, { ERRORS }, 0 },
	{ "connect", SYS_connect, { DIRECT, P(&somebody), sizeof(somebody) },
	    0 },
	{ "bind", SYS_bind, { DIRECT, P(&somebody), sizeof(somebody) }, 0 },
	{ "another option", SYS_setsockopt, { DIRECT, IPPROTO_IP, IP_HDRINCL },
	    0 },
	{ "SO_DETACH_FILTER", SYS_setsockopt,
	    { ERRORS, SOL_SOCKET, SO_DETACH_FILTER }, 0 },
	{ "SO_MARK", SYS_setsockopt, { ICMP, SOL_SOCKET, SO_MARK }, 0 },
	{ "the TTL of where it receives", SYS_setsockopt,
	    { ERRORS, IPPROTO_IP, IP_TTL }, 0 },
	{ "socket", SYS_socket, { AF_INET, SOCK_RAW, IPPROTO_ICMP }, 0 },
	{ "openat", SYS_openat, { AT_FDCWD, P("/"), O_RDONLY }, 0 },
	{ "read", SYS_read, { STDIN_FILENO, P(&byte), 1 }, 0 },
	{ "write to stdout", SYS_write, { STDOUT_FILENO, P(&byte), 0 }, 0 },
	{ "write to a socket", SYS_write, { DIRECT, P(&byte), 1 }, 0 },
	{ "close", SYS_close, { HOLD }, 0 },
	{ "dup2", SYS_dup2, { DIRECT, 0 }, 0 },
	{ "brk", SYS_brk, { 0 }, 0 },
	{ "mmap", SYS_mmap,
	    { 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1 }, 0 },
	{ "munmap", SYS_munmap, { 0, 4096 }, 0 },
	{ "getrandom", SYS_getrandom, { 0 }, 0 },
	{ "rt_sigreturn", SYS_rt_sigreturn, { 0 }, 0 },
};

static void
utrace_allowed(void **state)
{
	(void)state;
	filter_allowed(&utrace);
}

static void
utrace_forbidden(void **state)
{
	(void)state;
	filter_forbidden(&utrace, forbidden, N(forbidden));
	filter_dangerous(&utrace);
}

static void
utrace_numbers(void **state)
{
	(void)state;
	filter_numbers(&utrace);
}

static void
utrace_foreign(void **state)
{
	(void)state;
	filter_foreign(&utrace);
}

static void
utrace_descriptors(void **state)
{
	(void)state;
	filter_argument(&utrace, SYS_sendto, 0);
	filter_argument(&utrace, SYS_sendto, 4);
	filter_argument(&utrace, SYS_recvfrom, 0);
	filter_argument(&utrace, SYS_write, 0);
	filter_argument(&utrace, SYS_setsockopt, 0);
	filter_argument(&utrace, SYS_setsockopt, 1);
	filter_argument(&utrace, SYS_setsockopt, 2);
}

static void
utrace_golden(void **state)
{
	(void)state;
	filter_golden(&utrace);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utrace_allowed),
		cmocka_unit_test(utrace_forbidden),
		cmocka_unit_test(utrace_numbers),
		cmocka_unit_test(utrace_foreign),
		cmocka_unit_test(utrace_descriptors),
		cmocka_unit_test(utrace_golden),
	};

	if (argc > 1 && strcmp(argv[1], "export") == 0)
		return (filter_export(&utrace));
	return (cmocka_run_group_tests_name("utrace", tests, NULL, NULL));
}
