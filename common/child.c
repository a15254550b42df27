/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/child.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"

#define CHILD_BOOT_NS (10 * NS_PER_S)
/*
 * Message buffers of the border with the controller, made once: a burst of
 * log lines going out, one message at a time coming in.
 */
#define CHILD_TX 64
#define CHILD_RX 4

/*
 * Signals reach the whole group (service managers, Ctrl-C): only the
 * controller decides the order in which processes end.
 */
static void
child_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE,
		SIGUSR1, SIGUSR2 };
	struct sigaction sa;
	size_t i;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_IGN;
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		if (sigaction(ignored[i], &sa, NULL) == -1)
			fatal(EXIT_START, "signal %d", ignored[i]);
}

/* Waits for the next message of the controller, until deadline. */
static void
child_next(struct imsgbuf *controller, struct imsg *imsg, int64_t deadline)
{
	struct pollfd pfd;
	int n;

	for (;;) {
		if ((n = imsgbuf_get(controller, imsg)) == -1)
			fatal(EXIT_VIOLATION, "controller: message");
		if (n == 1)
			return;
		if (loop_now() >= deadline)
			fatalx(EXIT_START, "controller: silent at start");
		pfd.fd = PROC_FD_CONTROLLER;
		pfd.events = POLLIN;
		pfd.revents = 0;
		if (loop_wait(&pfd, 1, deadline, NULL) == -1)
			fatal(EXIT_START, "wait");
		if (!loop_readable(&pfd))
			continue;
		if ((n = imsgbuf_read(controller)) == -1)
			fatal(EXIT_VIOLATION, "controller: read");
		if (n == 0)
			fatalx(EXIT_LOST, "controller: gone at start");
	}
}

/* The pipe from the other child comes first, then the one to it. */
static void
child_peer(int fd, int n)
{
	static const int flags[] = { O_RDONLY, O_WRONLY };
	static const int to[] = { PROC_FD_PEER_IN, PROC_FD_PEER_OUT };

	if (fd == -1 || proc_pipe_check(fd, flags[n]) == -1)
		fatalx(EXIT_VIOLATION, "controller: PEER: no pipe to %s",
		    n == 0 ? "read" : "write");
	if (proc_fd_move(fd, to[n]) == -1)
		fatal(EXIT_START, "peer descriptor");
}

pid_t
child_boot(struct imsgbuf *controller, const struct msg_border *from,
    const struct msg_border *to, struct msg_init *init)
{
	struct ibuf_pool *rx, *tx;
	struct imsg imsg;
	const char *fault;
	char why[160];
	int64_t deadline;
	uint32_t max;
	pid_t parent;
	int got_init, npeer;

	child_signals();
	if (proc_fd_check(PROC_FD_CONTROLLER) == -1)
		fatalx(EXIT_USAGE, "to be started by uturnd only");
	max = from->maxsize > to->maxsize ? from->maxsize : to->maxsize;
	tx = ibuf_pool_new(CHILD_TX, IMSG_HEADER_SIZE + max);
	rx = ibuf_pool_new(CHILD_RX, IMSG_HEADER_SIZE + max);
	if (tx == NULL || rx == NULL ||
	    imsgbuf_init(controller, PROC_FD_CONTROLLER) == -1 ||
	    imsgbuf_set_maxsize(controller, max) == -1 ||
	    imsgbuf_set_pool(controller, tx, rx) == -1)
		fatal(EXIT_START, "controller: buffers");
	imsgbuf_allow_fdpass(controller);

	deadline = loop_now() + CHILD_BOOT_NS;
	parent = 0;
	for (got_init = npeer = 0; !got_init || npeer < 2;) {
		child_next(controller, &imsg, deadline);
		if (msg_check(from, &imsg, MSG_BOOT, why, sizeof(why)) == NULL)
			fatalx(EXIT_VIOLATION, "%s", why);
		if (imsg_get_type(&imsg) == MSG_INIT && !got_init) {
			if (msg_get_init(&imsg, init, &fault) == -1)
				fatalx(EXIT_VIOLATION, "controller: INIT: %s",
				    fault);
			parent = imsg_get_pid(&imsg);
			got_init = 1;
		} else if (imsg_get_type(&imsg) == MSG_PEER && npeer < 2) {
			child_peer(imsg_get_fd(&imsg), npeer);
			npeer++;
		} else
			fatalx(EXIT_VIOLATION, "controller: %s: twice",
			    msg_name(imsg_get_type(&imsg)));
		imsg_free(&imsg);
	}
	imsgbuf_deny_fdpass(controller);
	return (parent);
}

static void
child_log_emit(void *arg, int pri, const char *line)
{
	struct child_log *cl = arg;
	uint64_t more;
	int64_t now;

	now = loop_now();
	if (now > cl->last) {
		more = (uint64_t)(now - cl->last) / (NS_PER_S / 1000) *
		    CHILD_LOG_RATE;
		/* Less than a thousandth of a line: not yet worth a step. */
		if (more > 0) {
			cl->last = now;
			cl->tokens += more;
			if (cl->tokens > CHILD_LOG_BURST * 1000)
				cl->tokens = CHILD_LOG_BURST * 1000;
		}
	}
	if (cl->tokens < 1000 ||
	    msg_put_text(cl->controller, MSG_LOG, 0, (uint8_t)pri, line) ==
		-1) {
		cl->dropped++;
		return;
	}
	cl->tokens -= 1000;
	/* A fatal line can't wait for a loop that will not come round. */
	if (pri <= LOG_ERR)
		(void)imsgbuf_write(cl->controller);
}

void
child_log_start(struct child_log *cl, struct imsgbuf *controller)
{
	struct log_sink sink;

	cl->controller = controller;
	cl->dropped = 0;
	cl->tokens = CHILD_LOG_BURST * 1000;
	cl->last = loop_now();
	sink.emit = child_log_emit;
	sink.arg = cl;
	log_to_sink(&sink);
}
