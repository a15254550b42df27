/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Requests for a reverse probe: what is handed up, the engine's parser beside
 * the packet process's, and every packet that a request can lead to, read by
 * other code than that which wrote it.
 */

#include <stdlib.h>
#include <string.h>

#include "engine/ask.h"
#include "priv/build.h"
#include "priv/match.h"
#include "priv/record.h"
#include "priv/request.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/packet.h"

/* What the second byte mends. */
#define MEND_LENGTHS 0x01
#define MEND_SUMS    0x02

static const uint8_t key[16] = { 1, 2, 3, 4, 5, 6, 7, 8 };

/* Who may have whom probed. */
static void
request_policy_targets(struct policy *p)
{
	static const struct {
		enum policy_side side;
		enum family family;
		const char *addr;
		uint8_t len;
	} rows[] = {
		{ POLICY_TARGET, FAMILY_V4, "203.0.113.0", 24 },
		{ POLICY_TARGET, FAMILY_V4, "192.0.2.0", 24 },
		{ POLICY_TARGET, FAMILY_V6, "2001:db8::", 32 },
		{ POLICY_ASKER, FAMILY_V4, "198.51.100.0", 24 },
		{ POLICY_ASKER, FAMILY_V6, "2001:db8:9::", 48 },
	};
	struct policy_target *t;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		t = &p->targets[p->ntargets++];
		t->side = rows[i].side;
		t->family = rows[i].family;
		t->len = rows[i].len;
		FUZZ_CHECK(addr_parse(t->family, rows[i].addr, &t->addr) == 0);
	}
}

static void
request_policy(struct policy *p, uint8_t choice)
{
	static const char *const listen[] = { "192.0.2.53", "2001:db8:1::53" };
	int f;

	memset(p, 0, sizeof(*p));
	p->generation = 1;
	p->augsburg = (choice & 0x01) == 0;
	p->probe_icmp = (choice & 0x02) != 0;
	p->max_ttl = choice & 0x04 ? POLICY_TTL_MAX : 32;
	p->nlisten = FAMILY_MAX;
	for (f = 0; f < FAMILY_MAX; f++) {
		p->listen[f].family = (enum family)f;
		FUZZ_CHECK(addr_parse(p->listen[f].family, listen[f],
			       &p->listen[f].addr) == 0);
	}
	if (choice & 0x08)
		request_policy_targets(p);
}

/* Read once more, by other code: is it a request that is served? */
static int
request_oracle(
    const struct policy *p, const uint8_t *pkt, size_t len, struct packet *q)
{
	int v4;

	if (packet_read(pkt, len, q) == -1 || q->proto != PROTO_ICMP)
		return (0);
	v4 = q->family == FAMILY_V4;
	return (p->augsburg && q->l4len >= 12 && len <= 1280 &&
	    q->l4[0] == (v4 ? 8 : 128) && q->l4[1] == 1 &&
	    addr_equal(&q->dst, &p->listen[q->family].addr) &&
	    packet_l4_good(q) && !addr_is_martian(q->family, &q->src) &&
	    !addr_equal(&q->src, &q->dst));
}

/* The target that the first object names; returns 1 if there is one. */
static int
request_names(const struct packet *q, struct addr *to)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *b = q->l4 + 20;

	memset(to, 0, sizeof(*to));
	if (q->l4len < 36 || memcmp(q->l4 + 16, "\0\20\5\0", 4) != 0)
		return (0);
	if (q->family == FAMILY_V6)
		memcpy(to->b, b, 16);
	else if (memcmp(b, mapped, sizeof(mapped)) == 0)
		memcpy(to->b, b + 12, 4);
	return (!addr_equal(to, &q->src));
}

/* Who is probed is who asked, or whom he named and the policy lists. */
static void
request_target(
    const struct record *rec, const struct policy *p, const struct packet *q)
{
	struct addr to;
	int i, in = 0, from = 0;

	if (!request_names(q, &to)) {
		FUZZ_CHECK(!rec->ask.other && !rec->ask.allowed);
		FUZZ_CHECK(addr_equal(&rec->ask.to, &q->src));
		return;
	}
	FUZZ_CHECK(rec->ask.other);
	for (i = 0; i < (int)p->ntargets; i++) {
		if (p->targets[i].family != q->family)
			continue;
		if (p->targets[i].side == POLICY_TARGET)
			in |= addr_in_prefix(q->family, &to,
			    &p->targets[i].addr, p->targets[i].len);
		else
			from |= addr_in_prefix(q->family, &q->src,
			    &p->targets[i].addr, p->targets[i].len);
	}
	FUZZ_CHECK(rec->ask.allowed ==
	    (in && from && !addr_equal(&to, &p->listen[q->family].addr)));
	FUZZ_CHECK(addr_equal(&rec->ask.to, rec->ask.allowed ? &to : &q->src));
}

