/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Statements that add up: probes, allow and deny, hidden hops, targets. */

#include <string.h>

#include "uturnd/confset.h"
#include "uturnd/confvalue.h"

void
confset_ports_off(struct conf_parse *p, enum proto proto)
{
	struct policy *pol = &p->conf->policy;
	uint32_t i, n = 0;

	for (i = 0; i < pol->nports; i++)
		if (pol->ports[i].proto != proto)
			pol->ports[n++] = pol->ports[i];
	if (n != pol->nports)
		lex_warn(&p->lex, &p->lex.pos,
		    "`probe %s off' takes back the ports above it",
		    proto == PROTO_UDP ? "udp" : "tcp");
	memset(&pol->ports[n], 0, (pol->nports - n) * sizeof(pol->ports[0]));
	pol->nports = n;
	if (proto == PROTO_UDP)
		p->seen |= CONF_SEEN_UDP;
}

static void
confset_port_range(
    struct conf_parse *p, enum proto proto, const struct lex_word *w, int open)
{
	struct policy *pol = &p->conf->policy;
	struct policy_ports *r;
	uint16_t lo, hi;
	uint32_t i;

	if (confvalue_ports(w->text, &lo, &hi) == -1) {
		lex_fault(&p->lex, &w->pos,
		    "port `%s'; allowed is a port from 1 to 65535 or a range "
		    "LOW:HIGH",
		    w->text);
		return;
	}
	for (i = 0; i < pol->nports; i++) {
		r = &pol->ports[i];
		if (r->proto != proto || hi < r->lo || lo > r->hi)
			continue;
		lex_fault(&p->lex, &w->pos,
		    "port `%s' is listed already, within %u:%u; each is "
		    "allowed once",
		    w->text, r->lo, r->hi);
		return;
	}
	if (pol->nports == POLICY_PORTS_MAX) {
		lex_fault(&p->lex, &w->pos,
		    "too many ports; at most %d ranges are allowed",
		    POLICY_PORTS_MAX);
		return;
	}
	if (proto == PROTO_UDP && lo < 1024)
		lex_warn(&p->lex, &w->pos,
		    "UDP port `%s' lies below 1024, where services listen",
		    w->text);
	r = &pol->ports[pol->nports++];
	r->proto = proto;
	r->lo = lo;
	r->hi = hi;
	r->open = (uint8_t)open;
}

void
confset_ports(
    struct conf_parse *p, enum proto proto, struct lex_words words, int open)
{
	const struct lex_word *w;

	if (proto == PROTO_UDP)
		p->seen |= CONF_SEEN_UDP;
	for (w = words.first; w != NULL; w = w->next)
		confset_port_range(p, proto, w, open);
}

void
confset_icmp(struct conf_parse *p, int on)
{
	confset_once(p, CONF_SEEN_ICMP, "probe icmp");
	p->conf->policy.probe_icmp = (uint8_t)on;
}

/* A source of allow and deny, or a hop to hide.  0, or -1 after the fault. */
static int
confset_selector(struct conf_parse *p, const struct lex_word *w, int any_ok,
    struct policy_rule *r)
{
	struct addr whole;

	memset(r, 0, sizeof(*r));
	if (strcmp(w->text, "private") == 0) {
		r->kind = POLICY_PRIVATE;
		return (0);
	}
	if (any_ok && strcmp(w->text, "any") == 0) {
		r->kind = POLICY_ANY;
		return (0);
	}
	r->kind = POLICY_PREFIX;
	if (confvalue_prefix(w->text, &r->family, &r->addr, &r->len) == -1) {
		lex_fault(&p->lex, &w->pos,
		    "`%s'; allowed is an address, a prefix ADDRESS/LENGTH%s "
		    "or private",
		    w->text, any_ok ? ", any" : "");
		return (-1);
	}
	whole = r->addr;
	addr_mask(r->family, &r->addr, r->len);
	if (!addr_equal(&whole, &r->addr))
		lex_warn(&p->lex, &w->pos,
		    "prefix `%s' has bits behind its length; they are ignored",
		    w->text);
	return (0);
}

void
confset_rules(
    struct conf_parse *p, enum policy_action action, struct lex_words words)
{
	struct policy *pol = &p->conf->policy;
	const struct lex_word *w;
	struct policy_rule r;

