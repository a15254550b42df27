/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/wire.h"
#include "engine/decide.h"
#include "engine/ext.h"
#include "engine/parse.h"

/* The last unreachable code of RFC 1812 section 5.2.7.1, of RFC 4443. */
#define DECIDE_UNREACH4_MAX 15
#define DECIDE_UNREACH6_MAX 6

_Static_assert(STAT_MAX <= 32, "a bit for each counter");

/* What an ICMP error says. */
enum decide_error {
	DECIDE_OTHER = 0,
	DECIDE_TIMEX,  /* in transit */
	DECIDE_PORT,   /* port unreachable */
	DECIDE_TOOBIG, /* it speaks about the path's MTU */
	DECIDE_UNREACH /* any other unreachable */
};

static void
decide_pass(struct decision *out, enum stat_kind why)
{
	out->order = MSG_PASS;
	out->stats |= DECIDE_STAT(why);
}

/* An admitted probe's order.  TCP is never dropped (DESIGN 3, orders). */
static uint32_t
decide_admitted(const struct msg_probe *p)
{
	if (p->ttl > 1)
		return (MSG_TURN);
	if (p->inflection == INFLECTION_ANSWER)
		return (MSG_INFLECT);
	return (p->proto == PROTO_TCP ? MSG_PASS : MSG_DROP);
}

/* What a plain answer will bear, so that it need not be asked for. */
static uint8_t
decide_ahead(const struct msg_probe *p)
{
	static const struct ext none;
	struct msg_answer answer;
	struct ext_room room;

	memset(&room, 0, sizeof(room));
	room.family = p->family;
	room.probe_len = p->len;
	room.relay = p->relay;
	ext_choose(&room, &none, &answer);
	return (MSG_TURN_AHEAD | answer.flags);
}

static void
decide_keep(const struct msg_probe *p, const struct parse *parse,
    enum limit_rank rank, struct pending_probe *probe)
{
	memset(probe, 0, sizeof(*probe));
	probe->family = p->family;
	probe->proto = p->proto;
	probe->ttl = p->ttl;
	probe->relay = p->relay;
	probe->turn = p->turn;
	probe->unreachable = p->unreachable;
	probe->observe = p->observe;
	probe->ahead = decide_ahead(p);
	probe->rank = (uint8_t)rank;
	probe->len = p->len;
	probe->client = parse->src;
	probe->listen = parse->dst;
}

/*
 * A second probe of a source whose first one waits: the first is admitted now,
 * and the gate is open for the second.
 */
static void
decide_wake(const struct decide *d, const struct gate_ask *second, int64_t now,
    struct decision *out)
{
	struct waiting_probe *first;
	struct limit_ask limit;
	struct gate_ask gate = *second;

	if (d->waiting == NULL ||
	    (first = waiting_find(d->waiting, second, now)) == NULL)
		return;
	memset(&limit, 0, sizeof(limit));
	limit.family = second->family;
	limit.client = second->client;
	limit.ttl = gate.ttl = first->keep.ttl;
	limit.rank = LIMIT_WOKEN;
	if (limit_take(d->limit, &limit, now) != LIMIT_OK)
		return;
	gate_use(d->gate, &gate, d->policy->gate_ns, now);
	out->woken = *first;
	first->order = 0;
}

/* Over a limit: left to the host's kernel, dropped, or asked to wait. */
static void
decide_limited(const struct decide *d, const struct msg_probe *p,
    const struct gate_ask *gate, const struct pending_probe *keep,
    enum limit_verdict over, enum limit_rank rank, int64_t now,
    struct decision *out)
{
	struct waiting_probe first;

	decide_pass(out, STAT_LIMITED);
	/* A trace that is under way shows a star. */
	if (p->proto == PROTO_UDP && rank == LIMIT_GATED)
		out->order = MSG_DROP;
	if (over != LIMIT_TOTAL || rank != LIMIT_OPENS || d->waiting == NULL)
		return;
	memset(&first, 0, sizeof(first));
	first.id = p->id;
	first.order = decide_admitted(p);
	first.keep = *keep;
	waiting_put(d->waiting, gate, &first, now, &out->gone);
	out->order = 0;
}

