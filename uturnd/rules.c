/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sodium.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uturnd/conf.h"
#include "uturnd/rules.h"

/*
 * The coarse cap lies this many times above `limit total`.  What goes past it
 * is answered by the kernel, a genuine trace's probes like any other's: so it
 * must lie above a flood in which the engine can still tell them apart.
 */
#define RULES_CAP_TIMES 32
/* Above that rate xt_limit refuses, and above the next one xt_hashlimit. */
#define RULES_XT_LIMIT_MAX  10000
#define RULES_HASHLIMIT_MAX 1000000

struct rules_name {
	const char *name;
	const char *load;
	const char *again;
};

#define RULES_NFT "uturnd -R nftables | nft -f -"
#define RULES_IPT "uturnd -R iptables | iptables-restore -n"
#define RULES_IP6 "uturnd -R ip6tables | ip6tables-restore -n"

/* The host's own chains hold one jump each, which only -D takes away. */
static const struct rules_name rules_names[RULES_LAST] = {
	[RULES_NFTABLES] = { "nftables", RULES_NFT, RULES_NFT },
	[RULES_IPTABLES] = { "iptables", RULES_IPT,
	    "iptables -t raw -D OUTPUT -j UTURND-OUT; "
	    "iptables -t mangle -D INPUT -j UTURND; " RULES_IPT },
	[RULES_IP6TABLES] = { "ip6tables", RULES_IP6,
	    "ip6tables -t raw -D OUTPUT -j UTURND-OUT; "
	    "ip6tables -t mangle -D INPUT -j UTURND; " RULES_IP6 },
};

int
rules_form_parse(const char *name, enum rules_form *form)
{
	int i;

	for (i = 0; i < RULES_LAST; i++)
		if (strcmp(name, rules_names[i].name) == 0) {
			*form = (enum rules_form)i;
			return (0);
		}
	return (-1);
}

const char *
rules_form_command(enum rules_form form)
{
	return (rules_names[form].load);
}

const char *
rules_form_again(enum rules_form form)
{
	return (rules_names[form].again);
}

/* Packets a second; 0: no cap. */
static uint32_t
rules_cap(const struct conf *c)
{
	/* POLICY_RATE_MAX leaves room for the product. */
	return (RULES_CAP_TIMES * c->policy.limit_total.rate);
}

static uint32_t
rules_listen_count(const struct policy *p, enum family family)
{
	uint32_t i, n = 0;

	for (i = 0; i < p->nlisten; i++)
		if (p->listen[i].family == family)
			n++;
	return (n);
}

static void
rules_nft_set(const struct policy *p, enum family family, FILE *f)
{
	char buf[ADDR_TEXT_MAX];
	const char *sep = "";
	uint32_t i;

	(void)fprintf(f, "\tset listen%c {\n\t\ttype ipv%c_addr\n",
	    family == FAMILY_V4 ? '4' : '6', family == FAMILY_V4 ? '4' : '6');
	if (rules_listen_count(p, family) > 0) {
		(void)fputs("\t\telements = { ", f);
		for (i = 0; i < p->nlisten; i++) {
			if (p->listen[i].family != family)
				continue;
			(void)fprintf(f, "%s%s", sep,
			    addr_format(
				family, &p->listen[i].addr, buf, sizeof(buf)));
			sep = ", ";
		}
		(void)fputs(" }\n", f);
	}
	(void)fputs("\t}\n", f);
}

/* One port or range in the tool's own syntax, `-` or `:` between. */
static void
rules_range(const struct policy_ports *r, char between, FILE *f)
{
	if (r->lo == r->hi)
		(void)fprintf(f, "%u", r->lo);
	else
		(void)fprintf(f, "%u%c%u", r->lo, between, r->hi);
}

static void
rules_nft_ports(
    const struct policy *p, enum proto proto, const char *match, FILE *f)
{
	const char *sep = "";
	uint32_t i, n = 0;

	for (i = 0; i < p->nports; i++) {
		if (p->ports[i].proto != proto)
			continue;
		if (n++ == 0)
			(void)fprintf(f, "\t\t%s { ", match);
		(void)fputs(sep, f);
		rules_range(&p->ports[i], '-', f);
		sep = ", ";
	}
	if (n > 0)
		(void)fputs(" } goto pick\n", f);
}

