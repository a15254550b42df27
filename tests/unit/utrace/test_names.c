/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "utrace/astable.h"
#include "utrace/names.h"
#include "utrace/reader.h"

static struct hop_addr
address(const char *text)
{
	struct hop_addr a;

	memset(&a, 0, sizeof(a));
	assert_int_equal(hop_addr_parse(text, strlen(text), &a), 0);
	return (a);
}

static struct astable *
table(const char *text, char *why, size_t len)
{
	struct astable *t;
	FILE *fp;

	fp = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	assert_non_null(fp);
	t = astable_read(fp, why, len);
	fclose(fp);
	return (t);
}

static uint32_t
find(const struct astable *t, const char *text)
{
	struct hop_addr a = address(text);

	return (astable_find(t, &a));
}

static void
astable_longest(void **state)
{
	struct astable *t;
	char why[128];

	(void)state;
	t = table("# a comment\n\n192.0.2.0/24 64500\n"
		  "192.0.2.128/25\tAS64501 name, left out\n"
		  " 2001:db8::/32 4294967295\n2001:db8:1::/48 64503\r\n"
		  "192.0.2.255/32 64502#\n198.51.100.77/24 64504",
	    why, sizeof(why));
	assert_non_null(t);
	assert_int_equal(find(t, "192.0.2.1"), 64500);
	assert_int_equal(find(t, "192.0.2.128"), 64501);
	assert_int_equal(find(t, "192.0.2.255"), 64502);
	assert_int_equal(find(t, "192.0.3.1"), 0);
	/* Bits behind the prefix do not count. */
	assert_int_equal(find(t, "198.51.100.1"), 64504);
	assert_int_equal(find(t, "2001:db8::1"), 4294967295U);
	assert_int_equal(find(t, "2001:db8:1::1"), 64503);
	assert_int_equal(find(t, "2001:db9::1"), 0);
	astable_free(t);
	assert_int_equal(find(NULL, "192.0.2.1"), 0);
	t = table("0.0.0.0/0 1\n", why, sizeof(why));
	assert_non_null(t);
	assert_int_equal(find(t, "203.0.113.1"), 1);
	assert_int_equal(find(t, "2001:db8::1"), 0);
	astable_free(t);
}

static void
astable_faults(void **state)
{
	static const char *const bad[] = { "192.0.2.0 64500",
		"192.0.2.0/33 64500", "192.0.2.0/24", "192.0.2.0/24 x",
		"192.0.2.0/24 4294967296", "192.0.2.0/24 64500x",
		"2001:db8::/129 1", "x/24 1", "/24 1", "192.0.2.0/ 1",
		"192.0.2.0/24/25 1" };
	char text[128], why[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "10.0.0.0/8 1\n%s\n", bad[i]);
		assert_null(table(text, why, sizeof(why)));
		assert_int_equal(strncmp(why, "line 2: ", 8), 0);
	}
}

static void
names_origins(void **state)
{
	struct hop_addr a = address("203.0.113.1");
	char name[128];

	(void)state;
	assert_string_equal(names_origin(&a, name, sizeof(name)),
	    "1.113.0.203.origin.asn.cymru.com");
	a = address("2001:db8:12::f");
	assert_string_equal(names_origin(&a, name, sizeof(name)),
	    "f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.1.0.0.8.b.d.0.1.0.0.2."
	    "origin6.asn.cymru.com");
}

static uint32_t
origin(const char *text)
{
	return (names_origin_parse((const uint8_t *)text, strlen(text)));
}

static void
names_origin_texts(void **state)
{
	(void)state;
	assert_int_equal(origin("64500 | 192.0.2.0/24 | ZZ | x | 2010"), 64500);
	assert_int_equal(origin("64500 64501 | 192.0.2.0/24"), 64500);
	assert_int_equal(origin("64500|"), 64500);
	assert_int_equal(origin("64500"), 0);
	assert_int_equal(origin(""), 0);
	assert_int_equal(origin(" 64500 |"), 0);
	assert_int_equal(origin("NA | 192.0.2.0/24"), 0);
	assert_int_equal(origin("4294967296 |"), 0);
	assert_int_equal(origin("99999999999999999999999 |"), 0);
}

/* One question, one answer, kept; then a resolver that is gone. */
static void
names_asks(void **state)
{
	static struct names n;
	struct hop_addr a = address("192.0.2.1"), b = address("192.0.2.2");
	struct names_reply reply;
	int ask[2], answer[2];

	(void)state;
	assert_int_equal(pipe(ask), 0);
	assert_int_equal(pipe(answer), 0);
	names_init(&n, ask[1], answer[0]);
	memset(&reply, 0, sizeof(reply));
	strcpy(reply.name, "r1.example");
	assert_int_equal(reader_put(answer[1], &reply, sizeof(reply)), 1);
	names_ask(&n, &a, NAMES_NAME, &reply);
	assert_string_equal(reply.name, "r1.example");
	names_ask(&n, &a, NAMES_NAME, &reply);
	assert_string_equal(reply.name, "r1.example");
	/* Bytes that it must not send. */
	strcpy(reply.name, "\033[31m");
	assert_int_equal(reader_put(answer[1], &reply, sizeof(reply)), 1);
	names_ask(&n, &b, NAMES_NAME, &reply);
	assert_string_equal(reply.name, "");
	assert_int_equal(n.gave_up, NAMES_LOST);
	names_ask(&n, &a, NAMES_NAME, &reply);
	assert_string_equal(reply.name, "r1.example");

	/* One that says nothing is waited for only so long. */
	names_init(&n, ask[1], answer[0]);
	n.left = 1000000;
	names_ask(&n, &b, NAMES_NAME, &reply);
	assert_string_equal(reply.name, "");
	assert_int_equal(n.gave_up, NAMES_SLOW);
	assert_int_equal(n.left, 0);

	names_init(&n, ask[1], answer[0]);
	close(answer[1]);
	names_ask(&n, &b, NAMES_NAME, &reply);
	assert_int_equal(n.gave_up, NAMES_LOST);
	close(ask[0]);
	close(ask[1]);
	close(answer[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(astable_longest),
		cmocka_unit_test(astable_faults),
		cmocka_unit_test(names_origins),
		cmocka_unit_test(names_origin_texts),
		cmocka_unit_test(names_asks),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
