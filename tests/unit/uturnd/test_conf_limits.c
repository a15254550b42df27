/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Each bound of uturnd.conf(5), at its edge and one beyond. */

#include "confutil.h"

#define LISTEN "listen on 192.0.2.53\n"

struct edge {
	const char *good;
	size_t offset; /* of the value in struct conf, and its size */
	size_t size;
	uint64_t value;
	const char *bad;
	const char *why;
};

#define AT(f) offsetof(struct conf, f), sizeof(((struct conf *)0)->f)

static const struct edge edges[] = {
	{ "queue 0", AT(fixed.queue), 0, "queue -1", "from 0 to 65535" },
	{ "queue 65535", AT(fixed.queue), 65535, "queue 65536",
	    "from 0 to 65535" },
	{ "queue 1 length 1", AT(fixed.queue_len), 1, "queue 1 length 0",
	    "from 1 to 65536" },
	{ "queue 1 length 65536", AT(fixed.queue_len), 65536,
	    "queue 1 length 65537", "from 1 to 65536" },
	{ "pending 64", AT(fixed.pending), 64, "pending 63",
	    "from 64 to 65536" },
	{ "pending 65536", AT(fixed.pending), 65536, "pending 65537",
	    "from 64 to 65536" },
	{ "mark 1", AT(fixed.mark), 1, "mark 0", "not 0" },
	{ "mark 0xffffffff", AT(fixed.mark), UINT32_MAX, "mark 0x100000000",
	    "32 bits" },
	{ "mark 4294967295", AT(fixed.mark), UINT32_MAX, "mark 4294967296",
	    "32 bits" },
	{ "mark 5", AT(fixed.mark_mask), UINT32_MAX, "mark 5/0",
	    "outside of the mask" },
	{ "mark 0x5/0x7", AT(fixed.mark_mask), 7, "mark 0x9/0x7",
	    "outside of the mask" },
	{ "max ttl 2", AT(policy.max_ttl), 2, "max ttl 1", "from 2 to 64" },
	{ "max ttl 64", AT(policy.max_ttl), 64, "max ttl 65", "from 2 to 64" },
	{ "gate 1s", AT(policy.gate_ns), 1000 * CONF_MS, "gate 999ms",
	    "from 1s to 2m" },
	{ "gate 2m", AT(policy.gate_ns), 120 * CONF_SECOND, "gate 120001ms",
	    "from 1s to 2m" },
	{ "timeout 400ms", AT(policy.timeout_ns), 400 * CONF_MS, "timeout 99ms",
	    "from 100ms to 10s" },
	{ "timeout 10s", AT(policy.timeout_ns), 10 * CONF_SECOND,
	    "timeout 10001ms", "from 100ms to 10s" },
	{ "settle 10ms\ntimeout 100ms", AT(policy.timeout_ns), 100 * CONF_MS,
	    "settle 10ms\ntimeout 99ms", "from 100ms to 10s" },
	{ "settle 10ms", AT(policy.settle_ns), 10 * CONF_MS, "settle 9ms",
	    "from 10ms to 10s" },
	{ "settle 3s", AT(policy.settle_ns), 3 * CONF_SECOND, "settle 3001ms",
	    "at most 3s" },
	{ "limit client 1/s", AT(policy.limit_client.rate), 1,
	    "limit client 0/s", "from 1/s to 1000000/s, or off" },
	{ "limit client 1000000/s", AT(policy.limit_client.rate), 1000000,
	    "limit client 1000001/s", "from 1/s to 1000000/s, or off" },
	{ "limit client 7/s", AT(policy.limit_client.burst), 7,
	    "limit client 7/m", "from 1/s" },
	{ "limit total 7/s burst 1", AT(policy.limit_total.burst), 1,
	    "limit total 7/s burst 0", "from 1 to 1000000" },
	{ "limit total 7/s burst 1000000", AT(policy.limit_total.burst),
	    1000000, "limit total 7/s burst 1000001", "from 1 to 1000000" },
	{ "limit hop off", AT(policy.limit_hop.rate), 0, "limit hop no",
	    "a rate such as 32/s or off" },
	{ "traces 1", AT(policy.traces), 1, "traces 0", "from 1 to 4096" },
	{ "traces 4096", AT(policy.traces), 4096, "traces 4097",
	    "from 1 to 4096" },
	{ "traces off", AT(policy.traces), 0, "traces no", "a number or off" },
	{ "traces 5 keep 1s", AT(policy.traces_keep_ns), CONF_SECOND,
	    "traces 5 keep 999ms", "from 1s to 24h" },
	{ "traces 5 keep 24h", AT(policy.traces_keep_ns),
	    24 * 3600 * CONF_SECOND, "traces 5 keep 86400001ms",
	    "from 1s to 24h" },
	{ "probe udp port 1", AT(policy.ports[0].lo), 1, "probe udp port 0",
	    "from 1 to 65535" },
	{ "probe udp port 65535", AT(policy.ports[0].hi), 65535,
	    "probe udp port 65536", "from 1 to 65535" },
	{ "probe udp port 5:5", AT(policy.ports[0].hi), 5, "probe udp port 5:4",
	    "LOW:HIGH" },
	{ "probe udp port { 5 6 }", AT(policy.nports), 2,
	    "probe udp port { 5 5 }", "listed already" },
	{ "probe udp port { 5:7 8:9 }", AT(policy.nports), 2,
	    "probe udp port { 5:8 8:9 }", "listed already" },
	{ "probe udp port 5\nprobe tcp port 5", AT(policy.nports), 2,
	    "probe tcp port { 5 5 }", "listed already" },
	{ "probe udp off", AT(policy.nports), 0,
	    "probe udp off\nprobe icmp off", "at least one `probe'" },
	{ "conntrack yes", AT(conntrack), 1, "conntrack on", "no or yes" },
	{ "augsburg yes", AT(policy.augsburg), 1, "augsburg",
	    "no, target or yes" },
};

