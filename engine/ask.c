/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/wire.h"
#include "engine/ask.h"
#include "engine/parse_int.h"

#define ASK_EXT_VERSION 2

/* What the request itself wants; its flow is the packet process's. */
static enum parse_fault
ask_fields(const struct msg_request *q, struct reader *r, struct ask *ask)
{
	uint8_t code, ipproto, type;

	if (reader_get8(r, &type) == -1 || reader_get8(r, &code) == -1 ||
	    reader_skip(r, AUGSBURG_TTL - 2) == -1 ||
	    reader_get8(r, &ask->ttl) == -1 || reader_get8(r, &ipproto) == -1 ||
	    reader_skip(r, 2) == -1)
		return (PARSE_SHORT);
	if (type !=
		(q->family == FAMILY_V4 ? ICMP4_ECHO : ICMP6_ECHO_REQUEST) ||
	    code != AUGSBURG_CODE)
		return (PARSE_PROTO);
	ask->proto = PROTO_ICMP;
	if (ask->ttl == 0 || ask->ttl > q->max_ttl)
		ask->status = AUGSBURG_BAD_TTL;
	if (ipproto == WIRE_PROTO_UDP)
		ask->proto = PROTO_UDP;
	else if (ipproto == WIRE_PROTO_TCP)
		ask->proto = PROTO_TCP;
	else if (ipproto != 0 && ask->status == AUGSBURG_OK &&
	    ipproto != wire_ipproto(q->family, PROTO_ICMP))
		ask->status = AUGSBURG_BAD_PROTO;
	return (PARSE_OK);
}

/*
 * The address of a target; IPv4 comes as IPv6.  Returns 0, or -1: not of this
 * family.
 */
static int
ask_target(
    const uint8_t target[AUGSBURG_TARGET_LEN], enum family f, struct addr *to)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memset(to, 0, sizeof(*to));
	if (f == FAMILY_V6) {
		memcpy(to->b, target, sizeof(to->b));
		return (0);
	}
	if (memcmp(target, mapped, sizeof(mapped)) != 0)
		return (-1);
	memcpy(to->b, target + sizeof(mapped), 4);
	return (0);
}

/*
 * Padding: left bytes are said to belong to it.  Those beyond the head are
 * passed over only where nothing follows.
 */
static enum parse_fault
ask_padding(struct reader *r, size_t beyond, size_t left)
{
	size_t here = reader_left(r);

	if (left > here && left - here != beyond)
		return (PARSE_OPTIONS);
	return (reader_skip(r, left < here ? left : here) == -1 ? PARSE_OPTIONS
								: PARSE_OK);
}

static enum parse_fault
ask_object(struct reader *r, size_t beyond, const struct msg_request *q,
    int first, struct ask *ask)
{
	uint8_t class, ctype, target[AUGSBURG_TARGET_LEN];
	uint16_t len;
	struct addr to;

	if (reader_get16(r, &len) == -1 || reader_get8(r, &class) == -1 ||
	    reader_get8(r, &ctype) == -1)
		return (PARSE_OPTIONS);
	if (class == AUGSBURG_CLASS_PADDING && ctype == 0) {
		if (len < EXT_OBJ_HDR)
			return (PARSE_OPTIONS);
		return (ask_padding(r, beyond, (size_t)len - EXT_OBJ_HDR));
	}
	if (class == AUGSBURG_CLASS_TARGET && ctype == 0 &&
	    len == AUGSBURG_TARGET_LEN) {
		if (reader_get(r, target, sizeof(target)) == -1)
			return (PARSE_OPTIONS);
		if (ask_target(target, q->family, &to) == -1)
			goto bad;
		/* A target that is who asks anyway is no wish. */
		if (addr_equal(&to, &ask->to))
			return (PARSE_OK);
		/* The packet process looks for it at one place only. */
		if (first && q->target) {
			ask->to = to;
			ask->other = 1;
			return (PARSE_OK);
		}
	}
bad:
	ask->status = AUGSBURG_BAD_EXT;
	ask->value = (uint16_t)(class << 8 | ctype);
	return (PARSE_OK);
}

/* The extension structure, some bytes of which may lie beyond the head. */
static enum parse_fault
ask_extension(struct reader *r, const struct msg_request *q, struct ask *ask)
{
	size_t beyond = (size_t)(q->len - q->headlen);
	enum parse_fault fault;
	uint16_t version;
	int first = 1;

	if (reader_left(r) == 0)
		return (PARSE_OK);
	if (reader_get16(r, &version) == -1 || reader_skip(r, 2) == -1 ||
	    version >> 12 != ASK_EXT_VERSION)
		return (PARSE_OPTIONS);
	/* The first thing that is wrong is told. */
	while (reader_left(r) > 0 && ask->status == AUGSBURG_OK) {
		fault = ask_object(r, beyond, q, first, ask);
		if (fault != PARSE_OK)
			return (fault);
		first = 0;
	}
	return (PARSE_OK);
}

enum parse_fault
ask_parse(const struct msg_request *q, struct ask *out)
{
	struct parse_ip ip;
	struct parse parse;
	struct ask ask;
	struct reader r;
	enum parse_fault fault;

	memset(&ask, 0, sizeof(ask));
	memset(&parse, 0, sizeof(parse));
	if (q->headlen > sizeof(q->head) || q->headlen > q->len)
		return (PARSE_DISAGREES);
	reader_init(&r, q->head, q->headlen);
	fault = parse_ip(q->family, &r, &ip, &parse);
	if (fault != PARSE_OK)
		return (fault);
	if (ip.len != q->len ||
	    ip.ipproto != wire_ipproto(q->family, PROTO_ICMP))
		return (PARSE_DISAGREES);
	ask.src = parse.src;
	ask.dst = parse.dst;
	ask.to = parse.src;
	if ((fault = ask_fields(q, &r, &ask)) != PARSE_OK ||
	    (fault = ask_extension(&r, q, &ask)) != PARSE_OK)
		return (fault);
	*out = ask;
	return (PARSE_OK);
}
