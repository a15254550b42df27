/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_MATCH_H
#define PRIV_MATCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "common/wire.h"

/*
 * Reads what the capture sockets deliver: an ICMP error that quotes a packet
 * of ours, or (mirror form, requests) the own echo reply or answer to a SYN of
 * whom it was sent to.  Fixed offsets only.
 */
struct match {
	enum family family;
	enum proto proto; /* of the quoted (or answering) packet */
	enum msg_match_kind kind;
	struct addr router; /* who sent it */
	struct addr client; /* quoted destination; others: the source */
	struct addr own;    /* quoted source; others: the destination */
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t ext_len;       /* RFC 4884 length field, raw */
	uint8_t quoted_ttl;    /* MATCH_ERROR */
	uint16_t quoted_id;    /* IPv4, MATCH_ERROR */
	uint8_t l4[8];         /* first bytes of the quoted L4 header;
				  others: those of the packet */
	uint8_t l4len;         /* how many of them there are: 8, v6 >= 4 */
	uint8_t ack[4];        /* RESET, SYNACK: its acknowledgement number */
	const uint8_t *cookie; /* where a cookie would stand: points into
				  the packet, or NULL */
	uint8_t cookielen;     /* bytes there, <= 8 */
	uint16_t data;         /* offset of what follows the 8-byte ICMP
				  header (MATCH_ERROR), */
	uint16_t datalen;      /* and its length */
};

/*
 * match_read: pkt is a packet from its IP header (len bytes received, link
 * padding allowed behind it).  IPv4: header of exactly 20 bytes with a good
 * checksum, no fragment, total length at most len; IPv6: next header ICMPv6
 * or TCP directly.  ICMP (TCP) checksum good.  Returns 0 with *out filled, or
 * -1 when it is no well-formed error, reply, reset or SYN+ACK.  Pure.  Reads
 * RFC 792, RFC 4443 errors of types 3, 11 (v4) and 1, 2, 3 (v6).
 */
int match_read(enum family, const uint8_t *pkt, size_t len, struct match *out);

struct record;
/* How a captured packet agrees with a turned probe. */
enum match_agreement {
	MATCH_AGREES = 0, /* in everything (DESIGN 3.11) */
	MATCH_NEAR,       /* addresses, protocol and ports, not the secret */
	MATCH_DIFFERS
};
/*
 * match_compare: the quote against the turned probe that the record sent.
 * Quoted source: the record's listen address, or its public address.
 * Checksums in the quoted L4 bytes are masked (NATs rewrite them).
 */
enum match_agreement match_compare(const struct match *, const struct record *);

#endif /* PRIV_MATCH_H */
