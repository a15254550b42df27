/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "priv/build.h"
#include "tests/fuzz/bench.h"

static const uint8_t key[16] = { 1, 2, 3 };

struct bench_probe *
bench_find(struct bench *b, struct msg_id id)
{
	size_t i;

	/* The newest is the likeliest to be asked for. */
	for (i = b->nprobes; i > 0; i--)
		if (b->probes[i - 1].id.slot == id.slot &&
		    b->probes[i - 1].id.gen == id.gen)
			return (&b->probes[i - 1]);
	return (NULL);
}

/* A verdict: the only one for its packet, and a drop has its reason. */
static void
bench_verdict(void *arg, uint32_t packet_id, int accept)
{
	struct bench *b = arg;
	struct bench_probe *s;

	/* Packet ids are handed out in a row. */
	FUZZ_CHECK(packet_id >= 1 && packet_id <= b->nprobes);
	s = &b->probes[packet_id - 1];
	FUZZ_CHECK(s->packet_id == packet_id && s->verdicts == 0);
	s->verdicts++;
	b->nverdicts++;
	if (accept || b->sending)
		return;
	FUZZ_CHECK(b->order == MSG_DROP && !s->observe);
	FUZZ_CHECK(s->probe.p.proto == PROTO_UDP ||
	    (s->probe.p.proto == PROTO_ICMP && s->probe.p.ttl == 1 &&
		s->probe.listen.inflection == INFLECTION_SILENT));
}

void
bench_begin(struct bench *b)
{
	static struct bench_probe probes[BENCH_PROBES];
	static struct outbox out;
	static struct imsgbuf up;

	memset(b, 0, sizeof(*b));
	b->probes = probes;
	b->out = &out;
	out.n = 0;
	b->now = 1000000 * BENCH_MS;
	b->orders.records = records_new(BENCH_SLOTS, key);
	b->orders.ipid = ipid_new(key);
	FUZZ_CHECK(b->orders.records != NULL && b->orders.ipid != NULL);
	memcpy(b->orders.key, key, sizeof(b->orders.key));
	b->orders.stats = &b->stats;
	b->orders.out = b->out;
	b->orders.verdict = bench_verdict;
	b->orders.arg = b;
	/* Its read buffer, which is never used, is made only once. */
	if (up.rbuf == NULL)
		FUZZ_CHECK(imsgbuf_init(&up, -1) == 0);
	b->up = &up;
	bench_reload(b, 0);
}

/* Every probe handed up is counted as exactly one end. */
static void
bench_sums(const struct bench *b)
{
	static const enum stat_kind ends[] = { STAT_PASSED, STAT_DROPPED,
		STAT_INFLECTIONS, STAT_RELAYED, STAT_ENDED, STAT_EXPIRED };
	uint64_t n;
	size_t i;
	int f, p;

	for (f = 0; f < FAMILY_MAX; f++)
		for (p = 0; p < PROTO_MAX; p++) {
			n = 0;
			for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
				n += b->stats.stat[ends[i]][f][p];
			FUZZ_CHECK(n == b->stats.stat[STAT_PROBES][f][p]);
		}
}

void
bench_end(struct bench *b)
{
	size_t i;

	/* Longer than all that a record can wait for. */
	bench_time(b, 100000 * BENCH_MS, 1);
	FUZZ_CHECK(records_used(b->orders.records) == 0);
	FUZZ_CHECK(records_next_due(b->orders.records) == INT64_MAX);
	for (i = 0; i < b->nprobes; i++) {
		FUZZ_CHECK(b->probes[i].verdicts == 1);
		FUZZ_CHECK(b->probes[i].state == BENCH_DONE);
	}
	bench_sums(b);
	fuzz_drain(b->up);
	records_free(b->orders.records);
	ipid_free(b->orders.ipid);
}

void
bench_reload(struct bench *b, unsigned int which)
{
	b->policy = bench_policy(which);
	b->orders.policy = b->policy;
	caps_set(&b->orders.caps, b->policy, b->now);
	b->caps_since = b->now;
	b->caps_packets = 0;
	memset(b->caps_hop, 0, sizeof(b->caps_hop));
}

