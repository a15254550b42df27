/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "utrace/align.h"
#include "utrace/decode.h"

static struct trace t;
static struct align a;

/* A trace out of traceroute's lines; the first one names the target. */
static size_t
feed(const char *const *lines, size_t n, int over)
{
	static struct hop hop;
	struct hop_header header;
	size_t i, sure = 0;

	trace_init(&t);
	for (i = 0; i < n; i++) {
		switch (
		    decode_line(lines[i], strlen(lines[i]), &header, &hop)) {
		case DECODE_HEADER:
			t.header = header;
			break;
		case DECODE_HOP:
			assert_int_equal(hop_check(&hop), 0);
			assert_int_equal(trace_add(&t, &hop), 0);
			break;
		case DECODE_OTHER:
			fail_msg("no hop: %s", lines[i]);
		}
		sure = trace_cut(&t, 0);
	}
	if (over)
		sure = trace_cut(&t, 1);
	align_paths(&t, &a);
	return (sure);
}
#define FEED(lines, over) feed(lines, sizeof(lines) / sizeof(lines[0]), over)

/* The rows: "1=8 2 7> 3~5": hop numbers of the way there, of the way back. */
static void
assert_rows(const char *want)
{
	static const char signs[] = " .-~:=";
	char got[1024] = "", row[32];
	size_t i;

	for (i = 0; i < a.nrows; i++) {
		const struct align_row *r = &a.rows[i];

		if (r->forward == -1)
			snprintf(
			    row, sizeof(row), ">%d", t.hops[r->reverse].ttl);
		else if (r->reverse == -1)
			snprintf(
			    row, sizeof(row), "%d", t.hops[r->forward].ttl);
		else
			snprintf(row, sizeof(row), "%d%c%d",
			    t.hops[r->forward].ttl, signs[r->sign],
			    t.hops[r->reverse].ttl);
		if (i != 0)
			strncat(got, " ", sizeof(got) - strlen(got) - 1);
		strncat(got, row, sizeof(got) - strlen(got) - 1);
	}
	assert_string_equal(got, want);
}

/* A line with objects as uturnd sends them. */
#define SIGNED(ttl, from, router) \
	" " ttl "  " from " <2/196:00010000," router ";247/1:00000001>  1 ms"
#define HEAD "traceroute to t.example (198.51.100.53), 30 hops max"

/* The lab: the way back is another one, and nothing but its ends is known. */
static void
align_lab(void **state)
{
	static const char *const lines[] = { HEAD, " 1  203.0.113.1  1 ms",
		" 2  192.0.2.14  2 ms", " 3  192.0.2.22  3 ms",
		" 4  198.51.100.53  4 ms", " 5  198.51.100.1  5 ms",
		" 6  192.0.2.34  6 ms", " 7  192.0.2.54  7 ms",
		" 8  192.0.2.42  8 ms", " 9  198.51.100.53  4 ms" };

	(void)state;
	FEED(lines, 1);
	assert_int_equal(t.turn, 3);
	assert_int_equal(t.end, 8);
	assert_rows("1-8 2 >7 >6 3-5");
	assert_int_equal(align_same(&a), 0);
}

static void
align_names(void **state)
{
	static const char *const lines[] = { HEAD,
		" 1  eth0.r1.isp.example (203.0.113.1)  1 ms",
		" 2  r2.isp.example (192.0.2.14)  2 ms",
		" 3  ae1.r3.isp.example (192.0.2.22)  3 ms",
		" 4  t.example (198.51.100.53)  4 ms",
		" 5  XE-0-0-1.R3.isp.example (198.51.100.1)  5 ms",
		" 6  r5.isp.example (192.0.2.34)  6 ms",
		" 7  r4.isp.example (192.0.2.54)  7 ms",
		" 8  r1.isp.example (192.0.2.42)  8 ms",
		" 9  t.example (198.51.100.53)  4 ms" };

	(void)state;
	FEED(lines, 1);
	assert_rows("1:8 2 >7 >6 3:5");
	assert_int_equal(align_same(&a), 2);
}

