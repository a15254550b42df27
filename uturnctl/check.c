/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What the gathered facts mean, but for the firewall's rules. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uturnctl/check_int.h"

/* Bits of the packet mark that kube-proxy takes for its own. */
#define CHECK_KUBE_BITS 0x0000c000U

const char *const check_ids[] = { "rules", "queue", "firewall", "addresses",
	"nat", "reserved_ports", "mark", "multipath", "rp_filter", "spoofing",
	"mode", NULL };

const char *
check_severity_name(enum check_severity s)
{
	static const char *const names[CHECK_SEVERITIES] = { "fault", "warning",
		"unknown", "note" };

	return ((unsigned int)s < CHECK_SEVERITIES ? names[s] : "?");
}

void
check_add(struct check *c, enum check_severity severity, const char *id,
    const char *remedy, const char *fmt, ...)
{
	struct check_finding *f;
	va_list ap;
	size_t i;

	if (c->n == CHECK_FOUND_MAX)
		return;
	f = &c->found[c->n];
	f->severity = severity;
	f->id = id;
	f->remedy = remedy;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	/* nft shows the rules of iptables, too: said once is enough. */
	for (i = 0; i < c->n; i++)
		if (strcmp(c->found[i].id, id) == 0 &&
		    strcmp(c->found[i].text, f->text) == 0)
			return;
	c->n++;
}

const char *
check_line(const char *text, char *buf, size_t len)
{
	size_t n;

	if (text == NULL || *text == '\0')
		return (NULL);
	n = strcspn(text, "\n");
	(void)snprintf(
	    buf, len, "%.*s", n < len ? (int)n : (int)(len - 1), text);
	return (text[n] == '\n' ? text + n + 1 : text + n);
}

static int
check_has_addr(
    const struct check_facts *f, enum family family, const struct addr *a)
{
	size_t i;

	for (i = 0; i < f->naddrs; i++)
		if (f->addrs[i].family == family &&
		    addr_equal(&f->addrs[i].addr, a))
			return (1);
	return (0);
}

static void
check_listen(
    struct check *c, const struct check_facts *f, const struct policy_listen *l)
{
	char text[ADDR_TEXT_MAX], hop[ADDR_TEXT_MAX];

	(void)addr_format(l->family, &l->addr, text, sizeof(text));
	if (f->naddrs == 0)
		check_add(c, CHECK_UNKNOWN, "addresses", "look at `ip address'",
		    "the host's addresses could not be read");
	else if (!check_has_addr(f, l->family, &l->addr))
		check_add(c, CHECK_WARNING, "addresses",
		    "add the address to an interface; on the spare host of a "
		    "pair this is as it should be",
		    "the host does not have the listen address %s", text);
	if (f->naddrs != 0 && !addr_is_zero(&l->hop_addr) &&
	    !check_has_addr(f, l->family, &l->hop_addr)) {
		(void)addr_format(l->family, &l->hop_addr, hop, sizeof(hop));
		check_add(c, CHECK_WARNING, "addresses",
		    "add it, or route it here, or take it out of uturnd.conf",
		    "the host does not have %s, the hop address of %s", hop,
		    text);
	}
	if (addr_is_private(l->family, &l->addr) &&
	    addr_is_zero(&l->public_addr))
		check_add(c, CHECK_WARNING, "nat",
		    "say `listen on ADDRESS public OUTSIDE' if clients reach "
		    "it by a NAT; else nothing",
		    "%s is a private address: behind a NAT no answer of a "
		    "reverse router can be told",
		    text);
	if (!addr_is_zero(&l->public_addr) && l->relay != RELAY_OWN)
		check_add(c, CHECK_WARNING, "nat", "say `relay own'",
		    "%s lies behind a NAT, which rewrites the source of "
		    "relayed answers",
		    text);
	if (l->relay != RELAY_OWN)
		check_add(c, CHECK_NOTE, "spoofing",
		    "ask your upstream, or say `relay own'",
		    "%s answers from reverse routers' addresses: a network "
		    "that filters sources (BCP 38) drops these",
		    text);
}

/* Is the whole range in a list such as "33434-33689,40000"? */
static int
check_reserved(const char *list, uint16_t lo, uint16_t hi)
{
	unsigned long from, to, want = lo;
	const char *p = list;
	char *end;

	while (*p != '\0') {
		from = to = strtoul(p, &end, 10);
		if (end == p)
			return (0);
		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		/* The kernel prints them sorted. */
		if (from <= want && want <= to)
			want = to + 1;
		if (want > hi)
			return (1);
		if (*end != ',')
			return (0);
		p = end + 1;
	}
	return (0);
}

static void
check_ports(
    struct check *c, const struct check_facts *f, const struct check_conf *conf)
{
	static const char *remedy =
	    "sysctl -w net.ipv4.ip_local_reserved_ports=PORTS (with those that "
	    "are there), and keep it in /etc/sysctl.d";
	unsigned long lo, hi;
	char *end;
	size_t i;

