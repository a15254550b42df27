/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "uturnd/controller.h"
#include "uturnd/printconf.h"
#include "uturnd/rules.h"

static void request_send_stats(struct controller *, struct control_client *);
static void request_config(struct controller *, struct control_client *);
static void request_processes(struct controller *, struct control_client *);
static void
request_pause(struct controller *, struct control_client *, uint8_t);
static void request_verbose(struct controller *, struct control_client *);
static void request_deny(struct controller *, struct control_client *);
static void request_check(struct controller *, struct control_client *);

void
request_handle(void *arg, struct control_client *cl)
{
	struct controller *c = arg;

	switch (cl->request) {
	case MSG_CTL_STATS:
		request_send_stats(c, cl);
		break;
	case MSG_CTL_CONFIG:
		request_config(c, cl);
		break;
	case MSG_CTL_PROCESSES:
		request_processes(c, cl);
		break;
	case MSG_CTL_RELOAD:
		reconf_begin(c, cl);
		break;
	case MSG_CTL_PAUSE:
		request_pause(c, cl, 1);
		break;
	case MSG_CTL_RESUME:
		request_pause(c, cl, 0);
		break;
	case MSG_CTL_VERBOSE:
		request_verbose(c, cl);
		break;
	case MSG_CTL_TRACES:
	case MSG_CTL_MONITOR:
		relay_begin(c, cl);
		break;
	case MSG_CTL_CLIENTS:
	case MSG_CTL_DENIED:
		/* relay_next has its turn after this. */
		break;
	case MSG_CTL_DENY:
		request_deny(c, cl);
		break;
	case MSG_CTL_CHECK:
		request_check(c, cl);
		break;
	default:
		control_result(cl, RESULT_FAILED, "not known here");
		break;
	}
}

static void
request_send_stats(struct controller *c, struct control_client *cl)
{
	int i;

	memset(&cl->sum, 0, sizeof(cl->sum));
	cl->got = 0;
	for (i = 0; i < CHILD_MAX; i++)
		if (msg_put_empty(
			&c->children.child[i].ibuf, MSG_STATS, cl->id) == -1)
			fatal(EXIT_LOST, "%s: request",
			    c->children.child[i].name);
}

const char *
request_stats(struct controller *c, enum child_id id, struct imsg *imsg)
{
	struct control_client *cl;
	struct msg_info info;
	struct stats stats;
	const char *why;
	unsigned int bit = 1U << id;
	int i;

	if (msg_get_stats(imsg, &stats, &why) == -1)
		return (why);
	/* 0: the watchdog's.  Else the client may have gone meanwhile. */
	cl = control_find(&c->control, imsg_get_id(imsg));
	if (cl == NULL)
		return (NULL);
	if (cl->request != MSG_CTL_STATS || (cl->got & bit) != 0)
		return ("not asked for");
	stats_add(&cl->sum, &stats);
	cl->got |= bit;
	if (cl->got != (1U << CHILD_MAX) - 1)
		return (NULL);
	for (i = 0; i < CHILD_MAX; i++)
		cl->sum.tally[TALLY_LOG_DROPPED] +=
		    c->children.child[i].log_dropped;
	memset(&info, 0, sizeof(info));
	info.paused = c->paused;
	info.observe = c->conf->policy.observe;
	info.generation = c->conf_generation;
	info.pending_max = c->conf->fixed.pending;
	info.uptime_ns = (uint64_t)(loop_now() - c->ready_since);
	control_stats(cl, &info, &cl->sum);
	control_end(cl);
	return (NULL);
}

static void
request_config(struct controller *c, struct control_client *cl)
{
	char *text = NULL, *line, *rest;
	size_t len;
	FILE *fp;
	int ok;

	if ((fp = open_memstream(&text, &len)) == NULL) {
		control_result(cl, RESULT_FAILED, "no memory");
		return;
	}
	ok = conf_print(c->conf, fp) == 0;
	if (fclose(fp) == EOF || !ok) {
		control_result(cl, RESULT_FAILED, "no memory");
		free(text);
		return;
	}
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL) {
		/* uturnctl would show a tab as what could be an escape. */
		if (*line == '\t')
			*line = ' ';
		if (rest != NULL || *line != '\0')
			control_line(cl, LOG_INFO, line);
	}
	free(text);
	control_end(cl);
}

