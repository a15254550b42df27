/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>

#include "uturnd/conf.h"
#include "uturnd/confvalue.h"
#include "uturnd/printconf.h"

static const char *
print_relay(enum policy_relay r)
{
	return (r == RELAY_BOTH     ? "both"
		: r == RELAY_ROUTER ? "router"
				    : "own");
}

static const char *
print_turn(enum policy_turn t)
{
	return (t == TURN_MIRROR ? "mirror" : "reply");
}

static const char *
print_inflection(enum policy_inflection i)
{
	return (i == INFLECTION_SILENT ? "silent" : "answer");
}

static const char *
print_unreachable(enum policy_unreachable u)
{
	return (u == UNREACHABLE_RELAY ? "relay" : "hide");
}

/* A string in quotes, so that it reads back as it is. */
static void
print_string(FILE *f, const char *s)
{
	(void)fputc('"', f);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			(void)fputc('\\', f);
		(void)fputc(*s, f);
	}
	(void)fputc('"', f);
}

static void
print_time(FILE *f, const char *what, uint64_t ns)
{
	char buf[CONFVALUE_DURATION_MAX];

	(void)fprintf(f, "%s %s\n", what,
	    confvalue_duration_format(ns, buf, sizeof(buf)));
}

static void
print_limit(FILE *f, const char *what, const struct policy_limit *l)
{
	if (l->rate == 0)
		(void)fprintf(f, "limit %s off\n", what);
	else
		(void)fprintf(
		    f, "limit %s %u/s burst %u\n", what, l->rate, l->burst);
}

/* The ranges of one protocol, open or not, as one statement. */
static uint32_t
print_ports(FILE *f, const struct policy *p, enum proto proto, int open)
{
	const struct policy_ports *r;
	uint32_t i, n = 0;

	for (i = 0; i < p->nports; i++) {
		r = &p->ports[i];
		if (r->proto != proto || r->open != open)
			continue;
		if (n++ == 0)
			(void)fprintf(f, "probe %s port {",
			    proto == PROTO_UDP ? "udp" : "tcp");
		if (r->lo == r->hi)
			(void)fprintf(f, " %u", r->lo);
		else
			(void)fprintf(f, " %u:%u", r->lo, r->hi);
	}
	if (n > 0)
		(void)fprintf(f, " }%s\n", open ? " open" : "");
	return (n);
}

static void
print_selector(FILE *f, const struct policy_rule *r)
{
	char buf[ADDR_TEXT_MAX];

	switch (r->kind) {
	case POLICY_ANY:
		(void)fputs("any", f);
		break;
	case POLICY_PRIVATE:
		(void)fputs("private", f);
		break;
	default:
		(void)fprintf(f, "%s/%u",
		    addr_format(r->family, &r->addr, buf, sizeof(buf)), r->len);
		break;
	}
}

static void
print_rules(FILE *f, const struct policy *p)
{
	uint32_t i;

	for (i = 0; i < p->nhide; i++) {
		(void)fputs("hide hop ", f);
		print_selector(f, &p->hide[i]);
		(void)fputc('\n', f);
	}
	if (p->nhide == 0)
		(void)fputs("hide hop none\n", f);
	for (i = 0; i < p->nrules; i++) {
		(void)fprintf(f, "%s from ",
		    p->rules[i].action == POLICY_DENY ? "deny" : "allow");
		print_selector(f, &p->rules[i]);
		(void)fputc('\n', f);
	}
}

/* Each group as one statement, with short lines; none is the default. */
static void
print_targets(FILE *f, const struct policy *p)
{
	const struct policy_target *t, *last = NULL;
	char buf[ADDR_TEXT_MAX];
	uint32_t i;

	for (i = 0; i < p->ntargets; i++, last = t) {
		t = &p->targets[i];
		if (last == NULL || last->group != t->group)
			(void)fprintf(f, "%saugsburg target {\n",
			    last == NULL ? "" : "}\n");
		else if (last->side != t->side)
			(void)fputs("} from {\n", f);
		(void)fprintf(f, "\t%s/%u\n",
		    addr_format(t->family, &t->addr, buf, sizeof(buf)), t->len);
	}
	if (last != NULL)
		(void)fputs("}\n", f);
}

