/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/proc.h"
#include "uturnd/controller.h"
#include "uturnd/notify.h"

static void controller_signal(int);
static void controller_flags(struct controller *);
static void controller_children(struct controller *, const struct pollfd *);
static void controller_watch(struct controller *, int64_t);
static int controller_finish(struct controller *);
static int controller_say_who(const struct controller *);

/* Set by the handler, taken back by the loop. */
static volatile sig_atomic_t got_term, got_hup, got_chld;

void
controller_init(struct controller *c, struct conf *conf)
{
	memset(c, 0, sizeof(*c));
	c->children.first = -1;
	control_init(&c->control, request_handle, c);
	reload_init(&c->reload);
	watchdog_init(&c->watchdog);
	c->conf = conf;
	c->report_fd = -1;
	c->notify_fd = -1;
	c->boot_deadline = LOOP_FOREVER;
	c->cause = CONTROLLER_RUNS;
}

void
controller_signals(struct controller *c)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1 };

	if (loop_signals_init(sigs, sizeof(sigs) / sizeof(sigs[0]),
		controller_signal, &c->waitmask) == -1)
		fatal(EXIT_START, "signals");
}

static void
controller_signal(int sig)
{
	switch (sig) {
	case SIGTERM:
	case SIGINT:
		got_term = 1;
		break;
	case SIGHUP:
		got_hup = 1;
		break;
	case SIGCHLD:
		got_chld = 1;
		break;
	}
}

int
controller_run(struct controller *c)
{
	struct pollfd pfd[CHILD_MAX + CONTROL_POLLFDS];
	int64_t now;
	int i;

	c->boot_deadline = loop_now() + CONTROLLER_BOOT_NS;
	while (c->cause == CONTROLLER_RUNS) {
		for (i = 0; i < CHILD_MAX; i++)
			child_pollfd(&c->children.child[i], &pfd[i]);
		control_pollfds(&c->control, pfd + CHILD_MAX);
		/* Clients wait in the backlog until there is a daemon. */
		if (loop_wait(pfd,
			c->ready_since != 0 ? CHILD_MAX + CONTROL_POLLFDS
					    : CHILD_MAX,
			controller_deadline(c), &c->waitmask) == -1)
			fatal(EXIT_LOST, "ppoll");
		now = loop_now();
		/* Before the timers: an answer may be there already. */
		controller_children(c, pfd);
		controller_flags(c);
		if (c->ready_since != 0) {
			control_dispatch(&c->control, pfd + CHILD_MAX, now);
			relay_next(c);
		}
		controller_timers(c, now);
	}
	return (controller_finish(c));
}

static void
controller_children(struct controller *c, const struct pollfd *pfd)
{
	int64_t now = loop_now();
	int i;

	for (i = 0; i < CHILD_MAX; i++) {
		switch (children_handle(&c->children, (enum child_id)i, &pfd[i],
		    now, controller_message, c)) {
		case CHILD_OK:
			break;
		case CHILD_GONE:
			controller_end(c, EXIT_LOST);
			break;
		case CHILD_FAULT:
			controller_end(c, EXIT_VIOLATION);
			break;
		}
	}
}

static void
controller_flags(struct controller *c)
{
	if (got_chld) {
		got_chld = 0;
		if (children_reap(&c->children) > 0)
			controller_end(c, EXIT_LOST);
	}
	if (got_term) {
		got_term = 0;
		controller_end(c, EXIT_OK);
	}
	/* During the start it waits for its turn. */
	if (got_hup && c->ready_since != 0) {
		got_hup = 0;
		reconf_begin(c, NULL);
	}
}

void
controller_end(struct controller *c, int cause)
{
	if (c->cause == CONTROLLER_RUNS)
		c->cause = cause;
}

