/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_ANSWER_H
#define UTRACE_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "utrace/flow.h"
#include "utrace/object.h"

/*
 * What comes back from the network, taken apart.  Pure functions over any
 * bytes; all lengths are checked before a byte is read.
 */

enum answer_kind {
	ANSWER_TIMEX,   /* time exceeded in transit */
	ANSWER_UNREACH, /* unreachable, with its code */
	ANSWER_ECHO,    /* echo reply to a probe */
	ANSWER_SEGMENT, /* TCP: a reset or a SYN+ACK */
	ANSWER_DATAGRAM,
	ANSWER_REPLY /* reply to a request, or the request's mere echo */
};

struct answer {
	enum answer_kind kind;
	uint8_t to_request; /* the token is a request's */
	uint16_t token;
	struct addr from;
	uint8_t code; /* ANSWER_UNREACH */
	struct object object;
	/* ANSWER_REPLY */
	size_t len; /* of the ICMP message */
	uint8_t status;
	uint16_t value;
	struct addr hop; /* status 0 and len at least ANSWER_HOP_LEN */
	uint8_t has_hop;
	uint32_t rtt_ns; /* AUGSBURG_RTT_NONE: not said */
};

/* So long is a reply that says which hop it was. */
#define ANSWER_HOP_LEN 32

/*
 * answer_packet: what a raw socket gives, IPv4 with its header, IPv6 without
 * (from is who sent it then).  ipproto is the socket's.  Returns 0; -1 if it is
 * no answer to this flow or to a request to its host.
 */
int answer_packet(const struct flow *, uint8_t ipproto, const struct addr *from,
    const uint8_t *pkt, size_t len, struct answer *);

/* answer_mark: as traceroute writes a code of an unreachable: "!H"; of a port
 * nothing. */
const char *answer_mark(enum family, uint8_t code);

#endif /* UTRACE_ANSWER_H */
