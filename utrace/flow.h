/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_FLOW_H
#define UTRACE_FLOW_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/*
 * What utrace sends.  All probes of a run are one flow, so that routers that
 * spread load send them one way: ports, or the ICMP checksum and identifier,
 * never change.  A probe is told from the others by its token: the UDP
 * checksum, the ICMP sequence number, the lower half of TCP's.  A request is
 * by its identifier.  Pure.
 */

/*
 * Bytes of a UDP or ICMP probe with its IP header: three times that holds
 * every object that a uturnd host could attach to its answer (64 bytes of
 * others' objects, the router's address, name and time).
 */
#define FLOW_PACKET    100
#define FLOW_TCP       60 /* bytes of a TCP probe: 40 of them are options */
#define FLOW_BYTES     80 /* the most bytes behind an IP header */
#define FLOW_DPORT     33434
#define FLOW_DPORT_TCP 80

struct flow {
	enum family family;
	enum proto proto;
	struct addr src;
	struct addr dst;
	uint16_t sport; /* UDP and TCP */
	uint16_t dport;
	uint16_t id; /* ICMP: the identifier; TCP: upper half of the sequence */
	uint16_t sum; /* ICMP: the checksum; neither 0 nor 0xffff */
};

/*
 * flow_probe: writes a probe, from behind the IP header.  token is neither 0
 * nor 0xffff.  Returns its bytes, 0 if outlen is less.
 */
size_t
flow_probe(const struct flow *, uint16_t token, uint8_t *out, size_t outlen);

/* flow_len: bytes of a UDP or ICMP probe behind the IP header. */
uint16_t flow_len(enum family);

/*
 * flow_request: writes a request for a reverse probe (docs/augsburg.md) with
 * this TTL, from the ICMP header on.  Its protocol is the flow's; what it asks
 * for as the flow is the port that answers to our probes go to, or the checksum
 * that our probes bear.  Returns its bytes, 0 if outlen is less.
 */
size_t flow_request(const struct flow *, uint16_t token, uint8_t ttl,
    uint8_t *out, size_t outlen);

#endif /* UTRACE_FLOW_H */
