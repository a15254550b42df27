/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_MSG_IO_H
#define COMMON_MSG_IO_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/imsg.h"
#include "common/log.h"
#include "common/msg.h"

/*
 * What the coders of common/msg*.c are made of: a writer and a reader whose
 * first failure sticks, so that a message is written or read in one run and
 * judged once at the end.  For those files only.
 */

#define MSG_COUNTERS ((size_t)STAT_MAX * FAMILY_MAX * PROTO_MAX + TALLY_MAX)
/*
 * Payload bytes of each message, or of its fixed part: what the coders write
 * and the tables allow.
 */
#define MSG_SIZE_INIT      31
#define MSG_SIZE_COMMON    63
#define MSG_SIZE_LISTEN    70
#define MSG_SIZE_PORTS     6
#define MSG_SIZE_RULE      20
#define MSG_SIZE_ID        8
#define MSG_SIZE_PROBE     19 /* and its head */
#define MSG_SIZE_MATCH     39 /* and its data */
#define MSG_SIZE_EXPIRED   9
#define MSG_SIZE_ANSWER    11 /* and its objects */
#define MSG_SIZE_STATS     (MSG_COUNTERS * sizeof(uint64_t))
#define MSG_SIZE_INFO      17
#define MSG_SIZE_ASK       22
#define MSG_SIZE_TRACE     97
#define MSG_SIZE_HOP       57
#define MSG_SIZE_EVENT     80
#define MSG_SIZE_TEXT_MIN  2 /* the code and a NUL */
#define MSG_SIZE_TEXT(max) (1 + (max))
#define MSG_SIZE_PROC_MIN  5 /* the pid and a NUL */

struct msg_writer {
	struct imsgbuf *ibuf;
	struct ibuf *msg; /* NULL: no message, after a failure */
	int error;        /* errno of the failure */
};

/* msg_write_begin: a message that will have a payload of len bytes. */
void msg_write_begin(struct msg_writer *, struct imsgbuf *, uint32_t type,
    uint32_t peerid, size_t len);
void msg_write_u8(struct msg_writer *, uint8_t);
void msg_write_u16(struct msg_writer *, uint16_t);
void msg_write_u32(struct msg_writer *, uint32_t);
void msg_write_u64(struct msg_writer *, uint64_t);
void msg_write_bytes(struct msg_writer *, const void *, size_t len);
/* msg_write_end: queues it and returns 0, or frees it: -1 with errno. */
int msg_write_end(struct msg_writer *);

struct msg_reader {
	struct ibuf view; /* what is left of the payload */
	const char *why;  /* the first fault, a constant text; NULL: none */
};

/* msg_read_begin: takes the whole payload, which may be empty. */
void msg_read_begin(struct msg_reader *, struct imsg *);
/* msg_read_*: the next field, or 0 after a fault. */
uint8_t msg_read_u8(struct msg_reader *);
uint16_t msg_read_u16(struct msg_reader *);
uint32_t msg_read_u32(struct msg_reader *);
uint64_t msg_read_u64(struct msg_reader *);
void msg_read_bytes(struct msg_reader *, void *, size_t len);
/* msg_read_enum: one byte, 0..last - 1; else `why` is the fault. */
unsigned int
msg_read_enum(struct msg_reader *, unsigned int last, const char *why);
/* msg_read_addr: 16 bytes, those behind an IPv4 address zero. */
void msg_read_addr(struct msg_reader *, enum family, struct addr *);
/* msg_read_require: unless ok, `why` is the fault (if it is the first). */
void msg_read_require(struct msg_reader *, int ok, const char *why);
/* msg_read_left: bytes not read yet. */
size_t msg_read_left(const struct msg_reader *);
/*
 * msg_read_end: requires that nothing is left.  Returns 0, or -1 with the
 * fault in *why.
 */
int msg_read_end(struct msg_reader *, const char **why);

#endif /* COMMON_MSG_IO_H */