	for (w = words.first; w != NULL; w = w->next) {
		if (confset_selector(p, w, 1, &r) == -1)
			continue;
		/*
		 * The last match wins: before a rule that matches everything
		 * nothing counts.  It also makes the printed form, defaults
		 * and all, read back as the same rules.
		 */
		if (r.kind == POLICY_ANY) {
			memset(pol->rules, 0, sizeof(pol->rules));
			pol->nrules = 0;
		}
		if (pol->nrules == POLICY_RULES_MAX) {
			lex_fault(&p->lex, &w->pos,
			    "too many allow and deny rules; at most %d are "
			    "allowed",
			    POLICY_RULES_MAX);
			return;
		}
		r.action = action;
		memcpy(&pol->rules[pol->nrules++], &r, sizeof(r));
	}
}

void
confset_hide(struct conf_parse *p, struct lex_words words)
{
	struct policy *pol = &p->conf->policy;
	const struct lex_word *w;
	struct policy_rule r;

	if ((p->seen & CONF_SEEN_HIDE) == 0) {
		memset(pol->hide, 0, sizeof(pol->hide));
		pol->nhide = 0;
	}
	p->seen |= CONF_SEEN_HIDE;
	for (w = words.first; w != NULL; w = w->next) {
		if (confset_selector(p, w, 0, &r) == -1)
			continue;
		if (pol->nhide == POLICY_HIDE_MAX) {
			lex_fault(&p->lex, &w->pos,
			    "too many hidden hops; at most %d are allowed",
			    POLICY_HIDE_MAX);
			return;
		}
		r.action = POLICY_DENY;
		memcpy(&pol->hide[pol->nhide++], &r, sizeof(r));
	}
}

void
confset_hide_none(struct conf_parse *p)
{
	struct policy *pol = &p->conf->policy;

	if ((p->seen & CONF_SEEN_HIDE) != 0)
		lex_warn(&p->lex, &p->lex.pos,
		    "`hide hop none' takes back those above it");
	p->seen |= CONF_SEEN_HIDE;
	memset(pol->hide, 0, sizeof(pol->hide));
	pol->nhide = 0;
}

/* Adds one prefix to a group; its family's bit, 0 after a fault. */
static unsigned int
confset_target(struct conf_parse *p, const struct lex_word *w,
    enum policy_side side, uint8_t group)
{
	struct policy *pol = &p->conf->policy;
	struct policy_target t;
	struct addr whole;

	memset(&t, 0, sizeof(t));
	t.group = group;
	t.side = side;
	if (confvalue_prefix(w->text, &t.family, &t.addr, &t.len) == -1 ||
	    t.len < policy_target_min(t.family)) {
		lex_fault(&p->lex, &w->pos,
		    "`%s'; allowed is an address, or a prefix ADDRESS/LENGTH "
		    "with a length from %d (IPv4) or %d (IPv6) on",
		    w->text, POLICY_TARGET_MIN4, POLICY_TARGET_MIN6);
		return (0);
	}
	if (pol->ntargets == POLICY_TARGETS_MAX) {
		lex_fault(&p->lex, &w->pos,
		    "too many targets and who may ask for them; at most %d "
		    "prefixes are allowed",
		    POLICY_TARGETS_MAX);
		return (0);
	}
	whole = t.addr;
	addr_mask(t.family, &t.addr, t.len);
	if (!addr_equal(&whole, &t.addr))
		lex_warn(&p->lex, &w->pos,
		    "prefix `%s' has bits behind its length; they are ignored",
		    w->text);
	memcpy(&pol->targets[pol->ntargets++], &t, sizeof(t));
	return (1U << t.family);
}

void
confset_targets(
    struct conf_parse *p, struct lex_words targets, struct lex_words from)
{
	const struct policy *pol = &p->conf->policy;
	const struct lex_word *w;
	unsigned int families[POLICY_SIDE_LAST] = { 0, 0 }, faults;
	uint8_t group = 0;

	if (pol->ntargets > 0)
		group = (uint8_t)(pol->targets[pol->ntargets - 1].group + 1);
	if (group == POLICY_GROUPS_MAX) {
		lex_fault(&p->lex, &p->lex.pos,
		    "too many `augsburg target'; at most %d are allowed",
		    POLICY_GROUPS_MAX);
		return;
	}
	faults = p->lex.faults;
	for (w = targets.first; w != NULL; w = w->next)
		families[POLICY_TARGET] |=
		    confset_target(p, w, POLICY_TARGET, group);
	for (w = from.first; w != NULL; w = w->next)
		families[POLICY_ASKER] |=
		    confset_target(p, w, POLICY_ASKER, group);
	if (p->lex.faults == faults &&
	    families[POLICY_TARGET] != families[POLICY_ASKER])
		lex_warn(&p->lex, &p->lex.pos,
		    "`augsburg target': a target and who asks for it are of "
		    "one family; what has nobody of its own on the other side "
		    "never counts");
}