/* A way back that leaves the way there and joins it again. */
static void
align_detour(void **state)
{
	static const char *const lines[] = { HEAD, " 1  192.0.2.1  1 ms",
		" 2  192.0.2.6  2 ms", " 3  192.0.2.10  3 ms",
		" 4  192.0.2.14  3 ms", " 5  198.51.100.53  4 ms",
		" 6  192.0.2.13  5 ms", " 7  192.0.2.129  6 ms",
		" 8  192.0.2.137  7 ms", " 9  192.0.2.5  8 ms",
		"10  198.51.100.53  4 ms" };

	(void)state;
	FEED(lines, 1);
	/* 192.0.2.13 and .14: one link, from router 3 to 4 and back, so that
	 * the first router on the way back, 6, is router 3. */
	assert_rows("1~9 2~8 >7 3~6 4");
}

/* Only the order of the way back counts: a router twice is used once. */
static void
align_order(void **state)
{
	static const char *const lines[] = { HEAD, " 1  192.0.2.1  1 ms",
		" 2  192.0.2.33  2 ms", " 3  192.0.2.65  3 ms",
		" 4  198.51.100.53  4 ms", " 5  192.0.2.1  5 ms",
		" 6  192.0.2.65  6 ms", " 7  192.0.2.33  7 ms",
		" 8  192.0.2.1  8 ms", " 9  * * *" };

	(void)state;
	FEED(lines, 1);
	assert_int_equal(t.end, -1);
	assert_rows("1=8 2=7 3=6 >5");
}

/* Networks line up, but never at the price of anything better. */
static void
align_networks(void **state)
{
	static const char *const lines[] = { HEAD,
		" 1  192.0.2.1 [AS64500]  1 ms",
		" 2  192.0.2.33 [AS64501]  2 ms",
		" 3  192.0.2.65 [AS64502]  3 ms",
		" 4  198.51.100.53 [AS64503]  4 ms",
		" 5  192.0.2.65 [AS64502]  5 ms",
		" 6  192.0.2.129 [AS64502]  6 ms",
		" 7  192.0.2.161 [AS64501]  7 ms",
		" 8  203.0.113.9 [AS64499]  8 ms",
		" 9  198.51.100.53 [AS64503]  4 ms" };

	(void)state;
	FEED(lines, 1);
	assert_rows("1 >8 2.7 >6 3=5");
	assert_int_equal(align_same(&a), 1);
}

static void
align_links(void **state)
{
	static const struct {
		const char *x, *y;
		int want;
	} cases[] = { { "192.0.2.1", "192.0.2.2", 1 },
		{ "192.0.2.0", "192.0.2.1", 1 },
		{ "192.0.2.2", "192.0.2.3", 1 },
		{ "192.0.2.1", "192.0.2.1", 0 },
		{ "192.0.2.0", "192.0.2.3", 0 },
		{ "192.0.2.0", "192.0.2.2", 0 },
		{ "192.0.2.1", "192.0.2.3", 0 },
		{ "192.0.2.3", "192.0.2.4", 0 },
		{ "192.0.2.2", "192.0.2.5", 0 },
		{ "2001:db8::1", "2001:db8::2", 1 },
		{ "2001:db8::1", "2001:db8::ffff", 1 },
		{ "2001:db8::1", "2001:db8:0:1::2", 0 },
		{ "2001:db8::1", "192.0.2.1", 0 } };
	struct hop_addr x, y;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&x, 0, sizeof(x));
		memset(&y, 0, sizeof(y));
		assert_int_equal(
		    hop_addr_parse(cases[i].x, strlen(cases[i].x), &x), 0);
		assert_int_equal(
		    hop_addr_parse(cases[i].y, strlen(cases[i].y), &y), 0);
		assert_int_equal(align_is_link(&x, &y), cases[i].want);
		assert_int_equal(align_is_link(&y, &x), cases[i].want);
	}
}

static void
align_router_names(void **state)
{
	(void)state;
	assert_true(align_is_name("r1.example", "R1.example"));
	assert_true(align_is_name("ae1.r1.example", "r1.example"));
	assert_true(align_is_name("et-0-0-1.r1.x.example", "ae0.r1.x.example"));
	assert_false(align_is_name("r1.example", "r2.example"));
	assert_false(align_is_name("core1.r1.example", "r1.example"));
	assert_false(align_is_name("ge1.example", "ge2.example"));
	assert_false(align_is_name("", ""));
	assert_false(align_is_name("r1.example", ""));
}

