/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TEST_BENCH_H
#define TEST_BENCH_H

#include <sys/socket.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/imsg.h"
#include "common/msg.h"
#include "priv/orders.h"
#include "tests/unit/priv/util.h"

/*
 * Orders as they come from the engine, and what the packet process makes of
 * them.  Include after cmocka.h.
 */

#define SECOND   1000000000LL
#define VERDICTS 64

struct bench {
	struct policy policy;
	struct stats stats;
	struct outbox out;
	struct orders orders;
	int fd[2];
	struct imsgbuf engine;
	struct imsgbuf priv;
	int64_t now;
	struct {
		uint32_t packet_id;
		int accept;
	} verdict[VERDICTS];
	size_t nverdicts;
	const char *why;
};

static inline void
bench_verdict(void *arg, uint32_t packet_id, int accept)
{
	struct bench *b = arg;

	assert_true(b->nverdicts < VERDICTS);
	b->verdict[b->nverdicts].packet_id = packet_id;
	b->verdict[b->nverdicts].accept = accept;
	b->nverdicts++;
}

static inline int
setup(void **state)
{
	static const uint8_t key[16] = { 1, 2, 3 };
	struct bench *b;

	if ((b = calloc(1, sizeof(*b))) == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, b->fd) == -1)
		return (-1);
	test_policy(&b->policy);
	b->now = 1000 * SECOND;
	b->orders.records = records_new(64, key);
	b->orders.ipid = ipid_new(key);
	b->orders.policy = &b->policy;
	b->orders.stats = &b->stats;
	b->orders.out = &b->out;
	b->orders.verdict = bench_verdict;
	b->orders.arg = b;
	caps_set(&b->orders.caps, &b->policy, b->now);
	if (b->orders.records == NULL || b->orders.ipid == NULL ||
	    imsgbuf_init(&b->engine, b->fd[0]) == -1 ||
	    imsgbuf_init(&b->priv, b->fd[1]) == -1)
		return (-1);
	*state = b;
	return (0);
}

static inline int
teardown(void **state)
{
	struct bench *b = *state;

	imsgbuf_clear(&b->engine);
	imsgbuf_clear(&b->priv);
	close(b->fd[0]);
	close(b->fd[1]);
	records_free(b->orders.records);
	ipid_free(b->orders.ipid);
	free(b);
	return (0);
}

/* What the packet process makes of the next message from the engine. */
static inline int
deliver(struct bench *b)
{
	struct imsg imsg;
	char why[160];
	int ret;

	assert_int_equal(imsgbuf_write(&b->engine), 0);
	assert_int_equal(imsgbuf_read(&b->priv), 1);
	assert_int_equal(imsgbuf_get(&b->priv, &imsg), 1);
	assert_non_null(
	    msg_check(&msg_engine_to_priv, &imsg, MSG_RUN, why, sizeof(why)));
	b->why = NULL;
	ret = orders_take(&b->orders, &imsg, b->now, &b->why);
	if (ret == -1)
		assert_non_null(b->why);
	imsg_free(&imsg);
	return (ret);
}

static inline int
order_turn(struct bench *b, struct msg_id id, uint8_t ahead)
{
	struct msg_turn turn;

	turn.id = id;
	turn.ahead = ahead;
	assert_int_equal(msg_put_turn(&b->engine, &turn), 0);
	return (deliver(b));
}

static inline int
order(struct bench *b, uint32_t type, struct msg_id id)
{
	struct msg_answer ma;

	if (type == MSG_TURN)
		return (order_turn(b, id, 0));
	if (type == MSG_ANSWER) {
		memset(&ma, 0, sizeof(ma));
		ma.id = id;
		assert_int_equal(msg_put_answer(&b->engine, &ma), 0);
	} else
		assert_int_equal(msg_put_order(&b->engine, type, id), 0);
	return (deliver(b));
}

/* All packets of the outbox go where the record says, then are gone: to who
 * asked, but for what is sent to who is probed. */
static inline void
send_all(struct bench *b, const struct record *rec, int error)
{
	const struct outbox_packet *pkt;
	const struct addr *to;
	size_t i;

	for (i = 0; i < b->out.n; i++) {
		pkt = &b->out.pkt[i];
		to = &rec->probe.src;
		if (pkt->kind == OUT_ASKED || pkt->kind == OUT_RESET)
			to = &rec->ask.to;
		assert_true(addr_equal(&pkt->dst, to));
		assert_memory_equal(
		    pkt->buf + (pkt->family == FAMILY_V4 ? 16 : 24), to->b,
		    addr_len(pkt->family));
		assert_true(addr_equal(&b->out.pkt[i].route, &rec->probe.dst));
		assert_int_equal(b->out.pkt[i].family, rec->probe.family);
		test_sums_good(b->out.pkt[i].buf, b->out.pkt[i].len);
		b->out.pkt[i].error = error;
	}
	orders_sent(&b->orders);
	assert_int_equal(b->out.n, 0);
}

#endif /* TEST_BENCH_H */
