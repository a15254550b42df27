/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <errno.h>
#include <grp.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"
#include "utrace/lock.h"

/* The user that owns nothing: nobody, in Debian as nearly everywhere. */
#define LOCK_NOBODY 65534

#define LOCK_COMMON                                                        \
	{ "brk", "memory", { { 0 } } },                                    \
	    { "mmap", "memory, not executable",                            \
		    { { SANDBOX_MASKED, 2, 0, PROT_EXEC } } },             \
	    { "munmap", "memory", { { 0 } } },                             \
	    { "restart_syscall", "after a stop and continue", { { 0 } } }, \
	    { "rt_sigreturn", "the way back from a signal", { { 0 } } },   \
	{                                                                  \
		"exit_group", "the end",                                   \
		{                                                          \
			{                                                  \
				0                                          \
			}                                                  \
		}                                                          \
	}

static const struct sandbox_call lock_reader_calls[] = {
	{ "read", "standard input", { { SANDBOX_EQ, 0, STDIN_FILENO, 0 } } },
	{ "write", "what was read, taken apart",
	    { { SANDBOX_PARAM, 0, 0, 0 } } },
	{ "write", "a fault", { { SANDBOX_EQ, 0, STDERR_FILENO, 0 } } },
	LOCK_COMMON,
};

static const struct sandbox_call lock_parent_calls[] = {
	{ "read", "the reader's and the resolver's pipes", { { 0 } } },
	{ "write", "output, and requests for names", { { 0 } } },
	{ "ppoll", "waiting for names", { { 0 } } },
	{ "fstat", "stdio sizes its buffers", { { 0 } } },
	{ "newfstatat", "likewise, as this libc does it", { { 0 } } },
	{ "ioctl", "stdio asks whether it writes to a terminal",
	    { { SANDBOX_EQ, 1, TCGETS, 0 } } },
	{ "lseek", "stdio at exit", { { 0 } } },
	{ "mremap", "memory", { { 0 } } },
	{ "clock_gettime", "where the vDSO has no fast clock", { { 0 } } },
	LOCK_COMMON,
};

void
lock_root(void)
{
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) == 0 &&
	    setresgid(LOCK_NOBODY, LOCK_NOBODY, LOCK_NOBODY) == 0 &&
	    setresuid(LOCK_NOBODY, LOCK_NOBODY, LOCK_NOBODY) == 0)
		return;
	/* The root of a user namespace without such a user, or without the
	 * right to change: it has little to give up. */
	if (errno != EINVAL && errno != EPERM)
		fatal(EXIT_START, "becoming nobody");
}

static void
lock_privileges(void)
{
	/* Landlock and seccomp ask for it; the kernel keeps it for good. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal(EXIT_START, "no_new_privs");
}

void
lock_reader(int out)
{
	uint64_t params[1];

	params[0] = (uint64_t)out;
	lock_privileges();
	(void)sandbox_landlock(NULL, 0);
	sandbox_seccomp(lock_reader_calls,
	    sizeof(lock_reader_calls) / sizeof(lock_reader_calls[0]), params,
	    1);
}

void
lock_parent(void)
{
	lock_privileges();
	(void)sandbox_landlock(NULL, 0);
	sandbox_seccomp(lock_parent_calls,
	    sizeof(lock_parent_calls) / sizeof(lock_parent_calls[0]), NULL, 0);
}

void
lock_names(void)
{
	static const struct sandbox_path all = { "/", SANDBOX_FS_READ };

	lock_privileges();
	(void)sandbox_landlock(&all, 1);
}
