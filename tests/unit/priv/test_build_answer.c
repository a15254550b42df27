/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/priv/packets.h"
#include "tests/unit/priv/util.h"

static struct policy policy;
static uint8_t foreign[EXT_FOREIGN_MAX];

static int
setup(void **state)
{
	size_t i;

	(void)state;
	test_policy(&policy);
	for (i = 0; i < sizeof(foreign); i++)
		foreign[i] = (uint8_t)(0x80 + i);
	return (0);
}

/* A record of packet i, that its router has answered with type and code. */
static void
met(struct record *r, size_t i, uint8_t type, uint8_t code)
{
	test_record(r, &policy, packets[i].probe.b, packets[i].probe.len);
	r->ttl_sent = (uint8_t)(r->probe.ttl - 1);
	r->met.family = r->probe.family;
	r->met.proto = r->probe.proto;
	r->met.kind = MATCH_ERROR;
	r->met.icmp_type = type;
	r->met.icmp_code = code;
	r->met.router = r->probe.family == FAMILY_V4
	    ? test_addr(FAMILY_V4, "203.0.113.1")
	    : test_addr(FAMILY_V6, "2001:db8:113::1");
}

static void
timex(struct record *r, size_t i)
{
	met(r, i, i < 3 ? 11 : 3, 0);
}

static struct wire_answer
answer(int addr, int name, size_t len)
{
	struct wire_answer a;

	memset(&a, 0, sizeof(a));
	a.with_addr = (uint8_t)addr;
	a.with_name = (uint8_t)name;
	a.foreign = len;
	return (a);
}

static size_t
own(const struct record *r, struct wire_answer a, uint8_t *out)
{
	size_t n;

	n = build_answer_own(r, &a, foreign, out, BUILD_MAX);
	if (n != 0)
		test_sums_good(out, n);
	return (n);
}

static size_t
router(const struct record *r, struct wire_answer a, int is_own, uint8_t *out)
{
	size_t n;

	n = build_answer_router(r, &a, foreign, is_own, out, BUILD_MAX);
	if (n != 0)
		test_sums_good(out, n);
	return (n);
}

/* What scapy makes of the same answers. */
static void
golden(void **state)
{
	const struct wire_answer a = answer(1, 1, 0);
	struct record r;
	uint8_t out[BUILD_MAX], *exact;
	size_t i, n;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		timex(&r, i);
		exact = malloc(packets[i].own.len);
		assert_non_null(exact);
		n = build_answer_own(
		    &r, &a, foreign, exact, packets[i].own.len);
		assert_int_equal(n, packets[i].own.len);
		assert_memory_equal(exact, packets[i].own.b, n);
		assert_int_equal(
		    build_answer_own(&r, &a, foreign, exact, n - 1), 0);
		free(exact);

		n = build_final(&r, BUILD_TTL, out, sizeof(out));
		assert_int_equal(n, packets[i].final.len);
		assert_memory_equal(out, packets[i].final.b, n);
		assert_int_equal(build_final(&r, BUILD_TTL, out, n - 1), 0);
	}
}

/* Every answer quotes the probe as it came, and nothing else. */
static void
inv15_quote(void **state)
{
	struct record r;
	uint8_t probe[WIRE_PROBE_MAX], out[BUILD_MAX];
	uint32_t st = TEST_SEED, i;
	size_t len, hdr, q, n, k;
	struct wire_answer a;

	(void)state;
	for (i = 0; i < 20000; i++) {
		len = test_probe(&st, &policy, probe);
		test_record(&r, &policy, probe, len);
		r.met.kind = MATCH_ERROR;
		r.met.family = r.probe.family;
		r.met.icmp_type = r.probe.family == FAMILY_V4 ? 11 : 3;
		hdr = r.probe.family == FAMILY_V4 ? 28 : 48;
		q = len < 128 ? len : 128;
		n = own(&r, answer(0, 0, 0), out);
		assert_int_equal(n, hdr + q);
		assert_memory_equal(out + hdr, probe, q);
		/* No extension: no length of the quote (RFC 4884). */
		assert_int_equal(wire_get32(out + hdr - 4), 0);

		a = answer(1, (int)(i % 2), i % 17 * 4);
		n = own(&r, a, out);
		a.family = r.probe.family;
		a.probe_len = len;
		if (wire_answer_len(&a) > wire_answer_budget(len, 0)) {
			assert_int_equal(n, 0);
			continue;
		}
		assert_int_equal(n, wire_answer_len(&a));
		assert_int_equal(wire_get16(out + (hdr == 28 ? 2 : 4)),
		    hdr == 28 ? n : n - 40);
		assert_memory_equal(out + hdr, probe, q);
		for (k = q; k < 128; k++)
			assert_int_equal(out[hdr + k], 0);
		assert_int_equal(
		    test_add(0, out + hdr + 128, n - hdr - 128), 0xffff);
		assert_memory_equal(out + n - a.foreign, foreign, a.foreign);
	}
}

