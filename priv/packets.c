/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/loop.h"
#include "priv/state.h"

/* Buffers kept back from probes, so that matches find one under load. */
#define PACKETS_RESERVE 128

/* Left to the host's kernel, as if uturnd were not there. */
static void
packets_accept(struct priv *p, uint32_t packet_id)
{
	p->orders.verdict(p, packet_id, 1);
}

static int
packets_hand_up(struct priv *p, struct record *rec)
{
	struct msg_probe mp;

	if (ibuf_pool_avail(p->to_engine) <= PACKETS_RESERVE)
		return (-1);
	mp.id = records_id(p->records, rec);
	mp.family = rec->probe.family;
	mp.proto = rec->probe.proto;
	mp.ttl = rec->probe.ttl;
	mp.relay = rec->policy.relay;
	mp.turn = rec->policy.turn;
	mp.inflection = rec->policy.inflection;
	mp.unreachable = rec->policy.unreachable;
	mp.observe = rec->observe;
	mp.len = rec->probe.len;
	mp.headlen = rec->headlen;
	memcpy(mp.head, rec->head, rec->headlen);
	return (msg_put_probe(&p->engine, &mp));
}

static int
packets_hand_up_request(struct priv *p, struct record *rec)
{
	struct msg_request mq;

	if (ibuf_pool_avail(p->to_engine) <= PACKETS_RESERVE)
		return (-1);
	mq.id = records_id(p->records, rec);
	mq.family = rec->probe.family;
	mq.max_ttl = rec->ask.max_ttl;
	mq.unreachable = rec->policy.unreachable;
	mq.observe = rec->observe;
	mq.target = rec->ask.allowed;
	mq.len = rec->probe.len;
	mq.headlen = rec->headlen;
	memcpy(mq.head, rec->head, rec->headlen);
	return (msg_put_request(&p->engine, &mq));
}

/* One packet of the queue: checked, recorded, handed up; or accepted. */
static void
packets_take(void *arg, const struct nfqueue_packet *np)
{
	struct priv *p = arg;
	struct handup probe;
	struct request ask;
	struct record *rec;
	enum handup_reason reason;
	int request;

	if (p->paused || p->state != MSG_RUN) {
		p->stats.tally[TALLY_PAUSED]++;
		packets_accept(p, np->id);
		return;
	}
	request = p->policy->augsburg && request_is(np->pkt, np->caplen);
	if (request)
		reason =
		    request_check(p->policy, np->pkt, np->caplen, &probe, &ask);
	else
		reason = handup_check(p->policy, np->pkt, np->caplen, &probe);
	if (reason != HANDUP_OK) {
		p->stats.tally[TALLY_REFUSED_FIRST + (int)reason - 1]++;
		packets_accept(p, np->id);
		return;
	}
	if ((rec = records_alloc(p->records, p->now)) == NULL) {
		p->stats.tally[TALLY_FULL]++;
		packets_accept(p, np->id);
		return;
	}
	rec->probe = probe;
	if (request) {
		rec->kind = RECORD_AUGSBURG;
		rec->ask = ask;
	}
	rec->headlen = probe.len < WIRE_HEAD_MAX ? probe.len : WIRE_HEAD_MAX;
	memcpy(rec->head, np->pkt, rec->headlen);
	rec->packet_id = np->id;
	rec->policy = p->policy->listen[probe.listen];
	rec->timeout_ns = p->policy->timeout_ns;
	rec->settle_ns = p->policy->settle_ns;
	rec->observe = p->policy->observe;
	if ((request ? packets_hand_up_request(p, rec)
		     : packets_hand_up(p, rec)) == -1) {
		p->stats.tally[TALLY_BUSY]++;
		packets_accept(p, np->id);
		records_end(p->records, rec, 0);
		return;
	}
	p->asked = 1;
	p->stats.stat[request ? STAT_REQUESTS : STAT_PROBES][probe.family]
		     [record_proto(rec)]++;
	p->probed_at = p->now;
}

void
priv_queue_read(struct priv *p)
{
	int n;

	n = nfqueue_receive(p->queue, &p->stats, packets_take, p);
	if (n == -1) {
		log_warn("queue");
		priv_end(p, EXIT_LOST);
	}
	p->taken = (size_t)n;
}

void
priv_queue_prove(struct priv *p)
{
	if (nfqueue_prove(p->queue, packets_take, p) == 0)
		return;
	if (errno == EPERM)
		fatalx(EXIT_START,
		    "queue: the kernel refuses the verdicts of this process "
		    "since it gave up its privilege: CAP_NET_ADMIN is lost");
	fatal(EXIT_START, "queue: a verdict on trial");
}

