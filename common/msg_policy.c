/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Coders of a policy, part by part. */

#include <errno.h>
#include <string.h>

#include "common/msg.h"
#include "common/msg_io.h"

/* What msg_get_policy waits for; parts never go back to an earlier one. */
enum msg_stage {
	STAGE_BEGIN = 0,
	STAGE_COMMON,
	STAGE_LISTEN,
	STAGE_PORTS,
	STAGE_RULE,
	STAGE_HIDE,
	STAGE_TARGET
};

static void
msg_write_limit(struct msg_writer *w, const struct policy_limit *l)
{
	msg_write_u32(w, l->rate);
	msg_write_u32(w, l->burst);
}

static void
msg_read_limit(struct msg_reader *r, struct policy_limit *l)
{
	l->rate = msg_read_u32(r);
	l->burst = msg_read_u32(r);
	msg_read_require(
	    r, l->rate <= POLICY_RATE_MAX, "rate of a limit out of range");
	msg_read_require(
	    r, l->burst <= POLICY_RATE_MAX, "burst of a limit out of range");
}

static int
msg_put_common(struct imsgbuf *ib, const struct policy *p)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, MSG_CONF_COMMON, 0, MSG_SIZE_COMMON);
	msg_write_u8(&w, p->probe_icmp);
	msg_write_u8(&w, p->augsburg);
	msg_write_u8(&w, p->observe);
	msg_write_u8(&w, p->max_ttl);
	msg_write_u64(&w, p->gate_ns);
	msg_write_u64(&w, p->timeout_ns);
	msg_write_u64(&w, p->settle_ns);
	msg_write_limit(&w, &p->limit_client);
	msg_write_limit(&w, &p->limit_total);
	msg_write_limit(&w, &p->limit_hop);
	msg_write_u32(&w, p->traces);
	msg_write_u64(&w, p->traces_keep_ns);
	return (msg_write_end(&w));
}

static void
msg_read_common(struct msg_reader *r, struct policy *p)
{
	p->probe_icmp = msg_read_u8(r);
	p->augsburg = msg_read_u8(r);
	p->observe = msg_read_u8(r);
	p->max_ttl = msg_read_u8(r);
	p->gate_ns = msg_read_u64(r);
	p->timeout_ns = msg_read_u64(r);
	p->settle_ns = msg_read_u64(r);
	msg_read_limit(r, &p->limit_client);
	msg_read_limit(r, &p->limit_total);
	msg_read_limit(r, &p->limit_hop);
	p->traces = msg_read_u32(r);
	p->traces_keep_ns = msg_read_u64(r);
	msg_read_require(r, p->probe_icmp <= 1, "probe_icmp is not 0 or 1");
	msg_read_require(r, p->augsburg <= 1, "augsburg is not 0 or 1");
	msg_read_require(r, p->observe <= 1, "observe is not 0 or 1");
	msg_read_require(r, p->max_ttl >= 1 && p->max_ttl <= POLICY_TTL_MAX,
	    "max ttl out of range");
	/* Bounded, so that "now" plus any of them never overflows. */
	msg_read_require(r, p->gate_ns <= MSG_NS_MAX, "gate too long");
	msg_read_require(r, p->timeout_ns <= MSG_NS_MAX, "timeout too long");
	msg_read_require(r, p->settle_ns <= MSG_NS_MAX, "settle too long");
	msg_read_require(
	    r, p->traces <= POLICY_TRACES_MAX, "traces out of range");
	msg_read_require(
	    r, p->traces_keep_ns <= MSG_NS_MAX, "traces kept too long");
}

static int
msg_put_listen(struct imsgbuf *ib, const struct policy_listen *l)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, MSG_CONF_LISTEN, 0, MSG_SIZE_LISTEN);
	msg_write_u8(&w, (uint8_t)l->family);
	msg_write_bytes(&w, l->addr.b, sizeof(l->addr.b));
	msg_write_bytes(&w, l->public_addr.b, sizeof(l->public_addr.b));
	msg_write_bytes(&w, l->hop_addr.b, sizeof(l->hop_addr.b));
	msg_write_bytes(&w, l->hop_prefix.b, sizeof(l->hop_prefix.b));
	msg_write_u8(&w, l->hop_prefix_len);
	msg_write_u8(&w, (uint8_t)l->relay);
	msg_write_u8(&w, (uint8_t)l->turn);
	msg_write_u8(&w, (uint8_t)l->inflection);
	msg_write_u8(&w, (uint8_t)l->unreachable);
	return (msg_write_end(&w));
}

