/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/build.h"
#include "priv/orders_int.h"

/*
 * What was matched may be answered with an error at all (DESIGN 3.14): time
 * exceeded in transit; an unreachable where the policy relays it, but never
 * one that ends a trace or changes a path MTU.
 */
static int
orders_relayable(const struct record *rec)
{
	const struct match *m = &rec->met;

	if (m->kind != MATCH_ERROR)
		return (0);
	if (rec->probe.family == FAMILY_V4) {
		if (m->icmp_type == ICMP4_TIMEX)
			return (m->icmp_code == 0);
		return (m->icmp_type == ICMP4_UNREACH &&
		    rec->policy.unreachable == UNREACHABLE_RELAY &&
		    m->icmp_code != ICMP4_UNREACH_PORT &&
		    m->icmp_code != ICMP4_UNREACH_FRAG);
	}
	if (m->icmp_type == ICMP6_TIMEX)
		return (m->icmp_code == 0);
	return (m->icmp_type == ICMP6_UNREACH &&
	    rec->policy.unreachable == UNREACHABLE_RELAY &&
	    m->icmp_code != ICMP6_UNREACH_PORT);
}

/* The two forms of an answer, and what both may have together. */
struct orders_forms {
	struct wire_answer own;
	struct wire_answer router;
	size_t budget;
};

static void
orders_forms_init(struct orders_forms *f, const struct record *rec,
    const struct msg_answer *ma)
{
	memset(f, 0, sizeof(*f));
	f->own.family = rec->probe.family;
	f->own.probe_len = rec->probe.len;
	f->router = f->own;
	f->own.with_addr = (ma->flags & MSG_ANSWER_ADDR) != 0;
	f->own.with_name = (ma->flags & MSG_ANSWER_NAME) != 0;
	f->own.with_rtt = (ma->flags & MSG_ANSWER_RTT) != 0;
	f->own.foreign = ma->own_len;
	f->router.foreign = ma->router_len;
	f->budget =
	    wire_answer_budget(rec->probe.len, rec->policy.relay == RELAY_BOTH);
}

/* Each form for itself; together they are the commit's affair. */
static int
orders_forms_fit(const struct orders_forms *f)
{
	return (wire_answer_len(&f->own) <= f->budget &&
	    wire_answer_len(&f->router) <= f->budget);
}

/*
 * Is router form to be tried?  Own form's bytes are set aside first: a reload
 * can make the engine take an address for one that is no source, and give own
 * form all that there is.
 */
static int
orders_router_form(const struct record *rec, const struct msg_answer *ma,
    const struct orders_forms *f)
{
	if ((ma->flags & MSG_ANSWER_HIDE) != 0)
		return (0);
	if (rec->policy.relay != RELAY_BOTH)
		return (rec->policy.relay == RELAY_ROUTER);
	return (wire_answer_len(&f->router) <=
	    f->budget - wire_answer_len(&f->own));
}

/*
 * Router form where the policy says so and the router's address can be a
 * source; own form where the policy says so, or where router form can't be,
 * or where the hop is hidden.
 */
static void
orders_answer_forms(struct orders *o, struct record *rec,
    const struct msg_answer *ma, const struct orders_forms *forms, int64_t now)
{
	struct outbox_packet *pkt;
	size_t len;
	int done, is_own;

	is_own = policy_is_own(o->policy, rec->probe.family, &rec->met.router);
	done = 0;
	if (orders_router_form(rec, ma, forms) &&
	    (pkt = orders_packet(o, rec, OUT_ANSWER)) != NULL &&
	    (len = build_answer_router(rec, &forms->router, ma->obj, is_own,
		 pkt->buf, sizeof(pkt->buf))) != 0 &&
	    orders_commit(o, rec, pkt, len, now) == 0)
		done = 1;
	if ((rec->policy.relay != RELAY_ROUTER || !done) &&
	    (pkt = orders_packet(o, rec, OUT_ANSWER)) != NULL &&
	    (len = build_answer_own(
		 rec, &forms->own, ma->obj, pkt->buf, sizeof(pkt->buf))) != 0) {
		pkt->again = (uint8_t)done;
		if (orders_commit(o, rec, pkt, len, now) == 0)
			done = 1;
	}
	if (!done)
		orders_count(o, STAT_EXPIRED, rec);
	records_end(o->records, rec, 1);
}

/* The same of an answer that was told ahead: without objects. */
static void
orders_ahead_read(uint8_t ahead, struct msg_answer *ma)
{
	memset(ma, 0, sizeof(*ma));
	ma->flags = (uint8_t)(ahead & ~MSG_TURN_AHEAD);
}

int
orders_ahead_fits(const struct record *rec, uint8_t ahead)
{
	struct orders_forms forms;
	struct msg_answer ma;

	if (ahead == 0)
		return (1);
	orders_ahead_read(ahead, &ma);
	orders_forms_init(&forms, rec, &ma);
	return (orders_forms_fit(&forms));
}

/*
 * Nothing about it is the engine's to decide: a time exceeded without room for
 * an object, not from the client, of a router that may be shown.
 */
static int
orders_is_plain(const struct orders *o, const struct record *rec)
{
	const struct match *m = &rec->met;
	enum family family = rec->probe.family;

	if (m->kind != MATCH_ERROR || m->icmp_code != 0 ||
	    m->icmp_type != (family == FAMILY_V4 ? ICMP4_TIMEX : ICMP6_TIMEX) ||
	    m->datalen >= EXT_ROOM || addr_equal(&m->router, &rec->probe.src) ||
	    policy_hidden(o->policy, family, &m->router))
		return (0);
	/* Where only one of two forms goes out, it may say more. */
	return (rec->policy.relay != RELAY_BOTH ||
	    (!addr_is_martian(family, &m->router) &&
		!policy_is_own(o->policy, family, &m->router)));
}

int
orders_ahead(struct orders *o, struct record *rec, int64_t now)
{
	struct orders_forms forms;
	struct msg_answer ma;

	/* At settle FINAL was asked for: it must find its record. */
	if (rec->ahead == 0 || rec->state != RECORD_MATCHED || rec->settled ||
	    !orders_is_plain(o, rec))
		return (0);
	orders_ahead_read(rec->ahead, &ma);
	orders_forms_init(&forms, rec, &ma);
	orders_answer_forms(o, rec, &ma, &forms, now);
	return (1);
}

int
orders_answer(struct orders *o, struct record *rec, const struct msg_answer *ma,
    int64_t now, const char **why)
{
	struct orders_forms forms;

	if (rec->state != RECORD_MATCHED) {
		*why = "nothing was matched";
		return (-1);
	}
	if (!orders_relayable(rec)) {
		*why = "what was matched is never relayed";
		return (-1);
	}
	if ((ma->flags & MSG_ANSWER_HIDE) != 0 && msg_answer_objlen(ma) != 0) {
		*why = "a hidden hop with objects";
		return (-1);
	}
	orders_forms_init(&forms, rec, ma);
	if (!orders_forms_fit(&forms)) {
		*why = "the answer is over the sum that its probe allows";
		return (-1);
	}
	orders_answer_forms(o, rec, ma, &forms, now);
	return (0);
}
