/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "common/policy.h"

static int
policy_rule_matches(
    const struct policy_rule *r, enum family f, const struct addr *a)
{
	switch (r->kind) {
	case POLICY_ANY:
		return (1);
	case POLICY_PRIVATE:
		return (addr_is_private(f, a));
	case POLICY_PREFIX:
		return (
		    r->family == f && addr_in_prefix(f, a, &r->addr, r->len));
	case POLICY_KIND_LAST:
		break;
	}
	return (0);
}

/* The last rule that matches decides; none: not denied. */
static int
policy_rules_deny(const struct policy_rule *rules, uint32_t n, enum family f,
    const struct addr *a)
{
	while (n > 0) {
		n--;
		if (policy_rule_matches(&rules[n], f, a))
			return (rules[n].action == POLICY_DENY);
	}
	return (0);
}

int
policy_listen_find(
    const struct policy *p, enum family f, const struct addr *dst)
{
	uint32_t i;

	for (i = 0; i < p->nlisten && i < POLICY_LISTEN_MAX; i++)
		if (p->listen[i].family == f &&
		    addr_equal(&p->listen[i].addr, dst))
			return ((int)i);
	return (-1);
}

static int
policy_listen_owns(const struct policy_listen *l, const struct addr *a)
{
	/* A zero address or prefix means "none", also for a equal to ::. */
	if (addr_equal(&l->addr, a))
		return (1);
	if (!addr_is_zero(&l->public_addr) && addr_equal(&l->public_addr, a))
		return (1);
	if (!addr_is_zero(&l->hop_addr) && addr_equal(&l->hop_addr, a))
		return (1);
	return (l->hop_prefix_len != 0 &&
	    addr_in_prefix(l->family, a, &l->hop_prefix, l->hop_prefix_len));
}

int
policy_is_own(const struct policy *p, enum family f, const struct addr *a)
{
	uint32_t i;

	for (i = 0; i < p->nlisten && i < POLICY_LISTEN_MAX; i++)
		if (p->listen[i].family == f &&
		    policy_listen_owns(&p->listen[i], a))
			return (1);
	return (0);
}

int
policy_port_listed(const struct policy *p, enum proto proto, uint16_t port)
{
	uint32_t i;

	for (i = 0; i < p->nports && i < POLICY_PORTS_MAX; i++)
		if (p->ports[i].proto == proto && port >= p->ports[i].lo &&
		    port <= p->ports[i].hi)
			return (1);
	return (0);
}

int
policy_denied(const struct policy *p, enum family f, const struct addr *src)
{
	uint32_t n;

	n = p->nrules < POLICY_RULES_MAX ? p->nrules : POLICY_RULES_MAX;
	return (policy_rules_deny(p->rules, n, f, src));
}

int
policy_hidden(const struct policy *p, enum family f, const struct addr *a)
{
	uint32_t n;

	n = p->nhide < POLICY_HIDE_MAX ? p->nhide : POLICY_HIDE_MAX;
	return (policy_rules_deny(p->hide, n, f, a));
}

uint8_t
policy_target_min(enum family f)
{
	return (f == FAMILY_V4 ? POLICY_TARGET_MIN4 : POLICY_TARGET_MIN6);
}

int
policy_target_allowed(const struct policy *p, enum family f,
    const struct addr *src, const struct addr *target)
{
	const struct policy_target *t;
	const struct addr *a;
	uint32_t groups[POLICY_SIDE_LAST] = { 0, 0 }, i;

	_Static_assert(POLICY_GROUPS_MAX <= 32, "a bit for each group");
	for (i = 0; i < p->ntargets && i < POLICY_TARGETS_MAX; i++) {
		t = &p->targets[i];
		if (t->family != f || t->side >= POLICY_SIDE_LAST ||
		    t->group >= POLICY_GROUPS_MAX)
			continue;
		a = t->side == POLICY_TARGET ? target : src;
		if (addr_in_prefix(f, a, &t->addr, t->len))
			groups[t->side] |= UINT32_C(1) << t->group;
	}
	return ((groups[POLICY_TARGET] & groups[POLICY_ASKER]) != 0 &&
	    !policy_is_own(p, f, target) && !addr_is_martian(f, target));
}
