/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/addr.h"

struct addr_case {
	enum family family;
	const char *text;
	int yes;
};

static struct addr
test_addr(enum family f, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(f, text, &a), 0);
	return (a);
}

static void
test_table(const struct addr_case *c, size_t n,
    int (*ask)(enum family, const struct addr *))
{
	struct addr a;
	size_t i;

	for (i = 0; i < n; i++) {
		a = test_addr(c[i].family, c[i].text);
		if (ask(c[i].family, &a) != c[i].yes)
			fail_msg("%s: expected %d", c[i].text, c[i].yes);
	}
}

static void
test_martian(void **state)
{
	static const struct addr_case cases[] = {
		{ FAMILY_V4, "0.0.0.0", 1 },
		{ FAMILY_V4, "0.255.255.255", 1 },
		{ FAMILY_V4, "1.0.0.0", 0 },
		{ FAMILY_V4, "126.255.255.255", 0 },
		{ FAMILY_V4, "127.0.0.1", 1 },
		{ FAMILY_V4, "127.255.255.255", 1 },
		{ FAMILY_V4, "128.0.0.0", 0 },
		{ FAMILY_V4, "169.253.255.255", 0 },
		{ FAMILY_V4, "169.254.0.0", 1 },
		{ FAMILY_V4, "169.254.255.255", 1 },
		{ FAMILY_V4, "169.255.0.0", 0 },
		{ FAMILY_V4, "223.255.255.255", 0 },
		{ FAMILY_V4, "224.0.0.0", 1 },
		{ FAMILY_V4, "240.0.0.1", 1 },
		{ FAMILY_V4, "255.255.255.255", 1 },
		{ FAMILY_V4, "10.0.0.1", 0 },
		{ FAMILY_V4, "192.0.2.1", 0 },
		{ FAMILY_V6, "::", 1 },
		{ FAMILY_V6, "::1", 1 },
		{ FAMILY_V6, "::192.0.2.1", 1 },
		{ FAMILY_V6, "::1:0:0", 0 },
		{ FAMILY_V6, "::ffff:192.0.2.1", 1 },
		{ FAMILY_V6, "::fffe:192.0.2.1", 0 },
		{ FAMILY_V6, "fe7f:ffff::", 0 },
		{ FAMILY_V6, "fe80::", 1 },
		{ FAMILY_V6, "febf::1", 1 },
		{ FAMILY_V6, "fec0::", 0 },
		{ FAMILY_V6, "feff::1", 0 },
		{ FAMILY_V6, "ff00::", 1 },
		{ FAMILY_V6, "ff02::1", 1 },
		{ FAMILY_V6, "2001:db8::1", 0 },
		{ FAMILY_V6, "fd00::1", 0 },
	};

	(void)state;
	test_table(cases, sizeof(cases) / sizeof(cases[0]), addr_is_martian);
}

static void
test_private(void **state)
{
	static const struct addr_case cases[] = {
		{ FAMILY_V4, "9.255.255.255", 0 },
		{ FAMILY_V4, "10.0.0.0", 1 },
		{ FAMILY_V4, "10.255.255.255", 1 },
		{ FAMILY_V4, "11.0.0.0", 0 },
		{ FAMILY_V4, "100.63.255.255", 0 },
		{ FAMILY_V4, "100.64.0.0", 1 },
		{ FAMILY_V4, "100.127.255.255", 1 },
		{ FAMILY_V4, "100.128.0.0", 0 },
		{ FAMILY_V4, "172.15.255.255", 0 },
		{ FAMILY_V4, "172.16.0.0", 1 },
		{ FAMILY_V4, "172.31.255.255", 1 },
		{ FAMILY_V4, "172.32.0.0", 0 },
		{ FAMILY_V4, "192.167.255.255", 0 },
		{ FAMILY_V4, "192.168.0.0", 1 },
		{ FAMILY_V4, "192.168.255.255", 1 },
		{ FAMILY_V4, "192.169.0.0", 0 },
		{ FAMILY_V6, "fbff::", 0 },
		{ FAMILY_V6, "fc00::", 1 },
		{ FAMILY_V6, "fdff::1", 1 },
		{ FAMILY_V6, "fe00::", 0 },
		{ FAMILY_V6, "2001:db8::", 0 },
	};

	(void)state;
	test_table(cases, sizeof(cases) / sizeof(cases[0]), addr_is_private);
}

