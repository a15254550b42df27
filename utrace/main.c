/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/ioctl.h>
#include <sys/types.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "utrace/lock.h"
#include "utrace/run.h"

#define EXIT_DONE   0
#define EXIT_FAILED 1

/* The resolver's process ends by itself, however the run ended. */
#define MAIN_NAMES_SECONDS 120

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr,
	    "usage: utrace decode [-Ajln] [-a file] [-t address | number]\n");
	exit(EXIT_USAGE);
}

/* Columns of the terminal, if there is one, else of $COLUMNS, else 80. */
static int
main_width(void)
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
main_astable(const char *path)
{
	struct astable *t;
	char why[256];
	FILE *fp;

	if ((fp = fopen(path, "re")) == NULL) {
		fprintf(stderr, "utrace: %s: %s\n", path, strerror(errno));
		exit(EXIT_FAILED);
	}
	t = astable_read(fp, why, sizeof(why));
	(void)fclose(fp);
	if (t == NULL) {
		fprintf(stderr, "utrace: %s: %s\n", path, why);
		exit(EXIT_FAILED);
	}
	return (t);
}

static void
main_hint(struct trace *t, const char *arg)
{
	char *end;
	long n;

	if (hop_addr_parse(arg, strlen(arg), &t->hint) == 0)
		return;
	errno = 0;
	n = strtol(arg, &end, 10);
	if (errno != 0 || end == arg || *end != '\0' || n < 1 ||
	    n > HOP_TTL_MAX) {
		fprintf(stderr,
		    "utrace: -t %s: neither an address nor a hop, 1 to %d\n",
		    arg, HOP_TTL_MAX);
		exit(EXIT_USAGE);
	}
	t->hint_ttl = (uint16_t)n;
}

static void
main_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) == -1)
		fatal(EXIT_FAILED, "pipe2");
}

/* Starts the process that reads the input; the pipe that it writes. */
static int
main_start_reader(void)
{
	int fds[2];

	main_pipe(fds);
	switch (fork()) {
	case -1:
		fatal(EXIT_FAILED, "fork");
	case 0:
		close(fds[0]);
		close(STDOUT_FILENO);
		/* The parent is gone: nobody wants to know the rest. */
		(void)signal(SIGPIPE, SIG_DFL);
		lock_reader(fds[1]);
		if (reader_run(STDIN_FILENO, fds[1]) == -1)
			fatal(EXIT_FAILED, "standard input");
		_exit(EXIT_DONE);
	default:
		close(fds[1]);
		return (fds[0]);
	}
}

/* Starts the process that asks the DNS. */
static void
main_start_names(struct names *names, int reader)
{
	int ask[2], reply[2];

	main_pipe(ask);
	main_pipe(reply);
	switch (fork()) {
	case -1:
		fatal(EXIT_FAILED, "fork");
	case 0:
		close(reader);
		close(ask[1]);
		close(reply[0]);
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		(void)signal(SIGPIPE, SIG_DFL);
		lock_names();
		(void)alarm(MAIN_NAMES_SECONDS);
		/* One silent server must not eat up the whole budget. */
		(void)setenv("RES_OPTIONS", "timeout:1 attempts:2", 1);
		(void)res_init();
		_exit(names_run(ask[0], reply[1]) == -1 ? EXIT_FAILED
							: EXIT_DONE);
	default:
		close(ask[0]);
		close(reply[1]);
		names_init(names, ask[1], reply[0]);
	}
}

/* What is closed must not become the number of a pipe. */
static void
main_stdio(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) == -1)
			exit(EXIT_FAILED);
}

static void
main_signals(void)
{
	/* A closed pipe is an error like any other. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* ^C ends the traceroute before us; what it found is to be shown. */
	if (!isatty(STDIN_FILENO))
		(void)signal(SIGINT, SIG_IGN);
}

static int
main_decode(int argc, char *argv[])
{
	static struct names names;
	static struct run run;
	struct astable *astable = NULL;
	int ch, rc;

	run.with_names = 1;
	while ((ch = getopt(argc, argv, "+Aa:jlnt:")) != -1) {
		switch (ch) {
		case 'A':
			run.want |= NAMES_ASN;
			break;
		case 'a':
			astable_free(astable);
			astable = main_astable(optarg);
			break;
		case 'j':
			run.form = RUN_JSON;
			break;
		case 'l':
			run.form = RUN_LIST;
			break;
		case 'n':
			run.with_names = 0;
			break;
		case 't':
			main_hint(&run.trace, optarg);
			break;
		default:
			usage();
		}
	}
	if (argc != optind)
		usage();
	if (run.with_names)
		run.want |= NAMES_NAME;
	run.names = &names;
	run.astable = astable;
	run.out = stdout;
	run.err = stderr;
	run.width = main_width();

	lock_root();
	main_signals();
	run.in = main_start_reader();
	if (run.want != 0)
		main_start_names(&names, run.in);
	else
		names_init(&names, -1, -1);
	close(STDIN_FILENO);
	/* Seeds its tables from a file, so while that is possible. */
	json_object_seed(0);
	lock_parent();

	rc = run_decode(&run);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		fprintf(stderr, "utrace: output: %s\n", strerror(errno));
		rc = -1;
	}
	return (rc == 0 ? EXIT_DONE : EXIT_FAILED);
}

int
main(int argc, char *argv[])
{
	main_stdio();
	log_init("utrace", 0);
	if (argc < 2 || strcmp(argv[1], "decode") != 0)
		usage();
	/* getopt(3) speaks of the program, not of its command. */
	argv[1] = argv[0];
	return (main_decode(argc - 1, argv + 1));
}
