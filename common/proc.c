/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"

static int proc_buffer_raise(int, int, int, int);
static char *proc_env_find(const char *);
static void
proc_child(int, char *const[], char *const[]) __attribute__((noreturn));
static void proc_daemon_wait(int) __attribute__((noreturn));

int
proc_socketpair(int sv[2], int bufsize)
{
	int i, saved_errno;

	if (bufsize <= 0) {
		errno = EINVAL;
		return (-1);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		sv) == -1)
		return (-1);
	for (i = 0; i < 2; i++) {
		if (proc_buffer_raise(
			sv[i], SO_SNDBUF, SO_SNDBUFFORCE, bufsize) == -1 ||
		    proc_buffer_raise(
			sv[i], SO_RCVBUF, SO_RCVBUFFORCE, bufsize) == -1) {
			saved_errno = errno;
			close(sv[0]);
			close(sv[1]);
			errno = saved_errno;
			return (-1);
		}
	}
	return (0);
}

/*
 * Raises one buffer to size bytes, never lowers it.  The kernel reports twice
 * what was asked for, since it counts its own overhead in.
 */
static int
proc_buffer_raise(int fd, int opt, int force, int size)
{
	socklen_t len;
	int cur;

	len = sizeof(cur);
	if (getsockopt(fd, SOL_SOCKET, opt, &cur, &len) == -1)
		return (-1);
	if (cur / 2 >= size)
		return (0);
	/* Root may exceed the system's limit, all others are cut to it. */
	if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof(size)) == 0)
		return (0);
	return (setsockopt(fd, SOL_SOCKET, opt, &size, sizeof(size)));
}

pid_t
proc_start(int fd, char *const argv[])
{
	char *envp[2];
	pid_t pid;
	int saved_errno;

	envp[0] = proc_env_find("JOURNAL_STREAM=");
	envp[1] = NULL;

	pid = fork();
	if (pid == 0)
		proc_child(fd, argv, envp);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return (pid);
}

/* The environment's entry that begins with prefix, NULL if there is none. */
static char *
proc_env_find(const char *prefix)
{
	char **e;

	if (environ == NULL)
		return (NULL);
	for (e = environ; *e != NULL; e++)
		if (strncmp(*e, prefix, strlen(prefix)) == 0)
			return (*e);
	return (NULL);
}

static void
proc_child(int fd, char *const argv[], char *const envp[])
{
	sigset_t none;
	int moved, null;

	/* The parent's sink (syslog, a pipe) is not this process's. */
	log_init(argv[0], log_getverbose());

	/* Out of the way of 0, 1 and 2, which are set below. */
	if (fd < PROC_FD_CONTROLLER) {
		moved = fcntl(fd, F_DUPFD, PROC_FD_CONTROLLER + 1);
		if (moved == -1)
			fatal(EXIT_START, "fcntl F_DUPFD");
		close(fd);
		fd = moved;
	}
	if (fd == PROC_FD_CONTROLLER) {
		/* dup2 onto itself would leave close-on-exec set. */
		if (fcntl(fd, F_SETFD, 0) == -1)
			fatal(EXIT_START, "fcntl F_SETFD");
	} else if (dup2(fd, PROC_FD_CONTROLLER) == -1)
		fatal(EXIT_START, "dup2 to %d", PROC_FD_CONTROLLER);

	if ((null = open("/dev/null", O_RDWR)) == -1)
		fatal(EXIT_START, "/dev/null");
	if (dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1)
		fatal(EXIT_START, "dup2 of /dev/null");
	/* A free number 2 would be given to the next socket that is opened. */
	if (fcntl(STDERR_FILENO, F_GETFD) == -1 &&
	    dup2(null, STDERR_FILENO) == -1)
		fatal(EXIT_START, "dup2 of /dev/null");
	if (close_range(PROC_FD_CONTROLLER + 1, ~0U, 0) == -1)
		fatal(EXIT_START, "close_range");

	/* Blocked signals outlive exec; the new program sets its own mask. */
	if (sigemptyset(&none) == -1 ||
	    sigprocmask(SIG_SETMASK, &none, NULL) == -1)
		fatal(EXIT_START, "sigprocmask");

	execve("/proc/self/exe", argv, envp);
	fatal(EXIT_START, "exec /proc/self/exe");
}

