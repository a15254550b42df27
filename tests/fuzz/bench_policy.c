/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The policies of the bench: every mode, in both families. */

#include <string.h>

#include "tests/fuzz/bench.h"

static const char *const listens[FAMILY_MAX][BENCH_LISTEN] = {
	{ "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5",
	    "192.0.2.6" },
	{ "2001:db8:1::1", "2001:db8:1::2", "2001:db8:1::3", "2001:db8:1::4",
	    "2001:db8:1::5", "2001:db8:1::6" },
};
static const char *const outside[] = { "203.0.113.7", "2001:db8:7::7" };
static const char *const hops[] = { "192.0.2.101", "2001:db8:1::101" };
static const char *const prefixes[] = { "192.0.2.128", "2001:db8:5::" };
/* Own in the second policy only. */
static const char *const laters[] = { "203.0.113.2", "2001:db8:113::2" };

static struct addr
bench_addr(int f, const char *text)
{
	struct addr a;

	FUZZ_CHECK(addr_parse((enum family)f, text, &a) == 0);
	return (a);
}

static void
bench_listen(struct policy_listen *l, int f, unsigned int i, unsigned int mode)
{
	l->family = (enum family)f;
	l->addr = bench_addr(f, listens[f][i]);
	l->relay = (enum policy_relay)(mode % RELAY_LAST);
	if (mode >= 3)
		l->turn = TURN_MIRROR;
	switch (mode) {
	case 1:
		l->unreachable = UNREACHABLE_RELAY;
		l->hop_addr = bench_addr(f, hops[f]);
		break;
	case 2:
		l->unreachable = UNREACHABLE_RELAY;
		l->hop_prefix = bench_addr(f, prefixes[f]);
		l->hop_prefix_len = f == FAMILY_V4 ? 28 : 64;
		break;
	case 3:
		l->public_addr = bench_addr(f, outside[f]);
		break;
	case 4:
		l->inflection = INFLECTION_SILENT;
		l->unreachable = UNREACHABLE_RELAY;
		break;
	default:
		break;
	}
}

static void
bench_policy_make(struct policy *p, unsigned int which)
{
	unsigned int i;
	int f;

	memset(p, 0, sizeof(*p));
	p->generation = 1 + which;
	p->probe_icmp = 1;
	p->max_ttl = 32;
	p->gate_ns = 10000 * (uint64_t)BENCH_MS;
	p->timeout_ns = (which == 1 ? 1000 : 3000) * (uint64_t)BENCH_MS;
	p->settle_ns = 400 * (uint64_t)BENCH_MS;
	for (f = 0; f < FAMILY_MAX; f++)
		for (i = 0; i < BENCH_LISTEN; i++)
			bench_listen(&p->listen[p->nlisten++], f, i,
			    which == 1 ? BENCH_LISTEN - 1 - i : i);
	p->traces = 3 - which; /* one is too few for all */
	p->traces_keep_ns = 2000 * (uint64_t)BENCH_MS;
	p->observe = which == 2;
	p->nports = 2;
	p->ports[0].proto = PROTO_UDP;
	p->ports[0].lo = 33434;
	p->ports[0].hi = 33689;
	p->ports[1].proto = PROTO_TCP;
	p->ports[1].lo = p->ports[1].hi = 80;
	/* 10.0.0.1, one of the routers, is hidden. */
	p->nhide = 1;
	p->hide[0].action = POLICY_DENY;
	p->hide[0].kind = POLICY_PRIVATE;
	if (which != 1)
		return;
	for (f = 0; f < FAMILY_MAX; f++)
		p->listen[f * BENCH_LISTEN].hop_addr = bench_addr(f, laters[f]);
	p->limit_client.rate = p->limit_client.burst = 8;
	p->limit_total.rate = p->limit_total.burst = 4;
	p->limit_hop.rate = p->limit_hop.burst = 2;
	p->nrules = 1;
	p->rules[0].action = POLICY_DENY;
	p->rules[0].kind = POLICY_PREFIX;
	p->rules[0].family = FAMILY_V4;
	p->rules[0].addr = bench_addr(FAMILY_V4, "198.51.100.7");
	p->rules[0].len = 32;
}

struct policy *
bench_policy(unsigned int which)
{
	static struct policy policies[BENCH_POLICIES];
	static int made;
	unsigned int i;

	if (!made) {
		for (i = 0; i < BENCH_POLICIES; i++)
			bench_policy_make(&policies[i], i);
		made = 1;
	}
	return (&policies[which % BENCH_POLICIES]);
}
