/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * What an ANSWER sends: which forms, what each carries, and never more than
 * the sum allows.
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

/* Objects of own_len bytes in own form, of router_len in router form. */
static int
answer_forms(struct bench *b, struct msg_id id, uint8_t flags, size_t own_len,
    size_t router_len)
{
	struct msg_answer ma;
	size_t i;

	memset(&ma, 0, sizeof(ma));
	ma.id = id;
	ma.flags = flags;
	ma.own_len = (uint8_t)own_len;
	ma.router_len = (uint8_t)router_len;
	for (i = 0; i < sizeof(ma.obj); i++)
		ma.obj[i] = (uint8_t)(i + 1);
	assert_int_equal(msg_put_answer(&b->engine, &ma), 0);
	return (deliver(b));
}

static int
answer(struct bench *b, struct msg_id id, uint8_t flags, size_t own_len)
{
	return (answer_forms(b, id, flags, own_len, 0));
}

static void
inv15_16_own_form_quotes_the_record_and_names_the_router(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
	assert_int_equal(
	    answer(b, id, MSG_ANSWER_ADDR | MSG_ANSWER_NAME, 0), 0);
	assert_int_equal(b->out.n, 1);
	assert_int_equal(b->out.pkt[0].len, sizeof(own_udp4));
	assert_memory_equal(b->out.pkt[0].buf, own_udp4, sizeof(own_udp4));
	send_all(b, rec, 0);
}

static void
inv17_router_form_only_where_the_policy_says_so(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	struct addr router, own;

	router = test_addr(FAMILY_V4, "203.0.113.1");
	own = test_addr(FAMILY_V4, "192.0.2.53");
	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
	assert_int_equal(order(b, MSG_ANSWER, id), 0);
	assert_memory_equal(b->out.pkt[0].buf + 12, own.b, 4);
	send_all(b, rec, 0);

	b->policy.listen[0].relay = RELAY_ROUTER;
	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
	assert_int_equal(order(b, MSG_ANSWER, id), 0);
	assert_int_equal(b->out.n, 1);
	assert_memory_equal(b->out.pkt[0].buf + 12, router.b, 4);
	send_all(b, rec, 0);

	/* hidden: from us, without its address */
	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
	assert_int_equal(answer(b, id, MSG_ANSWER_HIDE, 0), 0);
	assert_int_equal(b->out.n, 1);
	assert_memory_equal(b->out.pkt[0].buf + 12, own.b, 4);
	assert_int_equal(b->out.pkt[0].len, 28 + sizeof(probe_udp4));
	send_all(b, rec, 0);

	/* sources that are never spoofed: the client, own, martian */
	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	met(b, rec, NULL, ICMP4_TIMEX, 0);
	assert_int_equal(order(b, MSG_ANSWER, id), 0);
	assert_memory_equal(b->out.pkt[0].buf + 12, own.b, 4);
	send_all(b, rec, 0);
	rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
	met(b, rec, "127.0.0.1", ICMP4_TIMEX, 0);
	assert_int_equal(order(b, MSG_ANSWER, id), 0);
	assert_memory_equal(b->out.pkt[0].buf + 12, own.b, 4);
	send_all(b, rec, 0);
}

static void
both_forms_are_one_relayed_probe(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t fails;

	b->policy.listen[0].relay = RELAY_BOTH;
	for (fails = 0; fails < 4; fails++) {
		memset(&b->stats, 0, sizeof(b->stats));
		rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
		met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
		assert_int_equal(answer(b, id, MSG_ANSWER_ADDR, 0), 0);
		assert_int_equal(b->out.n, 2);
		assert_int_equal(
		    rec->answered, b->out.pkt[0].len + b->out.pkt[1].len);
		assert_true(rec->answered <= 5 * rec->probe.len);
		b->out.pkt[0].error = (int)(fails & 1);
		b->out.pkt[1].error = (int)(fails >> 1);
		orders_sent(&b->orders);
		assert_int_equal(COUNT(b, RELAYED), fails != 3);
		assert_int_equal(COUNT(b, EXPIRED), fails == 3);
		assert_int_equal(
		    COUNT(b, SEND_FAILED), (fails & 1) + (fails >> 1));
	}
}

