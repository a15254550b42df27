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

/* A mark of the test's own: the value decides. */
#define MATCH_ANY (MATCH_DIFFERS + 1)

static int
setup(void **state)
{
	(void)state;
	test_policy(&policy);
	return (0);
}

/* match_read of an exact copy; the copy lives till the next call. */
static int
read_copy(const uint8_t *b, size_t len, struct match *m)
{
	static uint8_t *copy;

	free(copy);
	copy = test_copy(b, len);
	return (match_read(
	    len > 0 && b[0] >> 4 == 4 ? FAMILY_V4 : FAMILY_V6, copy, len, m));
}

/* The record of packet i, turned. */
static void
turned(struct record *r, size_t i, enum policy_turn turn)
{
	uint8_t out[BUILD_MAX];

	policy.listen[0].turn = policy.listen[1].turn = turn;
	test_record(r, &policy, packets[i].probe.b, packets[i].probe.len);
	assert_int_not_equal(build_turn(r, out, sizeof(out)), 0);
}

/* Packet b with one byte changed, its checksums made good again. */
static enum match_agreement
changed(const struct record *r, const struct packet *p, size_t at, uint8_t to)
{
	struct match m;
	uint8_t b[BUILD_MAX];

	memcpy(b, p->b, p->len);
	b[at] = to;
	test_sums_write(b, p->len);
	if (read_copy(b, p->len, &m) == -1)
		return (MATCH_DIFFERS);
	return (match_compare(&m, r));
}

static void
golden_errors(void **state)
{
	struct record r;
	struct match m;
	size_t i;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		turned(&r, i, TURN_REPLY);
		assert_int_equal(
		    read_copy(packets[i].error.b, packets[i].error.len, &m), 0);
		assert_int_equal(m.kind, MATCH_ERROR);
		assert_int_equal(m.family, r.probe.family);
		assert_int_equal(m.proto, r.probe.proto);
		assert_int_equal(m.icmp_type, i < 3 ? 11 : 3);
		assert_int_equal(m.icmp_code, 0);
		assert_int_equal(m.quoted_ttl, 1);
		assert_true(addr_equal(&m.client, &r.probe.src));
		assert_true(addr_equal(&m.own, &r.probe.dst));
		assert_int_equal(m.l4len, 8);
		assert_int_equal(m.data, i < 3 ? 28 : 48);
		assert_int_equal(m.datalen, packets[i].error.len - m.data);
		if (i < 3)
			assert_int_equal(m.quoted_id, 0x5a5a);
		assert_int_equal(match_compare(&m, &r), MATCH_AGREES);
		/* Link padding behind the packet changes nothing. */
		{
			uint8_t b[BUILD_MAX];

			memset(b, 0xee, sizeof(b));
			memcpy(b, packets[i].error.b, packets[i].error.len);
			assert_int_equal(
			    read_copy(b, packets[i].error.len + 18, &m), 0);
			assert_int_equal(
			    m.datalen, packets[i].error.len - m.data);
			assert_int_equal(match_compare(&m, &r), MATCH_AGREES);
		}
		/* Nothing else is like it. */
		turned(&r, (i + 1) % NPACKETS, TURN_REPLY);
		assert_int_equal(match_compare(&m, &r), MATCH_DIFFERS);
	}
}

static void
golden_client(void **state)
{
	struct record r;
	struct match m;
	size_t i;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		if (packets[i].client.b == NULL)
			continue;
		turned(&r, i, TURN_MIRROR);
		assert_int_equal(
		    read_copy(packets[i].client.b, packets[i].client.len, &m),
		    0);
		assert_int_equal(m.kind,
		    r.probe.proto == PROTO_TCP ? MATCH_RESET : MATCH_REPLY);
		assert_true(addr_equal(&m.router, &r.probe.src));
		assert_int_equal(match_compare(&m, &r), MATCH_AGREES);
		/* The reply form asks the client for none of this. */
		r.policy.turn = TURN_REPLY;
		assert_int_equal(match_compare(&m, &r), MATCH_DIFFERS);
		r.policy.turn = TURN_MIRROR;
		r.cookie[0] ^= 1;
		assert_int_equal(match_compare(&m, &r), MATCH_NEAR);
	}
}

