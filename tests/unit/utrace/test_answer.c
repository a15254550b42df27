/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/utrace/flows.h"
#include "utrace/answer.h"

static const enum proto protos[] = { PROTO_UDP, PROTO_ICMP, PROTO_TCP };

static struct flow f;
static struct addr router;
static struct answer a;

static void
begin(enum family family, enum proto proto)
{
	flows_make(&f, family, proto);
	flows_addr(family,
	    family == FAMILY_V4 ? "192.0.2.14" : "2001:db8:12::2", &router);
}

/* From a block with nothing behind it, so that a sanitizer sees a step too
 * far. */
static int
read_by(uint8_t ipproto, const struct addr *from, const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	int rc;

	assert_non_null(copy);
	memcpy(copy, p, len);
	rc = answer_packet(&f, ipproto, from, copy, len, &a);
	free(copy);
	return (rc);
}

static int
read_icmp(const struct addr *from, const uint8_t *p, size_t len)
{
	return (read_by(wire_ipproto(f.family, PROTO_ICMP), from, p, len));
}

static uint8_t
timex(void)
{
	return (f.family == FAMILY_V4 ? 11 : 3);
}

/* A router's error about a probe; cut at every length. */
static void
answer_timex(void **state)
{
	uint8_t l4[FLOW_BYTES], b[512];
	size_t fam, i, len, n, least;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++)
		for (i = 0; i < 3; i++) {
			begin((enum family)fam, protos[i]);
			n = flow_probe(&f, FLOWS_TOKEN, l4, sizeof(l4));
			len = flows_error(&f, &router, timex(), 0,
			    wire_ipproto(f.family, f.proto), l4, n, b);
			assert_int_equal(read_icmp(&router, b, len), 0);
			assert_int_equal(a.kind, ANSWER_TIMEX);
			assert_int_equal(a.token, FLOWS_TOKEN);
			assert_false(a.to_request);
			assert_true(addr_equal(&a.from, &router));
			/* Reassembly, and not the way. */
			len = flows_error(&f, &router, timex(), 1,
			    wire_ipproto(f.family, f.proto), l4, n, b);
			assert_int_equal(read_icmp(&router, b, len), -1);
			/* Eight bytes are enough, fewer are not. */
			least = len - n + 8;
			for (n = 0; n <= 8; n++) {
				len = flows_error(&f, &router, timex(), 0,
				    wire_ipproto(f.family, f.proto), l4, n, b);
				assert_int_equal(read_icmp(&router, b, len),
				    len < least ? -1 : 0);
			}
			for (n = 0; n < least; n++)
				assert_int_equal(read_icmp(&router, b, n), -1);
		}
}

/* Each bit that says whose it is, flipped, makes it nobody's. */
static void
answer_forged(void **state)
{
	/* From the quote on; the token is not among them. */
	static const struct {
		size_t v4, v6;
	} bits[] = { { 0, 0 }, { 9, 6 }, { 16, 24 }, { 19, 39 } };
	uint8_t l4[FLOW_BYTES], b[512];
	size_t fam, i, k, at, hdr, len, n;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++)
		for (i = 0; i < 3; i++) {
			begin((enum family)fam, protos[i]);
			n = flow_probe(&f, FLOWS_TOKEN, l4, sizeof(l4));
			len = flows_error(&f, &router, timex(), 0,
			    wire_ipproto(f.family, f.proto), l4, n, b);
			hdr = fam == FAMILY_V4 ? WIRE_IP4_HDR : 0;
			for (k = 0; k < 4; k++) {
				at = hdr + 8 + (fam ? bits[k].v6 : bits[k].v4);
				b[at] ^= 0x20;
				flows_icmp_sum(&f, &router, b + hdr, len - hdr);
				assert_int_equal(
				    read_icmp(&router, b, len), -1);
				b[at] ^= 0x20;
			}
			/* Ports; ICMP: type, code, identifier. */
			at = hdr + 8 + (fam ? WIRE_IP6_HDR : WIRE_IP4_HDR) +
			    (f.proto == PROTO_ICMP ? 4 : 0);
			for (k = 0; k < 2; k++) {
				b[at + k] ^= 1;
				flows_icmp_sum(&f, &router, b + hdr, len - hdr);
				assert_int_equal(
				    read_icmp(&router, b, len), -1);
				b[at + k] ^= 1;
			}
			/* UDP: its length; TCP: half of its number. */
			if (f.proto != PROTO_ICMP) {
				b[at + 4] ^= 1;
				flows_icmp_sum(&f, &router, b + hdr, len - hdr);
				assert_int_equal(
				    read_icmp(&router, b, len), -1);
				b[at + 4] ^= 1;
			}
			/* And a wrong sum. */
			flows_icmp_sum(&f, &router, b + hdr, len - hdr);
			assert_int_equal(read_icmp(&router, b, len), 0);
			b[hdr + 2] ^= 1;
			assert_int_equal(read_icmp(&router, b, len), -1);
		}
}

