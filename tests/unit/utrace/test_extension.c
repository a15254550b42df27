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
#include <string.h>

#include "common/wire.h"
#include "utrace/extension.h"

#define ROUTER4 0, 1, 0, 0, 203, 0, 113, 1
#define NAME    8, 'u', '-', 't', 'u', 'r', 'n', 0
#define OURS    0, 20, 2, 0xc6, ROUTER4, NAME
#define TIME    0, 8, 247, 1, 0, 0, 1, 0xa4

static struct object o;

/* These objects behind a quote; sum 0: right, 1: wrong, 2: none. */
static void
parse(
    enum family f, const uint8_t *objects, size_t len, uint8_t length, int sum)
{
	uint8_t b[512], *copy;
	size_t n = EXT_QUOTE + EXT_HDR + len;

	memset(b, 0, sizeof(b));
	b[EXT_QUOTE] = 0x20;
	memcpy(b + EXT_QUOTE + EXT_HDR, objects, len);
	if (sum != 2)
		wire_put16(b + EXT_QUOTE + 2,
		    (uint16_t)(~wire_fold(
				   wire_sum(0, b + EXT_QUOTE, n - EXT_QUOTE)) ^
			sum));
	assert_non_null(copy = malloc(n));
	memcpy(copy, b, n);
	extension_read(f, copy, n, length, &o);
	free(copy);
}

static void
assert_router(const char *want)
{
	char text[ADDR_TEXT_MAX];

	assert_int_equal(o.router.known, want != NULL);
	if (want != NULL)
		assert_string_equal(addr_format(o.router.family, &o.router.addr,
					text, sizeof(text)),
		    want);
}

static void
extension_ours(void **state)
{
	static const uint8_t x[] = { OURS, TIME };
	static const uint8_t bare[] = { 0, 12, 2, 0xc4, ROUTER4 };
	static const uint8_t other[] = { 0, 20, 2, 0xc6, ROUTER4, 8, 'e', 't',
		'h', '0', 0, 0, 0 };

	(void)state;
	parse(FAMILY_V4, x, sizeof(x), 32, 0);
	assert_router("203.0.113.1");
	assert_true(o.is_signed);
	assert_true(o.has_time);
	assert_int_equal(o.time_us, 420);
	assert_string_equal(o.extra, "");
	/* The address alone anybody may say. */
	parse(FAMILY_V4, bare, sizeof(bare), 32, 0);
	assert_router("203.0.113.1");
	assert_false(o.is_signed);
	parse(FAMILY_V4, other, sizeof(other), 32, 0);
	assert_false(o.is_signed);
	parse(FAMILY_V4, x, sizeof(x) - 8, 32, 0);
	assert_true(o.is_signed);
	assert_false(o.has_time);
}

static void
extension_ours6(void **state)
{
	static const uint8_t x[] = { 0, 24, 2, 0xc4, 0, 2, 0, 0, 0x20, 1, 0xd,
		0xb8, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, TIME };

	(void)state;
	parse(FAMILY_V6, x, sizeof(x), 16, 0);
	assert_router("2001:db8:35::5");
	assert_true(o.is_signed);
}

/* Where extensions count. */
static void
extension_where(void **state)
{
	static const uint8_t x[] = { OURS };
	uint8_t b[EXT_QUOTE + EXT_HDR];
	unsigned int length;

	(void)state;
	for (length = 0; length < 256; length++) {
		parse(FAMILY_V4, x, sizeof(x), (uint8_t)length, 0);
		assert_int_equal(o.router.known, length == 0 || length == 32);
		parse(FAMILY_V6, x, sizeof(x), (uint8_t)length, 0);
		assert_int_equal(o.router.known, length == 0 || length == 16);
	}
	parse(FAMILY_V4, x, sizeof(x), 32, 1);
	assert_router(NULL);
	parse(FAMILY_V4, x, sizeof(x), 32, 2);
	assert_router("203.0.113.1");
	parse(FAMILY_V4, x, sizeof(x), 0, 2);
	assert_router(NULL);
	/* No room for it. */
	memset(b, 0, sizeof(b));
	b[EXT_QUOTE] = 0x20;
	for (length = 0; length < sizeof(b); length++) {
		extension_read(FAMILY_V4, b, length, 32, &o);
		assert_router(NULL);
	}
}

static void
extension_foreign(void **state)
{
	static const uint8_t labels[] = { 0, 12, 1, 1, 0x0c, 0xb0, 0, 1, 0x07,
		0x10, 0x1f, 2 };
	static const uint8_t iface[] = { 0, 32, 2, 0x0f, 0, 0, 0, 7, 0, 1, 0, 0,
		192, 0, 2, 1, 12, 'g', 'e', '"', 27, '[', '1', 'm', 0, 0, 0, 0,
		0, 0, 5, 0xdc };
	static const uint8_t unknown[] = { 0, 12, 3, 9, 1, 2, 3, 4, 0xff, 0, 0,
		1 };
	static const uint8_t late[] = { TIME, OURS };

	(void)state;
	parse(FAMILY_V4, labels, sizeof(labels), 32, 0);
	assert_string_equal(
	    o.extra, "MPLS:L=51968,E=0,S=0,T=1/L=28929,E=7,S=1,T=2");
	parse(FAMILY_V4, iface, sizeof(iface), 32, 0);
	assert_string_equal(
	    o.extra, "INC:7,192.0.2.1,\"ge\"\\x1b[1m\",mtu=1500");
	parse(FAMILY_V4, unknown, sizeof(unknown), 32, 0);
	assert_string_equal(o.extra, "3/9:01020304,ff000001");
	/* Ours comes first. */
	parse(FAMILY_V4, late, sizeof(late), 32, 0);
	assert_router(NULL);
	assert_string_equal(o.extra, "NXT:203.0.113.1,\"u-turn\"");
}

/* Broken off at any place: what came before counts, and it is printable. */
static void
extension_cut(void **state)
{
	static const uint8_t x[] = { OURS, TIME, 0, 12, 1, 1, 0, 1, 0x11, 0xff,
		0, 1, 0x11, 0xfe };
	static const uint8_t lies[][8] = { { 0, 0, 2, 4 }, { 0, 3, 2, 4 },
		{ 0xff, 0xff, 2, 4 }, { 0, 8, 2, 4, 0, 1, 0, 0 },
		{ 0, 8, 2, 2, 200, 'a', 'b', 'c' }, { 0, 8, 2, 2, 0, 0, 0, 0 },
		{ 0, 8, 2, 4, 0, 9, 0, 0 }, { 0, 8, 2, 1, 0, 0, 5, 0xdc } };
	size_t n;

	(void)state;
	for (n = 0; n <= sizeof(x); n++) {
		parse(FAMILY_V4, x, n, 32, 0);
		assert_int_equal(o.router.known, n >= 20);
		assert_int_equal(o.has_time, n >= 28);
		assert_int_equal(hop_text_check(o.extra, sizeof(o.extra)), 0);
	}
	for (n = 0; n < sizeof(lies) / sizeof(lies[0]); n++) {
		parse(FAMILY_V4, lies[n], sizeof(lies[n]), 32, 0);
		assert_router(NULL);
		assert_int_equal(hop_text_check(o.extra, sizeof(o.extra)), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extension_ours),
		cmocka_unit_test(extension_ours6),
		cmocka_unit_test(extension_where),
		cmocka_unit_test(extension_foreign),
		cmocka_unit_test(extension_cut),
	};

	return (cmocka_run_group_tests_name("extension", tests, NULL, NULL));
}
