/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "engine/ext.h"
#include "tests/unit/engine/packets.h"

/* Two label stack entries: 16004 and 99, as scapy writes them. */
#define MPLS "000c010103e8420100063101"
/* Incoming interface 7, 203.0.113.5, "xe-0/0/1", MTU 1500. */
#define IFACE                              \
	"0020020f0000000700010000cb007105" \
	"0c78652d302f302f31000000000005dc"
/* Outgoing interface with an IPv6 address alone. */
#define IFACE6             \
	"0018028400020000" \
	"20010db8000000000000000000000001"
/* A class that nobody knows. */
#define FOREIGN "0008f701deadbeef"

struct error {
	uint8_t b[MSG_MATCH_DATA];
	size_t len;
};

/* A quote of n bytes, a header with a good checksum, objects. */
static void
error_make(struct error *e, size_t quote, const char *objects)
{
	size_t len;

	memset(e, 0, sizeof(*e));
	memset(e->b, 0x5a, quote);
	e->b[quote] = 0x20;
	len = packet_bytes(objects, e->b + quote + 4, sizeof(e->b) - quote - 4);
	e->len = quote + 4 + len;
	wire_put16(e->b + quote + 2,
	    (uint16_t)~wire_fold(wire_sum(0, e->b + quote, 4 + len)));
}

/* What is kept must be these objects, byte by byte. */
static void
expect_of(enum family f, const struct error *e, uint8_t length,
    const char *objects, int line)
{
	uint8_t want[256];
	struct ext ext;
	size_t i, len, sum;

	len = packet_bytes(objects, want, sizeof(want));
	ext_read(f, e->b, e->len, length, &ext);
	sum = 0;
	for (i = 0; i < ext.n; i++)
		sum += ext.size[i];
	if (sum != len || memcmp(ext.obj, want, len) != 0)
		fail_msg("line %d: %zu bytes in %zu objects", line, sum, ext.n);
}
#define EXPECT(f, e, length, objects) \
	expect_of((f), (e), (length), (objects), __LINE__)

