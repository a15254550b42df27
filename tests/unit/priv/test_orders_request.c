/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Every order for a request, in every state of its record, by the invariants
 * at the top of priv/orders_request.c.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/priv/bench.h"
#include "tests/unit/priv/asking.h"
#include "tests/unit/priv/packets.h"

#define COUNT(b, name, proto) \
	((b)->stats.stat[STAT_##name][FAMILY_V4][PROTO_##proto])

static const uint32_t all[] = { MSG_PASS, MSG_DROP, MSG_TURN, MSG_INFLECT,
	MSG_ANSWER, MSG_FINAL, MSG_REQUEST_PROBE, MSG_REQUEST_ANSWER };
#define NALL (sizeof(all) / sizeof(all[0]))

static struct record *
asked(struct bench *b, uint8_t ttl, uint8_t ipproto, size_t extra,
    struct msg_id *id)
{
	static uint32_t packet_id = 500;
	struct record *rec;
	uint8_t pkt[256];
	size_t len;

	b->policy.augsburg = 1;
	rec = records_alloc(b->orders.records, b->now);
	assert_non_null(rec);
	len = ask_packet(pkt, FAMILY_V4, ttl, ipproto, ASK_FLOW, extra);
	ask_record(rec, &b->policy, pkt, len);
	rec->packet_id = packet_id++;
	*id = records_id(b->orders.records, rec);
	return (rec);
}

static int
status(struct bench *b, struct msg_id id, uint8_t code, uint16_t value)
{
	struct msg_status s = { id, code, value };

	assert_int_equal(msg_put_status(&b->engine, &s), 0);
	return (deliver(b));
}

static void
met(struct bench *b, struct record *rec, enum msg_match_kind kind,
    const char *router, uint8_t type, uint8_t code)
{
	memset(&rec->met, 0, sizeof(rec->met));
	rec->met.family = FAMILY_V4;
	rec->met.proto = rec->ask.proto;
	rec->met.kind = kind;
	rec->met.icmp_type = type;
	rec->met.icmp_code = code;
	rec->met.router =
	    router == NULL ? rec->probe.src : test_addr(FAMILY_V4, router);
	records_matched(b->orders.records, rec);
}

static struct record *
probed(struct bench *b, uint8_t ipproto, struct msg_id *id)
{
	struct record *rec = asked(b, ASK_TTL, ipproto, 0, id);

	assert_int_equal(order(b, MSG_REQUEST_PROBE, *id), 0);
	assert_int_equal(b->out.n, 1);
	assert_int_equal(rec->state, RECORD_TURNED);
	send_all(b, rec, 0);
	b->nverdicts = 0;
	return (rec);
}

static void
whole(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	const uint8_t *out;

	rec = asked(b, ASK_TTL, 17, 0, &id);
	assert_int_equal(order(b, MSG_REQUEST_PROBE, id), 0);
	assert_int_equal(b->out.n, 1);
	assert_int_equal(b->out.pkt[0].kind, OUT_ASKED);
	assert_int_equal(b->out.pkt[0].proto, PROTO_UDP);
	out = b->out.pkt[0].buf;
	assert_int_equal(out[8], ASK_TTL);
	assert_int_equal(wire_get16(out + 22), ASK_FLOW);
	/* The request is taken from the kernel once the probe has gone. */
	assert_int_equal(b->nverdicts, 0);
	send_all(b, rec, 0);
	assert_int_equal(b->nverdicts, 1);
	assert_int_equal(b->verdict[0].accept, 0);
	assert_int_equal(COUNT(b, REQUESTS_PROBED, UDP), 1);

	met(b, rec, MATCH_ERROR, "203.0.113.1", 11, 0);
	rec->rtt_ns = 777;
	assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), 0);
	assert_int_equal(b->out.n, 1);
	assert_int_equal(b->out.pkt[0].kind, OUT_REPLY);
	out = b->out.pkt[0].buf;
	assert_int_equal(b->out.pkt[0].len, 56);
	assert_memory_equal(out + 44, rec->met.router.b, 4);
	assert_int_equal(wire_get32(out + 48), 777);
	send_all(b, rec, 0);
	assert_int_equal(COUNT(b, REQUESTS_ANSWERED, UDP), 1);
	assert_int_equal(rec->state, RECORD_FREE);
	/* A second one is a violation. */
	assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), -1);
	assert_int_equal(b->nverdicts, 1);
}

