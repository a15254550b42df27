/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "uturnd/children.h"

/* The pipe between the children carries every packet, the others little. */
#define PEER_BUFFER (256 * 1024)
#define PIPE_BUFFER (256 * 1024)

static const struct child_role {
	const char *name;
	const char *title; /* argv[0] */
	const char *flag;
	const struct msg_border *from; /* what it sends */
	const struct msg_border *to;   /* what it is sent */
} roles[CHILD_MAX] = {
	[CHILD_ENGINE] = { "engine", "uturnd: engine", "-E",
	    &msg_engine_to_controller, &msg_controller_to_engine },
	[CHILD_PRIV] = { "packet process", "uturnd: packet process", "-P",
	    &msg_priv_to_controller, &msg_controller_to_priv },
};

static pid_t child_exec(enum child_id, int, int);
static void child_greet(struct child *, const struct msg_init *, int, int);
static enum child_event
child_read(struct child *, enum child_id, int64_t, child_handler *, void *);
static int child_message(struct child *, enum child_id, struct imsg *, int64_t,
    child_handler *, void *, char *, size_t);
static const char *child_log(struct child *, struct imsg *, int64_t);

void
children_start(struct children *cs, const struct msg_init *init, int verbose)
{
	int i, peer[CHILD_MAX][2], sv[CHILD_MAX];
	pid_t pid;

	cs->first = -1;
	for (i = 0; i < CHILD_MAX; i++)
		if (proc_pipe(peer[i], PEER_BUFFER) == -1)
			fatal(EXIT_START, "pipe between the children");
	for (i = 0; i < CHILD_MAX; i++) {
		if (proc_socketpair(sv, PIPE_BUFFER) == -1)
			fatal(EXIT_START, "socketpair");
		pid = child_exec((enum child_id)i, sv[1], verbose);
		if (pid == -1)
			fatal(EXIT_START, "can't start the %s", roles[i].name);
		if (child_init(&cs->child[i], (enum child_id)i, sv[0], pid) ==
		    -1)
			fatal(EXIT_START, "%s: messages", roles[i].name);
		/* Each reads from its own one. */
		child_greet(&cs->child[i], init, peer[i][0],
		    peer[(i + 1) % CHILD_MAX][1]);
	}
}

int
child_init(struct child *c, enum child_id id, int fd, pid_t pid)
{
	const struct child_role *r = &roles[id];
	uint32_t max;

	memset(c, 0, sizeof(*c));
	c->name = r->name;
	c->border = r->from;
	c->fd = fd;
	c->pid = pid;
	c->state = MSG_BOOT;
	if (imsgbuf_init(&c->ibuf, fd) == -1)
		return (-1);
	max = r->from->maxsize > r->to->maxsize ? r->from->maxsize
						: r->to->maxsize;
	return (imsgbuf_set_maxsize(&c->ibuf, max));
}

