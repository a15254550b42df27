/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* From the hand-up to every packet that its probe can lead to, and back. */

#include <stdlib.h>
#include <string.h>

#include "engine/ext.h"
#include "engine/parse.h"
#include "priv/build.h"
#include "priv/handup.h"
#include "priv/match.h"
#include "priv/record.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/handup.h"

/* What the second byte mends. */
#define MEND_LENGTHS 0x01
#define MEND_SUMS    0x02

static const uint8_t key[16] = { 1, 2, 3, 4, 5, 6, 7, 8 };
/* Objects of a router: a label stack; more than once to fill up. */
static const uint8_t labels[] = { 0, 8, 1, 1, 0, 1, 0x11, 0xff };

static void
handup_policy(struct policy *p, uint8_t choice)
{
	static const char *const listen[][3] = {
		{ "192.0.2.53", "192.0.2.54", "192.0.2.128" },
		{ "2001:db8:1::53", "2001:db8:1::54", "2001:db8:5::" },
	};
	struct policy_listen *l;
	int f;

	memset(p, 0, sizeof(*p));
	p->generation = 1;
	p->probe_icmp = 1;
	p->max_ttl = 32;
	p->nlisten = FAMILY_MAX;
	for (f = 0; f < FAMILY_MAX; f++) {
		l = &p->listen[f];
		l->family = (enum family)f;
		FUZZ_CHECK(addr_parse(l->family, listen[f][0], &l->addr) == 0);
		if (choice & 0x01)
			l->turn = TURN_MIRROR;
		if (choice & 0x02)
			l->inflection = INFLECTION_SILENT;
		if (choice & 0x04)
			l->unreachable = UNREACHABLE_RELAY;
		l->relay = (enum policy_relay)((choice >> 3) % RELAY_LAST);
		if (choice & 0x40)
			FUZZ_CHECK(addr_parse(l->family, listen[f][1],
				       &l->hop_addr) == 0);
		if (choice & 0x80) {
			FUZZ_CHECK(addr_parse(l->family, listen[f][2],
				       &l->hop_prefix) == 0);
			l->hop_prefix_len = f == FAMILY_V4 ? 28 : 64;
		}
	}
	p->nports = 2;
	p->ports[0].proto = PROTO_UDP;
	p->ports[0].lo = 33434;
	p->ports[0].hi = 33689;
	p->ports[1].proto = PROTO_TCP;
	p->ports[1].lo = p->ports[1].hi = 80;
}

/* The engine's parser, which reads on its own, sees the same probe. */
static void
handup_parse(const struct record *rec)
{
	struct msg_probe mp;
	struct parse parse;
	enum parse_fault fault;

	memset(&mp, 0, sizeof(mp));
	mp.family = rec->probe.family;
	mp.proto = rec->probe.proto;
	mp.ttl = rec->probe.ttl;
	mp.len = rec->probe.len;
	mp.headlen = rec->headlen;
	memcpy(mp.head, rec->head, rec->headlen);
	fault = parse_probe(&mp, &parse);
	if (fault == PARSE_OPTIONS && mp.proto == PROTO_TCP)
		return;
	FUZZ_CHECK(fault == PARSE_OK);
	FUZZ_CHECK(addr_equal(&parse.src, &rec->probe.src));
	FUZZ_CHECK(addr_equal(&parse.dst, &rec->probe.dst));
	FUZZ_CHECK(parse.sport == rec->probe.sport);
	FUZZ_CHECK(parse.dport == rec->probe.dport);
}

/* No other uturnd, at the client, turns what was turned (3.9). */
static void
handup_no_loop(const struct policy *mine, const struct check_probe *c,
    const uint8_t *turned, size_t len)
{
	struct policy other = *mine;
	struct handup again;
	int f;

	for (f = 0; f < FAMILY_MAX; f++) {
		memset(&other.listen[f], 0, sizeof(other.listen[f]));
		other.listen[f].family = c->p.family;
		other.listen[f].addr = c->p.src;
		other.listen[f].turn = c->listen.turn;
	}
	/* It may also listen on every port. */
	other.ports[1].lo = 1;
	other.ports[1].hi = 65535;
	FUZZ_CHECK(handup_check(&other, turned, len, &again) != HANDUP_OK);
}

/* A router's error about the turned probe is recognised. */
static void
handup_match(struct record *rec, const uint8_t *turned, size_t len)
{
	uint8_t e[WIRE_PROBE_MAX + 48];
	struct addr router;
	struct match m;
	size_t at, quote;
	int v4 = rec->probe.family == FAMILY_V4;

	memset(&router, 0, sizeof(router));
	memset(router.b, 0x2a, v4 ? 4 : 16);
	quote = len < 500 ? len : 500;
	at = packet_ip(e, rec->probe.family, &router, &rec->probe.dst,
	    v4 ? 1 : 58, 60, 8 + quote);
	memset(e + at, 0, 8);
	e[at] = v4 ? 11 : 3;
	at += 8;
	memcpy(e + at, turned, quote);
	e[at + (v4 ? 8 : 7)] = 1;
	packet_sums(e, at + quote);
	FUZZ_CHECK(match_read(rec->probe.family, e, at + quote, &m) == 0);
	FUZZ_CHECK(m.kind == MATCH_ERROR && m.data == at && m.datalen == quote);
	FUZZ_CHECK(match_compare(&m, rec) == MATCH_AGREES);
	rec->met = m;
	rec->met.cookie = NULL;
}

