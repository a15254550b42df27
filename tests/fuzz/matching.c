/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Captured packets against probes in flight: all protocols, both forms. */

#include <stdlib.h>
#include <string.h>

#include "priv/build.h"
#include "priv/record.h"
#include "tests/fuzz/matching.h"
#include "tests/fuzz/packet.h"

/* What the first byte mends, and in its upper bits the quote, from 1. */
#define MEND_SUMS    0x01
#define MEND_LENGTHS 0x02
#define MEND_QUOTE   4

#define MATCHING_PROBES (2 * PROTO_MAX)
#define MATCHING_IP_ID  0x5a5a

struct matching {
	struct records *records;
	struct record *rec[MATCHING_PROBES];
	uint8_t sent[MATCHING_PROBES][WIRE_PROBE_MAX];
	size_t len[MATCHING_PROBES];
};

static const uint8_t key[16] = { 4, 3, 2, 1 };
static const uint8_t cookie[8] = { 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07,
	0x18 };

/* Client 198.51.100.9, 2001:db8:9::9; host 192.0.2.53, 2001:db8:1::53. */
static void
matching_turned(struct matching *m, enum family f, int i)
{
	static const char *const names[][3] = {
		{ "198.51.100.9", "192.0.2.53", "203.0.113.7" },
		{ "2001:db8:9::9", "2001:db8:1::53", "2001:db8:7::7" },
	};
	struct record *rec = records_alloc(m->records, 0);
	struct handup *p;
	const struct msg_id id = { 1, 1 };

	FUZZ_CHECK(rec != NULL);
	p = &rec->probe;
	p->family = f;
	p->proto = (enum proto)(i % PROTO_MAX);
	FUZZ_CHECK(addr_parse(f, names[f][0], &p->src) == 0);
	FUZZ_CHECK(addr_parse(f, names[f][1], &p->dst) == 0);
	FUZZ_CHECK(addr_parse(f, names[f][2], &rec->policy.public_addr) == 0);
	p->ttl = 5;
	p->l4 = f == FAMILY_V4 ? 20 : 40;
	p->payload = (uint16_t)(p->l4 + (p->proto == PROTO_TCP ? 20 : 8));
	p->len = (uint16_t)(p->payload + (p->proto == PROTO_TCP ? 0 : 32));
	p->sport = (uint16_t)(40001 + i / PROTO_MAX);
	p->dport = p->proto == PROTO_TCP ? 80 : 33436;
	p->sum = 0x1234;
	rec->headlen = p->len;
	rec->policy.family = f;
	rec->policy.addr = p->dst;
	rec->policy.turn = i < PROTO_MAX ? TURN_REPLY : TURN_MIRROR;
	rec->timeout_ns = rec->settle_ns = 1000000000;
	rec->ip_id = MATCHING_IP_ID;
	build_cookie(rec, id, key);
	memcpy(rec->cookie, cookie, sizeof(cookie));
	m->len[i] = build_turn(rec, m->sent[i], sizeof(m->sent[i]));
	FUZZ_CHECK(m->len[i] != 0);
	records_turned(m->records, rec, 0);
	m->rec[i] = rec;
}

/* Made once: a match alone changes nothing. */
static struct matching *
matching_records(enum family f)
{
	static struct matching all[FAMILY_MAX];
	struct matching *m = &all[f];
	int i;

	if (m->records != NULL)
		return (m);
	FUZZ_CHECK((m->records = records_new(64, key)) != NULL);
	for (i = 0; i < MATCHING_PROBES; i++)
		matching_turned(m, f, i);
	return (m);
}