/* At most the burst, and what the time since then has brought (3.19). */
static void
bench_caps(struct bench *b, const struct bench_probe *s,
    const struct outbox_packet *pkt)
{
	uint8_t ttl = (uint8_t)(s->probe.p.ttl - 1);
	uint64_t ms = (uint64_t)((b->now - b->caps_since) / BENCH_MS) + 1;
	const struct policy_limit *l = &b->policy->limit_total;

	b->caps_packets++;
	if (l->rate != 0)
		FUZZ_CHECK(b->caps_packets <=
		    3 * (uint64_t)l->burst + 3 * (uint64_t)l->rate * ms / 1000);
	/* What leaves with a chosen TTL: an inferred end, too. */
	if (pkt->kind != OUT_TURN &&
	    (pkt->kind != OUT_FINAL || s->state != BENCH_TURNED))
		return;
	l = &b->policy->limit_hop;
	b->caps_hop[ttl]++;
	if (l->rate != 0)
		FUZZ_CHECK(b->caps_hop[ttl] <=
		    l->burst + (uint64_t)l->rate * ms / 1000);
}

static void
bench_packet_turn(
    struct bench *b, struct bench_probe *s, const struct outbox_packet *pkt)
{
	struct record *rec;

	FUZZ_CHECK(b->order == MSG_TURN && s->state == BENCH_PENDING);
	FUZZ_CHECK(b->now - s->begun < 250 * BENCH_MS);
	FUZZ_CHECK(records_find(b->orders.records, s->id, &rec) == RECORD_LIVE);
	memcpy(s->cookie, rec->cookie, sizeof(s->cookie));
	s->cookie_len = rec->cookie_len;
	check_turn(&s->probe, s->cookie, pkt->buf, pkt->len);
	memcpy(s->turned, pkt->buf, pkt->len);
	s->state = BENCH_OUT;
	s->turned_at = b->now;
}

static void
bench_packet_inflect(
    struct bench *b, struct bench_probe *s, const struct outbox_packet *pkt)
{
	struct check_error want;
	struct packet p;

	FUZZ_CHECK(b->order == MSG_INFLECT && s->state == BENCH_PENDING);
	FUZZ_CHECK(b->now - s->begun < 250 * BENCH_MS);
	FUZZ_CHECK(s->probe.p.ttl == 1 && s->inflected == 0);
	FUZZ_CHECK(s->probe.listen.inflection == INFLECTION_ANSWER);
	FUZZ_CHECK(packet_read(pkt->buf, pkt->len, &p) == 0);
	FUZZ_CHECK(check_source_own(&s->probe, &p.src));
	memset(&want, 0, sizeof(want));
	want.type = p.family == FAMILY_V4 ? 11 : 3;
	want.ttl = BUILD_TTL;
	want.src = p.src;
	check_error(&s->probe, &want, pkt->buf, pkt->len);
	s->inflected = 1;
}

/* Type and code that an answer for what was met has (3.14). */
static void
bench_relayed(const struct bench_probe *s, struct check_error *want)
{
	const struct match *m = &s->met;
	int v4 = s->probe.p.family == FAMILY_V4;

	FUZZ_CHECK(m->kind == MATCH_ERROR);
	want->type = m->icmp_type;
	want->code = m->icmp_code;
	if (m->icmp_type == (v4 ? 11 : 3)) {
		FUZZ_CHECK(m->icmp_code == 0);
		return;
	}
	FUZZ_CHECK(s->probe.listen.unreachable == UNREACHABLE_RELAY);
	FUZZ_CHECK(m->icmp_type == (v4 ? 3 : 1));
	FUZZ_CHECK(m->icmp_code != (v4 ? 3 : 4));
	FUZZ_CHECK(!v4 || m->icmp_code != 4);
}

static void
bench_packet_answer(
    struct bench *b, struct bench_probe *s, const struct outbox_packet *pkt)
{
	const struct addr *router = &s->met.router;
	enum policy_relay relay = s->probe.listen.relay;
	struct check_error want;
	struct packet p;

