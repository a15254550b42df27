/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "utrace/survey.h"

#define MS 1000000LL

static struct survey s;
static struct tokens tokens;
static const struct survey_conf conf = { 1, 5, 3, 4, 40 * MS, 1000 * MS };

static struct hop_addr
addr(uint8_t last)
{
	struct hop_addr a;

	memset(&a, 0, sizeof(a));
	a.known = 1;
	a.addr.b[0] = 192;
	a.addr.b[3] = last;
	return (a);
}

/* Sends all that is due at now; returns how many, and the last token. */
static size_t
send_due(int64_t now, uint16_t *token)
{
	uint16_t ttl;
	size_t n = 0;

	while (survey_due(&s, now, &ttl)) {
		*token = tokens_next(&tokens);
		survey_sent(&s, *token, now);
		n++;
	}
	return (n);
}

static void
tokens_differ(void **state)
{
	static uint8_t seen[65536];
	static struct tokens other;
	uint16_t t = 0;
	size_t i, same = 0;

	(void)state;
	tokens_init(&tokens);
	tokens_init(&other);
	for (i = 0; i < TOKENS_MAX; i++) {
		t = tokens_next(&tokens);
		assert_true(t != 0 && t != 0xffff);
		assert_false(seen[t]);
		seen[t] = 1;
		same += t == tokens_next(&other);
	}
	assert_int_equal(tokens_next(&tokens), 0);
	/* By chance there is one in sixteen runs. */
	assert_true(same < 8);
}

/* One at a time, so many awaited at most, and a pause between. */
static void
survey_pace(void **state)
{
	uint16_t token = 0;
	size_t i;

	(void)state;
	tokens_init(&tokens);
	survey_init(&s, &conf, 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(survey_deadline(&s), (int64_t)i * 40 * MS);
		assert_int_equal(send_due((int64_t)i * 40 * MS, &token), 1);
		assert_int_equal(
		    send_due((int64_t)i * 40 * MS + 39 * MS, &token), 0);
	}
	/* Four are on their way: the first one's end is what is next. */
	assert_int_equal(survey_deadline(&s), 1000 * MS);
	assert_int_equal(send_due(999 * MS, &token), 0);
	survey_expire(&s, 999 * MS);
	assert_int_equal(send_due(999 * MS, &token), 0);
	survey_expire(&s, 1000 * MS);
	assert_int_equal(send_due(1000 * MS, &token), 1);
}

