/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What the process may do that looks up names. */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "common/log.h"
#include "uturnctl/lock.h"

#define ANY(call, reason)                       \
	{                                       \
		.name = (call), .why = (reason) \
	}
#define SOCKET(family)                                             \
	{                                                          \
		.name = "socket", .why = "name servers", .args = { \
			{ SANDBOX_EQ, 0, (family), 0 }             \
		}                                                  \
	}

/*
 * glibc's files, dns, resolve (systemd-resolved), myhostname and nscd; a
 * module that wants more ends the process, and then there are no names.
 */
static const struct sandbox_call names_calls[] = {
	SOCKET(AF_UNIX),
	SOCKET(AF_INET),
	SOCKET(AF_INET6),
	SOCKET(AF_NETLINK),
	ANY("connect", "name servers"),
	ANY("bind", "netlink: which families there are"),
	ANY("getsockname", "likewise"),
	ANY("getpeername", "name servers"),
	ANY("setsockopt", "name servers"),
	ANY("getsockopt", "name servers"),
	ANY("sendto", "queries, answers to uturnctl"),
	ANY("sendmsg", "queries"),
	ANY("sendmmsg", "queries"),
	ANY("recvfrom", "answers, the addresses from uturnctl"),
	ANY("recvmsg", "answers"),
	ANY("poll", "waiting"),
	ANY("ppoll", "waiting"),
	ANY("epoll_create1", "waiting, in modules"),
	ANY("epoll_ctl", "likewise"),
	ANY("epoll_wait", "likewise"),
	ANY("epoll_pwait", "likewise"),
	{ "openat", "resolv.conf, hosts, modules: to read",
	    { { SANDBOX_MASKED, 2, O_RDONLY, O_ACCMODE | O_CREAT } } },
	ANY("read", "files"),
	ANY("pread64", "modules"),
	ANY("write", "sockets"),
	ANY("close", "files, sockets"),
	ANY("fstat", "files"),
	ANY("newfstatat", "files"),
	ANY("stat", "files"),
	ANY("lstat", "files"),
	ANY("statx", "files"),
	ANY("access", "files"),
	ANY("faccessat", "files"),
	ANY("faccessat2", "files"),
	ANY("readlink", "files"),
	ANY("readlinkat", "files"),
	ANY("lseek", "files"),
	ANY("fcntl", "sockets"),
	ANY("ioctl", "bytes that wait"),
	ANY("getdents64", "folders of configuration"),
	ANY("mmap", "memory, modules"),
	ANY("mprotect", "modules"),
	ANY("munmap", "memory"),
	ANY("mremap", "memory"),
	ANY("madvise", "memory"),
	ANY("brk", "memory"),
	ANY("futex", "locks of the C library"),
	ANY("set_robust_list", "the C library"),
	ANY("rseq", "the C library"),
	ANY("clock_gettime", "time-outs"),
	ANY("gettimeofday", "likewise"),
	ANY("time", "likewise"),
	ANY("nanosleep", "likewise"),
	ANY("clock_nanosleep", "likewise"),
	ANY("getrandom", "numbers of queries"),
	ANY("uname", "the host's own name"),
	ANY("sysinfo", "the C library"),
	ANY("getpid", "the C library"),
	ANY("gettid", "the C library"),
	ANY("getuid", "modules"),
	ANY("geteuid", "modules"),
	ANY("getgid", "modules"),
	ANY("getegid", "modules"),
	ANY("rt_sigaction", "modules"),
	ANY("rt_sigprocmask", "modules"),
	ANY("rt_sigreturn", "the way back from a signal"),
	ANY("restart_syscall", "a wait after stop and continue"),
	ANY("alarm", "the time is up"),
	ANY("setitimer", "likewise"),
	ANY("exit_group", "the end"),
};

const struct sandbox_call *
lock_names_table(size_t *n)
{
	*n = sizeof(names_calls) / sizeof(names_calls[0]);
	return (names_calls);
}

static void
lock_nobody(void)
{
	const struct passwd *pw;

	if (geteuid() != 0)
		return;
	if ((pw = getpwnam("nobody")) == NULL || pw->pw_uid == 0)
		fatalx(EXIT_START, "no user nobody");
	if (setgroups(0, NULL) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		fatal(EXIT_START, "can't become nobody");
	if (setuid(0) != -1 || errno != EPERM)
		fatalx(EXIT_START, "still root");
}

void
lock_names(void)
{
	static const struct sandbox_path paths[] = {
		{ "/etc", SANDBOX_FS_READ },
		{ "/usr", SANDBOX_FS_READ },
		{ "/lib", SANDBOX_FS_READ },
		{ "/lib64", SANDBOX_FS_READ },
		/* resolv.conf is a link to there on many systems. */
		{ "/run", SANDBOX_FS_READ },
	};

	lock_nobody();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal(EXIT_START, "no_new_privs");
	(void)sandbox_landlock(paths, sizeof(paths) / sizeof(paths[0]));
	sandbox_seccomp(
	    names_calls, sizeof(names_calls) / sizeof(names_calls[0]), NULL, 0);
}