/* Every truncation: refused, and not a byte read beyond. */
static void
truncation(void **state)
{
	struct match m;
	const struct packet *all[3];
	size_t i, k, len;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		all[0] = &packets[i].error;
		all[1] = &packets[i].client;
		all[2] = &packets[i].own;
		for (k = 0; k < 3; k++)
			for (len = 0; len < all[k]->len; len++) {
				assert_int_equal(
				    read_copy(all[k]->b, len, &m), -1);
				assert_int_equal(
				    match_read(FAMILY_V6, all[k]->b, len, &m),
				    -1);
			}
	}
}

/* Quotes cut at every length, with sums and lengths made to fit. */
static void
inv11_short_quotes(void **state)
{
	struct record r;
	struct match m;
	uint8_t b[BUILD_MAX];
	size_t i, hdr, q, len, need;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		turned(&r, i, TURN_REPLY);
		hdr = i < 3 ? 28 : 48;
		for (q = 0; q <= packets[i].reply.len; q++) {
			len = hdr + q;
			memcpy(b, packets[i].error.b, hdr);
			memcpy(b + hdr, packets[i].reply.b, q);
			if (i < 3)
				wire_put16(b + 2, (uint16_t)len);
			else
				wire_put16(b + 4, (uint16_t)(len - 40));
			test_sums_write(b, len);
			if (q < (i < 3 ? 28U : 44U)) {
				assert_int_equal(read_copy(b, len, &m), -1);
				continue;
			}
			assert_int_equal(read_copy(b, len, &m), 0);
			/* v6: the cookie, v4: eight bytes are enough. */
			need = i < 3 ? 28 : i == 5 ? 48 : 40 + 14 + 8;
			assert_int_equal(match_compare(&m, &r),
			    q >= need ? MATCH_AGREES : MATCH_NEAR);
		}
	}
}

/* What each bit of the quoted probe is worth, for every kind of probe. */
static void
inv11_every_bit(void **state)
{
	struct record r;
	struct match m;
	uint8_t b[BUILD_MAX];
	size_t i, at, hdr, q, len, ip;
	int a, want, bit, v4;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		turned(&r, i, TURN_REPLY);
		v4 = i < 3;
		hdr = v4 ? 28 : 48;
		ip = v4 ? 20 : 40;
		len = hdr + packets[i].reply.len;
		memcpy(b, packets[i].error.b, hdr);
		memcpy(b + hdr, packets[i].reply.b, packets[i].reply.len);
		wire_put16(b + (v4 ? 2 : 4), (uint16_t)(v4 ? len : len - 40));
		for (at = hdr; at < len; at++) {
			q = at - hdr;
			want = MATCH_AGREES;
			if (v4 && (q == 4 || q == 5))
				want = MATCH_NEAR; /* identification */
			else if (q == (v4 ? 8U : 7U))
				want = MATCH_ANY; /* TTL: by value */
			else if (q == (v4 ? 9U : 6U))
				want = MATCH_DIFFERS; /* protocol */
			else if (q >= (v4 ? 12U : 8U) && q < ip)
				want = MATCH_DIFFERS; /* addresses */
			else if (q >= ip && q < ip + 4 &&
			    r.probe.proto != PROTO_ICMP)
				want = MATCH_DIFFERS; /* ports */
			else if (q >= ip && r.probe.proto == PROTO_ICMP &&
			    (q < ip + 2 || (q >= ip + 4 && q < ip + 8)))
				want = MATCH_DIFFERS; /* type, id, sequence */
			else if (v4 && r.probe.proto == PROTO_UDP &&
			    (q == ip + 4 || q == ip + 5))
				want = MATCH_NEAR; /* length */
			else if (r.probe.proto == PROTO_TCP && q >= ip + 4 &&
			    q < ip + 8)
				want = MATCH_NEAR; /* sequence number */
			else if (r.probe.proto != PROTO_TCP && q >= ip + 14 &&
			    q < ip + 22)
				want = MATCH_NEAR; /* cookie */
			for (bit = 0; bit < 8; bit++) {
				b[at] ^= (uint8_t)(1 << bit);
				test_sums_write(b, len);
				a = MATCH_DIFFERS;
				if (read_copy(b, len, &m) == 0)
					a = match_compare(&m, &r);
				else if (q > 0 && q != (v4 ? 9U : 6U))
					/* no other shape is refused but... */
					assert_true(v4 && (q == 6 || q == 7));
				if (want == MATCH_ANY)
					assert_int_equal(a,
					    b[at] <= r.ttl_sent ? MATCH_AGREES
								: MATCH_NEAR);
				else if (q == 0 || (v4 && (q == 6 || q == 7)))
					; /* version, fragment: as it likes */
				else
					assert_int_equal(a, want);
				b[at] ^= (uint8_t)(1 << bit);
			}
		}
	}
}