/* May this unreachable be passed on? */
static int
passed_on(size_t i, unsigned int type, unsigned int code)
{
	if (i < 3)
		return (type == 3 && code < 16 && code != 3 && code != 4);
	return (type == 1 && code < 9 && code != 4);
}

/* What becomes of one type and code, in both forms. */
static void
one_code(size_t i, int relay, unsigned int type, unsigned int code)
{
	const struct wire_answer plain = answer(0, 0, 0);
	const unsigned int te = i < 3 ? 11 : 3;
	struct record r;
	uint8_t out[BUILD_MAX];
	size_t at = i < 3 ? 20 : 40;
	int form, as_it_is;

	met(&r, i, (uint8_t)type, (uint8_t)code);
	r.policy.unreachable = relay ? UNREACHABLE_RELAY : UNREACHABLE_HIDE;
	as_it_is = relay && passed_on(i, type, code);
	for (form = 0; form < 2; form++) {
		memset(out, 0, sizeof(out));
		if ((form == 0 ? own(&r, plain, out)
			       : router(&r, plain, 0, out)) == 0) {
			assert_true(relay && type != te && !as_it_is);
			continue;
		}
		assert_true(!relay || type == te || as_it_is);
		assert_int_equal(out[at], as_it_is ? type : te);
		assert_int_equal(out[at + 1], as_it_is ? code : 0);
	}
}

static void
inv14_codes(void **state)
{
	unsigned int code, type;
	size_t i;

	(void)state;
	policy.listen[0].relay = policy.listen[1].relay = RELAY_ROUTER;
	for (i = 0; i < NPACKETS; i += 3)
		for (type = 0; type < 256; type++)
			for (code = 0; code < 256; code++) {
				one_code(i, 0, type, code);
				one_code(i, 1, type, code);
			}
}

static void
inv14_kinds(void **state)
{
	struct record r;
	uint8_t out[BUILD_MAX];

	(void)state;
	policy.listen[0].relay = RELAY_ROUTER;
	timex(&r, 1);
	r.met.kind = MATCH_REPLY;
	assert_int_equal(own(&r, answer(0, 0, 0), out), 0);
	assert_int_equal(router(&r, answer(0, 0, 0), 0, out), 0);
	r.met.kind = MATCH_RESET;
	assert_int_equal(own(&r, answer(0, 0, 0), out), 0);
	r.met.kind = MATCH_ERROR;
	assert_int_not_equal(own(&r, answer(0, 0, 0), out), 0);
	r.probe.ttl = 1;
	assert_int_equal(own(&r, answer(0, 0, 0), out), 0);
	assert_int_equal(router(&r, answer(0, 0, 0), 0, out), 0);
	assert_int_equal(build_final(&r, BUILD_TTL, out, sizeof(out)), 0);
}

