/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Each finding: it is there where it should be, and only there. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/loop.h"
#include "uturnctl/check_int.h"
#include "uturnctl/output.h"

#define DIGEST4 "0123456789abcdef0123456789abcdef"
#define DIGEST6 "fedcba9876543210fedcba9876543210"
#define DIGESTN "00112233445566778899aabbccddeeff"

#define SAVE(digest, jumps, pkts)                                         \
	"*raw\n:OUTPUT ACCEPT [0:0]\n[1:2] -A OUTPUT -j UTURND-OUT\n"     \
	"COMMIT\n*mangle\n:INPUT ACCEPT [0:0]\n" jumps "[" pkts           \
	":60] -A UTURND-QUEUE -m comment --comment \"uturnd " digest "\"" \
	" -j NFQUEUE --queue-num 33434 --queue-bypass\nCOMMIT\n"
#define JUMP "[5:300] -A INPUT -j UTURND\n"

#define NFT_RULES                                                          \
	"{\"nftables\": [{\"metainfo\": {}},"                              \
	"{\"counter\": {\"family\": \"inet\", \"name\": \"queued\","       \
	"\"table\": \"uturnd\", \"packets\": 7, \"bytes\": 9}},"           \
	"{\"rule\": {\"family\": \"inet\", \"table\": \"uturnd\","         \
	"\"chain\": \"pick\", \"comment\": \"uturnd " DIGESTN "\","        \
	"\"expr\": []}},"                                                  \
	"{\"chain\": {\"family\": \"inet\", \"table\": \"fw\","            \
	"\"name\": \"out\", \"hook\": \"output\", \"policy\": \"%s\"}},"   \
	"{\"rule\": {\"family\": \"inet\", \"table\": \"fw\","             \
	"\"chain\": \"out\", \"expr\": [{\"match\": {\"right\": \"%s\"}}," \
	"{\"drop\": null}]}}]}"

static const char *const conf_lines[] = { "digest nftables " DIGESTN,
	"digest iptables " DIGEST4, "digest ip6tables " DIGEST6,
	"mark 0x75000000/0xff000000", "probe udp port { 33434:33689 }",
	"mode serve", "relay own", "listen on 198.51.100.53 {",
	" hop address 198.51.100.54", "}", "listen on 2001:db8:f::53" };
#define NLINES (sizeof(conf_lines) / sizeof(conf_lines[0]))

/* A host that all is well with, in the form of iptables. */
struct host {
	struct check_facts facts;
	struct reply_line lines[NLINES];
	char text[NLINES][128];
	struct reply reply;
	struct stats stats;
	struct check check;
};

static void
host_addr(struct host *h, enum family family, const char *text)
{
	struct check_addr *a = &h->facts.addrs[h->facts.naddrs++];

	a->family = family;
	assert_int_equal(addr_parse(family, text, &a->addr), 0);
}

static int
setup(void **state)
{
	struct host *h;
	size_t i;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return (-1);
	*state = h;
	reply_init(&h->reply, ACTION_CHECK);
	for (i = 0; i < NLINES; i++) {
		(void)strlcpy(h->text[i], conf_lines[i], sizeof(h->text[i]));
		h->lines[i].text = h->text[i];
	}
	h->reply.lines = h->lines;
	h->reply.nlines = NLINES;
	h->facts.root = 1;
	h->facts.save[FAMILY_V4] = strdup(SAVE(DIGEST4, JUMP, "5"));
	h->facts.save[FAMILY_V6] = strdup(SAVE(DIGEST6, JUMP, "6"));
	h->facts.routes[FAMILY_V4] = strdup("default via 192.0.2.1 dev eth0\n");
	h->facts.routes[FAMILY_V6] = strdup("default via fe80::1 dev eth0\n");
	h->facts.reserved = strdup("33434-33689");
	h->facts.local_range = strdup("32768\t60999");
	(void)strlcpy(h->facts.ifs[0].name, "eth0", IF_NAMESIZE);
	h->facts.ifs[0].rp_filter = 2;
	h->facts.nifs = 1;
	host_addr(h, FAMILY_V4, "198.51.100.53");
	host_addr(h, FAMILY_V4, "198.51.100.54");
	host_addr(h, FAMILY_V6, "2001:db8:f::53");
	h->stats.tally[TALLY_QUEUE_SEQ] = 11;
	return (0);
}