	FUZZ_CHECK(b->order == MSG_ANSWER && s->state == BENCH_MATCHED);
	FUZZ_CHECK(packet_read(pkt->buf, pkt->len, &p) == 0);
	memset(&want, 0, sizeof(want));
	bench_relayed(s, &want);
	/* None that nobody has defined. */
	FUZZ_CHECK(want.code <= (p.family == FAMILY_V4 ? 15 : 8));
	want.ttl = BUILD_TTL;
	want.src = p.src;
	want.router = *router;
	want.rtt_us = (uint32_t)(s->rtt_ns / 1000);
	want.obj = b->answer.obj;
	if (!check_source_own(&s->probe, &p.src)) {
		FUZZ_CHECK(addr_equal(&p.src, router) && s->router == 0);
		FUZZ_CHECK(relay == RELAY_ROUTER || relay == RELAY_BOTH);
		FUZZ_CHECK(!policy_is_own(b->policy, p.family, router));
		FUZZ_CHECK(!addr_is_martian(p.family, router));
		FUZZ_CHECK(!addr_equal(router, &s->probe.p.src));
		FUZZ_CHECK((b->answer.flags & MSG_ANSWER_HIDE) == 0);
		want.objlen = b->answer.router_len;
		s->router++;
	} else {
		FUZZ_CHECK(s->own == 0);
		FUZZ_CHECK(s->router == 0 || relay == RELAY_BOTH);
		want.with_addr = (b->answer.flags & MSG_ANSWER_ADDR) != 0;
		want.with_name = (b->answer.flags & MSG_ANSWER_NAME) != 0;
		want.with_rtt = (b->answer.flags & MSG_ANSWER_RTT) != 0;
		want.objlen = b->answer.own_len;
		s->own++;
	}
	check_error(&s->probe, &want, pkt->buf, pkt->len);
}

static void
bench_packet_final(
    struct bench *b, struct bench_probe *s, const struct outbox_packet *pkt)
{
	uint8_t ttl = BUILD_TTL;

	FUZZ_CHECK(b->order == MSG_FINAL && s->final == 0);
	if (s->state == BENCH_MATCHED)
		FUZZ_CHECK(addr_equal(&s->met.router, &s->probe.p.src));
	else {
		FUZZ_CHECK(s->state == BENCH_TURNED && s->settled);
		FUZZ_CHECK(s->probe.p.proto == PROTO_UDP);
		FUZZ_CHECK(b->now - s->turned_at >= 400 * BENCH_MS);
		ttl = (uint8_t)(s->probe.p.ttl - 1);
	}
	check_final(&s->probe, ttl, pkt->buf, pkt->len);
	s->final++;
}

void
bench_packet(
    struct bench *b, struct bench_probe *s, const struct outbox_packet *pkt)
{
	size_t factor = s->probe.listen.relay == RELAY_BOTH ? 5 : 3;

	FUZZ_CHECK(!s->observe);
	FUZZ_CHECK(pkt->id.slot == s->id.slot && pkt->id.gen == s->id.gen);
	FUZZ_CHECK(pkt->family == s->probe.p.family);
	FUZZ_CHECK(pkt->proto == s->probe.p.proto);
	FUZZ_CHECK(pkt->packet_id == s->packet_id);
	FUZZ_CHECK(addr_equal(&pkt->route, &s->probe.listen.addr));
	FUZZ_CHECK(addr_equal(&pkt->dst, &s->probe.p.src));
	FUZZ_CHECK(pkt->len > 0 && pkt->len <= sizeof(pkt->buf));
	bench_caps(b, s, pkt);
	switch (pkt->kind) {
	case OUT_TURN:
		bench_packet_turn(b, s, pkt);
		return;
	case OUT_INFLECT:
		bench_packet_inflect(b, s, pkt);
		break;
	case OUT_ANSWER:
		bench_packet_answer(b, s, pkt);
		break;
	case OUT_FINAL:
		bench_packet_final(b, s, pkt);
		break;
	case OUT_ASKED:
	case OUT_STATUS:
	case OUT_REPLY:
	case OUT_RESET:
		/* Nothing was asked for. */
		FUZZ_CHECK(0);
	}
	s->answered += pkt->len;
	FUZZ_CHECK(s->answered <= factor * s->probe.len);
	FUZZ_CHECK(s->inflected + s->final + (s->own || s->router) == 1);
}

