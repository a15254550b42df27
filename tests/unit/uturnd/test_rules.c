/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The whole texts are compared in test_conf_golden.c; here is what they need
 * to hold, whatever else changes.
 */

#include "confutil.h"
#include "uturnd/rules.h"

#define LISTEN4 "listen on 192.0.2.53\n"
#define LISTEN6 "listen on 2001:db8::53\n"

static char *
rules_text(const char *conf, enum rules_form form)
{
	struct conf *c;
	char *text;
	size_t len;
	FILE *f;

	c = confutil_good(conf);
	f = open_memstream(&text, &len);
	assert_non_null(f);
	assert_int_equal(rules_print(c, form, f), 0);
	assert_int_equal(fclose(f), 0);
	conf_free(c);
	return (text);
}

static void
rules_has(const char *conf, enum rules_form form, const char *part, int has)
{
	char *text;

	text = rules_text(conf, form);
	if ((strstr(text, part) != NULL) != has)
		fail_msg("`%s' is%s in\n%s", part, has ? " not" : "", text);
	free(text);
}

/* Nothing but our own table, our own chains, and one jump to each. */
static void
test_own_chains(void **state)
{
	char *text, *line, *save;
	enum rules_form form;

	(void)state;
	for (form = RULES_IPTABLES; form <= RULES_IP6TABLES; form++) {
		text = rules_text(LISTEN4 LISTEN6 "conntrack yes\n", form);
		for (line = strtok_r(text, "\n", &save); line != NULL;
		     line = strtok_r(NULL, "\n", &save)) {
			if (line[0] == '#' || line[0] == '*' ||
			    strcmp(line, "COMMIT") == 0 ||
			    strncmp(line, ":UTURND", 7) == 0 ||
			    strncmp(line, "-A UTURND", 9) == 0 ||
			    strcmp(line, "-I INPUT -j UTURND") == 0 ||
			    strcmp(line, "-I OUTPUT -j UTURND-OUT") == 0)
				continue;
			fail_msg("foreign line: %s", line);
		}
		free(text);
	}
	text = rules_text(LISTEN4, RULES_NFTABLES);
	line = strstr(text,
	    "table inet uturnd\ndelete table inet uturnd\n"
	    "table inet uturnd {\n");
	assert_non_null(line);
	assert_null(strstr(line +
		strlen("table inet uturnd\ndelete table "
		       "inet uturnd\ntable inet uturnd {\n"),
	    "table "));
	free(text);
}

static void
test_selects(void **state)
{
	static const char ttl[] = LISTEN4 LISTEN6 "max ttl 20\n";
	static const char tcp[] =
	    LISTEN4 "probe tcp port { 80 443:445 }\nprobe icmp off\n";

	(void)state;
	rules_has(ttl, RULES_NFTABLES, "ip ttl 1-20 ", 1);
	rules_has(ttl, RULES_NFTABLES, "ip6 hoplimit 1-20 ", 1);
	rules_has(
	    ttl, RULES_IPTABLES, "-d 192.0.2.53/32 -m ttl --ttl-lt 21 ", 1);
	rules_has(ttl, RULES_IPTABLES, "2001:db8", 0);
	rules_has(
	    ttl, RULES_IP6TABLES, "-d 2001:db8::53/128 -m hl --hl-lt 21 ", 1);
	rules_has(ttl, RULES_IP6TABLES, "192.0.2", 0);
	rules_has(tcp, RULES_NFTABLES,
	    "tcp flags == syn tcp dport { 80, 443-445 } ", 1);
	rules_has(tcp, RULES_NFTABLES, "icmp", 0);
	rules_has(tcp, RULES_IPTABLES,
	    "--tcp-flags ALL SYN --dport 443:445 -j UTURND-QUEUE", 1);
	rules_has(tcp, RULES_IPTABLES, "icmp", 0);
	rules_has(LISTEN4, RULES_IPTABLES, "tcp", 0);
	rules_has(LISTEN4 "probe udp off\n", RULES_IPTABLES, "udp", 0);
	rules_has(LISTEN4 "probe udp off\n", RULES_NFTABLES, "udp", 0);
	rules_has(LISTEN4 "queue 7\n", RULES_NFTABLES,
	    "queue flags bypass to 7 comment \"uturnd ", 1);
	rules_has(LISTEN4 "queue 7\n", RULES_IPTABLES,
	    "--queue-num 7 --queue-bypass\n", 1);
	rules_has(LISTEN4 "mark 0x10/0xf0\n", RULES_NFTABLES,
	    "meta mark and 0x000000f0 == 0x00000010 notrack\n", 1);
	rules_has(LISTEN4 "mark 0x10/0xf0\n", RULES_IPTABLES,
	    "--mark 0x10/0xf0 -j CT --notrack\n", 1);
}

