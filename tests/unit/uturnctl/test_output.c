/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "uturnctl/output.h"

/* A stream whose text is compared. */
struct test_stream {
	FILE *f;
	char *text;
	size_t len;
};

static void
test_open(struct test_stream *s)
{
	assert_non_null(s->f = open_memstream(&s->text, &s->len));
}

/* Its text is whole now, and the caller's to free. */
static void
test_end(struct test_stream *s)
{
	assert_int_equal(fclose(s->f), 0);
}

static void
test_is(struct test_stream *s, const char *want)
{
	test_end(s);
	assert_string_equal(s->text, want);
	free(s->text);
}

/* A reply in which each number is its own. */
static void
fill_stats(struct reply *r)
{
	int i, f, p;

	reply_init(r, ACTION_STATS);
	r->info.paused = 1;
	r->info.generation = 3;
	r->info.pending_max = 8192;
	r->info.uptime_ns = 93784999999999;
	for (i = 0; i < STAT_MAX; i++)
		for (f = 0; f < FAMILY_MAX; f++)
			for (p = 0; p < PROTO_MAX; p++)
				r->stats.stat[i][f][p] =
				    (uint64_t)(1000 * i + 10 * f + p);
	for (i = 0; i < TALLY_MAX; i++)
		r->stats.tally[i] = (uint64_t)(500 + i);
}

static json_int_t
member(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_integer(v))
		fail_msg("%s is missing or not an integer", name);
	return (json_integer_value(v));
}

static void
check_counter(const json_t *root, int i)
{
	const json_t *o = json_object_get(root, stat_name(i));
	const json_t *v4 = json_object_get(o, "v4");
	const json_t *v6 = json_object_get(o, "v6");

	assert_int_equal(json_object_size(o), 3);
	assert_int_equal(json_object_size(v4), 3);
	assert_int_equal(json_object_size(v6), 3);
	assert_int_equal(member(o, "total"), 6000 * i + 36);
	assert_int_equal(member(v4, "udp"), 1000 * i);
	assert_int_equal(member(v4, "icmp"), 1000 * i + 1);
	assert_int_equal(member(v4, "tcp"), 1000 * i + 2);
	assert_int_equal(member(v6, "udp"), 1000 * i + 10);
	assert_int_equal(member(v6, "icmp"), 1000 * i + 11);
	assert_int_equal(member(v6, "tcp"), 1000 * i + 12);
}

/* The shape that the design promises, and that nothing else is there. */
static void
test_json_stats(void **state)
{
	static const char *const promised[] = { "probes", "inflections",
		"turned", "relayed", "ended", "expired", "passed", "limited",
		"late", "forged", "unmatched", "duplicate" };
	static struct reply r;
	struct test_stream s;
	json_t *root, *refused;
	size_t i;

	(void)state;
	fill_stats(&r);
	test_open(&s);
	assert_int_equal(output_json.stats(s.f, &r), 0);
	test_end(&s);
	assert_non_null(
	    root = json_loads(s.text, JSON_REJECT_DUPLICATES, NULL));
	free(s.text);

	assert_int_equal(member(root, "version"), 1);
	assert_int_equal(member(root, "paused"), 1);
	assert_int_equal(member(root, "observing"), 0);
	assert_int_equal(member(root, "generation"), 3);
	assert_int_equal(member(root, "uptime_s"), 93784);
	assert_int_equal(member(root, "pending_max"), 8192);
	for (i = 0; i < sizeof(promised) / sizeof(promised[0]); i++)
		assert_true(json_is_object(json_object_get(root, promised[i])));
	for (i = 0; i < STAT_MAX; i++)
		check_counter(root, (int)i);
	assert_int_equal(
	    member(root, "queue_dropped"), 500 + TALLY_QUEUE_DROPPED);
	assert_int_equal(member(root, "pending"), 500 + TALLY_PENDING);
	refused = json_object_get(root, "refused");
	for (i = 0; i < TALLY_MAX; i++)
		assert_int_equal(
		    member(i <= TALLY_REFUSED_LAST ? refused : root,
			tally_name(i)),
		    500 + i);
	assert_int_equal(json_object_size(refused), TALLY_REFUSED_LAST + 1);
	assert_int_equal(json_object_size(root),
	    7 + STAT_MAX + TALLY_MAX - TALLY_REFUSED_LAST - 1);
	json_decref(root);
}