static void
msg_read_listen(struct msg_reader *r, struct policy_listen *l)
{
	struct addr masked;

	l->family = msg_read_enum(r, FAMILY_MAX, "bad family");
	msg_read_addr(r, l->family, &l->addr);
	msg_read_addr(r, l->family, &l->public_addr);
	msg_read_addr(r, l->family, &l->hop_addr);
	msg_read_addr(r, l->family, &l->hop_prefix);
	l->hop_prefix_len = msg_read_u8(r);
	l->relay = msg_read_enum(r, RELAY_LAST, "bad relay mode");
	l->turn = msg_read_enum(r, TURN_LAST, "bad turn form");
	l->inflection = msg_read_enum(r, INFLECTION_LAST, "bad inflection");
	l->unreachable = msg_read_enum(r, UNREACHABLE_LAST, "bad unreachable");
	msg_read_require(r, !addr_is_zero(&l->addr), "no listen address");
	msg_read_require(r, l->hop_prefix_len <= addr_bits(l->family),
	    "hop prefix too long");
	if (r->why != NULL)
		return;
	masked = l->hop_prefix;
	addr_mask(l->family, &masked, l->hop_prefix_len);
	msg_read_require(
	    r, addr_equal(&masked, &l->hop_prefix), "hop prefix not masked");
}

static int
msg_put_ports(struct imsgbuf *ib, const struct policy_ports *p)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, MSG_CONF_PORTS, 0, MSG_SIZE_PORTS);
	msg_write_u8(&w, (uint8_t)p->proto);
	msg_write_u16(&w, p->lo);
	msg_write_u16(&w, p->hi);
	msg_write_u8(&w, p->open);
	return (msg_write_end(&w));
}

static void
msg_read_ports(struct msg_reader *r, struct policy_ports *p)
{
	p->proto = msg_read_enum(r, PROTO_MAX, "bad protocol");
	p->lo = msg_read_u16(r);
	p->hi = msg_read_u16(r);
	p->open = msg_read_u8(r);
	msg_read_require(r, p->proto == PROTO_UDP || p->proto == PROTO_TCP,
	    "a protocol without ports");
	msg_read_require(r, p->lo <= p->hi, "ports in wrong order");
	msg_read_require(r, p->open <= 1, "open is not 0 or 1");
}

static int
msg_put_rule(struct imsgbuf *ib, uint32_t type, const struct policy_rule *rule)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, 0, MSG_SIZE_RULE);
	msg_write_u8(&w, (uint8_t)rule->action);
	msg_write_u8(&w, (uint8_t)rule->kind);
	msg_write_u8(&w, (uint8_t)rule->family);
	msg_write_bytes(&w, rule->addr.b, sizeof(rule->addr.b));
	msg_write_u8(&w, rule->len);
	return (msg_write_end(&w));
}

static void
msg_read_rule(struct msg_reader *r, struct policy_rule *rule)
{
	rule->action = msg_read_enum(r, POLICY_ACTION_LAST, "bad action");
	rule->kind = msg_read_enum(r, POLICY_KIND_LAST, "bad kind of rule");
	rule->family = msg_read_enum(r, FAMILY_MAX, "bad family");
	msg_read_addr(r, rule->family, &rule->addr);
	rule->len = msg_read_u8(r);
	msg_read_require(
	    r, rule->len <= addr_bits(rule->family), "prefix too long");
}

static int
msg_put_target(struct imsgbuf *ib, const struct policy_target *t)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, MSG_CONF_TARGET, 0, MSG_SIZE_TARGET);
	msg_write_u8(&w, t->group);
	msg_write_u8(&w, (uint8_t)t->side);
	msg_write_u8(&w, (uint8_t)t->family);
	msg_write_bytes(&w, t->addr.b, sizeof(t->addr.b));
	msg_write_u8(&w, t->len);
	return (msg_write_end(&w));
}

static void
msg_read_target(struct msg_reader *r, struct policy_target *t)
{
	struct addr masked;

	t->group = msg_read_u8(r);
	t->side = msg_read_enum(r, POLICY_SIDE_LAST, "bad side of a group");
	t->family = msg_read_enum(r, FAMILY_MAX, "bad family");
	msg_read_addr(r, t->family, &t->addr);
	t->len = msg_read_u8(r);
	msg_read_require(r,
	    t->len >= policy_target_min(t->family) &&
		t->len <= addr_bits(t->family),
	    "length of a prefix out of range");
	if (r->why != NULL)
		return;
	masked = t->addr;
	addr_mask(t->family, &masked, t->len);
	msg_read_require(r, addr_equal(&masked, &t->addr), "prefix not masked");
}

int
msg_put_policy(struct imsgbuf *ib, const struct policy *p)
{
	uint32_t i;

	if (p->nlisten > POLICY_LISTEN_MAX || p->nports > POLICY_PORTS_MAX ||
	    p->nrules > POLICY_RULES_MAX || p->nhide > POLICY_HIDE_MAX ||
	    p->ntargets > POLICY_TARGETS_MAX) {
		errno = EINVAL;
		return (-1);
	}
	if (msg_put_u32(ib, MSG_CONF_BEGIN, 0, p->generation) == -1 ||
	    msg_put_common(ib, p) == -1)
		return (-1);
	for (i = 0; i < p->nlisten; i++)
		if (msg_put_listen(ib, &p->listen[i]) == -1)
			return (-1);
	for (i = 0; i < p->nports; i++)
		if (msg_put_ports(ib, &p->ports[i]) == -1)
			return (-1);
	for (i = 0; i < p->nrules; i++)
		if (msg_put_rule(ib, MSG_CONF_RULE, &p->rules[i]) == -1)
			return (-1);
	for (i = 0; i < p->nhide; i++)
		if (msg_put_rule(ib, MSG_CONF_HIDE, &p->hide[i]) == -1)
			return (-1);
	for (i = 0; i < p->ntargets; i++)
		if (msg_put_target(ib, &p->targets[i]) == -1)
			return (-1);
	return (msg_put_u32(ib, MSG_CONF_END, 0, p->generation));
}

