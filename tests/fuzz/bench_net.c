/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The network of the bench: probes that come in, and what they meet. */

#include <stdlib.h>
#include <string.h>

#include "priv/match.h"
#include "tests/fuzz/bench.h"

/* What a sender's payload is made of: to be found nowhere else. */
#define BENCH_PATTERN 0xee

static void
bench_client(enum family f, unsigned int n, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	if (f == FAMILY_V4) {
		wire_put32(a->b, 0xc6336401 + n); /* 198.51.100.1 + n */
		return;
	}
	FUZZ_CHECK(addr_parse(f, "2001:db8:9::1", a) == 0);
	a->b[15] = (uint8_t)(1 + n);
}

/* A probe as four bytes say; returns its length. */
static size_t
bench_probe_write(
    struct bench *b, const uint8_t how[4], uint8_t pkt[WIRE_PROBE_MAX])
{
	static const uint16_t rooms[] = { 32, 0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11,
		12, 13, 14, 15, 52, 100, 101, 400, 1200, 1216, 1232, 40 };
	enum family f = how[0] & 0x80 ? FAMILY_V6 : FAMILY_V4;
	enum proto proto = (enum proto)(how[1] % PROTO_MAX);
	struct addr src;
	size_t room, hdr = 8, at, l4;
	uint8_t *p;

	bench_client(f, how[1] / PROTO_MAX % 8, &src);
	room = rooms[how[3] % (sizeof(rooms) / sizeof(rooms[0]))];
	if (proto == PROTO_TCP) {
		hdr = 20 + how[3] % 11 * 4;
		room = 0;
	}
	at = packet_ip(pkt, f, &src,
	    &b->policy->listen[f * BENCH_LISTEN + how[0] % BENCH_LISTEN].addr,
	    wire_ipproto(f, proto), (uint8_t)(1 + how[2] % 32), hdr + room);
	l4 = hdr + room;
	p = pkt + at;
	memset(p, 0, hdr);
	memset(p + hdr, BENCH_PATTERN, room);
	wire_put16(p, (uint16_t)(40000 + (how[2] >> 5 & 3)));
	wire_put16(p + 2, (uint16_t)(proto == PROTO_TCP ? 80 : 33434));
	switch (proto) {
	case PROTO_UDP:
		wire_put16(p + 4, (uint16_t)l4);
		break;
	case PROTO_ICMP:
		memcpy(p + 4, p, 4);
		wire_put32(p, f == FAMILY_V4 ? 8U << 24 : 128U << 24);
		break;
	case PROTO_TCP:
		wire_put32(p + 4, 0xfffffff0 + how[3]);
		p[12] = (uint8_t)(hdr / 4 << 4);
		p[13] = 0x02;
		memset(p + 20, 1, hdr - 20);
		break;
	case PROTO_MAX:
		FUZZ_CHECK(0);
	}
	if (how[0] & 0x40)
		pkt[1] = f == FAMILY_V4 ? 0x10 : 0x0b;
	packet_sums(pkt, at + l4);
	/* RFC 768: none was computed. */
	if (proto == PROTO_UDP && f == FAMILY_V4 && (how[0] & 0x20))
		wire_put16(p + 6, 0);
	return (at + l4);
}

static void
bench_say_probe(struct bench *b, const struct record *rec, struct msg_id id)
{
	struct msg_probe mp;

	memset(&mp, 0, sizeof(mp));
	mp.id = id;
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
	FUZZ_CHECK(msg_put_probe(b->up, &mp) == 0);
}

