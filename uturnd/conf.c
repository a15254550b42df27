/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>
#include <string.h>

#include "uturnd/confset.h"
#include "uturnd/parse.h"

static int
conf_begin(struct conf_parse *p, const struct conf_options *opt)
{
	memset(p, 0, sizeof(*p));
	lex_init(&p->lex, opt);
	if ((p->conf = calloc(1, sizeof(*p->conf))) == NULL) {
		lex_fault(&p->lex, NULL, "out of memory");
		return (-1);
	}
	confcheck_defaults(p->conf);
	return (lex_define_all(&p->lex, opt->macros));
}

/* Reads what was opened; the result is the caller's, all else is freed. */
static struct conf *
conf_end(struct conf_parse *p, int opened)
{
	struct conf *c = p->conf;
	size_t i;

	if (opened) {
		if (confyyparse(p) != 0 && p->lex.faults == 0)
			lex_fault(&p->lex, &p->lex.pos, "can't be parsed");
		confcheck_finish(p);
	}
	if (opened && p->lex.faults == 0) {
		lex_warn_unused(&p->lex);
		if (p->lex.opt->advise)
			confcheck_advise(p);
	}
	if (!opened || p->lex.faults > 0) {
		conf_free(c);
		c = NULL;
	} else {
		/* The names of files end with the lexer. */
		for (i = 0; i < POLICY_LISTEN_MAX; i++)
			c->listen[i].file = NULL;
	}
	lex_free(&p->lex);
	return (c);
}

struct conf *
conf_load(const char *path, const struct conf_options *opt)
{
	struct conf_parse p;
	int opened;

	opened = conf_begin(&p, opt) == 0 && lex_open(&p.lex, path, NULL) == 0;
	return (conf_end(&p, opened));
}

struct conf *
conf_parse_buffer(const char *name, const void *buf, size_t len,
    const struct conf_options *opt)
{
	struct conf_parse p;
	int opened;

	opened = conf_begin(&p, opt) == 0 &&
	    lex_open_buffer(&p.lex, name, buf, len) == 0;
	return (conf_end(&p, opened));
}

void
conf_free(struct conf *c)
{
	free(c);
}

void
conf_policy(const struct conf *c, struct policy *p)
{
	*p = c->policy;
	p->generation = 0;
}

void
conf_fixed(const struct conf *c, struct policy_fixed *f)
{
	*f = c->fixed;
}

static int
conf_sockets_equal(const struct conf *a, const struct conf *b)
{
	size_t i;

	if (a->nsockets != b->nsockets)
		return (0);
	for (i = 0; i < a->nsockets; i++)
		if (strcmp(a->sockets[i].path, b->sockets[i].path) != 0 ||
		    a->sockets[i].restricted != b->sockets[i].restricted)
			return (0);
	return (1);
}

int
conf_restart_needed(const struct conf *running, const struct conf *wanted,
    void (*differs)(void *arg, const char *what), void *arg)
{
	const struct policy_fixed *a = &running->fixed, *b = &wanted->fixed;
	const struct {
		int differs;
		const char *what;
	} items[] = {
		{ strcmp(running->user, wanted->user) != 0, "user" },
		{ !conf_sockets_equal(running, wanted), "socket" },
		{ a->queue != b->queue || a->queue_len != b->queue_len,
		    "queue" },
		{ a->mark != b->mark || a->mark_mask != b->mark_mask, "mark" },
		{ a->pending != b->pending, "pending" },
		{ wanted->policy.traces > running->traces_made,
		    "traces: a larger table" },
	};
	size_t i;
	int n = 0;

	for (i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		if (!items[i].differs)
			continue;
		if (differs != NULL)
			differs(arg, items[i].what);
		n++;
	}
	return (n);
}
