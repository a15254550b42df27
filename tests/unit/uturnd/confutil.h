/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_UNIT_UTURND_CONFUTIL_H
#define TESTS_UNIT_UTURND_CONFUTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "uturnd/conf.h"
#include "uturnd/printconf.h"

/* What the tests of the configuration share. */

/* Parses text; *err gets what was written, the caller's to free. */
static inline struct conf *
confutil_parse(const char *text, const struct conf_options *opt, char **err)
{
	struct conf_options o;
	struct conf *c;
	size_t len;

	memset(&o, 0, sizeof(o));
	if (opt != NULL)
		o = *opt;
	o.err = open_memstream(err, &len);
	assert_non_null(o.err);
	c = conf_parse_buffer("test", text, strlen(text), &o);
	assert_int_equal(fclose(o.err), 0);
	return (c);
}

/* Parses what must be right. */
static inline struct conf *
confutil_good(const char *text)
{
	struct conf *c;
	char *err;

	c = confutil_parse(text, NULL, &err);
	if (c == NULL)
		fail_msg("refused: %s\n%s", text, err);
	free(err);
	return (c);
}

/* Parses what must be refused with this in the message. */
static inline void
confutil_bad(const char *text, const char *why)
{
	struct conf *c;
	char *err;

	c = confutil_parse(text, NULL, &err);
	if (c != NULL)
		fail_msg("not refused: %s", text);
	if (strstr(err, why) == NULL)
		fail_msg("%s\nwritten:  %s\nexpected: %s", text, err, why);
	free(err);
}

static inline char *
confutil_print(const struct conf *c)
{
	char *text = NULL;
	size_t len;
	FILE *f;

	f = open_memstream(&text, &len);
	assert_non_null(f);
	assert_int_equal(conf_print(c, f), 0);
	assert_int_equal(fclose(f), 0);
	return (text);
}

/*
 * Every structure is made of zeroes and filled field by field, so that equal
 * ones are equal byte for byte.
 */
static inline void
confutil_same(const struct conf *a, const struct conf *b)
{
	uint32_t i;

	assert_memory_equal(&a->policy, &b->policy, sizeof(a->policy));
	assert_memory_equal(&a->fixed, &b->fixed, sizeof(a->fixed));
	assert_memory_equal(&a->global, &b->global, sizeof(a->global));
	for (i = 0; i < POLICY_LISTEN_MAX; i++)
		assert_int_equal(a->listen[i].set, b->listen[i].set);
	assert_int_equal(conf_restart_needed(a, b, NULL, NULL), 0);
	assert_int_equal(a->conntrack, b->conntrack);
}

#endif /* TESTS_UNIT_UTURND_CONFUTIL_H */