struct bench_probe *
bench_hand_up(struct bench *b, struct fuzz_in *in)
{
	uint8_t pkt[WIRE_PROBE_MAX], how[4];
	struct bench_probe *s;
	struct handup probe;
	struct record *rec;
	size_t len;

	fuzz_bytes(in, how, sizeof(how));
	if (b->nprobes == BENCH_PROBES)
		return (NULL);
	len = bench_probe_write(b, how, pkt);
	if (handup_check(b->policy, pkt, len, &probe) != HANDUP_OK ||
	    (rec = records_alloc(b->orders.records, b->now)) == NULL)
		return (NULL);
	s = &b->probes[b->nprobes++];
	memset(s, 0, offsetof(struct bench_probe, turned));
	s->begun = b->now;
	s->packet_id = (uint32_t)b->nprobes;
	s->id = records_id(b->orders.records, rec);
	check_probe_init(&s->probe, &b->policy->listen[probe.listen], pkt, len);
	check_probe_ok(&s->probe, b->policy);
	rec->probe = probe;
	rec->headlen = (uint16_t)(len < WIRE_HEAD_MAX ? len : WIRE_HEAD_MAX);
	memcpy(rec->head, pkt, rec->headlen);
	rec->packet_id = s->packet_id;
	rec->policy = b->policy->listen[probe.listen];
	rec->observe = b->policy->observe;
	s->observe = b->policy->observe;
	rec->timeout_ns = b->policy->timeout_ns;
	rec->settle_ns = b->policy->settle_ns;
	bench_say_probe(b, rec, s->id);
	b->stats.stat[STAT_PROBES][probe.family][probe.proto]++;
	return (s);
}

/* Who answers: the client, ordinary routers, and some that may not. */
static void
bench_router(const struct bench *b, const struct bench_probe *s, uint8_t who,
    struct addr *a)
{
	static const char *const names[FAMILY_MAX][8] = {
		{ "203.0.113.1", "203.0.113.2", "127.0.0.1", "10.0.0.1",
		    "224.0.0.5", "192.0.2.130", "192.0.2.101", "8.8.8.8" },
		{ "2001:db8:113::1", "2001:db8:113::2", "::1", "fe80::1",
		    "ff02::5", "2001:db8:5::9", "2001:db8:1::101", "fd00::1" },
	};
	enum family f = s->probe.p.family;

	if (who % 10 == 0)
		*a = s->probe.p.src;
	else if (who % 10 == 1)
		*a = b->policy->listen[f * BENCH_LISTEN + 1].addr;
	else
		FUZZ_CHECK(addr_parse(f, names[f][who % 10 - 2], a) == 0);
}

/* An error that quotes the turned probe; returns its length. */
static size_t
bench_error(const struct bench *b, const struct bench_probe *s,
    struct fuzz_in *in, uint8_t *e, int *clean)
{
	static const uint8_t kinds[FAMILY_MAX][8][2] = {
		{ { 11, 0 }, { 3, 3 }, { 3, 1 }, { 3, 4 }, { 3, 13 }, { 11, 1 },
		    { 3, 16 }, { 5, 0 } },
		{ { 3, 0 }, { 1, 4 }, { 1, 0 }, { 2, 0 }, { 1, 1 }, { 3, 1 },
		    { 1, 9 }, { 4, 0 } },
	};
	enum family f = s->probe.p.family;
	struct addr router;
	uint8_t kind, cut, x, at8;
	size_t at, quote, ext, got;
	const uint8_t *obj;
	int v4 = f == FAMILY_V4;

