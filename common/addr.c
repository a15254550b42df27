/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <arpa/inet.h>

#include <string.h>

#include "common/addr.h"

/* A prefix in the tables below; bytes past the prefix are zero. */
struct addr_prefix {
	uint8_t b[16];
	uint8_t len;
};

static const struct addr_prefix martian4[] = {
	{ { 0 }, 8 }, { { 127 }, 8 }, { { 169, 254 }, 16 },
	{ { 224 }, 3 }, /* multicast, reserved, limited broadcast */
};
static const struct addr_prefix martian6[] = {
	{ { 0 }, 96 }, /* ::, ::1 and v4-compatible */
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 },
	{ { 0xfe, 0x80 }, 10 },
	{ { 0xff }, 8 },
};
static const struct addr_prefix private4[] = {
	{ { 10 }, 8 },
	{ { 172, 16 }, 12 },
	{ { 192, 168 }, 16 },
	{ { 100, 64 }, 10 },
};
static const struct addr_prefix private6[] = {
	{ { 0xfc }, 7 },
};

static int
addr_in_table(const struct addr *a, const struct addr_prefix *t, size_t n)
{
	struct addr p;
	size_t i;

	for (i = 0; i < n; i++) {
		memcpy(p.b, t[i].b, sizeof(p.b));
		/* No table prefix is longer than its family's addresses. */
		if (addr_in_prefix(FAMILY_V6, a, &p, t[i].len))
			return (1);
	}
	return (0);
}

size_t
addr_len(enum family f)
{
	return (f == FAMILY_V4 ? 4 : 16);
}

unsigned int
addr_bits(enum family f)
{
	return (f == FAMILY_V4 ? 32 : 128);
}

int
addr_is_zero(const struct addr *a)
{
	static const struct addr zero;

	return (addr_equal(a, &zero));
}

int
addr_in_prefix(enum family f, const struct addr *a, const struct addr *prefix,
    unsigned int plen)
{
	unsigned int whole, rest;
	uint8_t mask;

	if (plen > addr_bits(f))
		return (0);
	whole = plen / 8;
	rest = plen % 8;
	if (memcmp(a->b, prefix->b, whole) != 0)
		return (0);
	if (rest == 0)
		return (1);
	mask = (uint8_t)(0xff << (8 - rest));
	return (((a->b[whole] ^ prefix->b[whole]) & mask) == 0);
}

void
addr_mask(enum family f, struct addr *a, unsigned int plen)
{
	unsigned int whole, rest;

	if (plen >= addr_bits(f))
		return;
	whole = plen / 8;
	rest = plen % 8;
	if (rest != 0) {
		a->b[whole] &= (uint8_t)(0xff << (8 - rest));
		whole++;
	}
	memset(a->b + whole, 0, sizeof(a->b) - whole);
}

int
addr_is_martian(enum family f, const struct addr *a)
{
	if (f == FAMILY_V4)
		return (addr_in_table(
		    a, martian4, sizeof(martian4) / sizeof(martian4[0])));
	return (
	    addr_in_table(a, martian6, sizeof(martian6) / sizeof(martian6[0])));
}

int
addr_is_private(enum family f, const struct addr *a)
{
	if (f == FAMILY_V4)
		return (addr_in_table(
		    a, private4, sizeof(private4) / sizeof(private4[0])));
	return (
	    addr_in_table(a, private6, sizeof(private6) / sizeof(private6[0])));
}

int
addr_parse(enum family f, const char *text, struct addr *a)
{
	struct addr r;

	memset(&r, 0, sizeof(r));
	if (inet_pton(f == FAMILY_V4 ? AF_INET : AF_INET6, text, r.b) != 1)
		return (-1);
	*a = r;
	return (0);
}

const char *
addr_format(enum family f, const struct addr *a, char *buf, size_t buflen)
{
	if (buflen == 0)
		return (buf);
	if (inet_ntop(f == FAMILY_V4 ? AF_INET : AF_INET6, a->b, buf,
		(socklen_t)buflen) == NULL)
		buf[0] = '\0';
	return (buf);
}
