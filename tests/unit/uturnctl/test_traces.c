/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "uturnctl/output.h"

#define HOSTILE "evil\\x1b[2J\"]; b -> c [label=\""

struct fixture {
	FILE *f;
	char *text;
	size_t len;
	struct reply r;
	struct reply_trace trace[2];
	struct msg_hop hop[4];
	struct names names;
	struct names_entry entry[1];
};

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(FAMILY_V4, text, &a), 0);
	return (a);
}

static void
fill_hop(struct msg_hop *h, uint8_t hop, const char *router, uint32_t us)
{
	h->family = FAMILY_V4;
	h->hop = hop;
	h->turned = 3;
	h->answered = 3;
	h->routers = 1;
	h->router = address(router);
	h->rtt_min_us = us;
	h->rtt_avg_us = us + 10;
	h->rtt_max_us = us + 2000;
}

/* Four hops: plain, silent, one with all there is, the client. */
static int
setup(void **state)
{
	struct fixture *f;
	struct msg_trace *h;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (-1);
	fill_hop(&f->hop[0], 1, "192.0.2.21", 51);
	f->hop[1].family = FAMILY_V4;
	f->hop[1].hop = 2;
	f->hop[1].turned = f->hop[1].lost = 3;
	fill_hop(&f->hop[2], 3, "192.0.2.54", 1234567);
	f->hop[2].lost = 1;
	f->hop[2].routers = MSG_HOP_ROUTERS;
	f->hop[2].flags = MSG_HOP_HIDDEN | MSG_HOP_UNREACH;
	f->hop[2].icmp_type = 3;
	f->hop[2].icmp_code = 13;
	f->hop[2].nlabels = 2;
	f->hop[2].label[0] = 16004U << 12 | 5 << 9 | 1;
	f->hop[2].label[1] = 99U << 12 | 1 << 8 | 254;
	fill_hop(&f->hop[3], 4, "203.0.113.10", 20000);
	f->hop[3].flags = MSG_HOP_CLIENT;
	f->hop[3].lost = 2;

	h = &f->trace[0].head;
	h->client = address("203.0.113.10");
	h->listen = address("198.51.100.53");
	h->proto = PROTO_TCP;
	h->begun_us = 3723999999;
	h->seen_us = 5000000;
	h->probes = 12;
	h->end = TRACE_ANSWERED;
	h->end_hop = 4;
	h->changed_hop = 3;
	h->changed_us = 61000000;
	h->changed_from = address("192.0.2.50");
	h->changed_to = address("192.0.2.54");
	f->trace[0].nhops = 4;
	f->trace[0].hops = f->hop;
	f->trace[1].head.client = address("203.0.113.11");
	f->trace[1].head.listen = address("198.51.100.53");
	f->trace[1].head.probes = 1;
	f->r.traces = f->trace;
	f->r.ntraces = 2;
	f->names.fd = -1;
	f->names.n = 1;
	f->names.entry = f->entry;
	f->entry[0].addr = address("192.0.2.21");
	(void)snprintf(
	    f->entry[0].name, sizeof(f->entry[0].name), "%s", HOSTILE);
	*state = f;
	return ((f->f = open_memstream(&f->text, &f->len)) == NULL ? -1 : 0);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	if (f->f != NULL && fclose(f->f) != 0)
		return (-1);
	free(f->text);
	free(f);
	return (0);
}

static void
expect(struct fixture *f, const char *want)
{
	assert_int_equal(fflush(f->f), 0);
	assert_string_equal(f->text, want);
}

static void
test_text(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(output_text.traces(f->f, &f->r, &f->names), 0);
	expect(f,
	    "203.0.113.10 to 198.51.100.53, tcp, 00:00:05 ago, 12 probes, "
	    "ended at hop 4, answered by the client\n"
	    "  hop loss    min ms    avg ms    max ms  router\n"
	    "    1   0%     0.051     0.061     2.051  192.0.2.21 (" HOSTILE
	    ")\n"
	    "    2 100%         -         -         -  *\n"
	    "    3  25%  1234.567  1234.577  1236.567  192.0.2.54 !X "
	    "[MPLS 16004,99], one of 4 or more, hidden\n"
	    "    4    -    20.000    20.010    22.000  203.0.113.10, "
	    "the client\n"
	    "  the way back changed 00:01:01 ago at hop 3: 192.0.2.54, "
	    "before 192.0.2.50\n"
	    "\n"
	    "203.0.113.11 to 198.51.100.53, udp, 00:00:00 ago, 1 probe, "
	    "no end yet\n");
}

