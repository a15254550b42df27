/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/log.h"
#include "common/wire.h"
#include "utrace/object.h"

/* Words of an object in hex: as many as RFC 5837 lets an object have. */
#define OBJECT_WORDS 32
/* RFC 5837 section 4.1: further bits of the type. */
#define OBJECT_ROLE  0xc0
#define OBJECT_INDEX 0x08

/* A position in text that is read from left to right. */
struct object_text {
	const char *p;
	size_t len;
};

size_t
object_end(const char *text, size_t len, char until)
{
	int quoted = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (text[i] == '"')
			quoted = !quoted;
		else if (text[i] == until && !quoted)
			return (i);
	}
	/* A quote that never closes must not swallow the rest of the line. */
	if (quoted)
		for (i = 0; i < len; i++)
			if (text[i] == until)
				return (i);
	return (len);
}

static int
object_skip(struct object_text *t, char c)
{
	if (t->len == 0 || t->p[0] != c)
		return (-1);
	t->p++;
	t->len--;
	return (0);
}

/* A decimal number of 1 to 3 digits, at most 255. */
static int
object_byte(struct object_text *t, unsigned int *v)
{
	size_t n;

	*v = 0;
	for (n = 0; n < t->len && n < 3; n++) {
		if (t->p[n] < '0' || t->p[n] > '9')
			break;
		*v = *v * 10 + (unsigned int)(t->p[n] - '0');
	}
	t->p += n;
	t->len -= n;
	return (n == 0 || *v > UINT8_MAX ? -1 : 0);
}

static int
object_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	return (-1);
}

/* Words of eight hex digits, ',' between, up to the end of the text. */
static int
object_words(struct object_text *t, uint8_t *out, size_t *outlen)
{
	size_t i, n = 0;
	int hi, lo;

	for (;;) {
		if (t->len < 8 || n == OBJECT_WORDS)
			return (-1);
		for (i = 0; i < 4; i++) {
			hi = object_digit(t->p[2 * i]);
			lo = object_digit(t->p[2 * i + 1]);
			if (hi == -1 || lo == -1)
				return (-1);
			out[4 * n + i] = (uint8_t)(hi << 4 | lo);
		}
		t->p += 8;
		t->len -= 8;
		n++;
		if (t->len == 0)
			break;
		if (object_skip(t, ',') == -1)
			return (-1);
	}
	*outlen = n * 4;
	return (0);
}

/* Is this uturnd's name, with the length before it and zeros behind? */
static int
object_is_name(const uint8_t *b, size_t len)
{
	static const char name[] = EXT_NAME;

	return (len >= EXT_NAME_LEN && b[0] == EXT_NAME_LEN &&
	    memcmp(b + 1, name, sizeof(name)) == 0);
}

/* The address (and the name) of an interface object. */
static int
object_iface(unsigned int type, const uint8_t *b, size_t len, struct object *o)
{
	struct hop_addr a;
	size_t n, at = 0;

	if ((type & OBJECT_ROLE) != EXT_IFACE_NEXTHOP ||
	    !(type & EXT_IFACE_ADDR))
		return (-1);
	memset(&a, 0, sizeof(a));
	if (type & OBJECT_INDEX)
		at += 4;
	if (len < at + 4)
		return (-1);
	/* Section 4.2: 1 is IPv4, 2 is IPv6. */
	if (wire_get16(b + at) == 1)
		a.family = FAMILY_V4;
	else if (wire_get16(b + at) == 2)
		a.family = FAMILY_V6;
	else
		return (-1);
	at += 4;
	n = addr_len(a.family);
	if (len - at < n)
		return (-1);
	memcpy(a.addr.b, b + at, n);
	a.known = 1;
	at += n;
	o->router = a;
	if ((type & EXT_IFACE_NAME) && object_is_name(b + at, len - at))
		o->is_signed = 1;
	return (0);
}

/* "2/196:00010000,cb007101" */
static int
object_hex(struct object_text t, int first, struct object *o)
{
	uint8_t b[OBJECT_WORDS * 4];
	unsigned int class, type;
	size_t len;

	if (object_byte(&t, &class) == -1 || object_skip(&t, '/') == -1 ||
	    object_byte(&t, &type) == -1 || object_skip(&t, ':') == -1 ||
	    object_words(&t, b, &len) == -1)
		return (-1);
	if (class == EXT_CLASS_IFACE && first)
		return (object_iface(type, b, len, o));
	if (class == EXT_CLASS_RTT && type == EXT_CTYPE_RTT && len == 4 &&
	    !o->has_time) {
		o->has_time = 1;
		o->time_us = wire_get32(b);
		return (0);
	}
	return (-1);
}

/* `NXT:203.0.113.1,"u-turn"`; an index may stand before the address. */
static int
object_next(struct object_text t, struct object *o)
{
	static const char role[] = "NXT:", name[] = "\"" EXT_NAME "\"";
	struct hop_addr a;
	size_t n;
	int i;

	if (t.len < sizeof(role) - 1 ||
	    memcmp(t.p, role, sizeof(role) - 1) != 0)
		return (-1);
	t.p += sizeof(role) - 1;
	t.len -= sizeof(role) - 1;
	memset(&a, 0, sizeof(a));
	for (i = 0; i < 2 && !a.known; i++) {
		n = object_end(t.p, t.len, ',');
		(void)hop_addr_parse(t.p, n, &a);
		t.p += n;
		t.len -= n;
		(void)object_skip(&t, ',');
	}
	if (!a.known)
		return (-1);
	o->router = a;
	n = object_end(t.p, t.len, ',');
	if (n == sizeof(name) - 1 && memcmp(t.p, name, n) == 0)
		o->is_signed = 1;
	return (0);
}

static void
object_keep(struct object *o, const char *text, size_t len)
{
	size_t at = strlen(o->extra);

	if (len == 0)
		return;
	if (at != 0 && at + 1 < sizeof(o->extra))
		o->extra[at++] = ';';
	(void)vis_line(o->extra + at, sizeof(o->extra) - at, text, len);
}

void
object_parse(const char *text, size_t len, struct object *o)
{
	struct object_text t;
	size_t n, at = 0;
	int first = 1;

	memset(o, 0, sizeof(*o));
	while (at < len) {
		n = object_end(text + at, len - at, ';');
		t.p = text + at;
		t.len = n;
		if (object_hex(t, first, o) == -1 &&
		    (!first || object_next(t, o) == -1))
			object_keep(o, t.p, t.len);
		first = 0;
		at += n;
		if (at < len)
			at++;
	}
	if (o->router.known && o->has_time)
		o->is_signed = 1;
}
