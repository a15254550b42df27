/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Requests for a probe to somebody else: which target is read, what is built,
 * what it is matched with, and what may be ordered.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "priv/match.h"
#include "tests/unit/priv/bench.h"
#include "tests/unit/priv/asking.h"
#include "tests/unit/priv/packets.h"

static const char *const target_text[FAMILY_MAX] = { "203.0.113.77",
	"2001:db8:7::77" };

/* A request by the client of asking.h that names text. */
static size_t
naming(uint8_t *b, enum family f, enum proto proto, const char *text)
{
	size_t len;

	len = ask_packet(
	    b, f, ASK_TTL, ask_ipproto(f, proto), ASK_FLOW, ASK_TARGET);
	ask_target(b, len, text);
	return (len);
}

static void
named(void **state)
{
	static const struct {
		enum family family;
		const char *text;
		int other, allowed;
	} t[] = {
		{ FAMILY_V4, "203.0.113.0", 1, 1 },
		{ FAMILY_V4, "203.0.113.255", 1, 1 },
		{ FAMILY_V4, "203.0.112.255", 1, 0 },
		{ FAMILY_V4, "203.0.114.0", 1, 0 },
		/* Who asks: no wish. */
		{ FAMILY_V4, "198.51.100.9", 0, 0 },
		{ FAMILY_V6, "2001:db8:9::9", 0, 0 },
		/* Own, martian, of the other family. */
		{ FAMILY_V4, "192.0.2.53", 1, 0 },
		{ FAMILY_V4, "127.0.0.1", 1, 0 },
		{ FAMILY_V4, "224.0.0.1", 1, 0 },
		{ FAMILY_V4, "2001:db8:7::77", 1, 0 },
		{ FAMILY_V6, "2001:db8:7::77", 1, 1 },
		{ FAMILY_V6, "2001:db8:8::77", 1, 0 },
		{ FAMILY_V6, "2001:db8:1::53", 1, 0 },
		{ FAMILY_V6, "ff02::1", 1, 0 },
		{ FAMILY_V6, "203.0.113.77", 1, 0 },
	};
	struct bench *b = *state;
	struct request ask;
	struct handup h;
	struct addr want;
	uint8_t pkt[128];
	size_t i, len;

	b->policy.augsburg = 1;
	ask_policy_targets(&b->policy);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		len = naming(pkt, t[i].family, PROTO_UDP, t[i].text);
		assert_int_equal(
		    ask_check(&b->policy, pkt, len, &h, &ask), HANDUP_OK);
		if (ask.other != t[i].other || ask.allowed != t[i].allowed)
			fail_msg(
			    "%s: %u %u", t[i].text, ask.other, ask.allowed);
		want = h.src;
		if (t[i].allowed)
			want = test_addr(t[i].family, t[i].text);
		assert_true(addr_equal(&ask.to, &want));
	}
	/* Off by default. */
	b->policy.ntargets = 0;
	len = naming(pkt, FAMILY_V4, PROTO_UDP, "203.0.113.77");
	assert_int_equal(ask_check(&b->policy, pkt, len, &h, &ask), HANDUP_OK);
	assert_int_equal(ask.other, 1);
	assert_int_equal(ask.allowed, 0);
}

/* Only a whole object at its one place counts; each byte of it does. */
static void
place(void **state)
{
	struct bench *b = *state;
	struct request ask;
	struct handup h;
	uint8_t pkt[128];
	size_t at, len;

	b->policy.augsburg = 1;
	ask_policy_targets(&b->policy);
	for (at = 36; at < 56; at++) {
		len = naming(pkt, FAMILY_V4, PROTO_UDP, "203.0.113.77");
		pkt[at] ^= 0x40;
		test_sums_write(pkt, len);
		assert_int_equal(
		    ask_check(&b->policy, pkt, len, &h, &ask), HANDUP_OK);
		/* The last byte may be any. */
		assert_int_equal(ask.allowed, at == 55);
		assert_int_equal(ask.other, at >= 40);
	}
	for (len = 32; len < 56; len++) {
		(void)naming(pkt, FAMILY_V4, PROTO_UDP, "203.0.113.77");
		wire_put16(pkt + 2, (uint16_t)len);
		test_sums_write(pkt, len);
		assert_int_equal(
		    ask_check(&b->policy, pkt, len, &h, &ask), HANDUP_OK);
		assert_int_equal(ask.other, 0);
		assert_true(addr_equal(&ask.to, &h.src));
	}
	/* Padding before it. */
	len = ask_packet(pkt, FAMILY_V4, 1, 17, 0, ASK_TARGET + 4);
	ask_target(pkt, len, "203.0.113.77");
	memmove(pkt + 40, pkt + 36, 20);
	memcpy(pkt + 36, "\0\4\6\0", 4);
	test_sums_write(pkt, len);
	assert_int_equal(ask_check(&b->policy, pkt, len, &h, &ask), HANDUP_OK);
	assert_int_equal(ask.other, 0);
}

