/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "utrace/lock.h"

/*
 * Argument 4 of sendto is an address: without one, what is sent goes to whom
 * the socket is connected to.
 */
static const struct sandbox_call prober_calls[] = {
	{ "sendto", "requests and ICMP probes, to the target only",
	    { { SANDBOX_PARAM, 0, LOCK_ICMP, 0 }, { SANDBOX_EQ, 4, 0, 0 } } },
	{ "sendto", "UDP and TCP probes, to the target only",
	    { { SANDBOX_PARAM, 0, LOCK_DIRECT, 0 }, { SANDBOX_EQ, 4, 0, 0 } } },
	{ "setsockopt", "the TTL of the next request or ICMP probe",
	    { { SANDBOX_PARAM, 0, LOCK_ICMP, 0 },
		{ SANDBOX_PARAM, 1, LOCK_TTL_LEVEL, 0 },
		{ SANDBOX_PARAM, 2, LOCK_TTL_NAME, 0 } } },
	{ "setsockopt", "the TTL of the next UDP or TCP probe",
	    { { SANDBOX_PARAM, 0, LOCK_DIRECT, 0 },
		{ SANDBOX_PARAM, 1, LOCK_TTL_LEVEL, 0 },
		{ SANDBOX_PARAM, 2, LOCK_TTL_NAME, 0 } } },
	{ "recvfrom", "ICMP errors and replies",
	    { { SANDBOX_PARAM, 0, LOCK_ERRORS, 0 } } },
	{ "recvfrom", "UDP and TCP answers",
	    { { SANDBOX_PARAM, 0, LOCK_DIRECT, 0 } } },
	{ "ppoll", "waiting for answers, and for the next probe's time",
	    { { 0 } } },
	{ "clock_gettime", "where the vDSO has no fast clock", { { 0 } } },
	{ "write", "hops, to the parent",
	    { { SANDBOX_PARAM, 0, LOCK_OUT, 0 } } },
	{ "write", "a fault", { { SANDBOX_EQ, 0, STDERR_FILENO, 0 } } },
	{ "restart_syscall", "after a stop and continue", { { 0 } } },
	{ "exit_group", "the end", { { 0 } } },
};

const struct sandbox_call *
lock_prober_calls(size_t *n)
{
	*n = sizeof(prober_calls) / sizeof(prober_calls[0]);
	return (prober_calls);
}

int
lock_has_raw(void)
{
	struct __user_cap_header_struct hdr;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	hdr.version = _LINUX_CAPABILITY_VERSION_3;
	hdr.pid = 0;
	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &hdr, data) == -1)
		fatal(EXIT_START, "capget");
	return ((data[0].effective & (1U << CAP_NET_RAW)) != 0);
}

void
lock_caps(void)
{
	sandbox_keep_caps(NULL, 0);
}

void
lock_prober(const struct socks *s, int out, pid_t parent)
{
	uint64_t params[LOCK_PARAMS];
	const struct sandbox_call *calls;
	size_t n;
	int level, name;

	lock_root();
	lock_caps();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		fatal(EXIT_START, "prctl");
	/* It may have died before the signal was asked for. */
	if (getppid() != parent)
		fatalx(EXIT_START, "the parent process is gone");
	(void)sandbox_landlock(NULL, 0);
	socks_ttl_option(s->target.family, &level, &name);
	params[LOCK_OUT] = (uint64_t)out;
	params[LOCK_ICMP] = (uint64_t)s->icmp;
	params[LOCK_DIRECT] = (uint64_t)s->direct;
	params[LOCK_ERRORS] = (uint64_t)s->errors;
	params[LOCK_TTL_LEVEL] = (uint64_t)level;
	params[LOCK_TTL_NAME] = (uint64_t)name;
	calls = lock_prober_calls(&n);
	sandbox_seccomp(calls, n, params, LOCK_PARAMS);
}
