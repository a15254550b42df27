/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef COMMON_PROC_H
#define COMMON_PROC_H

#include <sys/types.h>

/* In every child: its end of the pair with the controller. */
#define PROC_FD_CONTROLLER 3
/* In both children: the pair between engine and packet process. */
#define PROC_FD_PEER 4

/*
 * proc_socketpair: AF_UNIX stream, non-blocking, close-on-exec, with the
 * kernel's buffers raised to bufsize bytes (as far as the system lets).
 * Returns 0, or -1 with errno.
 */
int proc_socketpair(int sv[2], int bufsize);

/*
 * proc_start: forks, makes fd the child's PROC_FD_CONTROLLER, closes all
 * above, points stdin and stdout at /dev/null, and executes this program
 * again (/proc/self/exe) with argv (argv[0] the title, NULL-terminated).
 * fd is closed in the parent.  The child's environment holds nothing but
 * JOURNAL_STREAM, if it was set.  The child inherits stderr, for start-up
 * faults.  Returns the child's pid, or -1 with errno.
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
 * the child the descriptor to report on, or -1 with errno.
 */
int proc_daemonize(void);
/* proc_report: sends code to the parent that waits, and detaches from the
 * terminal (stdin, stdout and stderr become /dev/null). */
int proc_report(int fd, int code);

#endif /* COMMON_PROC_H */