static struct record *
asked(struct bench *b, enum family f, enum proto proto, const char *text,
    struct msg_id *id)
{
	static uint32_t packet_id = 900;
	struct record *rec;
	uint8_t pkt[128];
	size_t len;

	b->policy.augsburg = 1;
	ask_policy_targets(&b->policy);
	rec = records_alloc(b->orders.records, b->now);
	assert_non_null(rec);
	len = naming(pkt, f, proto, text);
	ask_record(rec, &b->policy, pkt, len);
	rec->packet_id = packet_id++;
	*id = records_id(b->orders.records, rec);
	return (rec);
}

/* An answer from the target, or a router's error about the probe (sent). */
static size_t
answer(uint8_t *p, const struct record *rec, const struct addr *from,
    const uint8_t *sent, size_t sentlen)
{
	int v4 = rec->probe.family == FAMILY_V4;
	size_t l4 = v4 ? 20 : 40, len = l4 + 8;

	if (sent != NULL)
		len += sentlen;
	else
		len = l4 + (rec->ask.proto == PROTO_TCP ? 20 : 8U + 14);
	memset(p, 0, len);
	if (v4) {
		p[0] = 0x45;
		wire_put16(p + 2, (uint16_t)len);
		p[8] = 60;
		p[9] = sent != NULL || rec->ask.proto == PROTO_ICMP ? 1 : 6;
		memcpy(p + 12, from->b, 4);
		memcpy(p + 16, rec->probe.dst.b, 4);
	} else {
		p[0] = 0x60;
		wire_put16(p + 4, (uint16_t)(len - l4));
		p[6] = sent != NULL || rec->ask.proto == PROTO_ICMP ? 58 : 6;
		p[7] = 60;
		memcpy(p + 8, from->b, 16);
		memcpy(p + 24, rec->probe.dst.b, 16);
	}
	if (sent != NULL) {
		p[l4] = v4 ? 11 : 3;
		memcpy(p + l4 + 8, sent, sentlen);
		p[l4 + 8 + (v4 ? 8 : 7)] = 1;
	} else if (rec->ask.proto == PROTO_ICMP) {
		p[l4] = v4 ? 0 : 129;
		memcpy(p + l4 + 4, rec->sent_l4 + 4, 4);
		wire_put32(p + l4 + 8, WIRE_MARK);
		memcpy(p + l4 + 14, rec->cookie, rec->cookie_len);
	} else {
		wire_put16(p + l4, ASK_FLOW);
		wire_put16(p + l4 + 2, 1021);
		wire_put32(p + l4 + 8, wire_get32(rec->cookie) + 1);
		p[l4 + 12] = 0x50;
		p[l4 + 13] = 0x12;
	}
	test_sums_write(p, len);
	return (len);
}

/* Which record the packet answers, by the indexes. */
static enum match_verdict
finds(struct bench *b, const uint8_t *pkt, size_t len, enum family f,
    struct match *m, struct record **rp)
{
	*rp = NULL;
	if (match_read(f, pkt, len, m) == -1)
		return (MATCH_IS_NOTHING);
	return (records_match(b->orders.records, m, rp));
}

/* From the request to the reply, for all that may be asked for. */
static void
whole(void **state)
{
	struct bench *b = *state;
	struct record *rec, *got;
	struct addr router, to;
	struct match m;
	struct msg_id id;
	enum family f;
	enum proto proto;
	uint8_t sent[BUILD_MAX], pkt[256];
	size_t len, l4, sum;

	for (f = FAMILY_V4; f < FAMILY_MAX; f++)
		for (proto = PROTO_UDP; proto < PROTO_MAX; proto++) {
			l4 = f == FAMILY_V4 ? 20 : 40;
			router = test_addr(f,
			    f == FAMILY_V4 ? "198.18.0.1" : "2001:db8:113::1");
			to = test_addr(f, target_text[f]);
			rec = asked(b, f, proto, target_text[f], &id);
			assert_int_equal(order(b, MSG_REQUEST_PROBE, id), 0);
			assert_int_equal(b->out.n, 1);
			assert_int_equal(b->out.pkt[0].kind, OUT_ASKED);
			assert_true(addr_equal(&b->out.pkt[0].dst, &to));
			assert_true(addr_equal(record_to(rec), &to));
			sum = b->out.pkt[0].len;
			memcpy(sent, b->out.pkt[0].buf, sum);
			assert_int_equal(sent[f == FAMILY_V4 ? 8 : 7], ASK_TTL);
			assert_int_equal(wire_get16(sent + l4 + 2), ASK_FLOW);
			send_all(b, rec, 0);
			assert_int_equal(rec->state, RECORD_TURNED);

			/* Who asked is not who is probed. */
			if (proto != PROTO_UDP) {
				len =
				    answer(pkt, rec, &rec->probe.src, NULL, 0);
				assert_int_equal(
				    finds(b, pkt, len, f, &m, &got),
				    MATCH_IS_NOTHING);
				len = answer(pkt, rec, &to, NULL, 0);
				assert_int_equal(
				    finds(b, pkt, len, f, &m, &got),
				    MATCH_IS_FIRST);
				assert_ptr_equal(got, rec);
			}
			len = answer(pkt, rec, &router, sent, sum);
			assert_int_equal(
			    finds(b, pkt, len, f, &m, &got), MATCH_IS_FIRST);
			assert_ptr_equal(got, rec);
			rec->met = m;
			records_matched(b->orders.records, rec);
			if (proto == PROTO_TCP) {
				orders_reset(&b->orders, rec, b->now);
				assert_true(
				    addr_equal(&b->out.pkt[0].dst, &to));
				send_all(b, rec, 0);
			}
			assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), 0);
			assert_int_equal(b->out.pkt[0].kind, OUT_REPLY);
			assert_true(
			    addr_equal(&b->out.pkt[0].dst, &rec->probe.src));
			assert_memory_equal(b->out.pkt[0].buf + l4 + 12 +
				(f == FAMILY_V4 ? 12 : 0),
			    router.b, addr_len(f));
			assert_true(
			    sum + b->out.pkt[0].len <= 3U * rec->probe.len);
			send_all(b, rec, 0);
			assert_int_equal(order(b, MSG_REQUEST_ANSWER, id), -1);
			assert_int_equal(order(b, MSG_REQUEST_PROBE, id), -1);
			b->nverdicts = 0;
		}
}