static void
test_text_none(void **state)
{
	struct fixture *f = *state;

	f->r.ntraces = 0;
	assert_int_equal(output_text.traces(f->f, &f->r, &f->names), 0);
	expect(f, "no traces\n");
}

static void
test_json(void **state)
{
	struct fixture *f = *state;

	f->hop[0].routers = 2;
	f->trace[0].hops = f->hop + 2;
	f->trace[0].nhops = 2;
	f->entry[0].addr = address("192.0.2.54");
	assert_int_equal(output_json.traces(f->f, &f->r, &f->names), 0);
	expect(f,
	    "{\n  \"version\": 1,\n  \"traces\": [\n    {\n"
	    "      \"client\": \"203.0.113.10\",\n"
	    "      \"listen\": \"198.51.100.53\",\n"
	    "      \"protocol\": \"tcp\",\n"
	    "      \"begun_us\": 3723999999,\n"
	    "      \"seen_us\": 5000000,\n"
	    "      \"probes\": 12,\n"
	    "      \"end\": \"answered\",\n"
	    "      \"end_hop\": 4,\n"
	    "      \"changed\": {\n        \"hop\": 3,\n"
	    "        \"ago_us\": 61000000,\n"
	    "        \"from\": \"192.0.2.50\",\n"
	    "        \"to\": \"192.0.2.54\"\n      },\n"
	    "      \"answer\": {\n        \"answered\": 3,\n"
	    "        \"rtt_min_us\": 20000,\n"
	    "        \"rtt_avg_us\": 20010,\n"
	    "        \"rtt_max_us\": 22000\n      },\n"
	    "      \"hops\": [\n        {\n          \"hop\": 3,\n"
	    "          \"address\": \"192.0.2.54\",\n"
	    "          \"name\": \"evil\\\\x1b[2J\\\"]; b -> c "
	    "[label=\\\"\",\n"
	    "          \"turned\": 3,\n          \"lost\": 1,\n"
	    "          \"answered\": 3,\n"
	    "          \"rtt_min_us\": 1234567,\n"
	    "          \"rtt_avg_us\": 1234577,\n"
	    "          \"rtt_max_us\": 1236567,\n"
	    "          \"routers\": 4,\n          \"hidden\": 1,\n"
	    "          \"unreachable\": {\n            \"type\": 3,\n"
	    "            \"code\": 13,\n            \"mark\": \"!X\"\n"
	    "          },\n          \"labels\": [\n            {\n"
	    "              \"label\": 16004,\n              \"exp\": 5,\n"
	    "              \"bottom\": 0,\n              \"ttl\": 1\n"
	    "            },\n            {\n              \"label\": 99,\n"
	    "              \"exp\": 0,\n              \"bottom\": 1,\n"
	    "              \"ttl\": 254\n            }\n          ]\n"
	    "        }\n      ]\n    },\n    {\n"
	    "      \"client\": \"203.0.113.11\",\n"
	    "      \"listen\": \"198.51.100.53\",\n"
	    "      \"protocol\": \"udp\",\n      \"begun_us\": 0,\n"
	    "      \"seen_us\": 0,\n      \"probes\": 1,\n"
	    "      \"end\": \"open\",\n      \"hops\": []\n    }\n  ]\n}\n");
}

/* A silent hop has neither address nor times. */
static void
test_json_silent(void **state)
{
	struct fixture *f = *state;
	json_t *root;
	const json_t *hop;

	assert_int_equal(output_json.traces(f->f, &f->r, &f->names), 0);
	assert_int_equal(fflush(f->f), 0);
	assert_non_null(
	    root = json_loads(f->text, JSON_REJECT_DUPLICATES, NULL));
	hop = json_array_get(
	    json_object_get(
		json_array_get(json_object_get(root, "traces"), 0), "hops"),
	    1);
	assert_int_equal(json_integer_value(json_object_get(hop, "lost")), 3);
	assert_null(json_object_get(hop, "address"));
	assert_null(json_object_get(hop, "rtt_min_us"));
	json_decref(root);
}