/* What an order that was carried out has made of its probe. */
static void
bench_carried_out(struct bench *b, struct bench_probe *s, size_t packets)
{
	struct check_error want;

	if (s->observe) {
		FUZZ_CHECK(s->state == BENCH_PENDING && s->verdicts == 1);
		FUZZ_CHECK(packets == 0);
		s->state = BENCH_DONE;
		return;
	}
	switch (b->order) {
	case MSG_PASS:
	case MSG_DROP:
		FUZZ_CHECK(s->state == BENCH_PENDING && s->verdicts == 1);
		FUZZ_CHECK(packets == 0);
		break;
	case MSG_INFLECT:
		FUZZ_CHECK(s->state == BENCH_PENDING && packets <= 1);
		FUZZ_CHECK(s->verdicts == !packets);
		break;
	case MSG_TURN:
		check_ahead(&s->probe, b->ahead);
		if (packets == 1) {
			FUZZ_CHECK(s->state == BENCH_OUT && s->verdicts == 0);
			s->ahead = b->ahead;
			return;
		}
		FUZZ_CHECK(s->state == BENCH_PENDING && s->verdicts == 1);
		FUZZ_CHECK(packets == 0);
		break;
	case MSG_ANSWER:
		FUZZ_CHECK(s->state == BENCH_MATCHED && packets <= 2);
		/* Also where nothing came of it. */
		bench_relayed(s, &want);
		break;
	case MSG_FINAL:
		FUZZ_CHECK(packets <= 1);
		FUZZ_CHECK(
		    s->state == BENCH_MATCHED || s->state == BENCH_TURNED);
		break;
	default:
		FUZZ_CHECK(0);
	}
	s->state = BENCH_DONE;
}

/* Read by hand: what the coders make of it is under test. */
static void
bench_read(struct bench *b, const struct imsg *imsg)
{
	const uint8_t *p = imsg->data;
	size_t len = imsg_get_len(imsg);

	memset(&b->answer, 0, sizeof(b->answer));
	b->ahead = b->order == MSG_TURN && len == 9 ? p[8] : 0;
	if (b->order != MSG_ANSWER || len < 11 ||
	    len > 11 + sizeof(b->answer.obj))
		return;
	b->answer.flags = p[8];
	b->answer.own_len = p[9];
	b->answer.router_len = p[10];
	memcpy(b->answer.obj, p + 11, len - 11);
}

/* No later probe has its slot. */
static int
bench_newest(const struct bench *b, const struct bench_probe *s)
{
	const struct bench_probe *later;

	for (later = s + 1; later < b->probes + b->nprobes; later++)
		if (later->id.slot == s->id.slot)
			return (0);
	return (1);
}

int
bench_order(struct bench *b, struct imsg *imsg)
{
	struct stats before;
	struct bench_probe *s;
	struct msg_id id;
	unsigned int verdicts;
	uint32_t used;
	size_t first, i;
	int rc, capped;

	if (OUTBOX_MAX - b->out->n < ORDERS_ROOM)
		bench_send(b, 0);
	b->order = imsg_get_type(imsg);
	FUZZ_CHECK(imsg_get_len(imsg) >= sizeof(id));
	memcpy(&id, imsg->data, sizeof(id));
	bench_read(b, imsg);
	before = b->stats;
	verdicts = b->nverdicts;
	used = records_used(b->orders.records);
	first = b->out->n;
	s = bench_find(b, id);
	b->why = NULL;
	rc = orders_take(&b->orders, imsg, b->now, &b->why);
	capped = memcmp(before.stat[STAT_CAPPED], b->stats.stat[STAT_CAPPED],
		     sizeof(before.stat[STAT_CAPPED])) != 0;
	FUZZ_CHECK(rc == 0 || (rc == -1 && b->why != NULL));
	/* Lateness is no violation; what has fields may still be malformed. */
	if (s != NULL && s->lapsed && b->order != MSG_ANSWER &&
	    b->order != MSG_TURN && b->order != MSG_REQUEST_STATUS)
		FUZZ_CHECK(rc == 0);
	/* As if an order had answered it, until its slot has another probe. */
	if (s != NULL && s->ended_ahead && bench_newest(b, s))
		FUZZ_CHECK(rc == -1);
	if (rc == -1)
		FUZZ_CHECK(memcmp(&before, &b->stats, sizeof(before)) == 0);
	if (rc == -1 ||
	    memcmp(before.stat[STAT_LATE], b->stats.stat[STAT_LATE],
		sizeof(before.stat[STAT_LATE])) != 0) {
		/* Refused: nothing has happened. */
		FUZZ_CHECK(b->out->n == first && b->nverdicts == verdicts);
		FUZZ_CHECK(records_used(b->orders.records) == used);
	} else {
		FUZZ_CHECK(s != NULL);
		for (i = first; i < b->out->n; i++)
			bench_packet(b, s, &b->out->pkt[i]);
		bench_carried_out(b, s, b->out->n - first);
		/* Router form never takes what own form needs. */
		if (s->router && s->probe.listen.relay == RELAY_BOTH)
			FUZZ_CHECK(s->own || capped);
	}
	b->order = 0;
	return (rc);
}

