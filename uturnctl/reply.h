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
#define REPLY_LINES_MAX 16384
#define REPLY_PROCS_MAX 16

/* A text of the daemon, escaped: only bytes 0x20 to 0x7e. */
struct reply_line {
	uint8_t pri; /* syslog(3) priority */
	char *text;
};

struct reply_process {
	uint32_t pid;
	char name[4 * MSG_NAME_MAX]; /* escaped */
};

/* All that came back for one request. */
struct reply {
	enum ctl_action action;
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
	enum msg_result result;
	char text[4 * MSG_TEXT_MAX]; /* of the result, escaped; may be empty */
};

/* reply_init: empty; reply_free frees the lines, not *r. */
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
