/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TEST_MSG_H
#define TEST_MSG_H

#include <sys/socket.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/msg.h"

/* A pair of connections: what goes into a comes out of b. */
struct test_pipe {
	int fd[2];
	struct imsgbuf a;
	struct imsgbuf b;
};

/* A message as its receiver saw it. */
struct test_raw {
	uint32_t type;
	size_t len;
	uint8_t data[MAX_IMSGSIZE];
};

/* One value written over a good payload, and what must be said of it. */
struct test_patch {
	size_t off;
	size_t width; /* 1, 2, 4, 8 bytes, host order */
	uint64_t value;
	const char *why; /* NULL: accepted */
};

/* Decodes a message and queues what was understood. */
typedef int test_recode(struct imsg *, struct imsgbuf *, const char **);

static inline void
test_pipe_open(struct test_pipe *t)
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, t->fd), 0);
	assert_int_equal(imsgbuf_init(&t->a, t->fd[0]), 0);
	assert_int_equal(imsgbuf_init(&t->b, t->fd[1]), 0);
	imsgbuf_allow_fdpass(&t->a);
	imsgbuf_allow_fdpass(&t->b);
}

static inline void
test_pipe_close(struct test_pipe *t)
{
	imsgbuf_clear(&t->a);
	imsgbuf_clear(&t->b);
	close(t->fd[0]);
	close(t->fd[1]);
}

/* The next message out of the pipe; imsg_free it. */
static inline void
test_receive(struct test_pipe *t, struct imsg *imsg)
{
	int rc;

	while ((rc = imsgbuf_get(&t->b, imsg)) == 0) {
		if (imsgbuf_queuelen(&t->a) > 0)
			assert_int_equal(imsgbuf_write(&t->a), 0);
		assert_int_equal(imsgbuf_read(&t->b), 1);
	}
	assert_int_equal(rc, 1);
}

static inline void
test_receive_raw(struct test_pipe *t, struct test_raw *raw)
{
	struct imsg imsg;

	test_receive(t, &imsg);
	raw->type = imsg_get_type(&imsg);
	raw->len = imsg_get_len(&imsg);
	if (raw->len > 0)
		assert_int_equal(imsg_get_buf(&imsg, raw->data, raw->len), 0);
	imsg_free(&imsg);
}

static inline void
test_send_raw(struct test_pipe *t, const struct test_raw *raw)
{
	assert_int_equal(
	    imsg_compose(&t->a, raw->type, 0, 0, -1, raw->data, raw->len), 1);
}

/*
 * Sends raw through recode.  Returns 1 if it was accepted, and then requires
 * that the same bytes come out again; 0 with the reason in *why.
 */
static inline int
test_recodes(struct test_pipe *t, const struct test_raw *raw,
    test_recode *recode, const char **why)
{
	static struct test_raw again;
	struct imsg imsg;
	int rc;

	*why = NULL;
	test_send_raw(t, raw);
	test_receive(t, &imsg);
	rc = recode(&imsg, &t->a, why);
	imsg_free(&imsg);
	if (rc == -1) {
		assert_non_null(*why);
		return (0);
	}
	assert_null(*why);
	test_receive_raw(t, &again);
	assert_int_equal(again.type, raw->type);
	assert_int_equal(again.len, raw->len);
	assert_memory_equal(again.data, raw->data, raw->len);
	return (1);
}

static inline void
test_patch_apply(struct test_raw *raw, const struct test_patch *p)
{
	uint16_t v16 = (uint16_t)p->value;
	uint32_t v32 = (uint32_t)p->value;

	assert_true(p->off + p->width <= raw->len);
	if (p->width == 1)
		raw->data[p->off] = (uint8_t)p->value;
	else if (p->width == 2)
		memcpy(raw->data + p->off, &v16, sizeof(v16));
	else if (p->width == 4)
		memcpy(raw->data + p->off, &v32, sizeof(v32));
	else
		memcpy(raw->data + p->off, &p->value, sizeof(p->value));
}

static inline void
test_verdict(int accepted, const char *why, const struct test_patch *p)
{
	if (p->why == NULL && !accepted)
		fail_msg("byte %zu, %#llx: refused: %s", p->off,
		    (unsigned long long)p->value, why);
	if (p->why != NULL && accepted)
		fail_msg("byte %zu, %#llx: accepted", p->off,
		    (unsigned long long)p->value);
	if (p->why != NULL)
		assert_string_equal(why, p->why);
}

/*
 * A good message: it is accepted; cut anywhere or lengthened it is not; with
 * each patch it is judged as the patch says.
 */
static inline void
test_message(struct test_pipe *t, const struct test_raw *good,
    test_recode *recode, const struct test_patch *patches, size_t n)
{
	static struct test_raw raw;
	const char *why;
	size_t i;
	int accepted;

	assert_true(test_recodes(t, good, recode, &why));
	for (i = 0; i < good->len; i++) {
		raw = *good;
		raw.len = i;
		assert_false(test_recodes(t, &raw, recode, &why));
	}
	raw = *good;
	raw.data[raw.len++] = 0;
	assert_false(test_recodes(t, &raw, recode, &why));
	for (i = 0; i < n; i++) {
		raw = *good;
		test_patch_apply(&raw, &patches[i]);
		accepted = test_recodes(t, &raw, recode, &why);
		test_verdict(accepted, why, &patches[i]);
	}
}

#define TEST_MESSAGE(t, good, recode, patches)         \
	test_message((t), (good), (recode), (patches), \
	    sizeof(patches) / sizeof((patches)[0]))

#endif /* TEST_MSG_H */