static void
inv16_own_source_and_object(void **state)
{
	struct record r;
	uint8_t out[BUILD_MAX];
	size_t n;

	(void)state;
	timex(&r, 0);
	/* Foreign objects never without ours, a name never without it. */
	assert_int_equal(own(&r, answer(0, 0, 4), out), 0);
	assert_int_equal(own(&r, answer(0, 1, 0), out), 0);
	assert_int_equal(own(&r, answer(1, 0, 6), out), 0);
	assert_int_equal(own(&r, answer(1, 0, 68), out), 0);

	/* Ours is the first, with the router's address. */
	n = own(&r, answer(1, 0, 8), out);
	assert_int_equal(n, 180);
	assert_memory_equal(out + 28 + 128 + 4,
	    "\x00\x0c\x02\xc4\x00\x01\x00\x00\xcb\x00\x71\x01", 12);
	assert_memory_equal(out + 28 + 128 + 4 + 12, foreign, 8);
	assert_int_equal(out[20 + 5], 32);

	/* From the hop address; hidden: nothing but the quote. */
	r.policy.hop_addr = test_addr(FAMILY_V4, "192.0.2.54");
	n = own(&r, answer(0, 0, 0), out);
	assert_int_equal(n, 88);
	assert_memory_equal(out + 12, r.policy.hop_addr.b, 4);
	assert_memory_equal(out + 16, r.probe.src.b, 4);
	assert_int_equal(out[1], 0xc0);
	assert_int_equal(out[8], 64);
	assert_int_equal(wire_get32(out + 4), 0);

	timex(&r, 3);
	r.policy.hop_prefix = test_addr(FAMILY_V6, "2001:db8:5::");
	r.policy.hop_prefix_len = 64;
	n = own(&r, answer(1, 0, 0), out);
	assert_int_equal(n, 48 + 128 + 4 + 24);
	/* TTL 5: it died at the fourth reverse hop. */
	assert_int_equal(out[23], 5);
	assert_memory_equal(out + 8, r.policy.hop_prefix.b, 15);
	assert_int_equal(out[40 + 4], 16);
	assert_int_equal(wire_get32(out), 0x60000000);
}

static void
inv16_hop_source(void **state)
{
	struct record r;
	struct addr a, want;
	unsigned int n, len;

	(void)state;
	timex(&r, 0);
	build_hop_source(&r, 3, &a);
	assert_true(addr_equal(&a, &r.probe.dst));
	r.policy.hop_prefix = test_addr(FAMILY_V4, "203.0.113.64");
	r.policy.hop_prefix_len = 29;
	for (n = 0; n < 64; n++) {
		build_hop_source(&r, n, &a);
		want = r.policy.hop_prefix;
		want.b[3] = (uint8_t)(64 + (n < 7 ? n + 1 : 7));
		assert_true(addr_equal(&a, &want));
	}
	/* Inside the prefix, of whatever length. */
	for (len = 1; len <= 128; len++) {
		timex(&r, len <= 32 ? 0 : 3);
		memset(r.policy.hop_prefix.b, 0x55, addr_len(r.probe.family));
		addr_mask(r.probe.family, &r.policy.hop_prefix, len);
		r.policy.hop_prefix_len = (uint8_t)len;
		for (n = 0; n < 256; n++) {
			build_hop_source(&r, n, &a);
			assert_true(addr_in_prefix(
			    r.probe.family, &a, &r.policy.hop_prefix, len));
		}
	}
	r.policy.hop_addr = test_addr(FAMILY_V6, "2001:db8::1");
	build_hop_source(&r, 3, &a);
	assert_true(addr_equal(&a, &r.policy.hop_addr));
}

