/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The controller before clients and children that say anything.  What it
 * answers, uturnctl's own reader takes as the reply to what was asked.
 */

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/proc.h"
#include "tests/fuzz/fuzz.h"
#include "uturnctl/reply.h"
#include "uturnd/controller.h"

#define CTL_CLIENTS 4
#define CTL_STEPS   200

struct ctl_client {
	int fd; /* our end; -1: none */
	uint32_t id;
	enum control_grade grade;
	struct imsgbuf ibuf;
	struct reply reply;
	uint32_t asked; /* enum msg_type that waits for its reply, or 0 */
	uint32_t last;  /* the one that was answered last */
	int broken;     /* it has sent what no client sends */
};

struct ctl {
	struct controller c;
	struct ctl_client client[CTL_CLIENTS];
	int64_t now;
	int lied;  /* a child has said what it had no reason to */
	int ended; /* the controller would end the daemon */
};

static struct conf *
ctl_conf(void)
{
	static const char text[] = "listen on 192.0.2.1\n";
	struct conf_options opt;
	struct conf *conf;

	memset(&opt, 0, sizeof(opt));
	conf = conf_parse_buffer("fuzz", text, sizeof(text) - 1, &opt);
	FUZZ_CHECK(conf != NULL);
	return (conf);
}

static void
ctl_open(struct ctl *t)
{
	static struct imsgbuf ib[CHILD_MAX];
	struct child *ch;
	int i;

	memset(t, 0, sizeof(*t));
	controller_init(&t->c, ctl_conf());
	t->now = loop_now();
	t->c.foreground = 1;
	t->c.file = "/nonexistent/uturnd.conf";
	t->c.ready_since = t->now;
	t->c.conf_generation = 1;
	for (i = 0; i < CHILD_MAX; i++) {
		ch = &t->c.children.child[i];
		if (ib[i].rbuf == NULL) {
			FUZZ_CHECK(
			    child_init(ch, (enum child_id)i, -1, 0) == 0);
			ib[i] = ch->ibuf;
		}
		ch->name = i == CHILD_ENGINE ? "engine" : "packet process";
		ch->border = i == CHILD_ENGINE ? &msg_engine_to_controller
					       : &msg_priv_to_controller;
		ch->fd = -1;
		ch->ibuf = ib[i];
		TAILQ_INIT(&ch->ibuf.txq);
		ch->state = MSG_RUN;
	}
	for (i = 0; i < CTL_CLIENTS; i++)
		t->client[i].fd = -1;
}

static void
ctl_leave(struct ctl_client *cl)
{
	if (cl->fd == -1)
		return;
	imsgbuf_clear(&cl->ibuf);
	reply_free(&cl->reply);
	FUZZ_CHECK(close(cl->fd) == 0);
	cl->fd = -1;
}

static void
ctl_close(struct ctl *t)
{
	int i;

	for (i = 0; i < CTL_CLIENTS; i++)
		ctl_leave(&t->client[i]);
	control_close(&t->c.control, 0);
	for (i = 0; i < CHILD_MAX; i++)
		fuzz_drain(&t->c.children.child[i].ibuf);
	conf_free(t->c.conf);
	conf_free(t->c.next);
}

/* A client comes, in the place of the one that was there. */
static void
ctl_join(struct ctl *t, struct ctl_client *cl, enum control_grade grade)
{
	struct control_client *cc;
	int sv[2];

	ctl_leave(cl);
	memset(cl, 0, sizeof(*cl));
	FUZZ_CHECK(socketpair(AF_UNIX,
		       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv) == 0);
	cl->fd = sv[0];
	cl->grade = grade;
	FUZZ_CHECK(imsgbuf_init(&cl->ibuf, sv[0]) == 0);
	FUZZ_CHECK(
	    imsgbuf_set_maxsize(&cl->ibuf, msg_controller_to_ctl.maxsize) == 0);
	cc = control_add(&t->c.control, sv[1], 1000, grade, t->now);
	cl->id = cc == NULL ? 0 : cc->id;
}