static void
request_processes(struct controller *c, struct control_client *cl)
{
	int i;

	control_process(cl, getpid(), "controller");
	for (i = 0; i < CHILD_MAX; i++)
		if (c->children.child[i].pid > 0)
			control_process(cl, c->children.child[i].pid,
			    c->children.child[i].name);
	control_end(cl);
}

static void
request_pause(struct controller *c, struct control_client *cl, uint8_t pause)
{
	cl->value = pause;
	if (msg_put_u8(&c->children.child[CHILD_PRIV].ibuf, MSG_PAUSE, cl->id,
		pause) == -1)
		fatal(EXIT_LOST, "packet process: pause");
	c->pausing++;
}

/* Answers come in the order of the orders, so all that wait for it have it. */
const char *
request_paused(struct controller *c, struct imsg *imsg)
{
	struct control_client *cl;
	const char *why;
	uint8_t value;
	size_t i;

	if (msg_get_u8(imsg, 1, &value, &why) == -1)
		return (why);
	if (c->pausing == 0)
		return ("not asked for");
	c->pausing--;
	if (c->paused != value)
		log_info("%s",
		    value ? "paused: every probe is left to the host"
			  : "resumed");
	c->paused = value;
	for (i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		cl = &c->control.client[i];
		if (cl->id == 0 || cl->value != value)
			continue;
		if (cl->request == MSG_CTL_PAUSE ||
		    cl->request == MSG_CTL_RESUME)
			control_result(
			    cl, RESULT_OK, value ? "paused" : "resumed");
	}
	return (NULL);
}

static void
request_verbose(struct controller *c, struct control_client *cl)
{
	int i;

	for (i = 0; i < CHILD_MAX; i++)
		if (msg_put_u8(&c->children.child[i].ibuf, MSG_VERBOSE, 0,
			cl->value) == -1)
			fatal(EXIT_LOST, "%s: verbose",
			    c->children.child[i].name);
	log_setverbose(cl->value);
	log_info("log: %s", cl->value ? "verbose" : "brief");
	control_result(
	    cl, RESULT_OK, "log: %s", cl->value ? "verbose" : "brief");
}

static void
request_deny(struct controller *c, struct control_client *cl)
{
	if (msg_put_deny(&c->children.child[CHILD_ENGINE].ibuf, MSG_DENY,
		cl->id, &cl->deny) == -1)
		fatal(EXIT_LOST, "engine: deny");
	c->denying++;
}

const char *
request_denied(struct controller *c, struct imsg *imsg)
{
	char text[ADDR_TEXT_MAX];
	struct control_client *cl;
	const struct msg_deny *d;
	const char *why;
	uint8_t value;

	if (msg_get_u8(imsg, DENYING_LAST - 1, &value, &why) == -1)
		return (why);
	if (c->denying == 0)
		return ("not asked for");
	c->denying--;
	cl = control_find(&c->control, imsg_get_id(imsg));
	if (cl == NULL || cl->request != MSG_CTL_DENY)
		return (NULL);
	d = &cl->deny;
	(void)addr_format(d->family, &d->addr, text, sizeof(text));
	if (value == DENYING_FULL) {
		control_result(cl, RESULT_REFUSED,
		    "%d prefixes are denied already: remove one first",
		    MSG_DENY_MAX);
		return (NULL);
	}
	if (value == DENYING_UNKNOWN) {
		control_result(cl, RESULT_FAILED,
		    "%s/%u is not denied: see `show denied'", text, d->len);
		return (NULL);
	}
	if (d->remove)
		log_info("no longer denied: %s/%u", text, d->len);
	else
		log_info("denied: %s/%u for %llu s", text, d->len,
		    (unsigned long long)(d->ms / 1000));
	control_result(cl, RESULT_OK, "%s: %s/%u",
	    d->remove ? "no longer denied" : "denied", text, d->len);
	return (NULL);
}

/* For `uturnctl check': what the rules should be, and what they are for. */
static void
request_check(struct controller *c, struct control_client *cl)
{
	static const char *const forms[RULES_LAST] = { "nftables", "iptables",
		"ip6tables" };
	char digest[RULES_DIGEST_MAX], line[128];
	int form;

	for (form = 0; form < RULES_LAST; form++) {
		if (rules_digest(c->conf, (enum rules_form)form, digest,
			sizeof(digest)) == -1) {
			control_result(cl, RESULT_FAILED, "no memory");
			return;
		}
		(void)snprintf(
		    line, sizeof(line), "digest %s %s", forms[form], digest);
		control_line(cl, LOG_INFO, line);
	}
	request_config(c, cl);
}
