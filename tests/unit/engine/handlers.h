/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_UNIT_ENGINE_HANDLERS_H
#define TESTS_UNIT_ENGINE_HANDLERS_H

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/proc.h"
#include "engine/state.h"
#include "tests/unit/engine/packets.h"

/*
 * The engine's handlers and tables without its loop; the test plays the
 * packet process.
 */

#define PENDING 64
#define TRACES  4
#define START   (1000 * NS_PER_S)

struct fixture {
	struct engine e;
	struct imsgbuf priv; /* our end */
	int fd[2];
};

static inline int
test_setup(void **state)
{
	struct fixture *f;

	f = calloc(1, sizeof(*f));
	if (f == NULL || proc_socketpair(f->fd, 65536) == -1 ||
	    engine_open_priv(&f->e, f->fd[0], f->fd[0], PENDING) == -1 ||
	    engine_tables(&f->e, PENDING, TRACES) == -1 ||
	    imsgbuf_init(&f->priv, f->fd[1]) == -1)
		return (-1);
	f->e.policy->gate_ns = 10 * NS_PER_S;
	traces_set(note_traces(&f->e), TRACES, 600 * NS_PER_S);
	f->e.state = MSG_RUN;
	f->e.now = START;
	*state = f;
	return (0);
}

static inline int
test_teardown(void **state)
{
	struct fixture *f = *state;
	struct ibuf_pool *tx, *rx;

	tx = f->e.ib[ENGINE_PRIV].txpool;
	rx = f->e.ib[ENGINE_PRIV].rxpool;
	imsgbuf_clear(&f->e.ib[ENGINE_PRIV]);
	ibuf_pool_free(tx);
	ibuf_pool_free(rx);
	imsgbuf_clear(&f->priv);
	close(f->fd[0]);
	close(f->fd[1]);
	engine_free(&f->e);
	free(f);
	return (0);
}

/* What was queued goes to the engine.  Returns what its handler says. */
static inline int
deliver(struct fixture *f)
{
	const struct engine_border *b = engine_border(ENGINE_PRIV);
	struct imsg imsg;
	const char *why = NULL;
	char fault[256];
	size_t i;
	int rc = -2;

	assert_int_equal(imsgbuf_write(&f->priv), 0);
	assert_int_equal(imsgbuf_read(&f->e.ib[ENGINE_PRIV]), 1);
	assert_int_equal(imsgbuf_get(&f->e.ib[ENGINE_PRIV], &imsg), 1);
	assert_non_null(
	    msg_check(b->from, &imsg, f->e.state, fault, sizeof(fault)));
	for (i = 0; i < b->nhandlers; i++)
		if (b->handlers[i].type == imsg_get_type(&imsg))
			rc = b->handlers[i].handle(&f->e, &imsg, &why);
	imsg_free(&imsg);
	assert_int_equal(rc == -1, why != NULL);
	return (rc);
}

static inline size_t
queued(const struct fixture *f)
{
	return (imsgbuf_queuelen(&f->e.ib[ENGINE_PRIV]));
}

/* The next order is this one; TURN's further byte, else 0. */
static inline uint8_t
expect_order(struct fixture *f, uint32_t type, struct msg_id id)
{
	struct msg_turn turn = { { 0, 0 }, 0 };
	struct msg_answer answer;
	struct imsg imsg;
	const char *why;
	char fault[256];

	if (imsgbuf_get(&f->priv, &imsg) == 0) {
		assert_int_not_equal(queued(f), 0);
		assert_int_equal(imsgbuf_write(&f->e.ib[ENGINE_PRIV]), 0);
		assert_int_equal(imsgbuf_read(&f->priv), 1);
		assert_int_equal(imsgbuf_get(&f->priv, &imsg), 1);
	}
	assert_non_null(msg_check(
	    &msg_engine_to_priv, &imsg, MSG_RUN, fault, sizeof(fault)));
	assert_string_equal(msg_name(imsg_get_type(&imsg)), msg_name(type));
	if (type == MSG_TURN)
		assert_int_equal(msg_get_turn(&imsg, &turn, &why), 0);
	else if (type == MSG_ANSWER) {
		assert_int_equal(msg_get_answer(&imsg, &answer, &why), 0);
		turn.id = answer.id;
	} else
		assert_int_equal(msg_get_order(&imsg, &turn.id, &why), 0);
	assert_int_equal(turn.id.slot, id.slot);
	assert_int_equal(turn.id.gen, id.gen);
	imsg_free(&imsg);
	return (turn.ahead);
}

#endif /* TESTS_UNIT_ENGINE_HANDLERS_H */
