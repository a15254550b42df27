/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/log.h"
#include "uturnd/controller.h"
#include "uturnd/rules.h"

/* What a restart is needed for, as a list: "user, socket". */
struct reconf_list {
	char text[96];
};

static struct conf *reconf_load(struct controller *, struct control_client *);
static void reconf_differs(void *, const char *);
static void reconf_say(struct control_client *, int, const char *);
static void reconf_say_rules(
    const struct controller *, const struct conf *, struct control_client *);

void
reconf_begin(struct controller *c, struct control_client *cl)
{
	struct reconf_list list;
	struct conf *conf;

	if (c->reload.state != RELOAD_IDLE) {
		log_warnx("reload refused: busy with another one");
		control_result(cl, RESULT_REFUSED, "busy with another reload");
		return;
	}
	if ((conf = reconf_load(c, cl)) == NULL) {
		log_warnx("reload failed, nothing is changed");
		control_result(cl, RESULT_FAILED,
		    "the configuration has faults, nothing is changed");
		return;
	}
	list.text[0] = '\0';
	if (conf_restart_needed(c->conf, conf, reconf_differs, &list) > 0) {
		log_warnx("reload refused, nothing is changed: these need a "
			  "restart: %s",
		    list.text);
		control_result(cl, RESULT_REFUSED,
		    "nothing is changed: these need a restart: %s", list.text);
		conf_free(conf);
		return;
	}
	if (controller_stage(c, conf) == 0) {
		control_result(cl, RESULT_REFUSED, "no generation is left");
		conf_free(conf);
		return;
	}
	/* What was made at start stays, however much of it is in use. */
	conf->traces_made = c->conf->traces_made;
	c->next = conf;
	c->reload_client = cl != NULL ? cl->id : 0;
}

void
reconf_done(struct controller *c)
{
	struct control_client *cl;
	struct conf *old = c->conf;

	cl = control_find(&c->control, c->reload_client);
	c->conf = c->next;
	c->next = NULL;
	c->conf_generation = c->reload.generation;
	c->reload_client = 0;
	log_info("configuration reloaded, generation %u", c->conf_generation);
	reconf_say_rules(c, old, cl);
	conf_free(old);
	control_result(
	    cl, RESULT_OK, "reloaded, generation %u", c->conf_generation);
}

void
reconf_aborted(struct controller *c, const char *why)
{
	struct control_client *cl;

	cl = control_find(&c->control, c->reload_client);
	log_warnx("reload failed, nothing is changed: %s", why);
	control_result(cl, RESULT_FAILED, "nothing is changed: %s", why);
	conf_free(c->next);
	c->next = NULL;
	c->reload_client = 0;
}

/* Every fault goes to the log and to whoever asks. */
static struct conf *
reconf_load(struct controller *c, struct control_client *cl)
{
	struct conf_options opt;
	struct conf *conf;
	char *text = NULL, *line, *rest;
	size_t len;
	int pri;

	memset(&opt, 0, sizeof(opt));
	opt.macros = c->macros;
	if ((opt.err = open_memstream(&text, &len)) == NULL) {
		log_warn("reload");
		return (NULL);
	}
	conf = conf_load(c->file, &opt);
	if (fclose(opt.err) == EOF)
		log_warn("reload: not all messages are shown");
	pri = conf == NULL ? LOG_ERR : LOG_INFO;
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			reconf_say(cl, pri, line);
	free(text);
	return (conf);
}

static void
reconf_say(struct control_client *cl, int pri, const char *line)
{
	if (pri == LOG_ERR)
		log_warnx("%s", line);
	else
		log_info("%s", line);
	control_line(cl, pri, line);
}

static void
reconf_differs(void *arg, const char *what)
{
	struct reconf_list *list = arg;

	if (list->text[0] != '\0')
		(void)strlcat(list->text, ", ", sizeof(list->text));
	(void)strlcat(list->text, what, sizeof(list->text));
}

/* How to load those rules that differ from what is loaded by now. */
static void
reconf_say_rules(const struct controller *c, const struct conf *old,
    struct control_client *cl)
{
	char line[MSG_TEXT_MAX], was[RULES_DIGEST_MAX], is[RULES_DIGEST_MAX];
	const char *command, *name;
	int i, n;

	if (rules_equal(old, c->conf))
		return;
	reconf_say(cl, LOG_INFO,
	    "the rules change with it: load again what "
	    "you use of");
	for (i = 0; i < RULES_LAST; i++) {
		if (rules_digest(old, (enum rules_form)i, was, sizeof(was)) ==
			0 &&
		    rules_digest(c->conf, (enum rules_form)i, is, sizeof(is)) ==
			0 &&
		    strcmp(was, is) == 0)
			continue;
		command = rules_form_again((enum rules_form)i);
		name = strstr(command, "uturnd -R");
		if (strcmp(c->file, CONF_PATH_DEFAULT) == 0 || name == NULL) {
			reconf_say(cl, LOG_INFO, command);
			continue;
		}
		n = snprintf(line, sizeof(line), "%.*suturnd -f %s%s",
		    (int)(name - command), command, c->file,
		    name + sizeof("uturnd") - 1);
		if (n > 0 && (size_t)n < sizeof(line))
			reconf_say(cl, LOG_INFO, line);
	}
}