/* A request for a reverse probe (docs/augsburg.md), of whatever TTL. */
static const char *const rules_nft_ask[FAMILY_MAX] = {
	[FAMILY_V4] = "ip protocol icmp icmp type echo-request icmp code 1",
	[FAMILY_V6] =
	    "ip6 nexthdr ipv6-icmp icmpv6 type echo-request icmpv6 code 1",
};
static const char *const rules_xt_ask[FAMILY_MAX] = {
	[FAMILY_V4] = "-p icmp -m icmp --icmp-type 8/1",
	[FAMILY_V6] = "-p ipv6-icmp -m icmp6 --icmpv6-type 128/1",
};

/*
 * `ip6 nexthdr` and `ip protocol` name the header that follows directly: with
 * `meta l4proto` extension headers would be walked, and uturnd wants none.
 */
static void
rules_nft_probe(const struct conf *c, enum family family, FILE *f)
{
	const int v4 = family == FAMILY_V4;

	(void)fprintf(f,
	    "\tchain probe%c {\n"
	    "\t\tiifname \"lo\" return\n"
	    "\t\tmeta pkttype != host return\n"
	    "\t\tfib daddr type != local return\n"
	    "\t\tfib saddr type != unicast return\n"
	    "%s",
	    v4 ? '4' : '6',
	    c->conntrack ? "\t\tct direction reply return\n" : "");
	rules_nft_ports(&c->policy, PROTO_UDP,
	    v4 ? "ip protocol udp udp dport" : "ip6 nexthdr udp udp dport", f);
	rules_nft_ports(&c->policy, PROTO_TCP,
	    v4 ? "ip protocol tcp tcp flags == syn tcp dport"
	       : "ip6 nexthdr tcp tcp flags == syn tcp dport",
	    f);
	if (c->policy.probe_icmp)
		(void)fputs(v4 ? "\t\tip protocol icmp icmp type echo-request "
				 "icmp code 0 goto pick\n"
			       : "\t\tip6 nexthdr ipv6-icmp icmpv6 type "
				 "echo-request icmpv6 code 0 goto pick\n",
		    f);
	if (c->policy.augsburg)
		(void)fprintf(f, "\t\t%s goto pick\n", rules_nft_ask[family]);
	(void)fputs("\t}\n", f);
}

static void
rules_nftables(const struct conf *c, const char *digest, FILE *f)
{
	const struct policy *p = &c->policy;
	uint32_t cap = rules_cap(c);

	/* Declared first, so that deleting works where it is not there. */
	(void)fputs("table inet uturnd\ndelete table inet uturnd\n"
		    "table inet uturnd {\n",
	    f);
	rules_nft_set(p, FAMILY_V4, f);
	rules_nft_set(p, FAMILY_V6, f);
	(void)fputs("\tcounter queued { }\n\tcounter capped { }\n"
		    "\tchain pick {\n",
	    f);
	if (cap != 0)
		(void)fprintf(f,
		    "\t\tlimit rate over %u/second burst %u packets "
		    "counter name capped return\n",
		    cap, cap);
	(void)fprintf(f,
	    "\t\tcounter name queued queue flags bypass to %u "
	    "comment \"uturnd %s\"\n\t}\n",
	    c->fixed.queue, digest);
	rules_nft_probe(c, FAMILY_V4, f);
	rules_nft_probe(c, FAMILY_V6, f);
	(void)fputs(
	    "\tchain input {\n"
	    "\t\ttype filter hook input priority mangle; policy accept;\n",
	    f);
	if (p->augsburg)
		(void)fprintf(f,
		    "\t\tip daddr @listen4 %s goto probe4\n"
		    "\t\tip6 daddr @listen6 %s goto probe6\n",
		    rules_nft_ask[FAMILY_V4], rules_nft_ask[FAMILY_V6]);
	(void)fprintf(f,
	    "\t\tip daddr @listen4 ip ttl 1-%u goto probe4\n"
	    "\t\tip6 daddr @listen6 ip6 hoplimit 1-%u goto probe6\n"
	    "\t}\n"
	    "\tchain output {\n"
	    "\t\ttype filter hook output priority raw; policy accept;\n"
	    "\t\tmeta mark and 0x%08x == 0x%08x notrack\n"
	    "\t}\n"
	    "}\n",
	    p->max_ttl, p->max_ttl, c->fixed.mark_mask, c->fixed.mark);
}

