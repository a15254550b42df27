/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * What the engine may order for a request (docs/augsburg.md).  Invariants:
 *
 * 1. The probe goes to who asked, or to the target that the request itself
 *    names; with the TTL, protocol and flow of the request; only if all are
 *    such as the policy served when the request came.
 * 2. One probe and one reply for each request, and none of the two once the
 *    deadline has passed.  The reply goes to who asked, nobody else.
 * 3. The router in the reply is the one that was matched here; the time is
 *    measured here.
 * 4. Another status than 0 is one that the request deserves.
 * 5. Probe and reply together are at most three times the request.
 * 6. A connection is ended only if its SYN+ACK bore the cookie.
 */

#include "priv/build.h"
#include "priv/orders_int.h"

int
orders_request_probe(
    struct orders *o, struct record *rec, int64_t now, const char **why)
{
	struct outbox_packet *pkt;
	size_t len;

	if (rec->ask.bad_ttl || rec->ask.bad_proto) {
		*why = "a probe that the request may not ask for";
		return (-1);
	}
	if (rec->ask.other && !rec->ask.allowed) {
		*why = "a target that the request may not ask for";
		return (-1);
	}
	if ((pkt = orders_packet(o, rec, OUT_ASKED)) == NULL)
		goto leave;
	if (rec->probe.family == FAMILY_V4 &&
	    ipid_next(o->ipid, record_to(rec), now, &rec->ip_id) == -1) {
		orders_count(o, STAT_CAPPED, rec);
		goto leave;
	}
	build_cookie(rec, pkt->id, o->key);
	if ((len = build_request_probe(rec, pkt->buf, sizeof(pkt->buf))) == 0 ||
	    orders_commit(o, rec, pkt, len, now) == -1)
		goto leave;
	rec->sent_at = now;
	records_turned(o->records, rec, now);
	return (0);
leave:
	orders_leave(o, rec);
	return (0);
}

/* Does the request, as it was read here, deserve the status? */
static int
orders_request_deserves(const struct record *rec, uint8_t status)
{
	switch (status) {
	case AUGSBURG_BAD_TTL:
		return (rec->ask.bad_ttl);
	case AUGSBURG_BAD_PROTO:
		return (rec->ask.bad_proto);
	case AUGSBURG_BAD_EXT:
		return (rec->probe.len > rec->probe.l4 + AUGSBURG_EXT);
	default:
		return (0);
	}
}

int
orders_request_status(struct orders *o, struct record *rec,
    const struct msg_status *s, int64_t now, const char **why)
{
	struct outbox_packet *pkt;
	size_t len;

	if (!orders_request_deserves(rec, s->status)) {
		*why = "a status that the request does not deserve";
		return (-1);
	}
	if ((pkt = orders_packet(o, rec, OUT_STATUS)) == NULL ||
	    (len = build_request_status(
		 rec, s->status, s->value, pkt->buf, sizeof(pkt->buf))) == 0 ||
	    orders_commit(o, rec, pkt, len, now) == -1) {
		orders_leave(o, rec);
		return (0);
	}
	/* The verdict waits for the send; the record has said it all. */
	records_end(o->records, rec, 1);
	return (0);
}

/*
 * Time exceeded in transit; an answer of who was probed; an unreachable of a
 * router where the policy relays it.
 */
static int
orders_request_met(const struct record *rec)
{
	const struct match *m = &rec->met;
	int v4 = rec->probe.family == FAMILY_V4;

	if (m->kind != MATCH_ERROR)
		return (1);
	if (m->icmp_type == (v4 ? ICMP4_TIMEX : ICMP6_TIMEX))
		return (m->icmp_code == 0);
	return (m->icmp_type == (v4 ? ICMP4_UNREACH : ICMP6_UNREACH) &&
	    !(v4 && m->icmp_code == ICMP4_UNREACH_FRAG) &&
	    (rec->policy.unreachable == UNREACHABLE_RELAY ||
		addr_equal(&m->router, record_to(rec))));
}

int
orders_request_answer(
    struct orders *o, struct record *rec, int64_t now, const char **why)
{
	struct outbox_packet *pkt;
	size_t len;

	if (rec->state != RECORD_MATCHED) {
		*why = "nothing was matched";
		return (-1);
	}
	if (!orders_request_met(rec)) {
		*why = "what was matched is no answer";
		return (-1);
	}
	if ((pkt = orders_packet(o, rec, OUT_REPLY)) == NULL ||
	    (len = build_request_answer(rec, pkt->buf, sizeof(pkt->buf))) ==
		0 ||
	    orders_commit(o, rec, pkt, len, now) == -1)
		orders_count(o, STAT_EXPIRED, rec);
	records_end(o->records, rec, 1);
	return (0);
}

void
orders_reset(struct orders *o, struct record *rec, int64_t now)
{
	struct outbox_packet *pkt;
	size_t len;

	if ((pkt = orders_packet(o, rec, OUT_RESET)) == NULL ||
	    (len = build_request_reset(rec, pkt->buf, sizeof(pkt->buf))) == 0)
		return;
	(void)orders_commit(o, rec, pkt, len, now);
}
