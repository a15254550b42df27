/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "engine/ext.h"
#include "engine/reader.h"

#define EXT_VERSION   2
#define EXT_LABELS    1 /* RFC 4950: the only c-type */
#define EXT_LABEL_LEN 4
/* RFC 5837 section 4.1: c-type bits that EXT_IFACE_* do not name */
#define EXT_IFACE_ROLE  0xc0
#define EXT_IFACE_INDEX 0x08
#define EXT_IFACE_MTU   0x01
#define EXT_AFI_V4      1
#define EXT_AFI_V6      2
#define EXT_NAME_MAX    64 /* its length octet included */

/* One object as it is rebuilt. */
struct ext_object {
	size_t len;
	uint8_t b[EXT_FOREIGN_MAX];
};

static uint8_t *
ext_object_add(struct ext_object *o, size_t n)
{
	uint8_t *p;

	if (n > sizeof(o->b) - o->len)
		return (NULL);
	p = o->b + o->len;
	o->len += n;
	return (p);
}

/* Copies the next n bytes as they are. */
static int
ext_object_copy(struct ext_object *o, struct reader *r, size_t n)
{
	uint8_t *p;

	p = ext_object_add(o, n);
	if (p == NULL)
		return (-1);
	return (reader_get(r, p, n));
}

/* Label stack entries, any number of them but none. */
static int
ext_labels(struct ext_object *o, struct reader *r)
{
	size_t n;

	n = reader_left(r);
	if (n == 0 || n % EXT_LABEL_LEN != 0)
		return (-1);
	return (ext_object_copy(o, r, n));
}

/* RFC 5837 section 4.2: family, reserved, address. */
static int
ext_iface_addr(struct ext_object *o, struct reader *r)
{
	uint16_t afi;
	uint8_t *p;

	if (reader_get16(r, &afi) == -1 || reader_skip(r, 2) == -1)
		return (-1);
	if (afi != EXT_AFI_V4 && afi != EXT_AFI_V6)
		return (-1);
	p = ext_object_add(o, 4);
	if (p == NULL)
		return (-1);
	wire_put16(p, afi);
	wire_put16(p + 2, 0);
	return (ext_object_copy(
	    o, r, addr_len(afi == EXT_AFI_V4 ? FAMILY_V4 : FAMILY_V6)));
}

/*
 * RFC 5837 section 4.3: a length octet that counts itself, text, zeros up to
 * a multiple of 4.  It ends up on terminals, so only printable ASCII passes.
 */
static int
ext_iface_name(struct ext_object *o, struct reader *r)
{
	uint8_t len, *p;
	size_t i, end;

	if (reader_get8(r, &len) == -1 || len < 4 || len > EXT_NAME_MAX ||
	    len % 4 != 0)
		return (-1);
	p = ext_object_add(o, len);
	if (p == NULL)
		return (-1);
	p[0] = len;
	if (reader_get(r, p + 1, (size_t)len - 1) == -1)
		return (-1);
	for (end = len; end > 1 && p[end - 1] == '\0'; end--)
		continue;
	for (i = 1; i < end; i++)
		if (p[i] < 0x20 || p[i] > 0x7e)
			return (-1);
	return (0);
}

/* Only uturnd writes this name, for a next hop: nobody may claim it. */
static int
ext_iface_claims(const uint8_t *name, uint8_t ctype)
{
	return ((ctype & EXT_IFACE_ROLE) == EXT_IFACE_NEXTHOP &&
	    memcmp(name + 1, EXT_NAME, sizeof(EXT_NAME)) == 0);
}

static int
ext_iface(struct ext_object *o, struct reader *r, uint8_t *ctype)
{
	size_t name;

	*ctype &= EXT_IFACE_ROLE | EXT_IFACE_INDEX | EXT_IFACE_ADDR |
	    EXT_IFACE_NAME | EXT_IFACE_MTU;
	if ((*ctype & EXT_IFACE_INDEX) && ext_object_copy(o, r, 4) == -1)
		return (-1);
	if ((*ctype & EXT_IFACE_ADDR) && ext_iface_addr(o, r) == -1)
		return (-1);
	name = o->len;
	if ((*ctype & EXT_IFACE_NAME) &&
	    (ext_iface_name(o, r) == -1 ||
		ext_iface_claims(o->b + name, *ctype)))
		return (-1);
	if ((*ctype & EXT_IFACE_MTU) && ext_object_copy(o, r, 4) == -1)
		return (-1);
	/* An empty one says nothing; what follows the last part is unknown. */
	if (o->len == EXT_OBJ_HDR || reader_left(r) != 0)
		return (-1);
	return (0);
}

/* Rebuilds one object.  -1: of no class that is kept, or malformed, too large.
 */
static int
ext_rebuild(
    struct ext_object *o, uint8_t class, uint8_t ctype, struct reader *body)
{
	o->len = EXT_OBJ_HDR;
	switch (class) {
	case EXT_CLASS_MPLS:
		if (ctype != EXT_LABELS || ext_labels(o, body) == -1)
			return (-1);
		break;
	case EXT_CLASS_IFACE:
		if (ext_iface(o, body, &ctype) == -1)
			return (-1);
		break;
	default:
		return (-1);
	}
	wire_put16(o->b, (uint16_t)o->len);
	o->b[2] = class;
	o->b[3] = ctype;
	return (0);
}

/* Finds the extension structure: *r then stands behind its header. */
static int
ext_find(enum family f, const uint8_t *data, size_t len, uint8_t length,
    struct reader *r)
{
	uint16_t sum;
	uint8_t version;
	size_t off;