static void
each_form_carries_its_part_of_the_objects(void **state)
{
	static const struct {
		enum policy_relay relay;
		size_t own;
		size_t router;
		size_t lens[2]; /* of the packets, in order */
	} cases[] = {
		{ RELAY_OWN, 8, 0, { 180, 0 } },
		/* nothing in own form: 20 + 8 + 60 */
		{ RELAY_ROUTER, 0, 20, { 180, 0 } },
		{ RELAY_ROUTER, 8, 4, { 164, 0 } },
		{ RELAY_BOTH, 0, 0, { 88, 172 } },
		{ RELAY_BOTH, 40, 0, { 88, 212 } },
		/* no room beside own form: that goes out alone */
		{ RELAY_BOTH, 44, 0, { 216, 0 } },
		{ RELAY_BOTH, 64, 64, { 236, 0 } },
		{ RELAY_BOTH, 8, 4, { 180, 0 } },
		{ RELAY_BOTH, 0, 64, { 172, 0 } },
	};
	struct bench *b = *state;
	const struct outbox_packet *pkt;
	struct record *rec;
	struct msg_id id;
	size_t i, j, n, sum;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b->now += SECOND;
		b->policy.listen[0].relay = cases[i].relay;
		rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
		met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
		assert_int_equal(answer_forms(b, id, MSG_ANSWER_ADDR,
				     cases[i].own, cases[i].router),
		    0);
		n = cases[i].lens[1] != 0 ? 2 : 1;
		assert_int_equal(b->out.n, n);
		for (j = 0, sum = 0; j < n; j++) {
			pkt = &b->out.pkt[j];
			assert_int_equal(pkt->len, cases[i].lens[j]);
			sum += pkt->len;
			/* the list's beginning is where the packet ends */
			if (pkt->len > 172)
				assert_int_equal(pkt->buf[pkt->len - 1],
				    cases[i].relay == RELAY_ROUTER
					? cases[i].router
					: cases[i].own);
		}
		assert_true(sum <= (cases[i].relay == RELAY_BOTH ? 5 : 3) *
			sizeof(probe_udp4));
		assert_int_equal(rec->answered, sum);
		send_all(b, rec, 0);
	}
}

/* Both have objects where the probe's sum has room for it. */
static void
both_forms_with_objects(void **state)
{
	uint8_t probe[100];
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;

	memset(probe, 0, sizeof(probe));
	memcpy(probe, probe_udp4, sizeof(probe_udp4));
	probe[3] = sizeof(probe);
	probe[25] = sizeof(probe) - 20;
	test_sums_write(probe, sizeof(probe));
	b->policy.listen[0].relay = RELAY_BOTH;
	rec = turned(b, probe, sizeof(probe), &id);
	met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
	assert_int_equal(answer_forms(b, id, MSG_ANSWER_ADDR, 64, 8), 0);
	assert_int_equal(b->out.n, 2);
	assert_int_equal(b->out.pkt[0].len, 168);
	assert_int_equal(b->out.pkt[0].buf[167], 8);
	assert_int_equal(b->out.pkt[1].len, 236);
	assert_int_equal(b->out.pkt[1].buf[235], 64);
	send_all(b, rec, 0);
}

static void
inv18_answers_over_the_sum_are_violations(void **state)
{
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t objlen;

	/* 60 bytes allow 180: 172 with the address, 8 more for the name */
	for (objlen = 0; objlen <= 64; objlen += 4) {
		b->now += SECOND;
		b->nverdicts = 0;
		rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
		met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
		if (172 + objlen > 180) {
			assert_int_equal(
			    answer(b, id, MSG_ANSWER_ADDR, objlen), -1);
			assert_int_equal(b->out.n, 0);
			records_end(b->orders.records, rec, 0);
			continue;
		}
		assert_int_equal(answer(b, id, MSG_ANSWER_ADDR, objlen), 0);
		assert_int_equal(b->out.pkt[0].len, 172 + objlen);
		send_all(b, rec, 0);
	}
	/* so is router form, alone, and where only own form would go out */
	for (objlen = 0; objlen <= 64; objlen += 4) {
		b->now += SECOND;
		b->policy.listen[0].relay =
		    objlen % 8 == 0 ? RELAY_OWN : RELAY_ROUTER;
		rec = turned(b, probe_udp4, sizeof(probe_udp4), &id);
		met(b, rec, "203.0.113.1", ICMP4_TIMEX, 0);
		if (objlen > 0 && 160 + objlen > 180) {
			assert_int_equal(answer_forms(b, id, 0, 0, objlen), -1);
			assert_int_equal(b->out.n, 0);
			records_end(b->orders.records, rec, 0);
			continue;
		}
		assert_int_equal(answer_forms(b, id, 0, 0, objlen), 0);
		send_all(b, rec, 0);
	}
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(inv15_16_own_form_quotes_the_record_and_names_the_router),
		T(inv17_router_form_only_where_the_policy_says_so),
		T(both_forms_are_one_relayed_probe),
		T(each_form_carries_its_part_of_the_objects),
		T(both_forms_with_objects),
		T(inv18_answers_over_the_sum_are_violations),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
