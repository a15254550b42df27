/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/msg.h"
#include "priv/build.h"
#include "priv/orders.h"
#include "priv/orders_int.h"

/* What the end of a probe counts as, for a request. */
static enum stat_kind
orders_stat(const struct record *rec, enum stat_kind stat)
{
	if (rec->kind == RECORD_PROBE)
		return (stat);
	switch (stat) {
	case STAT_PASSED:
		return (STAT_REQUESTS_PASSED);
	case STAT_DROPPED:
		return (STAT_REQUESTS_DROPPED);
	case STAT_EXPIRED:
		return (STAT_REQUESTS_EXPIRED);
	default:
		return (stat);
	}
}

void
orders_count(struct orders *o, enum stat_kind stat, const struct record *rec)
{
	o->stats->stat[orders_stat(rec, stat)][rec->probe.family]
		      [record_proto(rec)]++;
}

void
orders_pass(struct orders *o, struct record *rec)
{
	o->verdict(o->arg, rec->packet_id, 1);
	orders_count(o, STAT_PASSED, rec);
	records_end(o->records, rec, 0);
}

void
orders_expire(struct orders *o, struct record *rec)
{
	orders_count(o, STAT_EXPIRED, rec);
	records_end(o->records, rec, 0);
}

struct outbox_packet *
orders_packet(struct orders *o, const struct record *rec, enum outbox_kind kind)
{
	struct outbox_packet *pkt;

	if (o->out->n == OUTBOX_MAX)
		return (NULL);
	pkt = &o->out->pkt[o->out->n];
	pkt->kind = kind;
	pkt->id = records_id(o->records, rec);
	pkt->family = rec->probe.family;
	pkt->proto = record_proto(rec);
	pkt->packet_id = rec->packet_id;
	pkt->again = 0;
	pkt->route = rec->probe.dst;
	pkt->dst = kind == OUT_ASKED || kind == OUT_RESET ? *record_to(rec)
							  : rec->probe.src;
	pkt->error = 0;
	pkt->len = 0;
	return (pkt);
}

/* The sum counts answers, and what was asked for; a reset follows proof. */
static int
orders_counts(enum outbox_kind kind)
{
	return (kind != OUT_TURN && kind != OUT_RESET);
}

int
orders_commit(struct orders *o, struct record *rec, struct outbox_packet *pkt,
    size_t len, int64_t now)
{
	size_t budget;
	int ttl;

	/* What leaves with a chosen TTL dies at a router of somebody's. */
	ttl = -1;
	if (pkt->kind == OUT_TURN)
		ttl = rec->probe.ttl - 1;
	else if (pkt->kind == OUT_ASKED)
		ttl = rec->ask.ttl;
	else if (pkt->kind == OUT_FINAL && rec->state == RECORD_TURNED)
		ttl = rec->ttl_sent;
	budget = wire_answer_budget(rec->probe.len,
	    rec->kind == RECORD_PROBE && rec->policy.relay == RELAY_BOTH);
	if (orders_counts(pkt->kind) &&
	    (rec->answered > budget || len > budget - rec->answered))
		return (-1);
	if (!caps_take(&o->caps, len, ttl, now)) {
		orders_count(o, STAT_CAPPED, rec);
		return (-1);
	}
	pkt->len = len;
	if (orders_counts(pkt->kind))
		rec->answered += (uint32_t)len;
	o->out->n++;
	return (0);
}

void
orders_leave(struct orders *o, struct record *rec)
{
	o->verdict(o->arg, rec->packet_id, 1);
	orders_count(o, STAT_PASSED, rec);
	records_end(o->records, rec, 1);
}

static int
orders_drop(struct orders *o, struct record *rec, const char **why)
{
	int silent;

	if (rec->kind == RECORD_AUGSBURG)
		goto drop;
	silent =
	    rec->probe.ttl == 1 && rec->policy.inflection == INFLECTION_SILENT;
	if (rec->probe.proto == PROTO_TCP) {
		*why = "a TCP probe is never dropped";
		return (-1);
	}
	if (rec->probe.proto != PROTO_UDP && !silent) {
		*why = "only UDP, or the inflection if silent, is dropped";
		return (-1);
	}
drop:
	o->verdict(o->arg, rec->packet_id, 0);
	orders_count(o, STAT_DROPPED, rec);
	records_end(o->records, rec, 1);
	return (0);
}

static int
orders_inflect(
    struct orders *o, struct record *rec, int64_t now, const char **why)
{
	struct outbox_packet *pkt;
	size_t len;

