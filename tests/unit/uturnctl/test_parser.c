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

static struct parser_args args;

/* Parses up to four words; what was said is in *said (free it). */
static enum ctl_action
parse(const char *a, const char *b, const char *c, const char *d, char **said)
{
	char word[4][32];
	char *argv[4];
	const char *in[4] = { a, b, c, d };
	enum ctl_action action;
	size_t len;
	FILE *err;
	int argc;

	for (argc = 0; argc < 4 && in[argc] != NULL; argc++) {
		snprintf(word[argc], sizeof(word[argc]), "%s", in[argc]);
		argv[argc] = word[argc];
	}
	assert_non_null(err = open_memstream(said, &len));
	action = parser_parse(argc, argv, &args, err);
	assert_int_equal(fclose(err), 0);
	return (action);
}

static void
test_words(void **state)
{
	static const struct {
		const char *words[4];
		enum ctl_action action;
	} cases[] = {
		{ { "stats" }, ACTION_STATS },
		{ { "st" }, ACTION_STATS },
		{ { "show", "config" }, ACTION_SHOW_CONFIG },
		{ { "sh", "co" }, ACTION_SHOW_CONFIG },
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
		{ { "show", "metrics" }, ACTION_SHOW_METRICS },
		{ { "show", "clients" }, ACTION_SHOW_CLIENTS },
		{ { "show", "denied" }, ACTION_SHOW_DENIED },
		{ { "check" }, ACTION_CHECK },
		{ { "deny", "192.0.2.1" }, ACTION_DENY },
		{ { "d", "rem", "192.0.2.1" }, ACTION_DENY },
	};
	char *said;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    parse(cases[i].words[0], cases[i].words[1],
			cases[i].words[2], cases[i].words[3], &said),
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
	    parse("show", "traces", NULL, NULL, &said), ACTION_SHOW_TRACES);
	free(said);
	assert_int_equal(args.ask.filter, 0);
	assert_int_equal(parse("show", "traces", "192.0.2.7", NULL, &said),
	    ACTION_SHOW_TRACES);
	free(said);
	assert_int_equal(args.ask.from, 0);
	assert_int_equal(args.ask.filter, 1);
	assert_int_equal(args.ask.family, FAMILY_V4);
	assert_int_equal(args.ask.client.b[3], 7);
	assert_int_equal(parse("show", "traces", "2001:db8::7", NULL, &said),
	    ACTION_SHOW_TRACES);
	free(said);
	assert_int_equal(args.ask.family, FAMILY_V6);
	assert_int_equal(args.ask.client.b[15], 7);
}

static void
test_faults(void **state)
{
	static const struct {
		const char *words[4];
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
		{ { "show", "c" }, "c: ambiguous", "  clients " },
		{ { "deny" }, "an address or prefix is missing", "" },
		{ { "deny", "remove" }, "an address or prefix is missing", "" },
		{ { "deny", "" }, "not an address", "" },
		{ { "deny", "r1.example" }, "not an address", "" },
		{ { "deny", "192.0.2.1/24" }, "not an address, nor", "" },
		{ { "deny", "192.0.2.0/33" }, "not an address, nor", "" },
		{ { "deny", "192.0.2.0/" }, "not an address, nor", "" },
		{ { "deny", "192.0.2.0/-1" }, "not an address, nor", "" },
		{ { "deny", "2001:db8::/129" }, "not an address, nor", "" },
		{ { "deny", "192.0.2.1", "10" }, "10: not a time", "" },
		{ { "deny", "192.0.2.1", "m" }, "m: not a time", "" },
		{ { "deny", "192.0.2.1", "0s" }, "0s: not a time", "" },
		{ { "deny", "192.0.2.1", "25h" }, "25h: not a time", "" },
		{ { "deny", "192.0.2.1", "9999999999h" }, "not a time", "" },
		{ { "deny", "remove", "192.0.2.1", "1m" },
		    "1m: nothing may follow here", "" },
		{ { "deny", "192.0.2.1", "1m", "x" },
		    "x: nothing may follow here", "" },
		{ { "st\x1b[2J" }, "st\\x1b[2J: unknown word", "  stats " },
	};
	char *said;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    parse(cases[i].words[0], cases[i].words[1],
			cases[i].words[2], cases[i].words[3], &said),
		    ACTION_NONE);
		assert_non_null(strstr(said, cases[i].said));
		assert_non_null(strstr(said, cases[i].valid));
		free(said);
	}
	/* At a place only its own words are valid. */
	assert_int_equal(parse("show", "x", NULL, NULL, &said), ACTION_NONE);
	assert_null(strstr(said, "reload"));
	free(said);
}

static void
denies(const char *prefix, const char *time, enum family family, uint8_t len,
    uint64_t ms)
{
	char *said;

	assert_int_equal(parse("deny", prefix, time, NULL, &said), ACTION_DENY);
	assert_string_equal(said, "");
	free(said);
	assert_int_equal(args.deny.remove, 0);
	assert_int_equal(args.deny.family, family);
	assert_int_equal(args.deny.len, len);
	assert_int_equal(args.deny.ms, ms);
}

static void
test_deny(void **state)
{
	char *said;

	(void)state;
	denies("192.0.2.7", NULL, FAMILY_V4, 32, 600000);
	assert_int_equal(args.deny.addr.b[3], 7);
	denies("192.0.2.0/24", "90s", FAMILY_V4, 24, 90000);
	denies("0.0.0.0/0", "1s", FAMILY_V4, 0, 1000);
	denies("2001:db8::/32", "2m", FAMILY_V6, 32, 120000);
	denies("2001:db8::1", "24h", FAMILY_V6, 128, MSG_DENY_MS_MAX);
	assert_int_equal(
	    parse("deny", "remove", "192.0.2.0/24", NULL, &said), ACTION_DENY);
	free(said);
	assert_int_equal(args.deny.remove, 1);
	assert_int_equal(args.deny.len, 24);
	assert_int_equal(args.deny.ms, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_deny),
		cmocka_unit_test(test_faults),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
