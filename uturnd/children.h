/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef UTURND_CHILDREN_H
#define UTURND_CHILDREN_H

#include <sys/types.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "common/imsg.h"
#include "common/msg.h"

/* The two children; also the index of every table of them. */
enum child_id {
	CHILD_ENGINE = 0,
	CHILD_PRIV = 1,
	CHILD_MAX
};

/* Log lines that a child may have written, per second. */
#define CHILD_RELAY_RATE 100

struct child {
	const char *name;                /* in log lines */
	const struct msg_border *border; /* what it may send */
	struct imsgbuf ibuf;
	int fd;               /* our end of the pair */
	int lost;             /* nothing more to read or write there */
	pid_t pid;            /* 0 once it was reaped, see status */
	int reaped;           /* status is valid */
	int status;           /* as of waitpid(2) */
	enum msg_state state; /* which messages are due from it */
	int64_t heard;        /* loop_now of its last message */
	int64_t log_window;   /* start of the second that counts now */
	unsigned int log_lines;
	uint64_t log_dropped;     /* lines over the rate, all in all */
	uint64_t log_dropped_now; /* of these, not yet reported */
};

struct children {
	struct child child[CHILD_MAX];
	int first; /* who was reaped first, or -1 */
};

/*
 * What a message other than MSG_LOG is given to, checked against the border's
 * table already.  Returns NULL, or what is wrong with it (a constant text).
 */
typedef const char *child_handler(void *arg, enum child_id, struct imsg *);

/* What children_handle found. */
enum child_event {
	CHILD_OK = 0,
	CHILD_GONE, /* the pipe is closed or broken */
	CHILD_FAULT /* a message broke the border's rules; it is logged */
};

/*
 * children_start: starts both processes, sends INIT and PEER to each, and
 * turns descriptor passing off.  Fatal (EXIT_START) if that is impossible;
 * a child that is gone already shows as CHILD_GONE later.
 */
void
children_start(struct children *, const struct msg_init *init, int verbose);

/*
 * child_init: a child behind the connected socket fd (which it owns from now
 * on) with process id pid; the part of children_start that tests need.
 * Returns 0, or -1 with errno.
 */
int child_init(struct child *, enum child_id, int fd, pid_t pid);

/* child_pollfd: what to wait for; fd -1 (ignored) if the pipe is lost. */
void child_pollfd(const struct child *, struct pollfd *);

/*
 * children_handle: writes and reads as pfd says, relays log lines and gives
 * everything else to handler.  now as of loop_now.
 */
enum child_event children_handle(struct children *, enum child_id,
    const struct pollfd *pfd, int64_t now, child_handler *handler, void *arg);

/* children_reap: collects the status of whoever ended.  Returns how many. */
int children_reap(struct children *);

/*
 * children_collect: ends both.  Waits up to 1 s (unless kill_now) for them to
 * go, by themselves or since nothing comes any more, and relays their last log
 * lines; then kills and reaps them.  Over within 1.5 s.
 */
void
children_collect(struct children *, int kill_now, const sigset_t *waitmask);

/* child_describe_end: how it ended, "killed by seccomp" and the like. */
void child_describe_end(const struct child *, char *buf, size_t buflen);

/*
 * children_culprit: whose end came first, as far as it can be told: a child
 * that went since the other one was lost says so by its code.  -1: neither
 * was reaped.
 */
int children_culprit(const struct children *);

/*
 * children_exit_code: the most telling exit code (enum exit_code) for the
 * whole daemon.  cause: what the controller itself found (EXIT_OK, EXIT_LOST,
 * EXIT_VIOLATION, EXIT_HUNG); started: the daemon had been ready.
 */
int children_exit_code(const struct children *, int started, int cause);

#endif /* UTURND_CHILDREN_H */
