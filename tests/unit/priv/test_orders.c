/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Every order in every state of a record, by the invariants of the design:
 * what is carried out, what is late, what is a violation; and that nothing
 * but what the record says ever gets into the outbox.
 */

#include <sys/socket.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/imsg.h"
#include "common/msg.h"
#include "priv/orders.h"
#include "tests/unit/priv/turned.h"

static void
inv03_one_disposition_for_each_probe(void **state)
{
	static const uint32_t all[] = { MSG_PASS, MSG_DROP, MSG_TURN,
		MSG_INFLECT };
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t i, j;

	for (i = 0; i < 4; i++)
		for (j = 0; j < 4; j++) {
			b->nverdicts = 0;
			rec = hand_up(b, probe_udp4, sizeof(probe_udp4),
			    all[i] == MSG_INFLECT ? 1 : 5);
			id = records_id(b->orders.records, rec);
			assert_int_equal(order(b, all[i], id), 0);
			assert_int_equal(order(b, all[j], id), -1);
			send_all(b, rec, 0);
			assert_int_equal(order(b, all[j], id), -1);
			/* one verdict, and for this packet */
			assert_int_equal(b->nverdicts, 1);
			assert_int_equal(
			    b->verdict[0].packet_id, rec->packet_id);
			assert_int_equal(
			    b->verdict[0].accept, all[i] == MSG_PASS);
			if (rec->state != RECORD_FREE)
				records_end(b->orders.records, rec, 1);
		}
}

static void
inv04_an_order_past_its_deadline_is_late(void **state)
{
	static const uint32_t all[] = { MSG_PASS, MSG_DROP, MSG_TURN,
		MSG_INFLECT };
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t i;

	for (i = 0; i < 4; i++) {
		rec = hand_up(b, probe_udp4, sizeof(probe_udp4), 5);
		id = records_id(b->orders.records, rec);
		b->now += (int64_t)RECORD_ORDER_NS;
		/* due, but not acted on yet; then passed; then reused */
		assert_int_equal(order(b, all[i], id), 0);
		assert_ptr_equal(
		    records_due(b->orders.records, RECORD_Q_ORDER, b->now),
		    rec);
		orders_pass(&b->orders, rec);
		assert_int_equal(order(b, all[i], id), 0);
		assert_int_equal(b->out.n, 0);
		assert_int_equal(b->nverdicts, i + 1);
		assert_int_equal(b->verdict[i].accept, 1);
	}
	assert_int_equal(COUNT(b, LATE), 8);
	assert_int_equal(COUNT(b, PASSED), 4);
}

static void
ids_that_were_never_issued_are_violations(void **state)
{
	static const uint32_t all[] = { MSG_PASS, MSG_DROP, MSG_TURN,
		MSG_INFLECT, MSG_ANSWER, MSG_FINAL };
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id, bad;
	size_t i;

	rec = hand_up(b, probe_udp4, sizeof(probe_udp4), 5);
	id = records_id(b->orders.records, rec);
	for (i = 0; i < 6; i++) {
		bad = id;
		bad.gen++;
		assert_int_equal(order(b, all[i], bad), -1);
		bad = id;
		bad.slot = 64;
		assert_int_equal(order(b, all[i], bad), -1);
		bad.slot = UINT32_MAX;
		assert_int_equal(order(b, all[i], bad), -1);
		bad.slot = (id.slot + 1) % 64;
		bad.gen = 1;
		assert_int_equal(order(b, all[i], bad), -1);
	}
	assert_int_equal(b->out.n, 0);
	assert_int_equal(b->nverdicts, 0);
	assert_int_equal(rec->state, RECORD_PENDING);
}

