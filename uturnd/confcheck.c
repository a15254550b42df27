/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Defaults, and what only the whole configuration shows. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uturnd/confset.h"
#include "uturnd/confvalue.h"

static void
confcheck_socket(struct conf *c, const char *path, int restricted)
{
	struct conf_socket *s = &c->sockets[c->nsockets++];

	(void)snprintf(s->path, sizeof(s->path), "%s", path);
	s->restricted = restricted;
}

void
confcheck_defaults(struct conf *c)
{
	struct policy *p = &c->policy;

	confcheck_socket(c, "/run/uturnd/uturnd.sock", 0);
	confcheck_socket(c, "/run/uturnd/uturnd.rsock", 1);
	(void)snprintf(c->user, sizeof(c->user), "_uturnd");
	c->fixed.queue = 33434;
	c->fixed.queue_len = 1024;
	c->fixed.mark = 0x75000000;
	c->fixed.mark_mask = 0xff000000;
	c->fixed.pending = 8192;
	p->probe_icmp = 1;
	p->max_ttl = 32;
	p->gate_ns = 10 * CONF_SECOND;
	p->timeout_ns = 3 * CONF_SECOND;
	p->settle_ns = 400 * CONF_MS;
	p->rules[0].action = POLICY_ALLOW;
	p->rules[0].kind = POLICY_ANY;
	p->rules[1].action = POLICY_DENY;
	p->rules[1].kind = POLICY_PRIVATE;
	p->nrules = 2;
	p->hide[0].action = POLICY_DENY;
	p->hide[0].kind = POLICY_PRIVATE;
	p->nhide = 1;
	p->limit_client.rate = 32;
	p->limit_client.burst = 96;
	p->limit_total.rate = 2048;
	p->limit_total.burst = 2048;
	p->limit_hop.rate = 64;
	p->limit_hop.burst = 64;
	p->traces = 256;
	p->traces_keep_ns = 600 * CONF_SECOND;
}

static int
confcheck_ports_cmp(const void *a, const void *b)
{
	const struct policy_ports *x = a, *y = b;

	if (x->proto != y->proto)
		return (x->proto < y->proto ? -1 : 1);
	return (x->lo < y->lo ? -1 : x->lo > y->lo);
}

/* A listen block's values over the global ones. */
static void
confcheck_resolve(struct conf *c)
{
	struct policy_listen *l;
	unsigned int set;
	uint32_t i;

	for (i = 0; i < c->policy.nlisten; i++) {
		l = &c->policy.listen[i];
		set = c->listen[i].set;
		if ((set & CONF_SET_RELAY) == 0)
			l->relay = c->global.relay;
		if ((set & CONF_SET_TURN) == 0)
			l->turn = c->global.turn;
		if ((set & CONF_SET_INFLECTION) == 0)
			l->inflection = c->global.inflection;
		if ((set & CONF_SET_UNREACHABLE) == 0)
			l->unreachable = c->global.unreachable;
	}
}

void
confcheck_finish(struct conf_parse *p)
{
	struct conf *c = p->conf;
	struct policy *pol = &c->policy;
	struct lex_pos whole = { p->lex.file->name, 0 };
	char timeout[CONFVALUE_DURATION_MAX];

	if ((p->seen & CONF_SEEN_UDP) == 0) {
		/* There is room: a full table was a fault, and is no matter. */
		if (pol->nports == POLICY_PORTS_MAX) {
			lex_fault(&p->lex, &whole,
			    "too many ports with the default `probe udp port "
			    "33434:33689'; at most %d ranges are allowed",
			    POLICY_PORTS_MAX);
			return;
		}
		pol->ports[pol->nports].proto = PROTO_UDP;
		pol->ports[pol->nports].lo = 33434;
		pol->ports[pol->nports].hi = 33689;
		pol->nports++;
	}
	qsort(pol->ports, pol->nports, sizeof(pol->ports[0]),
	    confcheck_ports_cmp);
	confcheck_resolve(c);
	c->traces_made = pol->traces;
	if (pol->settle_ns > pol->timeout_ns)
		lex_fault(&p->lex, p->settle.file != NULL ? &p->settle : &whole,
		    "settle is longer than timeout; allowed is at most %s "
		    "here",
		    confvalue_duration_format(
			pol->timeout_ns, timeout, sizeof(timeout)));
	/* Faults may be why there is none; then they say enough. */
	if (p->lex.faults > 0)
		return;
	if (pol->nlisten == 0)
		lex_fault(&p->lex, &whole,
		    "no listen address, so there is nothing to do; at least "
		    "one `listen on ADDRESS' is needed");
	if (pol->nports == 0 && !pol->probe_icmp)
		lex_fault(&p->lex, &whole,
		    "every kind of probe is off, so there is nothing to do; "
		    "at least one `probe' is needed");
}

