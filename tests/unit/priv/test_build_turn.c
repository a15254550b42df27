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

static int
setup(void **state)
{
	(void)state;
	test_policy(&policy);
	return (0);
}

static void
set_turn(enum policy_turn turn)
{
	policy.listen[0].turn = policy.listen[1].turn = turn;
}

/* build_turn into a buffer of exactly outlen bytes. */
static size_t
turn(struct record *r, uint8_t *out, size_t outlen)
{
	uint8_t *b = malloc(outlen > 0 ? outlen : 1);
	size_t n;

	assert_non_null(b);
	n = build_turn(r, b, outlen);
	assert_true(n <= outlen);
	memcpy(out, b, n);
	free(b);
	return (n);
}

/* A random probe's record; st goes on. */
static size_t
random_record(uint32_t *st, struct record *r, uint8_t *probe)
{
	const struct msg_id id = { test_random(st), test_random(st) };
	size_t len = test_probe(st, &policy, probe);

	test_record(r, &policy, probe, len);
	build_cookie(r, id, test_key);
	r->ip_id = (uint16_t)(1 + test_random(st) % 65535);
	return (len);
}

/* What scapy makes of the same probe. */
static void
golden(void **state)
{
	struct record r;
	uint8_t out[BUILD_MAX];
	size_t i, n;
	int m;

	(void)state;
	for (m = 0; m < 2; m++) {
		set_turn(m ? TURN_MIRROR : TURN_REPLY);
		for (i = 0; i < NPACKETS; i++) {
			const struct packet *want =
			    m ? &packets[i].mirror : &packets[i].reply;

			test_record(&r, &policy, packets[i].probe.b,
			    packets[i].probe.len);
			n = turn(&r, out, packets[i].probe.len);
			assert_int_equal(n, want->len);
			assert_memory_equal(out, want->b, n);
			assert_memory_equal(
			    r.sent_l4, out + r.probe.l4, sizeof(r.sent_l4));
			assert_int_equal(r.ttl_sent, 4);
			assert_int_equal(
			    turn(&r, out, packets[i].probe.len - 1), 0);
			assert_int_equal(turn(&r, out, 0), 0);
		}
	}
}

static void
inv06_turn_ttl_and_addresses(void **state)
{
	struct record r;
	uint8_t probe[WIRE_PROBE_MAX], out[BUILD_MAX];
	uint32_t st = TEST_SEED, i;
	size_t len, n;

	(void)state;
	for (i = 0; i < 20000; i++) {
		set_turn(i % 2 ? TURN_MIRROR : TURN_REPLY);
		len = random_record(&st, &r, probe);
		n = turn(&r, out, sizeof(out));
		assert_int_equal(n, len);
		test_sums_good(out, n);
		if (probe[0] == 0x45) {
			assert_int_equal(out[0], 0x45);
			assert_int_equal(out[8], probe[8] - 1);
			assert_int_equal(out[9], probe[9]);
			assert_memory_equal(out + 2, probe + 2, 2);
			assert_memory_equal(out + 12, probe + 16, 4);
			assert_memory_equal(out + 16, probe + 12, 4);
			/* inv10: TOS and DF as they came, the id ours. */
			assert_int_equal(out[1], probe[1]);
			assert_memory_equal(out + 6, probe + 6, 2);
			assert_int_equal(wire_get16(out + 4), r.ip_id);
		} else {
			/* inv10: flow label and traffic class kept. */
			assert_memory_equal(out, probe, 7);
			assert_int_equal(out[7], probe[7] - 1);
			assert_memory_equal(out + 8, probe + 24, 16);
			assert_memory_equal(out + 24, probe + 8, 16);
		}
	}
}