	if (rec->probe.ttl != 1) {
		*why = "no inflection: its TTL is above 1";
		return (-1);
	}
	if (rec->policy.inflection != INFLECTION_ANSWER) {
		*why = "the inflection is to be silent";
		return (-1);
	}
	if ((pkt = orders_packet(o, rec, OUT_INFLECT)) == NULL ||
	    (len = build_inflection(rec, pkt->buf, sizeof(pkt->buf))) == 0 ||
	    orders_commit(o, rec, pkt, len, now) == -1) {
		orders_leave(o, rec);
		return (0);
	}
	/* The verdict waits for the send; the record has said it all. */
	records_end(o->records, rec, 1);
	return (0);
}

static int
orders_turn(struct orders *o, struct record *rec, uint8_t ahead, int64_t now,
    const char **why)
{
	struct outbox_packet *pkt;
	size_t len;

	if (rec->probe.ttl < 2) {
		*why = "a probe with TTL 1 is never turned";
		return (-1);
	}
	if (!orders_ahead_fits(rec, ahead)) {
		*why = "an answer ahead that is over the sum of its probe";
		return (-1);
	}
	if ((pkt = orders_packet(o, rec, OUT_TURN)) == NULL)
		goto leave;
	if (rec->probe.family == FAMILY_V4 &&
	    ipid_next(o->ipid, &rec->probe.src, now, &rec->ip_id) == -1) {
		orders_count(o, STAT_CAPPED, rec);
		goto leave;
	}
	build_cookie(rec, pkt->id, o->key);
	if ((len = build_turn(rec, pkt->buf, sizeof(pkt->buf))) == 0 ||
	    orders_commit(o, rec, pkt, len, now) == -1)
		goto leave;
	rec->ahead = ahead;
	rec->sent_at = now;
	records_turned(o->records, rec, now);
	return (0);
leave:
	orders_leave(o, rec);
	return (0);
}

static int
orders_final(
    struct orders *o, struct record *rec, int64_t now, const char **why)
{
	struct outbox_packet *pkt;
	size_t len;
	uint8_t ttl;

	if (rec->state == RECORD_MATCHED) {
		if (addr_equal(&rec->met.router, &rec->probe.src))
			ttl = BUILD_TTL;
		else if (rec->settled) {
			/* Ordered at settle, and a router was quicker. */
			orders_count(o, STAT_LATE, rec);
			return (0);
		} else {
			*why = "a router answered, not the client";
			return (-1);
		}
	} else if (rec->state == RECORD_TURNED) {
		if (rec->probe.proto != PROTO_UDP || !rec->settled) {
			*why = "nothing says that the probe arrived";
			return (-1);
		}
		/* Dies where the turned probe died, if it died. */
		ttl = rec->ttl_sent;
	} else {
		*why = "the probe was not turned";
		return (-1);
	}
	if ((pkt = orders_packet(o, rec, OUT_FINAL)) == NULL ||
	    (len = build_final(rec, ttl, pkt->buf, sizeof(pkt->buf))) == 0 ||
	    orders_commit(o, rec, pkt, len, now) == -1)
		orders_count(o, STAT_EXPIRED, rec);
	records_end(o->records, rec, 1);
	return (0);
}

/* Is the order one for what was handed up? */
static int
orders_fits(const struct record *rec, uint32_t type)
{
	if (type == MSG_PASS || type == MSG_DROP)
		return (1);
	if (type == MSG_REQUEST_PROBE || type == MSG_REQUEST_STATUS ||
	    type == MSG_REQUEST_ANSWER)
		return (rec->kind == RECORD_AUGSBURG);
	return (rec->kind == RECORD_PROBE);
}

/* Orders that give a verdict: once, and only while one is owed. */
static int
orders_dispose(struct orders *o, struct record *rec,
    const struct orders_order *ord, int64_t now, const char **why)
{
	if (rec->state != RECORD_PENDING) {
		*why = "its verdict was given already";
		return (-1);
	}
	/* Whatever the engine says, nothing but the verdict leaves here. */
	if (rec->observe && ord->type != MSG_PASS) {
		o->stats->tally[TALLY_OBSERVED]++;
		orders_leave(o, rec);
		return (0);
	}
	switch (ord->type) {
	case MSG_PASS:
		orders_leave(o, rec);
		return (0);
	case MSG_DROP:
		return (orders_drop(o, rec, why));
	case MSG_INFLECT:
		return (orders_inflect(o, rec, now, why));
	case MSG_TURN:
		return (orders_turn(o, rec, ord->turn.ahead, now, why));
	case MSG_REQUEST_PROBE:
		return (orders_request_probe(o, rec, now, why));
	case MSG_REQUEST_STATUS:
		return (orders_request_status(o, rec, &ord->status, now, why));
	default:
		*why = "no order";
		return (-1);
	}
}

