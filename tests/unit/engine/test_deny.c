/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What is denied for a while; the open gates; and both as rows. */

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
#include "engine/lister.h"
#include "engine/monitor.h"
#include "engine/table.h"

#define START (1000 * NS_PER_S)

static const uint8_t secret[16] = "fedcba987654321";

static struct addr
address(uint8_t a, uint8_t d)
{
	struct addr addr;

	memset(&addr, 0, sizeof(addr));
	addr.b[0] = a;
	addr.b[3] = d;
	return (addr);
}

static enum msg_denying
deny(struct deny *list, uint8_t a, uint8_t len, uint64_t s, int64_t now)
{
	struct msg_deny d = { s == 0, FAMILY_V4, len, address(a, 0), s * 1000 };

	return (deny_set(list, &d, now));
}

static int
denied(const struct deny *list, uint8_t a, int64_t now)
{
	struct addr addr = address(a, 7);

	return (deny_matches(list, FAMILY_V4, &addr, now));
}

static void
test_times(void **state)
{
	static struct deny list;
	struct addr six;

	(void)state;
	memset(&list, 0, sizeof(list));
	assert_false(denied(&list, 10, START));
	assert_int_equal(deny(&list, 10, 8, 60, START), DENYING_DONE);
	assert_true(denied(&list, 10, START));
	assert_false(denied(&list, 11, START));
	/* The same bytes of the other family are another prefix. */
	six = address(10, 7);
	assert_false(deny_matches(&list, FAMILY_V6, &six, START));
	assert_true(denied(&list, 10, START + 60 * NS_PER_S - 1));
	assert_false(denied(&list, 10, START + 60 * NS_PER_S));

	/* Another time for the same prefix takes its place. */
	assert_int_equal(deny(&list, 10, 8, 90, START), DENYING_DONE);
	assert_int_equal(list.n, 1);
	assert_true(denied(&list, 10, START + 60 * NS_PER_S));
	assert_int_equal(deny(&list, 10, 9, 0, START), DENYING_UNKNOWN);
	assert_int_equal(deny(&list, 10, 8, 0, START), DENYING_DONE);
	assert_false(denied(&list, 10, START));
	assert_int_equal(deny(&list, 10, 8, 0, START), DENYING_UNKNOWN);
}

static void
test_full(void **state)
{
	static struct deny list;
	struct msg_deny row;
	uint32_t next;
	uint8_t i;

	(void)state;
	memset(&list, 0, sizeof(list));
	for (i = 0; i < MSG_DENY_MAX; i++)
		assert_int_equal(
		    deny(&list, i, 8, i == 5 ? 10 : 100, START), DENYING_DONE);
	assert_int_equal(deny(&list, 100, 8, 5, START), DENYING_FULL);
	assert_false(denied(&list, 100, START));
	/* One that is there may be renewed, one that is over makes room. */
	assert_int_equal(deny(&list, 7, 8, 100, START), DENYING_DONE);
	assert_int_equal(
	    deny(&list, 100, 8, 5, START + 10 * NS_PER_S), DENYING_DONE);
	assert_true(denied(&list, 100, START + 10 * NS_PER_S));
	assert_true(denied(&list, 63, START + 10 * NS_PER_S));
	assert_false(denied(&list, 5, START + 10 * NS_PER_S));

	next = deny_next(&list, 0, START + 99 * NS_PER_S, &row);
	assert_int_equal(next, 1);
	assert_int_equal(row.addr.b[0], 0);
	assert_int_equal(row.len, 8);
	assert_int_equal(row.ms, 1000);
	assert_int_equal(row.remove, 0);
	assert_int_equal(deny_next(&list, 0, START + 100 * NS_PER_S, &row), 0);
	assert_int_equal(deny_next(&list, MSG_DENY_MAX, START, &row), 0);
	assert_int_equal(deny_next(&list, UINT32_MAX, START, &row), 0);
}

static struct gate *
gates(uint8_t n)
{
	struct addr a;
	struct gate_ask ask = { FAMILY_V4, PROTO_UDP, &a, 0, 1 };
	struct gate *g;
	uint8_t i;

	assert_non_null(g = gate_new(64, secret));
	for (i = 0; i < n; i++) {
		a = address(203, i);
		gate_use(g, &ask, 10 * NS_PER_S, START);
	}
	return (g);
}