static void
test_dot(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(output_dot(f->f, &f->r, &f->names), 0);
	expect(f,
	    "digraph uturnd {\n\trankdir=LR;\n"
	    "\t\"192.0.2.21\" [shape=ellipse, label=\"evil\\\\x1b[2J\\\"]; "
	    "b -> c [label=\\\"\\n192.0.2.21\"];\n"
	    "\t\"192.0.2.54\" [shape=ellipse];\n"
	    "\t\"198.51.100.53\" [shape=box, style=filled, "
	    "fillcolor=lightgrey];\n"
	    "\t\"203.0.113.10\" [shape=box, style=rounded];\n"
	    "\t\"203.0.113.11\" [shape=box, style=rounded];\n"
	    "\t\"192.0.2.21\" -> \"192.0.2.54\" [style=dashed, "
	    "label=\"1234.577 ms\\n1 silent\"];\n"
	    "\t\"192.0.2.54\" -> \"203.0.113.10\" [style=solid, "
	    "label=\"20.010 ms\"];\n"
	    "\t\"198.51.100.53\" -> \"192.0.2.21\" [style=solid, "
	    "label=\"0.061 ms\"];\n"
	    "\t\"198.51.100.53\" -> \"203.0.113.11\" [style=dotted, "
	    "label=\"\"];\n"
	    "}\n");
}

/* Steps that two traces have in common are one. */
static void
test_dot_merged(void **state)
{
	struct fixture *f = *state;
	struct msg_hop other;

	f->trace[0].nhops = 1;
	other = f->hop[0];
	other.rtt_avg_us = 40;
	f->trace[1].hops = &other;
	f->trace[1].nhops = 1;
	f->trace[1].head.end = TRACE_INFERRED;
	f->trace[1].head.end_hop = 3;
	assert_int_equal(output_dot(f->f, &f->r, &f->names), 0);
	assert_int_equal(fflush(f->f), 0);
	assert_non_null(strstr(f->text,
	    "\t\"198.51.100.53\" -> \"192.0.2.21\" [style=solid, "
	    "label=\"0.040 ms\\n2 traces\"];\n"));
	assert_non_null(strstr(f->text,
	    "\t\"192.0.2.21\" -> \"203.0.113.11\" [style=dashed, "
	    "label=\"1 silent\"];\n"));
}

static void
test_dot_none(void **state)
{
	struct fixture *f = *state;

	f->r.ntraces = 0;
	assert_int_equal(output_dot(f->f, &f->r, &f->names), 0);
	expect(f, "digraph uturnd {\n\trankdir=LR;\n}\n");
}

static struct msg_event
event_of(enum event_kind kind)
{
	struct msg_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.kind = kind;
	ev.client = address("203.0.113.10");
	ev.listen = address("198.51.100.53");
	ev.hop = 2;
	return (ev);
}

#define NOW 1764000000123

static void
text_event_is(struct fixture *f, const struct msg_event *ev, const char *want)
{
	char line[256];

	rewind(f->f);
	assert_int_equal(output_text.event(f->f, ev, NOW), 0);
	assert_int_equal(fputc('\0', f->f), 0);
	(void)snprintf(
	    line, sizeof(line), "16:00:00.123 203.0.113.10 udp %s\n", want);
	expect(f, line);
}

static void
test_text_event(void **state)
{
	struct fixture *f = *state;
	struct msg_event ev = event_of(EVENT_BEGAN);

	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	text_event_is(f, &ev, "begins, to 198.51.100.53");
	ev = event_of(EVENT_LOST);
	text_event_is(f, &ev, " 2 *");
	ev = event_of(EVENT_ANSWERED);
	ev.router = address("192.0.2.34");
	ev.rtt_us = 1051;
	text_event_is(f, &ev, " 2 192.0.2.34 1.051 ms");
	ev.flags = MSG_HOP_UNREACH | MSG_HOP_HIDDEN;
	ev.icmp_type = 3;
	ev.icmp_code = 1;
	text_event_is(f, &ev, " 2 192.0.2.34 1.051 ms !H, hidden");
	ev = event_of(EVENT_ENDED);
	ev.end = TRACE_INFERRED;
	text_event_is(f, &ev, "ended at hop 2, inferred");
	ev.end = TRACE_ANSWERED;
	text_event_is(f, &ev, "ended at hop 2, answered by the client");
	ev = event_of(EVENT_CHANGED);
	ev.router = address("192.0.2.34");
	ev.former = address("192.0.2.22");
	text_event_is(f, &ev,
	    "the way back changed at hop 2: 192.0.2.34, before 192.0.2.22");
	ev.dropped = 7;
	rewind(f->f);
	assert_int_equal(output_text.event(f->f, &ev, NOW), 0);
	assert_int_equal(fflush(f->f), 0);
	assert_ptr_equal(
	    strstr(f->text, "(7 events were left out)\n16:00:00.123 "),
	    f->text);
}