static int
orders_read(struct imsg *imsg, struct orders_order *ord, const char **why)
{
	memset(ord, 0, sizeof(*ord));
	ord->type = imsg_get_type(imsg);
	switch (ord->type) {
	case MSG_TURN:
		if (msg_get_turn(imsg, &ord->turn, why) == -1)
			return (-1);
		ord->id = ord->turn.id;
		return (0);
	case MSG_ANSWER:
		if (msg_get_answer(imsg, &ord->answer, why) == -1)
			return (-1);
		ord->id = ord->answer.id;
		return (0);
	case MSG_REQUEST_STATUS:
		if (msg_get_status(imsg, &ord->status, why) == -1)
			return (-1);
		ord->id = ord->status.id;
		return (0);
	default:
		return (msg_get_order(imsg, &ord->id, why));
	}
}

int
orders_take(struct orders *o, struct imsg *imsg, int64_t now, const char **why)
{
	struct orders_order ord;
	struct record *rec;

	if (orders_read(imsg, &ord, why) == -1)
		return (-1);
	switch (records_find(o->records, ord.id, &rec)) {
	case RECORD_LIVE:
		break;
	case RECORD_LATE:
		orders_count(o, STAT_LATE, rec);
		return (0);
	case RECORD_TWICE:
		*why = "a second order for a probe that is done";
		return (-1);
	case RECORD_BAD:
	default:
		*why = "no such probe was ever handed up";
		return (-1);
	}
	/* Its deadline may have passed without having been acted on yet. */
	if (rec->queue != RECORD_Q_SETTLE && rec->due <= now) {
		orders_count(o, STAT_LATE, rec);
		return (0);
	}
	if (!orders_fits(rec, ord.type)) {
		*why = rec->kind == RECORD_PROBE
		    ? "a request's order for a probe"
		    : "a probe's order for a request";
		return (-1);
	}
	switch (ord.type) {
	case MSG_ANSWER:
		return (orders_answer(o, rec, &ord.answer, now, why));
	case MSG_FINAL:
		return (orders_final(o, rec, now, why));
	case MSG_REQUEST_ANSWER:
		return (orders_request_answer(o, rec, now, why));
	default:
		return (orders_dispose(o, rec, &ord, now, why));
	}
}

/* One packet of the outbox has gone, or not: what its probe came to. */
static void
orders_sent_one(struct orders *o, const struct outbox_packet *pkt)
{
	enum stat_kind stat;
	struct record *rec;
	int sent;

	sent = pkt->error == 0;
	switch (pkt->kind) {
	case OUT_TURN:
		stat = sent ? STAT_TURNED : STAT_PASSED;
		break;
	case OUT_INFLECT:
		stat = sent ? STAT_INFLECTIONS : STAT_PASSED;
		break;
	case OUT_ANSWER:
		stat = sent ? STAT_RELAYED : STAT_EXPIRED;
		break;
	case OUT_ASKED:
		stat = sent ? STAT_REQUESTS_PROBED : STAT_REQUESTS_PASSED;
		break;
	case OUT_STATUS:
		stat = sent ? STAT_REQUESTS_REFUSED : STAT_REQUESTS_PASSED;
		break;
	case OUT_REPLY:
		stat = sent ? STAT_REQUESTS_ANSWERED : STAT_REQUESTS_EXPIRED;
		break;
	case OUT_RESET:
		return;
	case OUT_FINAL:
	default:
		stat = sent ? STAT_ENDED : STAT_EXPIRED;
		break;
	}
	o->stats->stat[stat][pkt->family][pkt->proto]++;
	if (pkt->kind != OUT_TURN && pkt->kind != OUT_INFLECT &&
	    pkt->kind != OUT_ASKED && pkt->kind != OUT_STATUS)
		return;
	o->verdict(o->arg, pkt->packet_id, !sent);
	/* Not turned after all: nothing will come back. */
	if ((pkt->kind == OUT_TURN || pkt->kind == OUT_ASKED) && !sent &&
	    records_find(o->records, pkt->id, &rec) == RECORD_LIVE)
		records_end(o->records, rec, 1);
}

void
orders_sent(struct orders *o)
{
	const struct outbox_packet *pkt;
	size_t i;
	int first;

	for (i = 0, first = -1; i < o->out->n; i++) {
		pkt = &o->out->pkt[i];
		if (pkt->error != 0)
			o->stats
			    ->stat[STAT_SEND_FAILED][pkt->family][pkt->proto]++;
		/*
		 * Two forms of one answer are one relayed probe: the first
		 * speaks for both unless it alone failed.
		 */
		if (i + 1 < o->out->n && pkt[1].again) {
			first = pkt->error;
			if (first != 0)
				continue;
		} else if (pkt->again && first == 0)
			continue;
		orders_sent_one(o, pkt);
	}
	o->out->n = 0;
}
