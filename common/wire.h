/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/*
 * Numbers of the protocols on the wire, and the sums over them that both the
 * engine and the packet process must agree on.
 */

#define WIRE_IP4_HDR   20 /* without options: others are not handled */
#define WIRE_IP6_HDR   40
#define WIRE_UDP_HDR   8
#define WIRE_ICMP_HDR  8
#define WIRE_TCP_HDR   20
#define WIRE_PROBE_MIN 28   /* the smallest probe, IPv4 header + 8 */
#define WIRE_PROBE_MAX 1280 /* the largest */
#define WIRE_HEAD_MAX  128  /* first bytes of a probe that a record keeps */

/* ICMP types and codes (RFC 792, RFC 4443) */
#define ICMP4_ECHO_REPLY    0
#define ICMP4_UNREACH       3
#define ICMP4_UNREACH_PORT  3
#define ICMP4_UNREACH_FRAG  4
#define ICMP4_ECHO          8
#define ICMP4_TIMEX         11
#define ICMP6_UNREACH       1
#define ICMP6_UNREACH_PORT  4
#define ICMP6_TOOBIG        2
#define ICMP6_TIMEX         3
#define ICMP6_ECHO_REQUEST  128
#define ICMP6_ECHO_RESPONSE 129
/* IP protocol numbers */
#define WIRE_PROTO_ICMP4 1
#define WIRE_PROTO_TCP   6
#define WIRE_PROTO_UDP   17
#define WIRE_PROTO_ICMP6 58
/* TCP flags */
#define WIRE_TCP_FIN 0x01
#define WIRE_TCP_SYN 0x02
#define WIRE_TCP_RST 0x04
#define WIRE_TCP_ACK 0x10

/*
 * The mark: the first bytes of a turned probe's payload (TCP in mirror form:
 * its window and urgent pointer), so that no uturnd turns it again.
 */
#define WIRE_MARK     0x7554724eU
#define WIRE_MARK_LEN 4

/*
 * RFC 4884: an ICMP error with extensions carries the original datagram
 * padded to 128 bytes, then a 4-byte header, then objects.
 */
#define EXT_QUOTE   128
#define EXT_HDR     4
#define EXT_OBJ_HDR 4
/* A quote that is shorter leaves no room for an object. */
#define EXT_ROOM (EXT_QUOTE + EXT_HDR + EXT_OBJ_HDR)
/* Objects to carry along with an answer, at most this many bytes. */
#define EXT_FOREIGN_MAX 64
#define EXT_CLASS_MPLS  1 /* RFC 4950 */
#define EXT_CLASS_IFACE 2 /* RFC 5837 */
/* RFC 5837 section 4.1: role next hop, with an address (and a name) */
#define EXT_IFACE_NEXTHOP 0xc0
#define EXT_IFACE_ADDR    0x04
#define EXT_IFACE_NAME    0x02
/* The name that our object bears. */
#define EXT_NAME     "u-turn"
#define EXT_NAME_LEN 8 /* its length octet, the name, padding */

/*
 * Our other object, of a class for private use (RFC 4884 section 8): the time
 * from this host to the router and back, in microseconds.
 */
#define EXT_CLASS_RTT 247
#define EXT_CTYPE_RTT 1
#define EXT_RTT_LEN   (EXT_OBJ_HDR + 4)

/*
 * Reverse traceroute by request (docs/augsburg.md): an echo request with code
 * 1 asks for one probe back; an echo reply with code 1 says what it met.
 * Offsets are from the ICMP header.
 */
#define AUGSBURG_CODE     1
#define AUGSBURG_TTL      8  /* of the probe; reply: the status */
#define AUGSBURG_PROTO    9  /* IP protocol; 0: ICMP */
#define AUGSBURG_FLOW     10 /* 0: a default; reply: value of the status */
#define AUGSBURG_EXT      12 /* extension structure, if any */
#define AUGSBURG_HOP      12 /* reply: the router, 16 bytes */
#define AUGSBURG_RTT      28 /* reply: nanoseconds */
#define AUGSBURG_ERROR    12 /* bytes of a reply with another status than 0 */
#define AUGSBURG_REPLY    36 /* bytes of one with status 0 */
#define AUGSBURG_RTT_NONE UINT32_MAX
/* Statuses */
#define AUGSBURG_OK        0
#define AUGSBURG_BAD_TTL   1
#define AUGSBURG_BAD_PROTO 2
#define AUGSBURG_BAD_EXT   4 /* value: class and c-type of the object */
/* The probe's fixed fields, and what a flow of 0 stands for. */
#define AUGSBURG_SPORT     1021
#define AUGSBURG_SEQ       0xffff
#define AUGSBURG_FLOW_ICMP 0xbeaf
#define AUGSBURG_FLOW_UDP  53
#define AUGSBURG_FLOW_TCP  80
/* Objects of a request */
#define AUGSBURG_CLASS_TARGET 5
#define AUGSBURG_TARGET_LEN   16 /* as written: without the object's header */
/* A target is the first object; here stand its header, and its address. */
#define AUGSBURG_TARGET_AT     (AUGSBURG_EXT + EXT_HDR)
#define AUGSBURG_TARGET_ADDR   (AUGSBURG_TARGET_AT + EXT_OBJ_HDR)
#define AUGSBURG_CLASS_PADDING 6

/*
 * What an answer to one probe looks like; the engine decides, the packet
 * process checks the sums and writes it.
 */
struct wire_answer {
	enum family family;
	size_t probe_len;  /* bytes of the probe, IP header included */
	uint8_t with_addr; /* our object, with the router's address */
	uint8_t with_name; /* its name too; only together with_addr */
	uint8_t with_rtt;  /* the time to the router; only with_addr */
	size_t foreign;    /* bytes of objects to carry along, <= 64, 4n */
};

/* wire_answer_len: bytes of the answer, IP header included. */
size_t wire_answer_len(const struct wire_answer *);
/*
 * wire_answer_budget: bytes that all answers to a probe may have: three
 * times the probe's, five times where both forms go out (DESIGN 3.18).
 */
size_t wire_answer_budget(size_t probe_len, int both);

/*
 * wire_sum: adds len bytes (as 16-bit words in network order; an odd last
 * byte is padded with zero) to a one's complement sum; wire_fold folds it
 * to 16 bits, not inverted.  wire_pseudo: the sum of the pseudo-header
 * (RFC 768, RFC 793, RFC 8200 section 8.1) for an upper-layer length of len.
 */
uint32_t wire_sum(uint32_t sum, const void *p, size_t len);
uint16_t wire_fold(uint32_t sum);
uint32_t wire_pseudo(enum family, const struct addr *src,
    const struct addr *dst, uint8_t ipproto, size_t len);

/* Unaligned big-endian reads and writes. */
static inline uint16_t
wire_get16(const uint8_t *p)
{
	return ((uint16_t)(p[0] << 8 | p[1]));
}

static inline uint32_t
wire_get32(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3]);
}

static inline void
wire_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
wire_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* wire_ipproto: the IP protocol number of a probe's protocol. */
uint8_t wire_ipproto(enum family, enum proto);

#endif /* COMMON_WIRE_H */