static enum limit_rank
decide_rank(enum gate_verdict verdict)
{
	if (verdict == GATE_OPEN)
		return (LIMIT_GATED);
	return (verdict == GATE_OPENS ? LIMIT_OPENS : LIMIT_STRANGER);
}

void
decide_probe(const struct decide *d, const struct msg_probe *p, int64_t now,
    struct pending_probe *probe, struct decision *out)
{
	struct gate_ask gate;
	struct limit_ask limit;
	struct parse parse;
	enum gate_verdict verdict;
	enum limit_verdict over;

	memset(out, 0, sizeof(*out));
	if (parse_probe(p, &parse) != PARSE_OK) {
		decide_pass(out, STAT_MALFORMED);
		return;
	}
	if (policy_denied(d->policy, p->family, &parse.src) ||
	    (d->deny != NULL &&
		deny_matches(d->deny, p->family, &parse.src, now))) {
		decide_pass(out, STAT_DENIED);
		return;
	}

	memset(&gate, 0, sizeof(gate));
	gate.family = p->family;
	gate.proto = p->proto;
	gate.client = &parse.src;
	gate.dport = parse.dport;
	gate.ttl = p->ttl;
	verdict = gate_look(d->gate, &gate, now);
	if (verdict != GATE_OPEN) {
		decide_wake(d, &gate, now, out);
		if (out->woken.order != 0)
			verdict = GATE_OPEN;
	}
	if (verdict == GATE_CLOSED && p->proto != PROTO_UDP) {
		decide_pass(out, STAT_GATED);
		return;
	}

	memset(&limit, 0, sizeof(limit));
	limit.family = p->family;
	limit.client = &parse.src;
	limit.ttl = p->ttl;
	limit.rank = decide_rank(verdict);
	decide_keep(p, &parse, limit.rank, probe);
	over = limit_take(d->limit, &limit, now);
	if (over != LIMIT_OK) {
		gate_limited(d->gate, &gate, now);
		decide_limited(d, p, &gate, probe, over, limit.rank, now, out);
		return;
	}

	gate_use(d->gate, &gate, d->policy->gate_ns, now);
	out->order = decide_admitted(p);
}

static enum decide_error
decide_error4(uint8_t type, uint8_t code)
{
	if (type == ICMP4_TIMEX)
		return (code == 0 ? DECIDE_TIMEX : DECIDE_OTHER);
	if (type != ICMP4_UNREACH || code > DECIDE_UNREACH4_MAX)
		return (DECIDE_OTHER);
	if (code == ICMP4_UNREACH_PORT)
		return (DECIDE_PORT);
	return (code == ICMP4_UNREACH_FRAG ? DECIDE_TOOBIG : DECIDE_UNREACH);
}

static enum decide_error
decide_error6(uint8_t type, uint8_t code)
{
	if (type == ICMP6_TIMEX)
		return (code == 0 ? DECIDE_TIMEX : DECIDE_OTHER);
	if (type == ICMP6_TOOBIG)
		return (DECIDE_TOOBIG);
	if (type != ICMP6_UNREACH || code > DECIDE_UNREACH6_MAX)
		return (DECIDE_OTHER);
	return (code == ICMP6_UNREACH_PORT ? DECIDE_PORT : DECIDE_UNREACH);
}

static enum decide_error
decide_error_of(const struct pending_probe *probe, const struct msg_match *m)
{
	return (probe->family == FAMILY_V4
		? decide_error4(m->icmp_type, m->icmp_code)
		: decide_error6(m->icmp_type, m->icmp_code));
}

/* The answer for the router that was matched, as far as it may be shown. */
static void
decide_answer(const struct policy *policy, const struct pending_probe *probe,
    const struct msg_match *m, struct decision *out)
{
	struct ext_room room;
	struct ext ext;

	out->order = MSG_ANSWER;
	out->answer.id = m->id;
	if (policy_hidden(policy, probe->family, &m->router)) {
		out->answer.flags = MSG_ANSWER_HIDE;
		out->stats |= DECIDE_STAT(STAT_HIDDEN);
		return;
	}
	memset(&room, 0, sizeof(room));
	room.family = probe->family;
	room.probe_len = probe->len;
	room.relay = probe->relay;
	/* As the packet process sees it, which then takes own form. */
	room.no_router = m->from_client ||
	    addr_is_martian(probe->family, &m->router) ||
	    policy_is_own(policy, probe->family, &m->router);
	ext_read(probe->family, m->data, m->datalen, m->ext_len, &ext);
	ext_choose(&room, &ext, &out->answer);
}

