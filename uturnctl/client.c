/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"
#include "uturnctl/client.h"

static const char *
client_advice(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return ("is uturnd running? (or name its socket with -s)");
	case EACCES:
	case EPERM:
		return (
		    "run uturnctl as root or as a member of uturnd's group");
	case EAGAIN:
		return ("too many clients wait; try again");
	default:
		return ("is that uturnd's socket?");
	}
}

int
client_connect(const char *path, char *why, size_t whylen)
{
	struct sockaddr_un sun;
	int fd, error;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		(void)snprintf(why, whylen, "%s: longer than %zu bytes", path,
		    sizeof(sun.sun_path) - 1);
		return (-1);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1) {
		(void)snprintf(why, whylen, "socket: %s", strerror(errno));
		return (-1);
	}
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		error = errno;
		close(fd);
		(void)snprintf(why, whylen, "%s: %s: %s", path, strerror(error),
		    client_advice(error));
		return (-1);
	}
	return (fd);
}

uid_t
client_peer_uid(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1 ||
	    len != sizeof(cred))
		return ((uid_t)-1);
	return (cred.uid);
}

/* The whole messages that are there; as reply_take. */
static int
client_take(struct imsgbuf *ib, struct reply *r, char *why, size_t whylen)
{
	struct imsg imsg;
	int rc, done = 0;

	while (done == 0) {
		if ((rc = imsgbuf_get(ib, &imsg)) == 0)
			break;
		if (rc == -1) {
			(void)snprintf(why, whylen,
			    "uturnd: unreadable message: %s", strerror(errno));
			return (-1);
		}
		done = reply_take(r, &imsg, why, whylen);
		imsg_free(&imsg);
	}
	return (done);
}

/* One wait, then what can be sent and received; as reply_take. */
static int
client_turn(struct imsgbuf *ib, struct reply *r, int64_t deadline, char *why,
    size_t whylen)
{
	struct pollfd pfd = { .fd = ib->fd, .events = POLLIN };
	int rc;

	if (loop_now() >= deadline) {
		(void)snprintf(why, whylen,
		    "uturnd does not answer; see its log, or restart it");
		return (-1);
	}
	if (imsgbuf_queuelen(ib) > 0)
		pfd.events |= POLLOUT;
	if (loop_wait(&pfd, 1, deadline, NULL) == -1) {
		(void)snprintf(why, whylen, "ppoll: %s", strerror(errno));
		return (-1);
	}
	/* A refusal may be there to read although nothing can be sent. */
	if ((pfd.revents & POLLOUT) && imsgbuf_write(ib) == -1 &&
	    errno != EPIPE) {
		(void)snprintf(
		    why, whylen, "sending to uturnd: %s", strerror(errno));
		return (-1);
	}
	if (!loop_readable(&pfd))
		return (0);
	if ((rc = imsgbuf_read(ib)) == -1) {
		(void)snprintf(
		    why, whylen, "reading from uturnd: %s", strerror(errno));
		return (-1);
	}
	if (rc == 1)
		return (client_take(ib, r, why, whylen));
	(void)snprintf(why, whylen, "uturnd closed the connection %s",
	    imsgbuf_partial(ib) > 0 ? "amid a message"
				    : "before its answer was complete");
	return (-1);
}

int
client_ask(int fd, struct reply *r, int64_t deadline, char *why, size_t whylen)
{
	struct imsgbuf ib;
	uint32_t request;
	int rc, value;

	if (imsgbuf_init(&ib, fd) == -1) {
		(void)snprintf(why, whylen, "no memory");
		return (-1);
	}
	if (imsgbuf_set_maxsize(&ib, msg_controller_to_ctl.maxsize) == -1) {
		(void)snprintf(why, whylen, "no memory");
		imsgbuf_clear(&ib);
		return (-1);
	}
	request = reply_request(r->action, &value);
	if (request == MSG_CTL_TRACES)
		rc = msg_put_ask(&ib, request, 0, &r->args.ask);
	else if (request == MSG_CTL_DENY)
		rc = msg_put_deny(&ib, request, 0, &r->args.deny);
	else if (value == -1)
		rc = msg_put_empty(&ib, request, 0);
	else
		rc = msg_put_u8(&ib, request, 0, (uint8_t)value);
	if (rc == -1)
		(void)snprintf(why, whylen, "request: %s", strerror(errno));
	while (rc == 0)
		rc = client_turn(&ib, r, deadline, why, whylen);
	imsgbuf_clear(&ib);
	return (rc == 1 ? 0 : -1);
}