static void
drop_is_for_udp_and_the_silent_inflection(void **state)
{
	static const struct {
		const uint8_t *pkt;
		size_t len;
	} probes[PROTO_MAX] = {
		{ probe_udp4, sizeof(probe_udp4) },
		{ probe_icmp4, sizeof(probe_icmp4) },
		{ probe_tcp4, sizeof(probe_tcp4) },
	};
	struct bench *b = *state;
	struct record *rec;
	enum proto proto;
	uint8_t ttl;
	int silent, allowed;

	for (proto = PROTO_UDP; proto < PROTO_MAX; proto++)
		for (ttl = 1; ttl < 3; ttl++)
			for (silent = 0; silent < 2; silent++) {
				rec = hand_up(b, probes[proto].pkt,
				    probes[proto].len, ttl);
				rec->policy.inflection = silent
				    ? INFLECTION_SILENT
				    : INFLECTION_ANSWER;
				allowed = proto == PROTO_UDP ||
				    (proto == PROTO_ICMP && ttl == 1 && silent);
				b->nverdicts = 0;
				assert_int_equal(
				    order(b, MSG_DROP,
					records_id(b->orders.records, rec)),
				    allowed ? 0 : -1);
				assert_int_equal(b->nverdicts, (size_t)allowed);
			}
}

static void
inflection_is_for_ttl_1_and_turn_for_more(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	rec = hand_up(b, probe_udp4, sizeof(probe_udp4), 2);
	id = records_id(b->orders.records, rec);
	assert_int_equal(order(b, MSG_INFLECT, id), -1);
	rec->probe.ttl = 1;
	assert_int_equal(order(b, MSG_TURN, id), -1);
	rec->policy.inflection = INFLECTION_SILENT;
	assert_int_equal(order(b, MSG_INFLECT, id), -1);
	assert_int_equal(b->out.n, 0);
	rec->policy.inflection = INFLECTION_ANSWER;
	assert_int_equal(order(b, MSG_INFLECT, id), 0);
	assert_int_equal(b->out.n, 1);
	assert_int_equal(b->out.pkt[0].kind, OUT_INFLECT);
	assert_int_equal(b->out.pkt[0].buf[20], ICMP4_TIMEX);
	/* the verdict waits for the send */
	assert_int_equal(b->nverdicts, 0);
	send_all(b, rec, 0);
	assert_int_equal(b->nverdicts, 1);
	assert_int_equal(b->verdict[0].accept, 0);
	assert_int_equal(COUNT(b, INFLECTIONS), 1);
}

static void
a_failed_send_leaves_the_probe_to_the_kernel(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	rec = hand_up(b, probe_udp4, sizeof(probe_udp4), 5);
	id = records_id(b->orders.records, rec);
	assert_int_equal(order(b, MSG_TURN, id), 0);
	send_all(b, rec, 1);
	assert_int_equal(b->nverdicts, 1);
	assert_int_equal(b->verdict[0].accept, 1);
	assert_int_equal(rec->state, RECORD_FREE);
	rec = hand_up(b, probe_udp4, sizeof(probe_udp4), 1);
	id = records_id(b->orders.records, rec);
	assert_int_equal(order(b, MSG_INFLECT, id), 0);
	send_all(b, rec, 1);
	assert_int_equal(b->verdict[1].accept, 1);
	assert_int_equal(COUNT(b, PASSED), 2);
	assert_int_equal(COUNT(b, SEND_FAILED), 2);
	assert_int_equal(COUNT(b, TURNED), 0);
	assert_int_equal(COUNT(b, INFLECTIONS), 0);
}

static void
inv12_answers_need_a_match(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	rec = hand_up(b, probe_udp4, sizeof(probe_udp4), 5);
	id = records_id(b->orders.records, rec);
	assert_int_equal(order(b, MSG_ANSWER, id), -1);
	assert_int_equal(order(b, MSG_FINAL, id), -1);
	records_end(b->orders.records, rec, 0);
	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	assert_int_equal(order(b, MSG_ANSWER, id), -1);
	assert_int_equal(order(b, MSG_FINAL, id), -1);
	met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
	/* a router answered: no final answer */
	assert_int_equal(order(b, MSG_FINAL, id), -1);
	assert_int_equal(b->out.n, 0);
	assert_int_equal(order(b, MSG_ANSWER, id), 0);
	assert_int_equal(b->out.n, 1);
	send_all(b, rec, 0);
	/* inv13: one answer */
	assert_int_equal(order(b, MSG_ANSWER, id), -1);
	assert_int_equal(COUNT(b, RELAYED), 1);
}