static void
test_locate(void **state)
{
	struct error e;

	(void)state;
	error_make(&e, 128, MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	EXPECT(FAMILY_V6, &e, 16, MPLS);
	/* The unit is the family's. */
	EXPECT(FAMILY_V4, &e, 16, "");
	EXPECT(FAMILY_V6, &e, 32, "");
	EXPECT(FAMILY_V4, &e, 31, "");
	EXPECT(FAMILY_V4, &e, 255, "");
	/* Old routers leave the length out. */
	EXPECT(FAMILY_V4, &e, 0, MPLS);
	EXPECT(FAMILY_V6, &e, 0, MPLS);
	/* A longer quote. */
	error_make(&e, 160, MPLS);
	EXPECT(FAMILY_V4, &e, 40, MPLS);
	EXPECT(FAMILY_V6, &e, 20, MPLS);
	EXPECT(FAMILY_V4, &e, 0, "");
	/* A quote too short for extensions. */
	error_make(&e, 64, MPLS);
	EXPECT(FAMILY_V4, &e, 16, "");
	/* No checksum: allowed, but not where it has to prove all. */
	error_make(&e, 128, MPLS);
	wire_put16(e.b + 130, 0);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	EXPECT(FAMILY_V4, &e, 0, "");
	/* Other versions. */
	error_make(&e, 128, "");
	EXPECT(FAMILY_V4, &e, 32, "");
	e.b[128] = 0x10;
	wire_put16(e.b + 130, 0);
	memcpy(e.b + 132, "\x00\x08\x01\x01\x03\xe8\x42\x01", 8);
	e.len = 140;
	EXPECT(FAMILY_V4, &e, 32, "");
	e.b[128] = 0x20;
	EXPECT(FAMILY_V4, &e, 32, "0008010103e84201");
}

static void
test_objects(void **state)
{
	struct error e;

	(void)state;
	error_make(&e, 128, MPLS IFACE);
	EXPECT(FAMILY_V4, &e, 32, MPLS IFACE);
	error_make(&e, 128, FOREIGN MPLS FOREIGN);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, IFACE6);
	EXPECT(FAMILY_V6, &e, 16, IFACE6);
	/* More than 64 bytes: whole objects only, and later ones that fit. */
	error_make(&e, 128, IFACE IFACE6 MPLS "0008010103e84201");
	EXPECT(FAMILY_V4, &e, 32, IFACE IFACE6 "0008010103e84201");
	error_make(&e, 128, IFACE IFACE IFACE6);
	EXPECT(FAMILY_V4, &e, 32, IFACE IFACE);
	/* Labels: none, another c-type, not whole ones. */
	error_make(&e, 128, "00040101" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, "0008010203e84201" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	/* Reserved bits are cleared. */
	error_make(&e, 128, "000c023400011234cb007105");
	EXPECT(FAMILY_V4, &e, 32, "000c020400010000cb007105");
	/* Interface objects that are not what their c-type says. */
	error_make(&e, 128, "00040200" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, "000c020400030000cb007105" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, "000c020400020000cb007105" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, "0010020400010000cb00710500000000" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, "0008020800000007");
	EXPECT(FAMILY_V4, &e, 32, "0008020800000007");
	/* All 64 bytes by one object of labels; 68 are too many. */
	error_make(&e, 128,
	    "00400101"
	    "0000000100000001000000010000000100000001"
	    "0000000100000001000000010000000100000001"
	    "0000000100000001000000010000000100000101");
	EXPECT(FAMILY_V4, &e, 32,
	    "00400101"
	    "0000000100000001000000010000000100000001"
	    "0000000100000001000000010000000100000001"
	    "0000000100000001000000010000000100000101");
	error_make(&e, 128,
	    "00440101"
	    "0000000100000001000000010000000100000001"
	    "0000000100000001000000010000000100000001"
	    "000000010000000100000001000000010000000100000101" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
}

static void
test_names(void **state)
{
	struct error e;

	(void)state;
	error_make(&e, 128, "0008020204616263");
	EXPECT(FAMILY_V4, &e, 32, "0008020204616263");
	error_make(&e, 128, "0008020204610000");
	EXPECT(FAMILY_V4, &e, 32, "0008020204610000");
	/* Length 0, not a multiple of 4, over the end, above 64. */
	error_make(&e, 128, "0008020200616263" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, "0008020203616263" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, "0008020208616263" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, "0008020244616263" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	/* Bytes that a terminal would act on; text behind the padding. */
	error_make(&e, 128, "00080202041b5b41" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, "0008020204610063" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
}

/* Nobody else may claim to be what our own object says. */
static void
test_claims(void **state)
{
	struct error e;

	(void)state;
	error_make(&e, 128, "000c02c208752d7475726e00" MPLS);
	EXPECT(FAMILY_V4, &e, 32, MPLS);
	error_make(&e, 128, "000c020208752d7475726e00");
	EXPECT(FAMILY_V4, &e, 32, "000c020208752d7475726e00");
	error_make(&e, 128, "000c02c208752d7475726f00");
	EXPECT(FAMILY_V4, &e, 32, "000c02c208752d7475726f00");
}

/* Objects whose lengths lead nowhere: nothing at all is kept. */
static void
test_malformed(void **state)
{
	static const char *const objects[] = {
		MPLS "0000010103e84201", /* length 0 */
		MPLS "0003010103e84201", /* less than a header */
		MPLS "0006010103e84201", /* no multiple of 4 */
		MPLS "0006f701aaaa"
		     "0006f701bbbb",
		MPLS "000c010103e84201", /* over the end */
		MPLS "fffc010103e84201",
		MPLS "0008", /* half a header */
		MPLS "000801",
	};
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		error_make(&e, 128, objects[i]);
		EXPECT(FAMILY_V4, &e, 32, "");
	}
}

/* Cut at each byte, with the checksum made good and with none. */
static void
test_truncated(void **state)
{
	struct error whole, e;
	struct ext ext;
	size_t len;

	(void)state;
	error_make(&whole, 128, MPLS IFACE);
	for (len = 0; len < whole.len; len++) {
		e = whole;
		e.len = len;
		/* Nothing behind the end may matter. */
		memset(e.b + len, 0xff, sizeof(e.b) - len);
		if (len >= 132) {
			wire_put16(e.b + 130, 0);
			wire_put16(e.b + 130,
			    (uint16_t)~wire_fold(
				wire_sum(0, e.b + 128, len - 128)));
		}
		ext_read(FAMILY_V4, e.b, e.len, 32, &ext);
		assert_int_equal(ext.n, len == 132 + 12);
		ext_read(FAMILY_V4, e.b, e.len, 0, &ext);
		assert_int_equal(ext.n, len == 132 + 12);
	}
}

/* Each flipped bit of header or objects breaks the checksum. */
static void
test_flips(void **state)
{
	struct error e;
	struct ext ext;
	size_t bit;

	(void)state;
	error_make(&e, 128, MPLS IFACE);
	for (bit = 8U * 128; bit < 8U * e.len; bit++) {
		e.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ext_read(FAMILY_V4, e.b, e.len, 32, &ext);
		assert_int_equal(ext.n, 0);
		/* And without one nothing leads out of the bytes. */
		wire_put16(e.b + 130, 0);
		ext_read(FAMILY_V4, e.b, e.len, 32, &ext);
		error_make(&e, 128, MPLS IFACE);
	}
	EXPECT(FAMILY_V4, &e, 32, MPLS IFACE);
}

/*
 * What fits: the figures of a 60-byte probe and its neighbours.  v4: 20 + 8 +
 * 128 + 4 and 12 of our object make 172, the name 180; objects 12, 32.
 */
static const struct {
	enum family family;
	enum policy_relay relay;
	size_t probe_len;
	int no_router;
	const char *objects;
	uint8_t flags;
	size_t own_len;
	size_t router_len;
} fits[] = {
#define A     MSG_ANSWER_ADDR
#define N     MSG_ANSWER_NAME
#define R     MSG_ANSWER_RTT
#define LABEL "0008010103e84201"
	/* object and time, or object and one label: 180 either way */
	{ FAMILY_V4, RELAY_OWN, 60, 0, "", A | R, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 62, 0, "", A | R, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 63, 0, "", A | R | N, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 60, 0, LABEL, A, 8, 0 },
	{ FAMILY_V4, RELAY_OWN, 60, 0, MPLS, A, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 59, 0, "", A, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 58, 0, "", A, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 57, 0, "", 0, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 57, 0, LABEL, 0, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 44, 0, MPLS, 0, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 28, 0, "", 0, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 64, 0, MPLS, A | R, 12, 0 },
	{ FAMILY_V4, RELAY_OWN, 67, 0, MPLS, A | R | N, 12, 0 },
	{ FAMILY_V4, RELAY_OWN, 64, 0, MPLS LABEL, A, 20, 0 },
	{ FAMILY_V4, RELAY_OWN, 61, 0, MPLS LABEL, A, 0, 0 },
	{ FAMILY_V4, RELAY_OWN, 62, 0, MPLS LABEL, A, 12, 0 },
	{ FAMILY_V4, RELAY_OWN, 1280, 0, IFACE IFACE, A | R | N, 64, 0 },
	/* v6: 40 + 8 + 128 + 4 + 24 = 204, the time 212, the name 220 */
	{ FAMILY_V6, RELAY_OWN, 67, 0, "", 0, 0, 0 },
	{ FAMILY_V6, RELAY_OWN, 68, 0, "", A, 0, 0 },
	{ FAMILY_V6, RELAY_OWN, 70, 0, "", A, 0, 0 },
	{ FAMILY_V6, RELAY_OWN, 71, 0, "", A | R, 0, 0 },
	{ FAMILY_V6, RELAY_OWN, 74, 0, "", A | R | N, 0, 0 },
	{ FAMILY_V6, RELAY_OWN, 80, 0, MPLS, A | R | N, 12, 0 },
	/* router form; own form in its stead has as much room */
	{ FAMILY_V4, RELAY_ROUTER, 60, 0, MPLS, A, 0, 12 },
	{ FAMILY_V4, RELAY_ROUTER, 60, 0, LABEL MPLS, A, 8, 20 },
	{ FAMILY_V4, RELAY_ROUTER, 57, 0, LABEL, 0, 0, 8 },
	{ FAMILY_V4, RELAY_ROUTER, 57, 0, MPLS, 0, 0, 0 },
	{ FAMILY_V4, RELAY_ROUTER, 60, 0, "", A | R, 0, 0 },
	{ FAMILY_V4, RELAY_ROUTER, 28, 0, "", 0, 0, 0 },
	{ FAMILY_V4, RELAY_ROUTER, 80, 0, MPLS, A | R | N, 12, 12 },
	/* it can't be a source: as own form */
	{ FAMILY_V4, RELAY_ROUTER, 60, 1, MPLS, A, 0, 0 },
	{ FAMILY_V4, RELAY_ROUTER, 57, 1, LABEL, 0, 0, 0 },
	/*
	 * both: 172 and 88 make 260 of 300, so that own form has 40 left;
	 * objects in both: 180 + 168
	 */
	{ FAMILY_V4, RELAY_BOTH, 60, 0, "", A | R | N, 0, 0 },
	{ FAMILY_V4, RELAY_BOTH, 60, 0, LABEL, A | R | N, 8, 0 },
	{ FAMILY_V4, RELAY_BOTH, 60, 0, MPLS, A | R | N, 12, 0 },
	{ FAMILY_V4, RELAY_BOTH, 60, 0, IFACE, A | R, 32, 0 },
	{ FAMILY_V4, RELAY_BOTH, 60, 0, IFACE LABEL, A, 40, 0 },
	{ FAMILY_V4, RELAY_BOTH, 60, 0, IFACE MPLS, A, 32, 0 },
	{ FAMILY_V4, RELAY_BOTH, 58, 0, IFACE, A, 32, 0 },
	{ FAMILY_V4, RELAY_BOTH, 57, 0, IFACE, A, 0, 0 },
	/* the first objects come before the time and the name */
	{ FAMILY_V4, RELAY_BOTH, 69, 0, LABEL, A | R | N, 8, 0 },
	{ FAMILY_V4, RELAY_BOTH, 70, 0, LABEL, A, 8, 8 },
	{ FAMILY_V4, RELAY_BOTH, 75, 0, MPLS, A | R | N, 12, 12 },
	{ FAMILY_V4, RELAY_BOTH, 74, 0, MPLS, A | R, 12, 12 },
	{ FAMILY_V4, RELAY_BOTH, 73, 0, MPLS, A | R, 12, 12 },
	{ FAMILY_V4, RELAY_BOTH, 72, 0, MPLS, A, 12, 12 },
	{ FAMILY_V4, RELAY_BOTH, 71, 0, MPLS, A | R | N, 12, 0 },
	{ FAMILY_V4, RELAY_BOTH, 72, 0, LABEL MPLS, A, 20, 8 },
	/* no room for our address: then it is router form's */
	{ FAMILY_V4, RELAY_BOTH, 49, 0, LABEL, 0, 0, 8 },
	{ FAMILY_V4, RELAY_BOTH, 50, 0, LABEL, A, 0, 0 },
	{ FAMILY_V4, RELAY_BOTH, 44, 0, LABEL, 0, 0, 0 },
	{ FAMILY_V4, RELAY_BOTH, 28, 0, MPLS, 0, 0, 0 },
	/* own form alone */
	{ FAMILY_V4, RELAY_BOTH, 60, 1, IFACE MPLS, A | R | N, 44, 0 },
	{ FAMILY_V4, RELAY_BOTH, 44, 1, IFACE MPLS, A, 44, 0 },
	/* v6: 204 and 128 of 400; objects in both: 212 + 188 */
	{ FAMILY_V6, RELAY_BOTH, 80, 0, LABEL, A, 8, 8 },
	{ FAMILY_V6, RELAY_BOTH, 80, 0, MPLS, A | R | N, 12, 0 },
	{ FAMILY_V6, RELAY_BOTH, 80, 0, LABEL LABEL, A | R | N, 16, 0 },
};

static size_t
answer_len(const struct ext_room *room, uint8_t flags, size_t foreign)
{
	struct wire_answer a;

	memset(&a, 0, sizeof(a));
	a.family = room->family;
	a.probe_len = room->probe_len;
	a.foreign = foreign;
	a.with_addr = (flags & A) != 0;
	a.with_name = (flags & N) != 0;
	a.with_rtt = (flags & R) != 0;
	return (wire_answer_len(&a));
}

static void
test_choose(void **state)
{
	struct msg_answer out;
	struct ext_room room;
	struct error e;
	struct ext ext;
	size_t i, own, router, budget;

	(void)state;
	for (i = 0; i < sizeof(fits) / sizeof(fits[0]); i++) {
		error_make(&e, 128, fits[i].objects);
		ext_read(FAMILY_V4, e.b, e.len, 32, &ext);
		memset(&room, 0, sizeof(room));
		room.family = fits[i].family;
		room.probe_len = fits[i].probe_len;
		room.relay = fits[i].relay;
		room.no_router = (uint8_t)fits[i].no_router;
		memset(&out, 0xee, sizeof(out));
		ext_choose(&room, &ext, &out);
		if (out.flags != fits[i].flags ||
		    out.own_len != fits[i].own_len ||
		    out.router_len != fits[i].router_len)
			fail_msg("row %zu: flags %u, own %u, router %u", i,
			    out.flags, out.own_len, out.router_len);
		assert_memory_equal(out.obj, ext.obj, msg_answer_objlen(&out));

		/* What the packet process will require. */
		own = answer_len(&room, out.flags, out.own_len);
		router = answer_len(&room, 0, out.router_len);
		budget = wire_answer_budget(
		    room.probe_len, room.relay == RELAY_BOTH);
		assert_true(own <= budget && router <= budget);
		if (room.relay == RELAY_BOTH && !room.no_router)
			assert_true(own + router <= budget);
	}
#undef A
#undef N
#undef R
#undef LABEL
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locate),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_choose),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