/* A verdict once; orders of the other kind never. */
static void
kinds(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t i;
	int ok;

	for (i = 0; i < NALL; i++) {
		rec = asked(b, ASK_TTL, 1, 0, &id);
		ok = all[i] == MSG_PASS || all[i] == MSG_DROP ||
		    all[i] == MSG_REQUEST_PROBE;
		assert_int_equal(order(b, all[i], id), ok ? 0 : -1);
		if (!ok) {
			assert_int_equal(b->out.n, 0);
			assert_int_equal(b->nverdicts, 0);
			assert_int_equal(rec->state, RECORD_PENDING);
		}
		send_all(b, rec, 0);
		b->nverdicts = 0;
	}
	/* None for a probe. */
	rec = records_alloc(b->orders.records, b->now);
	assert_int_equal(test_handup(&b->policy, probe_udp4, sizeof(probe_udp4),
			     &rec->probe),
	    HANDUP_OK);
	id = records_id(b->orders.records, rec);
	assert_int_equal(order(b, MSG_REQUEST_PROBE, id), -1);
	assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), -1);
	assert_int_equal(status(b, id, 1, 0), -1);
	assert_int_equal(b->out.n, 0);
	assert_int_equal(rec->state, RECORD_PENDING);
}

static void
after_the_probe(void **state)
{
	struct bench *b = *state;
	struct msg_id id;
	size_t i;

	(void)probed(b, 17, &id);
	for (i = 0; i < NALL; i++)
		assert_int_equal(order(b, all[i], id), -1);
	assert_string_equal(b->why, "nothing was matched");
	assert_int_equal(status(b, id, 4, 0), -1);
	assert_int_equal(b->out.n, 0);
	assert_int_equal(b->nverdicts, 0);
}

static void
passed_and_dropped(void **state)
{
	struct bench *b = *state;
	struct msg_id id;

	(void)asked(b, ASK_TTL, 6, 0, &id);
	assert_int_equal(order(b, MSG_PASS, id), 0);
	assert_int_equal(b->verdict[0].accept, 1);
	assert_int_equal(COUNT(b, REQUESTS_PASSED, TCP), 1);
	assert_int_equal(order(b, MSG_PASS, id), -1);
	(void)asked(b, ASK_TTL, 6, 0, &id);
	assert_int_equal(order(b, MSG_DROP, id), 0);
	assert_int_equal(b->verdict[1].accept, 0);
	assert_int_equal(COUNT(b, REQUESTS_DROPPED, TCP), 1);
	assert_int_equal(b->nverdicts, 2);
	assert_int_equal(COUNT(b, PASSED, TCP), 0);
	assert_int_equal(COUNT(b, DROPPED, TCP), 0);
}

/* A status is sent for a reason that is seen here, too. */
static void
statuses(void **state)
{
	static const struct {
		uint8_t ttl, ipproto;
		size_t extra;
		uint8_t status;
		int ok;
	} t[] = {
		{ 0, 17, 0, 1, 1 },
		{ 33, 17, 0, 1, 1 },
		{ 32, 17, 0, 1, 0 },
		{ 1, 17, 0, 1, 0 },
		{ 1, 132, 0, 2, 1 },
		{ 1, 58, 0, 2, 1 },
		{ 1, 0, 0, 2, 0 },
		{ 1, 1, 0, 2, 0 },
		{ 1, 6, 0, 2, 0 },
		{ 1, 17, 8, 4, 1 },
		{ 1, 17, 0, 4, 0 },
		{ 0, 132, 0, 4, 0 },
	};
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rec = asked(b, t[i].ttl, t[i].ipproto, t[i].extra, &id);
		b->nverdicts = 0;
		assert_int_equal(
		    status(b, id, t[i].status, t[i].status == 4 ? 0x0500 : 0),
		    t[i].ok ? 0 : -1);
		assert_int_equal(b->out.n, t[i].ok);
		if (!t[i].ok)
			continue;
		assert_int_equal(b->out.pkt[0].kind, OUT_STATUS);
		assert_int_equal(b->out.pkt[0].len, 32);
		assert_int_equal(b->out.pkt[0].buf[28], t[i].status);
		assert_int_equal(wire_get16(b->out.pkt[0].buf + 30),
		    t[i].status == 4 ? 0x0500 : 0);
		assert_int_equal(rec->state, RECORD_FREE);
		assert_int_equal(b->nverdicts, 0);
		send_all(b, rec, 0);
		assert_int_equal(b->nverdicts, 1);
		assert_int_equal(b->verdict[0].accept, 0);
	}
	/* None is no order. */
	(void)asked(b, 0, 132, 8, &id);
	assert_int_equal(status(b, id, 0, 0), -1);
	assert_int_equal(status(b, id, 3, 0), -1);
	assert_int_equal(status(b, id, 5, 0), -1);
	assert_int_equal(status(b, id, 1, 1), -1);
}

