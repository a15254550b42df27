/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/loop.h"
#include "common/proc.h"
#include "engine/monitor.h"

#define BUFFERS 64
#define SLOTS   64
#define START   (1000 * NS_PER_S)

static const uint8_t secret[16];

struct fixture {
	struct monitor m;
	struct traces *t;
	struct ibuf_pool *tx;
	struct ibuf_pool *rx;
	struct imsgbuf engine; /* its end of the border */
	struct imsgbuf controller;
	int fd[2];
};

static int
setup(void **state)
{
	struct fixture *f;
	uint32_t max = msg_engine_to_controller.maxsize;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (-1);
	*state = f;
	f->t = traces_new(8, SLOTS, secret);
	f->tx = ibuf_pool_new(BUFFERS, IMSG_HEADER_SIZE + max);
	f->rx = ibuf_pool_new(4, IMSG_HEADER_SIZE + max);
	if (f->t == NULL || f->tx == NULL || f->rx == NULL ||
	    proc_socketpair(f->fd, 65536) == -1 ||
	    imsgbuf_init(&f->engine, f->fd[0]) == -1 ||
	    imsgbuf_set_maxsize(&f->engine, max) == -1 ||
	    imsgbuf_set_pool(&f->engine, f->tx, f->rx) == -1 ||
	    imsgbuf_init(&f->controller, f->fd[1]) == -1)
		return (-1);
	traces_set(f->t, 8, 600ULL * NS_PER_S);
	return (0);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	imsgbuf_clear(&f->engine);
	imsgbuf_clear(&f->controller);
	ibuf_pool_free(f->tx);
	ibuf_pool_free(f->rx);
	close(f->fd[0]);
	close(f->fd[1]);
	traces_free(f->t);
	free(f);
	return (0);
}

/* A trace of that client with n hops, all answered. */
static void
trace(struct fixture *f, uint8_t client, uint8_t n)
{
	struct pending_probe p;
	struct msg_match m;
	uint8_t i;

	memset(&p, 0, sizeof(p));
	memset(&m, 0, sizeof(m));
	p.client.b[0] = client;
	m.icmp_type = ICMP4_TIMEX;
	for (i = 1; i <= n; i++) {
		p.ttl = i + 1;
		m.router.b[0] = i;
		traces_probe(f->t, 0, &p, START, NULL);
		traces_match(f->t, 0, &m, 0, START, NULL);
	}
}

static uint32_t
next(struct fixture *f, struct imsg *imsg)
{
	int n;

	if ((n = imsgbuf_get(&f->controller, imsg)) == 0) {
		if (imsgbuf_read(&f->controller) != 1)
			return (0);
		n = imsgbuf_get(&f->controller, imsg);
	}
	assert_int_not_equal(n, -1);
	return (n == 0 ? 0 : imsg_get_type(imsg));
}

/* What comes is this; a hop: with this number. */
static void
expect(struct fixture *f, uint32_t type, uint32_t value)
{
	struct msg_trace head;
	struct msg_hop hop;
	struct imsg imsg;
	const char *why;
	uint32_t v;

	if (imsgbuf_queuelen(&f->engine) > 0)
		assert_int_equal(imsgbuf_write(&f->engine), 0);
	assert_string_equal(msg_name(next(f, &imsg)), msg_name(type));
	assert_int_equal(imsg_get_id(&imsg), 77);
	if (type == MSG_TRACE) {
		assert_int_equal(msg_get_trace(&imsg, &head, &why), 0);
		v = head.client.b[0];
	} else if (type == MSG_TRACE_HOP) {
		assert_int_equal(msg_get_hop(&imsg, &hop, &why), 0);
		v = hop.hop;
	} else
		assert_int_equal(msg_get_u32(&imsg, &v, &why), 0);
	assert_int_equal(v, value);
	imsg_free(&imsg);
}

static void
ask(struct fixture *f, uint32_t from)
{
	struct msg_ask a = { .from = from };
	const char *why;

	assert_int_equal(monitor_ask(&f->m, f->t, &a, 77, START, &why), 0);
}