static int
teardown(void **state)
{
	struct host *h = *state;

	check_free(&h->facts);
	free(h);
	return (0);
}

static void
replace(char **text, const char *by)
{
	free(*text);
	*text = by == NULL ? NULL : strdup(by);
}

/* Judges anew: n findings, one of them with these. */
static void
expect_of(struct host *h, size_t n, enum check_severity severity,
    const char *id, const char *what, int line)
{
	size_t i;

	check_judge(&h->check, &h->facts, &h->reply, &h->stats);
	for (i = 0; i < h->check.n; i++)
		if (h->check.found[i].severity == severity &&
		    strcmp(h->check.found[i].id, id) == 0 &&
		    strstr(h->check.found[i].text, what) != NULL)
			break;
	if (i == h->check.n || h->check.n != n)
		fail_msg("line %d: %zu findings, the last: %s", line,
		    h->check.n,
		    h->check.n > 0 ? h->check.found[h->check.n - 1].text : "");
	assert_true(h->check.found[i].remedy[0] != '\0');
	assert_int_equal(check_fine(&h->check), severity == CHECK_NOTE);
}
#define EXPECT(h, n, severity, id, what) \
	expect_of((h), (n), CHECK_##severity, (id), (what), __LINE__)

static void
expect_fine(struct host *h)
{
	check_judge(&h->check, &h->facts, &h->reply, &h->stats);
	if (h->check.n > 0)
		fail_msg("%s", h->check.found[0].text);
	assert_true(check_fine(&h->check));
}

static void
rules_of_iptables(void **state)
{
	struct host *h = *state;

	expect_fine(h);
	replace(&h->facts.save[FAMILY_V4], SAVE(DIGEST6, JUMP, "5"));
	EXPECT(h, 1, WARNING, "rules", "the iptables rules that are loaded");
	replace(&h->facts.save[FAMILY_V4], SAVE("", JUMP, "5"));
	EXPECT(h, 1, WARNING, "rules", "are not those of");
	replace(&h->facts.save[FAMILY_V4], SAVE(DIGEST4, JUMP JUMP, "5"));
	EXPECT(h, 1, WARNING, "rules", "2 jumps lead to the iptables");
	replace(&h->facts.save[FAMILY_V4], SAVE(DIGEST4, "", "5"));
	EXPECT(h, 1, FAULT, "rules", "no jump leads to");
	replace(&h->facts.save[FAMILY_V4], "*mangle\nCOMMIT\n");
	EXPECT(h, 1, FAULT, "rules", "no rules are loaded for IPv4");
	/* Without an IPv4 listen address none are needed. */
	h->text[7][0] = h->text[8][0] = '#';
	expect_fine(h);
}

static void
rules_of_nftables(void **state)
{
	struct host *h = *state;
	char text[2048];

	replace(&h->facts.save[FAMILY_V4], NULL);
	replace(&h->facts.save[FAMILY_V6], NULL);
	(void)snprintf(text, sizeof(text), NFT_RULES, "accept", "udp");
	replace(&h->facts.nft, text);
	expect_fine(h);
	h->text[0][20] = 'f';
	EXPECT(h, 1, WARNING, "rules", "the nftables rules that are loaded");
	replace(&h->facts.nft, "{\"nftables\": []}");
	EXPECT(h, 2, FAULT, "rules", "no rules are loaded for IPv6");
	/* What is no JSON holds no rules, and no surprise. */
	replace(&h->facts.nft, "{\"nftables\": [");
	EXPECT(h, 2, FAULT, "rules", "no rules are loaded for IPv4");
	replace(&h->facts.nft, NULL);
	EXPECT(h, 1, UNKNOWN, "rules", "neither nft nor");
	h->facts.root = 0;
	EXPECT(h, 2, UNKNOWN, "rules", "can't be read");
	assert_string_equal(h->check.found[0].remedy, "run as root");
}

static void
the_queue(void **state)
{
	struct host *h = *state;

	h->stats.tally[TALLY_QUEUE_SEQ] = 8;
	EXPECT(h, 1, NOTE, "queue", "3 of 11 packets went past");
	h->stats.tally[TALLY_QUEUE_SEQ] = 100;
	expect_fine(h);
	h->stats.tally[TALLY_QUEUE_OVERFLOW] = 2;
	EXPECT(h, 1, WARNING, "queue", "overflowed 2 times");
}

static void
firewalls(void **state)
{
	struct host *h = *state;
	char text[4096];

#define FILTER(rules) SAVE(DIGEST4, JUMP, "5") "*filter\n" rules "COMMIT\n"
	replace(&h->facts.save[FAMILY_V4],
	    FILTER("[0:0] -A OUTPUT -p icmp -m icmp --icmp-type 11 -j DROP\n"));
	EXPECT(h, 1, WARNING, "firewall", "a rule of filter OUTPUT drops ICMP");
	replace(&h->facts.save[FAMILY_V4],
	    FILTER("[0:0] -A OUTPUT -m mark --mark 0x75000000/0xff000000 "
		   "-j ACCEPT\n[0:0] -A OUTPUT -p icmp -j REJECT\n"));
	expect_fine(h);
	replace(&h->facts.save[FAMILY_V4],
	    FILTER("[0:0] -A INPUT -p icmp -j DROP\n"));
	EXPECT(h, 1, NOTE, "firewall", "a rule of filter INPUT drops ICMP");
	replace(&h->facts.save[FAMILY_V4],
	    FILTER(":OUTPUT DROP [0:0]\n[0:0] -A OUTPUT -p tcp -j ACCEPT\n"));
	EXPECT(h, 1, WARNING, "firewall", "policy of filter OUTPUT drops");
	replace(&h->facts.save[FAMILY_V4],
	    FILTER(":OUTPUT DROP [0:0]\n[0:0] -A OUTPUT -m mark --mark "
		   "0x75000000/0xff000000 -j ACCEPT\n"));
	expect_fine(h);
	replace(&h->facts.save[FAMILY_V4],
	    FILTER("[0:0] -A INPUT -p udp -j DROP\n"));
	expect_fine(h);

	(void)snprintf(text, sizeof(text), NFT_RULES, "accept", "icmp");
	replace(&h->facts.nft, text);
	h->stats.tally[TALLY_QUEUE_SEQ] = 100;
	EXPECT(h, 1, WARNING, "firewall", "nft: a rule of inet fw out");
	(void)snprintf(text, sizeof(text), NFT_RULES, "drop", "udp");
	replace(&h->facts.nft, text);
	EXPECT(h, 1, WARNING, "firewall", "nft: the output policy of table fw");
}

static void
addresses(void **state)
{
	struct host *h = *state;

	h->facts.addrs[0].addr.b[3] = 1;
	EXPECT(h, 1, WARNING, "addresses", "the listen address 198.51.100.53");
	h->facts.addrs[0].addr.b[3] = 53;
	h->facts.addrs[1].addr.b[3] = 1;
	EXPECT(h, 1, WARNING, "addresses",
	    "198.51.100.54, the hop address of 198.51.100.53");
	h->facts.naddrs = 0;
	EXPECT(h, 1, UNKNOWN, "addresses", "could not be read");
}

static void
private_addresses(void **state)
{
	struct host *h = *state;

	(void)strlcpy(h->text[10], "listen on 10.0.0.5", sizeof(h->text[10]));
	host_addr(h, FAMILY_V4, "10.0.0.5");
	EXPECT(h, 1, WARNING, "nat", "10.0.0.5 is a private address");
	(void)strlcpy(h->text[10], "listen on 10.0.0.5 public 192.0.2.9",
	    sizeof(h->text[10]));
	expect_fine(h);
	(void)strlcpy(h->text[6], "relay both", sizeof(h->text[6]));
	EXPECT(h, 3, WARNING, "nat", "10.0.0.5 lies behind a NAT");
	(void)strlcpy(
	    h->text[10], "listen on 2001:db8:f::53 {", sizeof(h->text[10]));
	(void)strlcpy(h->text[6], "relay own", sizeof(h->text[6]));
	(void)strlcpy(h->text[8], " relay router", sizeof(h->text[8]));
	EXPECT(h, 1, NOTE, "spoofing", "198.51.100.53 answers from");
}

static void
ports(void **state)
{
	struct host *h = *state;

	replace(&h->facts.reserved, "");
	EXPECT(h, 1, WARNING, "reserved_ports", "UDP ports 33434-33689");
	replace(&h->facts.reserved, "33434-33688");
	EXPECT(h, 1, WARNING, "reserved_ports", "are not reserved");
	replace(&h->facts.reserved, "33435-33689");
	EXPECT(h, 1, WARNING, "reserved_ports", "are not reserved");
	replace(&h->facts.reserved, "22,33000-33500,33501-34000,40000");
	expect_fine(h);
	/* Not where the kernel takes ports from. */
	replace(&h->facts.reserved, "");
	replace(&h->facts.local_range, "40000\t60999");
	expect_fine(h);
	replace(&h->facts.reserved, NULL);
	EXPECT(h, 1, UNKNOWN, "reserved_ports", "could not be read");
}

static void
others(void **state)
{
	struct host *h = *state;

	h->facts.ifs[0].rp_filter = 1;
	EXPECT(h, 1, NOTE, "rp_filter", "strict on eth0");
	h->facts.nifs = 0;
	EXPECT(h, 1, UNKNOWN, "rp_filter", "could not be read");
	h->facts.nifs = 1;
	h->facts.ifs[0].rp_filter = 0;

	replace(&h->facts.routes[FAMILY_V4],
	    "default \\ nexthop via 192.0.2.1 \\ nexthop via 192.0.2.2\n");
	expect_fine(h);
	h->facts.hash_policy[FAMILY_V4] = 1;
	EXPECT(h, 1, WARNING, "multipath", "spreads IPv4");
	h->facts.hash_policy[FAMILY_V4] = -1;
	EXPECT(h, 1, UNKNOWN, "multipath", "the IPv4 routes");
	h->facts.hash_policy[FAMILY_V4] = 0;

	(void)strlcpy(
	    h->text[3], "mark 0x00004000/0x0000f000", sizeof(h->text[3]));
	EXPECT(h, 1, NOTE, "mark", "kube-proxy");
	replace(&h->facts.save[FAMILY_V4],
	    SAVE(DIGEST4, JUMP, "5") "*nat\n:KUBE-SERVICES - [0:0]\nCOMMIT\n");
	EXPECT(h, 1, WARNING, "mark", "which runs here");
	(void)strlcpy(h->text[3], "mark 0x1/0xf", sizeof(h->text[3]));
	expect_fine(h);
	(void)strlcpy(h->text[5], "mode observe", sizeof(h->text[5]));
	EXPECT(h, 1, NOTE, "mode", "mode observe");
}

static void
is_printed(void **state)
{
	struct host *h = *state;
	char *text;
	size_t len;
	FILE *f;

	h->facts.ifs[0].rp_filter = 1;
	(void)strlcpy(h->facts.ifs[0].name, "e\x1b[2J", IF_NAMESIZE);
	check_judge(&h->check, &h->facts, &h->reply, &h->stats);
	assert_non_null(f = open_memstream(&text, &len));
	assert_int_equal(output_text.check(f, &h->check), 0);
	assert_int_equal(fclose(f), 0);
	assert_ptr_equal(strstr(text, "note     rp_filter: "), text);
	assert_non_null(strstr(text, "strict on e\\x1b[2J:"));
	assert_non_null(strstr(text, "\n         -> sysctl -w"));
	assert_non_null(strstr(text, "\nok       rules\n"));
	assert_null(strstr(text, "ok       rp_filter"));
	free(text);
	assert_non_null(f = open_memstream(&text, &len));
	assert_int_equal(output_json.check(f, &h->check), 0);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "\"severity\": \"note\""));
	assert_non_null(strstr(text, "\"fine\": 1"));
	free(text);
}

static void
programs_are_run(void **state)
{
	static const char *const echo[] = { "echo", "a  b", NULL };
	static const char *const none[] = { "no-such-program", NULL };
	static const char *const fails[] = { "false", NULL };
	static const char *const path[] = { "../bin/../no-such", NULL };
	static const char *const much[] = { "yes", NULL };
	static const char *const env[] = { "env", NULL };
	char *text;

	(void)state;
	assert_int_equal(setenv("IPTABLES_SECRET", "x", 1), 0);
	assert_non_null(text = check_run(echo));
	assert_string_equal(text, "a  b\n");
	free(text);
	assert_non_null(text = check_run(env));
	assert_string_equal(
	    text, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
	free(text);
	assert_null(check_run(none));
	assert_null(check_run(fails));
	assert_null(check_run(path));
	assert_null(check_run(much));
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(rules_of_iptables),
		TEST(rules_of_nftables),
		TEST(the_queue),
		TEST(firewalls),
		TEST(addresses),
		TEST(private_addresses),
		TEST(ports),
		TEST(others),
		TEST(is_printed),
		TEST(programs_are_run),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