/* A packet of ours goes where it is to go, and its sums are right. */
static void
request_ours(const struct packet *q, const struct addr *to, const uint8_t *out,
    size_t len, struct packet *o)
{
	FUZZ_CHECK(packet_read(out, len, o) == 0);
	FUZZ_CHECK(packet_sums_good(out, len));
	FUZZ_CHECK(o->family == q->family);
	FUZZ_CHECK(addr_equal(&o->src, &q->dst));
	FUZZ_CHECK(addr_equal(&o->dst, to));
}

static void
request_reply(const struct packet *q, uint8_t status, const uint8_t *out,
    size_t len, size_t l4len)
{
	struct packet o;

	request_ours(q, &q->src, out, len, &o);
	FUZZ_CHECK(o.proto == PROTO_ICMP && o.l4len == l4len && o.ttl == 64);
	FUZZ_CHECK(o.l4[0] == (q->family == FAMILY_V4 ? 0 : 129));
	FUZZ_CHECK(o.l4[1] == 1 && memcmp(o.l4 + 4, q->l4 + 4, 2) == 0);
	FUZZ_CHECK(o.l4[6] == 0 && o.l4[7] == 0 && o.l4[8] == status);
}

/* A router's error about the probe; returns nothing but by its checks. */
static void
request_match(struct record *rec, const uint8_t *sent, size_t len)
{
	uint8_t e[256];
	struct addr router;
	struct match m;
	size_t at;
	int v4 = rec->probe.family == FAMILY_V4;

	memset(&router, 0, sizeof(router));
	memset(router.b, 0x2a, v4 ? 4 : 16);
	at = packet_ip(e, rec->probe.family, &router, &rec->probe.dst,
	    v4 ? 1 : 58, 60, 8 + len);
	memset(e + at, 0, 8);
	e[at] = v4 ? 11 : 3;
	memcpy(e + at + 8, sent, len);
	e[at + 8 + (v4 ? 8 : 7)] = 1;
	packet_sums(e, at + 8 + len);
	FUZZ_CHECK(match_read(rec->probe.family, e, at + 8 + len, &m) == 0);
	FUZZ_CHECK(match_compare(&m, rec) == MATCH_AGREES);
	rec->met = m;
	rec->met.cookie = NULL;
}

static void
request_probe(
    struct record *rec, const struct policy *p, const struct packet *q)
{
	uint8_t sent[BUILD_MAX], out[BUILD_MAX];
	struct policy other = *p;
	struct packet o;
	struct handup h;
	uint16_t flow = (uint16_t)(q->l4[10] << 8 | q->l4[11]);
	size_t len, back;

	FUZZ_CHECK((len = build_request_probe(rec, sent, sizeof(sent))) > 0);
	FUZZ_CHECK(build_request_probe(rec, out, len - 1) == 0);
	request_ours(q, &rec->ask.to, sent, len, &o);
	FUZZ_CHECK(o.ttl == q->l4[8] && o.tos == q->tos && o.flow == q->flow);
	FUZZ_CHECK(o.proto == rec->ask.proto);
	FUZZ_CHECK(o.l4len ==
	    (o.proto == PROTO_TCP            ? 20U
		    : q->family == FAMILY_V4 ? 20U
					     : 22U));
	if (flow != 0)
		FUZZ_CHECK(memcmp(o.l4 + 2, q->l4 + 10, 2) == 0);
	if (o.proto == PROTO_ICMP)
		FUZZ_CHECK(memcmp(o.l4 + 4, q->l4 + 4, 2) == 0 && o.l4[1] == 0);
	/* There may be another uturnd there, with every port. */
	memset(&other.listen[q->family], 0, sizeof(other.listen[0]));
	other.listen[q->family].family = q->family;
	other.listen[q->family].addr = rec->ask.to;
	other.probe_icmp = 1;
	other.nports = 2;
	other.ports[0].proto = PROTO_UDP;
	other.ports[1].proto = PROTO_TCP;
	other.ports[0].hi = other.ports[1].hi = UINT16_MAX;
	FUZZ_CHECK(!request_is(sent, len));
	FUZZ_CHECK(handup_check(&other, sent, len, &h) != HANDUP_OK);

