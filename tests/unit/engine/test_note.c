/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/engine/handlers.h"

/* A probe is handed up; what becomes of it is not looked at here. */
static void
hand_up(struct fixture *f, struct msg_id id, uint8_t ttl, int observe)
{
	struct msg_probe p;

	packet_probe(PACKET_UDP4, FAMILY_V4, PROTO_UDP, &p);
	packet_set_ttl(&p, ttl);
	p.id = id;
	p.observe = (uint8_t)observe;
	assert_int_equal(msg_put_probe(&f->priv, &p), 0);
	assert_int_equal(deliver(f), 0);
}

static void
probe(struct fixture *f, struct msg_id id, uint8_t ttl)
{
	hand_up(f, id, ttl, 0);
}

/* The only order that is there is this one. */
static void
expect_only(struct fixture *f, uint32_t type, struct msg_id id)
{
	struct imsg imsg;

	(void)expect_order(f, type, id);
	assert_int_equal(imsgbuf_get(&f->priv, &imsg), 0);
}

static uint32_t
known(struct traces *t, struct traces_copy *copy)
{
	struct msg_ask ask = { 0 };

	return (traces_next(t, &ask, START + 10 * NS_PER_S, copy));
}

/* The order is queued before the note is worked off. */
static void
waits_for_what_follows(void **state)
{
	static struct traces_copy copy;
	struct fixture *f = *state;
	struct msg_id id = { 0, 1 };

	probe(f, id, 3);
	assert_int_equal(imsgbuf_queuelen(&f->e.ib[ENGINE_PRIV]), 1);
	assert_int_equal(known(f->e.traces, &copy), 0);
	assert_int_equal(known(note_traces(&f->e), &copy), 1);
	assert_int_equal(copy.head.probes, 1);
	/* Once. */
	(void)note_traces(&f->e);
	(void)known(f->e.traces, &copy);
	assert_int_equal(copy.head.probes, 1);
}

/* It is noted with the time of the decision. */
static void
keeps_its_time(void **state)
{
	static struct traces_copy at_once, late;
	struct fixture *f = *state;
	struct msg_id id = { 0, 1 };

	probe(f, id, 3);
	(void)known(note_traces(&f->e), &at_once);
	id.gen++;
	probe(f, id, 4);
	f->e.now += 5 * NS_PER_S;
	(void)known(note_traces(&f->e), &late);
	assert_int_equal(late.head.probes, 2);
	assert_int_equal(late.head.seen_us, at_once.head.seen_us);
}

/* Each probe of one turn, whatever slot it has, and before it is over. */
static void
none_is_lost(void **state)
{
	static struct traces_copy copy;
	struct fixture *f = *state;
	struct msg_id id = { 0, 1 }, other = { 1, 1 };

	probe(f, id, 3);
	probe(f, other, 4);
	id.gen++;
	probe(f, id, 5);
	assert_int_equal(msg_put_expired(&f->priv, id, EXPIRY_TIMEOUT), 0);
	assert_int_equal(deliver(f), 0);
	assert_int_equal(known(f->e.traces, &copy), 1);
	assert_int_equal(copy.head.probes, 3);
	assert_int_equal(copy.head.end, TRACE_INFERRED);
	assert_int_equal(copy.head.end_hop, 4);
}

/* Its orders are for the counters: nothing is kept of the probe. */
static void
nothing_of_the_observed(void **state)
{
	static struct traces_copy copy;
	struct fixture *f = *state;
	const struct pending_probe *kept;
	enum pending_state before;
	struct msg_id id = { 0, 1 };
	struct msg_match m;
	const char *why;

	hand_up(f, id, 3, 1);
	expect_only(f, MSG_TURN, id);
	assert_int_equal(known(note_traces(&f->e), &copy), 0);
	/* Nothing that comes back can be taken for its answer. */
	assert_int_equal(
	    pending_match(f->e.pending, id, &kept, &before, &why), -1);
	/* The slot is free for the next one, which is served. */
	id.gen = 2;
	probe(f, id, 3);
	expect_only(f, MSG_TURN, id);
	assert_int_equal(known(note_traces(&f->e), &copy), 1);
	assert_int_equal(f->e.stats.rtt[FAMILY_V4][0], 0);
	memset(&m, 0, sizeof(m));
	m.id = id;
	m.kind = MATCH_ERROR;
	m.icmp_type = ICMP4_TIMEX;
	m.router = packet_addr(FAMILY_V4, "192.0.2.1");
	m.rtt_ns = 1000;
	assert_int_equal(msg_put_match(&f->priv, &m), 0);
	assert_int_equal(deliver(f), 0);
	expect_only(f, MSG_ANSWER, id);
	assert_int_equal(f->e.stats.rtt[FAMILY_V4][0], 1);
}

/* Whoever listens hears of it at once, and of nothing that was before. */
static void
told_at_once_to_who_listens(void **state)
{
	static struct traces_copy copy;
	struct fixture *f = *state;
	struct ibuf_pool *pool;
	struct msg_id id = { 0, 1 };

	pool = ibuf_pool_new(MONITOR_RESERVE + 4,
	    IMSG_HEADER_SIZE + msg_engine_to_controller.maxsize);
	assert_non_null(pool);
	assert_int_equal(imsgbuf_init(&f->e.ib[ENGINE_CONTROLLER], -1), 0);
	assert_int_equal(
	    imsgbuf_set_pool(&f->e.ib[ENGINE_CONTROLLER], pool, NULL), 0);
	f->e.monitor.on = 1;
	probe(f, id, 3);
	assert_int_equal(known(f->e.traces, &copy), 1);
	assert_int_equal(imsgbuf_queuelen(&f->e.ib[ENGINE_CONTROLLER]), 1);
	imsgbuf_clear(&f->e.ib[ENGINE_CONTROLLER]);
	ibuf_pool_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    waits_for_what_follows, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    keeps_its_time, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    none_is_lost, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    nothing_of_the_observed, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    told_at_once_to_who_listens, test_setup, test_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
