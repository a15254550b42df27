/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_MSG_IO_H
#define COMMON_MSG_IO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/addr.h"
#include "common/imsg.h"
#include "common/log.h"
#include "common/msg.h"

/*
 * What the coders of common/msg*.c are made of: a writer and a reader whose
 * first failure sticks, so that a message is written or read in one run and
 * judged once at the end.  For those files only.
 */

#define MSG_COUNTERS                                             \
	((size_t)STAT_MAX * FAMILY_MAX * PROTO_MAX + TALLY_MAX + \
	    FAMILY_MAX * (STATS_RTT_BUCKETS + 1) + 1)
/*
 * Payload bytes of each message, or of its fixed part: what the coders write
 * and the tables allow.
 */
#define MSG_SIZE_INIT      31
#define MSG_SIZE_COMMON    64
#define MSG_SIZE_LISTEN    70
#define MSG_SIZE_PORTS     6
#define MSG_SIZE_RULE      20
#define MSG_SIZE_TARGET    20
#define MSG_SIZE_ID        8
#define MSG_SIZE_PROBE     20 /* and its head */
#define MSG_SIZE_MATCH     40 /* and its data */
#define MSG_SIZE_EXPIRED   9
#define MSG_SIZE_TURN      9
#define MSG_SIZE_ANSWER    11 /* and its objects */
#define MSG_SIZE_REQUEST   16 /* and its head */
#define MSG_SIZE_STATUS    11
#define MSG_SIZE_STATS     (MSG_COUNTERS * sizeof(uint64_t))
#define MSG_SIZE_INFO      18
#define MSG_SIZE_ASK       22
#define MSG_SIZE_TRACE     97
#define MSG_SIZE_HOP       57
#define MSG_SIZE_EVENT     80
#define MSG_SIZE_LIST      5
#define MSG_SIZE_CLIENT    45
#define MSG_SIZE_DENY      27
#define MSG_SIZE_TEXT_MIN  2 /* the code and a NUL */
#define MSG_SIZE_TEXT(max) (1 + (max))
#define MSG_SIZE_PROC_MIN  5 /* the pid and a NUL */

struct msg_writer {
	struct imsgbuf *ibuf;
	struct ibuf *msg; /* NULL: no message */
	uint8_t *p;       /* where the next field goes */
	size_t left;      /* bytes of payload that are still to be written */
	int error;        /* errno of the first failure */
};

/*
 * msg_write_begin: a message with a payload of exactly len bytes, which the
 * fields that follow must fill.
 */
void msg_write_begin(struct msg_writer *, struct imsgbuf *, uint32_t type,
    uint32_t peerid, size_t len);
/* msg_write_end: queues it and returns 0, or frees it: -1 with errno. */
int msg_write_end(struct msg_writer *);
/* msg_write_fault: more fields than bytes, or a message that never was. */
void msg_write_fault(struct msg_writer *);

/* The fields.  Inline, as every packet passes through some forty of them. */
static inline void
msg_write_bytes(struct msg_writer *w, const void *p, size_t len)
{
	if (len > w->left) {
		msg_write_fault(w);
		return;
	}
	if (len == 0)
		return;
	memcpy(w->p, p, len);
	w->p += len;
	w->left -= len;
}

static inline void
msg_write_u8(struct msg_writer *w, uint8_t v)
{
	msg_write_bytes(w, &v, sizeof(v));
}

static inline void
msg_write_u16(struct msg_writer *w, uint16_t v)
{
	msg_write_bytes(w, &v, sizeof(v));
}

static inline void
msg_write_u32(struct msg_writer *w, uint32_t v)
{
	msg_write_bytes(w, &v, sizeof(v));
}

static inline void
msg_write_u64(struct msg_writer *w, uint64_t v)
{
	msg_write_bytes(w, &v, sizeof(v));
}

struct msg_reader {
	const uint8_t *p; /* the next field */
	size_t left;      /* bytes not read yet */
	const char *why;  /* the first fault, a constant text; NULL: none */
};

/* msg_read_begin: takes the whole payload, which may be empty. */
void msg_read_begin(struct msg_reader *, struct imsg *);
/* msg_read_addr: 16 bytes, those behind an IPv4 address zero. */
void msg_read_addr(struct msg_reader *, enum family, struct addr *);
/*
 * msg_read_end: requires that nothing is left.  Returns 0, or -1 with the
 * fault in *why.
 */
int msg_read_end(struct msg_reader *, const char **why);

/* msg_read_left: bytes not read yet. */
static inline size_t
msg_read_left(const struct msg_reader *r)
{
	return (r->left);
}

/* msg_read_require: unless ok, `why` is the fault (if it is the first). */
static inline void
msg_read_require(struct msg_reader *r, int ok, const char *why)
{
	if (r->why == NULL && !ok)
		r->why = why;
}

/* msg_read_*: the next field; after a fault nothing, and integers are 0. */
static inline void
msg_read_bytes(struct msg_reader *r, void *p, size_t len)
{
	msg_read_require(r, len <= r->left, "payload too short");
	if (r->why != NULL || len == 0)
		return;
	memcpy(p, r->p, len);
	r->p += len;
	r->left -= len;
}

static inline uint8_t
msg_read_u8(struct msg_reader *r)
{
	uint8_t v = 0;

	msg_read_bytes(r, &v, sizeof(v));
	return (v);
}

static inline uint16_t
msg_read_u16(struct msg_reader *r)
{
	uint16_t v = 0;

	msg_read_bytes(r, &v, sizeof(v));
	return (v);
}

static inline uint32_t
msg_read_u32(struct msg_reader *r)
{
	uint32_t v = 0;

	msg_read_bytes(r, &v, sizeof(v));
	return (v);
}

static inline uint64_t
msg_read_u64(struct msg_reader *r)
{
	uint64_t v = 0;

	msg_read_bytes(r, &v, sizeof(v));
	return (v);
}

/* msg_read_enum: one byte, 0..last - 1; else `why` is the fault. */
static inline unsigned int
msg_read_enum(struct msg_reader *r, unsigned int last, const char *why)
{
	uint8_t v;

	v = msg_read_u8(r);
	msg_read_require(r, v < last, why);
	/* Never hand out a value that an array index could suffer from. */
	return (v < last ? v : 0);
}

#endif /* COMMON_MSG_IO_H */
