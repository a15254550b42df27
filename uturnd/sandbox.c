/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "uturnd/sandbox.h"

/*
 * Three of its own, both pipes, syslog, two for the service manager and the
 * starting process, 8 sockets, 64 clients, the files of a configuration; and
 * no less than the array for ppoll(2) is long.
 */
#define NOFILE_MAX 128

#define EQ(a, v)                                           \
	{                                                  \
		.op = SANDBOX_EQ, .arg = (a), .value = (v) \
	}
#define LE(a, v)                                           \
	{                                                  \
		.op = SANDBOX_LE, .arg = (a), .value = (v) \
	}
#define BITS(a, v, m)                                                       \
	{                                                                   \
		.op = SANDBOX_MASKED, .arg = (a), .value = (v), .mask = (m) \
	}
#define PARAM(a, i)                                           \
	{                                                     \
		.op = SANDBOX_PARAM, .arg = (a), .value = (i) \
	}

/*
 * No restart_syscall in any of the three tables: ppoll(2) that a stop has
 * interrupted is made again under its own number.
 */
static const struct sandbox_call controller_calls[] = {
	/* the loop */
	{ "ppoll", "the loop", { { 0 } } },
	{ "clock_gettime", "time, where the vDSO can't tell", { { 0 } } },
	{ "rt_sigreturn", "back from a signal handler", { { 0 } } },
	{ "exit_group", "the end", { { 0 } } },

	/* the pipes to the children, and the clients */
	{ "recvmsg", "messages", { { 0 } } },
	{ "sendmsg", "messages", { { 0 } } },
	{ "accept4", "clients", { { 0 } } },
	{ "getsockopt", "who a client is",
	    { EQ(1, SOL_SOCKET), EQ(2, SO_PEERCRED) } },
	{ "shutdown", "tells the children to end", { EQ(1, SHUT_WR) } },
	{ "close", "clients, files", { { 0 } } },
#ifdef SYS_unlink
	{ "unlink", "removes the control sockets", { { 0 } } },
#else
	{ "unlinkat", "removes the control sockets", { { 0 } } },
#endif
	{ "getpid", "log lines, show processes", { { 0 } } },

	/* the children's end */
	{ "wait4", "a child's status", { PARAM(0, CHILD_ENGINE) } },
	{ "wait4", "a child's status", { PARAM(0, CHILD_PRIV) } },
	{ "kill", "a child that does not end",
	    { PARAM(0, CHILD_ENGINE), EQ(1, SIGKILL) } },
	{ "kill", "a child that does not end",
	    { PARAM(0, CHILD_PRIV), EQ(1, SIGKILL) } },

	/* reload; Landlock limits what can be opened */
	{ "openat", "reads the configuration",
	    { BITS(2, O_RDONLY, O_ACCMODE | O_CREAT | O_TRUNC) } },
	{ "read", "reads the configuration", { { 0 } } },
	{ "fstat", "whose file it is", { { 0 } } },
	{ "newfstatat", "likewise, as some C libraries do", { { 0 } } },
	{ "geteuid", "whether that is our own user", { { 0 } } },

	/* log, service manager, report to the starting process */
	{ "write", "log lines on stderr", { EQ(0, STDERR_FILENO) } },
	{ "sendto", "syslog, service manager, report", { { 0 } } },
	{ "socket", "syslog, when it was restarted", { EQ(0, AF_UNIX) } },
	{ "connect", "syslog, when it was restarted", { { 0 } } },
#ifdef SYS_dup2
	{ "dup2", "detaches from the terminal", { LE(1, STDERR_FILENO) } },
#else
	{ "dup3", "detaches from the terminal", { LE(1, STDERR_FILENO) } },
#endif

	/*
	 * Memory, never executable.  No munmap: nothing that malloc mapped at
	 * start is freed or grows later.
	 */
	{ "brk", "malloc", { { 0 } } },
	{ "mmap", "malloc, where brk has no room", { BITS(2, 0, PROT_EXEC) } },
};
#define NCALLS (sizeof(controller_calls) / sizeof(controller_calls[0]))

void
controller_lock(const struct controller_rights *r)
{
	struct sandbox_path paths[1 + UTURND_SANDBOX_FOLDERS];
	uint64_t params[CHILD_MAX];
	size_t i, n = 0;

	/* Reads a file that is out of reach afterwards; syslog needs it. */
	tzset();
	paths[n].path = r->conf_folder;
	paths[n++].rights = SANDBOX_FS_READ;
	for (i = 0; i < r->nfolders; i++) {
		paths[n].path = r->folders[i];
		paths[n++].rights = SANDBOX_FS_RUN;
	}
	for (i = 0; i < CHILD_MAX; i++)
		params[i] = (uint64_t)r->children[i];

	sandbox_drop(&r->ids, NULL, 0, 0, 0);
	/* No limit for files: stderr may be one. */
	sandbox_rlimits(RLIM_INFINITY, NOFILE_MAX);
	if (sandbox_landlock(paths, n) == 0)
		log_debug("no Landlock here");
	sandbox_seccomp(controller_calls, NCALLS, params, CHILD_MAX);
}

const struct sandbox_call *
controller_sandbox(size_t *n)
{
	*n = NCALLS;
	return (controller_calls);
}