void
bench_send(struct bench *b, uint32_t errors)
{
	struct bench_probe *s;
	struct outbox_packet *pkt;
	size_t i, n = b->out->n;
	int failed;

	for (i = 0; i < n; i++)
		if (errors >> i % 32 & 1)
			b->out->pkt[i].error = EPERM;
	b->sending = 1;
	orders_sent(&b->orders);
	b->sending = 0;
	FUZZ_CHECK(b->out->n == 0);
	for (i = 0; i < n; i++) {
		pkt = &b->out->pkt[i];
		if (pkt->kind != OUT_TURN && pkt->kind != OUT_INFLECT)
			continue;
		failed = errors >> i % 32 & 1;
		FUZZ_CHECK((s = bench_find(b, pkt->id)) != NULL);
		FUZZ_CHECK(s->verdicts == 1);
		if (pkt->kind == OUT_INFLECT)
			continue;
		FUZZ_CHECK(s->state == BENCH_OUT);
		s->state = failed ? BENCH_DONE : BENCH_TURNED;
		s->turned_len = failed ? 0 : pkt->len;
	}
}

/* As the packet process acts on what is due. */
static void
bench_expire(struct bench *b)
{
	struct records *rs = b->orders.records;
	struct bench_probe *s;
	struct record *rec;
	struct msg_id id;

	while ((rec = records_due(rs, RECORD_Q_ORDER, b->now)) != NULL) {
		FUZZ_CHECK((s = bench_find(b, records_id(rs, rec))) != NULL);
		FUZZ_CHECK(s->state == BENCH_PENDING);
		FUZZ_CHECK(b->now - s->begun >= 250 * BENCH_MS);
		orders_pass(&b->orders, rec);
		s->state = BENCH_DONE;
		s->lapsed = 1;
	}
	while ((rec = records_due(rs, RECORD_Q_SETTLE, b->now)) != NULL) {
		id = records_id(rs, rec);
		FUZZ_CHECK((s = bench_find(b, id)) != NULL);
		FUZZ_CHECK(s->state == BENCH_TURNED && !s->settled);
		records_settled(rs, rec);
		s->settled = 1;
		FUZZ_CHECK(msg_put_expired(b->up, id, EXPIRY_SETTLE) == 0);
	}
	while ((rec = records_due(rs, RECORD_Q_TIMEOUT, b->now)) != NULL) {
		id = records_id(rs, rec);
		FUZZ_CHECK((s = bench_find(b, id)) != NULL);
		FUZZ_CHECK(
		    s->state == BENCH_TURNED || s->state == BENCH_MATCHED);
		orders_expire(&b->orders, rec);
		s->state = BENCH_DONE;
		s->lapsed = 1;
		FUZZ_CHECK(msg_put_expired(b->up, id, EXPIRY_TIMEOUT) == 0);
	}
}

void
bench_time(struct bench *b, int64_t ns, int act)
{
	/* Nothing waits in the outbox while the loop sleeps. */
	bench_send(b, 0);
	b->now += ns;
	if (act)
		bench_expire(b);
}
