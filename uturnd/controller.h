/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef UTURND_CONTROLLER_H
#define UTURND_CONTROLLER_H

#include <signal.h>
#include <stdint.h>

#include "uturnd/children.h"
#include "uturnd/conf.h"
#include "uturnd/control.h"
#include "uturnd/reload.h"
#include "uturnd/watchdog.h"

/* Until both children have locked themselves up. */
#define CONTROLLER_BOOT_NS (10 * NS_PER_S)

/* Not an exit code: the daemon goes on. */
#define CONTROLLER_RUNS (-1)

/* The controller's state: all of it. */
struct controller {
	struct children children;
	struct control control;
	struct reload reload;
	struct watchdog watchdog;
	const char *file;                 /* absolute path */
	const struct conf_macros *macros; /* of the command line */
	struct conf *conf;                /* in force; owned */
	struct conf *next;                /* staged, or NULL; owned */
	uint32_t conf_generation;         /* of conf */
	uint32_t reload_client;           /* who waits for it, or 0 */
	int foreground;
	int report_fd; /* for proc_report, or -1 */
	int notify_fd; /* connected to the service manager, or -1 */
	sigset_t waitmask;
	int64_t boot_deadline; /* LOOP_FOREVER after the start */
	int64_t ready_since;   /* loop_now, 0: not ready yet */
	int cause;             /* enum exit_code that it ends for */
	uint8_t paused;
	unsigned int pausing; /* PAUSE messages not yet answered */
	unsigned int denying; /* DENY messages not yet answered */
	struct {
		/* what the engine was asked for and owes, or 0: one trace
		 * (MSG_CTL_TRACES), or some rows (_CLIENTS, _DENIED) */
		uint32_t busy;
		uint32_t id; /* for this client, who may have gone */
		int hops;    /* that came; -1: the trace did not yet */
		int rows;    /* that came */
		size_t last; /* index of the client that was served last */
		uint8_t monitoring; /* the engine sends events */
	} relay;
};

/* controller_init: everything empty; conf becomes the controller's. */
void controller_init(struct controller *, struct conf *conf);
/* controller_signals: handlers for all signals.  Fatal on failure. */
void controller_signals(struct controller *);
/*
 * controller_run: from the start of the children (who are started already) to
 * the end.  Returns the exit code (enum exit_code).
 */
int controller_run(struct controller *);

/* controller_end: leave the loop for this cause; the first one stands. */
void controller_end(struct controller *, int cause);
/*
 * controller_stage: sends the policy of conf to both children.  Returns its
 * generation, or 0 if another one is under way.
 */
uint32_t controller_stage(struct controller *, const struct conf *);
/* controller_message: a child_handler, arg is the controller. */
const char *controller_message(void *arg, enum child_id, struct imsg *);
/*
 * controller_act: what the reload's state machine wants.  Returns NULL, or
 * the fault of the message that led to it.
 */
const char *controller_act(struct controller *, enum reload_action);
/* controller_timers: whatever is due at now; and when that is. */
void controller_timers(struct controller *, int64_t now);
int64_t controller_deadline(const struct controller *);

/*
 * request.c: what uturnctl asks for.
 */

/* request_handle: a control handler, arg is the controller. */
void request_handle(void *arg, struct control_client *);
/* A child's answer.  Returns NULL, or what is wrong with it. */
const char *request_stats(struct controller *, enum child_id, struct imsg *);
const char *request_paused(struct controller *, struct imsg *);
const char *request_denied(struct controller *, struct imsg *);

/*
 * reconf.c: another configuration.
 */

/* reconf_begin: reads the file and stages it; client NULL: by SIGHUP. */
void reconf_begin(struct controller *, struct control_client *);
/* reconf_done, reconf_aborted: what became of it in the children. */
void reconf_done(struct controller *);
void reconf_aborted(struct controller *, const char *why);

/*
 * relay.c: traces, events, and the engine's tables.
 */

/* relay_begin: a client asks for traces or events; refused if they are off. */
void relay_begin(struct controller *, struct control_client *);
/* relay_next: asks the engine for what is due.  After each control_dispatch. */
void relay_next(struct controller *);
/* The engine's messages.  Returns NULL, or what is wrong. */
const char *relay_message(struct controller *, struct imsg *);

#endif /* UTURND_CONTROLLER_H */