static void
print_block(FILE *f, const struct policy_listen *l, unsigned int set)
{
	char buf[ADDR_TEXT_MAX];

	if (set == 0)
		return;
	(void)fputs(" {\n", f);
	if (set & CONF_SET_HOP_ADDR)
		(void)fprintf(f, "\thop address %s\n",
		    addr_format(l->family, &l->hop_addr, buf, sizeof(buf)));
	if (set & CONF_SET_HOP_PREFIX)
		(void)fprintf(f, "\thop prefix %s/%u\n",
		    addr_format(l->family, &l->hop_prefix, buf, sizeof(buf)),
		    l->hop_prefix_len);
	if (set & CONF_SET_RELAY)
		(void)fprintf(f, "\trelay %s\n", print_relay(l->relay));
	if (set & CONF_SET_TURN)
		(void)fprintf(f, "\tturn %s\n", print_turn(l->turn));
	if (set & CONF_SET_INFLECTION)
		(void)fprintf(
		    f, "\tinflection %s\n", print_inflection(l->inflection));
	if (set & CONF_SET_UNREACHABLE)
		(void)fprintf(
		    f, "\tunreachable %s\n", print_unreachable(l->unreachable));
	(void)fputs("}", f);
}

static void
print_listen(FILE *f, const struct conf *c)
{
	const struct policy_listen *l;
	char buf[ADDR_TEXT_MAX];
	uint32_t i;

	for (i = 0; i < c->policy.nlisten; i++) {
		l = &c->policy.listen[i];
		(void)fprintf(f, "listen on %s",
		    addr_format(l->family, &l->addr, buf, sizeof(buf)));
		if (!addr_is_zero(&l->public_addr))
			(void)fprintf(f, " public %s",
			    addr_format(
				l->family, &l->public_addr, buf, sizeof(buf)));
		print_block(f, l, c->listen[i].set);
		(void)fputc('\n', f);
	}
}

static void
print_probes(FILE *f, const struct policy *p)
{
	if (print_ports(f, p, PROTO_UDP, 0) == 0)
		(void)fputs("probe udp off\n", f);
	(void)fprintf(f, "probe icmp%s\n", p->probe_icmp ? "" : " off");
	(void)print_ports(f, p, PROTO_TCP, 0);
	(void)print_ports(f, p, PROTO_TCP, 1);
}

int
conf_print(const struct conf *c, FILE *f)
{
	const struct policy *p = &c->policy;
	const struct policy_listen *g = &c->global;
	char buf[CONFVALUE_DURATION_MAX];
	size_t i;

	for (i = 0; i < c->nsockets; i++) {
		(void)fputs("socket ", f);
		print_string(f, c->sockets[i].path);
		(void)fputs(
		    c->sockets[i].restricted ? " restricted\n" : "\n", f);
	}
	(void)fputs("user ", f);
	print_string(f, c->user);
	(void)fprintf(
	    f, "\nqueue %u length %u\n", c->fixed.queue, c->fixed.queue_len);
	(void)fprintf(
	    f, "mark 0x%08x/0x%08x\n", c->fixed.mark, c->fixed.mark_mask);
	(void)fprintf(f, "pending %u\n", c->fixed.pending);
	print_probes(f, p);
	(void)fprintf(f, "mode %s\n", p->observe ? "observe" : "serve");
	(void)fprintf(f, "max ttl %u\n", p->max_ttl);
	print_time(f, "gate", p->gate_ns);
	print_time(f, "timeout", p->timeout_ns);
	print_time(f, "settle", p->settle_ns);
	(void)fprintf(f, "turn %s\nrelay %s\ninflection %s\nunreachable %s\n",
	    print_turn(g->turn), print_relay(g->relay),
	    print_inflection(g->inflection), print_unreachable(g->unreachable));
	print_rules(f, p);
	print_limit(f, "client", &p->limit_client);
	print_limit(f, "total", &p->limit_total);
	print_limit(f, "hop", &p->limit_hop);
	if (p->traces == 0)
		(void)fputs("traces off\n", f);
	else
		(void)fprintf(f, "traces %u keep %s\n", p->traces,
		    confvalue_duration_format(
			p->traces_keep_ns, buf, sizeof(buf)));
	(void)fprintf(f, "conntrack %s\naugsburg %s\n",
	    c->conntrack ? "yes" : "no", p->augsburg ? "yes" : "no");
	print_targets(f, p);
	print_listen(f, c);
	if (fflush(f) == EOF)
		return (-1);
	if (ferror(f)) {
		errno = EIO;
		return (-1);
	}
	return (0);
}