/* Types and codes that an answer may be made of, under both policies. */
static void
inv14_what_is_never_relayed(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	unsigned int code, relay, type;
	int allowed;

	for (relay = 0; relay < 2; relay++)
		for (type = 0; type < 20; type++)
			for (code = 0; code < 16; code++) {
				b->now += SECOND;
				b->nverdicts = 0;
				rec = turned(
				    b, probe_udp4, sizeof(probe_udp4), &id);
				rec->policy.unreachable = relay
				    ? UNREACHABLE_RELAY
				    : UNREACHABLE_HIDE;
				met(b, rec, "203.0.113.1", (uint8_t)type,
				    (uint8_t)code);
				allowed = (type == 11 && code == 0) ||
				    (relay && type == 3 && code != 3 &&
					code != 4);
				assert_int_equal(
				    order(b, MSG_ANSWER, id), allowed ? 0 : -1);
				assert_int_equal(b->out.n, (size_t)allowed);
				if (allowed) {
					assert_int_equal(
					    b->out.pkt[0].buf[20], type);
					assert_int_equal(
					    b->out.pkt[0].buf[21], code);
					send_all(b, rec, 0);
				} else
					records_end(b->orders.records, rec, 0);
			}
}

static void
final_from_the_client_or_at_settle(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	/* the client's own port unreachable */
	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	met(b, rec, NULL, ICMP4_UNREACH, ICMP4_UNREACH_PORT);
	assert_int_equal(order(b, MSG_FINAL, id), 0);
	assert_int_equal(b->out.n, 1);
	assert_int_equal(b->out.pkt[0].len, sizeof(final_udp4));
	assert_memory_equal(b->out.pkt[0].buf, final_udp4, sizeof(final_udp4));
	send_all(b, rec, 0);
	assert_int_equal(COUNT(b, ENDED), 1);
	assert_int_equal(order(b, MSG_FINAL, id), -1);

	/* nothing heard within settle: with the turned probe's TTL */
	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	records_settled(b->orders.records, rec);
	assert_int_equal(order(b, MSG_FINAL, id), 0);
	assert_int_equal(b->out.pkt[0].buf[8], 4);
	send_all(b, rec, 0);

	/* ordered at settle, but a router was quicker: late, then answered */
	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	records_settled(b->orders.records, rec);
	met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
	assert_int_equal(order(b, MSG_FINAL, id), 0);
	assert_int_equal(b->out.n, 0);
	assert_int_equal(COUNT(b, LATE), 1);
	assert_int_equal(order(b, MSG_ANSWER, id), 0);
	assert_int_equal(b->out.n, 1);
	send_all(b, rec, 0);
	assert_int_equal(COUNT(b, ENDED), 2);

	/* never inferred for anything but UDP */
	rec = turned(b, probe_icmp4, sizeof(probe_icmp4), &id);
	rec->settled = 1;
	assert_int_equal(order(b, MSG_FINAL, id), -1);
	rec = turned(b, probe_tcp4, sizeof(probe_tcp4), &id);
	rec->settled = 1;
	assert_int_equal(order(b, MSG_FINAL, id), -1);
}

static void
inv19_caps_hold_whatever_is_ordered(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	unsigned int i, went;

	b->policy.limit_hop.rate = 10;
	b->policy.limit_hop.burst = 10;
	caps_set(&b->orders.caps, &b->policy, b->now);
	for (i = went = 0; i < 50; i++) {
		rec = hand_up(b, probe_udp4, sizeof(probe_udp4), 5);
		id = records_id(b->orders.records, rec);
		assert_int_equal(order(b, MSG_TURN, id), 0);
		went += (unsigned int)b->out.n;
		send_all(b, rec, 0);
	}
	assert_int_equal(went, 10);
	assert_int_equal(COUNT(b, CAPPED), 40);
	assert_int_equal(COUNT(b, PASSED), 40);
	assert_int_equal(b->nverdicts, 50);
}

static void
meet_one(struct bench *b, struct msg_id id, const char *router)
{
	struct record *rec;

	if (records_find(b->orders.records, id, &rec) == RECORD_LIVE &&
	    rec->state == RECORD_TURNED)
		met(b, rec, router, ICMP4_TIMEX, 0);
}

/*
 * Every probe ends as exactly one: random orders of a hostile engine, then
 * the deadlines; the counters must add up and each packet has one verdict.
 */