/* Where is the turn, and since when is that known? */
static void
paths_turns(void **state)
{
	static const char *const plain[] = { HEAD, " 1  192.0.2.1  1 ms",
		" 2  198.51.100.53  2 ms" };
	static const char *const direct[] = { HEAD, " 1  192.0.2.1  1 ms",
		" 2  198.51.100.53  2 ms", " 3  198.51.100.53  2 ms" };
	static const char *const lost[] = { HEAD, " 1  192.0.2.1  1 ms",
		" 2  198.51.100.54  2 ms", " 3  * * *", " 4  * * *",
		SIGNED("5", "198.51.100.54", "cb007101") };
	static const char *const near[] = { HEAD, " 1  198.51.100.55  1 ms",
		" 2  198.51.100.57  2 ms",
		SIGNED("3", "198.51.100.57", "c6336437") };
	static const char *const next[] = { HEAD, " 1  192.0.2.1  1 ms",
		" 2  198.51.100.53  2 ms", " 3  198.51.100.54  3 ms",
		" 4  198.51.100.53  2 ms" };
	static const char *const same[] = { HEAD, " 1  192.0.2.1  1 ms",
		" 2  198.51.100.53  2 ms",
		SIGNED("3", "198.51.100.53", "c6336435"), " 4  192.0.2.1  3 ms",
		" 5  * * *" };
	static const char *const first[] = { HEAD,
		SIGNED("7", "198.51.100.54", "cb007101") };
	size_t at;

	(void)state;
	assert_int_equal(FEED(plain, 0), 1);
	assert_int_equal(t.turn, -1);
	FEED(plain, 1);
	assert_int_equal(t.turn, -1);
	assert_int_equal(trace_forward(&t, &at), 2);
	assert_int_equal(trace_reverse(&t, &at), 0);

	/* The client is the router's neighbour: no hop on the way back. */
	assert_int_equal(FEED(direct, 1), 3);
	assert_int_equal(t.turn, 1);
	assert_int_equal(t.end, 2);
	assert_int_equal(trace_reverse(&t, &at), 0);

	/* Only the last line tells; those before it were held back. */
	assert_int_equal(feed(lost, 5, 0), 1);
	assert_int_equal(FEED(lost, 0), 5);
	assert_int_equal(t.turn, 1);
	assert_int_equal(t.end, -1);
	assert_int_equal(trace_reverse(&t, &at), 3);
	assert_int_equal(at, 2);

	/* A gateway just as far in numbers as in hops is no hop prefix. */
	FEED(near, 1);
	assert_int_equal(t.turn, 1);

	/* Nor is one that follows on the host's. */
	FEED(next, 1);
	assert_int_equal(t.turn, 1);
	assert_false(t.hops[2].answers[0].is_hidden);

	/* A router that is named with the target's address is named. */
	FEED(same, 1);
	assert_int_equal(t.turn, 1);
	assert_false(t.hops[2].answers[0].is_hidden);
	assert_true(
	    hop_addr_equal(&t.hops[2].answers[0].from, &t.header.target));

	/* A trace that begins behind the turn. */
	FEED(first, 1);
	assert_int_equal(t.turn, -1);
	assert_int_equal(t.back, 0);
	assert_int_equal(a.nrows, 1);
}

static void
paths_hint(void **state)
{
	static const char *const lines[] = { HEAD, " 1  192.0.2.1  1 ms",
		" 2  198.51.100.54  2 ms", " 3  192.0.2.5  2 ms",
		" 4  198.51.100.53  2 ms" };

	(void)state;
	FEED(lines, 1);
	assert_int_equal(t.back, -1);
	t.hint_ttl = 2;
	FEED(lines, 1);
	assert_int_equal(t.turn, 1);
	assert_int_equal(t.end, 3);
	t.hint_ttl = 0;
	assert_int_equal(hop_addr_parse("198.51.100.54", 13, &t.hint), 0);
	FEED(lines, 1);
	assert_int_equal(t.turn, 1);
	memset(&t.hint, 0, sizeof(t.hint));
}