	request_match(rec, sent, len);
	rec->rtt_ns = 0x123456789;
	FUZZ_CHECK((back = build_request_answer(rec, out, sizeof(out))) > 0);
	request_reply(q, 0, out, back, 36);
	FUZZ_CHECK(len + back <= 3 * q->len);
	/* All ones: it does not fit. */
	FUZZ_CHECK(memcmp(out + back - 8, "\xff\xff\xff\xff\0\0\0\0", 8) == 0);
	back = build_request_reset(rec, out, sizeof(out));
	FUZZ_CHECK((back > 0) == (o.proto == PROTO_TCP));
	if (back > 0) {
		request_ours(q, &rec->ask.to, out, back, &o);
		FUZZ_CHECK(o.l4len == 20 && o.l4[13] == 0x04);
	}
}

/* The engine's parser, which reads on its own, sees the same request. */
static void
request_parse(const struct record *rec, const struct packet *q, int *wanted)
{
	struct msg_request mq;
	struct ask ask;
	enum parse_fault fault;

	memset(&mq, 0, sizeof(mq));
	mq.family = rec->probe.family;
	mq.max_ttl = rec->ask.max_ttl;
	mq.target = rec->ask.allowed;
	mq.len = rec->probe.len;
	mq.headlen = rec->headlen;
	memcpy(mq.head, rec->head, rec->headlen);
	fault = ask_parse(&mq, &ask);
	*wanted = 0;
	if (fault == PARSE_OPTIONS) {
		FUZZ_CHECK(q->l4len > 12);
		return;
	}
	FUZZ_CHECK(fault == PARSE_OK);
	FUZZ_CHECK(addr_equal(&ask.src, &q->src));
	FUZZ_CHECK(addr_equal(&ask.dst, &q->dst));
	FUZZ_CHECK(ask.proto == rec->ask.proto && ask.ttl == rec->ask.ttl);
	/* Whatever it orders, the packet process finds it deserved. */
	switch (ask.status) {
	case 0:
		FUZZ_CHECK(!rec->ask.bad_ttl && !rec->ask.bad_proto);
		FUZZ_CHECK(!rec->ask.other || rec->ask.allowed);
		FUZZ_CHECK(ask.other == rec->ask.other);
		FUZZ_CHECK(addr_equal(&ask.to, &rec->ask.to));
		*wanted = 1;
		break;
	case 1:
		FUZZ_CHECK(rec->ask.bad_ttl && ask.value == 0);
		break;
	case 2:
		FUZZ_CHECK(rec->ask.bad_proto && ask.value == 0);
		break;
	default:
		FUZZ_CHECK(ask.status == 4 && q->l4len >= 20);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct policy p;
	struct fuzz_in in = { data, size };
	struct record rec;
	struct packet q;
	const struct msg_id id = { 3, 4 };
	const uint8_t *rest;
	uint8_t *pkt, out[BUILD_MAX], mend;
	size_t len;
	int wanted;

	request_policy(&p, fuzz_u8(&in));
	mend = fuzz_u8(&in);
	rest = fuzz_take(&in, 2048, &len);
	pkt = fuzz_copy(rest, len);
	if (mend & MEND_LENGTHS)
		packet_lengths(pkt, len);
	if (mend & MEND_SUMS)
		packet_sums(pkt, len);
	(void)request_is(pkt, len);
	memset(&rec, 0, sizeof(rec));
	if (request_check(&p, pkt, len, &rec.probe, &rec.ask) == HANDUP_OK) {
		FUZZ_CHECK(request_oracle(&p, pkt, len, &q));
		rec.kind = RECORD_AUGSBURG;
		rec.headlen = (uint16_t)(len < 128 ? len : 128);
		memcpy(rec.head, pkt, rec.headlen);
		rec.policy = p.listen[rec.probe.listen];
		rec.ip_id = 0x5a5a;
		build_cookie(&rec, id, key);
		request_target(&rec, &p, &q);
		request_parse(&rec, &q, &wanted);
		len = build_request_status(&rec, 1, 0, out, sizeof(out));
		request_reply(&q, 1, out, len, 12);
		if (wanted)
			request_probe(&rec, &p, &q);
		else if (rec.ask.bad_ttl || rec.ask.bad_proto ||
		    (rec.ask.other && !rec.ask.allowed))
			FUZZ_CHECK(
			    build_request_probe(&rec, out, sizeof(out)) == 0);
	} else if (len <= 1280 && request_oracle(&p, pkt, len, &q))
		/* What was refused has another fault: fragments, own. */
		FUZZ_CHECK(
		    q.family == FAMILY_V4 ? pkt[6] != 0 || pkt[7] != 0 : 0);
	free(pkt);
	return (0);
}