	if (f->reserved == NULL || f->local_range == NULL) {
		check_add(c, CHECK_UNKNOWN, "reserved_ports", remedy,
		    "net.ipv4.ip_local_reserved_ports could not be read");
		return;
	}
	lo = strtoul(f->local_range, &end, 10);
	hi = strtoul(end, NULL, 10);
	for (i = 0; i < conf->nports; i++)
		if (conf->ports[i].lo <= hi && conf->ports[i].hi >= lo &&
		    !check_reserved(
			f->reserved, conf->ports[i].lo, conf->ports[i].hi))
			check_add(c, CHECK_WARNING, "reserved_ports", remedy,
			    "UDP ports %u-%u are not reserved: the host's own "
			    "sockets may take them, and uturnd their answers",
			    conf->ports[i].lo, conf->ports[i].hi);
}

static void
check_mark(
    struct check *c, const struct check_facts *f, const struct check_conf *conf)
{
	int kube = 0, i;

	if ((conf->mask & CHECK_KUBE_BITS) == 0)
		return;
	for (i = 0; i < FAMILY_MAX; i++)
		if (f->save[i] != NULL && strstr(f->save[i], "KUBE-") != NULL)
			kube = 1;
	if (f->nft != NULL &&
	    (strstr(f->nft, "KUBE-") != NULL ||
		strstr(f->nft, "kube-proxy") != NULL))
		kube = 1;
	check_add(c, kube ? CHECK_WARNING : CHECK_NOTE, "mark",
	    "choose a `mark' whose mask leaves these bits out",
	    "the mark's mask 0x%08" PRIx32 " has bits of kube-proxy "
	    "(0x4000, 0x8000)%s",
	    conf->mask, kube ? ", which runs here" : "");
}

static void
check_multipath(
    struct check *c, const struct check_facts *f, const struct check_conf *conf)
{
	int i;

	for (i = 0; i < FAMILY_MAX; i++) {
		if (!check_conf_family(conf, (enum family)i))
			continue;
		if (f->routes[i] == NULL || f->hash_policy[i] == -1) {
			check_add(c, CHECK_UNKNOWN, "multipath",
			    "look at `ip route' and at "
			    "net.ipv4.fib_multipath_hash_policy",
			    "the IPv%c routes could not be read",
			    i == FAMILY_V4 ? '4' : '6');
			continue;
		}
		if (f->hash_policy[i] > 0 &&
		    strstr(f->routes[i], "nexthop") != NULL)
			check_add(c, CHECK_WARNING, "multipath",
			    "set fib_multipath_hash_policy to 0, or know that "
			    "the first link may not be that of true answers",
			    "the host spreads IPv%c over several next hops by "
			    "ports, which turned probes do not follow",
			    i == FAMILY_V4 ? '4' : '6');
	}
}

static void
check_rp_filter(struct check *c, const struct check_facts *f)
{
	size_t i;

	if (f->nifs == 0)
		check_add(c, CHECK_UNKNOWN, "rp_filter",
		    "look at net.ipv4.conf.*.rp_filter",
		    "rp_filter could not be read");
	for (i = 0; i < f->nifs; i++)
		if (f->ifs[i].rp_filter == 1)
			check_add(c, CHECK_NOTE, "rp_filter",
			    "sysctl -w net.ipv4.conf.INTERFACE.rp_filter=2 (or "
			    "0, and that of `all') where the way back may be "
			    "another",
			    "rp_filter is strict on %s: answers of reverse "
			    "routers are seen all the same, but a probe is "
			    "dropped whose way back is another interface",
			    f->ifs[i].name);
}

void
check_judge(struct check *c, const struct check_facts *f,
    const struct reply *answer, const struct stats *stats)
{
	struct check_conf *conf;
	size_t i;

	memset(c, 0, sizeof(*c));
	if ((conf = calloc(1, sizeof(*conf))) == NULL) {
		check_add(c, CHECK_UNKNOWN, "rules", "try again", "no memory");
		return;
	}
	check_conf_read(conf, answer);
	check_rules(c, f, conf, stats);
	check_firewall(c, f, conf);
	for (i = 0; i < conf->nlisten; i++)
		check_listen(c, f, &conf->listen[i]);
	check_ports(c, f, conf);
	check_mark(c, f, conf);
	check_multipath(c, f, conf);
	check_rp_filter(c, f);
	if (conf->observe)
		check_add(c, CHECK_NOTE, "mode",
		    "say `mode serve' when you have seen enough",
		    "mode observe: nothing is answered");
	free(conf);
}

int
check_fine(const struct check *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->found[i].severity < CHECK_NOTE)
			return (0);
	return (1);
}
