/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stddef.h>
#include <stdlib.h>
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
	{ "clients", ACTION_SHOW_CLIENTS, NULL, "who traces now" },
	{ "denied", ACTION_SHOW_DENIED, NULL, "what `deny' has denied" },
	{ "metrics", ACTION_SHOW_METRICS, NULL, "counters for Prometheus" },
	{ NULL, ACTION_NONE, NULL, NULL },
};

static const struct parser_word words_log[] = {
	{ "brief", ACTION_LOG_BRIEF, NULL, "leave debug lines out" },
	{ "verbose", ACTION_LOG_VERBOSE, NULL, "log debug lines too" },
	{ NULL, ACTION_NONE, NULL, NULL },
};

static const struct parser_word words_top[] = {
	{ "stats", ACTION_STATS, NULL, "counters since the start" },
	{ "show", ACTION_NONE, words_show, "config, traces, clients ..." },
	{ "reload", ACTION_RELOAD, NULL, "read the configuration again" },
	{ "pause", ACTION_PAUSE, NULL, "leave all probes to the kernel" },
	{ "resume", ACTION_RESUME, NULL, "end a pause" },
	{ "log", ACTION_NONE, words_log, "brief or verbose" },
	{ "monitor", ACTION_MONITOR, NULL, "traces as they happen" },
	{ "deny", ACTION_DENY, NULL,
	    "leave PREFIX to the kernel for a TIME; or: remove PREFIX" },
	{ "check", ACTION_CHECK, NULL, "what on this host is in the way" },
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

/* PREFIX or ADDRESS; 0, or -1. */
static int
parser_prefix(const char *arg, struct msg_deny *d)
{
	char text[ADDR_TEXT_MAX];
	const char *slash, *error;
	struct addr masked;
	size_t len;

	slash = strchr(arg, '/');
	len = slash != NULL ? (size_t)(slash - arg) : strlen(arg);
	if (len >= sizeof(text))
		return (-1);
	memcpy(text, arg, len);
	text[len] = '\0';
	d->family = FAMILY_V4;
	if (addr_parse(FAMILY_V4, text, &d->addr) == -1) {
		d->family = FAMILY_V6;
		if (addr_parse(FAMILY_V6, text, &d->addr) == -1)
			return (-1);
	}
	d->len = (uint8_t)addr_bits(d->family);
	if (slash != NULL) {
		d->len = (uint8_t)strtonum(
		    slash + 1, 0, addr_bits(d->family), &error);
		if (error != NULL)
			return (-1);
	}
	/* What lies behind the prefix is a slip, not a wish. */
	masked = d->addr;
	addr_mask(d->family, &masked, d->len);
	return (addr_equal(&masked, &d->addr) ? 0 : -1);
}

/* A number with its unit, from 1s to 24h; 0, or -1. */
static int
parser_time(const char *arg, uint64_t *ms)
{
	static const struct {
		char unit;
		uint64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60 * 1000 }, { 'h', 3600 * 1000 } };
	char digits[16];
	const char *error;
	size_t i, len = strlen(arg);
	uint64_t n;

	if (len < 2 || len > sizeof(digits))
		return (-1);
	memcpy(digits, arg, len - 1);
	digits[len - 1] = '\0';
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (arg[len - 1] != units[i].unit)
			continue;
		n = (uint64_t)strtonum(digits, 1,
		    (long long)(MSG_DENY_MS_MAX / units[i].ms), &error);
		*ms = n * units[i].ms;
		return (error == NULL ? 0 : -1);
	}
	return (-1);
}

/* `deny PREFIX [TIME]' or `deny remove PREFIX', behind its first word. */
static int
parser_deny(int argc, char *const argv[], struct msg_deny *d, FILE *err)
{
	int i = 0;

	if (argc > 0 && argv[0][0] != '\0' &&
	    strncmp("remove", argv[0], strlen(argv[0])) == 0) {
		d->remove = 1;
		i++;
	} else
		d->ms = PARSER_DENY_MS;
	if (i == argc) {
		fprintf(err, "uturnctl: an address or prefix is missing\n");
		return (-1);
	}
	if (parser_prefix(argv[i], d) == -1) {
		parser_complain("not an address, nor a prefix without bits "
				"behind its length",
		    argv[i], err);
		return (-1);
	}
	i++;
	if (!d->remove && i < argc) {
		if (parser_time(argv[i], &d->ms) == -1) {
			parser_complain("not a time from 1s to 24h with its "
					"unit (s, m or h)",
			    argv[i], err);
			return (-1);
		}
		i++;
	}
	if (i < argc) {
		parser_complain("nothing may follow here", argv[i], err);
		return (-1);
	}
	return (0);
}

/* What may follow the last word of a command. */
static int
parser_rest(enum ctl_action action, int argc, char *const argv[],
    struct parser_args *args, FILE *err)
{
	if (action == ACTION_DENY)
		return (parser_deny(argc, argv, &args->deny, err));
	if (argc > 0 && action == ACTION_SHOW_TRACES) {
		if (parser_address(argv[0], &args->ask) == -1) {
			parser_complain(
			    "not an address of a client", argv[0], err);
			return (-1);
		}
		argc--;
		argv++;
	}
	if (argc > 0) {
		parser_complain("nothing may follow here", argv[0], err);
		return (-1);
	}
	return (0);
}

enum ctl_action
parser_parse(int argc, char *const argv[], struct parser_args *args, FILE *err)
{
	const struct parser_word *table = words_top, *w;
	int i, ambiguous;

	memset(args, 0, sizeof(*args));
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
		if (parser_rest(
			w->action, argc - i - 1, argv + i + 1, args, err) == -1)
			return (ACTION_NONE);
		return (w->action);
	}
	fprintf(err, "uturnctl: %s\n",
	    argc == 0 ? "a command is missing" : "a word is missing");
	parser_show_valid(table, err);
	return (ACTION_NONE);
}