/* FINAL, unless it was ordered at settle: then it is under way already. */
static void
decide_final(enum pending_state before, struct decision *out)
{
	if (before != PENDING_SETTLED)
		out->order = MSG_FINAL;
}

static void
decide_error(const struct policy *policy, const struct pending_probe *probe,
    enum pending_state before, const struct msg_match *m, struct decision *out)
{
	enum decide_error error;

	error = decide_error_of(probe, m);
	switch (error) {
	case DECIDE_TIMEX:
		/*
		 * After settle the FINAL that is under way will find that the
		 * client answered, and end the probe: a second order would be
		 * a violation.
		 */
		if (!m->answered &&
		    (!m->from_client || before != PENDING_SETTLED))
			decide_answer(policy, probe, m, out);
		return;
	case DECIDE_PORT:
	case DECIDE_UNREACH:
		if (m->from_client) {
			decide_final(before, out);
			return;
		}
		out->stats |= DECIDE_STAT(STAT_UNREACHABLE);
		if (error == DECIDE_UNREACH &&
		    probe->unreachable == UNREACHABLE_RELAY)
			decide_answer(policy, probe, m, out);
		return;
	case DECIDE_TOOBIG:
	case DECIDE_OTHER:
		return;
	}
}

/* What answers the probe that a request asked for; see priv/orders_request.c.
 */
static void
decide_request(const struct policy *policy, const struct pending_probe *probe,
    const struct msg_match *m, struct decision *out)
{
	enum decide_error error;

	if (m->kind == MATCH_ERROR) {
		error = decide_error_of(probe, m);
		if (error == DECIDE_TOOBIG || error == DECIDE_OTHER)
			return;
		if (error != DECIDE_TIMEX && !m->from_client) {
			out->stats |= DECIDE_STAT(STAT_UNREACHABLE);
			if (probe->unreachable != UNREACHABLE_RELAY)
				return;
		}
	}
	/* The reply has no way to say that there is a router without a name. */
	if (!m->from_client &&
	    policy_hidden(policy, probe->family, &m->router)) {
		out->stats |= DECIDE_STAT(STAT_HIDDEN);
		return;
	}
	out->order = MSG_REQUEST_ANSWER;
}

/* May the packet process have answered already? */
static int
decide_was_ahead(const struct pending_probe *probe, enum pending_state before,
    const struct msg_match *m)
{
	if (probe->ahead == 0 || before != PENDING_TURNED ||
	    m->kind != MATCH_ERROR || m->from_client)
		return (0);
	return (decide_error_of(probe, m) == DECIDE_TIMEX);
}

int
decide_match(const struct policy *policy, const struct pending_probe *probe,
    enum pending_state before, const struct msg_match *m, struct decision *out,
    const char **why)
{
	memset(out, 0, sizeof(*out));
	if (m->answered && !decide_was_ahead(probe, before, m)) {
		*why = "answered without having been told to";
		return (-1);
	}
	if (probe->request) {
		if ((m->kind == MATCH_REPLY && probe->proto != PROTO_ICMP) ||
		    ((m->kind == MATCH_RESET || m->kind == MATCH_SYNACK) &&
			probe->proto != PROTO_TCP)) {
			*why = "an answer of another protocol";
			return (-1);
		}
		decide_request(policy, probe, m, out);
		return (0);
	}
	switch (m->kind) {
	case MATCH_ERROR:
		decide_error(policy, probe, before, m, out);
		return (0);
	case MATCH_REPLY:
		if (probe->proto != PROTO_ICMP || probe->turn != TURN_MIRROR) {
			*why = "an echo reply to no mirrored echo request";
			return (-1);
		}
		break;
	case MATCH_RESET:
		if (probe->proto != PROTO_TCP || probe->turn != TURN_MIRROR) {
			*why = "a reset to no mirrored SYN";
			return (-1);
		}
		break;
	case MATCH_SYNACK:
		*why = "a connection that was not asked for";
		return (-1);
	case MATCH_KIND_LAST:
	default:
		*why = "bad kind of match";
		return (-1);
	}
	decide_final(before, out);
	return (0);
}
