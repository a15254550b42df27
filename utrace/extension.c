/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/wire.h"
#include "utrace/extension.h"

#define EXTENSION_VERSION 2
#define EXTENSION_WORDS   16 /* of an object that is written in hex */
/* RFC 5837 section 4.1: further bits of the type; section 4.2: families */
#define IFACE_ROLE  0xc0
#define IFACE_INDEX 0x08
#define IFACE_MTU   0x01
#define IFACE_V4    1
#define IFACE_V6    2
/* RFC 4950: the only c-type */
#define LABELS 1

/* One object's body. */
struct extension {
	uint8_t class;
	uint8_t type;
	const uint8_t *b;
	size_t len;
};

/* What an interface object says. */
struct extension_iface {
	struct hop_addr addr;
	uint32_t index;
	uint32_t mtu;
	const uint8_t *name; /* its bytes behind the length octet */
	size_t namelen;      /* without the zeros at its end */
	size_t namesize;     /* with them and the length octet; 0: none */
};

/* Where the structure begins, behind its header; 0: there is none. */
static size_t
extension_find(enum family f, const uint8_t *data, size_t len, uint8_t length)
{
	size_t at = EXT_QUOTE;
	uint16_t sum;

	if (length != 0)
		at = (size_t)length * (f == FAMILY_V4 ? 4 : 8);
	/* Section 4.5: with extensions the quote has 128 bytes or more. */
	if (at < EXT_QUOTE || at > len || len - at < EXT_HDR ||
	    data[at] >> 4 != EXTENSION_VERSION)
		return (0);
	sum = wire_get16(data + at + 2);
	if (sum == 0 && length == 0)
		return (0);
	if (sum != 0 &&
	    wire_fold(wire_sum(0, data + at, len - at)) != UINT16_MAX)
		return (0);
	return (at + EXT_HDR);
}

/* RFC 5837 section 4.3: an octet that counts itself, text, zeros. */
static int
extension_name(const struct extension *x, size_t *at, struct extension_iface *i)
{
	size_t n;

	if (x->len - *at < 1)
		return (-1);
	n = x->b[*at];
	if (n < 1 || n > x->len - *at)
		return (-1);
	i->namesize = n;
	i->name = x->b + *at + 1;
	for (i->namelen = n - 1; i->namelen > 0; i->namelen--)
		if (i->name[i->namelen - 1] != '\0')
			break;
	*at += n;
	return (0);
}

static int
extension_address(
    const struct extension *x, size_t *at, struct extension_iface *i)
{
	uint16_t family;
	size_t n;

	if (x->len - *at < 4)
		return (-1);
	family = wire_get16(x->b + *at);
	if (family != IFACE_V4 && family != IFACE_V6)
		return (-1);
	i->addr.family = family == IFACE_V4 ? FAMILY_V4 : FAMILY_V6;
	*at += 4;
	n = addr_len(i->addr.family);
	if (x->len - *at < n)
		return (-1);
	memcpy(i->addr.addr.b, x->b + *at, n);
	i->addr.known = 1;
	*at += n;
	return (0);
}

static int
extension_iface(const struct extension *x, struct extension_iface *i)
{
	size_t at = 0;

	memset(i, 0, sizeof(*i));
	if (x->class != EXT_CLASS_IFACE)
		return (-1);
	if (x->type & IFACE_INDEX) {
		if (x->len < 4)
			return (-1);
		i->index = wire_get32(x->b);
		at += 4;
	}
	if ((x->type & EXT_IFACE_ADDR) && extension_address(x, &at, i) == -1)
		return (-1);
	if ((x->type & EXT_IFACE_NAME) && extension_name(x, &at, i) == -1)
		return (-1);
	if (x->type & IFACE_MTU) {
		if (x->len - at < 4)
			return (-1);
		i->mtu = wire_get32(x->b + at);
	}
	return (0);
}

/* Our object: the next hop, and perhaps the name that only uturnd writes. */
static int
extension_router(const struct extension *x, struct object *o)
{
	struct extension_iface i;

	if (extension_iface(x, &i) == -1 ||
	    (x->type & IFACE_ROLE) != EXT_IFACE_NEXTHOP || !i.addr.known)
		return (-1);
	o->router = i.addr;
	if (i.namesize >= EXT_NAME_LEN && i.namelen == sizeof(EXT_NAME) - 1 &&
	    memcmp(i.name, EXT_NAME, i.namelen) == 0)
		o->is_signed = 1;
	return (0);
}