static void
test_huge(void **state)
{
	static struct reply r;
	struct test_stream s;
	json_t *root;

	(void)state;
	reply_init(&r, ACTION_STATS);
	r.stats.stat[STAT_LATE][FAMILY_V4][PROTO_UDP] = UINT64_MAX;
	r.stats.stat[STAT_LATE][FAMILY_V6][PROTO_UDP] = 1;
	assert_true(output_sum(&r.stats, STAT_LATE, FAMILY_MAX) == UINT64_MAX);
	assert_true(output_sum(&r.stats, STAT_LATE, FAMILY_V6) == 1);
	test_open(&s);
	assert_int_equal(output_json.stats(s.f, &r), 0);
	test_end(&s);
	assert_non_null(root = json_loads(s.text, 0, NULL));
	assert_true(
	    member(json_object_get(root, "late"), "total") == INT64_MAX);
	json_decref(root);
	free(s.text);
	/* The text's columns grow with their numbers. */
	test_open(&s);
	assert_int_equal(output_text.stats(s.f, &r), 0);
	test_end(&s);
	assert_non_null(strstr(s.text,
	    "\nlate             18446744073709551615 18446744073709551615 "
	    "       0        0        1        0        0\n"));
	assert_non_null(strstr(s.text,
	    "\nprobes                              0                    0 "));
	free(s.text);
}

static void
test_text_stats(void **state)
{
	static struct reply r;
	struct test_stream s;

	(void)state;
	fill_stats(&r);
	test_open(&s);
	assert_int_equal(output_text.stats(s.f, &r), 0);
	test_end(&s);
	/* Its first lines, and one of each later part. */
	assert_ptr_equal(
	    strstr(s.text,
		"paused, configuration 3, up 1d 02:03:04\n"
		"probes in flight: 520 of 8192\n"
		"\n"
		"                    total   v4 udp  v4 icmp   v4 tcp"
		"   v6 udp  v6 icmp   v6 tcp\n"
		"probes                 36        0        1        2"
		"       10       11       12\n"
		"inflections          6036     1000     1001     1002"
		"     1010     1011     1012\n"),
	    s.text);
	assert_non_null(strstr(s.text, "\nshort                 500\n"));
	assert_non_null(strstr(s.text, "\nqueue_dropped         518\n"));
	assert_null(strstr(s.text, "\npending "));
	free(s.text);
}

static void
fill_lines(struct reply *r, enum ctl_action action)
{
	static const char *const texts[] = { "relay own", "say \"\\\\x1b\"" };
	size_t i;

	reply_init(r, action);
	assert_non_null(r->lines = calloc(2, sizeof(*r->lines)));
	for (i = 0; i < 2; i++) {
		r->lines[i].pri = (uint8_t)(4 + i);
		assert_non_null(r->lines[i].text = strdup(texts[i]));
	}
	r->nlines = 2;
}

static void
test_config(void **state)
{
	static struct reply r;
	struct test_stream s;

	(void)state;
	fill_lines(&r, ACTION_SHOW_CONFIG);
	test_open(&s);
	assert_int_equal(output_text.config(s.f, &r), 0);
	test_is(&s, "relay own\nsay \"\\\\x1b\"\n");
	test_open(&s);
	assert_int_equal(output_json.config(s.f, &r), 0);
	test_is(&s,
	    "{\n  \"version\": 1,\n  \"config\": [\n    \"relay own\",\n"
	    "    \"say \\\"\\\\\\\\x1b\\\"\"\n  ]\n}\n");
	reply_free(&r);
}

