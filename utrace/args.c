/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/ioctl.h>
#include <sys/types.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"
#include "utrace/args.h"

/* Those that both commands have. */
#define ARGS_COMMON "Aa:jlnt:"

void
args_usage(void)
{
	fprintf(stderr,
	    "usage: utrace decode [-Ajln] [-a file] [-t address | number]\n"
	    "       utrace [-46AIjlnTU] [-a file] [-f first] [-M mode] "
	    "[-m max]\n"
	    "              [-p port] [-q probes] [-s source] "
	    "[-t address | number]\n"
	    "              [-w seconds] host\n");
	exit(ARGS_USAGE);
}

/* Columns of the terminal, if there is one, else of $COLUMNS, else 80. */
static int
args_width(void)
{
	struct winsize ws;
	const char *env;
	long n = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0)
		n = ws.ws_col;
	else if ((env = getenv("COLUMNS")) != NULL)
		n = strtol(env, NULL, 10);
	if (n < OUTPUT_WIDTH_MIN)
		n = OUTPUT_WIDTH_MIN;
	return (n > OUTPUT_WIDTH_MAX ? OUTPUT_WIDTH_MAX : (int)n);
}

static struct astable *
args_astable(const char *path)
{
	struct astable *t;
	char why[256];
	FILE *fp;

	if ((fp = fopen(path, "re")) == NULL) {
		fprintf(stderr, "utrace: %s: %s\n", path, strerror(errno));
		exit(ARGS_FAILED);
	}
	t = astable_read(fp, why, sizeof(why));
	(void)fclose(fp);
	if (t == NULL) {
		fprintf(stderr, "utrace: %s: %s\n", path, why);
		exit(ARGS_FAILED);
	}
	return (t);
}

static int
args_is_number(const char *text, long min, long max, long *n)
{
	char *end;

	errno = 0;
	*n = strtol(text, &end, 10);
	return (errno == 0 && end != text && *end == '\0' && *n >= min &&
	    *n <= max);
}

static long
args_number(int option, const char *text, long min, long max)
{
	long n;

	if (args_is_number(text, min, max, &n))
		return (n);
	fprintf(stderr, "utrace: -%c %s: no number from %ld to %ld\n", option,
	    text, min, max);
	exit(ARGS_USAGE);
}

static void
args_hint(struct trace *t, const char *text)
{
	long n;

	if (hop_addr_parse(text, strlen(text), &t->hint) == 0)
		return;
	if (!args_is_number(text, 1, HOP_TTL_MAX, &n)) {
		fprintf(stderr,
		    "utrace: -t %s: neither an address nor a hop, 1 to %d\n",
		    text, HOP_TTL_MAX);
		exit(ARGS_USAGE);
	}
	t->hint_ttl = (uint16_t)n;
}

/* Returns 0, or -1 if the option is not one that both commands have. */
static int
args_common(struct args *a, int ch)
{
	switch (ch) {
	case 'A':
		a->run.want |= NAMES_ASN;
		return (0);
	case 'a':
		a->run.astable = args_astable(optarg);
		return (0);
	case 'j':
		a->run.form = RUN_JSON;
		return (0);
	case 'l':
		a->run.form = RUN_LIST;
		return (0);
	case 'n':
		a->run.with_names = 0;
		return (0);
	case 't':
		args_hint(&a->run.trace, optarg);
		return (0);
	default:
		return (-1);
	}
}

static void
args_done(struct args *a)
{
	if (a->run.with_names)
		a->run.want |= NAMES_NAME;
	a->run.out = stdout;
	a->run.err = stderr;
	a->run.width = args_width();
}

void
args_decode(struct args *a, int argc, char *argv[])
{
	int ch;

	a->run.with_names = 1;
	while ((ch = getopt(argc, argv, "+" ARGS_COMMON)) != -1)
		if (args_common(a, ch) == -1)
			args_usage();
	if (argc != optind)
		args_usage();
	args_done(a);
}

static enum prober_mode
args_mode(const char *text)
{
	if (strcmp(text, "auto") == 0)
		return (PROBER_AUTO);
	if (strcmp(text, "request") == 0)
		return (PROBER_REQUEST);
	if (strcmp(text, "turn") == 0)
		return (PROBER_TURN);
	fprintf(
	    stderr, "utrace: -M %s: neither auto, request nor turn\n", text);
	exit(ARGS_USAGE);
}

/* Seconds, with a fraction if need be. */
static int64_t
args_wait(const char *text)
{
	char *end;
	double s;

	errno = 0;
	s = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' ||
	    !(s >= 0.1 && s <= PROBER_WAIT_MAX / 1000.0)) {
		fprintf(stderr,
		    "utrace: -w %s: no number of seconds from 0.1 to %d\n",
		    text, PROBER_WAIT_MAX / 1000);
		exit(ARGS_USAGE);
	}
	return ((int64_t)(s * 1000) * NS_PER_MS);
}

static void
args_source(struct args *a, const char *text)
{
	if (hop_addr_parse(text, strlen(text), &a->source) == -1) {
		fprintf(stderr, "utrace: -s %s: no address\n", text);
		exit(ARGS_USAGE);
	}
}

static void
args_host_option(struct args *a, int ch)
{
	struct prober_conf *c = &a->prober;

	switch (ch) {
	case '4':
		a->family = FAMILY_V4;
		break;
	case '6':
		a->family = FAMILY_V6;
		break;
	case 'f':
		c->first = (uint16_t)args_number(ch, optarg, 1, HOP_TTL_MAX);
		break;
	case 'I':
		c->proto = PROTO_ICMP;
		break;
	case 'M':
		c->mode = args_mode(optarg);
		break;
	case 'm':
		c->max = (uint16_t)args_number(ch, optarg, 1, HOP_TTL_MAX);
		break;
	case 'p':
		c->port = (uint16_t)args_number(ch, optarg, 1, UINT16_MAX);
		break;
	case 'q':
		c->probes = (uint8_t)args_number(ch, optarg, 1, HOP_PROBES);
		break;
	case 's':
		args_source(a, optarg);
		break;
	case 'T':
		c->proto = PROTO_TCP;
		break;
	case 'U':
		c->proto = PROTO_UDP;
		break;
	case 'w':
		c->wait_ns = args_wait(optarg);
		break;
	default:
		args_usage();
	}
}

void
args_host(struct args *a, int argc, char *argv[])
{
	struct prober_conf *c = &a->prober;
	int ch;

	a->run.with_names = 1;
	a->family = FAMILY_MAX;
	c->first = 1;
	c->max = PROBER_TTL;
	c->probes = PROBER_PROBES;
	c->wait_ns = PROBER_WAIT_MS * NS_PER_MS;
	while ((ch = getopt(
		    argc, argv, "+" ARGS_COMMON "46f:IM:m:p:q:s:TUw:")) != -1)
		if (args_common(a, ch) == -1)
			args_host_option(a, ch);
	if (argc != optind + 1)
		args_usage();
	a->host = argv[optind];
	if (c->first > c->max) {
		fprintf(stderr, "utrace: -f %u is beyond the last hop, %u\n",
		    c->first, c->max);
		exit(ARGS_USAGE);
	}
	if (c->port == 0)
		c->port = c->proto == PROTO_TCP ? FLOW_DPORT_TCP : FLOW_DPORT;
	args_done(a);
}
