/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

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
#include "utrace/args.h"
#include "utrace/host.h"
#include "utrace/lock.h"
#include "utrace/lookup.h"
#include "utrace/run.h"

#define EXIT_DONE   0
#define EXIT_FAILED 1

/* The resolver's process ends by itself, however the run ended. */
#define MAIN_NAMES_SECONDS 120

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

/* Starts the process that traces, likewise. */
static int
main_start_prober(const struct prober_conf *conf)
{
	pid_t parent = getpid();
	int fds[2];

	main_pipe(fds);
	switch (fork()) {
	case -1:
		fatal(EXIT_FAILED, "fork");
	case 0:
		close(fds[0]);
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)signal(SIGINT, SIG_DFL);
		_exit(prober_main(conf, fds[1], parent));
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

/* All that is left to do is reading pipes and writing output. */
static void
main_lock(struct args *a)
{
	static struct names names;

	a->run.names = &names;
	if (a->run.want != 0)
		main_start_names(&names, a->run.in);
	else
		names_init(&names, -1, -1);
	close(STDIN_FILENO);
	/* Seeds its tables from a file, so while that is possible. */
	json_object_seed(0);
	lock_parent();
}

static int
main_output(int rc)
{
	if (fflush(stdout) == EOF || ferror(stdout)) {
		fprintf(stderr, "utrace: output: %s\n", strerror(errno));
		return (EXIT_FAILED);
	}
	return (rc);
}

static int
main_decode(int argc, char *argv[])
{
	static struct args a;

	args_decode(&a, argc, argv);
	lock_root();
	/* A closed pipe is an error like any other. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* ^C ends the traceroute before us; what it found is to be shown. */
	if (!isatty(STDIN_FILENO))
		(void)signal(SIGINT, SIG_IGN);
	a.run.in = main_start_reader();
	main_lock(&a);
	return (main_output(run_decode(&a.run) == 0 ? EXIT_DONE : EXIT_FAILED));
}

/* Fills the target in, or says why not and exits. */
static void
main_target(struct args *a)
{
	char why[256];

	if (a->source.known && a->family == FAMILY_MAX)
		a->family = (enum family)a->source.family;
	if (lookup_host(a->host, a->family, &a->prober.target, why,
		sizeof(why)) == -1) {
		fprintf(stderr, "utrace: %s: %s\n", a->host, why);
		exit(EXIT_FAILED);
	}
	if (!a->source.known)
		return;
	if (a->source.family != a->prober.target.family) {
		fprintf(stderr,
		    "utrace: -s: the host's address is of the other family\n");
		exit(EXIT_FAILED);
	}
	a->prober.source = a->source.addr;
}

/* Without the one right that tracing takes: says how to get it, and exits. */
static void
main_right(void)
{
	char path[4096];
	ssize_t n;

	if (lock_has_raw())
		return;
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	fprintf(stderr,
	    "utrace: tracing a host takes the capability CAP_NET_RAW: run it "
	    "as root, or let everybody trace:\n"
	    "        setcap cap_net_raw+ep %s\n",
	    n > 0 ? path : "utrace");
	exit(EXIT_FAILED);
}

static int
main_host(int argc, char *argv[])
{
	static struct args a;

	args_host(&a, argc, argv);
	main_right();
	(void)signal(SIGPIPE, SIG_IGN);
	main_target(&a);
	/* ^C ends the prober; what it found is to be shown. */
	(void)signal(SIGINT, SIG_IGN);
	a.run.in = main_start_prober(&a.prober);
	lock_root();
	lock_caps();
	main_lock(&a);
	return (main_output(host_run(&a.run, &a.prober, a.host)));
}

int
main(int argc, char *argv[])
{
	main_stdio();
	log_init("utrace", 0);
	/* It reads files that its user names. */
	if (getuid() != geteuid() || getgid() != getegid()) {
		fprintf(stderr, "utrace: must not be set-user-ID\n");
		return (EXIT_FAILED);
	}
	if (argc < 2)
		args_usage();
	if (strcmp(argv[1], "decode") != 0)
		return (main_host(argc, argv));
	/* getopt(3) speaks of the program, not of its command. */
	argv[1] = argv[0];
	return (main_decode(argc - 1, argv + 1));
}