static void
answer_unreach(void **state)
{
	uint8_t l4[FLOW_BYTES], b[512];
	size_t len, n;

	(void)state;
	begin(FAMILY_V4, PROTO_UDP);
	n = flow_probe(&f, FLOWS_TOKEN, l4, sizeof(l4));
	len = flows_error(&f, &f.dst, 3, 3, WIRE_PROTO_UDP, l4, n, b);
	assert_int_equal(read_icmp(&f.dst, b, len), 0);
	assert_int_equal(a.kind, ANSWER_UNREACH);
	assert_string_equal(answer_mark(f.family, a.code), "");
	assert_string_equal(answer_mark(FAMILY_V4, 1), "!H");
	assert_string_equal(answer_mark(FAMILY_V4, 13), "!X");
	assert_string_equal(answer_mark(FAMILY_V4, 200), "!?");
	assert_string_equal(answer_mark(FAMILY_V6, 4), "");
	assert_string_equal(answer_mark(FAMILY_V6, 1), "!X");
	assert_string_equal(answer_mark(FAMILY_V6, 7), "!?");
}

/* A request that died on its way. */
static void
answer_request_timex(void **state)
{
	uint8_t l4[FLOW_BYTES], b[512];
	size_t fam, len, n;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++) {
		begin((enum family)fam, PROTO_TCP);
		n = flow_request(&f, FLOWS_TOKEN, 0, l4, sizeof(l4));
		len = flows_error(&f, &router, timex(), 0,
		    wire_ipproto(f.family, PROTO_ICMP), l4, n, b);
		assert_int_equal(read_icmp(&router, b, len), 0);
		assert_int_equal(a.kind, ANSWER_TIMEX);
		assert_true(a.to_request);
		assert_int_equal(a.token, FLOWS_TOKEN);
	}
}

/* A reply with this status, as long as said. */
static size_t
reply(uint8_t *b, uint8_t code, uint8_t status, const struct addr *hop,
    size_t len)
{
	uint8_t icmp[64];
	size_t at = AUGSBURG_HOP;

	memset(icmp, 0, sizeof(icmp));
	icmp[0] = f.family == FAMILY_V4 ? 0 : 129;
	icmp[1] = code;
	wire_put16(icmp + 4, FLOWS_TOKEN);
	icmp[AUGSBURG_TTL] = status;
	if (hop != NULL && f.family == FAMILY_V4) {
		icmp[at + 10] = icmp[at + 11] = 0xff;
		at += 12;
	}
	if (hop != NULL)
		memcpy(icmp + at, hop->b, addr_len(f.family));
	wire_put32(icmp + AUGSBURG_RTT, 1234567);
	return (flows_received(&f, &f.dst, b, icmp, len));
}