static pid_t
child_exec(enum child_id id, int fd, int verbose)
{
	char title[32], flag[3], v[] = "-v";
	char *argv[4];

	/* argv wants writable strings. */
	if (strlcpy(title, roles[id].title, sizeof(title)) >= sizeof(title) ||
	    strlcpy(flag, roles[id].flag, sizeof(flag)) >= sizeof(flag)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	argv[0] = title;
	argv[1] = flag;
	argv[2] = verbose ? v : NULL;
	argv[3] = NULL;
	return (proc_start(fd, argv));
}

/* The first messages, and the only descriptors that ever travel. */
static void
child_greet(struct child *c, const struct msg_init *init, int in, int out)
{
	imsgbuf_allow_fdpass(&c->ibuf);
	if (msg_put_init(&c->ibuf, init) == -1 ||
	    msg_put_peer(&c->ibuf, in) == -1 ||
	    msg_put_peer(&c->ibuf, out) == -1)
		fatal(EXIT_START, "%s: messages", c->name);
	if (imsgbuf_flush(&c->ibuf) == -1) {
		/* How it ended tells more than a broken pipe does. */
		log_debug("%s: gone before it began", c->name);
		c->lost = 1;
	}
	imsgbuf_deny_fdpass(&c->ibuf);
}

void
child_pollfd(const struct child *c, struct pollfd *pfd)
{
	pfd->fd = c->lost ? -1 : c->fd;
	pfd->events = POLLIN;
	pfd->revents = 0;
	if (!c->lost && imsgbuf_queuelen(&c->ibuf) > 0)
		pfd->events |= POLLOUT;
}

enum child_event
children_handle(struct children *cs, enum child_id id, const struct pollfd *pfd,
    int64_t now, child_handler *handler, void *arg)
{
	struct child *c = &cs->child[id];
	enum child_event ev;

	if (c->lost)
		return (CHILD_GONE);
	if (loop_readable(pfd) &&
	    (ev = child_read(c, id, now, handler, arg)) != CHILD_OK)
		return (ev);
	if ((pfd->revents & POLLOUT) && imsgbuf_write(&c->ibuf) == -1) {
		log_debug("%s: write to its pipe failed", c->name);
		c->lost = 1;
		return (CHILD_GONE);
	}
	return (CHILD_OK);
}

static enum child_event
child_read(struct child *c, enum child_id id, int64_t now,
    child_handler *handler, void *arg)
{
	char why[192];
	struct imsg imsg;
	int error, n, got, ok;

	n = imsgbuf_read(&c->ibuf);
	error = errno;
	while ((got = imsgbuf_get(&c->ibuf, &imsg)) == 1) {
		ok = child_message(
		    c, id, &imsg, now, handler, arg, why, sizeof(why));
		imsg_free(&imsg);
		if (!ok) {
			log_warnx("border violation: %s", why);
			return (CHILD_FAULT);
		}
	}
	if (n == 1 && got == 0)
		return (CHILD_OK);
	c->lost = 1;
	if (n == 1) {
		n = -1;
		error = errno;
	}
	if (n == -1 &&
	    (error == ERANGE || error == EMSGSIZE || error == EBADMSG)) {
		log_warnx("border violation: %s: header: %s", c->name,
		    strerror(error));
		return (CHILD_FAULT);
	}
	if (imsgbuf_partial(&c->ibuf) > 0)
		log_debug("%s: broke off within a message", c->name);
	return (CHILD_GONE);
}

/* One message.  Returns 1, or 0 with peer, type and fault in why. */
static int
child_message(struct child *c, enum child_id id, struct imsg *imsg, int64_t now,
    child_handler *handler, void *arg, char *why, size_t whylen)
{
	const char *fault;
	uint32_t type = imsg_get_type(imsg);

	if (msg_check(c->border, imsg, c->state, why, whylen) == NULL)
		return (0);
	c->heard = now;
	if (type == MSG_LOG)
		fault = child_log(c, imsg, now);
	else if (handler != NULL)
		fault = handler(arg, id, imsg);
	else
		fault = NULL;
	if (fault == NULL)
		return (1);
	if (snprintf(
		why, whylen, "%s: %s: %s", c->name, msg_name(type), fault) < 0)
		why[0] = '\0';
	return (0);
}

/* A child may be taken over: its lines must not flood the log. */
static const char *
child_log(struct child *c, struct imsg *imsg, int64_t now)
{
	char line[MSG_TEXT_MAX];
	const char *why;
	uint8_t pri;

	if (msg_get_text(imsg, LOG_DEBUG, &pri, line, sizeof(line), &why) == -1)
		return (why);
	if (now - c->log_window >= NS_PER_S) {
		c->log_window = now;
		c->log_lines = 0;
		if (c->log_dropped_now > 0) {
			log_warnx("%s: %llu log lines left out, over %d a "
				  "second",
			    c->name, (unsigned long long)c->log_dropped_now,
			    CHILD_RELAY_RATE);
			c->log_dropped_now = 0;
		}
	}
	if (c->log_lines >= CHILD_RELAY_RATE) {
		c->log_dropped++;
		c->log_dropped_now++;
		return (NULL);
	}
	c->log_lines++;
	log_relay(c->name, pri, line);
	return (NULL);
}