/* Of one listen address. */
static void
confcheck_advise_listen(struct conf_parse *p, uint32_t i)
{
	const struct policy_listen *l = &p->conf->policy.listen[i];
	const struct conf_listen *cl = &p->conf->listen[i];
	struct lex_pos pos = { cl->file, cl->line };
	char text[ADDR_TEXT_MAX];

	(void)addr_format(l->family, &l->addr, text, sizeof(text));
	if (l->inflection == INFLECTION_ANSWER && addr_is_zero(&l->hop_addr) &&
	    l->hop_prefix_len == 0)
		lex_warn(&p->lex, &pos,
		    "%s has no hop address: mtr, scamper and "
		    "inetutils-traceroute -I stop at the turn",
		    text);
	else if (l->relay == RELAY_OWN && l->hop_prefix_len == 0 &&
	    addr_is_zero(&l->hop_addr))
		lex_warn(&p->lex, &pos,
		    "%s relays from the listen address itself: mtr and "
		    "scamper stop at the first reverse hop",
		    text);
	if (addr_is_private(l->family, &l->addr) &&
	    addr_is_zero(&l->public_addr))
		lex_warn(&p->lex, &pos,
		    "%s is private and has no public address: behind a 1:1 "
		    "NAT no answer of a reverse router can be matched",
		    text);
	if (!addr_is_zero(&l->public_addr) &&
	    addr_is_private(l->family, &l->public_addr))
		lex_warn(&p->lex, &pos,
		    "%s has a public address that is private itself", text);
	if (l->relay != RELAY_OWN)
		lex_warn(&p->lex, &pos,
		    "%s answers from the reverse routers' addresses: upstream "
		    "must let such sources pass (BCP 38)",
		    text);
	if (l->relay != RELAY_OWN && !addr_is_zero(&l->public_addr))
		lex_warn(&p->lex, &pos,
		    "%s lies behind a NAT, which rewrites the source of "
		    "every answer: only `relay own' shows hops there",
		    text);
	if (l->unreachable == UNREACHABLE_RELAY)
		lex_warn(&p->lex, &pos,
		    "%s relays unreachables: a trace ends at the first "
		    "reverse router that sends one",
		    text);
	if (l->turn == TURN_MIRROR)
		lex_warn(&p->lex, &pos,
		    "%s mirrors probes: the client's firewall may drop them, "
		    "and then the trace does not end by itself",
		    text);
	if (l->hop_prefix_len != 0 &&
	    addr_in_prefix(
		l->family, &l->addr, &l->hop_prefix, l->hop_prefix_len))
		lex_warn(&p->lex, &pos,
		    "%s lies in its own hop prefix, whose addresses count as "
		    "ours: clients there are not served",
		    text);
}

/* Who can have others probed. */
static void
confcheck_advise_targets(struct conf_parse *p, const struct lex_pos *whole)
{
	const struct policy *pol = &p->conf->policy;
	const struct policy_target *t;
	char text[ADDR_TEXT_MAX];
	uint32_t i;

	if (pol->ntargets == 0)
		return;
	if (!pol->augsburg)
		lex_warn(&p->lex, whole,
		    "augsburg no: `augsburg target' never counts");
	if (pol->limit_client.rate == 0)
		lex_warn(&p->lex, whole,
		    "limit client is off: nothing but `limit total' bounds "
		    "what a target of `augsburg target' gets");
	for (i = 0; i < pol->ntargets; i++) {
		t = &pol->targets[i];
		if (t->len < 2 * policy_target_min(t->family))
			lex_warn(&p->lex, whole,
			    "augsburg target: %s/%u is a wide prefix for %s",
			    addr_format(
				t->family, &t->addr, text, sizeof(text)),
			    t->len,
			    t->side == POLICY_TARGET
				? "hosts that did not ask to be probed"
				: "those who may have others probed");
	}
}

void
confcheck_advise(struct conf_parse *p)
{
	const struct conf *c = p->conf;
	const struct policy *pol = &c->policy;
	struct lex_pos whole = { p->lex.file->name, 0 };
	int full = 0;
	uint32_t i;

	for (i = 0; i < pol->nlisten; i++)
		confcheck_advise_listen(p, i);
	for (i = 0; i < pol->nports; i++)
		if (pol->ports[i].proto == PROTO_TCP && pol->ports[i].open)
			lex_warn(&p->lex, &whole,
			    "TCP ports %u to %u are said to be open: a "
			    "connection that comes with a small TTL may be "
			    "turned",
			    pol->ports[i].lo, pol->ports[i].hi);
	for (i = 0; i < c->nsockets; i++)
		if (!c->sockets[i].restricted)
			full = 1;
	if (!full)
		lex_warn(&p->lex, &whole,
		    "every socket is restricted: uturnctl can't reload, pause "
		    "or change the log");
	if (pol->limit_client.rate == 0)
		lex_warn(&p->lex, &whole,
		    "limit client is off: one client can take all of `limit "
		    "total'");
	if (pol->limit_total.rate == 0)
		lex_warn(&p->lex, &whole,
		    "limit total is off: only the compiled ceilings bound "
		    "what is sent");
	else if (pol->limit_client.rate > pol->limit_total.rate)
		lex_warn(&p->lex, &whole,
		    "limit client is above limit total and never counts");
	if (pol->limit_hop.rate == 0)
		lex_warn(&p->lex, &whole,
		    "limit hop is off: the host's own gateway may be asked "
		    "without bound");
	confcheck_advise_targets(p, &whole);
	if (pol->observe)
		lex_warn(&p->lex, &whole,
		    "mode observe: probes are counted and passed, none is "
		    "answered; `mode serve' begins");
	if (c->conntrack)
		lex_warn(&p->lex, &whole,
		    "conntrack yes: the rules switch connection tracking on "
		    "for the whole host");
}
