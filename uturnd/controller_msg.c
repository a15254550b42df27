/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What the children say, and what follows from it. */

#include <stdlib.h>

#include "common/log.h"
#include "common/proc.h"
#include "uturnd/controller.h"
#include "uturnd/notify.h"

static const char *controller_locked(struct controller *, enum child_id);
static void controller_ready(struct controller *);

const char *
controller_message(void *arg, enum child_id id, struct imsg *imsg)
{
	struct controller *c = arg;
	const char *why;
	uint32_t type = imsg_get_type(imsg), value;
	int64_t now = loop_now();

	switch (type) {
	case MSG_LOCKED:
		return (controller_locked(c, id));
	case MSG_STATS_DATA:
		return (request_stats(c, id, imsg));
	case MSG_PAUSED:
		return (request_paused(c, imsg));
	case MSG_TRACE:
	case MSG_TRACE_HOP:
	case MSG_TRACES_END:
	case MSG_EVENT:
	case MSG_CLIENT:
	case MSG_DENIED:
	case MSG_LIST_END:
		return (relay_message(c, imsg));
	case MSG_DENY_DONE:
		return (request_denied(c, imsg));
	case MSG_STAGED:
	case MSG_COMMITTED:
	case MSG_PONG:
		break;
	default:
		return ("not expected here");
	}
	if (msg_get_u32(imsg, &value, &why) == -1)
		return (why);
	if (type == MSG_STAGED)
		return (controller_act(
		    c, reload_staged(&c->reload, id, value, now)));
	if (type == MSG_COMMITTED)
		return (controller_act(
		    c, reload_committed(&c->reload, id, value, now)));
	if (watchdog_pong(&c->watchdog, value, now) == -1)
		return ("a number that was not sent");
	notify_alive(c->notify_fd);
	return (NULL);
}

static const char *
controller_locked(struct controller *c, enum child_id id)
{
	int i;

	c->children.child[id].state = MSG_READY;
	log_debug("%s: locked up", c->children.child[id].name);
	for (i = 0; i < CHILD_MAX; i++)
		if (c->children.child[i].state == MSG_BOOT)
			return (NULL);
	c->boot_deadline = LOOP_FOREVER;
	(void)controller_stage(c, c->conf);
	return (NULL);
}

uint32_t
controller_stage(struct controller *c, const struct conf *conf)
{
	struct policy *policy;
	uint32_t generation;
	int i;

	if ((policy = calloc(1, sizeof(*policy))) == NULL)
		fatal(EXIT_LOST, "no memory for a policy");
	generation = reload_begin(&c->reload, loop_now());
	if (generation != 0) {
		conf_policy(conf, policy);
		policy->generation = generation;
		for (i = 0; i < CHILD_MAX; i++)
			if (msg_put_policy(
				&c->children.child[i].ibuf, policy) == -1)
				fatal(EXIT_LOST, "%s: policy",
				    c->children.child[i].name);
	}
	free(policy);
	return (generation);
}

const char *
controller_act(struct controller *c, enum reload_action action)
{
	struct child *child = c->children.child;
	uint32_t generation = c->reload.generation;
	int i;

	switch (action) {
	case RELOAD_WAIT:
		break;
	case RELOAD_COMMIT:
		child += reload_turn(&c->reload);
		/* From now on it may say what only a running one may. */
		child->state = MSG_RUN;
		if (msg_put_u32(&child->ibuf, MSG_CONF_COMMIT, 0, generation) ==
		    -1)
			fatal(EXIT_LOST, "%s: commit", child->name);
		break;
	case RELOAD_DONE:
		if (c->ready_since == 0)
			controller_ready(c);
		else
			reconf_done(c);
		break;
	case RELOAD_ABORT:
		for (i = 0; i < CHILD_MAX; i++)
			if (msg_put_u32(&child[i].ibuf, MSG_CONF_ABORT, 0,
				generation) == -1)
				fatal(EXIT_LOST, "%s: abort", child[i].name);
		for (i = 0; i < CHILD_MAX; i++)
			if ((c->reload.staged & (1U << i)) == 0)
				log_warnx("%s: no answer to a configuration "
					  "within 5 s",
				    child[i].name);
		if (c->ready_since == 0)
			controller_end(c, EXIT_HUNG);
		else
			reconf_aborted(c, "no answer within 5 s");
		break;
	case RELOAD_HUNG:
		log_warnx("%s: no answer to a commit within 5 s",
		    child[reload_turn(&c->reload)].name);
		controller_end(c, EXIT_HUNG);
		break;
	case RELOAD_FAULT:
		return ("not due");
	}
	return (NULL);
}

static void
controller_ready(struct controller *c)
{
	c->ready_since = loop_now();
	c->conf_generation = c->reload.generation;
	watchdog_start(&c->watchdog, c->ready_since);
	if (!c->foreground) {
		log_to_syslog("uturnd");
		if (proc_report(c->report_fd, EXIT_OK) == -1)
			log_warn("report to the starting process");
		c->report_fd = -1;
	}
	log_info("ready: %u listen addresses, queue %u%s",
	    c->conf->policy.nlisten, c->conf->fixed.queue,
	    c->conf->policy.observe ? "; observes only: every probe is passed"
				    : "");
	notify_ready(c->notify_fd);
}
