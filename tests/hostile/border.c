/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "hostile.h"

/* What the process under test says to the controller must be right. */
static void
border_controller(struct hostile *h, struct imsg *imsg)
{
	const struct msg_border *b;
	const char *why = "";
	char line[LOG_LINE_MAX], fault[160];
	uint32_t type = imsg_get_type(imsg);
	uint8_t pri;
	int rc = 0;

	b = h->role == 'P' ? &msg_priv_to_controller
			   : &msg_engine_to_controller;
	if (msg_check(b, imsg, h->locked ? MSG_RUN : MSG_BOOT, fault,
		sizeof(fault)) == NULL)
		errx(1, "%s", fault);
	switch (type) {
	case MSG_LOCKED:
		h->locked = 1;
		break;
	case MSG_STAGED:
		rc = msg_get_u32(imsg, &h->staged, &why);
		break;
	case MSG_COMMITTED:
		rc = msg_get_u32(imsg, &h->committed, &why);
		break;
	case MSG_PONG:
		rc = msg_get_u32(imsg, &h->pong, &why);
		break;
	case MSG_STATS_DATA:
		h->answered = imsg_get_id(imsg);
		rc = msg_get_stats(imsg, &h->stats, &why);
		break;
	case MSG_LOG:
		rc = msg_get_text(imsg, 7, &pri, line, sizeof(line), &why);
		if (rc == 0)
			report_log(pri, line);
		break;
	}
	if (rc == -1)
		errx(1, "%s: %s", msg_name(type), why);
}

static void
border_push(struct hostile *h, const struct hostile_event *ev)
{
	size_t at = (h->first + h->n) % HOSTILE_EVENTS;

	if (h->n == HOSTILE_EVENTS)
		errx(1, "too many events");
	h->events[at] = *ev;
	h->n++;
}

/* Probes, matches and ends of the packet process; orders of the engine. */
static void
border_peer(struct hostile *h, struct imsg *imsg)
{
	struct hostile_event ev;
	struct msg_answer answer;
	struct msg_match match;
	struct msg_probe probe;
	struct msg_request request;
	struct msg_turn turn;
	enum msg_expiry expiry;
	const char *why = "";
	int rc;

	memset(&ev, 0, sizeof(ev));
	ev.type = imsg_get_type(imsg);
	switch (ev.type) {
	case MSG_PROBE:
		if ((rc = msg_get_probe(imsg, &probe, &why)) == 0)
			report_probe(&probe);
		ev.id = probe.id;
		break;
	case MSG_REQUEST:
		if ((rc = msg_get_request(imsg, &request, &why)) == 0)
			report_id("request", request.id, "");
		ev.id = request.id;
		break;
	case MSG_MATCH:
		if ((rc = msg_get_match(imsg, &match, &why)) == 0)
			report_match(&match);
		ev.id = match.id;
		break;
	case MSG_EXPIRED:
		if ((rc = msg_get_expired(imsg, &ev.id, &expiry, &why)) == 0) {
			ev.kind = (uint8_t)expiry;
			report_id("expired", ev.id,
			    expiry == EXPIRY_SETTLE ? "settle" : "timeout");
		}
		break;
	case MSG_TURN:
		if ((rc = msg_get_turn(imsg, &turn, &why)) == 0)
			report_turn(&turn);
		ev.id = turn.id;
		break;
	case MSG_ANSWER:
		if ((rc = msg_get_answer(imsg, &answer, &why)) == 0)
			report_id("order", answer.id, msg_name(ev.type));
		ev.id = answer.id;
		break;
	case MSG_PLACE:
		return;
	default:
		if ((rc = msg_get_order(imsg, &ev.id, &why)) == 0)
			report_id("order", ev.id, msg_name(ev.type));
		break;
	}
	if (rc == -1)
		errx(1, "%s: %s", msg_name(ev.type), why);
	border_push(h, &ev);
}

/* Reads once and takes all that is whole.  Returns 0, or -1 at the end. */
static int
border_read(struct hostile *h, struct imsgbuf *ib,
    void (*take)(struct hostile *, struct imsg *))
{
	struct imsg imsg;
	int n;

	n = imsgbuf_read(ib);
	while (imsgbuf_get(ib, &imsg) == 1) {
		take(h, &imsg);
		imsg_free(&imsg);
	}
	return (n == 1 ? 0 : -1);
}

int
border_pump(struct hostile *h, int64_t deadline, int peer)
{
	struct pollfd pfd[2];
	int n;

	if (h->gone)
		return (-1);
	memset(pfd, 0, sizeof(pfd));
	pfd[0].fd = h->controller.fd;
	pfd[0].events = POLLIN;
	pfd[1].fd = peer && !h->peer_gone ? h->peer.fd : -1;
	pfd[1].events = POLLIN;
	if ((n = loop_wait(pfd, 2, deadline, NULL)) == -1)
		err(1, "wait");
	if (n == 0)
		return (0);
	if (loop_readable(&pfd[1]) &&
	    border_read(h, &h->peer, border_peer) == -1)
		h->peer_gone = 1;
	if (loop_readable(&pfd[0]) &&
	    border_read(h, &h->controller, border_controller) == -1)
		h->gone = 1;
	return (h->gone ? -1 : 1);
}

int
border_await(struct hostile *h, uint32_t type, int kind, int64_t deadline,
    struct hostile_event *ev)
{
	for (;;) {
		while (h->n > 0) {
			*ev = h->events[h->first];
			h->first = (h->first + 1) % HOSTILE_EVENTS;
			h->n--;
			if (ev->type == type &&
			    (kind == -1 || ev->kind == kind))
				return (0);
		}
		if (border_pump(h, deadline, 1) != 1 && h->n == 0)
			return (-1);
	}
}

int
border_stats(struct hostile *h)
{
	int64_t deadline = loop_now() + HOSTILE_WAIT_NS;

	h->asked++;
	if (msg_put_empty(&h->controller, MSG_STATS, h->asked) == -1)
		err(1, "STATS");
	if (imsgbuf_flush(&h->controller) == -1 && errno != EPIPE)
		err(1, "STATS");
	while (h->answered != h->asked)
		if (border_pump(h, deadline, 1) != 1)
			return (-1);
	return (0);
}

size_t
border_write(struct hostile *h, const void *buf, size_t len, int64_t deadline)
{
	struct pollfd pfd;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = write(h->peer.wfd, (const uint8_t *)buf + done, len - done);
		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno == EPIPE)
			break;
		if (errno != EAGAIN && errno != EINTR)
			err(1, "peer");
		if (loop_now() >= deadline)
			break;
		memset(&pfd, 0, sizeof(pfd));
		pfd.fd = h->peer.wfd;
		pfd.events = POLLOUT;
		if (loop_wait(&pfd, 1, deadline, NULL) == -1)
			err(1, "wait");
	}
	return (done);
}

size_t
border_message(
    uint8_t *buf, size_t size, uint32_t type, const void *payload, size_t len)
{
	struct imsg_hdr hdr;

	if (len > size || sizeof(hdr) > size - len)
		errx(1, "message too long");
	memset(&hdr, 0, sizeof(hdr));
	hdr.type = type;
	hdr.len = (uint32_t)(sizeof(hdr) + len);
	hdr.pid = (uint32_t)getpid();
	memcpy(buf, &hdr, sizeof(hdr));
	if (len > 0)
		memcpy(buf + sizeof(hdr), payload, len);
	return (sizeof(hdr) + len);
}
