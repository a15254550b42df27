/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "uturnd/control.h"

/* Connections taken from one socket before others get their turn. */
#define ACCEPT_MAX 16

static void
control_accept(struct control *, struct control_listener *, int64_t);
static int control_has_room(const struct control *, uid_t, enum control_grade);
static void client_serve(
    struct control *, struct control_client *, const struct pollfd *, int64_t);
static void client_requests(struct control *, struct control_client *, int64_t);
static const char *client_request(struct control_client *, struct imsg *);
static int client_allowed(const struct control_client *);
static int client_is_ready(const struct control_client *);
static int64_t client_deadline(const struct control_client *);
static void client_close(struct control_client *);

void
control_init(struct control *ct,
    void (*handler)(void *, struct control_client *), void *arg)
{
	int i;

	memset(ct, 0, sizeof(*ct));
	for (i = 0; i < CONTROL_LISTENERS_MAX; i++)
		ct->listener[i].fd = -1;
	ct->resume = LOOP_FOREVER;
	ct->handler = handler;
	ct->arg = arg;
}

void
control_close(struct control *ct, int unlink_too)
{
	size_t i;

	for (i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (ct->client[i].id != 0)
			client_close(&ct->client[i]);
	for (i = 0; i < ct->nlisteners; i++) {
		close(ct->listener[i].fd);
		ct->listener[i].fd = -1;
		if (unlink_too && unlink(ct->listener[i].path) == -1 &&
		    errno != ENOENT)
			log_warn("%s: can't be removed", ct->listener[i].path);
	}
	ct->nlisteners = 0;
}

void
control_pollfds(struct control *ct, struct pollfd pfd[CONTROL_POLLFDS])
{
	const struct control_client *cl;
	size_t i;

	memset(pfd, 0, CONTROL_POLLFDS * sizeof(pfd[0]));
	for (i = 0; i < CONTROL_POLLFDS; i++)
		pfd[i].fd = -1;
	for (i = 0; i < ct->nlisteners && ct->resume == LOOP_FOREVER; i++) {
		pfd[i].fd = ct->listener[i].fd;
		pfd[i].events = POLLIN;
	}
	for (i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		cl = &ct->client[i];
		if (cl->id == 0)
			continue;
		pfd[CONTROL_LISTENERS_MAX + i].fd = cl->fd;
		if (client_is_ready(cl))
			pfd[CONTROL_LISTENERS_MAX + i].events |= POLLIN;
		if (imsgbuf_queuelen(&cl->ibuf) > 0)
			pfd[CONTROL_LISTENERS_MAX + i].events |= POLLOUT;
	}
}

int64_t
control_deadline(const struct control *ct)
{
	int64_t deadline = ct->resume;
	size_t i;

	for (i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (ct->client[i].id != 0 &&
		    client_deadline(&ct->client[i]) < deadline)
			deadline = client_deadline(&ct->client[i]);
	return (deadline);
}

void
control_dispatch(
    struct control *ct, const struct pollfd pfd[CONTROL_POLLFDS], int64_t now)
{
	struct control_client *cl;
	size_t i;

	for (i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		cl = &ct->client[i];
		if (cl->id == 0)
			continue;
		client_serve(ct, cl, &pfd[CONTROL_LISTENERS_MAX + i], now);
		if (!cl->dead && now >= client_deadline(cl)) {
			log_debug("control client %u: idle", cl->id);
			cl->dead = 1;
		}
		if (cl->dead)
			client_close(cl);
	}
	if (now >= ct->resume)
		ct->resume = LOOP_FOREVER;
	/* Last, so that no new client is taken for one that was polled. */
	for (i = 0; i < ct->nlisteners; i++)
		if (pfd[i].revents & POLLIN)
			control_accept(ct, &ct->listener[i], now);
}

static void
control_accept(struct control *ct, struct control_listener *l, int64_t now)
{
	struct ucred cred;
	socklen_t len;
	int fd, i;

	for (i = 0; i < ACCEPT_MAX; i++) {
		fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			if (errno == EAGAIN)
				return;
			/* ppoll would report it again and again. */
			log_warn("%s: accept", l->path);
			ct->resume = now + CONTROL_PAUSE_NS;
			return;
		}
		len = sizeof(cred);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ==
		    -1) {
			log_debug("%s: credentials of a client", l->path);
			close(fd);
			continue;
		}
		(void)control_add(ct, fd, cred.uid, l->grade, now);
	}
}