static void
inv06_turn_refused(void **state)
{
	struct record r, good;
	uint8_t out[BUILD_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		test_record(
		    &good, &policy, packets[i].probe.b, packets[i].probe.len);
		r = good;
		r.probe.ttl = 1;
		assert_int_equal(turn(&r, out, sizeof(out)), 0);
		r.probe.ttl = 0;
		assert_int_equal(turn(&r, out, sizeof(out)), 0);
		r = good;
		r.ip_id = 0;
		assert_int_equal(turn(&r, out, sizeof(out)) == 0,
		    good.probe.family == FAMILY_V4);
		r = good;
		r.probe.len = WIRE_PROBE_MAX + 1;
		assert_int_equal(turn(&r, out, sizeof(out)), 0);
		r.probe.len = r.probe.l4;
		assert_int_equal(turn(&r, out, sizeof(out)), 0);
		r = good;
		r.probe.payload++;
		assert_int_equal(turn(&r, out, sizeof(out)), 0);
		r = good;
		r.headlen--;
		assert_int_equal(turn(&r, out, sizeof(out)), 0);
		r = good;
		r.cookie_len = 27;
		assert_int_equal(turn(&r, out, sizeof(out)), 0);
		r.cookie_len = 0;
		assert_int_equal(turn(&r, out, sizeof(out)) == 0,
		    good.probe.family == FAMILY_V6 ||
			good.probe.proto == PROTO_TCP);
	}
}

/* Plain swapping: what the packet's checksum would be with its own payload. */
static uint16_t
swapped_sum(const struct record *r, const uint8_t *probe, size_t len)
{
	uint8_t b[WIRE_PROBE_MAX];
	size_t l4 = r->probe.l4, half = addr_len(r->probe.family);
	size_t at = l4 - 2 * half;

	memcpy(b, probe, len);
	memcpy(b + at, probe + at + half, half);
	memcpy(b + at + half, probe + at, half);
	if (r->policy.turn == TURN_REPLY && r->probe.proto == PROTO_UDP) {
		memcpy(b + l4, probe + l4 + 2, 2);
		memcpy(b + l4 + 2, probe + l4, 2);
	} else if (r->policy.turn == TURN_REPLY)
		b[l4] = r->probe.family == FAMILY_V4 ? 0 : 129;
	return (test_sum(b, len));
}

static void
inv07_fields(void **state)
{
	struct record r;
	uint8_t probe[WIRE_PROBE_MAX], out[BUILD_MAX];
	uint32_t st = TEST_SEED, i;
	size_t l4, k, n;
	uint8_t type;

	(void)state;
	for (i = 0; i < 20000; i++) {
		set_turn(i % 2 ? TURN_MIRROR : TURN_REPLY);
		random_record(&st, &r, probe);
		n = turn(&r, out, sizeof(out));
		assert_int_not_equal(n, 0);
		l4 = r.probe.l4;
		if (r.probe.proto == PROTO_ICMP) {
			type = probe[l4];
			if (i % 2 == 0)
				type = out[0] == 0x45 ? 0 : 129;
			assert_int_equal(out[l4], type);
			assert_int_equal(out[l4 + 1], 0);
			assert_memory_equal(out + l4 + 4, probe + l4 + 4, 4);
			continue;
		}
		if (i % 2)
			assert_memory_equal(out + l4, probe + l4, 4);
		else {
			assert_memory_equal(out + l4, probe + l4 + 2, 2);
			assert_memory_equal(out + l4 + 2, probe + l4, 2);
		}
		if (r.probe.proto == PROTO_UDP)
			continue;
		assert_memory_equal(out + l4 + 4, r.cookie, 4);
		assert_int_equal(out[l4 + 12], probe[l4 + 12]);
		if (i % 2) {
			assert_int_equal(out[l4 + 13], 0x02);
			assert_int_equal(wire_get32(out + l4 + 8), 0);
		} else {
			assert_int_equal(out[l4 + 13], 0x14);
			assert_int_equal(wire_get32(out + l4 + 8),
			    (uint32_t)(wire_get32(probe + l4 + 4) + 1));
			assert_int_equal(wire_get16(out + l4 + 14), 0);
			assert_int_equal(wire_get16(out + l4 + 18), 0);
		}
		for (k = l4 + 20; k < n; k++)
			assert_int_equal(out[k], 0x01);
	}
}

