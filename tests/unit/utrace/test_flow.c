/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/utrace/flows.h"

static const enum proto protos[] = { PROTO_UDP, PROTO_ICMP, PROTO_TCP };
#define NPROTOS (sizeof(protos) / sizeof(protos[0]))

/* All ones, if the checksum in it is right. */
static uint16_t
sum_of(const struct flow *f, enum proto proto, const uint8_t *b, size_t len)
{
	uint32_t sum = 0;

	if (f->family == FAMILY_V6 || proto != PROTO_ICMP)
		sum = wire_pseudo(f->family, &f->src, &f->dst,
		    wire_ipproto(f->family, proto), len);
	return (wire_fold(wire_sum(sum, b, len)));
}

/* Every token: its sum is right, and the flow's fields do not change. */
static void
flow_is_constant(void **state)
{
	uint8_t b[FLOW_BYTES], first[FLOW_BYTES];
	struct flow f;
	unsigned int token;
	size_t len, i, fam;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++)
		for (i = 0; i < NPROTOS; i++) {
			flows_make(&f, (enum family)fam, protos[i]);
			len = flow_probe(&f, 1, first, sizeof(first));
			for (token = 1; token < 0xffff; token += 13) {
				assert_int_equal(flow_probe(&f, (uint16_t)token,
						     b, sizeof(b)),
				    len);
				assert_int_equal(
				    sum_of(&f, f.proto, b, len), 0xffff);
				assert_int_equal(wire_get16(b + 6), token);
				/* Ports; or type, code and checksum. */
				assert_memory_equal(b, first, 4);
				if (f.proto == PROTO_ICMP)
					assert_int_equal(
					    wire_get16(b + 4), f.id);
			}
		}
}

/* Big enough that what a uturnd host can attach stays below three times. */
static void
flow_size(void **state)
{
	struct wire_answer a = { .with_addr = 1,
		.with_name = 1,
		.with_rtt = 1,
		.foreign = EXT_FOREIGN_MAX };
	uint8_t b[FLOW_BYTES];
	struct flow f;
	size_t fam, hdr, i, len;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++)
		for (i = 0; i < NPROTOS; i++) {
			flows_make(&f, (enum family)fam, protos[i]);
			hdr = fam == FAMILY_V4 ? WIRE_IP4_HDR : WIRE_IP6_HDR;
			len = flow_probe(&f, 1, b, sizeof(b));
			assert_true(len > 0);
			assert_int_equal(flow_probe(&f, 1, b, len - 1), 0);
			a.family = f.family;
			a.probe_len = hdr + len;
			a.foreign = EXT_FOREIGN_MAX;
			/* A SYN without data can't be longer. */
			if (fam == FAMILY_V4 && f.proto == PROTO_TCP)
				a.foreign = 48;
			assert_true(wire_answer_len(&a) <=
			    wire_answer_budget(a.probe_len, 0));
		}
}

static void
flow_fields(void **state)
{
	uint8_t b[FLOW_BYTES];
	struct flow f;

	(void)state;
	flows_make(&f, FAMILY_V4, PROTO_UDP);
	assert_int_equal(flow_probe(&f, FLOWS_TOKEN, b, sizeof(b)), 80);
	assert_int_equal(wire_get16(b), 50123);
	assert_int_equal(wire_get16(b + 2), 33434);
	assert_int_equal(wire_get16(b + 4), 80);
	assert_int_equal(wire_get16(b + 8), FLOWS_TOKEN);
	flows_make(&f, FAMILY_V6, PROTO_ICMP);
	assert_int_equal(flow_probe(&f, FLOWS_TOKEN, b, sizeof(b)), 60);
	assert_int_equal(b[0], 128);
	assert_int_equal(b[1], 0);
	assert_int_equal(wire_get16(b + 2), 0xabcd);
	flows_make(&f, FAMILY_V6, PROTO_TCP);
	assert_int_equal(flow_probe(&f, FLOWS_TOKEN, b, sizeof(b)), 60);
	assert_int_equal(wire_get32(b + 4), 0x12344711);
	assert_int_equal(wire_get32(b + 8), 0);
	assert_int_equal(b[12], 0xf0);
	assert_int_equal(b[13], WIRE_TCP_SYN);
}

/* A request, byte for byte, but for its sum. */
static void
flow_request_bytes(void **state)
{
	static const uint8_t want4[] = { 8, 1, 0, 0, 0x47, 0x11, 0, 0, 7, 17,
		0xc3, 0xcb };
	static const uint8_t want6[] = { 128, 1, 0, 0, 0x47, 0x11, 0, 0, 9, 58,
		0xab, 0xcd };
	uint8_t b[FLOW_BYTES];
	struct flow f;

	(void)state;
	flows_make(&f, FAMILY_V4, PROTO_UDP);
	assert_int_equal(flow_request(&f, FLOWS_TOKEN, 7, b, 11), 0);
	assert_int_equal(flow_request(&f, FLOWS_TOKEN, 7, b, 12), 12);
	assert_int_equal(sum_of(&f, PROTO_ICMP, b, 12), 0xffff);
	wire_put16(b + 2, 0);
	assert_memory_equal(b, want4, 12);
	flows_make(&f, FAMILY_V6, PROTO_ICMP);
	assert_int_equal(flow_request(&f, FLOWS_TOKEN, 9, b, sizeof(b)), 12);
	assert_int_equal(sum_of(&f, PROTO_ICMP, b, 12), 0xffff);
	wire_put16(b + 2, 0);
	assert_memory_equal(b, want6, 12);
	flows_make(&f, FAMILY_V4, PROTO_TCP);
	(void)flow_request(&f, FLOWS_TOKEN, 0, b, sizeof(b));
	assert_int_equal(b[AUGSBURG_TTL], 0);
	assert_int_equal(b[AUGSBURG_PROTO], 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flow_is_constant),
		cmocka_unit_test(flow_size),
		cmocka_unit_test(flow_fields),
		cmocka_unit_test(flow_request_bytes),
	};

	return (cmocka_run_group_tests_name("flow", tests, NULL, NULL));
}
