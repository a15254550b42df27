/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* `augsburg target': who may have whom probed, and how much of it there is. */

#include "confutil.h"

#define LISTEN "listen on 192.0.2.53\naugsburg yes\n"

static int
may(const struct conf *c, enum family f, const char *src, const char *target)
{
	struct addr a, b;

	assert_int_equal(addr_parse(f, src, &a), 0);
	assert_int_equal(addr_parse(f, target, &b), 0);
	return (policy_target_allowed(&c->policy, f, &a, &b));
}

static void
test_off(void **state)
{
	struct conf *c;

	(void)state;
	c = confutil_good(LISTEN);
	assert_int_equal(c->policy.ntargets, 0);
	assert_false(may(c, FAMILY_V4, "198.51.100.9", "203.0.113.1"));
	conf_free(c);
}

static void
test_groups(void **state)
{
	struct conf *c;

	(void)state;
	c = confutil_good(LISTEN
	    "near = 203.0.113.0/24\n"
	    "augsburg target { $near 2001:db8:7::/48 } from 198.51.100.9\n"
	    "augsburg target 192.0.2.7 from {\n 2001:db8:9::/48,\n"
	    " 198.51.101.0/24 }\n");
	assert_int_equal(c->policy.ntargets, 6);
	assert_int_equal(c->policy.targets[2].group, 0);
	assert_int_equal(c->policy.targets[2].side, POLICY_ASKER);
	assert_int_equal(c->policy.targets[3].group, 1);
	assert_int_equal(c->policy.targets[3].side, POLICY_TARGET);
	assert_true(may(c, FAMILY_V4, "198.51.100.9", "203.0.113.1"));
	assert_true(may(c, FAMILY_V4, "198.51.101.9", "192.0.2.7"));
	assert_false(may(c, FAMILY_V4, "198.51.100.9", "192.0.2.7"));
	assert_false(may(c, FAMILY_V4, "198.51.101.9", "203.0.113.1"));
	assert_false(may(c, FAMILY_V4, "198.51.100.8", "203.0.113.1"));
	assert_false(may(c, FAMILY_V6, "2001:db8:9::1", "2001:db8:7::1"));
	conf_free(c);
	/* Of a listed prefix, its own addresses are none. */
	c = confutil_good(
	    LISTEN "augsburg target 192.0.2.0/24 from 198.51.100.9\n");
	assert_true(may(c, FAMILY_V4, "198.51.100.9", "192.0.2.52"));
	assert_false(may(c, FAMILY_V4, "198.51.100.9", "192.0.2.53"));
	conf_free(c);
}

/* n prefixes of targets and one who asks, in the given number of statements. */
static char *
many(unsigned int statements, unsigned int targets)
{
	unsigned int i, j;
	char *text;
	size_t len;
	FILE *f;

	f = open_memstream(&text, &len);
	assert_non_null(f);
	assert_true(fputs(LISTEN, f) >= 0);
	for (i = 0; i < statements; i++) {
		assert_true(fputs("augsburg target {", f) >= 0);
		for (j = 0; j < targets; j++)
			assert_true(fprintf(f, " 203.%u.%u.0/24", i, j) > 0);
		assert_true(fputs(" } from 198.51.100.9\n", f) >= 0);
	}
	assert_int_equal(fclose(f), 0);
	return (text);
}

static void
test_counts(void **state)
{
	struct conf *c, *again;
	char *text, *printed, *line;
	unsigned int i;

	(void)state;
	text = many(POLICY_GROUPS_MAX, 7);
	c = confutil_good(text);
	assert_int_equal(c->policy.ntargets, POLICY_TARGETS_MAX);
	free(text);
	/* It reads back the same; no line is longer than one message. */
	printed = confutil_print(c);
	again = confutil_good(printed);
	confutil_same(c, again);
	for (line = strtok(printed, "\n"); line != NULL;
	     line = strtok(NULL, "\n"))
		assert_true(strlen(line) < 1000);
	conf_free(again);
	conf_free(c);
	free(printed);

	text = many(POLICY_GROUPS_MAX + 1, 1);
	confutil_bad(text, "too many `augsburg target'; at most 32");
	free(text);
	text = many(1, POLICY_TARGETS_MAX - 1);
	c = confutil_good(text);
	conf_free(c);
	free(text);
	text = many(1, POLICY_TARGETS_MAX);
	confutil_bad(text, "at most 256 prefixes are allowed");
	free(text);
	for (i = 0; i < 2; i++) {
		text = many(2, POLICY_TARGETS_MAX / 2 - 1 + i);
		if (i == 0)
			conf_free(confutil_good(text));
		else
			confutil_bad(text, "at most 256 prefixes are allowed");
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_counts),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