/* Not a checksum that is wrong, not a header that is not plain. */
static void
inv11_outer(void **state)
{
	struct match m;
	uint8_t b[BUILD_MAX];
	size_t i, at, len;
	int bit;

	(void)state;
	for (i = 0; i < NPACKETS; i++) {
		len = packets[i].error.len;
		memcpy(b, packets[i].error.b, len);
		for (at = 0; at < len; at++)
			for (bit = 0; bit < 8; bit++) {
				/* v6 has no sum over class, label, hops. */
				if (i >= 3 && (at < 4 || at == 7) &&
				    (at > 0 || bit < 4))
					continue;
				b[at] ^= (uint8_t)(1 << bit);
				assert_int_equal(read_copy(b, len, &m), -1);
				b[at] ^= (uint8_t)(1 << bit);
			}
		assert_int_equal(read_copy(b, len, &m), 0);
		/* A family that it is not. */
		assert_int_equal(
		    match_read(i < 3 ? FAMILY_V6 : FAMILY_V4, b, len, &m), -1);
	}
	/* Fragments, with good sums. */
	memcpy(b, error_udp4, sizeof(error_udp4));
	b[6] = 0x20;
	test_sums_write(b, sizeof(error_udp4));
	assert_int_equal(read_copy(b, sizeof(error_udp4), &m), -1);
	b[6] = 0x40;
	test_sums_write(b, sizeof(error_udp4));
	assert_int_equal(read_copy(b, sizeof(error_udp4), &m), 0);
}

static void
types(void **state)
{
	struct match m;
	uint8_t b[BUILD_MAX];
	unsigned int t;
	int ok;

	(void)state;
	for (t = 0; t < 256; t++) {
		memcpy(b, error_udp4, sizeof(error_udp4));
		b[20] = (uint8_t)t;
		test_sums_write(b, sizeof(error_udp4));
		ok = read_copy(b, sizeof(error_udp4), &m) == 0;
		assert_int_equal(ok, t == 0 || t == 3 || t == 11);
		memcpy(b, error_udp6, sizeof(error_udp6));
		b[40] = (uint8_t)t;
		test_sums_write(b, sizeof(error_udp6));
		ok = read_copy(b, sizeof(error_udp6), &m) == 0;
		assert_int_equal(ok, (t >= 1 && t <= 3) || t == 129);
		memcpy(b, client_tcp4, sizeof(client_tcp4));
		b[33] = (uint8_t)t;
		test_sums_write(b, sizeof(client_tcp4));
		ok = read_copy(b, sizeof(client_tcp4), &m) == 0;
		assert_int_equal(ok, (t & 0x17) == 0x14 || (t & 0x17) == 0x12);
		if (ok)
			assert_int_equal(m.kind,
			    (t & 0x17) == 0x14 ? MATCH_RESET : MATCH_SYNACK);
	}
}

