/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * RFC 4884: where the objects are, which are kept, what fits into an answer.
 * The input: how the answer is to be, then what followed an ICMP header.
 */

#include <stdlib.h>
#include <string.h>

#include "engine/ext.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/packet.h"

/* Our name for a next hop must not come from somebody else. */
static void
ext_no_claim(const uint8_t *o, size_t len)
{
	size_t at = EXT_OBJ_HDR;

	if (o[2] != EXT_CLASS_IFACE || (o[3] & 0xc0) != 0xc0 ||
	    (o[3] & EXT_IFACE_NAME) == 0)
		return;
	/* Index, then family, reserved and address, then the name. */
	if (o[3] & 0x08)
		at += 4;
	if (o[3] & EXT_IFACE_ADDR)
		at += 4 + (wire_get16(o + at) == 1 ? 4U : 16U);
	FUZZ_CHECK(at + 4 <= len && at + o[at] <= len);
	if (o[at] >= 8)
		FUZZ_CHECK(memcmp(o + at + 1, "u-turn", 7) != 0);
}

static void
ext_sane(const struct ext *x)
{
	size_t i, at = 0;

	FUZZ_CHECK(x->n <= EXT_OBJECTS_MAX);
	for (i = 0; i < x->n; i++) {
		FUZZ_CHECK(x->size[i] >= 8 && x->size[i] % 4 == 0);
		FUZZ_CHECK(x->size[i] <= sizeof(x->obj) - at);
		FUZZ_CHECK(wire_get16(x->obj + at) == x->size[i]);
		FUZZ_CHECK(x->obj[at + 2] == EXT_CLASS_MPLS ||
		    x->obj[at + 2] == EXT_CLASS_IFACE);
		ext_no_claim(x->obj + at, x->size[i]);
		at += x->size[i];
	}
}

/* What was rebuilt reads back as it is. */
static void
ext_again(enum family f, const struct ext *x)
{
	uint8_t data[EXT_QUOTE + EXT_HDR + EXT_FOREIGN_MAX];
	struct ext back;
	size_t i, len = EXT_QUOTE + EXT_HDR, sum = 0;
	int zero;

	for (i = 0; i < x->n; i++)
		sum += x->size[i];
	memset(data, 0, sizeof(data));
	data[EXT_QUOTE] = 0x20;
	memcpy(data + len, x->obj, sum);
	len += sum;
	wire_put16(data + EXT_QUOTE + 2,
	    (uint16_t)~packet_add(0, data + EXT_QUOTE, len - EXT_QUOTE));
	/* By the old rule, where a sum of zero means that there is none. */
	zero = wire_get16(data + EXT_QUOTE + 2) == 0;
	ext_read(f, data, len, 0, &back);
	if (!zero)
		FUZZ_CHECK(memcmp(&back, x, sizeof(back)) == 0);
	ext_read(f, data, len, EXT_QUOTE / (f == FAMILY_V4 ? 4 : 8), &back);
	FUZZ_CHECK(memcmp(&back, x, sizeof(back)) == 0);
	/* A wrong sum gives none. */
	data[EXT_QUOTE + 1] ^= 1;
	ext_read(f, data, len, 0, &back);
	FUZZ_CHECK(back.n == 0);
}

static size_t
ext_bytes(const struct ext_room *room, uint8_t flags, size_t foreign)
{
	struct wire_answer w;

	memset(&w, 0, sizeof(w));
	w.family = room->family;
	w.probe_len = room->probe_len;
	w.foreign = foreign;
	w.with_addr = (flags & MSG_ANSWER_ADDR) != 0;
	w.with_name = (flags & MSG_ANSWER_NAME) != 0;
	w.with_rtt = (flags & MSG_ANSWER_RTT) != 0;
	return (wire_answer_len(&w));
}

/* Whole objects, from the first: with the next one, how many bytes? */
static size_t
ext_next(const struct ext *x, size_t len)
{
	size_t i, sum = 0;

	for (i = 0; i < x->n && sum < len; i++)
		sum += x->size[i];
	FUZZ_CHECK(sum == len);
	return (i < x->n ? sum + x->size[i] : 0);
}

/* Nothing is over the sum, and nothing is left out that would fit. */
static void
ext_answer(const struct ext_room *room, const struct ext *x)
{
	const uint8_t addr = MSG_ANSWER_ADDR, rtt = addr | MSG_ANSWER_RTT;
	struct msg_answer a;
	size_t budget, own, router, plain, next;
	int both = room->relay == RELAY_BOTH, forms;

	memset(&a, 0, sizeof(a));
	ext_choose(room, x, &a);
	FUZZ_CHECK(a.flags == 0 || a.flags == addr || a.flags == rtt ||
	    a.flags == (rtt | MSG_ANSWER_NAME));
	FUZZ_CHECK(memcmp(a.obj, x->obj, msg_answer_objlen(&a)) == 0);
	/* In own form nobody's object comes first but ours. */
	FUZZ_CHECK(a.own_len == 0 || a.flags != 0);

	budget = room->probe_len * (both ? 5 : 3);
	forms = both && !room->no_router;
	own = ext_bytes(room, a.flags, a.own_len);
	router = ext_bytes(room, 0, a.router_len);
	plain = forms ? ext_bytes(room, 0, 0) : 0;
	FUZZ_CHECK(own <= budget && router <= budget);
	if (forms)
		FUZZ_CHECK(own + router <= budget);

	next = ext_next(x, a.own_len);
	if (a.flags == 0)
		FUZZ_CHECK(ext_bytes(room, addr, 0) + plain > budget);
	else if (next != 0) {
		FUZZ_CHECK(a.flags == addr);
		FUZZ_CHECK(ext_bytes(room, addr, next) + plain > budget);
	} else if (a.flags == addr)
		FUZZ_CHECK(
		    ext_bytes(room, rtt, a.own_len) + (forms ? router : 0) >
		    budget);
	else if (a.flags == rtt)
		FUZZ_CHECK(own + EXT_NAME_LEN + (forms ? router : 0) > budget);

	next = ext_next(x, a.router_len);
	if (room->relay == RELAY_OWN || room->no_router)
		FUZZ_CHECK(a.router_len == 0);
	else if (next != 0)
		FUZZ_CHECK(ext_bytes(room, 0, next) +
			(forms ? ext_bytes(room, a.flags & addr, a.own_len)
			       : 0) >
		    budget);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct ext_room room;
	struct ext x;
	const uint8_t *rest;
	uint8_t *copy, how = fuzz_u8(&in), length = fuzz_u8(&in);
	size_t len, at;

	memset(&room, 0, sizeof(room));
	room.family = how & 1 ? FAMILY_V6 : FAMILY_V4;
	room.relay = (enum policy_relay)((how >> 1 & 3) % RELAY_LAST);
	room.no_router = how >> 3 & 1;
	room.probe_len =
	    (room.family == FAMILY_V6 ? 48 : 28) + fuzz_u16(&in) % 1233;
	rest = fuzz_take(&in, MSG_MATCH_DATA, &len);
	copy = fuzz_copy(rest, len);
	at = length == 0 ? EXT_QUOTE : (size_t)length * (how & 1 ? 8 : 4);
	/* The sum, unless it is the input's to get it right. */
	if ((how & 0x10) && at + EXT_HDR <= len) {
		wire_put16(copy + at + 2, 0);
		wire_put16(copy + at + 2,
		    (uint16_t)~packet_add(0, copy + at, len - at));
	}
	ext_read(room.family, copy, len, length, &x);
	free(copy);
	ext_sane(&x);
	ext_again(room.family, &x);
	ext_answer(&room, &x);
	return (0);
}