/* Matching on connection tracking switches it on: only when asked for. */
static void
test_conntrack(void **state)
{
	enum rules_form form;

	(void)state;
	for (form = RULES_NFTABLES; form < RULES_LAST; form++) {
		rules_has(LISTEN4, form, "conntrack", 0);
		rules_has(LISTEN4, form, "ct ", 0);
	}
	rules_has(LISTEN4 "conntrack yes\n", RULES_NFTABLES,
	    "ct direction reply return\n", 1);
	rules_has(LISTEN4 "conntrack yes\n", RULES_IPTABLES,
	    "-m conntrack --ctdir REPLY -j RETURN\n", 1);
}

static void
test_cap(void **state)
{
	static const char off[] = LISTEN4 "limit total off\n";
	static const char low[] = LISTEN4 "limit total 312/s\n";
	static const char high[] = LISTEN4 "limit total 313/s\n";
	static const char most[] = LISTEN4 "limit total 1000000/s\n";

	(void)state;
	rules_has(off, RULES_NFTABLES, "limit rate", 0);
	rules_has(off, RULES_IPTABLES, "limit", 0);
	rules_has(LISTEN4, RULES_NFTABLES,
	    "limit rate over 65536/second burst 65536 packets ", 1);
	rules_has(low, RULES_IPTABLES,
	    "-m limit --limit 9984/sec --limit-burst 9984 ", 1);
	/* xt_limit takes no more, hashlimit a million. */
	rules_has(high, RULES_IPTABLES, "-m limit", 0);
	rules_has(high, RULES_IPTABLES,
	    "--hashlimit-upto 10016/sec --hashlimit-burst 10016 "
	    "--hashlimit-name uturnd10016 ",
	    1);
	rules_has(most, RULES_IPTABLES, "--hashlimit-upto 1000000/sec ", 1);
	rules_has(most, RULES_NFTABLES, "limit rate over 32000000/second ", 1);
}

static void
test_equal(void **state)
{
	static const struct {
		const char *text;
		int equal;
	} cases[] = {
		{ LISTEN4, 1 },
		/* What the rules do not see. */
		{ LISTEN4 "gate 5s\nrelay both\nlimit client off\n"
			  "deny from any\ntraces off\nuser \"a\"\n",
		    1 },
		{ "listen on 192.0.2.53 { hop address 192.0.2.9 }\n", 1 },
		/* The order of ports is not kept. */
		{ LISTEN4 "probe udp port 33434:33689\n", 1 },
		{ LISTEN4 LISTEN6, 0 },
		{ "listen on 192.0.2.54\n", 0 },
		{ LISTEN4 "probe icmp off\n", 0 },
		{ LISTEN4 "probe tcp port 80\n", 0 },
		{ LISTEN4 "max ttl 31\n", 0 },
		{ LISTEN4 "queue 1\n", 0 },
		{ LISTEN4 "queue 33434 length 5\n", 1 },
		{ LISTEN4 "mark 0x75000000\n", 0 },
		{ LISTEN4 "limit total 5/s\n", 0 },
		{ LISTEN4 "conntrack yes\n", 0 },
	};
	char da[RULES_DIGEST_MAX], db[RULES_DIGEST_MAX], *text;
	struct conf *a, *b;
	size_t i;

	(void)state;
	a = confutil_good(LISTEN4);
	assert_int_equal(rules_digest(a, RULES_NFTABLES, da, sizeof(da)), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b = confutil_good(cases[i].text);
		if (rules_equal(a, b) != cases[i].equal)
			fail_msg("%s", cases[i].text);
		assert_int_equal(
		    rules_digest(b, RULES_NFTABLES, db, sizeof(db)), 0);
		assert_int_equal(strcmp(da, db) == 0, cases[i].equal);
		conf_free(b);
	}
	/* The digest that is printed is the one that is compared. */
	text = rules_text(LISTEN4, RULES_NFTABLES);
	assert_non_null(strstr(text, "\n# digest: "));
	assert_memory_equal(
	    strstr(text, "# digest: ") + strlen("# digest: "), da, 32);
	free(text);
	assert_int_equal(rules_digest(a, RULES_NFTABLES, da, 32), -1);
	conf_free(a);
}

static void
test_forms(void **state)
{
	enum rules_form form = RULES_LAST;

	(void)state;
	assert_int_equal(rules_form_parse("ip6tables", &form), 0);
	assert_int_equal(form, RULES_IP6TABLES);
	assert_int_equal(rules_form_parse("nft", &form), -1);
	assert_int_equal(form, RULES_IP6TABLES);
	assert_string_equal(rules_form_command(form),
	    "uturnd -R ip6tables | "
	    "ip6tables-restore -n");
	assert_non_null(strstr(rules_form_again(form), " -D INPUT "));
	assert_string_equal(rules_form_again(RULES_NFTABLES),
	    rules_form_command(RULES_NFTABLES));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_chains),
		cmocka_unit_test(test_selects),
		cmocka_unit_test(test_conntrack),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_forms),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