	bench_router(b, s, fuzz_u8(in), &router);
	kind = fuzz_u8(in);
	cut = fuzz_u8(in);
	quote = s->turned_len < 500 ? s->turned_len : 500;
	*clean = (kind & 0x08) == 0 && kinds[f][kind % 8][0] != 5 &&
	    (v4 || kinds[f][kind % 8][0] != 4);
	if (cut & 0x01) {
		quote = quote < cut ? quote : cut;
		*clean = 0;
	}
	obj = fuzz_take(in, cut & 0x02 ? fuzz_u8(in) : 0, &got);
	ext = got > 0 ? (128 - (quote < 128 ? quote : 128)) + got : 0;
	at = packet_ip(
	    e, f, &router, &s->probe.p.dst, v4 ? 1 : 58, 60, 8 + quote + ext);
	memset(e + at, 0, 8 + quote + ext);
	e[at] = kinds[f][kind % 8][0];
	e[at + 1] = kinds[f][kind % 8][1];
	if (got > 0)
		e[at + (v4 ? 5 : 4)] =
		    (uint8_t)((quote > 128 ? quote : 128) / (v4 ? 4 : 8));
	memcpy(e + at + 8, s->turned, quote);
	if (quote > 8)
		e[at + 8 + (v4 ? 8 : 7)] = 1;
	if (got > 0)
		memcpy(e + at + 8 + quote + ext - got, obj, got);
	/* Something else than what was sent. */
	if (kind & 0x08) {
		at8 = fuzz_u8(in);
		x = fuzz_u8(in);
		if (at8 < quote)
			e[at + 8 + at8] ^= x;
	}
	/* A 1:1 NAT's outside. */
	if ((kind & 0x10) && quote >= (v4 ? 20U : 40U)) {
		*clean &= !addr_is_zero(&s->probe.listen.public_addr);
		memcpy(e + at + 8 + (v4 ? 12 : 8),
		    s->probe.listen.public_addr.b, v4 ? 4 : 16);
	}
	return (at + 8 + quote + ext);
}

/* Mirror form: what the client itself says to the turned probe. */
static size_t
bench_reply(
    const struct bench_probe *s, struct fuzz_in *in, uint8_t *e, int *clean)
{
	enum family f = s->probe.p.family;
	size_t hdr = s->turned_len - s->probe.p.l4len, l4 = s->probe.p.l4len;
	uint8_t x = fuzz_u8(in), at = fuzz_u8(in), *p = e + hdr;

	*clean = x == 0 && s->probe.p.proto != PROTO_UDP &&
	    s->probe.listen.turn == TURN_MIRROR;
	memcpy(e, s->turned, s->turned_len);
	(void)packet_ip(e, f, &s->probe.p.src, &s->probe.p.dst,
	    wire_ipproto(f, s->probe.p.proto), 60, l4);
	if (s->probe.p.proto == PROTO_TCP) {
		memcpy(p, s->turned + hdr + 2, 2);
		memcpy(p + 2, s->turned + hdr, 2);
		wire_put32(p + 8, wire_get32(s->turned + hdr + 4) + 1);
		p[13] = 0x14;
	} else
		p[0] = f == FAMILY_V4 ? 0 : 129;
	if (at < l4)
		p[at] ^= x;
	return (s->turned_len);
}

/* The one agreed with: does the packet say what was sent (3.11)? */
static void
bench_agrees(
    const struct bench_probe *s, const struct match *m, const uint8_t *pkt)
{
	const uint8_t *q, *t = s->turned;
	const struct addr *pub = &s->probe.listen.public_addr;
	size_t hdr = s->turned_len - s->probe.p.l4len, sum;
	int v4 = s->probe.p.family == FAMILY_V4;

	FUZZ_CHECK(addr_equal(&m->client, &s->probe.p.src));
	FUZZ_CHECK(addr_equal(&m->own, &s->probe.p.dst) ||
	    (!addr_is_zero(pub) && addr_equal(&m->own, pub)));
	FUZZ_CHECK(m->proto == s->probe.p.proto);
	if (m->kind != MATCH_ERROR) {
		FUZZ_CHECK(s->probe.listen.turn == TURN_MIRROR);
		FUZZ_CHECK(addr_equal(&m->router, &s->probe.p.src));
		return;
	}
	q = pkt + m->data;
	if (v4) {
		FUZZ_CHECK(m->datalen >= 28 && q[8] <= t[8]);
		FUZZ_CHECK(memcmp(q + 4, t + 4, 2) == 0 && q[9] == t[9]);
		sum = m->proto == PROTO_UDP  ? 6
		    : m->proto == PROTO_ICMP ? 2
					     : 8;
		FUZZ_CHECK(memcmp(q + 20, t + 20, sum) == 0);
		if (sum + 2 < 8)
			FUZZ_CHECK(
			    memcmp(q + 22 + sum, t + 22 + sum, 6 - sum) == 0);
		return;
	}
	FUZZ_CHECK(q[7] <= t[7] && q[6] == t[6]);
	if (m->proto == PROTO_TCP) {
		FUZZ_CHECK(m->datalen >= 48);
		FUZZ_CHECK(memcmp(q + hdr, t + hdr, 8) == 0);
		return;
	}
	FUZZ_CHECK(m->datalen >= hdr + 14 + s->cookie_len);
	FUZZ_CHECK(memcmp(q + hdr + 14, s->cookie, s->cookie_len) == 0);
	/* Identifier and sequence number, or the ports. */
	sum = m->proto == PROTO_ICMP ? 4 : 0;
	FUZZ_CHECK(memcmp(q + hdr + sum, t + hdr + sum, 4) == 0);
}

