/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_CHILD_H
#define COMMON_CHILD_H

#include <sys/types.h>
#include <stdint.h>

#include "common/imsg.h"
#include "common/msg.h"

/*
 * What both children do alike: the hand-over at start, and their log lines on
 * the way to the controller.
 */

/*
 * child_boot: ignores the signals that only the controller acts on, opens
 * the border with the controller (from and to are its tables) on
 * PROC_FD_CONTROLLER, with buffers made once, and waits for INIT and PEER,
 * ten seconds at most.  The pipes become PROC_FD_PEER_IN and _OUT.  Fatal
 * (EXIT_START, EXIT_VIOLATION) if anything is amiss.  The border passes no
 * descriptors afterwards.  Returns the controller's process id, by its own
 * word, which is root's as yet: for sandbox_drop.
 */
pid_t child_boot(struct imsgbuf *controller, const struct msg_border *from,
    const struct msg_border *to, struct msg_init *init);

/* Log lines a second, and at once. */
#define CHILD_LOG_RATE  20
#define CHILD_LOG_BURST 100

struct child_log {
	struct imsgbuf *controller;
	uint64_t dropped; /* lines over the rate, or with no buffer left */
	uint64_t tokens;  /* lines that may go, in thousandths */
	int64_t last;
};
/*
 * child_log_start: from now on log lines go to the controller.  They are
 * queued only: the caller's loop sends them.
 */
void child_log_start(struct child_log *, struct imsgbuf *controller);

#endif /* COMMON_CHILD_H */
