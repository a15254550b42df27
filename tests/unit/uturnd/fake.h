/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef TESTS_UNIT_UTURND_FAKE_H
#define TESTS_UNIT_UTURND_FAKE_H

#include <sys/socket.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "uturnd/controller.h"

/* A controller whose children are played by the test itself. */
struct fake {
	struct controller c;
	struct imsgbuf end[CHILD_MAX]; /* the children's ends */
	int fd[CHILD_MAX];
	struct {
		char text[4096]; /* all that was logged, a line each */
		size_t len;
	} log;
};

static inline void
fake_log(void *arg, int pri, const char *line)
{
	struct fake *f = arg;
	size_t n = strlen(line);

	(void)pri;
	if (n + 2 > sizeof(f->log.text) - f->log.len)
		return;
	memcpy(f->log.text + f->log.len, line, n);
	f->log.len += n;
	f->log.text[f->log.len++] = '\n';
	f->log.text[f->log.len] = '\0';
}

static inline int
fake_logged(const struct fake *f, const char *what)
{
	return (strstr(f->log.text, what) != NULL);
}

/* A connected pair: ours and the other end's message buffer. */
static inline int
fake_pair(struct imsgbuf *end, int *endfd)
{
	int sv[2];

	assert_int_equal(proc_socketpair(sv, 256 * 1024), 0);
	assert_int_equal(imsgbuf_init(end, sv[1]), 0);
	*endfd = sv[1];
	return (sv[0]);
}

static inline struct conf *
fake_conf(const char *text)
{
	struct conf_options opt;
	struct conf *conf;

	memset(&opt, 0, sizeof(opt));
	opt.err = stderr;
	conf = conf_parse_buffer("test", text, strlen(text), &opt);
	assert_non_null(conf);
	return (conf);
}

static inline int
fake_setup(void **state)
{
	struct log_sink sink;
	struct fake *f;
	int i, fd;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (-1);
	log_init("controller", 1);
	sink.emit = fake_log;
	sink.arg = f;
	log_to_sink(&sink);
	controller_init(&f->c, fake_conf("listen on 192.0.2.1\n"));
	f->c.foreground = 1;
	f->c.file = "/nonexistent/uturnd.conf";
	if (sigemptyset(&f->c.waitmask) == -1)
		return (-1);
	for (i = 0; i < CHILD_MAX; i++) {
		fd = fake_pair(&f->end[i], &f->fd[i]);
		if (child_init(
			&f->c.children.child[i], (enum child_id)i, fd, 0) == -1)
			return (-1);
	}
	*state = f;
	return (0);
}

static inline int
fake_teardown(void **state)
{
	struct fake *f = *state;
	int i;

	control_close(&f->c.control, 0);
	for (i = 0; i < CHILD_MAX; i++) {
		imsgbuf_clear(&f->end[i]);
		imsgbuf_clear(&f->c.children.child[i].ibuf);
		if (f->fd[i] != -1)
			close(f->fd[i]);
		close(f->c.children.child[i].fd);
	}
	conf_free(f->c.conf);
	conf_free(f->c.next);
	free(f);
	log_init("test", 0);
	return (0);
}

/* Lets the controller write to, and read from, one child. */
static inline enum child_event
fake_run(struct fake *f, enum child_id id)
{
	struct pollfd pfd;

	if (f->fd[id] != -1 && imsgbuf_queuelen(&f->end[id]) > 0)
		assert_int_equal(imsgbuf_write(&f->end[id]), 0);
	child_pollfd(&f->c.children.child[id], &pfd);
	assert_true(poll(&pfd, 1, 0) >= 0);
	return (children_handle(
	    &f->c.children, id, &pfd, loop_now(), controller_message, &f->c));
}

/* The child says: type with a number. */
static inline enum child_event
fake_says(struct fake *f, enum child_id id, uint32_t type, uint32_t value)
{
	assert_int_equal(msg_put_u32(&f->end[id], type, 0, value), 0);
	return (fake_run(f, id));
}

/* 1 and the next message that one end received, or 0. */
static inline int
fake_next(struct imsgbuf *end, struct imsg *imsg)
{
	int n;

	if ((n = imsgbuf_get(end, imsg)) != 0)
		return (n);
	if (imsgbuf_read(end) != 1)
		return (0);
	return (imsgbuf_get(end, imsg));
}

/* The child is told exactly this next. */
static inline void
fake_told(struct fake *f, enum child_id id, uint32_t type)
{
	struct imsg imsg;

	(void)fake_run(f, id);
	assert_int_equal(fake_next(&f->end[id], &imsg), 1);
	assert_string_equal(msg_name(imsg_get_type(&imsg)), msg_name(type));
	imsg_free(&imsg);
}

static inline void
fake_told_nothing(struct fake *f, enum child_id id)
{
	struct imsg imsg;

	(void)fake_run(f, id);
	assert_int_equal(fake_next(&f->end[id], &imsg), 0);
}

/* A whole policy; returns its generation. */
static inline uint32_t
fake_told_policy(struct fake *f, enum child_id id)
{
	static struct policy policy;
	struct imsg imsg;
	const char *why;
	uint32_t stage = 0;
	int done = 0;

	while (!done) {
		(void)fake_run(f, id);
		assert_int_equal(fake_next(&f->end[id], &imsg), 1);
		assert_int_equal(
		    msg_get_policy(&imsg, &policy, &stage, &done, &why), 0);
		imsg_free(&imsg);
	}
	return (policy.generation);
}

/* From nothing to ready. */
static inline void
fake_start(struct fake *f)
{
	int i;

	for (i = 0; i < CHILD_MAX; i++) {
		assert_int_equal(msg_put_empty(&f->end[i], MSG_LOCKED, 0), 0);
		assert_int_equal(fake_run(f, (enum child_id)i), CHILD_OK);
	}
	for (i = 0; i < CHILD_MAX; i++)
		assert_int_equal(fake_told_policy(f, (enum child_id)i), 1);
	for (i = 0; i < CHILD_MAX; i++)
		assert_int_equal(
		    fake_says(f, (enum child_id)i, MSG_STAGED, 1), CHILD_OK);
	fake_told(f, CHILD_ENGINE, MSG_CONF_COMMIT);
	fake_told_nothing(f, CHILD_PRIV);
	assert_int_equal(
	    fake_says(f, CHILD_ENGINE, MSG_COMMITTED, 1), CHILD_OK);
	fake_told(f, CHILD_PRIV, MSG_CONF_COMMIT);
	assert_true(f->c.ready_since == 0);
	assert_int_equal(fake_says(f, CHILD_PRIV, MSG_COMMITTED, 1), CHILD_OK);
	assert_true(f->c.ready_since != 0);
}

#endif /* TESTS_UNIT_UTURND_FAKE_H */