static void
every_probe_ends_once(void **state)
{
	static const uint32_t all[] = { MSG_PASS, MSG_DROP, MSG_TURN,
		MSG_INFLECT, MSG_ANSWER, MSG_FINAL };
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id[48];
	uint32_t seed = TEST_SEED;
	uint64_t sum;
	unsigned int i, round;

	for (round = 0; round < 200; round++) {
		memset(&b->stats, 0, sizeof(b->stats));
		b->nverdicts = 0;
		b->now += 10 * SECOND;
		for (i = 0; i < 48; i++) {
			rec = hand_up(b, probe_udp4, sizeof(probe_udp4),
			    (uint8_t)(1 + test_random(&seed) % 3));
			id[i] = records_id(b->orders.records, rec);
		}
		for (i = 0; i < 400; i++) {
			/* What was not sent can't have met anything. */
			if (b->out.n + ORDERS_ROOM > OUTBOX_MAX ||
			    test_random(&seed) % 8 == 0) {
				b->out.pkt[0].error =
				    (int)(test_random(&seed) % 2);
				orders_sent(&b->orders);
				meet_one(b, id[test_random(&seed) % 48],
				    test_random(&seed) % 2 ? "203.0.113.1"
							   : NULL);
			}
			(void)order(b, all[test_random(&seed) % 6],
			    id[test_random(&seed) % 48]);
		}
		orders_sent(&b->orders);
		while ((rec = records_due(b->orders.records, RECORD_Q_ORDER,
			    INT64_MAX)) != NULL)
			orders_pass(&b->orders, rec);
		while ((rec = records_due(b->orders.records, RECORD_Q_SETTLE,
			    INT64_MAX)) != NULL)
			records_settled(b->orders.records, rec);
		while ((rec = records_due(b->orders.records, RECORD_Q_TIMEOUT,
			    INT64_MAX)) != NULL)
			orders_expire(&b->orders, rec);
		sum = COUNT(b, PASSED) + COUNT(b, DROPPED) +
		    COUNT(b, INFLECTIONS) + COUNT(b, RELAYED) +
		    COUNT(b, ENDED) + COUNT(b, EXPIRED);
		assert_int_equal(sum, 48);
		assert_int_equal(b->nverdicts, 48);
		assert_int_equal(records_used(b->orders.records), 0);
	}
}

/* Whatever is ordered under `mode observe': the verdict, and not a byte. */
static void
observed_probes_are_only_ever_passed(void **state)
{
	static const uint32_t all[] = { MSG_PASS, MSG_DROP, MSG_TURN,
		MSG_INFLECT };
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t i, k;

	for (i = 0; i < 4; i++)
		for (k = 0; k < 2; k++) {
			b->nverdicts = 0;
			rec = k == 0
			    ? hand_up(b, probe_udp4, sizeof(probe_udp4), 5)
			    : hand_up(b, probe_tcp4, sizeof(probe_tcp4), 1);
			rec->observe = 1;
			id = records_id(b->orders.records, rec);
			assert_int_equal(order(b, all[i], id), 0);
			assert_int_equal(b->out.n, 0);
			assert_int_equal(b->nverdicts, 1);
			assert_int_equal(b->verdict[0].accept, 1);
			assert_int_equal(rec->state, RECORD_FREE);
			/* Nor later: there is nothing to be answered. */
			assert_int_equal(order(b, MSG_FINAL, id), -1);
			assert_int_equal(order(b, MSG_ANSWER, id), -1);
			assert_int_equal(b->out.n, 0);
			assert_int_equal(b->nverdicts, 1);
		}
	assert_int_equal(COUNT(b, PASSED), 4);
	assert_int_equal(b->stats.tally[TALLY_OBSERVED], 6);
	assert_int_equal(COUNT(b, TURNED), 0);
	assert_int_equal(COUNT(b, DROPPED), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(inv03_one_disposition_for_each_probe),
		T(inv04_an_order_past_its_deadline_is_late),
		T(ids_that_were_never_issued_are_violations),
		T(drop_is_for_udp_and_the_silent_inflection),
		T(inflection_is_for_ttl_1_and_turn_for_more),
		T(a_failed_send_leaves_the_probe_to_the_kernel),
		T(inv12_answers_need_a_match),
		T(inv14_what_is_never_relayed),
		T(final_from_the_client_or_at_settle),
		T(inv19_caps_hold_whatever_is_ordered),
		T(every_probe_ends_once),
		T(observed_probes_are_only_ever_passed),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
