/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_REQUEST_H
#define PRIV_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/policy.h"
#include "common/wire.h"
#include "priv/handup.h"

/*
 * Requests for a reverse probe: echo requests with code 1 (docs/augsburg.md).
 * Untrusted bytes are read at fixed offsets, after a check that they are
 * there; the extension structure is the engine's to read, but for a target,
 * which stands at one place only.
 */

/* What the probe is to be, as the request says. */
struct request {
	enum proto proto; /* PROTO_ICMP if asked for none, or a bad one */
	uint8_t bad_ttl;  /* 0, or above `max ttl` */
	uint8_t bad_proto;
	uint8_t max_ttl; /* as the policy said */
	uint8_t ttl;     /* 1..max_ttl, unless bad_ttl */
	uint16_t flow;   /* UDP, TCP: destination port; ICMP: checksum */
	uint8_t other;   /* it names a target that is not who asks */
	uint8_t allowed; /* ... which the policy lets him ask for */
	struct addr to;  /* where the probe goes: that target, or who asks */
};

/*
 * request_is: the packet is meant as a request: an echo request with code 1
 * directly behind an IP header of usual size.  All others are handup_check's.
 */
int request_is(const uint8_t *pkt, size_t caplen);

/*
 * request_check: reads it under the policy, which serves requests.  Returns
 * HANDUP_OK with *out (payload: where TTL and protocol stand; sport, dport:
 * identifier, sequence number) and *ask filled, or the first reason against
 * it: SHORT if it ends before the flow, as of probes HEADER, FRAGMENT, LENGTH
 * (32..1280), DESTINATION, SOURCE, CHECKSUM.  The request's own TTL may be
 * any.  Pure.
 */
enum handup_reason request_check(const struct policy *, const uint8_t *pkt,
    size_t caplen, struct handup *out, struct request *ask);

#endif /* PRIV_REQUEST_H */