static void
bad_wishes(void **state)
{
	static const uint8_t t[][2] = { { 0, 17 }, { 33, 17 }, { 1, 132 } };
	struct bench *b = *state;
	struct msg_id id;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		(void)asked(b, t[i][0], t[i][1], 0, &id);
		assert_int_equal(order(b, MSG_REQUEST_PROBE, id), -1);
		assert_int_equal(b->out.n, 0);
	}
}

/* What counts as an answer to what was asked. */
static void
answers(void **state)
{
	static const struct {
		enum msg_match_kind kind;
		const char *router;
		uint8_t type, code;
		int relay, ok;
	} t[] = {
		{ MATCH_ERROR, "203.0.113.1", 11, 0, 0, 1 },
		{ MATCH_ERROR, "203.0.113.1", 11, 1, 0, 0 },
		{ MATCH_ERROR, "203.0.113.1", 3, 13, 0, 0 },
		{ MATCH_ERROR, "203.0.113.1", 3, 13, 1, 1 },
		{ MATCH_ERROR, "203.0.113.1", 3, 4, 1, 0 },
		{ MATCH_ERROR, NULL, 3, 3, 0, 1 },
		{ MATCH_ERROR, NULL, 3, 4, 0, 0 },
		{ MATCH_ERROR, NULL, 12, 0, 1, 0 },
		{ MATCH_REPLY, NULL, 0, 0, 0, 1 },
		{ MATCH_RESET, NULL, 0, 0, 0, 1 },
		{ MATCH_SYNACK, NULL, 0, 0, 0, 1 },
	};
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		b->policy.listen[0].unreachable =
		    t[i].relay ? UNREACHABLE_RELAY : UNREACHABLE_HIDE;
		rec = probed(b, 17, &id);
		met(b, rec, t[i].kind, t[i].router, t[i].type, t[i].code);
		assert_int_equal(
		    order(b, MSG_REQUEST_ANSWER, id), t[i].ok ? 0 : -1);
		assert_int_equal(b->out.n, t[i].ok);
		send_all(b, rec, 0);
		assert_int_equal(
		    rec->state, t[i].ok ? RECORD_FREE : RECORD_MATCHED);
	}
}

/* Whatever came before: what is sent stays within the sum. */
static void
budget(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	rec = probed(b, 6, &id);
	assert_int_equal(rec->answered, 40);
	met(b, rec, MATCH_ERROR, "203.0.113.1", 11, 0);
	rec->answered++;
	assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), 0);
	assert_int_equal(b->out.n, 0);
	assert_int_equal(COUNT(b, REQUESTS_EXPIRED, TCP), 1);
	assert_int_equal(rec->state, RECORD_FREE);
	/* `relay both` widens nothing for requests. */
	b->policy.listen[0].relay = RELAY_BOTH;
	rec = probed(b, 6, &id);
	met(b, rec, MATCH_ERROR, "203.0.113.1", 11, 0);
	rec->answered++;
	assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), 0);
	assert_int_equal(b->out.n, 0);
}

/* Its deadline: no settle, then late; the slot is free on every path. */
static void
deadlines(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id, old;

	rec = probed(b, 17, &id);
	assert_int_equal(rec->queue, RECORD_Q_TIMEOUT);
	b->now += 3 * SECOND;
	assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), 0);
	assert_int_equal(COUNT(b, LATE, UDP), 1);
	assert_ptr_equal(
	    records_due(b->orders.records, RECORD_Q_TIMEOUT, b->now), rec);
	orders_expire(&b->orders, rec);
	assert_int_equal(COUNT(b, REQUESTS_EXPIRED, UDP), 1);
	assert_int_equal(COUNT(b, EXPIRED, UDP), 0);
	assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), 0);
	assert_int_equal(COUNT(b, LATE, UDP), 2);

	/* No order: the kernel's. */
	rec = asked(b, ASK_TTL, 17, 0, &old);
	b->now += SECOND;
	assert_int_equal(order(b, MSG_REQUEST_PROBE, old), 0);
	assert_int_equal(status(b, old, 4, 0), 0);
	assert_int_equal(COUNT(b, LATE, UDP), 4);
	orders_pass(&b->orders, rec);
	assert_int_equal(COUNT(b, REQUESTS_PASSED, UDP), 1);
	assert_int_equal(b->verdict[0].accept, 1);
	assert_int_equal(b->out.n, 0);
	assert_int_equal(records_used(b->orders.records), 0);
}

