/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURNCTL_CLIENT_H
#define UTURNCTL_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "uturnctl/reply.h"

/* Exit codes. */
#define CTL_EXIT_DONE        0
#define CTL_EXIT_FAILED      1 /* refused or failed */
#define CTL_EXIT_USAGE       2
#define CTL_EXIT_UNREACHABLE 3

#define CLIENT_SOCKET     "/run/uturnd/uturnd.sock"
#define CLIENT_TIMEOUT_NS (30 * 1000000000LL)

/*
 * client_connect: connects to the daemon's socket.  Returns the descriptor
 * (non-blocking, close-on-exec), or -1 with what is wrong and what to do in
 * why (whylen bytes).
 */
int client_connect(const char *path, char *why, size_t whylen);

/* client_peer_uid: who made the socket that fd is connected to; -1: unknown. */
uid_t client_peer_uid(int fd);

/*
 * client_ask: sends the request for r->action over fd and takes in the whole
 * reply, until deadline (ns, CLOCK_MONOTONIC).  fd stays the caller's.
 * Returns 0 when the reply is complete (also if it is a refusal), or -1 with
 * the fault in why.
 */
int
client_ask(int fd, struct reply *r, int64_t deadline, char *why, size_t whylen);

#endif /* UTURNCTL_CLIENT_H */