static void
bench_first(struct bench *b, struct record *rec, const struct match *m,
    const uint8_t *pkt)
{
	struct bench_probe *s;
	struct msg_match mm;

	s = bench_find(b, records_id(b->orders.records, rec));
	FUZZ_CHECK(s != NULL && s->state == BENCH_TURNED);
	bench_agrees(s, m, pkt);
	s->met = *m;
	s->met.cookie = NULL;
	s->state = BENCH_MATCHED;
	memset(&mm, 0, sizeof(mm));
	mm.id = s->id;
	mm.kind = m->kind;
	mm.from_client = (uint8_t)addr_equal(&m->router, &rec->probe.src);
	mm.icmp_type = m->icmp_type;
	mm.icmp_code = m->icmp_code;
	mm.ext_len = m->ext_len;
	mm.router = m->router;
	rec->rtt_ns = (uint64_t)(b->now - rec->sent_at);
	mm.rtt_ns = s->rtt_ns = rec->rtt_ns;
	if (m->kind == MATCH_ERROR) {
		mm.datalen =
		    m->datalen < MSG_MATCH_DATA ? m->datalen : MSG_MATCH_DATA;
		memcpy(mm.data, pkt + m->data, mm.datalen);
	}
	rec->met = *m;
	records_matched(b->orders.records, rec);
	mm.answered = (uint8_t)bench_ahead(b, s, rec);
	FUZZ_CHECK(msg_put_match(b->up, &mm) == 0);
}

void
bench_capture(struct bench *b, struct fuzz_in *in)
{
	/* An error's headers, its quote, the extensions. */
	uint8_t pkt[WIRE_PROBE_MAX + 512], which = fuzz_u8(in), *exact;
	enum match_verdict v = MATCH_IS_NOTHING;
	struct bench_probe *s;
	struct record *rec = NULL;
	struct match m;
	size_t len;
	int clean, due;

	/* What was not sent yet can't have met anything. */
	bench_send(b, 0);
	if (b->nprobes == 0)
		return;
	s = &b->probes[b->nprobes - 1 - (which & 0x7f) % b->nprobes];
	if (s->turned_len == 0)
		return;
	if (which & 0x80)
		len = bench_reply(s, in, pkt, &clean);
	else
		len = bench_error(b, s, in, pkt, &clean);
	packet_sums(pkt, len);
	due = clean && s->state == BENCH_TURNED;
	exact = fuzz_copy(pkt, len);
	if (match_read(s->probe.p.family, exact, len, &m) == 0) {
		v = records_match(b->orders.records, &m, &rec);
		if (v == MATCH_IS_FIRST)
			bench_first(b, rec, &m, exact);
	}
	/* An honest answer is not missed. */
	if (due)
		FUZZ_CHECK(v == MATCH_IS_FIRST &&
		    (s->state == BENCH_MATCHED || s->ended_ahead));
	free(exact);
}