static void
test_gates(void **state)
{
	struct addr a = { { 0x20, 1, 0xd, 0xb8, [15] = 9 } };
	struct gate_ask ask = { FAMILY_V6, PROTO_ICMP, &a, 0, 1 };
	struct msg_client row;
	struct gate *g = gates(0);
	uint32_t next;

	(void)state;
	assert_int_equal(gate_next(g, 0, START, &row), 0);
	gate_limited(g, &ask, START); /* nothing is open yet */
	gate_use(g, &ask, 10 * NS_PER_S, START);
	ask.ttl = 4;
	gate_use(g, &ask, 10 * NS_PER_S, START + NS_PER_S);
	gate_limited(g, &ask, START + 2 * NS_PER_S);
	next = gate_next(g, 0, START + 3 * NS_PER_S, &row);
	assert_int_not_equal(next, 0);
	assert_int_equal(row.family, FAMILY_V6);
	assert_int_equal(row.proto, PROTO_ICMP);
	assert_int_equal(row.len, 64);
	assert_int_equal(row.addr.b[3], 0xb8);
	assert_int_equal(row.addr.b[15], 0);
	assert_int_equal(row.probes, 2);
	assert_int_equal(row.limited, 1);
	assert_int_equal(row.opened_us, 3000000);
	assert_int_equal(row.left_us, 8000000);
	assert_int_equal(gate_next(g, next, START + 3 * NS_PER_S, &row), 0);
	/* Closed, it is no row; opened again, it counts anew. */
	assert_int_equal(gate_next(g, 0, START + 11 * NS_PER_S, &row), 0);
	ask.ttl = 1;
	gate_use(g, &ask, 10 * NS_PER_S, START + 20 * NS_PER_S);
	assert_int_not_equal(gate_next(g, 0, START + 20 * NS_PER_S, &row), 0);
	assert_int_equal(row.probes, 1);
	assert_int_equal(row.limited, 0);

	ask.proto = PROTO_TCP;
	ask.dport = 443;
	gate_use(g, &ask, 10 * NS_PER_S, START + 31 * NS_PER_S);
	assert_int_not_equal(gate_next(g, 0, START + 31 * NS_PER_S, &row), 0);
	assert_int_equal(row.len, 128);
	assert_int_equal(row.port, 443);
	assert_int_equal(row.addr.b[15], 9);
	gate_free(g);
}

/* All rows by as many questions as it takes; how many there were. */
static size_t
ask_all(struct lister *l, const struct gate *g, const struct deny *list,
    enum msg_listing which, struct imsgbuf *engine, struct imsgbuf *controller,
    size_t *questions)
{
	struct msg_list ask = { which, 0 };
	struct msg_client client;
	struct msg_deny d;
	struct imsg imsg;
	const char *why;
	size_t n = 0, rows;
	int end;

	for (*questions = 1;; ++*questions) {
		assert_int_equal(
		    lister_ask(l, &ask, g, list, 5, START, &why), 0);
		assert_int_equal(
		    lister_ask(l, &ask, g, list, 5, START, &why), -1);
		for (end = 0, rows = 0; !end;) {
			(void)lister_fill(l, engine);
			assert_true(
			    ibuf_pool_avail(engine->txpool) >= MONITOR_RESERVE);
			if (imsgbuf_queuelen(engine) > 0)
				assert_int_equal(imsgbuf_write(engine), 0);
			assert_int_equal(imsgbuf_read(controller), 1);
			while (imsgbuf_get(controller, &imsg) == 1) {
				assert_int_equal(imsg_get_id(&imsg), 5);
				if (imsg_get_type(&imsg) == MSG_LIST_END) {
					assert_int_equal(
					    msg_get_u32(&imsg, &ask.from, &why),
					    0);
					end = 1;
				} else {
					assert_int_equal(which == LIST_CLIENTS
						? msg_get_client(
						      &imsg, &client, &why)
						: msg_get_deny(&imsg, &d, &why),
					    0);
					rows++;
				}
				imsg_free(&imsg);
			}
		}
		assert_true(rows <= MSG_LIST_ROWS);
		assert_false(l->busy);
		n += rows;
		if (ask.from == 0)
			return (n);
	}
}

static void
test_rows(void **state)
{
	static struct deny list;
	struct imsgbuf engine, controller;
	struct ibuf_pool *tx, *rx;
	struct gate *g = gates(100);
	struct lister l;
	uint32_t max = msg_engine_to_controller.maxsize;
	size_t questions;
	uint8_t i;
	int fd[2];

	(void)state;
	memset(&l, 0, sizeof(l));
	memset(&list, 0, sizeof(list));
	for (i = 0; i < 33; i++)
		assert_int_equal(deny(&list, i, 8, 9, START), DENYING_DONE);
	/* Room for two rows beyond what is to be left free. */
	tx = ibuf_pool_new(MONITOR_RESERVE + 2, IMSG_HEADER_SIZE + max);
	rx = ibuf_pool_new(4, IMSG_HEADER_SIZE + max);
	assert_int_equal(proc_socketpair(fd, 65536), 0);
	assert_int_equal(imsgbuf_init(&engine, fd[0]), 0);
	assert_int_equal(imsgbuf_init(&controller, fd[1]), 0);
	assert_int_equal(imsgbuf_set_maxsize(&engine, max), 0);
	assert_int_equal(imsgbuf_set_pool(&engine, tx, rx), 0);

	assert_int_equal(ask_all(&l, g, &list, LIST_CLIENTS, &engine,
			     &controller, &questions),
	    100);
	assert_int_equal(questions, 7);
	assert_int_equal(ask_all(&l, g, &list, LIST_DENIED, &engine,
			     &controller, &questions),
	    33);
	assert_int_equal(questions, 3);

	imsgbuf_clear(&engine);
	imsgbuf_clear(&controller);
	ibuf_pool_free(tx);
	ibuf_pool_free(rx);
	close(fd[0]);
	close(fd[1]);
	gate_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_gates),
		cmocka_unit_test(test_rows),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
