/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * What comes back to utrace from the network: taken apart without a step too
 * far, only what answers the flow, and nothing in it that is not printable.
 * What utrace sends is read by other code, and quoted back to it.
 *
 * The input: family and protocol; what is mended; then the packet, from the IP
 * header on.
 */

#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/packet.h"
#include "utrace/answer.h"
#include "utrace/extension.h"

/* What the second byte says. */
#define MEND_SUMS  0x01 /* checksums are made right */
#define MEND_QUOTE 0x02 /* what is quoted is a probe of ours */
#define MEND_ASKED 0x04 /* it is a request of ours */

/* The flow that the seeds answer, see seeds.py. */
static void
answer_flow(struct flow *f, uint8_t how)
{
	static const char *const texts[FAMILY_MAX][2] = { { "198.51.100.9",
							      "192.0.2.53" },
		{ "2001:db8:9::9", "2001:db8:1::53" } };

	memset(f, 0, sizeof(*f));
	f->family = how & 1 ? FAMILY_V6 : FAMILY_V4;
	f->proto = (enum proto)((how >> 1) % PROTO_MAX);
	FUZZ_CHECK(addr_parse(f->family, texts[f->family][0], &f->src) == 0);
	FUZZ_CHECK(addr_parse(f->family, texts[f->family][1], &f->dst) == 0);
	f->sport = 40001;
	f->dport = f->proto == PROTO_TCP ? 80 : 33434;
	f->id = 0xbeef;
	f->sum = 0xabcd;
}

/* A packet of ours, whole: it reads as what it is to be. */
static size_t
answer_sent(const struct flow *f, int is_request, uint16_t token, uint8_t *out)
{
	struct packet q;
	size_t hdr, n;
	uint8_t l4[FLOW_BYTES];
	enum proto proto = is_request ? PROTO_ICMP : f->proto;

	n = is_request ? flow_request(f, token, 5, l4, sizeof(l4))
		       : flow_probe(f, token, l4, sizeof(l4));
	FUZZ_CHECK(n > 0 && n <= sizeof(l4));
	hdr = packet_ip(out, f->family, &f->src, &f->dst,
	    wire_ipproto(f->family, proto), 7, n);
	memcpy(out + hdr, l4, n);
	FUZZ_CHECK(packet_read(out, hdr + n, &q) == 0);
	FUZZ_CHECK(q.proto == proto && packet_l4_good(&q));
	return (hdr + n);
}

static void
answer_object(const struct object *o)
{
	struct hop h;

	memset(&h, 0, sizeof(h));
	h.nanswers = 1;
	h.answers[0].from.known = 1;
	h.answers[0].router = o->router;
	h.answers[0].is_signed = o->is_signed;
	memcpy(h.answers[0].extra, o->extra, sizeof(o->extra));
	FUZZ_CHECK(hop_check(&h) == 0);
	FUZZ_CHECK(!o->is_signed || o->router.known);
}

/* Whatever is taken for an answer must say whose it is. */
static void
answer_good(const struct flow *f, const struct answer *a, const uint8_t *icmp,
    size_t len)
{
	const uint8_t *q = icmp + 8;
	size_t hdr = f->family == FAMILY_V4 ? 20 : 40;

	answer_object(&a->object);
	switch (a->kind) {
	case ANSWER_TIMEX:
	case ANSWER_UNREACH:
		FUZZ_CHECK(len >= 8 + hdr + 8);
		FUZZ_CHECK(memcmp(q + hdr - addr_len(f->family), f->dst.b,
			       addr_len(f->family)) == 0);
		q += hdr;
		if (a->to_request)
			FUZZ_CHECK(q[1] == 1 && wire_get16(q + 4) == a->token);
		else
			FUZZ_CHECK(wire_get16(q + 6) == a->token);
		break;
	case ANSWER_REPLY:
	case ANSWER_ECHO:
		FUZZ_CHECK(addr_equal(&a->from, &f->dst));
		FUZZ_CHECK(!a->has_hop ||
		    (a->kind == ANSWER_REPLY && a->status == 0 && len >= 32));
		break;
	default:
		FUZZ_CHECK(addr_equal(&a->from, &f->dst));
		FUZZ_CHECK(wire_get16(icmp + 2) == f->sport);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct addr from;
	struct answer a;
	struct flow f;
	const uint8_t *rest;
	uint8_t *pkt, sent[FLOW_PACKET + 32], how = fuzz_u8(&in);
	uint8_t mend = fuzz_u8(&in), ipproto;
	size_t len, hdr, skip, n;
	int rc;

	answer_flow(&f, how);
	rest = fuzz_take(&in, 1500, &len);
	pkt = fuzz_copy(rest, len);
	hdr = f.family == FAMILY_V4 ? WIRE_IP4_HDR : WIRE_IP6_HDR;
	n = answer_sent(&f, (mend & MEND_ASKED) != 0,
	    (uint16_t)(how << 8 | mend | 1), sent);
	if ((mend & MEND_QUOTE) && len > hdr + WIRE_ICMP_HDR) {
		if (n > len - hdr - WIRE_ICMP_HDR)
			n = len - hdr - WIRE_ICMP_HDR;
		memcpy(pkt + hdr + WIRE_ICMP_HDR, sent, n);
	}
	if (mend & MEND_SUMS)
		packet_sums(pkt, len);
	memset(&from, 0, sizeof(from));
	if (f.family == FAMILY_V6 && len >= WIRE_IP6_HDR)
		memcpy(from.b, pkt + 8, 16);
	/* IPv6 comes without its header. */
	skip = f.family == FAMILY_V4 ? 0 : len < hdr ? len : hdr;
	ipproto = len >= hdr ? pkt[f.family == FAMILY_V4 ? 9 : 6] : 0;
	rc = answer_packet(&f, ipproto, &from, pkt + skip, len - skip, &a);
	if (rc == 0) {
		if (f.family == FAMILY_V4)
			hdr = (size_t)(pkt[0] & 0x0f) * 4;
		answer_good(&f, &a, pkt + hdr, len - hdr);
	}
	/* And the objects, wherever they come from. */
	extension_read(f.family, pkt, len, mend, &a.object);
	answer_object(&a.object);
	free(pkt);
	return (0);
}