static void
public_address(void **state)
{
	const struct packet e = PACKET(error_udp4);
	struct record r;
	struct match m;
	uint8_t b[sizeof(error_udp4)];

	(void)state;
	turned(&r, 0, TURN_REPLY);
	/* The quote names 192.0.2.53; now that is the outside. */
	r.policy.public_addr = r.probe.dst;
	r.probe.dst = test_addr(FAMILY_V4, "10.0.0.5");
	r.policy.addr = r.probe.dst;
	assert_int_equal(changed(&r, &e, 1, 0xc0), MATCH_AGREES);
	r.policy.public_addr = test_addr(FAMILY_V4, "192.0.2.54");
	assert_int_equal(changed(&r, &e, 1, 0xc0), MATCH_DIFFERS);
	/* None is not 0.0.0.0. */
	memset(&r.policy.public_addr, 0, sizeof(r.policy.public_addr));
	memcpy(b, error_udp4, sizeof(b));
	memset(b + 28 + 12, 0, 4);
	test_sums_write(b, sizeof(b));
	assert_int_equal(read_copy(b, sizeof(b), &m), 0);
	assert_int_equal(match_compare(&m, &r), MATCH_DIFFERS);
}

static void
mirror_details(void **state)
{
	const struct packet reset = PACKET(client_tcp4);
	const struct packet reply = PACKET(client_icmp4);
	struct record r;
	struct match m;
	uint8_t b[BUILD_MAX];
	size_t at;

	(void)state;
	turned(&r, 2, TURN_MIRROR);
	assert_int_equal(changed(&r, &reset, 1, 0), MATCH_AGREES);
	/* Ports, acknowledgement; not its own sequence number. */
	for (at = 20; at < 24; at++)
		assert_int_equal(changed(&r, &reset, at, 0xaa), MATCH_DIFFERS);
	for (at = 28; at < 32; at++)
		assert_int_equal(changed(&r, &reset, at, 0xaa), MATCH_NEAR);
	assert_int_equal(changed(&r, &reset, 24, 0xaa), MATCH_AGREES);

	/* As it leaves a virtual link: the pseudo-header's sum only. */
	memcpy(b, client_tcp6, sizeof(client_tcp6));
	b[56] = b[57] = 0;
	wire_put16(b + 56,
	    wire_fold(wire_pseudo(FAMILY_V6, (const struct addr *)(b + 8),
		(const struct addr *)(b + 24), 6, 20)));
	assert_int_equal(read_copy(b, sizeof(client_tcp6), &m), 0);
	b[57] ^= 1;
	assert_int_equal(read_copy(b, sizeof(client_tcp6), &m), -1);

	turned(&r, 1, TURN_MIRROR);
	assert_int_equal(changed(&r, &reply, 21, 0), MATCH_AGREES);
	for (at = 24; at < 28; at++)
		assert_int_equal(changed(&r, &reply, at, 0xaa), MATCH_DIFFERS);
	for (at = 34; at < 42; at++)
		assert_int_equal(changed(&r, &reply, at, 0xaa), MATCH_NEAR);
	/* No room for a cookie: identifier and sequence number decide. */
	r.cookie_len = 0;
	assert_int_equal(changed(&r, &reply, 34, 0xaa), MATCH_AGREES);
}

/*
 * Any probe, turned in any form, quoted by a router with any amount of it:
 * agrees with its record, and with no other.
 */
