/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "confutil.h"

#define LISTEN "listen on 192.0.2.53\n"

static void
test_defaults(void **state)
{
	struct policy_fixed f;
	struct policy p;
	struct conf *c;

	(void)state;
	c = confutil_good(LISTEN);
	conf_fixed(c, &f);
	assert_int_equal(f.queue, 33434);
	assert_int_equal(f.queue_len, 1024);
	assert_int_equal(f.mark, 0x75000000);
	assert_int_equal(f.mark_mask, 0xff000000);
	assert_int_equal(f.pending, 8192);

	memset(&p, 0xff, sizeof(p));
	conf_policy(c, &p);
	assert_int_equal(p.generation, 0);
	assert_int_equal(p.probe_icmp, 1);
	assert_int_equal(p.augsburg, 0);
	assert_int_equal(p.max_ttl, 32);
	assert_int_equal(p.gate_ns, UINT64_C(10000000000));
	assert_int_equal(p.timeout_ns, UINT64_C(3000000000));
	assert_int_equal(p.settle_ns, 400000000);
	assert_int_equal(p.limit_client.rate, 32);
	assert_int_equal(p.limit_client.burst, 96);
	assert_int_equal(p.limit_total.rate, 2048);
	assert_int_equal(p.limit_total.burst, 2048);
	assert_int_equal(p.limit_hop.rate, 64);
	assert_int_equal(p.traces, 256);
	assert_int_equal(p.traces_keep_ns, UINT64_C(600000000000));
	assert_int_equal(p.nports, 1);
	assert_int_equal(p.ports[0].proto, PROTO_UDP);
	assert_int_equal(p.ports[0].lo, 33434);
	assert_int_equal(p.ports[0].hi, 33689);
	assert_int_equal(p.nrules, 2);
	assert_int_equal(p.rules[0].action, POLICY_ALLOW);
	assert_int_equal(p.rules[0].kind, POLICY_ANY);
	assert_int_equal(p.rules[1].action, POLICY_DENY);
	assert_int_equal(p.rules[1].kind, POLICY_PRIVATE);
	assert_int_equal(p.nhide, 1);
	assert_int_equal(p.hide[0].kind, POLICY_PRIVATE);
	assert_int_equal(p.nlisten, 1);
	assert_int_equal(p.listen[0].relay, RELAY_OWN);
	assert_int_equal(p.listen[0].turn, TURN_REPLY);
	assert_int_equal(p.listen[0].inflection, INFLECTION_ANSWER);
	assert_int_equal(p.listen[0].unreachable, UNREACHABLE_HIDE);
	assert_string_equal(c->user, "_uturnd");
	assert_int_equal(c->nsockets, 2);
	assert_string_equal(c->sockets[0].path, "/run/uturnd/uturnd.sock");
	assert_int_equal(c->sockets[0].restricted, 0);
	assert_string_equal(c->sockets[1].path, "/run/uturnd/uturnd.rsock");
	assert_int_equal(c->sockets[1].restricted, 1);
	assert_int_equal(c->conntrack, 0);
	conf_free(c);
}

/* A block wins over the global value, wherever that stands. */
static void
test_override(void **state)
{
	const struct policy_listen *l;
	struct conf *c;
	int i;

	(void)state;
	c = confutil_good("relay router\n"
			  "listen on 192.0.2.1 { relay own }\n"
			  "listen on 192.0.2.2 { turn reply }\n"
			  "listen on { 2001:db8::1 192.0.2.3 } {\n"
			  "\tinflection silent unreachable relay\n"
			  "}\n"
			  "turn mirror\n");
	assert_int_equal(c->policy.nlisten, 4);
	l = c->policy.listen;
	assert_int_equal(l[0].relay, RELAY_OWN);
	assert_int_equal(l[0].turn, TURN_MIRROR);
	assert_int_equal(l[1].relay, RELAY_ROUTER);
	assert_int_equal(l[1].turn, TURN_REPLY);
	assert_int_equal(l[1].inflection, INFLECTION_ANSWER);
	for (i = 2; i < 4; i++) {
		assert_int_equal(l[i].relay, RELAY_ROUTER);
		assert_int_equal(l[i].inflection, INFLECTION_SILENT);
		assert_int_equal(l[i].unreachable, UNREACHABLE_RELAY);
	}
	assert_int_equal(l[2].family, FAMILY_V6);
	conf_free(c);
}

