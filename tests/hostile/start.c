/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/queue.h>
#include <err.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/proc.h"
#include "common/sandbox.h"
#include "hostile.h"
#include "uturnd/conf.h"

/* As in uturnd/children.c. */
#define PEER_BUFFER (256 * 1024)
#define PIPE_BUFFER (256 * 1024)

static void
start_exec(int fd, const char *program, int role)
{
	char flag[] = "-?", name[] = "uturnd: under test";
	char *argv[] = { name, flag, NULL };
	char *envp[] = { NULL };
	int null;

	flag[1] = (char)role;
	if ((null = open("/dev/null", O_RDWR)) == -1 ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1)
		err(1, "/dev/null");
	if (fd == PROC_FD_CONTROLLER) {
		if (fcntl(fd, F_SETFD, 0) == -1)
			err(1, "fcntl");
	} else if (dup2(fd, PROC_FD_CONTROLLER) == -1)
		err(1, "dup2");
	if (close_range(PROC_FD_CONTROLLER + 1, ~0U, 0) == -1)
		err(1, "close_range");
	execve(program, argv, envp);
	err(1, "%s", program);
}

/* The end of a pair that the child has, and ours with its buffers. */
static int
start_pair(struct imsgbuf *ib, const struct msg_border *a,
    const struct msg_border *b, int size)
{
	int sv[2];

	if (proc_socketpair(sv, size) == -1 || imsgbuf_init(ib, sv[0]) == -1 ||
	    imsgbuf_set_maxsize(
		ib, a->maxsize > b->maxsize ? a->maxsize : b->maxsize) == -1)
		err(1, "socketpair");
	return (sv[1]);
}

/* Ours of the pipes between the children; the child's are given to it. */
static void
start_pipes(struct imsgbuf *ib, int *in, int *out)
{
	uint32_t max = msg_priv_to_engine.maxsize;
	int to[2], from[2];

	if (max < msg_engine_to_priv.maxsize)
		max = msg_engine_to_priv.maxsize;
	if (proc_pipe(to, PEER_BUFFER) == -1 ||
	    proc_pipe(from, PEER_BUFFER) == -1 ||
	    imsgbuf_init_pipes(ib, from[0], to[1]) == -1 ||
	    imsgbuf_set_maxsize(ib, max) == -1)
		err(1, "pipes");
	*in = to[0];
	*out = from[1];
}

static struct conf *
start_conf(const char *path, struct conf_macros *macros)
{
	struct conf_options opt;
	struct conf *conf;

	memset(&opt, 0, sizeof(opt));
	STAILQ_INIT(macros);
	opt.macros = macros;
	opt.err = stderr;
	if ((conf = conf_load(path, &opt)) == NULL)
		errx(1, "%s: no configuration", path);
	return (conf);
}

static void
start_init(struct msg_init *init, const struct conf *conf)
{
	const struct passwd *pw;

	if ((pw = getpwnam(conf->user)) == NULL)
		errx(1, "user %s", conf->user);
	memset(init, 0, sizeof(*init));
	init->uid = pw->pw_uid;
	init->gid = pw->pw_gid;
	conf_fixed(conf, &init->fixed);
}

static void
start_until(struct hostile *h, const uint32_t *got, uint32_t want)
{
	int64_t deadline = loop_now() + HOSTILE_WAIT_NS;

	while (*got != want)
		if (border_pump(h, deadline, 1) != 1)
			errx(1, "the process under test does not start");
}

static void
start_policy(struct hostile *h, const struct conf *conf)
{
	struct policy *p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		err(1, NULL);
	conf_policy(conf, p);
	p->generation = 1;
	if (msg_put_policy(&h->controller, p) == -1 ||
	    imsgbuf_flush(&h->controller) == -1)
		err(1, "policy");
	free(p);
	start_until(h, &h->staged, 1);
	if (msg_put_u32(&h->controller, MSG_CONF_COMMIT, 0, 1) == -1 ||
	    imsgbuf_flush(&h->controller) == -1)
		err(1, "COMMIT");
	start_until(h, &h->committed, 1);
}

void
start_child(struct hostile *h, int role, const char *program, const char *path,
    int policy)
{
	struct conf_macros macros;
	struct msg_init init;
	struct conf *conf;
	int64_t deadline;
	int fd, in, out;

	conf = start_conf(path, &macros);
	start_init(&init, conf);
	sandbox_empty_dir(UTURND_EMPTY_DIR);
	h->role = role;
	if (role == 'P')
		fd = start_pair(&h->controller, &msg_priv_to_controller,
		    &msg_controller_to_priv, PIPE_BUFFER);
	else
		fd = start_pair(&h->controller, &msg_engine_to_controller,
		    &msg_controller_to_engine, PIPE_BUFFER);
	start_pipes(&h->peer, &in, &out);
	if ((h->pid = fork()) == -1)
		err(1, "fork");
	if (h->pid == 0)
		start_exec(fd, program, role);
	(void)close(fd);

	imsgbuf_allow_fdpass(&h->controller);
	if (msg_put_init(&h->controller, &init) == -1 ||
	    msg_put_peer(&h->controller, in) == -1 ||
	    msg_put_peer(&h->controller, out) == -1 ||
	    imsgbuf_flush(&h->controller) == -1)
		err(1, "INIT and PEER");
	imsgbuf_deny_fdpass(&h->controller);
	deadline = loop_now() + HOSTILE_WAIT_NS;
	while (!h->locked)
		if (border_pump(h, deadline, 1) != 1)
			errx(1, "the process under test does not lock up");
	if (policy)
		start_policy(h, conf);
	conf_free(conf);
	conf_macros_free(&macros);
}