/* What could not be sent leaves the request to the kernel, and the slot. */
static void
unsent(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	rec = asked(b, ASK_TTL, 17, 0, &id);
	assert_int_equal(order(b, MSG_REQUEST_PROBE, id), 0);
	send_all(b, rec, 1);
	assert_int_equal(b->verdict[0].accept, 1);
	assert_int_equal(COUNT(b, REQUESTS_PASSED, UDP), 1);
	assert_int_equal(rec->state, RECORD_FREE);
	rec = asked(b, 0, 17, 0, &id);
	assert_int_equal(status(b, id, 1, 0), 0);
	send_all(b, rec, 1);
	assert_int_equal(b->verdict[1].accept, 1);
	rec = probed(b, 17, &id);
	met(b, rec, MATCH_REPLY, NULL, 0, 0);
	assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), 0);
	send_all(b, rec, 1);
	assert_int_equal(COUNT(b, REQUESTS_EXPIRED, UDP), 1);
	assert_int_equal(records_used(b->orders.records), 0);

	/* A full outbox. */
	rec = asked(b, ASK_TTL, 17, 0, &id);
	b->out.n = OUTBOX_MAX;
	assert_int_equal(order(b, MSG_REQUEST_PROBE, id), 0);
	b->out.n = 0;
	assert_int_equal(rec->state, RECORD_FREE);
	assert_int_equal(COUNT(b, REQUESTS_PASSED, UDP), 3);
}

/* Packets that leave with one TTL: capped here as well. */
static void
capped(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	b->policy.limit_hop.rate = 1;
	b->policy.limit_hop.burst = 1;
	caps_set(&b->orders.caps, &b->policy, b->now);
	(void)probed(b, 17, &id);
	rec = asked(b, ASK_TTL, 17, 0, &id);
	assert_int_equal(order(b, MSG_REQUEST_PROBE, id), 0);
	assert_int_equal(b->out.n, 0);
	assert_int_equal(b->verdict[0].accept, 1);
	assert_int_equal(COUNT(b, CAPPED, UDP), 1);
	assert_int_equal(rec->state, RECORD_FREE);
}

static void
reset(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	rec = probed(b, 6, &id);
	met(b, rec, MATCH_SYNACK, NULL, 0, 0);
	orders_reset(&b->orders, rec, b->now);
	assert_int_equal(b->out.n, 1);
	assert_int_equal(b->out.pkt[0].kind, OUT_RESET);
	assert_int_equal(b->out.pkt[0].len, 40);
	assert_int_equal(
	    wire_get32(b->out.pkt[0].buf + 24), wire_get32(rec->cookie) + 1);
	send_all(b, rec, 0);
	/* It takes nothing from the reply's sum. */
	assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), 0);
	assert_int_equal(b->out.n, 1);
	send_all(b, rec, 0);
	assert_int_equal(b->nverdicts, 0);
	/* UDP has none; a full outbox takes none. */
	rec = probed(b, 17, &id);
	orders_reset(&b->orders, rec, b->now);
	assert_int_equal(b->out.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whole, setup, teardown),
		cmocka_unit_test_setup_teardown(kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    after_the_probe, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    passed_and_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(statuses, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_wishes, setup, teardown),
		cmocka_unit_test_setup_teardown(answers, setup, teardown),
		cmocka_unit_test_setup_teardown(budget, setup, teardown),
		cmocka_unit_test_setup_teardown(deadlines, setup, teardown),
		cmocka_unit_test_setup_teardown(unsent, setup, teardown),
		cmocka_unit_test_setup_teardown(capped, setup, teardown),
		cmocka_unit_test_setup_teardown(reset, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