static void
test_rules_order(void **state)
{
	struct addr priv, pub;
	struct conf *c;

	(void)state;
	assert_int_equal(addr_parse(FAMILY_V4, "10.1.2.3", &priv), 0);
	assert_int_equal(addr_parse(FAMILY_V4, "203.0.113.1", &pub), 0);
	c = confutil_good(LISTEN);
	assert_true(policy_denied(&c->policy, FAMILY_V4, &priv));
	assert_false(policy_denied(&c->policy, FAMILY_V4, &pub));
	conf_free(c);
	/* The operator's stand after the defaults. */
	c = confutil_good(LISTEN "allow from 10.1.0.0/16\n");
	assert_false(policy_denied(&c->policy, FAMILY_V4, &priv));
	conf_free(c);
	c = confutil_good(LISTEN "deny from any\nallow from private\n");
	assert_int_equal(c->policy.nrules, 2);
	assert_false(policy_denied(&c->policy, FAMILY_V4, &priv));
	assert_true(policy_denied(&c->policy, FAMILY_V4, &pub));
	conf_free(c);
}

static void
test_add_up(void **state)
{
	struct conf *c;

	(void)state;
	c = confutil_good(LISTEN "probe tcp port 80\n");
	assert_true(policy_port_listed(&c->policy, PROTO_UDP, 33434));
	assert_true(policy_port_listed(&c->policy, PROTO_TCP, 80));
	conf_free(c);
	c = confutil_good(
	    LISTEN "probe udp port 40000\nprobe udp port 50000:50001\n");
	assert_false(policy_port_listed(&c->policy, PROTO_UDP, 33434));
	assert_true(policy_port_listed(&c->policy, PROTO_UDP, 40000));
	assert_true(policy_port_listed(&c->policy, PROTO_UDP, 50001));
	conf_free(c);
	c = confutil_good(LISTEN "probe udp port 40000\nprobe udp off\n"
				 "probe tcp port 80\nprobe tcp off\n");
	assert_int_equal(c->policy.nports, 0);
	conf_free(c);
	c = confutil_good(LISTEN "hide hop 192.0.2.0/24\n"
				 "hide hop { private 2001:db8::/32 }\n");
	assert_int_equal(c->policy.nhide, 3);
	conf_free(c);
	c = confutil_good(LISTEN "hide hop private\nhide hop none\n");
	assert_int_equal(c->policy.nhide, 0);
	conf_free(c);
}

struct seen {
	char text[128];
};

static void
test_differs(void *arg, const char *what)
{
	struct seen *s = arg;
	size_t len = strlen(s->text);

	(void)snprintf(s->text + len, sizeof(s->text) - len, "%s ", what);
}

static void
test_restart(void **state)
{
	static const struct {
		const char *text;
		const char *what;
	} cases[] = {
		{ "", "" },
		{ "gate 5s\nrelay both\nprobe tcp port 80\nlimit hop off\n",
		    "" },
		{ "user \"_other\"\n", "user " },
		{ "socket \"/run/uturnd/uturnd.sock\"\n", "socket " },
		{ "socket \"/run/uturnd/uturnd.sock\"\n"
		  "socket \"/run/uturnd/uturnd.rsock\"\n",
		    "socket " },
		{ "socket \"/run/uturnd/uturnd.sock\"\n"
		  "socket \"/run/uturnd/uturnd.rsock\" restricted\n",
		    "" },
		{ "queue 1\n", "queue " },
		{ "queue 33434 length 5\n", "queue " },
		{ "mark 0x75000000\n", "mark " },
		{ "mark 0x74000000/0xff000000\n", "mark " },
		{ "pending 8193\n", "pending " },
		{ "pending 64\nqueue 1\nmark 1\nuser \"a\"\nsocket \"/a\"\n",
		    "user socket queue mark pending " },
		{ "traces 255\n", "" },
		{ "traces off\n", "" },
		{ "traces 257\n", "traces: a larger table " },
	};
	struct conf *a, *b;
	struct seen seen;
	char text[512];
	size_t i;

	(void)state;
	a = confutil_good(LISTEN);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(
		    text, sizeof(text), "%s%s", LISTEN, cases[i].text);
		b = confutil_good(text);
		memset(&seen, 0, sizeof(seen));
		(void)conf_restart_needed(a, b, test_differs, &seen);
		assert_string_equal(seen.text, cases[i].what);
		conf_free(b);
	}
	conf_free(a);
}