/* Hops at the ends are the same only where the ends were reached. */
static void
align_no_end(void **state)
{
	static const char *const lines[] = { HEAD, " 1  203.0.113.1  1 ms",
		" 2  192.0.2.22  3 ms", " 3  198.51.100.53  4 ms",
		" 4  198.51.100.1  5 ms", " 5  192.0.2.34  6 ms", " 6  * * *" };

	(void)state;
	FEED(lines, 1);
	assert_rows("1 >5 2-4");
}

/* More addresses and times than a client sends probes. */
static void
decode_many(void **state)
{
	static struct hop hop;
	struct hop_header header;
	char line[1024] = " 1";
	size_t at = 2;
	int i;

	(void)state;
	for (i = 1; i <= HOP_PROBES + 5; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at,
		    "  192.0.2.%d <1/2:3>  %d ms !%d", i, i, i);
	assert_int_equal(decode_line(line, at, &header, &hop), DECODE_HOP);
	assert_int_equal(hop.nanswers, HOP_PROBES);
	assert_int_equal(hop.nprobes, HOP_PROBES);
	assert_int_equal(hop.probes[HOP_PROBES - 1].rtt_us, HOP_PROBES * 1000);
	assert_int_equal(hop_check(&hop), 0);
	for (i = 0; i < 20; i++)
		memcpy(line + 2 + 2 * i, " *", 2);
	assert_int_equal(decode_line(line, 42, &header, &hop), DECODE_HOP);
	assert_int_equal(hop.nprobes, HOP_PROBES);
	assert_true(hop_is_lost(&hop));
}

/* A client that does not say its target; and a loop, which is no turn. */
static void
paths_no_header(void **state)
{
	static const char *const turned[] = { " 1  192.0.2.1  1 ms",
		" 2  198.51.100.53  2 ms", " 3  192.0.2.1  2 ms",
		" 4  198.51.100.53  2 ms" };
	static const char *const loop[] = { " 1  192.0.2.1  1 ms",
		" 2  198.51.100.1  2 ms", " 3  192.0.2.1  2 ms",
		" 4  198.51.100.1  2 ms", " 5  192.0.2.1  2 ms",
		" 6  198.51.100.1  2 ms", " 7  * * *" };

	(void)state;
	FEED(turned, 1);
	assert_int_equal(t.turn, 1);
	assert_int_equal(t.end, 3);
	FEED(loop, 1);
	assert_int_equal(t.back, -1);
}

/* As many hops as there can be, on both ways. */
static void
align_many(void **state)
{
	static struct hop hop;
	struct hop_header header;
	char line[64];
	int i;

	(void)state;
	trace_init(&t);
	assert_int_equal(
	    decode_line(HEAD, strlen(HEAD), &header, &hop), DECODE_HEADER);
	t.header = header;
	for (i = 1; i <= HOP_TTL_MAX; i++) {
		snprintf(line, sizeof(line), "%3d  %s%d  1 ms", i,
		    i == 100 ? "198.51.100." : "192.0.2.",
		    i == 100 ? 53 : 255 - i);
		assert_int_equal(
		    decode_line(line, strlen(line), &header, &hop), DECODE_HOP);
		assert_int_equal(trace_add(&t, &hop), 0);
	}
	assert_int_equal(trace_add(&t, &hop), -1);
	assert_int_equal(trace_cut(&t, 1), HOP_TTL_MAX);
	align_paths(&t, &a);
	assert_true(a.nrows <= ALIGN_ROWS);
	assert_true(a.nrows >= 128);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(align_lab),
		cmocka_unit_test(align_names),
		cmocka_unit_test(align_detour),
		cmocka_unit_test(align_order),
		cmocka_unit_test(align_networks),
		cmocka_unit_test(align_links),
		cmocka_unit_test(align_router_names),
		cmocka_unit_test(paths_turns),
		cmocka_unit_test(paths_hint),
		cmocka_unit_test(align_no_end),
		cmocka_unit_test(decode_many),
		cmocka_unit_test(paths_no_header),
		cmocka_unit_test(align_many),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