	off = EXT_QUOTE;
	if (length != 0)
		off = (size_t)length * (f == FAMILY_V4 ? 4 : 8);
	/* Section 4.5: with extensions the quote has 128 bytes or more. */
	if (off < EXT_QUOTE || off > len)
		return (-1);
	reader_init(r, data + off, len - off);
	if (reader_get8(r, &version) == -1 || reader_skip(r, 1) == -1 ||
	    reader_get16(r, &sum) == -1)
		return (-1);
	if (version >> 4 != EXT_VERSION)
		return (-1);
	/* Zero: none was computed.  Where it must prove all, it must be there.
	 */
	if (sum == 0)
		return (length == 0 ? -1 : 0);
	return (
	    wire_fold(wire_sum(0, data + off, len - off)) == 0xffff ? 0 : -1);
}

void
ext_read(enum family f, const uint8_t *data, size_t len, uint8_t length,
    struct ext *out)
{
	struct ext_object o;
	struct ext ext;
	struct reader r, body;
	uint16_t size;
	uint8_t class, ctype;
	size_t used;

	memset(out, 0, sizeof(*out));
	memset(&ext, 0, sizeof(ext));
	if (ext_find(f, data, len, length, &r) == -1)
		return;
	used = 0;
	while (reader_left(&r) > 0) {
		if (reader_get16(&r, &size) == -1 ||
		    reader_get8(&r, &class) == -1 ||
		    reader_get8(&r, &ctype) == -1)
			return;
		/* Section 7: whole words, at least the header. */
		if (size < EXT_OBJ_HDR || size % 4 != 0 ||
		    reader_sub(&r, (size_t)size - EXT_OBJ_HDR, &body) == -1)
			return;
		if (ext_rebuild(&o, class, ctype, &body) == -1 ||
		    o.len > sizeof(ext.obj) - used || ext.n == EXT_OBJECTS_MAX)
			continue;
		memcpy(ext.obj + used, o.b, o.len);
		used += o.len;
		ext.size[ext.n++] = o.len;
	}
	*out = ext;
}

/* Bytes of an answer in own form, or with no flags and in router form. */
static size_t
ext_len(const struct ext_room *room, uint8_t flags, size_t foreign)
{
	struct wire_answer a;

	memset(&a, 0, sizeof(a));
	a.family = room->family;
	a.probe_len = room->probe_len;
	a.foreign = foreign;
	a.with_addr = (flags & MSG_ANSWER_ADDR) != 0;
	a.with_name = (flags & MSG_ANSWER_NAME) != 0;
	a.with_rtt = (flags & MSG_ANSWER_RTT) != 0;
	return (wire_answer_len(&a));
}

/* The most objects, from the first, with which an answer has up to max bytes;
 * *n: how many.  Returns their bytes. */
static size_t
ext_take(const struct ext_room *room, const struct ext *ext, uint8_t flags,
    size_t max, size_t *n)
{
	size_t sum;

	sum = 0;
	for (*n = 0; *n < ext->n; (*n)++) {
		if (ext_len(room, flags, sum + ext->size[*n]) > max)
			break;
		sum += ext->size[*n];
	}
	return (sum);
}

/* What the sum leaves to one form beside the other's bytes. */
static size_t
ext_rest(size_t budget, size_t other)
{
	return (budget > other ? budget - other : 0);
}

/* The parts of own form that are left out before any foreign object. */
static uint8_t
ext_extras(
    const struct ext_room *room, uint8_t flags, size_t foreign, size_t max)
{
	if (ext_len(room, flags | MSG_ANSWER_RTT, foreign) > max)
		return (flags);
	flags |= MSG_ANSWER_RTT;
	/* It is always the same, so it is the first to be left out. */
	if (ext_len(room, flags | MSG_ANSWER_NAME, foreign) <= max)
		flags |= MSG_ANSWER_NAME;
	return (flags);
}

void
ext_choose(
    const struct ext_room *room, const struct ext *ext, struct msg_answer *out)
{
	size_t budget, max, n, own, router, unused;
	uint8_t flags;
	int share, is_router;

	is_router = room->relay != RELAY_OWN && !room->no_router;
	/* Two answers, one sum; else there is only one of the two. */
	share = room->relay == RELAY_BOTH && is_router;
	budget = wire_answer_budget(room->probe_len, room->relay == RELAY_BOTH);

	flags = 0;
	n = own = router = 0;
	/* Router form has at least no objects. */
	max = share ? ext_rest(budget, ext_len(room, 0, 0)) : budget;
	/* In own form ours must come first, or another's would pass for it. */
	if (ext_len(room, MSG_ANSWER_ADDR, 0) <= max) {
		flags = MSG_ANSWER_ADDR;
		own = ext_take(room, ext, flags, max, &n);
	}
	if (is_router) {
		max = share ? ext_rest(budget, ext_len(room, flags, own))
			    : budget;
		router = ext_take(room, ext, 0, max, &unused);
	}
	max = share ? ext_rest(budget, ext_len(room, 0, router)) : budget;
	if (flags != 0 && n == ext->n)
		flags = ext_extras(room, flags, own, max);

	out->flags = flags;
	out->own_len = (uint8_t)own;
	out->router_len = (uint8_t)router;
	memset(out->obj, 0, sizeof(out->obj));
	memcpy(out->obj, ext->obj, msg_answer_objlen(out));
}