static void
handup_answers(struct record *rec, const struct check_probe *c)
{
	uint8_t out[BUILD_MAX], obj[EXT_FOREIGN_MAX];
	struct check_error want;
	struct wire_answer ans;
	size_t len, i;
	int own;

	for (i = 0; i + sizeof(labels) <= sizeof(obj); i += sizeof(labels))
		memcpy(obj + i, labels, sizeof(labels));
	memset(&want, 0, sizeof(want));
	want.type = c->p.family == FAMILY_V4 ? 11 : 3;
	want.ttl = BUILD_TTL;
	want.router = rec->met.router;
	rec->rtt_ns = 1234567;
	want.rtt_us = 1234;
	want.obj = obj;
	memset(&ans, 0, sizeof(ans));
	ans.family = c->p.family;
	ans.probe_len = c->len;
	for (i = 0; i < 36; i++) {
		ans.with_addr = i % 4 > 0;
		ans.with_name = i % 4 > 2;
		ans.with_rtt = i % 4 > 1;
		ans.foreign = i / 4 * 8;
		want.with_addr = ans.with_addr;
		want.with_name = ans.with_name;
		want.with_rtt = ans.with_rtt;
		want.objlen = ans.foreign;
		own = want.objlen == 0 || want.with_addr;
		len = build_answer_own(rec, &ans, obj, out, sizeof(out));
		if (len > 0) {
			FUZZ_CHECK(own && len == wire_answer_len(&ans));
			build_hop_source(rec, rec->probe.ttl - 1U, &want.src);
			FUZZ_CHECK(check_source_own(c, &want.src));
			check_error(c, &want, out, len);
		} else
			FUZZ_CHECK(!own ||
			    wire_answer_len(&ans) >
				wire_answer_budget(
				    c->len, c->listen.relay == RELAY_BOTH));
		want.with_addr = want.with_name = want.with_rtt = 0;
		want.src = rec->met.router;
		len = build_answer_router(rec, &ans, obj, 0, out, sizeof(out));
		FUZZ_CHECK(len == 0 || c->listen.relay != RELAY_OWN);
		if (len > 0)
			check_error(c, &want, out, len);
		FUZZ_CHECK(build_answer_router(
			       rec, &ans, obj, 1, out, sizeof(out)) == 0);
	}
}

static void
handup_turn(
    struct record *rec, const struct policy *p, const struct check_probe *c)
{
	uint8_t turned[BUILD_MAX], out[BUILD_MAX];
	size_t len;

	FUZZ_CHECK((len = build_turn(rec, turned, sizeof(turned))) != 0);
	check_turn(c, rec->cookie, turned, len);
	FUZZ_CHECK(rec->ttl_sent == c->p.ttl - 1);
	FUZZ_CHECK(build_inflection(rec, out, sizeof(out)) == 0);
	FUZZ_CHECK(build_turn(rec, out, c->len - 1) == 0);
	handup_no_loop(p, c, turned, len);
	handup_match(rec, turned, len);
	handup_answers(rec, c);
	len = build_final(rec, BUILD_TTL, out, sizeof(out));
	FUZZ_CHECK(len != 0);
	check_final(c, BUILD_TTL, out, len);
	if (c->p.proto != PROTO_UDP || rec->ttl_sent == BUILD_TTL)
		return;
	len = build_final(rec, rec->ttl_sent, out, sizeof(out));
	FUZZ_CHECK(len != 0);
	check_final(c, rec->ttl_sent, out, len);
}

static void
handup_inflect(struct record *rec, const struct check_probe *c)
{
	uint8_t out[BUILD_MAX];
	struct check_error want;
	size_t len;

	FUZZ_CHECK(build_turn(rec, out, sizeof(out)) == 0);
	FUZZ_CHECK(build_final(rec, BUILD_TTL, out, sizeof(out)) == 0);
	len = build_inflection(rec, out, sizeof(out));
	if (c->listen.inflection == INFLECTION_SILENT) {
		FUZZ_CHECK(len == 0);
		return;
	}
	FUZZ_CHECK(len != 0);
	memset(&want, 0, sizeof(want));
	want.type = c->p.family == FAMILY_V4 ? 11 : 3;
	want.ttl = BUILD_TTL;
	build_hop_source(rec, 0, &want.src);
	FUZZ_CHECK(check_source_own(c, &want.src));
	check_error(c, &want, out, len);
}

void
handup_fuzz(enum family f, struct fuzz_in *in)
{
	static struct policy p;
	struct record rec;
	struct check_probe c;
	struct handup probe;
	const struct msg_id id = { 3, 4 };
	const uint8_t *rest;
	uint8_t *pkt, choice, mend;
	size_t len;

	choice = fuzz_u8(in);
	mend = fuzz_u8(in);
	handup_policy(&p, choice);
	rest = fuzz_take(in, 2048, &len);
	pkt = fuzz_copy(rest, len);
	if (len > 0)
		pkt[0] =
		    (uint8_t)((f == FAMILY_V4 ? 0x40 : 0x60) | (pkt[0] & 0x0f));
	if (mend & MEND_LENGTHS)
		packet_lengths(pkt, len);
	if (mend & MEND_SUMS)
		packet_sums(pkt, len);
	if (handup_check(&p, pkt, len, &probe) == HANDUP_OK) {
		FUZZ_CHECK(probe.family == f && probe.listen == (uint32_t)f);
		check_probe_init(&c, &p.listen[f], pkt, len);
		check_probe_ok(&c, &p);
		memset(&rec, 0, sizeof(rec));
		rec.probe = probe;
		rec.headlen = (uint16_t)(len < 128 ? len : 128);
		memcpy(rec.head, pkt, rec.headlen);
		rec.policy = p.listen[f];
		rec.ip_id = 0x5a5a;
		build_cookie(&rec, id, key);
		handup_parse(&rec);
		if (probe.ttl > 1)
			handup_turn(&rec, &p, &c);
		else
			handup_inflect(&rec, &c);
	}
	free(pkt);
}