int64_t
controller_deadline(const struct controller *c)
{
	int64_t deadline = c->boot_deadline;

	if (c->reload.deadline < deadline)
		deadline = c->reload.deadline;
	if (c->watchdog.next < deadline)
		deadline = c->watchdog.next;
	if (c->ready_since != 0 && control_deadline(&c->control) < deadline)
		deadline = control_deadline(&c->control);
	return (deadline);
}

void
controller_timers(struct controller *c, int64_t now)
{
	int i;

	if (c->cause != CONTROLLER_RUNS)
		return;
	if (now >= c->boot_deadline) {
		for (i = 0; i < CHILD_MAX; i++)
			if (c->children.child[i].state == MSG_BOOT)
				log_warnx("%s: not ready within 10 s",
				    c->children.child[i].name);
		c->boot_deadline = LOOP_FOREVER;
		controller_end(c, EXIT_HUNG);
		return;
	}
	(void)controller_act(c, reload_timer(&c->reload, now));
	controller_watch(c, now);
}

static void
controller_watch(struct controller *c, int64_t now)
{
	struct child *child = c->children.child;
	int i, silent = 0;

	switch (watchdog_timer(&c->watchdog, now)) {
	case WATCHDOG_NOTHING:
		return;
	case WATCHDOG_PING:
		if (msg_put_u32(&child[CHILD_ENGINE].ibuf, MSG_PING, 0,
			c->watchdog.number) == -1)
			fatal(EXIT_LOST, "ping");
		return;
	case WATCHDOG_ASK:
		for (i = 0; i < CHILD_MAX; i++)
			if (msg_put_empty(&child[i].ibuf, MSG_STATS, 0) == -1)
				fatal(EXIT_LOST, "ping");
		return;
	case WATCHDOG_HUNG:
		break;
	}
	for (i = 0; i < CHILD_MAX; i++)
		if (child[i].heard < c->watchdog.asked) {
			log_warnx("%s: hangs", child[i].name);
			silent++;
		}
	if (silent == 0)
		log_warnx("a ping went lost between engine and packet "
			  "process");
	controller_end(c, EXIT_HUNG);
}

static int
controller_finish(struct controller *c)
{
	struct child *child = c->children.child;
	int code, culprit, i, kill_now;

	control_close(&c->control, 1);
	if (c->cause == EXIT_OK) {
		log_info("stopping");
		notify_stopping(c->notify_fd);
		/*
		 * The engine last: the packet process would take its end for
		 * a loss.  To one that can't be told, the end of file says
		 * the same.
		 */
		for (i = CHILD_MAX - 1; i >= 0; i--)
			if (!child[i].lost && child[i].state != MSG_BOOT &&
			    (msg_put_empty(&child[i].ibuf, MSG_STOP, 0) == -1 ||
				imsgbuf_write(&child[i].ibuf) == -1))
				log_debug("%s: can't be told", child[i].name);
	}
	/* Who went first is said first; the other one's complaint follows. */
	(void)children_reap(&c->children);
	culprit = c->cause == EXIT_OK ? -1 : controller_say_who(c);
	/* Whoever broke a rule or hangs gets no more time. */
	kill_now = c->cause == EXIT_VIOLATION || c->cause == EXIT_HUNG;
	children_collect(&c->children, kill_now, &c->waitmask);
	code = children_exit_code(&c->children, c->ready_since != 0, c->cause);
	if (code != EXIT_OK) {
		/* Whom we killed says nothing. */
		if (!kill_now && culprit != children_culprit(&c->children))
			(void)controller_say_who(c);
		log_warnx("%s with code %d",
		    c->ready_since != 0 ? "ending" : "start failed, ending",
		    code);
	}
	if (c->report_fd != -1)
		(void)proc_report(c->report_fd, code);
	return (code);
}

/* Returns who went first, or -1. */
static int
controller_say_who(const struct controller *c)
{
	char how[80];
	int i;

	if ((i = children_culprit(&c->children)) == -1)
		return (-1);
	child_describe_end(&c->children.child[i], how, sizeof(how));
	log_warnx("%s: %s", c->children.child[i].name, how);
	return (i);
}
