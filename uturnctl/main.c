/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/types.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "uturnctl/client.h"
#include "uturnctl/lock.h"
#include "uturnctl/output.h"

/* The users that the daemon's processes can be expected to run as. */
struct ctl_user {
	uid_t uid;
	char name[OUTPUT_USER_MAX]; /* empty: not known by name */
};

struct ctl {
	const struct output *output;
	const char *path;
	int numeric;
	int dot; /* -o dot */
	enum ctl_action action;
	struct msg_ask ask;
	struct names names;
	struct ctl_user users[2];
	struct reply reply;
};

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr, "usage: uturnctl [-jn] [-o dot] [-s socket] command\n");
	exit(CTL_EXIT_USAGE);
}

/*
 * Looks up the names that will be needed while that is still possible: root,
 * and whoever made the daemon's socket.
 */
static void
ctl_learn_users(struct ctl *ctl, int fd)
{
	const struct passwd *pw;
	size_t i;

	ctl->users[0].uid = 0;
	ctl->users[1].uid = client_peer_uid(fd);
	for (i = 0; i < 2 && !ctl->numeric; i++)
		if ((pw = getpwuid(ctl->users[i].uid)) != NULL)
			(void)snprintf(ctl->users[i].name,
			    sizeof(ctl->users[i].name), "%s", pw->pw_name);
}

static void
ctl_user_name(const struct ctl *ctl, uid_t uid, char *buf, size_t len)
{
	size_t i;

	for (i = 0; i < 2; i++)
		if (ctl->users[i].uid == uid && ctl->users[i].name[0] != '\0') {
			(void)snprintf(buf, len, "%s", ctl->users[i].name);
			return;
		}
	(void)snprintf(buf, len, "%u", (unsigned int)uid);
}

static int
ctl_show_processes(const struct ctl *ctl)
{
	struct output_process p[REPLY_PROCS_MAX];
	size_t i;
	int failed = 0;

	memset(p, 0, sizeof(p));
	for (i = 0; i < ctl->reply.nprocs; i++) {
		p[i].pid = ctl->reply.procs[i].pid;
		p[i].name = ctl->reply.procs[i].name;
		if (procstat_read(p[i].pid, &p[i].stat) == -1) {
			p[i].error = errno;
			failed = 1;
			fprintf(stderr,
			    "uturnctl: /proc/%" PRIu32 "/status: %s%s\n",
			    p[i].pid, strerror(p[i].error),
			    p[i].error == ENOENT ? ": has it ended, or is /proc"
						   " mounted with hidepid?"
						 : "");
		}
		ctl_user_name(ctl, p[i].stat.uid, p[i].user, sizeof(p[i].user));
	}
	if (ctl->output->processes(stdout, p, ctl->reply.nprocs) == -1)
		return (-1);
	return (failed ? -1 : 0);
}

static int
ctl_show_traces(struct ctl *ctl)
{
	names_ask(&ctl->names, &ctl->reply, loop_now() + NAMES_TIME_NS);
	if (ctl->dot)
		return (output_dot(stdout, &ctl->reply, &ctl->names));
	return (ctl->output->traces(stdout, &ctl->reply, &ctl->names));
}

/* Each event at once, also into a pipe. */
static int
ctl_event(void *arg, const struct msg_event *event)
{
	const struct ctl *ctl = arg;
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1)
		return (-1);
	if (ctl->output->event(stdout, event,
		(int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS) == -1 ||
	    fflush(stdout) == EOF)
		return (-1);
	return (0);
}

/* Prints the reply; the exit code. */
static int
ctl_show(struct ctl *ctl)
{
	const struct reply *r = &ctl->reply;
	int rc;

	if (r->have_result)
		rc = ctl->output->result(stdout, stderr, r);
	else if (r->action == ACTION_STATS)
		rc = ctl->output->stats(stdout, r);
	else if (r->action == ACTION_SHOW_CONFIG)
		rc = ctl->output->config(stdout, r);
	else if (r->action == ACTION_SHOW_TRACES)
		rc = ctl_show_traces(ctl);
	else if (r->action == ACTION_MONITOR)
		rc = 0;
	else
		rc = ctl_show_processes(ctl);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		fprintf(stderr, "uturnctl: output: %s\n", strerror(errno));
		rc = -1;
	}
	if (rc == -1 || (r->have_result && r->result != RESULT_OK))
		return (CTL_EXIT_FAILED);
	return (CTL_EXIT_DONE);
}

static int
ctl_run(struct ctl *ctl)
{
	int64_t deadline = loop_now() + CLIENT_TIMEOUT_NS;
	char why[512];
	int fd, code;

	if (ctl->action == ACTION_MONITOR)
		deadline = LOOP_FOREVER;
	names_none(&ctl->names);
	if (ctl->action == ACTION_SHOW_TRACES && !ctl->numeric)
		names_start(&ctl->names, names_system);
	if ((fd = client_connect(ctl->path, why, sizeof(why))) == -1) {
		fprintf(stderr, "uturnctl: %s\n", why);
		return (CTL_EXIT_UNREACHABLE);
	}
	ctl_learn_users(ctl, fd);
	/* Seeds its tables from a file, so before there are none. */
	json_object_seed(0);
	/* Likewise the time zone, for the times of events. */
	tzset();
	lock_up(ctl->action == ACTION_SHOW_PROCESSES);

	reply_init(&ctl->reply, ctl->action);
	ctl->reply.ask = ctl->ask;
	ctl->reply.event = ctl_event;
	ctl->reply.arg = ctl;
	if (client_ask(fd, &ctl->reply, deadline, why, sizeof(why)) == -1) {
		fprintf(stderr, "uturnctl: %s\n", why);
		code = CTL_EXIT_FAILED;
	} else
		code = ctl_show(ctl);
	reply_free(&ctl->reply);
	names_free(&ctl->names);
	close(fd);
	return (code);
}

/*
 * Options may stand before, between and behind the words.  Returns how many
 * words there are: they are moved to argv[1] and on.
 */
static int
ctl_options(struct ctl *ctl, int argc, char *argv[])
{
	int ch, n = 0;

	for (;;) {
		/* "+": this loop, not getopt(3), steps over words. */
		while ((ch = getopt(argc, argv, "+jno:s:")) != -1) {
			switch (ch) {
			case 'j':
				ctl->output = &output_json;
				break;
			case 'n':
				ctl->numeric = 1;
				break;
			case 'o':
				if (strcmp(optarg, "dot") != 0)
					usage();
				ctl->dot = 1;
				break;
			case 's':
				ctl->path = optarg;
				break;
			default:
				usage();
			}
		}
		if (optind >= argc)
			return (n);
		argv[1 + n++] = argv[optind++];
	}
}

int
main(int argc, char *argv[])
{
	static struct ctl ctl;
	int n;

	log_init("uturnctl", 0);
	ctl.output = &output_text;
	ctl.path = CLIENT_SOCKET;
	n = ctl_options(&ctl, argc, argv);
	ctl.action = parser_parse(n, argv + 1, &ctl.ask, stderr);
	if (ctl.action == ACTION_NONE)
		usage();
	if (ctl.dot &&
	    (ctl.action != ACTION_SHOW_TRACES || ctl.output == &output_json)) {
		fprintf(stderr,
		    "uturnctl: -o dot is for `show traces', without -j\n");
		usage();
	}
	return (ctl_run(&ctl));
}
