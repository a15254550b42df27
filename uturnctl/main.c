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
	enum ctl_action action;
	struct ctl_user users[2];
	struct reply reply;
};

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr, "usage: uturnctl [-jn] [-s socket] command\n");
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

/* Prints the reply; the exit code. */
static int
ctl_show(const struct ctl *ctl)
{
	const struct reply *r = &ctl->reply;
	int rc;

	if (r->have_result)
		rc = ctl->output->result(stdout, stderr, r);
	else if (r->action == ACTION_STATS)
		rc = ctl->output->stats(stdout, r);
	else if (r->action == ACTION_SHOW_CONFIG)
		rc = ctl->output->config(stdout, r);
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

	if ((fd = client_connect(ctl->path, why, sizeof(why))) == -1) {
		fprintf(stderr, "uturnctl: %s\n", why);
		return (CTL_EXIT_UNREACHABLE);
	}
	ctl_learn_users(ctl, fd);
	/* Seeds its tables from a file, so before there are none. */
	json_object_seed(0);
	lock_up(ctl->action == ACTION_SHOW_PROCESSES);

	reply_init(&ctl->reply, ctl->action);
	if (client_ask(fd, &ctl->reply, deadline, why, sizeof(why)) == -1) {
		fprintf(stderr, "uturnctl: %s\n", why);
		code = CTL_EXIT_FAILED;
	} else
		code = ctl_show(ctl);
	reply_free(&ctl->reply);
	close(fd);
	return (code);
}

int
main(int argc, char *argv[])
{
	static struct ctl ctl = { &output_text, CLIENT_SOCKET, 0, ACTION_NONE,
		{ { 0 } }, { 0 } };
	int ch;

	log_init("uturnctl", 0);
	/* "+": options come first, also where getopt(3) likes to reorder. */
	while ((ch = getopt(argc, argv, "+jns:")) != -1) {
		switch (ch) {
		case 'j':
			ctl.output = &output_json;
			break;
		case 'n':
			ctl.numeric = 1;
			break;
		case 's':
			ctl.path = optarg;
			break;
		default:
			usage();
		}
	}
	ctl.action = parser_parse(argc - optind, argv + optind, stderr);
	if (ctl.action == ACTION_NONE)
		usage();
	return (ctl_run(&ctl));
}