static void
survey_answers(void **state)
{
	struct hop_addr a = addr(1), b = addr(2);
	struct object o;
	uint16_t t[3] = { 0 }, other;
	struct hop *h;
	int i;

	(void)state;
	tokens_init(&tokens);
	survey_init(&s, &conf, 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(send_due(i * 40 * MS, &t[i]), 1);
	other = tokens_next(&tokens);
	memset(&o, 0, sizeof(o));
	o.has_time = 1;
	o.time_us = 77;
	assert_int_equal(survey_answer(&s, other, MS, &a, NULL, ""), 0);
	assert_int_equal(survey_answer(&s, t[1], 50 * MS, &b, &o, "!H"), 1);
	/* Only the first answer counts. */
	assert_int_equal(survey_answer(&s, t[1], 51 * MS, &a, NULL, ""), 0);
	assert_null(survey_hop(&s));
	assert_int_equal(survey_answer(&s, t[0], 52 * MS, &a, NULL, ""), 1);
	assert_int_equal(survey_answer(&s, t[2], 90 * MS, &b, NULL, ""), 1);
	assert_non_null(h = survey_hop(&s));
	assert_int_equal(hop_check(h), 0);
	assert_int_equal(h->ttl, 1);
	assert_int_equal(h->nprobes, 3);
	assert_int_equal(h->nanswers, 2);
	assert_int_equal(h->probes[0].answer, 1);
	assert_int_equal(h->probes[0].rtt_us, 52000);
	assert_int_equal(h->probes[1].answer, 0);
	assert_int_equal(h->probes[1].rtt_us, 10000);
	assert_true(h->probes[1].has_host);
	assert_int_equal(h->probes[1].host_us, 77);
	assert_string_equal(h->probes[1].mark, "!H");
	assert_int_equal(h->probes[2].answer, 0);
	assert_null(survey_hop(&s));
}

/* Two routers behind one source are two answers. */
static void
survey_routers(void **state)
{
	struct hop_addr a = addr(1);
	struct object o;
	uint16_t t = 0;
	int i;

	(void)state;
	tokens_init(&tokens);
	survey_init(&s, &conf, 0);
	memset(&o, 0, sizeof(o));
	for (i = 0; i < 3; i++) {
		(void)send_due(i * 40 * MS, &t);
		o.router = addr(i == 2 ? 9 : 8);
		assert_int_equal(survey_answer(&s, t, 500 * MS, &a, &o, ""), 1);
	}
	assert_int_equal(s.hops[1].nanswers, 2);
	assert_int_equal(s.hops[1].probes[2].answer, 1);
}

static void
survey_lost(void **state)
{
	struct hop_addr a = addr(1);
	uint16_t t = 0;
	int64_t now;
	struct hop *h;

	(void)state;
	tokens_init(&tokens);
	survey_init(&s, &conf, 0);
	for (now = 0; !survey_over(&s); now += MS) {
		survey_expire(&s, now);
		(void)send_due(now, &t);
		assert_true(now < 60 * 1000 * MS);
	}
	assert_int_equal(s.n, 15);
	/* Too late. */
	assert_int_equal(survey_answer(&s, t, now, &a, NULL, ""), 0);
	while ((h = survey_hop(&s)) != NULL) {
		assert_int_equal(hop_check(h), 0);
		assert_true(hop_is_lost(h));
	}
	assert_int_equal(s.next, 6);
}

/* What lies beyond the end is not sent, and not waited for. */
static void
survey_is_cut(void **state)
{
	struct hop_addr a = addr(1);
	uint16_t t[4] = { 0 };
	int i;

	(void)state;
	tokens_init(&tokens);
	survey_init(&s, &conf, 0);
	for (i = 0; i < 4; i++)
		(void)send_due(i * 40 * MS, &t[i]);
	for (i = 0; i < 3; i++)
		(void)survey_answer(&s, t[i], 130 * MS, &a, NULL, "");
	assert_false(survey_over(&s));
	survey_cut(&s, 1);
	assert_true(survey_over(&s));
	assert_int_equal(send_due(5000 * MS, &t[0]), 0);
	survey_cut(&s, 3);
	assert_true(survey_over(&s));
	survey_extend(&s, 3);
	assert_false(survey_over(&s));
	survey_extend(&s, 1000);
	assert_int_equal(s.last, HOP_TTL_MAX);
	/* Nothing at all. */
	survey_cut(&s, 0);
	assert_true(survey_over(&s));
}

static void
survey_refused(void **state)
{
	uint16_t t = 0;

	(void)state;
	tokens_init(&tokens);
	survey_init(&s, &conf, 0);
	(void)send_due(0, &t);
	assert_int_equal(survey_refuse(&s, (uint16_t)(t ^ 1)), 0);
	assert_int_equal(survey_refuse(&s, t), 1);
	assert_int_equal(survey_refuse(&s, t), 0);
	assert_int_equal(s.out, 0);
	assert_int_equal(s.done[1], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_differ),
		cmocka_unit_test(survey_pace),
		cmocka_unit_test(survey_answers),
		cmocka_unit_test(survey_routers),
		cmocka_unit_test(survey_lost),
		cmocka_unit_test(survey_is_cut),
		cmocka_unit_test(survey_refused),
	};

	return (cmocka_run_group_tests_name("survey", tests, NULL, NULL));
}
