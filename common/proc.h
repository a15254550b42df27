/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef COMMON_PROC_H
#define COMMON_PROC_H

#include <sys/types.h>

/* In every child: its end of the pair with the controller. */
#define PROC_FD_CONTROLLER 3
/* In both children: the pipes from and to the other one. */
#define PROC_FD_PEER_IN  4
#define PROC_FD_PEER_OUT 5

/*
 * proc_socketpair: AF_UNIX stream, non-blocking, close-on-exec, with the
 * kernel's buffers raised to bufsize bytes (as far as the system lets; they
 * are never lowered).  Returns 0, or -1 with errno.
 */
int proc_socketpair(int sv[2], int bufsize);

/*
 * proc_pipe: a pipe, p[0] to read and p[1] to write, non-blocking,
 * close-on-exec, with room for size bytes as far as the system lets.  Returns
 * 0, or -1 with errno.
 */
int proc_pipe(int p[2], int size);
/* proc_pipe_check: fd is the end of a pipe that is open for flags (O_RDONLY or
 * O_WRONLY).  Returns 0, or -1 with errno. */
int proc_pipe_check(int fd, int flags);

/*
 * proc_start: forks, makes fd the child's PROC_FD_CONTROLLER, closes all
 * above, points stdin and stdout at /dev/null, and executes this program
 * again (/proc/self/exe) with argv (argv[0] the title, NULL-terminated).
 * fd is closed in the parent, also on failure.  The child's environment holds
 * nothing but JOURNAL_STREAM, if it was set, and no signal is blocked.  The
 * child inherits stderr, for start-up faults; where exec fails it says so there
 * and exits with EXIT_START.  Returns the child's pid, or -1 with errno.
 */
pid_t proc_start(int fd, char *const argv[]);

/* proc_fd_move: makes fd the descriptor number `to`, close-on-exec set, and
 * closes the old number.  Returns `to`, or -1 with errno. */
int proc_fd_move(int fd, int to);

/* proc_fd_check: fd is an AF_UNIX stream socket.  Returns 0, or -1. */
int proc_fd_check(int fd);

/*
 * proc_daemonize: forks into the background.  The parent waits for one byte
 * from the returned descriptor's other end and exits with it as its code
 * (EXIT_START if there is none), so that a failed start is seen.  Returns in
 * the child the descriptor to report on, or -1 with errno.  The child leads a
 * session, stands in / and has /dev/null as stdin; stdout and stderr stay.
 */
int proc_daemonize(void);
/*
 * proc_report: sends code (0..255) to the parent that waits, closes fd and
 * detaches from the terminal: stdout and stderr become what stdin is since
 * proc_daemonize, /dev/null.  It opens nothing, so it works under a sandbox
 * that lets sendto, dup2 and close.  Returns 0, or -1 with errno; it detaches
 * all the same.
 */
int proc_report(int fd, int code);

#endif /* COMMON_PROC_H */