/* One payload: mark, compensation, cookie, zeros, as far as it goes. */
static void
check_payload(const struct record *r, const uint8_t *probe, const uint8_t *out)
{
	const uint8_t *d = out + r->probe.payload;
	size_t len = (size_t)(r->probe.len - r->probe.payload), i, c;
	uint16_t got = wire_get16(out + test_sum_at(out));
	int nosum = r->probe.proto == PROTO_UDP && r->probe.sum == 0;

	if (nosum)
		assert_int_equal(got, 0);
	else {
		assert_true(test_sum_same(got, test_sum(out, r->probe.len)));
		assert_true(r->probe.proto != PROTO_UDP || got != 0);
	}
	if (len < 4) {
		assert_memory_equal(d, r->cookie, len);
		return;
	}
	assert_int_equal(wire_get32(d), WIRE_MARK);
	if (len < 6) {
		assert_true(len < 5 || d[4] == 0);
		return;
	}
	if (nosum)
		assert_int_equal(wire_get16(d + 4), 0);
	else if (test_sum_same(got, 0))
		assert_true(
		    test_sum_same(got, swapped_sum(r, probe, r->probe.len)));
	else
		assert_int_equal(got, swapped_sum(r, probe, r->probe.len));
	c = len < 10 ? 0 : len < 14 ? len - 6 : 8;
	assert_int_equal(r->cookie_len, c);
	assert_memory_equal(d + 6, r->cookie, c);
	for (i = 6 + c; i < len; i++)
		assert_int_equal(d[i], 0);
}

static void
inv08_payload(void **state)
{
	struct record r;
	uint8_t probe[WIRE_PROBE_MAX], out[BUILD_MAX];
	uint32_t st = TEST_SEED, i;
	size_t len, n, seen[16] = { 0 };

	(void)state;
	for (i = 0; i < 60000; i++) {
		set_turn(i % 2 ? TURN_MIRROR : TURN_REPLY);
		do {
			len = random_record(&st, &r, probe);
			n = (size_t)(r.probe.len - r.probe.payload);
		} while (r.probe.proto == PROTO_TCP);
		if (n < 16)
			seen[n]++;
		if (i % 7 == 0 && probe[0] == 0x45 &&
		    r.probe.proto == PROTO_UDP) {
			wire_put16(probe + 26, 0);
			assert_int_equal(
			    test_handup(&policy, probe, len, &r.probe), 0);
		}
		assert_int_equal(turn(&r, out, sizeof(out)), len);
		check_payload(&r, probe, out);
	}
	for (n = 0; n < 16; n++)
		assert_true(seen[n] > 10);
}

/*
 * The checksums at the edge: 0xffff, which UDP sends for zero, is kept, and
 * so is what an echo's type change carries over.
 */
static void
inv08_checksum_edges(void **state)
{
	struct record r;
	uint8_t probe[WIRE_PROBE_MAX], out[BUILD_MAX];
	uint32_t v;
	size_t i, len, l4, at, seen = 0;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		if (packets[i].probe.b == probe_tcp4 ||
		    packets[i].probe.b == probe_tcp6)
			continue;
		len = packets[i].probe.len;
		l4 = i < 3 ? 20 : 40;
		memcpy(probe, packets[i].probe.b, len);
		at = test_sum_at(probe);
		/* All checksums there are, through one word of payload. */
		for (v = 0; v < 65536; v++) {
			wire_put16(probe + l4 + 8, (uint16_t)v);
			test_sums_write(probe, len);
			if (probe[at] == 0 && probe[at + 1] == 0 &&
			    (i == 0 || i == 3))
				wire_put16(probe + at, 0xffff);
			if (wire_get16(probe + at) == 0xffff)
				seen++;
			test_record(&r, &policy, probe, len);
			assert_int_equal(turn(&r, out, sizeof(out)), len);
			check_payload(&r, probe, out);
			if (i == 0 || i == 3)
				assert_memory_equal(out + at, probe + at, 2);
		}
	}
	assert_true(seen >= 2);

	/* Computed anew, for a payload too short to compensate: never zero,
	 * which would say that there is none. */
	memcpy(probe, probe_udp4, 32);
	wire_put16(probe + 2, 32);
	wire_put16(probe + 24, 12);
	for (v = 1024; v < 65536; v++) {
		wire_put16(probe + 20, (uint16_t)v);
		test_sums_write(probe, 32);
		test_record(&r, &policy, probe, 32);
		assert_int_equal(turn(&r, out, sizeof(out)), 32);
		check_payload(&r, probe, out);
		if (wire_get16(out + 26) == 0xffff)
			seen = 0;
	}
	assert_int_equal(seen, 0);
}

