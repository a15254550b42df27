/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <fcntl.h>

#include "common/log.h"
#include "uturnctl/lock.h"

/*
 * The last entry opens files; it is left out where no file is read.
 */
static const struct sandbox_call lock_calls[] = {
	{ "recvmsg", "replies of the daemon", { { 0 } } },
	{ "sendmsg", "the request", { { 0 } } },
	{ "ppoll", "waiting for either", { { 0 } } },
	{ "read", "process states", { { 0 } } },
	{ "write", "output", { { 0 } } },
	{ "close", "the connection, files", { { 0 } } },
	{ "fstat", "stdio sizes its buffers", { { 0 } } },
	{ "newfstatat", "likewise, as this libc does it", { { 0 } } },
	{ "ioctl", "stdio asks whether it writes to a terminal",
	    { { SANDBOX_EQ, 1, TCGETS, 0 } } },
	{ "lseek", "stdio at exit", { { 0 } } },
	{ "brk", "memory", { { 0 } } },
	{ "mmap", "memory, not executable",
	    { { SANDBOX_MASKED, 2, 0, PROT_EXEC } } },
	{ "munmap", "memory", { { 0 } } },
	{ "mremap", "memory", { { 0 } } },
	{ "sysinfo", "qsort(3) asks how much memory there is", { { 0 } } },
	{ "clock_gettime", "where the vDSO has no fast clock", { { 0 } } },
	{ "getpid", "the header of a message", { { 0 } } },
	{ "restart_syscall", "ppoll after a stop and continue", { { 0 } } },
	{ "rt_sigreturn", "the way back from a signal", { { 0 } } },
	{ "exit_group", "the end", { { 0 } } },
	{ "openat", "process states, to read",
	    { { SANDBOX_MASKED, 2, O_RDONLY, O_ACCMODE | O_CREAT } } },
};

const struct sandbox_call *
lock_table(int with_proc, size_t *n)
{
	*n = sizeof(lock_calls) / sizeof(lock_calls[0]);
	if (!with_proc)
		(*n)--;
	return (lock_calls);
}

void
lock_up(int with_proc)
{
	static const struct sandbox_path proc = { "/proc", SANDBOX_FS_READ };
	const struct sandbox_call *table;
	size_t n;

	/* Landlock and seccomp ask for it; the kernel keeps it for good. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal(EXIT_START, "no_new_privs");
	(void)sandbox_landlock(&proc, with_proc ? 1 : 0);
	table = lock_table(with_proc, &n);
	sandbox_seccomp(table, n, NULL, 0);
}