static void
test_processes(void **state)
{
	static const struct output_process p[] = {
		{ 100, "controller", 0, { 990, 0, 0, 1, 2, 4096 }, "_uturnd" },
		{ 101, "packet process", 0, { 990, 0x1000, 0x3000, 1, 2, 99 },
		    "_uturnd" },
		{ 102, "engine", 0, { 0, 0x1ffffffffff, 0, 0, 0, 1 }, "0" },
		{ 103, "lost", ENOENT, { 0 }, "" },
	};
	struct test_stream s;

	(void)state;
	test_open(&s);
	assert_int_equal(output_text.processes(s.f, p, 4), 0);
	test_is(&s,
	    "    PID PROCESS         USER       CAPEFF       CAPBND         "
	    "NNP SECCOMP      RSS\n"
	    "    100 controller      _uturnd    none         none           "
	    "  1       2   4096kB\n"
	    "    101 packet process  _uturnd    net_admin    net_admin,net_raw"
	    "     1       2     99kB\n"
	    "    102 engine          0          1ffffffffff  none           "
	    "  0       0      1kB\n"
	    "    103 lost            No such file or directory\n");
	test_open(&s);
	assert_int_equal(output_json.processes(s.f, p + 1, 1), 0);
	test_is(&s,
	    "{\n  \"version\": 1,\n  \"processes\": [\n    {\n"
	    "      \"name\": \"packet process\",\n      \"pid\": 101,\n"
	    "      \"user\": \"_uturnd\",\n      \"uid\": 990,\n"
	    "      \"cap_eff\": \"0000000000001000\",\n"
	    "      \"cap_bnd\": \"0000000000003000\",\n"
	    "      \"no_new_privs\": 1,\n      \"seccomp\": 2,\n"
	    "      \"rss_kb\": 99\n    }\n  ]\n}\n");
	test_open(&s);
	assert_int_equal(output_json.processes(s.f, p + 3, 1), 0);
	test_is(&s,
	    "{\n  \"version\": 1,\n  \"processes\": [\n    {\n"
	    "      \"name\": \"lost\",\n      \"pid\": 103,\n"
	    "      \"error\": \"No such file or directory\"\n    }\n  ]\n}\n");
}

static void
test_result(void **state)
{
	static struct reply r;
	struct test_stream out, err;

	(void)state;
	fill_lines(&r, ACTION_RELOAD);
	r.have_result = 1;
	r.result = RESULT_FAILED;
	snprintf(r.text, sizeof(r.text), "the old one stays");
	test_open(&out);
	test_open(&err);
	assert_int_equal(output_text.result(out.f, err.f, &r), 0);
	test_is(&out, "");
	test_is(&err,
	    "relay own\nsay \"\\\\x1b\"\n"
	    "uturnctl: failed: the old one stays\n");
	r.result = RESULT_OK;
	r.nlines = 1;
	test_open(&out);
	test_open(&err);
	assert_int_equal(output_text.result(out.f, err.f, &r), 0);
	test_is(&out, "the old one stays\n");
	test_is(&err, "relay own\n");
	r.result = RESULT_REFUSED;
	test_open(&out);
	test_open(&err);
	assert_int_equal(output_json.result(out.f, err.f, &r), 0);
	test_is(&out,
	    "{\n  \"version\": 1,\n  \"result\": \"refused\",\n"
	    "  \"message\": \"the old one stays\",\n  \"lines\": [\n"
	    "    {\n      \"priority\": 4,\n      \"text\": \"relay own\"\n"
	    "    }\n  ]\n}\n");
	test_is(&err, "uturnctl: refused: the old one stays\n");
	r.nlines = 2;
	reply_free(&r);
}

/* Some lines of each kind; the format itself is judged in tests/net. */
static void
test_metrics(void **state)
{
	static const char *const lines[] = {
		"# TYPE uturnd_probes_total counter\n",
		"uturnd_turned_total{family=\"6\",proto=\"tcp\"} 2012\n",
		"uturnd_refused_total{reason=\"no_room\"} 511\n",
		"\nuturnd_up 1\n",
		"\nuturnd_paused 1\n",
		"\nuturnd_observing 0\n",
		"\nuturnd_config_generation 3\n",
		"\nuturnd_uptime_seconds 93784\n",
		"\nuturnd_pending_max 8192\n",
		"\nuturnd_last_probe_timestamp_seconds 1499997.500000\n",
		"# TYPE uturnd_hop_rtt_seconds histogram\n",
		"_bucket{family=\"4\",le=\"0.0005\"} 2\n",
		"_bucket{family=\"4\",le=\"0.001\"} 2\n",
		"_bucket{family=\"4\",le=\"2.5\"} 2\n",
		"_bucket{family=\"4\",le=\"+Inf\"} 5\n",
		"uturnd_hop_rtt_seconds_sum{family=\"4\"} 12.000034\n",
		"uturnd_hop_rtt_seconds_count{family=\"4\"} 5\n",
		"uturnd_hop_rtt_seconds_count{family=\"6\"} 0\n",
	};
	static struct reply r;
	struct test_stream s;
	size_t i;

	(void)state;
	fill_stats(&r);
	r.stats.rtt[FAMILY_V4][0] = 2;
	r.stats.rtt[FAMILY_V4][STATS_RTT_BUCKETS - 1] = 3;
	r.stats.rtt_sum_us[FAMILY_V4] = 12000034;
	r.stats.probe_age_ms = 2500;
	test_open(&s);
	assert_int_equal(output_metrics(s.f, &r, 1500000000), 0);
	test_end(&s);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strstr(s.text, lines[i]) == NULL)
			fail_msg("%s is not in\n%s", lines[i], s.text);
	free(s.text);
	/* None yet; or a clock that was set back. */
	for (i = 0; i < 2; i++) {
		r.stats.probe_age_ms = i == 0 ? 0 : UINT64_MAX;
		test_open(&s);
		assert_int_equal(output_metrics(s.f, &r, 1500000000), 0);
		test_end(&s);
		assert_non_null(
		    strstr(s.text, "_last_probe_timestamp_seconds 0.000000\n"));
		free(s.text);
	}
	reply_free(&r);
}

