/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURNCTL_REPLY_H
#define UTURNCTL_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "uturnctl/parser.h"

/* More than any configuration has lines, and than there are processes. */
#define REPLY_LINES_MAX  16384
#define REPLY_PROCS_MAX  16
#define REPLY_TRACES_MAX POLICY_TRACES_MAX
#define REPLY_ROWS_MAX   MSG_LIST_PLACES

/* A text of the daemon, escaped: only bytes 0x20 to 0x7e. */
struct reply_line {
	uint8_t pri; /* syslog(3) priority */
	char *text;
};

struct reply_process {
	uint32_t pid;
	char name[4 * MSG_NAME_MAX]; /* escaped */
};

struct reply_trace {
	struct msg_trace head;
	size_t nhops;
	struct msg_hop *hops; /* by their numbers, each once */
};

/* All that came back for one request. */
struct reply {
	enum ctl_action action;
	struct parser_args args; /* to be set */
	/* of ACTION_MONITOR, to be set: is given each event; -1: no more */
	int (*event)(void *arg, const struct msg_event *);
	void *arg;
	int have_info;
	int have_stats;
	int have_end;
	int have_result;
	struct msg_info info;
	struct stats stats;
	struct reply_line *lines;
	size_t nlines;
	struct reply_process procs[REPLY_PROCS_MAX];
	size_t nprocs;
	struct reply_trace *traces; /* the one seen last first */
	size_t ntraces;
	struct msg_client *clients;
	size_t nclients;
	struct msg_deny *denied;
	size_t ndenied;
	enum msg_result result;
	char text[4 * MSG_TEXT_MAX]; /* of the result, escaped; may be empty */
};

/* reply_init: empty; reply_free frees lines, traces and rows, not *r. */
void reply_init(struct reply *r, enum ctl_action action);
void reply_free(struct reply *r);

/*
 * reply_request: the message that asks for an action; *value is its byte, or
 * -1 where it has none.
 */
uint32_t reply_request(enum ctl_action action, int *value);

/*
 * reply_take: adds one message to the reply.  Returns 1 if the reply is now
 * complete, 0 if more must come, -1 with the fault in why (whylen bytes):
 * not a message of this border, one that does not answer this action, or
 * twice, or malformed.
 */
int reply_take(struct reply *r, struct imsg *imsg, char *why, size_t whylen);

#endif /* UTURNCTL_REPLY_H */