int
proc_fd_move(int fd, int to)
{
	if (fd == to) {
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
			return (-1);
		return (to);
	}
	if (dup3(fd, to, O_CLOEXEC) == -1)
		return (-1);
	/* Linux has always released the number when close fails. */
	close(fd);
	return (to);
}

int
proc_fd_check(int fd)
{
	socklen_t len;
	int domain, type;

	len = sizeof(domain);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == -1)
		return (-1);
	len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
		return (-1);
	if (domain != AF_UNIX || type != SOCK_STREAM) {
		errno = EPROTOTYPE;
		return (-1);
	}
	return (0);
}

int
proc_pipe(int p[2], int size)
{
	int i;

	if (pipe2(p, O_NONBLOCK | O_CLOEXEC) == -1)
		return (-1);
	/* It is 64 KiB anyway; more is only for bursts. */
	for (i = size; i > 65536; i /= 2)
		if (fcntl(p[1], F_SETPIPE_SZ, i) != -1)
			break;
	return (0);
}

int
proc_pipe_check(int fd, int flags)
{
	struct stat st;
	int fl;

	if (fstat(fd, &st) == -1 || (fl = fcntl(fd, F_GETFL)) == -1)
		return (-1);
	if (!S_ISFIFO(st.st_mode) || (fl & O_ACCMODE) != flags ||
	    (fl & O_NONBLOCK) == 0) {
		errno = EPROTOTYPE;
		return (-1);
	}
	return (0);
}

int
proc_daemonize(void)
{
	pid_t pid;
	int null, saved_errno, sv[2];

	/* Else parent and child would both write what is buffered. */
	if (fflush(NULL) == EOF)
		return (-1);
	/* Not a pipe: a parent that is gone must not mean SIGPIPE. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return (-1);
	if ((pid = fork()) == -1) {
		saved_errno = errno;
		close(sv[0]);
		close(sv[1]);
		errno = saved_errno;
		return (-1);
	}
	if (pid != 0) {
		close(sv[1]);
		proc_daemon_wait(sv[0]);
	}

	close(sv[0]);
	/* At proc_report, the sandbox may no longer let us open it. */
	if ((null = open("/dev/null", O_RDWR)) == -1)
		goto fail;
	if (dup2(null, STDIN_FILENO) == -1) {
		saved_errno = errno;
		close(null);
		errno = saved_errno;
		goto fail;
	}
	if (null > STDERR_FILENO)
		close(null);
	if (setsid() == -1 || chdir("/") == -1)
		goto fail;
	return (sv[1]);

fail:
	saved_errno = errno;
	close(sv[1]);
	errno = saved_errno;
	return (-1);
}

/* The waiting parent: ends with the code that the daemon reports. */
static void
proc_daemon_wait(int fd)
{
	unsigned char code;
	ssize_t n;

	do {
		n = read(fd, &code, 1);
	} while (n == -1 && errno == EINTR);
	_exit(n == 1 ? code : EXIT_START);
}

int
proc_report(int fd, int code)
{
	unsigned char byte;
	int error = 0;

	byte = (unsigned char)code;
	if (send(fd, &byte, 1, MSG_NOSIGNAL) == -1)
		error = errno;
	/* stdin is /dev/null since proc_daemonize. */
	if (dup2(STDIN_FILENO, STDOUT_FILENO) == -1)
		error = errno;
	if (dup2(STDIN_FILENO, STDERR_FILENO) == -1)
		error = errno;
	close(fd);
	if (error != 0) {
		errno = error;
		return (-1);
	}
	return (0);
}