static void
answer_reply(void **state)
{
	uint8_t b[512];
	size_t fam, len, hdr, n;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++) {
		begin((enum family)fam, PROTO_UDP);
		hdr = fam == FAMILY_V4 ? WIRE_IP4_HDR : 0;
		for (n = ANSWER_HOP_LEN; n <= AUGSBURG_REPLY; n += 4) {
			len = reply(b, 1, 0, &router, n);
			assert_int_equal(read_icmp(&f.dst, b, len), 0);
			assert_int_equal(a.kind, ANSWER_REPLY);
			assert_int_equal(a.token, FLOWS_TOKEN);
			assert_true(a.has_hop);
			assert_true(addr_equal(&a.hop, &router));
			assert_int_equal(a.rtt_ns, 1234567);
		}
		/* Not from the host, and with a sequence number. */
		assert_int_equal(
		    read_icmp(&router, b, fam == FAMILY_V4 ? 0 : len), -1);
		b[hdr + 7] = 1;
		flows_icmp_sum(&f, &f.dst, b + hdr, len - hdr);
		assert_int_equal(read_icmp(&f.dst, b, len), -1);
		/* A status. */
		len = reply(b, 1, 2, NULL, AUGSBURG_ERROR);
		assert_int_equal(read_icmp(&f.dst, b, len), 0);
		assert_int_equal(a.status, 2);
		assert_false(a.has_hop);
		/* A mere echo of the request says status 0, and no hop. */
		len = reply(b, 1, 0, NULL, AUGSBURG_ERROR);
		assert_int_equal(read_icmp(&f.dst, b, len), 0);
		assert_false(a.has_hop);
		len = reply(b, 0, 0, &router, AUGSBURG_REPLY);
		assert_int_equal(read_icmp(&f.dst, b, len), 0);
		assert_false(a.has_hop);
		for (n = 0; n < hdr + AUGSBURG_ERROR; n++)
			assert_int_equal(read_icmp(&f.dst, b, n), -1);
		len = reply(b, 2, 1, NULL, AUGSBURG_ERROR);
		assert_int_equal(read_icmp(&f.dst, b, len), -1);
	}
	/* IPv4 must come mapped. */
	begin(FAMILY_V4, PROTO_UDP);
	len = reply(b, 1, 0, NULL, AUGSBURG_REPLY);
	assert_int_equal(read_icmp(&f.dst, b, len), -1);
}

static void
answer_echo(void **state)
{
	uint8_t icmp[32], b[512];
	size_t fam, len;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++) {
		begin((enum family)fam, PROTO_ICMP);
		memset(icmp, 0, sizeof(icmp));
		icmp[0] = fam == FAMILY_V4 ? 0 : 129;
		wire_put16(icmp + 4, f.id);
		wire_put16(icmp + 6, FLOWS_TOKEN);
		len = flows_received(&f, &f.dst, b, icmp, sizeof(icmp));
		assert_int_equal(read_icmp(&f.dst, b, len), 0);
		assert_int_equal(a.kind, ANSWER_ECHO);
		assert_int_equal(a.token, FLOWS_TOKEN);
		/* Somebody else's ping, and somebody else. */
		wire_put16(icmp + 4, f.id + 1);
		len = flows_received(&f, &f.dst, b, icmp, sizeof(icmp));
		assert_int_equal(read_icmp(&f.dst, b, len), -1);
		wire_put16(icmp + 4, f.id);
		len = flows_received(&f, &router, b, icmp, sizeof(icmp));
		assert_int_equal(read_icmp(&router, b, len), -1);
	}
}

/* A segment to us with these flags; ack acknowledges the probe. */
static size_t
segment(uint8_t *b, uint8_t flags, uint32_t ack)
{
	size_t hdr = 0;

	if (f.family == FAMILY_V4)
		hdr = flows_ip(
		    b, f.family, &f.dst, &f.src, WIRE_PROTO_TCP, WIRE_TCP_HDR);
	memset(b + hdr, 0, WIRE_TCP_HDR);
	wire_put16(b + hdr, f.dport);
	wire_put16(b + hdr + 2, f.sport);
	wire_put32(b + hdr + 8, ack);
	b[hdr + 13] = flags;
	return (hdr + WIRE_TCP_HDR);
}