/* One turn of the controller's loop, as far as clients are concerned. */
static void
ctl_turn(struct ctl *t)
{
	struct pollfd pfd[CONTROL_POLLFDS];

	control_pollfds(&t->c.control, pfd);
	FUZZ_CHECK(poll(pfd, CONTROL_POLLFDS, 0) >= 0);
	control_dispatch(&t->c.control, pfd, t->now);
	relay_next(&t->c);
}

/* The border's table takes this request with as many bytes. */
static int
ctl_takes(uint32_t type, size_t len)
{
	const struct msg_rule *r = msg_ctl_to_controller.rules;
	size_t i;

	for (i = 0; i < msg_ctl_to_controller.nrules; i++)
		if (r[i].type == type)
			return (len >= r[i].min && len <= r[i].max);
	return (0);
}

/* A request as uturnctl makes it, if it waits for none. */
static void
ctl_ask(struct ctl_client *cl, uint8_t which)
{
	uint32_t type;
	int value;

	if (cl->fd == -1 || cl->asked != 0 || cl->broken)
		return;
	reply_free(&cl->reply);
	reply_init(
	    &cl->reply, (enum ctl_action)(1 + which % (ACTION_LAST - 1)));
	type = reply_request(cl->reply.action, &value);
	if (!ctl_takes(type, value == -1 ? 0 : 1))
		return;
	if (value == -1)
		FUZZ_CHECK(msg_put_empty(&cl->ibuf, type, 0) == 0);
	else
		FUZZ_CHECK(msg_put_u8(&cl->ibuf, type, 0, (uint8_t)value) == 0);
	cl->asked = type;
	if (imsgbuf_write(&cl->ibuf) == -1)
		ctl_leave(cl);
}

/* Whatever; from now on its replies are not looked at. */
static void
ctl_raw(struct ctl_client *cl, struct fuzz_in *in)
{
	const uint8_t *p;
	size_t len = fuzz_u8(in), got;

	p = fuzz_take(in, len, &got);
	if (cl->fd == -1 || got == 0)
		return;
	cl->broken = 1;
	if (send(cl->fd, p, got, MSG_NOSIGNAL) == -1)
		FUZZ_CHECK(
		    errno == EPIPE || errno == EAGAIN || errno == ECONNRESET);
}

/* What has come back is the reply to what was asked, and no more. */
static void
ctl_read(struct ctl_client *cl)
{
	struct imsg imsg;
	char why[160];
	int n, rc;

	if (cl->fd == -1)
		return;
	while ((n = imsgbuf_read(&cl->ibuf)) == 1) {
		if ((rc = imsgbuf_get(&cl->ibuf, &imsg)) == 0)
			return;
		for (; rc == 1; rc = imsgbuf_get(&cl->ibuf, &imsg)) {
			FUZZ_CHECK(msg_check(&msg_controller_to_ctl, &imsg,
				       MSG_RUN, why, sizeof(why)) != NULL);
			if (!cl->broken) {
				FUZZ_CHECK(cl->asked != 0);
				n = reply_take(
				    &cl->reply, &imsg, why, sizeof(why));
				FUZZ_CHECK(n != -1);
				if (n == 1) {
					cl->last = cl->asked;
					cl->asked = 0;
				}
			}
			imsg_free(&imsg);
			if (cl->grade == CONTROL_RESTRICTED && cl->asked == 0 &&
			    !cl->broken && cl->last != MSG_CTL_STATS &&
			    cl->last != MSG_CTL_PROCESSES)
				FUZZ_CHECK(cl->reply.result == RESULT_REFUSED);
		}
		FUZZ_CHECK(rc == 0);
	}
	/* Cut off: only idle ones and those that broke the rules. */
	ctl_leave(cl);
}

/* What a child says; a fault of its is the end of the daemon. */
static void
ctl_hear(struct ctl *t, enum child_id id, struct imsg *imsg)
{
	struct child *ch = &t->c.children.child[id];
	const char *fault;
	char why[160];

	if (msg_check(ch->border, imsg, ch->state, why, sizeof(why)) == NULL) {
		FUZZ_CHECK(t->lied);
		t->ended = 1;
		return;
	}
	fault = controller_message(&t->c, id, imsg);
	FUZZ_CHECK(fault == NULL || t->lied);
	if (fault != NULL || t->c.cause != CONTROLLER_RUNS)
		t->ended = 1;
}