struct control_client *
control_add(struct control *ct, int fd, uid_t uid, enum control_grade grade,
    int64_t now)
{
	struct control_client *cl;
	size_t i;

	for (i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (ct->client[i].id == 0)
			break;
	if (i == CONTROL_CLIENTS_MAX || !control_has_room(ct, uid, grade)) {
		log_debug("control client of uid %u: no room", uid);
		close(fd);
		return (NULL);
	}
	cl = &ct->client[i];
	memset(cl, 0, sizeof(*cl));
	if (imsgbuf_init(&cl->ibuf, fd) == -1 ||
	    imsgbuf_set_maxsize(&cl->ibuf, msg_controller_to_ctl.maxsize) ==
		-1) {
		log_warn("control client of uid %u", uid);
		close(fd);
		return (NULL);
	}
	/* 0 means a free slot, and a request of the controller's own. */
	if (++ct->last_id == 0)
		ct->last_id = 1;
	cl->id = ct->last_id;
	cl->fd = fd;
	cl->uid = uid;
	cl->grade = grade;
	cl->deadline = now + CONTROL_IDLE_NS;
	return (cl);
}

/* Neither one user nor all users of the open socket can fill the house. */
static int
control_has_room(const struct control *ct, uid_t uid, enum control_grade grade)
{
	size_t i, restricted = 0, same = 0;

	for (i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (ct->client[i].id == 0)
			continue;
		if (ct->client[i].uid == uid && ct->client[i].grade == grade)
			same++;
		if (ct->client[i].grade == CONTROL_RESTRICTED)
			restricted++;
	}
	if (same >= CONTROL_UID_MAX)
		return (0);
	return (
	    grade != CONTROL_RESTRICTED || restricted < CONTROL_RESTRICTED_MAX);
}

struct control_client *
control_find(struct control *ct, uint32_t id)
{
	size_t i;

	for (i = 0; i < CONTROL_CLIENTS_MAX && id != 0; i++)
		if (ct->client[i].id == id)
			return (&ct->client[i]);
	return (NULL);
}

/* A new request is read only after the last one was answered and fetched. */
static int
client_is_ready(const struct control_client *cl)
{
	return (cl->request == 0 && !cl->eof && !cl->dead &&
	    imsgbuf_queuelen(&cl->ibuf) == 0);
}

/* A subscriber may listen for days to a host that nobody traces. */
static int64_t
client_deadline(const struct control_client *cl)
{
	if (cl->request == MSG_CTL_MONITOR && imsgbuf_queuelen(&cl->ibuf) == 0)
		return (LOOP_FOREVER);
	return (cl->deadline);
}

static void
client_serve(struct control *ct, struct control_client *cl,
    const struct pollfd *pfd, int64_t now)
{
	uint32_t queued;
	int n;

	if (pfd->revents & (POLLERR | POLLHUP | POLLNVAL)) {
		/* Nobody is there any more to be answered. */
		cl->dead = 1;
		return;
	}
	if ((pfd->revents & POLLIN) && client_is_ready(cl)) {
		if ((n = imsgbuf_read(&cl->ibuf)) == -1) {
			log_debug("control client %u: unreadable", cl->id);
			cl->dead = 1;
			return;
		}
		if (n == 0)
			cl->eof = 1;
	}
	client_requests(ct, cl, now);
	if (cl->dead)
		return;
	if ((queued = imsgbuf_queuelen(&cl->ibuf)) > 0) {
		if (imsgbuf_write(&cl->ibuf) == -1) {
			cl->dead = 1;
			return;
		}
		/* Slow is fine as long as it reads. */
		if (imsgbuf_queuelen(&cl->ibuf) < queued)
			cl->deadline = now + CONTROL_IDLE_NS;
	}
	if (cl->eof && cl->request == 0 && imsgbuf_queuelen(&cl->ibuf) == 0)
		cl->dead = 1;
}

/* Requests that were read, one after the other. */
static void
client_requests(struct control *ct, struct control_client *cl, int64_t now)
{
	struct imsg imsg;
	const char *why;
	int n;

	while (
	    !cl->dead && cl->request == 0 && imsgbuf_queuelen(&cl->ibuf) == 0) {
		if ((n = imsgbuf_get(&cl->ibuf, &imsg)) == 0)
			return;
		if (n == -1) {
			log_debug("control client %u: bad stream", cl->id);
			cl->dead = 1;
			return;
		}
		why = client_request(cl, &imsg);
		imsg_free(&imsg);
		if (why != NULL) {
			log_debug(
			    "control client %u: malformed: %s", cl->id, why);
			cl->dead = 1;
			return;
		}
		cl->deadline = now + CONTROL_IDLE_NS;
		if (client_allowed(cl))
			ct->handler(ct->arg, cl);
		else
			control_result(
			    cl, RESULT_REFUSED, "not on a restricted socket");
	}
}

/* Returns NULL with ->request and ->value set, or what is wrong. */
static const char *
client_request(struct control_client *cl, struct imsg *imsg)
{
	char fault[128];
	const char *why;
	uint32_t type = imsg_get_type(imsg);

	if (msg_check(&msg_ctl_to_controller, imsg, MSG_RUN, fault,
		sizeof(fault)) == NULL) {
		log_debug("%s", fault);
		return ("not a request");
	}
	cl->value = 0;
	if (type == MSG_CTL_VERBOSE &&
	    msg_get_u8(imsg, 1, &cl->value, &why) == -1)
		return (why);
	if (type == MSG_CTL_DENY && msg_get_deny(imsg, &cl->deny, &why) == -1)
		return (why);
	memset(&cl->ask, 0, sizeof(cl->ask));
	if (type == MSG_CTL_TRACES) {
		if (msg_get_ask(imsg, &cl->ask, &why) == -1)
			return (why);
		if (cl->ask.from != 0)
			return ("not from the beginning");
	}
	cl->request = type;
	return (NULL);
}

static int
client_allowed(const struct control_client *cl)
{
	if (cl->grade == CONTROL_FULL)
		return (1);
	return (
	    cl->request == MSG_CTL_STATS || cl->request == MSG_CTL_PROCESSES);
}

static void
client_close(struct control_client *cl)
{
	imsgbuf_clear(&cl->ibuf);
	close(cl->fd);
	memset(cl, 0, sizeof(*cl));
}