static void
test_macros(void **state)
{
	struct conf_macros macros = STAILQ_HEAD_INITIALIZER(macros);
	struct conf_options opt = { .macros = &macros, .verbose = 1 };
	struct conf *c;
	char *err;

	(void)state;
	assert_int_equal(conf_macro_add(&macros, "up=192.0.2.99"), 0);
	assert_int_equal(conf_macro_add(&macros, "unused=a=b"), 0);
	assert_int_equal(conf_macro_add(&macros, "novalue"), -1);
	assert_int_equal(conf_macro_add(&macros, "=5"), -1);
	assert_int_equal(conf_macro_add(&macros, "1a=5"), -1);
	assert_int_equal(conf_macro_add(&macros, "a b=5"), -1);
	/* -D wins over the file. */
	c = confutil_parse(
	    "up = 192.0.2.1\nmine = 5\nlisten on $up\n", &opt, &err);
	assert_non_null(c);
	assert_int_equal(c->policy.listen[0].addr.b[3], 99);
	assert_non_null(strstr(err, "macro `unused' of -D is never used"));
	assert_non_null(strstr(err, "test:2: warning: macro `mine' is never"));
	assert_null(strstr(err, "`up'"));
	free(err);
	conf_free(c);
	opt.verbose = 0;
	c = confutil_parse("listen on $up\n", &opt, &err);
	assert_non_null(c);
	assert_string_equal(err, "");
	free(err);
	conf_free(c);
	conf_macros_free(&macros);
	assert_true(STAILQ_EMPTY(&macros));
}

/* Whatever the bytes are, there is an end, and a configuration or a fault. */
static void
test_garbage(void **state)
{
	static const char seed[] =
	    "a = \"192.0.2.1\"\nlisten on { $a 2001:db8::1 } { relay both\n}\n"
	    "probe tcp port { 80, 443 } open\nlimit client 5/s burst 6\n"
	    "include \"x\"\nqueue 5 \\\n length 6 # end\n";
	struct conf_options opt;
	char buf[sizeof(seed)];
	uint32_t rnd = 1;
	unsigned int i, k;
	struct conf *c;
	char *err;
	size_t len;

	(void)state;
	memset(&opt, 0, sizeof(opt));
	for (i = 0; i < 20000; i++) {
		memcpy(buf, seed, sizeof(seed));
		for (k = 0; k <= i % 5; k++) {
			rnd = rnd * 1664525 + 1013904223;
			buf[(rnd >> 8) % (sizeof(seed) - 1)] = i % 3 == 0
			    ? (char)(rnd >> 24)
			    : seed[rnd % (sizeof(seed) - 1)];
		}
		opt.err = open_memstream(&err, &len);
		assert_non_null(opt.err);
		c = conf_parse_buffer(
		    "garbage", buf, (rnd >> 4) % sizeof(seed), &opt);
		assert_int_equal(fclose(opt.err), 0);
		if (c == NULL && err[0] == '\0')
			fail_msg("refused without a word: %s", buf);
		free(err);
		conf_free(c);
	}
	opt.err = NULL;
	c = conf_parse_buffer("empty", NULL, 0, &opt);
	assert_null(c);
}

/* Macros multiply text; there is a bound to it. */
static void
test_bounds(void **state)
{
	char *text, *err;
	struct conf *c;
	size_t i, len = 0, size = 900000;

	(void)state;
	text = malloc(size);
	assert_non_null(text);
	len += (size_t)snprintf(text, size, "a = \"");
	for (i = 0; i < 1300; i++)
		len += (size_t)snprintf(text + len, size - len, "{ ");
	len += (size_t)snprintf(text + len, size - len, "\"\n");
	for (i = 0; i < 2000; i++)
		len += (size_t)snprintf(text + len, size - len, "b = $a $a\n");
	c = confutil_parse(text, NULL, &err);
	assert_null(c);
	assert_non_null(strstr(err, "too many faults"));
	free(err);
	len = (size_t)snprintf(text, size, "a = \"");
	for (i = 0; i < 2000; i++)
		len += (size_t)snprintf(text + len, size - len, "1 ");
	len += (size_t)snprintf(text + len, size - len, "\"\n");
	for (i = 0; i < 1000; i++)
		len += (size_t)snprintf(text + len, size - len, "b = $a\n");
	c = confutil_parse(text, NULL, &err);
	assert_null(c);
	assert_non_null(strstr(err, "configuration too big"));
	free(err);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_override),
		cmocka_unit_test(test_rules_order),
		cmocka_unit_test(test_add_up),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_macros),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_bounds),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
