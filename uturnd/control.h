/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef UTURND_CONTROL_H
#define UTURND_CONTROL_H

#include <sys/types.h>
#include <sys/un.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "common/imsg.h"
#include "common/loop.h"
#include "common/msg.h"
#include "common/sandbox.h"

/*
 * The control sockets and their clients.  Clients are local users whom nobody
 * vouches for: whatever one of them does costs that client alone.
 */

#define CONTROL_LISTENERS_MAX  8
#define CONTROL_CLIENTS_MAX    64
#define CONTROL_RESTRICTED_MAX 48   /* the rest is kept for the full grade */
#define CONTROL_UID_MAX        16   /* clients of one user and one grade */
#define CONTROL_QUEUE_MAX      4096 /* buffers that wait for one client */
#define CONTROL_IDLE_NS        (10 * NS_PER_S)
#define CONTROL_PAUSE_NS       (1 * NS_PER_S) /* when descriptors run out */

enum control_grade {
	CONTROL_FULL = 0,
	CONTROL_RESTRICTED /* STATS (metrics, too) and PROCESSES only */
};
/* The listening sockets come first in the array for ppoll(2). */
#define CONTROL_POLLFDS (CONTROL_LISTENERS_MAX + CONTROL_CLIENTS_MAX)

/* A client; a slot is free if id is 0. */
struct control_client {
	uint32_t id; /* never used twice, peerid of what is asked for it */
	int fd;
	uid_t uid;
	enum control_grade grade;
	int eof;  /* nothing more comes, but it may still read */
	int dead; /* to be closed at the next control_dispatch */
	struct imsgbuf ibuf;
	int64_t deadline;
	uint32_t request;     /* enum msg_type that it waits for, or 0 */
	uint8_t value;        /* of that request */
	struct msg_ask ask;   /* of a list; from moves on, the rest of TRACES */
	struct msg_deny deny; /* of MSG_CTL_DENY */
	/* MSG_CTL_STATS: what came so far, bit 1 << child_id, and its sum */
	unsigned int got;
	struct stats sum;
};

struct control_listener {
	int fd;
	enum control_grade grade;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

struct control {
	struct control_listener listener[CONTROL_LISTENERS_MAX];
	size_t nlisteners;
	struct control_client client[CONTROL_CLIENTS_MAX];
	uint32_t last_id;
	int64_t resume; /* accept again then; LOOP_FOREVER: accepting */
	/*
	 * A valid request that this client may make; client->request and
	 * ->value or ->ask are set.  It must be answered now or later by
	 * control_result or control_end; MSG_CTL_MONITOR may stay open.
	 */
	void (*handler)(void *arg, struct control_client *);
	void *arg;
};

/* control_init: no socket, no client. */
void control_init(struct control *,
    void (*handler)(void *, struct control_client *), void *arg);

/*
 * control_open: makes a listening socket at path, 0660 or 0666 by grade, as
 * the user ids, whose ids this process takes on for that time if it is root.
 * The folder must belong to that user, and nobody else may write there.  A
 * socket where nobody answers is replaced, one where a daemon answers is not.
 * Returns 0, or -1; the reason is logged.
 */
int control_open(struct control *, enum control_grade, const char *path,
    const struct sandbox_ids *ids);
/* control_close: closes all, and removes the sockets' names if unlink_too. */
void control_close(struct control *, int unlink_too);

/* control_pollfds: fills the array; unused places have fd -1. */
void control_pollfds(struct control *, struct pollfd pfd[CONTROL_POLLFDS]);
/* control_dispatch: serves all; pfd as ppoll(2) left it. */
void control_dispatch(
    struct control *, const struct pollfd pfd[CONTROL_POLLFDS], int64_t now);
/* control_deadline: when control_dispatch is due at the latest. */
int64_t control_deadline(const struct control *);
/*
 * control_add: a new client behind fd, which is closed if there is no room
 * for it.  Returns the client, or NULL.
 */
struct control_client *control_add(
    struct control *, int fd, uid_t uid, enum control_grade, int64_t now);

/* control_find: the client with this id, or NULL if it has gone. */
struct control_client *control_find(struct control *, uint32_t id);

/*
 * Answers.  A series of lines or data, then control_end; or control_result,
 * which may come after lines too.  A client for which no more can be queued
 * is cut off at the next control_dispatch.  client NULL (it has gone): nothing.
 */
void control_line(struct control_client *, int pri, const char *text);
void control_stats(
    struct control_client *, const struct msg_info *, const struct stats *);
void control_process(struct control_client *, pid_t pid, const char *name);
void control_trace(struct control_client *, const struct msg_trace *);
void control_hop(struct control_client *, const struct msg_hop *);
void control_event(struct control_client *, const struct msg_event *);
void control_row(struct control_client *, const struct msg_client *);
void control_denied(struct control_client *, const struct msg_deny *);
void control_end(struct control_client *);
void control_result(struct control_client *, enum msg_result, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

#endif /* UTURND_CONTROL_H */