/* Room in the listen table, which counts by family. */
static void
msg_add_listen(struct msg_reader *r, struct policy *p)
{
	struct policy_listen l;
	uint32_t i, n = 0;

	memset(&l, 0, sizeof(l));
	msg_read_listen(r, &l);
	for (i = 0; i < p->nlisten; i++)
		if (p->listen[i].family == l.family)
			n++;
	msg_read_require(r,
	    n < POLICY_LISTEN_FAMILY_MAX && p->nlisten < POLICY_LISTEN_MAX,
	    "too many listen addresses");
	if (r->why == NULL)
		p->listen[p->nlisten++] = l;
}

static void
msg_add_ports(struct msg_reader *r, struct policy *p)
{
	msg_read_require(
	    r, p->nports < POLICY_PORTS_MAX, "too many ranges of ports");
	if (r->why == NULL)
		msg_read_ports(r, &p->ports[p->nports++]);
}

static void
msg_add_rule(
    struct msg_reader *r, struct policy_rule *rules, uint32_t *n, uint32_t max)
{
	msg_read_require(r, *n < max, "too many rules");
	if (r->why == NULL)
		msg_read_rule(r, &rules[(*n)++]);
}

/* The groups come one after the other, none is left out. */
static void
msg_add_target(struct msg_reader *r, struct policy *p)
{
	struct policy_target t;
	uint32_t group = 0, n = p->ntargets;

	memset(&t, 0, sizeof(t));
	msg_read_require(r, n < POLICY_TARGETS_MAX, "too many targets");
	msg_read_target(r, &t);
	if (r->why != NULL)
		return;
	if (n > 0)
		group = p->targets[n - 1].group;
	msg_read_require(r,
	    t.group < POLICY_GROUPS_MAX &&
		(t.group == group || (n > 0 && t.group == group + 1)),
	    "group of a target out of order");
	if (r->why == NULL)
		p->targets[p->ntargets++] = t;
}

static void
msg_begin_policy(struct msg_reader *r, struct policy *p)
{
	memset(p, 0, sizeof(*p));
	p->generation = msg_read_u32(r);
	msg_read_require(r, p->generation != 0, "generation is 0");
}

/* The part's place in the order: takes it if it is due at *stage. */
static void
msg_enter_stage(struct msg_reader *r, uint32_t *next, enum msg_stage part)
{
	int due;

	if (part <= STAGE_COMMON)
		due = *next == part;
	else
		due = *next > STAGE_COMMON && *next <= part;
	msg_read_require(r, due, "part of a policy out of order");
	*next = part;
}

int
msg_get_policy(struct imsg *imsg, struct policy *p, uint32_t *stage, int *done,
    const char **why)
{
	struct msg_reader r;
	uint32_t next = *stage;

	*done = 0;
	msg_read_begin(&r, imsg);
	switch (imsg_get_type(imsg)) {
	case MSG_CONF_BEGIN:
		msg_enter_stage(&r, &next, STAGE_BEGIN);
		next = STAGE_COMMON;
		if (r.why == NULL)
			msg_begin_policy(&r, p);
		break;
	case MSG_CONF_COMMON:
		msg_enter_stage(&r, &next, STAGE_COMMON);
		next = STAGE_LISTEN;
		msg_read_common(&r, p);
		break;
	case MSG_CONF_LISTEN:
		msg_enter_stage(&r, &next, STAGE_LISTEN);
		msg_add_listen(&r, p);
		break;
	case MSG_CONF_PORTS:
		msg_enter_stage(&r, &next, STAGE_PORTS);
		msg_add_ports(&r, p);
		break;
	case MSG_CONF_RULE:
		msg_enter_stage(&r, &next, STAGE_RULE);
		msg_add_rule(&r, p->rules, &p->nrules, POLICY_RULES_MAX);
		break;
	case MSG_CONF_HIDE:
		msg_enter_stage(&r, &next, STAGE_HIDE);
		msg_add_rule(&r, p->hide, &p->nhide, POLICY_HIDE_MAX);
		break;
	case MSG_CONF_TARGET:
		msg_enter_stage(&r, &next, STAGE_TARGET);
		msg_add_target(&r, p);
		break;
	case MSG_CONF_END:
		msg_enter_stage(&r, &next, STAGE_TARGET);
		next = STAGE_BEGIN;
		msg_read_require(&r, msg_read_u32(&r) == p->generation,
		    "END of another generation");
		break;
	default:
		msg_read_require(&r, 0, "not a part of a policy");
		break;
	}
	if (msg_read_end(&r, why) == -1)
		return (-1);
	*stage = next;
	*done = imsg_get_type(imsg) == MSG_CONF_END;
	return (0);
}
