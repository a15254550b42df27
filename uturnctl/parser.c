/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stddef.h>
#include <string.h>

#include "common/log.h"
#include "uturnctl/parser.h"

/* A word, and either what it asks for or the words that may follow. */
struct parser_word {
	const char *word; /* NULL: the end of the table */
	enum ctl_action action;
	const struct parser_word *next;
	const char *help;
};

static const struct parser_word words_show[] = {
	{ "config", ACTION_SHOW_CONFIG, NULL, "the configuration in force" },
	{ "processes", ACTION_SHOW_PROCESSES, NULL,
	    "the rights of each process, as the kernel sees them" },
	{ "traces", ACTION_SHOW_TRACES, NULL,
	    "the last traces, or those of one client ADDRESS" },
	{ NULL, ACTION_NONE, NULL, NULL },
};

static const struct parser_word words_log[] = {
	{ "brief", ACTION_LOG_BRIEF, NULL, "leave debug lines out" },
	{ "verbose", ACTION_LOG_VERBOSE, NULL, "log debug lines too" },
	{ NULL, ACTION_NONE, NULL, NULL },
};

static const struct parser_word words_top[] = {
	{ "stats", ACTION_STATS, NULL, "counters since the start" },
	{ "show", ACTION_NONE, words_show, "config, processes or traces" },
	{ "reload", ACTION_RELOAD, NULL, "read the configuration again" },
	{ "pause", ACTION_PAUSE, NULL, "leave all probes to the kernel" },
	{ "resume", ACTION_RESUME, NULL, "end a pause" },
	{ "log", ACTION_NONE, words_log, "brief or verbose" },
	{ "monitor", ACTION_MONITOR, NULL, "traces as they happen" },
	{ NULL, ACTION_NONE, NULL, NULL },
};

static void
parser_show_valid(const struct parser_word *table, FILE *err)
{
	const struct parser_word *w;

	fprintf(err, "valid words here:\n");
	for (w = table; w->word != NULL; w++)
		fprintf(err, "  %-10s %s\n", w->word, w->help);
}

/*
 * The word of the table that arg is or begins; *ambiguous: it begins more
 * than one.  A whole word wins over one that it begins.
 */
static const struct parser_word *
parser_match(const struct parser_word *table, const char *arg, int *ambiguous)
{
	const struct parser_word *w, *found = NULL;
	size_t len = strlen(arg);

	*ambiguous = 0;
	if (len == 0)
		return (NULL);
	for (w = table; w->word != NULL; w++) {
		if (strcmp(w->word, arg) == 0) {
			*ambiguous = 0;
			return (w);
		}
		if (strncmp(w->word, arg, len) != 0)
			continue;
		if (found != NULL)
			*ambiguous = 1;
		found = w;
	}
	return (*ambiguous ? NULL : found);
}

static void
parser_complain(const char *what, const char *arg, FILE *err)
{
	char text[64];

	vis_line(text, sizeof(text), arg, strlen(arg));
	fprintf(err, "uturnctl: %s: %s\n", text, what);
}

static int
parser_address(const char *arg, struct msg_ask *ask)
{
	ask->filter = 1;
	ask->family = FAMILY_V4;
	if (addr_parse(FAMILY_V4, arg, &ask->client) == 0)
		return (0);
	ask->family = FAMILY_V6;
	return (addr_parse(FAMILY_V6, arg, &ask->client));
}

enum ctl_action
parser_parse(int argc, char *const argv[], struct msg_ask *ask, FILE *err)
{
	const struct parser_word *table = words_top, *w;
	int i, ambiguous;

	memset(ask, 0, sizeof(*ask));
	for (i = 0; i < argc; i++) {
		if ((w = parser_match(table, argv[i], &ambiguous)) == NULL) {
			parser_complain(
			    ambiguous ? "ambiguous" : "unknown word", argv[i],
			    err);
			parser_show_valid(table, err);
			return (ACTION_NONE);
		}
		if (w->next != NULL) {
			table = w->next;
			continue;
		}
		if (i + 1 < argc && w->action == ACTION_SHOW_TRACES) {
			i++;
			if (parser_address(argv[i], ask) == -1) {
				parser_complain(
				    "not an address of a client", argv[i], err);
				return (ACTION_NONE);
			}
		}
		if (i + 1 < argc) {
			parser_complain(
			    "nothing may follow here", argv[i + 1], err);
			return (ACTION_NONE);
		}
		return (w->action);
	}
	fprintf(err, "uturnctl: %s\n",
	    argc == 0 ? "a command is missing" : "a word is missing");
	parser_show_valid(table, err);
	return (ACTION_NONE);
}
