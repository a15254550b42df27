/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_OUTBOX_H
#define PRIV_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"
#include "priv/build.h"

/*
 * Packets written and waiting for the next batched send.  Orders fill it, and
 * nothing in it came from an order: so a test that reads the outbox sees
 * every byte that would be sent.
 */
#define OUTBOX_MAX 64

enum outbox_kind {
	OUT_TURN = 0,
	OUT_INFLECT,
	OUT_ANSWER,
	OUT_FINAL,
	/* for requests */
	OUT_ASKED,  /* the probe */
	OUT_STATUS, /* the reply instead of a probe */
	OUT_REPLY,  /* the reply with what the probe met */
	OUT_RESET   /* to who accepted the probe's connection */
};

struct outbox_packet {
	enum outbox_kind kind;
	struct msg_id id;
	enum family family;
	enum proto proto;
	uint32_t packet_id; /* TURN, INFLECT, ASKED, STATUS: the verdict
			       that is owed */
	uint8_t again;      /* ANSWER: the second form of one answer */
	struct addr route;  /* routing source: the listen address */
	struct addr dst;    /* the client; ASKED, RESET: who is probed */
	int error;          /* after the send: 0, or errno */
	size_t len;
	uint8_t buf[BUILD_MAX];
};

struct outbox {
	size_t n;
	struct outbox_packet pkt[OUTBOX_MAX];
};

#endif /* PRIV_OUTBOX_H */
