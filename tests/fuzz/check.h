/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "common/policy.h"
#include "common/wire.h"
#include "tests/fuzz/packet.h"

/*
 * The invariants of what is sent (DESIGN section 3), as oracles over the bytes
 * alone: each of these aborts unless the packet is what its probe allows.
 */

/* A probe as it came in, and the policy that held then. */
struct check_probe {
	size_t len;
	struct policy_listen listen;
	struct packet p; /* of raw */
	uint8_t raw[WIRE_PROBE_MAX];
};

/* check_probe: pkt is a probe; the packets built for it are to obey it. */
void check_probe_init(struct check_probe *, const struct policy_listen *,
    const uint8_t *pkt, size_t len);

/*
 * check_probe_ok: what the hand-up may let through (3.1, 3.2, 3.9), under
 * the policy.
 */
void check_probe_ok(const struct check_probe *, const struct policy *);

/* check_turn: 3.6 to 3.10.  cookie: what the record says. */
void check_turn(const struct check_probe *, const uint8_t cookie[8],
    const uint8_t *pkt, size_t len);

/* What an ICMP error about the probe is to be. */
struct check_error {
	uint8_t type;
	uint8_t code;
	uint8_t ttl;
	struct addr src;
	int with_addr; /* our object, with this address */
	int with_name;
	int with_rtt; /* the object with the time, rtt_us */
	uint32_t rtt_us;
	struct addr router;
	const uint8_t *obj; /* foreign objects */
	size_t objlen;
};
void check_error(const struct check_probe *, const struct check_error *,
    const uint8_t *pkt, size_t len);

/* check_answer_len: bytes of an answer in own form without other objects; with
 * no flags of router form, too. */
size_t check_answer_len(const struct check_probe *, uint8_t flags);
/* check_ahead: what TURN may say of an answer: within the sum (3.18). */
void check_ahead(const struct check_probe *, uint8_t ahead);

/* check_final: 3.14 and the order FINAL; ttl is what it leaves with. */
void check_final(
    const struct check_probe *, uint8_t ttl, const uint8_t *pkt, size_t len);

/* check_source_own: an address that answers for the probe's listen address. */
int check_source_own(const struct check_probe *, const struct addr *);

#endif /* TESTS_FUZZ_CHECK_H */