/* A child answers what it was told. */
static void
ctl_child(struct ctl *t, enum child_id id)
{
	static const struct stats stats;
	struct imsgbuf *ib = &t->c.children.child[id].ibuf, said;
	struct imsg told, imsg;
	uint32_t type, peerid;
	uint8_t v;

	if (!fuzz_dequeue(ib, &told))
		return;
	said = *ib;
	TAILQ_INIT(&said.txq);
	said.qlen = 0;
	type = imsg_get_type(&told);
	peerid = imsg_get_id(&told);
	v = imsg_get_len(&told) > 0 ? *(const uint8_t *)told.data : 0;
	if (type == MSG_STATS)
		FUZZ_CHECK(
		    msg_put_stats(&said, MSG_STATS_DATA, peerid, &stats) == 0);
	else if (type == MSG_PAUSE)
		FUZZ_CHECK(msg_put_u8(&said, MSG_PAUSED, peerid, v) == 0);
	else if (type == MSG_LIST)
		FUZZ_CHECK(msg_put_u32(&said, MSG_LIST_END, peerid, 0) == 0);
	else if (type == MSG_DENY)
		FUZZ_CHECK(msg_put_u8(&said, MSG_DENY_DONE, peerid, 0) == 0);
	else if (type == MSG_TRACES)
		FUZZ_CHECK(msg_put_u32(&said, MSG_TRACES_END, peerid, 0) == 0);
	imsg_free(&told);
	if (!fuzz_dequeue(&said, &imsg))
		return;
	ctl_hear(t, id, &imsg);
	imsg_free(&imsg);
}

/* A child says anything. */
static void
ctl_lie(struct ctl *t, enum child_id id, struct fuzz_in *in)
{
	uint32_t type = MSG_LOCKED + fuzz_u8(in) % 16;
	struct imsg imsg;
	const uint8_t *p;
	size_t len = fuzz_u8(in), got;

	p = fuzz_take(in, len, &got);
	/* Its log lines are taken elsewhere. */
	if (type == MSG_LOG)
		return;
	t->lied = 1;
	fuzz_imsg(&imsg, type, fuzz_u8(in) % 8, p, got);
	ctl_hear(t, id, &imsg);
	imsg_free(&imsg);
}

static void
ctl_step(struct ctl *t, struct fuzz_in *in)
{
	uint8_t op = fuzz_u8(in);
	struct ctl_client *cl = &t->client[op >> 3 & 3];

	switch (op & 0x07) {
	case 0:
		ctl_join(t, cl, op & 0x80 ? CONTROL_RESTRICTED : CONTROL_FULL);
		break;
	case 1:
	case 2:
		if (cl->fd == -1)
			ctl_join(t, cl, CONTROL_FULL);
		ctl_ask(cl, op >> 5);
		break;
	case 3:
		ctl_raw(cl, in);
		break;
	case 4:
		if (op & 0x80)
			ctl_child(t, (enum child_id)(op >> 3 & 1));
		else
			ctl_lie(t, (enum child_id)(op >> 3 & 1), in);
		break;
	case 5:
		if (op & 0x80)
			ctl_leave(cl);
		else
			t->now += (op >> 3) * NS_PER_S / 4;
		break;
	case 6:
		ctl_read(cl);
		break;
	case 7:
		break;
	}
	ctl_turn(t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ctl t;
	struct fuzz_in in = { data, size };
	int i;

	fuzz_quiet();
	ctl_open(&t);
	for (i = 0; in.len > 0 && i < CTL_STEPS && !t.ended; i++)
		ctl_step(&t, &in);
	/* A lying child can spoil what it answers, nothing else. */
	for (i = 0; i < CTL_CLIENTS && !t.lied; i++)
		ctl_read(&t.client[i]);
	ctl_close(&t);
	return (0);
}