static void
inv11_round_trip(void **state)
{
	struct record r, other;
	struct match m;
	uint8_t probe[WIRE_PROBE_MAX], out[BUILD_MAX], e[2 * BUILD_MAX];
	uint32_t st = TEST_SEED, i;
	size_t len, hdr, q, n;
	int v4;

	(void)state;
	memset(&other, 0, sizeof(other));
	for (i = 0; i < 20000; i++) {
		const struct msg_id id = { i, 1 };

		policy.listen[0].turn = policy.listen[1].turn =
		    i % 2 ? TURN_MIRROR : TURN_REPLY;
		len = test_probe(&st, &policy, probe);
		test_record(&r, &policy, probe, len);
		build_cookie(&r, id, test_key);
		r.ip_id = (uint16_t)(1 + test_random(&st) % 65535);
		assert_int_equal(build_turn(&r, out, sizeof(out)), len);
		v4 = r.probe.family == FAMILY_V4;
		hdr = v4 ? 28 : 48;
		q = v4 ? 28 : 48;
		if (r.probe.proto == PROTO_UDP || r.probe.proto == PROTO_ICMP)
			q = v4 ? 28 : 54U + r.cookie_len;
		q += test_random(&st) % (len - q + 1);
		memset(e, 0, hdr);
		memcpy(e + hdr, out, q);
		n = hdr + q;
		if (v4) {
			e[0] = 0x45;
			wire_put16(e + 2, (uint16_t)n);
			e[8] = 60;
			e[9] = 1;
			memcpy(e + 12, "\xcb\x00\x71\x01", 4);
			memcpy(e + 16, out + 12, 4);
			e[20] = 11;
		} else {
			e[0] = 0x60;
			wire_put16(e + 4, (uint16_t)(n - 40));
			e[6] = 58;
			e[7] = 60;
			memcpy(e + 8, "\x20\x01\x0d\xb8\x01\x13", 6);
			memcpy(e + 24, out + 8, 16);
			e[40] = 3;
		}
		/* As it died: TTL 1, which no transport sum covers. */
		e[hdr + (v4 ? 8 : 7)] = 1;
		test_sums_write(e, n);
		assert_int_equal(read_copy(e, n, &m), 0);
		assert_int_equal(match_compare(&m, &r), MATCH_AGREES);
		assert_int_equal(match_compare(&m, &other), MATCH_DIFFERS);
		other = r;
	}
}

static void
random_bytes(void **state)
{
	struct record r;
	struct match m;
	uint8_t b[BUILD_MAX];
	uint32_t st = TEST_SEED, i, j;
	const struct packet *p;
	size_t len;

	(void)state;
	turned(&r, 0, TURN_MIRROR);
	for (i = 0; i < 100000; i++) {
		p = i % 2 ? &packets[i / 2 % NPACKETS].error
			  : &packets[i / 2 % NPACKETS].client;
		if (p->b == NULL)
			continue;
		memcpy(b, p->b, p->len);
		len = p->len;
		for (j = 0; j < 3; j++)
			b[test_random(&st) % len] = (uint8_t)test_random(&st);
		/* Where the test's own sums stand must not change. */
		b[0] = p->b[0];
		b[6] = p->b[6];
		b[9] = p->b[9];
		test_sums_write(b, len);
		if (test_random(&st) % 4 == 0)
			len = test_random(&st) % (len + 1);
		if (read_copy(b, len, &m) == 0) {
			assert_in_range(m.l4len, 4, 8);
			assert_in_range(m.cookielen, 0, 8);
			assert_true(m.cookielen == 0 || m.cookie != NULL);
			assert_true((size_t)m.data + m.datalen <= len);
			assert_in_range(
			    match_compare(&m, &r), 0, MATCH_DIFFERS);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(golden_errors, setup),
		cmocka_unit_test_setup(golden_client, setup),
		cmocka_unit_test_setup(truncation, setup),
		cmocka_unit_test_setup(inv11_short_quotes, setup),
		cmocka_unit_test_setup(inv11_every_bit, setup),
		cmocka_unit_test_setup(inv11_outer, setup),
		cmocka_unit_test_setup(inv11_round_trip, setup),
		cmocka_unit_test_setup(types, setup),
		cmocka_unit_test_setup(public_address, setup),
		cmocka_unit_test_setup(mirror_details, setup),
		cmocka_unit_test_setup(random_bytes, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