static int
extension_time(const struct extension *x, struct object *o)
{
	if (x->class != EXT_CLASS_RTT || x->type != EXT_CTYPE_RTT ||
	    x->len != 4 || o->has_time)
		return (-1);
	o->has_time = 1;
	o->time_us = wire_get32(x->b);
	return (0);
}

/* More printable text in extra; what does not fit whole is left out. */
static void __attribute__((format(printf, 2, 3)))
extension_text(struct object *o, const char *fmt, ...)
{
	char text[HOP_EXTRA_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (strlen(text) < sizeof(o->extra) - strlen(o->extra))
		(void)strlcat(o->extra, text, sizeof(o->extra));
}

/* "MPLS:L=51968,E=0,S=0,T=1/L=28929,..." */
static void
extension_labels(const struct extension *x, struct object *o)
{
	uint32_t v;
	size_t at;

	for (at = 0; x->len - at >= 4; at += 4) {
		v = wire_get32(x->b + at);
		extension_text(o, "%sL=%" PRIu32 ",E=%u,S=%u,T=%u",
		    at == 0 ? "MPLS:" : "/", v >> 12,
		    (unsigned int)(v >> 9 & 7), (unsigned int)(v >> 8 & 1),
		    (unsigned int)(v & 0xff));
	}
}

/* `INC:7,192.0.2.1,"eth0",mtu=1500` */
static void
extension_interface(const struct extension *x, const struct extension_iface *i,
    struct object *o)
{
	static const char *const roles[] = { "INC", "SUB", "OUT", "NXT" };
	char text[4 * UINT8_MAX + 1];
	const char *sep = ":";

	extension_text(o, "%s", roles[x->type >> 6]);
	if (x->type & IFACE_INDEX) {
		extension_text(o, "%s%" PRIu32, sep, i->index);
		sep = ",";
	}
	if (i->addr.known) {
		(void)addr_format(
		    i->addr.family, &i->addr.addr, text, sizeof(text));
		extension_text(o, "%s%s", sep, text);
		sep = ",";
	}
	if (i->namesize != 0) {
		(void)vis_line(text, sizeof(text), i->name, i->namelen);
		extension_text(o, "%s\"%s\"", sep, text);
		sep = ",";
	}
	if (x->type & IFACE_MTU)
		extension_text(o, "%smtu=%" PRIu32, sep, i->mtu);
}

static void
extension_foreign(const struct extension *x, struct object *o)
{
	struct extension_iface i;
	size_t at;

	if (o->extra[0] != '\0')
		extension_text(o, ";");
	if (x->class == EXT_CLASS_MPLS && x->type == LABELS && x->len >= 4) {
		extension_labels(x, o);
		return;
	}
	if (extension_iface(x, &i) == 0) {
		extension_interface(x, &i, o);
		return;
	}
	extension_text(o, "%u/%u", x->class, x->type);
	for (at = 0; x->len - at >= 4 && at < 4 * EXTENSION_WORDS; at += 4)
		extension_text(o, "%c%08" PRIx32, at == 0 ? ':' : ',',
		    wire_get32(x->b + at));
}

void
extension_read(enum family f, const uint8_t *data, size_t len, uint8_t length,
    struct object *o)
{
	struct extension x;
	size_t at, size;
	int first = 1;

	memset(o, 0, sizeof(*o));
	if ((at = extension_find(f, data, len, length)) == 0)
		return;
	while (len - at >= EXT_OBJ_HDR) {
		size = wire_get16(data + at);
		if (size < EXT_OBJ_HDR || size > len - at)
			break;
		x.class = data[at + 2];
		x.type = data[at + 3];
		x.b = data + at + EXT_OBJ_HDR;
		x.len = size - EXT_OBJ_HDR;
		if (extension_time(&x, o) == -1 &&
		    (!first || extension_router(&x, o) == -1))
			extension_foreign(&x, o);
		first = 0;
		at += size;
	}
	if (o->router.known && o->has_time)
		o->is_signed = 1;
}