static void
answer_tcp(void **state)
{
	uint8_t b[512];
	size_t fam, len, n;
	uint32_t ack = 0x12344712;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++) {
		begin((enum family)fam, PROTO_TCP);
		len = segment(b, WIRE_TCP_SYN | WIRE_TCP_ACK, ack);
		assert_int_equal(read_by(WIRE_PROTO_TCP, &f.dst, b, len), 0);
		assert_int_equal(a.kind, ANSWER_SEGMENT);
		assert_int_equal(a.token, FLOWS_TOKEN);
		for (n = 0; n < len; n++)
			assert_int_equal(
			    read_by(WIRE_PROTO_TCP, &f.dst, b, n), -1);
		len = segment(b, WIRE_TCP_RST | WIRE_TCP_ACK, ack);
		assert_int_equal(read_by(WIRE_PROTO_TCP, &f.dst, b, len), 0);
		len = segment(b, WIRE_TCP_RST, ack);
		assert_int_equal(read_by(WIRE_PROTO_TCP, &f.dst, b, len), -1);
		len = segment(b, WIRE_TCP_ACK, ack);
		assert_int_equal(read_by(WIRE_PROTO_TCP, &f.dst, b, len), -1);
		len = segment(b, WIRE_TCP_RST | WIRE_TCP_ACK, ack ^ 0x10000);
		assert_int_equal(read_by(WIRE_PROTO_TCP, &f.dst, b, len), -1);
	}
}

/* What a UDP service gives back, and a probe that was turned. */
static void
answer_udp(void **state)
{
	uint8_t b[512], *l4;
	size_t fam, len, hdr, n;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++) {
		begin((enum family)fam, PROTO_UDP);
		hdr = 0;
		memset(b, 0, sizeof(b));
		len = WIRE_UDP_HDR + 4;
		if (fam == FAMILY_V4)
			hdr = flows_ip(
			    b, f.family, &f.dst, &f.src, WIRE_PROTO_UDP, len);
		l4 = b + hdr;
		wire_put16(l4, f.dport);
		wire_put16(l4 + 2, f.sport);
		wire_put16(l4 + 6, 0x8899);
		wire_put16(l4 + 8, FLOWS_TOKEN);
		assert_int_equal(
		    read_by(WIRE_PROTO_UDP, &f.dst, b, hdr + len), 0);
		assert_int_equal(a.kind, ANSWER_DATAGRAM);
		assert_int_equal(a.token, FLOWS_TOKEN);
		wire_put32(l4 + 8, WIRE_MARK);
		assert_int_equal(
		    read_by(WIRE_PROTO_UDP, &f.dst, b, hdr + len), 0);
		assert_int_equal(a.token, 0x8899);
		for (n = 0; n < hdr + len; n++)
			assert_int_equal(
			    read_by(WIRE_PROTO_UDP, &f.dst, b, n), -1);
		l4[1] ^= 1;
		assert_int_equal(
		    read_by(WIRE_PROTO_UDP, &f.dst, b, hdr + len), -1);
		/* Another protocol than the flow's. */
		assert_int_equal(
		    read_by(WIRE_PROTO_TCP, &f.dst, b, hdr + len), -1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_timex),
		cmocka_unit_test(answer_forged),
		cmocka_unit_test(answer_unreach),
		cmocka_unit_test(answer_request_timex),
		cmocka_unit_test(answer_reply),
		cmocka_unit_test(answer_echo),
		cmocka_unit_test(answer_tcp),
		cmocka_unit_test(answer_udp),
	};

	return (cmocka_run_group_tests_name("answer", tests, NULL, NULL));
}