/* Whatever the engine says, nobody else is probed. */
static void
never(void **state)
{
	static const struct {
		enum family family;
		const char *text;
	} t[] = {
		{ FAMILY_V4, "203.0.112.1" },
		{ FAMILY_V4, "192.0.2.53" },
		{ FAMILY_V4, "224.0.0.1" },
		{ FAMILY_V4, "2001:db8:7::77" },
		{ FAMILY_V6, "2001:db8:8::77" },
		{ FAMILY_V6, "2001:db8:1::53" },
		{ FAMILY_V6, "ff02::1" },
		{ FAMILY_V6, "203.0.113.77" },
	};
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	uint8_t out[BUILD_MAX];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rec = asked(b, t[i].family, PROTO_UDP, t[i].text, &id);
		assert_int_equal(order(b, MSG_REQUEST_PROBE, id), -1);
		assert_string_equal(
		    b->why, "a target that the request may not ask for");
		assert_int_equal(b->out.n, 0);
		assert_int_equal(b->nverdicts, 0);
		rec->ip_id = 7;
		build_cookie(rec, id, b->orders.key);
		assert_int_equal(build_request_probe(rec, out, sizeof(out)), 0);
	}
}

/* A record keeps what held when it was made. */
static void
kept(void **state)
{
	struct bench *b = *state;
	struct msg_id id, late;
	struct record *rec;

	rec = asked(b, FAMILY_V4, PROTO_UDP, "203.0.112.1", &id);
	(void)asked(b, FAMILY_V4, PROTO_UDP, "203.0.113.1", &late);
	b->policy.targets[0].addr = test_addr(FAMILY_V4, "203.0.112.0");
	assert_int_equal(order(b, MSG_REQUEST_PROBE, id), -1);
	assert_int_equal(rec->ask.allowed, 0);
	assert_int_equal(order(b, MSG_REQUEST_PROBE, late), 0);
	assert_int_equal(b->out.n, 1);
}

/* An unreachable ends it if it comes from who is probed. */
static void
unreachable(void **state)
{
	static const struct {
		const char *router;
		int ok;
	} t[] = { { "203.0.113.77", 1 }, { "198.51.100.9", 0 },
		{ "198.18.0.1", 0 } };
	struct bench *b = *state;
	struct record *rec;
	struct msg_id id;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		rec = asked(b, FAMILY_V4, PROTO_UDP, "203.0.113.77", &id);
		assert_int_equal(order(b, MSG_REQUEST_PROBE, id), 0);
		send_all(b, rec, 0);
		memset(&rec->met, 0, sizeof(rec->met));
		rec->met.kind = MATCH_ERROR;
		rec->met.icmp_type = rec->met.icmp_code = 3;
		rec->met.router = test_addr(FAMILY_V4, t[i].router);
		records_matched(b->orders.records, rec);
		assert_int_equal(
		    order(b, MSG_REQUEST_ANSWER, id), t[i].ok ? 0 : -1);
		assert_int_equal(b->out.n, t[i].ok);
		send_all(b, rec, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(named, setup, teardown),
		cmocka_unit_test_setup_teardown(place, setup, teardown),
		cmocka_unit_test_setup_teardown(whole, setup, teardown),
		cmocka_unit_test_setup_teardown(never, setup, teardown),
		cmocka_unit_test_setup_teardown(kept, setup, teardown),
		cmocka_unit_test_setup_teardown(unreachable, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
