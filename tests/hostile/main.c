/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/wait.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/log.h"
#include "hostile.h"

static void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: hostile [-En] -f configuration -u uturnd [step ...]\n");
	exit(2);
}

/*
 * Whatever was done, the process under test has taken it in when it answers
 * the second time: the first answer may be older than what it read with the
 * same poll.  Then it is told to stop, if it lives, and must end.
 */
static int
finish(struct hostile *h)
{
	int64_t deadline;
	int status;

	if (border_stats(h) == 0 && border_stats(h) == 0) {
		report_stats(&h->stats);
		if (msg_put_empty(&h->controller, MSG_STOP, 0) == -1)
			err(1, "STOP");
		if (imsgbuf_flush(&h->controller) == -1 && errno != EPIPE)
			err(1, "STOP");
	}
	deadline = loop_now() + HOSTILE_WAIT_NS;
	while (border_pump(h, deadline, 1) == 1)
		;
	if (!h->gone) {
		(void)kill(h->pid, SIGKILL);
		report_step("end", "hung");
	}
	if (waitpid(h->pid, &status, 0) == -1)
		err(1, "waitpid");
	report_end(status);
	return (h->gone ? 0 : 1);
}

int
main(int argc, char *argv[])
{
	static struct hostile h;
	const char *conf = NULL, *program = NULL;
	int ch, i, late = 0, policy = 1, role = 'P';

	/* A pipe says so by itself when the process under test is gone. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		err(1, "SIGPIPE");
	while ((ch = getopt(argc, argv, "Ef:nu:")) != -1) {
		switch (ch) {
		case 'E':
			role = 'E';
			break;
		case 'f':
			conf = optarg;
			break;
		case 'n':
			policy = 0;
			break;
		case 'u':
			program = optarg;
			break;
		default:
			usage();
		}
	}
	if (conf == NULL || program == NULL)
		usage();
	log_init("hostile", 0);
	if (setvbuf(stdout, NULL, _IOLBF, 0) != 0)
		err(1, "stdout");
	start_child(&h, role, program, conf, policy);
	report_number("ready", (uint64_t)h.pid);
	for (i = optind; i < argc && !late; i++) {
		if (h.gone) {
			report_step(argv[i], "skipped");
			continue;
		}
		report_step(argv[i], "begun");
		if (steps_run(&h, argv[i]) == -1) {
			report_step(argv[i], h.gone ? "gone" : "late");
			late = !h.gone;
		}
	}
	i = finish(&h);
	return (late || i ? 1 : 0);
}
