/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "utrace/object.h"

static struct object o;

static void
parse(const char *text)
{
	object_parse(text, strlen(text), &o);
}

static void
assert_router(const char *want)
{
	char text[ADDR_TEXT_MAX];

	if (want == NULL) {
		assert_false(o.router.known);
		return;
	}
	assert_true(o.router.known);
	assert_string_equal(
	    addr_format(o.router.family, &o.router.addr, text, sizeof(text)),
	    want);
}

/* As traceroute 2.1.2 printed them. */
static void
object_hex4(void **state)
{
	(void)state;
	parse("2/196:00010000,cb007101;247/1:000001a4");
	assert_router("203.0.113.1");
	assert_true(o.is_signed);
	assert_true(o.has_time);
	assert_int_equal(o.time_us, 420);
	assert_string_equal(o.extra, "");
	/* The address alone is not beyond doubt: routers say such things. */
	parse("2/196:00010000,cb007101");
	assert_router("203.0.113.1");
	assert_false(o.is_signed);
	assert_false(o.has_time);
	/* With our name it is. */
	parse("2/198:00010000,cb007101,08752d74,75726e00");
	assert_router("203.0.113.1");
	assert_true(o.is_signed);
	/* With another one it is not. */
	parse("2/198:00010000,cb007101,08752d74,75726e21");
	assert_false(o.is_signed);
	parse("2/198:00010000,cb007101,08657468,30000000");
	assert_router("203.0.113.1");
	assert_false(o.is_signed);
	/* An interface's index comes first. */
	parse("2/204:00000007,00010000,cb007101");
	assert_router("203.0.113.1");
}

static void
object_hex6(void **state)
{
	(void)state;
	parse("2/198:00020000,20010db8,00350000,00000000,00000005,08752d74,"
	      "75726e00;247/1:ffffffff");
	assert_router("2001:db8:35::5");
	assert_true(o.is_signed);
	assert_int_equal(o.time_us, UINT32_MAX);
}

/* As from 2.1.4 on. */
static void
object_words(void **state)
{
	(void)state;
	parse("NXT:203.0.113.1,\"u-turn\";247/1:000001a4");
	assert_router("203.0.113.1");
	assert_true(o.is_signed);
	assert_int_equal(o.time_us, 420);
	parse("NXT:2001:db8::1,\"u-turn\"");
	assert_router("2001:db8::1");
	assert_true(o.is_signed);
	parse("NXT:7,203.0.113.1,\"eth0;>,\",mtu=1500");
	assert_router("203.0.113.1");
	assert_false(o.is_signed);
	assert_string_equal(o.extra, "");
	parse("NXT:203.0.113.1;247/1:00000000");
	assert_true(o.is_signed);
	assert_true(o.has_time);
	assert_int_equal(o.time_us, 0);
}

/* What is not ours is kept: a router's own objects, other roles. */
static void
object_foreign(void **state)
{
	(void)state;
	parse("INC:2,192.0.2.1,\"eth0\",mtu=1500");
	assert_router(NULL);
	assert_string_equal(o.extra, "INC:2,192.0.2.1,\"eth0\",mtu=1500");
	parse("2/4:00010000,cb007101");
	assert_router(NULL);
	assert_string_equal(o.extra, "2/4:00010000,cb007101");
	/* Ours is the first one, or none. */
	parse("MPLS:L=16,E=0,S=1,T=1;NXT:203.0.113.1,\"u-turn\"");
	assert_router(NULL);
	assert_string_equal(
	    o.extra, "MPLS:L=16,E=0,S=1,T=1;NXT:203.0.113.1,\"u-turn\"");
	parse("1/1:00010101;2/196:00010000,cb007101");
	assert_router(NULL);
	assert_string_equal(o.extra, "1/1:00010101;2/196:00010000,cb007101");
	parse("2/196:00010000,cb007101;MPLS:L=16,E=0,S=1,T=1;247/1:00000001;"
	      "INC:1");
	assert_router("203.0.113.1");
	assert_string_equal(o.extra, "MPLS:L=16,E=0,S=1,T=1;INC:1");
}

static void
object_faulty(void **state)
{
	static const char *const bad[] = { "2/196:", "2/196:0001000",
		"2/196:00010000", "2/196:00010000,cb0071",
		"2/196:00010000,cb007101,", "2/196:00030000,cb007101",
		"2/196:00010000;cb007101", "2/196:00020000,20010db8,00000000",
		"2/256:00010000,cb007101", "2:196:00010000,cb007101",
		"2/204:00000007,00010000", "2/196:0001000g,cb007101",
		"2/196:00010000,CB007101", "247/1:", "247/1:00000001,00000002",
		"247/2:00000001", "NXT:", "NXT:x", "NXT:1,2,203.0.113.1",
		"NXT:\"u-turn\"", "NXT", "N", ":", "/", "\"", "=" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		parse(bad[i]);
		assert_false(o.router.known);
		assert_false(o.has_time);
		assert_false(o.is_signed);
		assert_true(strlen(o.extra) > 0);
	}
	parse("");
	assert_string_equal(o.extra, "");
	parse(";;;");
	assert_string_equal(o.extra, "");
	object_parse("\033[31m\0x", 7, &o);
	assert_string_equal(o.extra, "\\x1b[31m\\x00x");
}

/* More than there is room for. */
static void
object_long(void **state)
{
	char text[4096];
	size_t i;

	(void)state;
	memset(text, '\001', sizeof(text));
	object_parse(text, sizeof(text), &o);
	assert_int_equal(strlen(o.extra), (HOP_EXTRA_MAX - 1) / 4 * 4);
	for (i = 0; i < sizeof(text); i += 4)
		memcpy(text + i, "1/2;", 4);
	object_parse(text, sizeof(text), &o);
	assert_int_equal(hop_text_check(o.extra, sizeof(o.extra)), 0);
	/* More words than an object of RFC 5837 can have. */
	memcpy(text, "2/196:", 6);
	for (i = 6; i + 9 <= sizeof(text); i += 9)
		memcpy(text + i, "00010000,", 9);
	object_parse(text, i - 1, &o);
	assert_router(NULL);
}

static void
object_ends(void **state)
{
	(void)state;
	assert_int_equal(object_end("a;b", 3, ';'), 1);
	assert_int_equal(object_end("\"a;\";b", 6, ';'), 4);
	assert_int_equal(object_end("ab", 2, ';'), 2);
	assert_int_equal(object_end("", 0, ';'), 0);
	/* A quote without its end hides nothing. */
	assert_int_equal(object_end("\"a;b", 4, ';'), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(object_hex4),
		cmocka_unit_test(object_hex6),
		cmocka_unit_test(object_words),
		cmocka_unit_test(object_foreign),
		cmocka_unit_test(object_faulty),
		cmocka_unit_test(object_long),
		cmocka_unit_test(object_ends),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