static void
test_prefix(void **state)
{
	struct addr a, p;
	unsigned int len;

	(void)state;
	a = test_addr(FAMILY_V4, "192.0.2.129");
	p = test_addr(FAMILY_V4, "192.0.2.128");
	for (len = 0; len <= 31; len++)
		assert_true(addr_in_prefix(FAMILY_V4, &a, &p, len));
	assert_false(addr_in_prefix(FAMILY_V4, &a, &p, 32));
	/* Longer than an address: never, whatever the padding says. */
	assert_false(addr_in_prefix(FAMILY_V4, &a, &a, 33));
	assert_true(addr_in_prefix(FAMILY_V4, &a, &a, 32));

	a = test_addr(FAMILY_V6, "2001:db8::ffff:1");
	p = test_addr(FAMILY_V6, "2001:db8::ffff:3");
	assert_true(addr_in_prefix(FAMILY_V6, &a, &p, 126));
	assert_false(addr_in_prefix(FAMILY_V6, &a, &p, 127));
	assert_true(addr_in_prefix(FAMILY_V6, &a, &a, 128));
	assert_false(addr_in_prefix(FAMILY_V6, &a, &a, 129));
	p = test_addr(FAMILY_V6, "ffff::");
	assert_true(addr_in_prefix(FAMILY_V6, &a, &p, 0));
	assert_false(addr_in_prefix(FAMILY_V6, &a, &p, 1));
}

static void
test_mask(void **state)
{
	static const struct {
		enum family family;
		const char *in;
		unsigned int len;
		const char *out;
	} cases[] = {
		{ FAMILY_V4, "255.255.255.255", 0, "0.0.0.0" },
		{ FAMILY_V4, "255.255.255.255", 1, "128.0.0.0" },
		{ FAMILY_V4, "255.255.255.255", 8, "255.0.0.0" },
		{ FAMILY_V4, "192.0.2.255", 27, "192.0.2.224" },
		{ FAMILY_V4, "192.0.2.255", 31, "192.0.2.254" },
		{ FAMILY_V4, "192.0.2.255", 32, "192.0.2.255" },
		{ FAMILY_V6, "2001:db8::1", 0, "::" },
		{ FAMILY_V6, "2001:db8:ffff::1", 36, "2001:db8:f000::" },
		{ FAMILY_V6, "2001:db8::1", 64, "2001:db8::" },
		{ FAMILY_V6, "2001:db8::1", 127, "2001:db8::" },
		{ FAMILY_V6, "2001:db8::1", 128, "2001:db8::1" },
	};
	struct addr a, b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = test_addr(cases[i].family, cases[i].in);
		b = test_addr(cases[i].family, cases[i].out);
		addr_mask(cases[i].family, &a, cases[i].len);
		assert_true(addr_equal(&a, &b));
	}
}

static void
test_text(void **state)
{
	static const char *const bad4[] = { "", "1", "1.2.3", "1.2.3.4.5",
		"256.0.0.1", "1.2.3.4 ", "1.2.3.4/8", "01.2.3.4", "::1" };
	static const char *const bad6[] = { "", ":", "1.2.3.4", "1::2::3",
		"g::", "::1%lo", "::1/128", "1:2:3:4:5:6:7:8:9" };
	char buf[ADDR_TEXT_MAX], small[4];
	struct addr a, keep;
	size_t i;

	(void)state;
	assert_int_equal(addr_len(FAMILY_V4), 4);
	assert_int_equal(addr_len(FAMILY_V6), 16);
	assert_int_equal(addr_bits(FAMILY_V4), 32);
	assert_int_equal(addr_bits(FAMILY_V6), 128);
	memset(&a, 0x5a, sizeof(a));
	keep = a;
	for (i = 0; i < sizeof(bad4) / sizeof(bad4[0]); i++)
		assert_int_equal(addr_parse(FAMILY_V4, bad4[i], &a), -1);
	for (i = 0; i < sizeof(bad6) / sizeof(bad6[0]); i++)
		assert_int_equal(addr_parse(FAMILY_V6, bad6[i], &a), -1);
	/* A failure leaves the caller's address alone. */
	assert_true(addr_equal(&a, &keep));

	/* The tail of an IPv4 address is zero, so that structures compare. */
	assert_int_equal(addr_parse(FAMILY_V4, "192.0.2.53", &a), 0);
	for (i = 4; i < sizeof(a.b); i++)
		assert_int_equal(a.b[i], 0);
	assert_memory_equal(a.b, "\300\000\002\065", 4);
	assert_string_equal(
	    addr_format(FAMILY_V4, &a, buf, sizeof(buf)), "192.0.2.53");
	a = test_addr(FAMILY_V6, "2001:DB8:0:0::53");
	assert_string_equal(
	    addr_format(FAMILY_V6, &a, buf, sizeof(buf)), "2001:db8::53");
	assert_string_equal(
	    addr_format(FAMILY_V6, &a, small, sizeof(small)), "");
	assert_false(addr_is_zero(&a));
	a = test_addr(FAMILY_V6, "::");
	assert_true(addr_is_zero(&a));
	a.b[15] = 1;
	assert_false(addr_is_zero(&a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_martian),
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_text),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