int
priv_queue_shut(struct priv *p)
{
	/* Nobody is there to hand them up to. */
	p->paused = 1;
	return (nfqueue_shut(p->queue, &p->stats, packets_take, p));
}

/* A first match: the engine decides what to say of it. */
static void
packets_match(struct priv *p, struct record *rec, const struct match *m,
    const uint8_t *pkt)
{
	struct msg_match mm;

	mm.id = records_id(p->records, rec);
	mm.kind = m->kind;
	mm.from_client = (uint8_t)addr_equal(&m->router, record_to(rec));
	mm.icmp_type = m->icmp_type;
	mm.icmp_code = m->icmp_code;
	mm.ext_len = m->ext_len;
	mm.router = m->router;
	rec->rtt_ns =
	    p->now > rec->sent_at ? (uint64_t)(p->now - rec->sent_at) : 0;
	mm.rtt_ns = rec->rtt_ns;
	mm.datalen = 0;
	if (m->kind == MATCH_ERROR) {
		mm.datalen =
		    m->datalen < MSG_MATCH_DATA ? m->datalen : MSG_MATCH_DATA;
		/* Of a quote behind which no object can stand, only the IP
		 * header says something new: with which TTL it arrived. */
		if (m->datalen < EXT_ROOM && mm.datalen > rec->probe.l4)
			mm.datalen = rec->probe.l4;
		memcpy(mm.data, pkt + m->data, mm.datalen);
	}
	rec->met = *m;
	/* It pointed into the packet, which is gone after this call. */
	rec->met.cookie = NULL;
	rec->met.cookielen = 0;
	records_matched(p->records, rec);
	if (m->kind == MATCH_SYNACK) {
		if (p->outbox.n == OUTBOX_MAX)
			priv_flush(p);
		orders_reset(&p->orders, rec, p->now);
	}
	/* Without a buffer the hop shows as lost; the record expires. */
	if (ibuf_pool_avail(p->to_engine) == 0) {
		p->stats.tally[TALLY_BUSY]++;
		return;
	}
	if (p->outbox.n + ORDERS_ROOM > OUTBOX_MAX)
		priv_flush(p);
	mm.answered = (uint8_t)orders_ahead(&p->orders, rec, p->now);
	if (!mm.answered)
		p->asked = 1;
	if (msg_put_match(&p->engine, &mm) == -1)
		p->stats.tally[TALLY_BUSY]++;
}

static void
packets_captured(void *arg, enum family family, const uint8_t *pkt, size_t len)
{
	struct priv *p = arg;
	struct record *rec;
	struct match m;
	enum stat_kind stat;

	if (p->state != MSG_RUN)
		return;
	if (match_read(family, pkt, len, &m) == -1) {
		p->stats.tally[TALLY_CAPTURE_BAD]++;
		return;
	}
	/* What was sent in this turn of the loop may be answered in it. */
	p->now = loop_now();
	rec = NULL;
	switch (records_match(p->records, &m, &rec)) {
	case MATCH_IS_FIRST:
		packets_match(p, rec, &m, pkt);
		return;
	case MATCH_IS_DUPLICATE:
		stat = STAT_DUPLICATE;
		break;
	case MATCH_IS_FORGED:
		stat = STAT_FORGED;
		break;
	case MATCH_IS_NOTHING:
	default:
		/* The host's own pings and connections have replies and
		 * resets, too: they are none of ours. */
		if (m.kind != MATCH_ERROR)
			return;
		stat = STAT_UNMATCHED;
		break;
	}
	p->stats.stat[stat][m.family][m.proto]++;
}

void
priv_capture_read(struct priv *p, enum family family)
{
	capture_receive(p->capture, family, packets_captured, p);
}

void
priv_expire(struct priv *p)
{
	struct record *rec;
	struct msg_id id;

	while (
	    (rec = records_due(p->records, RECORD_Q_ORDER, p->now)) != NULL) {
		p->stats.stat[STAT_UNANSWERED][rec->probe.family]
			     [record_proto(rec)]++;
		orders_pass(&p->orders, rec);
	}
	while (
	    (rec = records_due(p->records, RECORD_Q_SETTLE, p->now)) != NULL) {
		id = records_id(p->records, rec);
		records_settled(p->records, rec);
		p->asked = 1;
		if (msg_put_expired(&p->engine, id, EXPIRY_SETTLE) == -1)
			p->stats.tally[TALLY_BUSY]++;
	}
	while (
	    (rec = records_due(p->records, RECORD_Q_TIMEOUT, p->now)) != NULL) {
		id = records_id(p->records, rec);
		orders_expire(&p->orders, rec);
		if (msg_put_expired(&p->engine, id, EXPIRY_TIMEOUT) == -1)
			p->stats.tally[TALLY_BUSY]++;
	}
}