static void
rules_xt_ports(
    const struct policy *p, enum proto proto, const char *match, FILE *f)
{
	uint32_t i;

	for (i = 0; i < p->nports; i++) {
		if (p->ports[i].proto != proto)
			continue;
		(void)fprintf(f, "-A UTURND-PROBE %s --dport ", match);
		rules_range(&p->ports[i], ':', f);
		(void)fputs(" -j UTURND-QUEUE\n", f);
	}
}

/* The limits of the modules' ranges are their own, not ours. */
static void
rules_xt_cap(const struct conf *c, FILE *f)
{
	uint32_t cap = rules_cap(c);

	if (cap == 0)
		return;
	if (cap <= RULES_XT_LIMIT_MAX) {
		(void)fprintf(
		    f, " -m limit --limit %u/sec --limit-burst %u", cap, cap);
		return;
	}
	if (cap > RULES_HASHLIMIT_MAX)
		cap = RULES_HASHLIMIT_MAX;
	/*
	 * A hashlimit table is found again by its name, with its old rate: so
	 * the name bears the rate.
	 */
	(void)fprintf(f,
	    " -m hashlimit --hashlimit-upto %u/sec --hashlimit-burst %u "
	    "--hashlimit-name uturnd%u",
	    cap, cap, cap);
}

static void
rules_xt_listen(const struct policy *p, enum family family, FILE *f)
{
	char buf[ADDR_TEXT_MAX];
	uint32_t i;

	for (i = 0; i < p->nlisten; i++) {
		if (p->listen[i].family != family)
			continue;
		addr_format(family, &p->listen[i].addr, buf, sizeof(buf));
		if (p->augsburg)
			(void)fprintf(f,
			    "-A UTURND -d %s/%u %s -g UTURND-PROBE\n", buf,
			    addr_bits(family), rules_xt_ask[family]);
		(void)fprintf(f,
		    "-A UTURND -d %s/%u -m %s %u -j UTURND-PROBE\n", buf,
		    addr_bits(family),
		    family == FAMILY_V4 ? "ttl --ttl-lt" : "hl --hl-lt",
		    p->max_ttl + 1U);
	}
}

static void
rules_xtables(
    const struct conf *c, enum family family, const char *digest, FILE *f)
{
	const struct policy *p = &c->policy;

	(void)fprintf(f,
	    "*raw\n"
	    ":UTURND-OUT - [0:0]\n"
	    "-A UTURND-OUT -m mark --mark 0x%x/0x%x -j CT --notrack\n"
	    "-I OUTPUT -j UTURND-OUT\n"
	    "COMMIT\n"
	    "*mangle\n"
	    ":UTURND - [0:0]\n"
	    ":UTURND-PROBE - [0:0]\n"
	    ":UTURND-QUEUE - [0:0]\n",
	    c->fixed.mark, c->fixed.mark_mask);
	rules_xt_listen(p, family, f);
	(void)fprintf(f,
	    "-A UTURND-PROBE -i lo -j RETURN\n"
	    "-A UTURND-PROBE -m pkttype ! --pkt-type unicast -j RETURN\n"
	    "-A UTURND-PROBE -m addrtype ! --dst-type LOCAL -j RETURN\n"
	    "-A UTURND-PROBE -m addrtype ! --src-type UNICAST -j RETURN\n"
	    "%s%s",
	    /* An IPv6 address of the host's own is of both types. */
	    family == FAMILY_V6
		? "-A UTURND-PROBE -m addrtype --src-type LOCAL -j RETURN\n"
		: "",
	    c->conntrack ? "-A UTURND-PROBE -m conntrack --ctdir REPLY "
			   "-j RETURN\n"
			 : "");
	rules_xt_ports(p, PROTO_UDP, "-p udp -m udp", f);
	rules_xt_ports(p, PROTO_TCP, "-p tcp -m tcp --tcp-flags ALL SYN", f);
	if (p->probe_icmp)
		(void)fprintf(f, "-A UTURND-PROBE %s -j UTURND-QUEUE\n",
		    family == FAMILY_V4
			? "-p icmp -m icmp --icmp-type 8/0"
			: "-p ipv6-icmp -m icmp6 --icmpv6-type 128/0");
	if (p->augsburg)
		(void)fprintf(f, "-A UTURND-PROBE %s -j UTURND-QUEUE\n",
		    rules_xt_ask[family]);
	(void)fputs("-A UTURND-QUEUE", f);
	rules_xt_cap(c, f);
	(void)fprintf(f,
	    " -m comment --comment \"uturnd %s\" "
	    "-j NFQUEUE --queue-num %u --queue-bypass\n"
	    "-I INPUT -j UTURND\n"
	    "COMMIT\n",
	    digest, c->fixed.queue);
}