static uint64_t
edge_value(const struct conf *c, const struct edge *e)
{
	const char *at = (const char *)c + e->offset;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	switch (e->size) {
	case 1:
		return (*(const uint8_t *)at);
	case 2:
		memcpy(&v16, at, sizeof(v16));
		return (v16);
	case 4:
		memcpy(&v32, at, sizeof(v32));
		return (v32);
	default:
		memcpy(&v64, at, sizeof(v64));
		return (v64);
	}
}

static void
test_edges(void **state)
{
	char text[256];
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		(void)snprintf(
		    text, sizeof(text), "%s%s\n", LISTEN, edges[i].good);
		c = confutil_good(text);
		if (edge_value(c, &edges[i]) != edges[i].value)
			fail_msg("%s: wrong value", edges[i].good);
		conf_free(c);
		(void)snprintf(
		    text, sizeof(text), "%s%s\n", LISTEN, edges[i].bad);
		confutil_bad(text, edges[i].why);
	}
}

/* n lines made from fmt with a number; the caller's to free. */
static char *
test_lines(const char *prefix, unsigned int n, const char *suffix)
{
	char *text;
	size_t len;
	unsigned int i;
	FILE *f;

	f = open_memstream(&text, &len);
	assert_non_null(f);
	for (i = 1; i <= n; i++)
		assert_true(fprintf(f, "%s%x%s\n", prefix, i, suffix) > 0);
	assert_int_equal(fclose(f), 0);
	return (text);
}

static void
test_count(const char *prefix, unsigned int most, const char *suffix,
    const char *rest, const char *why)
{
	char *lines, *text;

	lines = test_lines(prefix, most, suffix);
	assert_true(asprintf(&text, "%s%s", lines, rest) > 0);
	conf_free(confutil_good(text));
	free(lines);
	free(text);
	lines = test_lines(prefix, most + 1, suffix);
	assert_true(asprintf(&text, "%s%s", lines, rest) > 0);
	confutil_bad(text, why);
	free(lines);
	free(text);
}

static void
test_counts(void **state)
{
	char *text4, *text6, *text;
	struct conf *c;
	unsigned int i;
	size_t len;
	FILE *f;

	(void)state;
	test_count("listen on 2001:db8::", POLICY_LISTEN_FAMILY_MAX, "", "",
	    "at most 64 of a family");
	/* The defaults make two of the rules; `from any' makes one of all. */
	test_count("deny from 2001:db8::", POLICY_RULES_MAX - 2, "", LISTEN,
	    "at most 1024");
	test_count(
	    "hide hop 2001:db8::", POLICY_HIDE_MAX, "", LISTEN, "at most 256");
	test_count(
	    "socket \"/run/", CONF_SOCKETS_MAX, "\"", LISTEN, "at most 8");

	/* The families do not share their places. */
	text6 =
	    test_lines("listen on 2001:db8::", POLICY_LISTEN_FAMILY_MAX, "");
	f = open_memstream(&text4, &len);
	assert_non_null(f);
	for (i = 0; i < POLICY_LISTEN_FAMILY_MAX; i++)
		assert_true(fprintf(f, "listen on 192.0.2.%u\n", i) > 0);
	assert_int_equal(fclose(f), 0);
	assert_true(asprintf(&text, "%s%s", text6, text4) > 0);
	c = confutil_good(text);
	assert_int_equal(c->policy.nlisten, POLICY_LISTEN_MAX);
	conf_free(c);
	free(text4);
	free(text6);
	free(text);
}

/* The default range of UDP ports takes a place, too. */
static void
test_ports_count(void **state)
{
	char *text, *bad;
	struct conf *c;
	unsigned int i;
	size_t len;
	FILE *f;

	(void)state;
	f = open_memstream(&text, &len);
	assert_non_null(f);
	assert_true(fputs(LISTEN "probe udp port 1024\n", f) >= 0);
	for (i = 1; i < POLICY_PORTS_MAX; i++)
		assert_true(fprintf(f, "probe tcp port %u\n", i) > 0);
	assert_int_equal(fclose(f), 0);
	c = confutil_good(text);
	assert_int_equal(c->policy.nports, POLICY_PORTS_MAX);
	conf_free(c);
	assert_true(asprintf(&bad, "%sprobe tcp port 99\n", text) > 0);
	confutil_bad(bad, "at most 32 ranges");
	free(bad);
	/* Without its own range of UDP ports, but one of TCP more. */
	assert_true(asprintf(&bad, LISTEN "probe tcp port 99\n%s",
			strstr(text, "probe tcp")) > 0);
	confutil_bad(bad, "too many ports with the default");
	free(bad);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_ports_count),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
