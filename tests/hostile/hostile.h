/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef HOSTILE_H
#define HOSTILE_H

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

#include "common/imsg.h"
#include "common/loop.h"
#include "common/msg.h"

/*
 * A puppet for tests: the controller of one real child of uturnd, and in the
 * place of that child's peer whatever the steps of its command line make it.
 * It runs the steps one after the other and writes what happens to stdout, a
 * JSON object a line.
 */

/* A step that waits for something waits so long. */
#define HOSTILE_WAIT_NS (10 * NS_PER_S)
#define HOSTILE_EVENTS  65536

/* What the process under test said to its peer, not yet asked for. */
struct hostile_event {
	uint32_t type;
	struct msg_id id;
	uint8_t kind; /* EXPIRED: enum msg_expiry */
};

struct hostile {
	int role; /* of the process under test: 'P' or 'E' */
	pid_t pid;
	int gone;      /* its pipe to the controller has ended */
	int peer_gone; /* its pipe to the peer has ended */
	struct imsgbuf controller;
	struct imsgbuf peer;

	/* what it said to the controller */
	int locked;
	uint32_t staged;
	uint32_t committed;
	uint32_t answered; /* requests for counters */
	uint32_t pong;
	struct stats stats;

	/* what it said to its peer */
	struct hostile_event events[HOSTILE_EVENTS];
	size_t first, n;

	uint32_t asked; /* requests for counters */
	uint32_t pings;
	struct msg_id id; /* that orders name */
	struct msg_id kept;
};

/*
 * start.c: a child as the controller starts it, until it is locked up and,
 * unless policy is 0, the policy of the configuration is in force.  Exits 1 if
 * that fails.
 */
void start_child(struct hostile *, int role, const char *program,
    const char *conf, int policy);

/*
 * border.c.  border_pump: waits for one arrival until deadline and takes it
 * all in; peer 0: the peer's pipe is not read.  Returns 1, 0 at the deadline,
 * -1 when the child is gone.  border_await: the next event of that type (and
 * kind, if not -1); what came before it is forgotten.  Returns 0 or -1.
 */
int border_pump(struct hostile *, int64_t deadline, int peer);
int border_await(struct hostile *, uint32_t type, int kind, int64_t deadline,
    struct hostile_event *);
/* The controller's requests; each waits for its answer.  0 or -1. */
int border_stats(struct hostile *);
/*
 * border_write: bytes to the peer's pipe, as they are.  Returns how many went
 * before deadline, or before the pipe broke.
 */
size_t
border_write(struct hostile *, const void *buf, size_t len, int64_t deadline);
/* border_message: a message with a header that is right, at buf. */
size_t border_message(
    uint8_t *buf, size_t size, uint32_t type, const void *payload, size_t len);

/* steps.c: one step, as "name:argument:argument".  0, or -1: too late. */
int steps_run(struct hostile *, const char *step);

/*
 * report.c: lines of output.
 */
void report_step(const char *step, const char *outcome);
void report_number(const char *event, uint64_t value);
void report_log(unsigned int pri, const char *line);
void report_probe(const struct msg_probe *);
void report_match(const struct msg_match *);
void report_turn(const struct msg_turn *);
void report_id(const char *event, struct msg_id, const char *kind);
void report_stats(const struct stats *);
void report_end(int status);

#endif /* HOSTILE_H */
