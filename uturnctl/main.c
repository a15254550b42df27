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
	struct parser_args args;
	struct names names;
	struct ctl_user users[2];
	struct reply reply;
	struct reply stats;       /* of `check', besides */
	struct check_facts facts; /* of `check' */
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

static int
ctl_show_clients(struct ctl *ctl)
{
	names_ask(&ctl->names, &ctl->reply, loop_now() + NAMES_TIME_NS);
	return (ctl->output->clients(stdout, &ctl->reply, &ctl->names));
}

static int
ctl_show_metrics(const struct ctl *ctl)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) == -1)
		return (-1);
	return (output_metrics(stdout, &ctl->reply,
	    (int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS));
}

/* Its findings are a failure, too, as the exit code says. */
static int
ctl_show_check(struct ctl *ctl)
{
	static struct check check;

	check_judge(&check, &ctl->facts, &ctl->reply, &ctl->stats.stats);
	if (ctl->output->check(stdout, &check) == -1)
		return (-1);
	return (check_fine(&check) ? 0 : -1);
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
	else if (r->action == ACTION_SHOW_CLIENTS)
		rc = ctl_show_clients(ctl);
	else if (r->action == ACTION_SHOW_DENIED)
		rc = ctl->output->denied(stdout, r);
	else if (r->action == ACTION_SHOW_METRICS)
		rc = ctl_show_metrics(ctl);
	else if (r->action == ACTION_CHECK)
		rc = ctl_show_check(ctl);
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

/* `check' wants to know two things. */
static int
ctl_ask_stats(
    struct ctl *ctl, int fd, int64_t deadline, char *why, size_t whylen)
{
	reply_init(&ctl->stats, ACTION_STATS);
	if (ctl->action != ACTION_CHECK || ctl->reply.have_result)
		return (0);
	return (client_ask(fd, &ctl->stats, deadline, why, whylen));
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
	if ((ctl->action == ACTION_SHOW_TRACES ||
		ctl->action == ACTION_SHOW_CLIENTS) &&
	    !ctl->numeric)
		names_start(&ctl->names, names_system);
	/* Before it is locked up, and before the counters that it reads. */
	if (ctl->action == ACTION_CHECK)
		check_gather(&ctl->facts);
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
	ctl->reply.args = ctl->args;
	ctl->reply.event = ctl_event;
	ctl->reply.arg = ctl;
	if (client_ask(fd, &ctl->reply, deadline, why, sizeof(why)) == -1 ||
	    ctl_ask_stats(ctl, fd, deadline, why, sizeof(why)) == -1) {
		fprintf(stderr, "uturnctl: %s\n", why);
		code = CTL_EXIT_FAILED;
	} else
		code = ctl_show(ctl);
	reply_free(&ctl->reply);
	reply_free(&ctl->stats);
	check_free(&ctl->facts);
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
	ctl.action = parser_parse(n, argv + 1, &ctl.args, stderr);
	if (ctl.action == ACTION_NONE)
		usage();
	if (ctl.dot &&
	    (ctl.action != ACTION_SHOW_TRACES || ctl.output == &output_json)) {
		fprintf(stderr,
		    "uturnctl: -o dot is for `show traces', without -j\n");
		usage();
	}
	if (ctl.action == ACTION_SHOW_METRICS && ctl.output == &output_json) {
		fprintf(stderr,
		    "uturnctl: `show metrics' has a form of its "
		    "own; for JSON ask for `stats'\n");
		usage();
	}
	return (ctl_run(&ctl));
}
