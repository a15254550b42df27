/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "uturnd/confvalue.h"

#define CONFVALUE_NS_MAX (UINT64_C(366) * 24 * 3600 * 1000000000)

struct confvalue_unit {
	const char *name;
	uint64_t ns;
};

/* The largest first, as printing wants it. */
static const struct confvalue_unit confvalue_units[] = {
	{ "h", UINT64_C(3600000000000) },
	{ "m", UINT64_C(60000000000) },
	{ "s", UINT64_C(1000000000) },
	{ "ms", UINT64_C(1000000) },
};

#define CONFVALUE_UNITS (sizeof(confvalue_units) / sizeof(confvalue_units[0]))

static int
confvalue_digit(char c, unsigned int base, unsigned int *digit)
{
	if (c >= '0' && c <= '9')
		*digit = (unsigned int)(c - '0');
	else if (base == 16 && c >= 'a' && c <= 'f')
		*digit = (unsigned int)(c - 'a') + 10;
	else if (base == 16 && c >= 'A' && c <= 'F')
		*digit = (unsigned int)(c - 'A') + 10;
	else
		return (-1);
	return (0);
}

/* Reads digits up to the first other character; at least one, at most max. */
static int
confvalue_digits(
    const char **text, unsigned int base, uint64_t max, uint64_t *out)
{
	const char *s = *text;
	unsigned int digit;
	uint64_t n = 0;

	if (confvalue_digit(*s, base, &digit) == -1)
		return (-1);
	for (; confvalue_digit(*s, base, &digit) == 0; s++) {
		if (digit > max || n > (max - digit) / base)
			return (-1);
		n = n * base + digit;
	}
	*text = s;
	*out = n;
	return (0);
}

int
confvalue_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t n;

	if (confvalue_digits(&text, 10, max, &n) == -1 || *text != '\0' ||
	    n < min)
		return (-1);
	*out = n;
	return (0);
}

int
confvalue_duration(const char *text, uint64_t *out)
{
	uint64_t n;
	size_t i;

	if (confvalue_digits(&text, 10, CONFVALUE_NS_MAX, &n) == -1)
		return (-1);
	for (i = 0; i < CONFVALUE_UNITS; i++) {
		if (strcmp(text, confvalue_units[i].name) != 0)
			continue;
		if (n > CONFVALUE_NS_MAX / confvalue_units[i].ns)
			return (-1);
		*out = n * confvalue_units[i].ns;
		return (0);
	}
	return (-1);
}

const char *
confvalue_duration_format(uint64_t ns, char *buf, size_t len)
{
	const struct confvalue_unit *u;
	size_t i;

	for (i = 0; i + 1 < CONFVALUE_UNITS; i++)
		if (ns != 0 && ns % confvalue_units[i].ns == 0)
			break;
	u = &confvalue_units[i];
	(void)snprintf(buf, len, "%" PRIu64 "%s", ns / u->ns, u->name);
	return (buf);
}

int
confvalue_rate(const char *text, uint64_t min, uint64_t max, uint32_t *out)
{
	uint64_t n;

	if (confvalue_digits(&text, 10, max, &n) == -1 || n < min ||
	    strcmp(text, "/s") != 0)
		return (-1);
	*out = (uint32_t)n;
	return (0);
}

int
confvalue_ports(const char *text, uint16_t *lo, uint16_t *hi)
{
	uint64_t a, b;

	if (confvalue_digits(&text, 10, UINT16_MAX, &a) == -1)
		return (-1);
	b = a;
	if (*text == ':') {
		text++;
		if (confvalue_digits(&text, 10, UINT16_MAX, &b) == -1)
			return (-1);
	}
	if (*text != '\0' || a == 0 || b < a)
		return (-1);
	*lo = (uint16_t)a;
	*hi = (uint16_t)b;
	return (0);
}

static int
confvalue_bits(const char **text, uint32_t *out)
{
	unsigned int base = 10;
	uint64_t n;

	if (strncmp(*text, "0x", 2) == 0) {
		*text += 2;
		base = 16;
	}
	if (confvalue_digits(text, base, UINT32_MAX, &n) == -1)
		return (-1);
	*out = (uint32_t)n;
	return (0);
}

int
confvalue_mark(const char *text, uint32_t *mark, uint32_t *mask)
{
	uint32_t a, b = UINT32_MAX;

	if (confvalue_bits(&text, &a) == -1)
		return (-1);
	if (*text == '/') {
		text++;
		if (confvalue_bits(&text, &b) == -1)
			return (-1);
	}
	if (*text != '\0')
		return (-1);
	*mark = a;
	*mask = b;
	return (0);
}

int
confvalue_addr(const char *text, enum family *family, struct addr *addr)
{
	if (addr_parse(FAMILY_V4, text, addr) == 0)
		*family = FAMILY_V4;
	else if (addr_parse(FAMILY_V6, text, addr) == 0)
		*family = FAMILY_V6;
	else
		return (-1);
	return (0);
}

int
confvalue_prefix(
    const char *text, enum family *family, struct addr *addr, uint8_t *len)
{
	char buf[ADDR_TEXT_MAX];
	const char *slash;
	struct addr a;
	enum family f;
	uint64_t n;
	size_t alen;

	slash = strchr(text, '/');
	alen = slash == NULL ? strlen(text) : (size_t)(slash - text);
	if (alen >= sizeof(buf))
		return (-1);
	memcpy(buf, text, alen);
	buf[alen] = '\0';
	if (confvalue_addr(buf, &f, &a) == -1)
		return (-1);
	n = addr_bits(f);
	if (slash != NULL &&
	    confvalue_number(slash + 1, 0, addr_bits(f), &n) == -1)
		return (-1);
	*family = f;
	*addr = a;
	*len = (uint8_t)n;
	return (0);
}
