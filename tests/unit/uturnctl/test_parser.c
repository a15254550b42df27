/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "uturnctl/parser.h"

static struct msg_ask asked;

/* Parses up to three words; what was said is in *said (free it). */
static enum ctl_action
parse(const char *a, const char *b, const char *c, char **said)
{
	char word[3][32];
	char *argv[3];
	const char *in[3] = { a, b, c };
	enum ctl_action action;
	size_t len;
	FILE *err;
	int argc;

	for (argc = 0; argc < 3 && in[argc] != NULL; argc++) {
		snprintf(word[argc], sizeof(word[argc]), "%s", in[argc]);
		argv[argc] = word[argc];
	}
	assert_non_null(err = open_memstream(said, &len));
	action = parser_parse(argc, argv, &asked, err);
	assert_int_equal(fclose(err), 0);
	return (action);
}

static void
test_words(void **state)
{
	static const struct {
		const char *words[3];
		enum ctl_action action;
	} cases[] = {
		{ { "stats" }, ACTION_STATS },
		{ { "st" }, ACTION_STATS },
		{ { "show", "config" }, ACTION_SHOW_CONFIG },
		{ { "sh", "c" }, ACTION_SHOW_CONFIG },
		{ { "show", "processes" }, ACTION_SHOW_PROCESSES },
		{ { "show", "proc" }, ACTION_SHOW_PROCESSES },
		{ { "reload" }, ACTION_RELOAD },
		{ { "rel" }, ACTION_RELOAD },
		{ { "resume" }, ACTION_RESUME },
		{ { "res" }, ACTION_RESUME },
		{ { "pause" }, ACTION_PAUSE },
		{ { "p" }, ACTION_PAUSE },
		{ { "log", "brief" }, ACTION_LOG_BRIEF },
		{ { "l", "v" }, ACTION_LOG_VERBOSE },
		{ { "show", "traces" }, ACTION_SHOW_TRACES },
		{ { "sh", "t" }, ACTION_SHOW_TRACES },
		{ { "monitor" }, ACTION_MONITOR },
		{ { "m" }, ACTION_MONITOR },
	};
	char *said;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].words[0], cases[i].words[1],
				     cases[i].words[2], &said),
		    cases[i].action);
		assert_string_equal(said, "");
		free(said);
	}
}

static void
test_address(void **state)
{
	char *said;

	(void)state;
	assert_int_equal(
	    parse("show", "traces", NULL, &said), ACTION_SHOW_TRACES);
	free(said);
	assert_int_equal(asked.filter, 0);
	assert_int_equal(
	    parse("show", "traces", "192.0.2.7", &said), ACTION_SHOW_TRACES);
	free(said);
	assert_int_equal(asked.from, 0);
	assert_int_equal(asked.filter, 1);
	assert_int_equal(asked.family, FAMILY_V4);
	assert_int_equal(asked.client.b[3], 7);
	assert_int_equal(
	    parse("show", "traces", "2001:db8::7", &said), ACTION_SHOW_TRACES);
	free(said);
	assert_int_equal(asked.family, FAMILY_V6);
	assert_int_equal(asked.client.b[15], 7);
}

static void
test_faults(void **state)
{
	static const struct {
		const char *words[3];
		const char *said; /* part of it */
		const char *valid;
	} cases[] = {
		{ { NULL }, "a command is missing", "  resume " },
		{ { "show" }, "a word is missing", "  processes " },
		{ { "log" }, "a word is missing", "  verbose " },
		{ { "s" }, "uturnctl: s: ambiguous", "  stats " },
		{ { "re" }, "uturnctl: re: ambiguous", "  reload " },
		{ { "" }, "uturnctl: : unknown word", "  show " },
		{ { "statss" }, "statss: unknown word", "  stats " },
		{ { "STATS" }, "STATS: unknown word", "  stats " },
		{ { "show", "stats" }, "stats: unknown word", "  config " },
		{ { "log", "debug" }, "debug: unknown word", "  brief " },
		{ { "reload", "now" }, "now: nothing may follow here", "" },
		{ { "show", "config", "x" }, "x: nothing may follow", "" },
		{ { "show", "traces", "r1.example" },
		    "r1.example: not an address of a client", "" },
		{ { "show", "traces", "192.0.2.0/24" }, "not an address", "" },
		{ { "monitor", "192.0.2.1" }, "nothing may follow", "" },
		{ { "st\x1b[2J" }, "st\\x1b[2J: unknown word", "  stats " },
	};
	char *said;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].words[0], cases[i].words[1],
				     cases[i].words[2], &said),
		    ACTION_NONE);
		assert_non_null(strstr(said, cases[i].said));
		assert_non_null(strstr(said, cases[i].valid));
		free(said);
	}
	/* At a place only its own words are valid. */
	assert_int_equal(parse("show", "x", NULL, &said), ACTION_NONE);
	assert_null(strstr(said, "reload"));
	free(said);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_faults),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