static void
test_one(void **state)
{
	struct fixture *f = *state;
	struct msg_ask a = { 0 };
	const char *why = NULL;

	trace(f, 5, 2);
	trace(f, 6, 1);
	ask(f, 0);
	assert_int_equal(monitor_ask(&f->m, f->t, &a, 78, START, &why), -1);
	assert_non_null(why);
	assert_int_equal(monitor_fill(&f->m, &f->engine), 0);
	expect(f, MSG_TRACE, 5);
	expect(f, MSG_TRACE_HOP, 1);
	expect(f, MSG_TRACE_HOP, 2);
	expect(f, MSG_TRACES_END, 1);
	ask(f, 1);
	assert_int_equal(monitor_fill(&f->m, &f->engine), 0);
	expect(f, MSG_TRACE, 6);
	expect(f, MSG_TRACE_HOP, 1);
	expect(f, MSG_TRACES_END, 2);
	ask(f, 2);
	assert_int_equal(monitor_fill(&f->m, &f->engine), 0);
	expect(f, MSG_TRACES_END, 0);
	/* Nobody asks: nothing is said. */
	assert_int_equal(monitor_fill(&f->m, &f->engine), 0);
	assert_int_equal(imsgbuf_queuelen(&f->engine), 0);
}

/* More hops than buffers: it waits, and the trace stays as it was. */
static void
test_short_of_buffers(void **state)
{
	struct fixture *f = *state;
	uint8_t hop;

	trace(f, 5, MSG_HOPS_MAX);
	ask(f, 0);
	assert_int_equal(monitor_fill(&f->m, &f->engine), 1);
	assert_int_equal(ibuf_pool_avail(f->tx), MONITOR_RESERVE);
	assert_int_equal(monitor_fill(&f->m, &f->engine), 1);
	assert_int_equal(ibuf_pool_avail(f->tx), MONITOR_RESERVE);
	traces_set(f->t, 0, 1);
	expect(f, MSG_TRACE, 5);
	for (hop = 1; hop < BUFFERS - MONITOR_RESERVE; hop++)
		expect(f, MSG_TRACE_HOP, hop);
	assert_int_equal(monitor_fill(&f->m, &f->engine), 0);
	for (; hop <= MSG_HOPS_MAX; hop++)
		expect(f, MSG_TRACE_HOP, hop);
	expect(f, MSG_TRACES_END, 1);
}

static void
test_events(void **state)
{
	struct fixture *f = *state;
	struct traces_events events;
	struct msg_event ev;
	struct imsg imsg;
	const char *why;
	size_t i, n;

	memset(&events, 0, sizeof(events));
	events.n = 2;
	events.ev[0].kind = EVENT_ANSWERED;
	events.ev[1].kind = EVENT_CHANGED;
	monitor_events(&f->m, &f->engine, &events);
	assert_int_equal(imsgbuf_queuelen(&f->engine), 0);
	f->m.on = 1;
	n = BUFFERS - MONITOR_RESERVE;
	for (i = 0; i < n / 2 + 3; i++)
		monitor_events(&f->m, &f->engine, &events);
	assert_int_equal(ibuf_pool_avail(f->tx), MONITOR_RESERVE);
	assert_int_equal(imsgbuf_flush(&f->engine), 0);
	events.n = 1;
	monitor_events(&f->m, &f->engine, &events);
	monitor_events(&f->m, &f->engine, &events);
	assert_int_equal(imsgbuf_flush(&f->engine), 0);
	/* The first that goes again says how many were left out. */
	for (i = 0; i < n + 2; i++) {
		assert_int_equal(next(f, &imsg), MSG_EVENT);
		assert_int_equal(msg_get_event(&imsg, &ev, &why), 0);
		assert_int_equal(ev.dropped, i == n ? 6 : 0);
		imsg_free(&imsg);
	}
	assert_int_equal(next(f, &imsg), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_short_of_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