static void
inv08_no_byte_of_the_sender(void **state)
{
	struct record a, b;
	uint8_t pa[WIRE_PROBE_MAX], pb[WIRE_PROBE_MAX];
	uint8_t oa[BUILD_MAX], ob[BUILD_MAX];
	uint32_t st = TEST_SEED, i;
	size_t len, k;

	(void)state;
	/* Another payload, of the same sum: the same turned probe. */
	for (i = 0; i < 5000; i++) {
		do
			len = random_record(&st, &a, pa);
		while (a.probe.proto == PROTO_TCP ||
		    a.probe.len - a.probe.payload < 4);
		memcpy(pb, pa, len);
		k = a.probe.payload;
		pb[k] = pa[k + 2];
		pb[k + 1] = pa[k + 3];
		pb[k + 2] = pa[k];
		pb[k + 3] = pa[k + 1];
		b = a;
		assert_int_equal(test_handup(&policy, pb, len, &b.probe), 0);
		memcpy(b.head, pb, b.headlen);
		assert_int_equal(turn(&a, oa, sizeof(oa)), len);
		assert_int_equal(turn(&b, ob, sizeof(ob)), len);
		assert_memory_equal(oa, ob, len);
	}
}

static void
cookie(void **state)
{
	static const uint8_t other_key[16] = { 1 };
	struct record r;
	uint8_t first[RECORD_COOKIE_MAX];
	struct msg_id id = { 7, 9 };
	size_t room, want;

	(void)state;
	test_record(&r, &policy, probe_udp4, sizeof(probe_udp4));
	for (room = 0; room < 40; room++) {
		r.probe.len = (uint16_t)(r.probe.payload + room);
		build_cookie(&r, id, test_key);
		want = room < 10 ? 0 : room < 14 ? room - 6 : 8;
		assert_int_equal(r.cookie_len, want);
	}
	memcpy(first, r.cookie, sizeof(first));
	build_cookie(&r, id, test_key);
	assert_memory_equal(first, r.cookie, sizeof(first));
	build_cookie(&r, id, other_key);
	assert_memory_not_equal(first, r.cookie, sizeof(first));
	id.gen++;
	build_cookie(&r, id, test_key);
	assert_memory_not_equal(first, r.cookie, sizeof(first));
	id.gen--;
	id.slot++;
	build_cookie(&r, id, test_key);
	assert_memory_not_equal(first, r.cookie, sizeof(first));
	id.slot--;
	r.probe.src.b[3] ^= 1;
	build_cookie(&r, id, test_key);
	assert_memory_not_equal(first, r.cookie, sizeof(first));

	test_record(&r, &policy, probe_tcp6, sizeof(probe_tcp6));
	build_cookie(&r, id, test_key);
	assert_int_equal(r.cookie_len, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(golden, setup),
		cmocka_unit_test_setup(inv06_turn_ttl_and_addresses, setup),
		cmocka_unit_test_setup(inv06_turn_refused, setup),
		cmocka_unit_test_setup(inv07_fields, setup),
		cmocka_unit_test_setup(inv08_payload, setup),
		cmocka_unit_test_setup(inv08_checksum_edges, setup),
		cmocka_unit_test_setup(inv08_no_byte_of_the_sender, setup),
		cmocka_unit_test_setup(cookie, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
