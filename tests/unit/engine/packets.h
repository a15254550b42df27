/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_UNIT_ENGINE_PACKETS_H
#define TESTS_UNIT_ENGINE_PACKETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/msg.h"
#include "common/wire.h"

/*
 * Probes as scapy writes them: 192.0.2.7 -> 198.51.100.9 and
 * 2001:db8:1::7 -> 2001:db8:2::9.
 */
/* TTL 3, ports 40000 and 33436, 32 bytes of payload */
#define PACKET_UDP4                                                    \
	"4500003c123400000311b939c0000207c63364099c40829c0028ff774041" \
	"42434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
/* TTL 1, id 0x4242, sequence number 9 */
#define PACKET_ICMP4                                             \
	"45000024000700000101cd8ec0000207c63364090800d3d2424200" \
	"097878787878787878"
/* TTL 5, ports 50000 and 33434, 20 bytes of options */
#define PACKET_TCP4                                                    \
	"4500003c000700000506c971c0000207c6336409c350829a010203040000" \
	"0000a0022000f1c90000020405b40402080a000000010000000001030307"
/* hop limit 4, ports 40000 and 33437, 32 bytes of payload */
#define PACKET_UDP6                                        \
	"600123450028110420010db8000100000000000000000007" \
	"20010db80002000000000000000000099c40829d00289036" \
	"404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
/* hop limit 2, id 0x4242, sequence number 9 */
#define PACKET_ICMP6                                       \
	"6000000000183a0220010db8000100000000000000000007" \
	"20010db80002000000000000000000098000161142420009" \
	"79797979797979797979797979797979"
/* hop limit 6, ports 50000 and 33434, an option of 4 bytes */
#define PACKET_TCP6                                        \
	"600000000018060620010db8000100000000000000000007" \
	"20010db8000200000000000000000009c350829a00000001" \
	"0000000060022000d6c90000020405a0"

static inline unsigned int
packet_nibble(char c)
{
	if (c >= '0' && c <= '9')
		return ((unsigned int)(c - '0'));
	assert_true(c >= 'a' && c <= 'f');
	return ((unsigned int)(c - 'a' + 10));
}

/* packet_bytes: hexadecimal digits to bytes; returns how many. */
static inline size_t
packet_bytes(const char *hex, uint8_t *out, size_t max)
{
	size_t i, len;

	len = strlen(hex) / 2;
	assert_true(len <= max);
	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(packet_nibble(hex[2 * i]) << 4 |
		    packet_nibble(hex[2 * i + 1]));
	return (len);
}

/* packet_probe: the message that hands such a packet up. */
static inline void
packet_probe(
    const char *hex, enum family f, enum proto proto, struct msg_probe *p)
{
	memset(p, 0, sizeof(*p));
	p->headlen = (uint16_t)packet_bytes(hex, p->head, sizeof(p->head));
	p->len = p->headlen;
	p->family = f;
	p->proto = proto;
	p->ttl = p->head[f == FAMILY_V4 ? 8 : 7];
	p->id.slot = 1;
	p->id.gen = 1;
}

/* packet_set_ttl, packet_set_src: changes packet and message alike. */
static inline void
packet_set_ttl(struct msg_probe *p, uint8_t ttl)
{
	p->head[p->family == FAMILY_V4 ? 8 : 7] = ttl;
	p->ttl = ttl;
}

static inline void
packet_set_src(struct msg_probe *p, const struct addr *a)
{
	memcpy(p->head + (p->family == FAMILY_V4 ? 12 : 8), a->b,
	    addr_len(p->family));
}

static inline struct addr
packet_addr(enum family f, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(f, text, &a), 0);
	return (a);
}

#endif /* TESTS_UNIT_ENGINE_PACKETS_H */