static void
inv17_router_source(void **state)
{
	static const char *bad[] = { "127.0.0.1", "224.0.0.1", "0.0.0.0",
		"255.255.255.255", "169.254.1.1", "198.51.100.9",
		"192.0.2.53" };
	const struct wire_answer a = answer(0, 0, 0);
	struct record r;
	uint8_t out[BUILD_MAX];
	size_t i, n;

	(void)state;
	timex(&r, 0);
	assert_int_equal(router(&r, a, 0, out), 0);
	r.policy.relay = RELAY_LAST;
	assert_int_equal(router(&r, a, 0, out), 0);
	r.policy.relay = RELAY_BOTH;
	assert_int_not_equal(router(&r, a, 0, out), 0);
	r.policy.relay = RELAY_ROUTER;
	n = router(&r, a, 0, out);
	assert_int_equal(n, 88);
	assert_memory_equal(out + 12, r.met.router.b, 4);
	assert_int_equal(router(&r, a, 1, out), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r.met.router = test_addr(FAMILY_V4, bad[i]);
		assert_int_equal(router(&r, a, 0, out), 0);
	}
	timex(&r, 4);
	r.policy.relay = RELAY_ROUTER;
	assert_int_not_equal(router(&r, a, 0, out), 0);
	r.met.router = test_addr(FAMILY_V6, "fe80::1");
	assert_int_equal(router(&r, a, 0, out), 0);

	/* Own when the probe came, whatever a reload made of it since. */
	timex(&r, 0);
	r.policy.relay = RELAY_ROUTER;
	r.policy.hop_addr = r.met.router;
	assert_int_equal(router(&r, a, 0, out), 0);
	memset(&r.policy.hop_addr, 0, sizeof(r.policy.hop_addr));
	r.policy.public_addr = r.met.router;
	assert_int_equal(router(&r, a, 0, out), 0);
	memset(&r.policy.public_addr, 0, sizeof(r.policy.public_addr));
	r.policy.hop_prefix = test_addr(FAMILY_V4, "203.0.113.0");
	r.policy.hop_prefix_len = 27;
	assert_int_equal(router(&r, a, 0, out), 0);
	r.policy.hop_prefix_len = 0;
	assert_int_not_equal(router(&r, a, 0, out), 0);

	/* Our object is the own form's; foreign ones go along. */
	timex(&r, 0);
	r.policy.relay = RELAY_ROUTER;
	n = router(&r, answer(1, 1, 16), 0, out);
	assert_int_equal(n, 28 + 128 + 4 + 16);
	assert_memory_equal(out + 28 + 128 + 4, foreign, 16);
}

static void
inv18_budget(void **state)
{
	struct record r;
	uint8_t probe[64], out[BUILD_MAX];
	size_t len, n;
	int both;

	(void)state;
	/* 28 + 128 + 4 + 12: from 58 bytes on, from 35 where both go out. */
	memcpy(probe, probe_udp4, 60);
	for (both = 0; both < 2; both++) {
		policy.listen[0].relay = both ? RELAY_BOTH : RELAY_OWN;
		for (len = 28; len <= 60; len++) {
			wire_put16(probe + 2, (uint16_t)len);
			wire_put16(probe + 24, (uint16_t)(len - 20));
			test_sums_write(probe, len);
			test_record(&r, &policy, probe, len);
			r.met.router = test_addr(FAMILY_V4, "203.0.113.1");
			r.met.icmp_type = 11;
			n = own(&r, answer(1, 0, 0), out);
			assert_int_equal(
			    n, 172 <= len * (both ? 5 : 3) ? 172 : 0);
			n = own(&r, answer(0, 0, 0), out);
			assert_int_equal(n, 28 + len);
			assert_true(n <= 3 * len);
			n = build_final(&r, BUILD_TTL, out, sizeof(out));
			assert_int_equal(n, 28 + len);
		}
	}
}

static void
inflection(void **state)
{
	struct record r;
	uint8_t out[BUILD_MAX];
	size_t i, n, hdr;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		test_record(
		    &r, &policy, packets[i].probe.b, packets[i].probe.len);
		assert_int_equal(build_inflection(&r, out, sizeof(out)), 0);
		r.probe.ttl = 1;
		n = build_inflection(&r, out, sizeof(out));
		hdr = i < 3 ? 28 : 48;
		assert_int_equal(n, hdr + packets[i].probe.len);
		test_sums_good(out, n);
		assert_int_equal(out[hdr - 8], i < 3 ? 11 : 3);
		assert_int_equal(out[hdr - 7], 0);
		assert_memory_equal(
		    out + hdr, packets[i].probe.b, packets[i].probe.len);
		assert_memory_equal(out + (i < 3 ? 12 : 8), r.probe.dst.b,
		    addr_len(r.probe.family));
		assert_int_equal(build_inflection(&r, out, n - 1), 0);
		r.policy.inflection = INFLECTION_SILENT;
		assert_int_equal(build_inflection(&r, out, sizeof(out)), 0);
	}
	test_record(&r, &policy, probe_udp4, sizeof(probe_udp4));
	r.probe.ttl = 1;
	r.policy.hop_prefix = test_addr(FAMILY_V4, "203.0.113.0");
	r.policy.hop_prefix_len = 24;
	assert_int_not_equal(build_inflection(&r, out, sizeof(out)), 0);
	assert_memory_equal(out + 12, "\xcb\x00\x71\x01", 4);
}