/*
 * The rules, which bear the digest in a comment so that `uturnctl check` can
 * tell whether those that are loaded are these; it is made of the rules with
 * an empty one.  NULL and errno, or the caller's to free.
 */
static char *
rules_text(
    const struct conf *c, enum rules_form form, const char *digest, size_t *len)
{
	char *text = NULL;
	FILE *f;

	if ((f = open_memstream(&text, len)) == NULL)
		return (NULL);
	if (form == RULES_NFTABLES)
		rules_nftables(c, digest, f);
	else
		rules_xtables(c, form == RULES_IPTABLES ? FAMILY_V4 : FAMILY_V6,
		    digest, f);
	if (fclose(f) == EOF) {
		free(text);
		return (NULL);
	}
	return (text);
}

static int
rules_hash(const char *text, size_t len, char *out, size_t outlen)
{
	unsigned char hash[(RULES_DIGEST_MAX - 1) / 2];

	if (outlen < RULES_DIGEST_MAX) {
		errno = EINVAL;
		return (-1);
	}
	if (crypto_generichash(hash, sizeof(hash), (const unsigned char *)text,
		len, NULL, 0) != 0) {
		errno = EIO;
		return (-1);
	}
	(void)sodium_bin2hex(out, outlen, hash, sizeof(hash));
	return (0);
}

int
rules_digest(
    const struct conf *c, enum rules_form form, char *out, size_t outlen)
{
	size_t len;
	char *text;
	int ret;

	if ((text = rules_text(c, form, "", &len)) == NULL)
		return (-1);
	ret = rules_hash(text, len, out, outlen);
	free(text);
	return (ret);
}

int
rules_print(const struct conf *c, enum rules_form form, FILE *f)
{
	char digest[RULES_DIGEST_MAX];
	size_t len;
	char *text;

	if (rules_digest(c, form, digest, sizeof(digest)) == -1 ||
	    (text = rules_text(c, form, digest, &len)) == NULL)
		return (-1);
	(void)fprintf(f, "# uturnd: %s\n# loaded before: %s\n# digest: %s\n%s",
	    rules_form_command(form), rules_form_again(form), digest, text);
	free(text);
	return (fflush(f) == EOF ? -1 : 0);
}

int
rules_equal(const struct conf *a, const struct conf *b)
{
	char da[RULES_DIGEST_MAX], db[RULES_DIGEST_MAX];
	int form;

	for (form = 0; form < RULES_LAST; form++) {
		if (rules_digest(a, (enum rules_form)form, da, sizeof(da)) ==
			-1 ||
		    rules_digest(b, (enum rules_form)form, db, sizeof(db)) ==
			-1)
			return (0);
		if (strcmp(da, db) != 0)
			return (0);
	}
	return (1);
}