/* Only what the probe's sender could know least about makes it ours. */
static void
matching_agrees(const struct match *m, const struct record *rec,
    const uint8_t *sent, const uint8_t *pkt)
{
	size_t hdr = rec->probe.l4;
	const uint8_t *q = pkt + m->data;

	FUZZ_CHECK(m->family == rec->probe.family);
	FUZZ_CHECK(m->proto == rec->probe.proto);
	FUZZ_CHECK(addr_equal(&m->client, &rec->probe.src));
	FUZZ_CHECK(addr_equal(&m->own, &rec->probe.dst) ||
	    addr_equal(&m->own, &rec->policy.public_addr));
	if (m->kind == MATCH_ERROR) {
		FUZZ_CHECK(m->quoted_ttl <= sent[hdr == 20 ? 8 : 7]);
		FUZZ_CHECK(m->datalen >= hdr + 8);
		FUZZ_CHECK(q[0] >> 4 == sent[0] >> 4);
		if (hdr == 20)
			FUZZ_CHECK(memcmp(q + 4, sent + 4, 2) == 0);
		else if (m->proto == PROTO_TCP)
			FUZZ_CHECK(memcmp(q + 44, sent + 44, 4) == 0);
		else
			FUZZ_CHECK(memcmp(q + 54, cookie, 8) == 0);
		if (m->proto == PROTO_ICMP)
			FUZZ_CHECK(memcmp(q + hdr + 4, sent + hdr + 4, 4) == 0);
		else
			FUZZ_CHECK(memcmp(q + hdr, sent + hdr, 4) == 0);
		return;
	}
	FUZZ_CHECK(rec->policy.turn == TURN_MIRROR);
	FUZZ_CHECK(addr_equal(&m->router, &rec->probe.src));
	if (m->kind == MATCH_REPLY) {
		FUZZ_CHECK(m->proto == PROTO_ICMP);
		FUZZ_CHECK(memcmp(pkt + hdr + 14, cookie, 8) == 0);
	} else {
		FUZZ_CHECK(m->proto == PROTO_TCP);
		FUZZ_CHECK(wire_get32(pkt + hdr + 8) == wire_get32(cookie) + 1);
	}
}

/* Whatever was read lies inside of the packet. */
static void
matching_bounds(const struct match *m, const uint8_t *pkt, size_t len)
{
	FUZZ_CHECK(m->l4len >= 4 && m->l4len <= 8);
	FUZZ_CHECK(m->cookielen <= 8);
	if (m->cookie != NULL)
		FUZZ_CHECK(m->cookielen > 0 && m->cookie > pkt &&
		    m->cookie + m->cookielen <= pkt + len);
	if (m->kind == MATCH_ERROR)
		FUZZ_CHECK(m->data > 0 && (size_t)m->data + m->datalen <= len);
}

void
matching_fuzz(enum family f, struct fuzz_in *in)
{
	struct matching *all = matching_records(f);
	struct record *rec;
	struct match m;
	enum match_verdict v;
	const uint8_t *rest;
	uint8_t *pkt, mend = fuzz_u8(in);
	size_t len, at, i, n;

	rest = fuzz_take(in, 2048, &len);
	pkt = fuzz_copy(rest, len);
	i = (size_t)mend / MEND_QUOTE % (MATCHING_PROBES + 1);
	at = (f == FAMILY_V4 ? 20 : 40) + WIRE_ICMP_HDR;
	if (i > 0 && len > at) {
		n = len - at < all->len[i - 1] ? len - at : all->len[i - 1];
		memcpy(pkt + at, all->sent[i - 1], n);
	}
	if (mend & MEND_LENGTHS)
		packet_lengths(pkt, len);
	if (mend & MEND_SUMS)
		packet_sums(pkt, len);
	if (match_read(f, pkt, len, &m) == 0) {
		matching_bounds(&m, pkt, len);
		v = records_match(all->records, &m, &rec);
		FUZZ_CHECK((v == MATCH_IS_FIRST) == (rec != NULL));
		if (rec != NULL) {
			for (i = 0; all->rec[i] != rec; i++)
				FUZZ_CHECK(i + 1 < MATCHING_PROBES);
			matching_agrees(&m, rec, all->sent[i], pkt);
		}
	}
	free(pkt);
}
