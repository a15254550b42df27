/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_FUZZ_BENCH_H
#define TESTS_FUZZ_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "priv/orders.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/fuzz.h"

/*
 * The packet process without its system calls: the real records, orders,
 * builders and matching, a network and a clock that the input plays, and
 * beside them a memory of what was allowed.  Whatever gets into the outbox is
 * held against DESIGN section 3.
 */

#define BENCH_PROBES   160 /* more than slots, so that they are used again */
#define BENCH_SLOTS    POLICY_PENDING_MIN
#define BENCH_POLICIES 3 /* all modes; tight limits; observe */
#define BENCH_LISTEN   6 /* a family */
#define BENCH_MS       1000000LL

enum bench_state {
	BENCH_PENDING = 0,
	BENCH_OUT, /* the turned probe is in the outbox */
	BENCH_TURNED,
	BENCH_MATCHED,
	BENCH_DONE
};

/* What is remembered of a probe; the arrays come last. */
struct bench_probe {
	struct msg_id id;
	uint32_t packet_id;
	enum bench_state state;
	int64_t begun;
	int64_t turned_at;
	int verdicts;
	int observe; /* only ever passed */
	int settled;
	int lapsed;             /* its deadline ended it */
	int own, router, final; /* answers of each form */
	uint8_t ahead;          /* what TURN said of a plain answer */
	int ended_ahead;        /* by such an answer */
	int inflected;
	size_t answered; /* bytes */
	struct match met;
	uint64_t rtt_ns;
	uint8_t cookie[8];
	uint8_t cookie_len;
	struct check_probe probe;
	size_t turned_len; /* 0: was never sent */
	uint8_t turned[WIRE_PROBE_MAX];
};

struct bench {
	struct policy *policy; /* in force */
	struct orders orders;
	struct stats stats;
	struct outbox *out;
	int64_t now;
	struct imsgbuf *up; /* what is said to the engine queues here */

	struct bench_probe *probes;
	size_t nprobes;
	unsigned int nverdicts;
	/* the order that is being carried out */
	uint32_t order;
	uint8_t ahead;
	struct msg_answer answer;
	int sending;
	const char *why; /* of the last violation */
	/* the caps: since when, how many packets */
	int64_t caps_since;
	uint64_t caps_packets;
	uint64_t caps_hop[256];
};

/* bench_begin: everything as after a start; bench_end checks that every
 * probe came to exactly one end, and frees. */
void bench_begin(struct bench *);
void bench_end(struct bench *);

/* bench_hand_up: a probe as the input says; PROBE is said.  NULL: refused. */
struct bench_probe *bench_hand_up(struct bench *, struct fuzz_in *);
/*
 * bench_order: a message from the engine.  Returns 0, or -1: a violation,
 * which changed nothing.
 */
int bench_order(struct bench *, struct imsg *);
/*
 * bench_ahead: its turned probe has just met something: the answer that was
 * told ahead goes out if one is due, and only then.  Returns 1: answered.
 */
int bench_ahead(struct bench *, struct bench_probe *, struct record *);
/* bench_packet: what has just come into the outbox is what was allowed. */
void bench_packet(
    struct bench *, struct bench_probe *, const struct outbox_packet *);
/* bench_send: the outbox goes out; bit i % 32 of errors: packet i fails. */
void bench_send(struct bench *, uint32_t errors);
/* bench_time: ns pass; with act, what is due is done. */
void bench_time(struct bench *, int64_t ns, int act);
/* bench_capture: a packet of the network about a turned probe, as the input
 * says; MATCH is said if it is a first match. */
void bench_capture(struct bench *, struct fuzz_in *);
/* bench_reload: another policy comes into force. */
void bench_reload(struct bench *, unsigned int which);

/* bench_policy: the policies, 0..BENCH_POLICIES - 1. */
struct policy *bench_policy(unsigned int which);
/* bench_find: what is remembered of an id, or NULL. */
struct bench_probe *bench_find(struct bench *, struct msg_id);

#endif /* TESTS_FUZZ_BENCH_H */
