/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The engine's parser of probes: six bytes that announce, then the head. */

#include <string.h>

#include "engine/parse.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/packet.h"

/* In the first byte: what the packet itself says is announced. */
#define PROBE_HONEST 0x80

static void
probe_announce(struct msg_probe *p, struct fuzz_in *in)
{
	uint8_t how = fuzz_u8(in);
	const uint8_t *h = p->head;
	int v4;

	/* Both may be what no caller says. */
	p->family = how & 0x08 ? FAMILY_MAX : how & 1 ? FAMILY_V6 : FAMILY_V4;
	p->proto = how >> 1 & 3;
	p->ttl = fuzz_u8(in);
	p->len = fuzz_u16(in);
	p->headlen = fuzz_u8(in);
	if (p->headlen > WIRE_HEAD_MAX)
		p->headlen = WIRE_HEAD_MAX;
	fuzz_bytes(in, p->head, p->headlen);
	if ((how & PROBE_HONEST) == 0 || p->headlen < 40)
		return;
	v4 = h[0] >> 4 == 4;
	p->family = v4 ? FAMILY_V4 : FAMILY_V6;
	p->ttl = h[v4 ? 8 : 7];
	p->len = (uint16_t)(wire_get16(h + (v4 ? 2 : 4)) + (v4 ? 0 : 40));
	if (p->headlen > p->len)
		p->headlen = p->len;
}

/* Read once more, by fixed offsets. */
static void
probe_oracle(const struct msg_probe *p, const struct parse *out)
{
	const uint8_t *h = p->head;
	int v4 = p->family == FAMILY_V4;
	const uint8_t *l4 = h + (v4 ? 20 : 40);
	size_t l4len = p->len - (v4 ? 20U : 40U), alen = v4 ? 4 : 16;

	FUZZ_CHECK(p->headlen >= (v4 ? 28 : 48) && p->headlen <= p->len);
	FUZZ_CHECK(v4 ? h[0] == 0x45 : h[0] >> 4 == 6);
	FUZZ_CHECK(!v4 || (wire_get16(h + 6) & 0x3fff) == 0);
	FUZZ_CHECK(wire_get16(h + (v4 ? 2 : 4)) == (v4 ? p->len : l4len));
	FUZZ_CHECK(h[v4 ? 8 : 7] == p->ttl && p->ttl >= 1);
	FUZZ_CHECK(h[v4 ? 9 : 6] == wire_ipproto(p->family, p->proto));
	FUZZ_CHECK(memcmp(out->src.b, h + (v4 ? 12 : 8), alen) == 0);
	FUZZ_CHECK(memcmp(out->dst.b, h + (v4 ? 16 : 24), alen) == 0);
	if (p->proto == PROTO_ICMP) {
		FUZZ_CHECK(l4[0] == (v4 ? 8 : 128) && l4[1] == 0);
		l4 += 4;
	} else if (p->proto == PROTO_UDP)
		FUZZ_CHECK(wire_get16(l4 + 4) == l4len);
	else
		FUZZ_CHECK(l4[13] == 0x02 &&
		    (size_t)(l4[12] >> 4) * 4 == l4len && l4len >= 20 &&
		    p->headlen == p->len);
	FUZZ_CHECK(out->sport == wire_get16(l4));
	FUZZ_CHECK(out->dport == wire_get16(l4 + 2));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct msg_probe p, other;
	struct parse a, b;
	enum parse_fault fault;

	memset(&p, 0, sizeof(p));
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	probe_announce(&p, &in);
	fault = parse_probe(&p, &a);
	if (fault == PARSE_OK)
		probe_oracle(&p, &a);
	/* What lies behind the head makes no difference. */
	other = p;
	memset(other.head + p.headlen, 0xff, sizeof(p.head) - p.headlen);
	FUZZ_CHECK(parse_probe(&other, &b) == fault);
	FUZZ_CHECK(memcmp(&a, &b, sizeof(a)) == 0);
	return (0);
}