static void
test_rows(void **state)
{
	static struct msg_client clients[] = {
		{ FAMILY_V4, PROTO_UDP, 32, { { 203, 0, 113, 7 } }, 0, 3200000,
		    8800000, 12, 3 },
		{ FAMILY_V6, PROTO_ICMP, 64, { { 0x20, 1, 0xd, 0xb8 } }, 0, 0,
		    10000000, 1, 0 },
		{ FAMILY_V4, PROTO_TCP, 32, { { 203, 0, 113, 8 } }, 443, 0, 0,
		    UINT32_MAX, 0 },
	};
	static struct msg_deny denied[] = {
		{ 0, FAMILY_V4, 24, { { 203, 0, 113 } }, 3661000 },
		{ 0, FAMILY_V6, 128, { { 0x20, 1 } }, 1 },
	};
	static struct reply r;
	struct names names;
	struct test_stream s;
	json_t *root, *o;

	(void)state;
	names_none(&names);
	reply_init(&r, ACTION_SHOW_CLIENTS);
	r.clients = clients;
	r.nclients = 3;
	r.denied = denied;
	r.ndenied = 2;
	test_open(&s);
	assert_int_equal(output_text.clients(s.f, &r, &names), 0);
	test_is(&s,
	    "CLIENT                                  PROTOCOL      OPEN"
	    "     LEFT   PROBES  LIMITED\n"
	    "203.0.113.7                             udp             3s"
	    "       8s       12        3\n"
	    "2001:db8::/64                           icmp            0s"
	    "      10s        1        0\n"
	    "203.0.113.8                             tcp/443         0s"
	    "       0s 4294967295        0\n");
	test_open(&s);
	assert_int_equal(output_text.denied(s.f, &r), 0);
	test_is(&s,
	    "203.0.113.0/24                              01:01:01 left\n"
	    "2001::/128                                  00:00:01 left\n");

	test_open(&s);
	assert_int_equal(output_json.clients(s.f, &r, &names), 0);
	test_end(&s);
	assert_non_null(
	    root = json_loads(s.text, JSON_REJECT_DUPLICATES, NULL));
	free(s.text);
	assert_int_equal(member(root, "version"), 1);
	o = json_array_get(json_object_get(root, "clients"), 2);
	assert_int_equal(member(o, "port"), 443);
	assert_int_equal(member(o, "probes"), UINT32_MAX);
	o = json_array_get(json_object_get(root, "clients"), 0);
	assert_string_equal(
	    json_string_value(json_object_get(o, "client")), "203.0.113.7");
	assert_null(json_object_get(o, "port"));
	assert_int_equal(member(o, "opened_us"), 3200000);
	assert_int_equal(member(o, "limited"), 3);
	json_decref(root);
	test_open(&s);
	assert_int_equal(output_json.denied(s.f, &r), 0);
	test_end(&s);
	assert_non_null(
	    root = json_loads(s.text, JSON_REJECT_DUPLICATES, NULL));
	free(s.text);
	o = json_array_get(json_object_get(root, "denied"), 0);
	assert_string_equal(
	    json_string_value(json_object_get(o, "prefix")), "203.0.113.0/24");
	assert_int_equal(member(o, "left_ms"), 3661000);
	json_decref(root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_json_stats),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_text_stats),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_result),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
