/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_BUILD_H
#define PRIV_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire.h"
#include "priv/record.h"

/*
 * Writes every packet that uturnd sends, from a record alone (and, for an
 * answer, up to 64 bytes of objects that the engine rebuilt).  Pure: no I/O,
 * no globals.  Each returns the packet's length, at most outlen, or 0 when
 * the record does not allow it (the caller drops and counts).  rec->headlen is
 * what the probe's length and WIRE_HEAD_MAX allow, no less.
 */

/* The largest packet that is ever built. */
#define BUILD_MAX WIRE_PROBE_MAX
/* TTL, hop limit of answers from this host. */
#define BUILD_TTL 64

/*
 * build_cookie: chooses the record's cookie and (short payloads) filler from
 * the key, its id and its addresses, by SipHash-2-4.  Sets cookie and
 * cookie_len, which is what fits the probe's payload.
 */
void build_cookie(struct record *, struct msg_id, const uint8_t key[16]);

/*
 * build_turn: the turned probe (DESIGN 3.6 to 3.10), reply or mirror form as
 * the record's policy says, from rec->cookie and rec->ip_id (IPv4: not 0).
 * Fills rec->sent_l4 and rec->ttl_sent.  0 for a probe with TTL 1.
 */
size_t build_turn(struct record *, uint8_t *out, size_t outlen);

/*
 * build_inflection: time exceeded from the hop address (hop prefix: its
 * address number 0's neighbour, see build_hop_source), else from the listen
 * address.  0 unless the probe's TTL is 1 and the policy answers.
 */
size_t build_inflection(const struct record *, uint8_t *out, size_t outlen);

/*
 * build_hop_source: the own address that reverse hop number n (0: the
 * inflection point) answers from: the hop address, or address n + 1 of the
 * hop prefix (its last where that is too small), or the listen address.
 */
void build_hop_source(const struct record *, unsigned int n, struct addr *out);

/*
 * build_answer_own: time exceeded (or, where the record's policy relays
 * them, the matched unreachable) from an address of ours.  ans says what it
 * carries (its family and probe_len are not read): the first object is ours
 * and holds rec->met.router, so there is no foreign one without it.
 * build_answer_router: the same error from rec->met.router, with only the
 * foreign objects; 0 if the policy does not say so or the router's address
 * may not be a source (own, martian, the client).
 * is_own is policy_is_own of the router's address, from the caller.
 */
size_t build_answer_own(const struct record *, const struct wire_answer *ans,
    const uint8_t *obj, uint8_t *out, size_t outlen);
size_t build_answer_router(const struct record *, const struct wire_answer *ans,
    const uint8_t *obj, int is_own, uint8_t *out, size_t outlen);

/*
 * build_final: the protocol's final answer from the listen address: UDP port
 * unreachable, ICMP echo reply (of the data the bytes in head, then zeros),
 * TCP RST+ACK.  ttl: BUILD_TTL, or for an inferred end, which is UDP's only,
 * rec->ttl_sent.
 */
size_t
build_final(const struct record *, uint8_t ttl, uint8_t *out, size_t outlen);

/*
 * For requests (docs/augsburg.md); 0 for all other records.  All go from the
 * listen address: replies to who asked, the probe and its reset to record_to.
 *
 * build_request_probe: the probe that was asked for, with its TTL, protocol
 * and flow, from rec->cookie and rec->ip_id (IPv4: not 0).  Fills
 * rec->sent_l4 and rec->ttl_sent.  0 for a target that is not allowed.
 * build_request_status: the reply with a status that is not 0.
 * build_request_answer: the reply with rec->met.router and rec->rtt_ns.
 * build_request_reset: what ends the connection that a SYN+ACK accepted.
 */
size_t build_request_probe(struct record *, uint8_t *out, size_t outlen);
size_t build_request_status(const struct record *, uint8_t status,
    uint16_t value, uint8_t *out, size_t outlen);
size_t build_request_answer(const struct record *, uint8_t *out, size_t outlen);
size_t build_request_reset(const struct record *, uint8_t *out, size_t outlen);

#endif /* PRIV_BUILD_H */