#define JSON_HEAD                                                   \
	"\"client\":\"203.0.113.10\",\"listen\":\"198.51.100.53\"," \
	"\"protocol\":\"udp\""

static void
json_event_is(struct fixture *f, const struct msg_event *ev, const char *kind,
    const char *rest)
{
	char line[512];

	rewind(f->f);
	assert_int_equal(output_json.event(f->f, ev, NOW), 0);
	assert_int_equal(fputc('\0', f->f), 0);
	(void)snprintf(line, sizeof(line),
	    "{\"version\":1,\"time_ms\":1764000000123,\"event\":\"%"
	    "s\"," JSON_HEAD "%s}\n",
	    kind, rest);
	expect(f, line);
}

static void
test_json_event(void **state)
{
	struct fixture *f = *state;
	struct msg_event ev = event_of(EVENT_BEGAN);

	json_event_is(f, &ev, "began", "");
	ev = event_of(EVENT_LOST);
	ev.dropped = 7;
	json_event_is(f, &ev, "lost", ",\"dropped\":7,\"hop\":2");
	ev = event_of(EVENT_ANSWERED);
	ev.router = address("192.0.2.34");
	ev.rtt_us = 1051;
	ev.flags = MSG_HOP_UNREACH;
	ev.icmp_type = 3;
	json_event_is(f, &ev, "answered",
	    ",\"hop\":2,\"address\":\"192.0.2.34\",\"rtt_us\":1051,"
	    "\"hidden\":0,\"unreachable\":{\"type\":3,\"code\":0,"
	    "\"mark\":\"!N\"}");
	ev = event_of(EVENT_ENDED);
	ev.end = TRACE_INFERRED;
	json_event_is(f, &ev, "ended", ",\"hop\":2,\"end\":\"inferred\"");
	ev = event_of(EVENT_CHANGED);
	ev.router = address("192.0.2.34");
	ev.former = address("192.0.2.22");
	json_event_is(f, &ev, "changed",
	    ",\"hop\":2,\"from\":\"192.0.2.22\",\"to\":\"192.0.2.34\"");
}

static void
test_unreach(void **state)
{
	static const struct {
		enum family family;
		uint8_t type, code;
		const char *mark;
	} cases[] = {
		{ FAMILY_V4, 3, 0, "!N" },
		{ FAMILY_V4, 3, 1, "!H" },
		{ FAMILY_V4, 3, 3, "!3" },
		{ FAMILY_V4, 3, 4, "!F" },
		{ FAMILY_V4, 3, 13, "!X" },
		{ FAMILY_V4, 3, 255, "!255" },
		{ FAMILY_V4, 1, 0, "!1/0" },
		{ FAMILY_V4, 255, 255, "!255/255" },
		{ FAMILY_V6, 1, 0, "!N" },
		{ FAMILY_V6, 1, 1, "!X" },
		{ FAMILY_V6, 1, 3, "!H" },
		{ FAMILY_V6, 1, 4, "!4" },
		{ FAMILY_V6, 2, 0, "!2/0" },
		{ FAMILY_V6, 3, 1, "!3/1" },
	};
	char buf[OUTPUT_UNREACH_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(output_unreach(cases[i].family,
					cases[i].type, cases[i].code, buf),
		    cases[i].mark);
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_text),
		TEST(test_text_none),
		TEST(test_json),
		TEST(test_json_silent),
		TEST(test_dot),
		TEST(test_dot_merged),
		TEST(test_dot_none),
		TEST(test_text_event),
		TEST(test_json_event),
		cmocka_unit_test(test_unreach),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