static void
final_ttl(void **state)
{
	struct record r;
	uint8_t out[BUILD_MAX], big[WIRE_PROBE_MAX];
	size_t i, n, k;

	(void)state;
	/* An inferred end: UDP only, and no farther than the turned probe. */
	for (i = 0; i < NPACKETS; i++) {
		timex(&r, i);
		n = build_final(&r, 4, out, sizeof(out));
		assert_int_equal(n != 0, r.probe.proto == PROTO_UDP);
		assert_int_equal(build_final(&r, 5, out, sizeof(out)), 0);
		assert_int_equal(build_final(&r, 3, out, sizeof(out)), 0);
		assert_int_equal(build_final(&r, 0, out, sizeof(out)), 0);
		assert_int_equal(build_final(&r, 255, out, sizeof(out)), 0);
	}
	timex(&r, 0);
	assert_int_equal(build_final(&r, 4, out, sizeof(out)), 88);
	assert_int_equal(out[8], 4);

	/* A long echo: what the record holds comes back, then zeros. */
	memcpy(big, probe_icmp4, 28);
	for (k = 28; k < sizeof(big); k++)
		big[k] = (uint8_t)k;
	wire_put16(big + 2, sizeof(big));
	test_sums_write(big, sizeof(big));
	test_record(&r, &policy, big, sizeof(big));
	n = build_final(&r, BUILD_TTL, out, sizeof(out));
	assert_int_equal(n, sizeof(big));
	test_sums_good(out, n);
	assert_memory_equal(out + 28, big + 28, 100);
	for (k = 128; k < n; k++)
		assert_int_equal(out[k], 0);
}

/* Our other object: class 247, microseconds, at most what 32 bits hold. */
static void
the_time_to_the_router(void **state)
{
	static const struct {
		uint64_t ns;
		uint32_t us;
	} times[] = {
		{ 0, 0 },
		{ 999, 0 },
		{ 1000, 1 },
		{ 123456789, 123456 },
		{ 4294967295000ULL, UINT32_MAX },
		{ 4294967296000ULL, UINT32_MAX },
		{ UINT64_MAX, UINT32_MAX },
	};
	struct policy p;
	struct record r;
	struct wire_answer a = answer(1, 0, 0);
	uint8_t out[BUILD_MAX];
	size_t i, n;

	(void)state;
	test_policy(&p);
	a.with_rtt = 1;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		test_record(&r, &p, probe_udp4, sizeof(probe_udp4));
		timex(&r, 0);
		r.rtt_ns = times[i].ns;
		n = own(&r, a, out);
		assert_int_equal(n, 28 + 128 + 4 + 12 + 8);
		assert_int_equal(wire_get16(out + 172), 8);
		assert_int_equal(out[174], 247);
		assert_int_equal(out[175], 1);
		assert_int_equal(wire_get32(out + 176), times[i].us);
	}
	/* never without the address that it belongs to */
	a.with_addr = 0;
	assert_int_equal(own(&r, a, out), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(golden, setup),
		cmocka_unit_test_setup(inv14_codes, setup),
		cmocka_unit_test_setup(inv14_kinds, setup),
		cmocka_unit_test_setup(inv15_quote, setup),
		cmocka_unit_test_setup(inv16_own_source_and_object, setup),
		cmocka_unit_test_setup(inv16_hop_source, setup),
		cmocka_unit_test_setup(inv17_router_source, setup),
		cmocka_unit_test_setup(inv18_budget, setup),
		cmocka_unit_test_setup(inflection, setup),
		cmocka_unit_test_setup(final_ttl, setup),
		cmocka_unit_test_setup(the_time_to_the_router, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
