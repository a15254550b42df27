/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_HOP_H
#define UTRACE_HOP_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/*
 * One hop of a trace as a traceroute client printed it: of fixed size, so that
 * it passes a pipe as it is.  All text in it is printable (vis_line) and ends
 * with a NUL.
 */

#define HOP_TTL_MAX   255
#define HOP_PROBES    10  /* as many as traceroute sends */
#define HOP_NAME_MAX  256 /* escaped, with its NUL */
#define HOP_EXTRA_MAX 256
#define HOP_MARK_MAX  12

struct hop_addr {
	uint8_t known; /* 0: nothing else here counts */
	uint8_t family;
	struct addr addr;
};

/* Who answered: one for each source (and router that it names) of a hop. */
struct hop_answer {
	struct hop_addr from;    /* the source of the answer */
	struct hop_addr router;  /* the reverse router that it names */
	uint8_t is_signed;       /* its object is uturnd's beyond doubt */
	uint8_t is_hidden;       /* the host answered, and named no router */
	uint8_t resolved;        /* the client has looked for a name already */
	uint32_t asn;            /* of from; 0: unknown */
	char name[HOP_NAME_MAX]; /* of from; empty: unknown */
	char extra[HOP_EXTRA_MAX]; /* other objects, without the brackets */
};

struct hop_probe {
	int16_t answer;          /* index of its answer; -1: lost */
	uint8_t has_host;        /* host_us counts */
	uint32_t rtt_us;         /* client to hop and back */
	uint32_t host_us;        /* host to hop and back, as the host says */
	char mark[HOP_MARK_MAX]; /* as in "!H"; empty: none */
};

struct hop {
	uint16_t ttl; /* 1..255; 0: more of the hop before */
	uint8_t nanswers;
	uint8_t nprobes;
	struct hop_answer answers[HOP_PROBES];
	struct hop_probe probes[HOP_PROBES];
};

/* The first line of a trace. */
struct hop_header {
	char name[HOP_NAME_MAX]; /* of the target, as the user wrote it */
	struct hop_addr target;
	uint16_t max_ttl; /* 0: not said */
};

/*
 * hop_check, hop_header_check: every number is in its range, every text
 * printable and terminated.  Returns 0, or -1.
 */
int hop_check(const struct hop *);
int hop_header_check(const struct hop_header *);
/* hop_text_check: text of at most max bytes, its NUL included, is printable
 * and terminated.  Returns 0, or -1. */
int hop_text_check(const char *text, size_t max);

/* hop_is_lost: nobody answered. */
int hop_is_lost(const struct hop *);
/* hop_addr_equal: both known, and the same. */
int hop_addr_equal(const struct hop_addr *, const struct hop_addr *);
/* hop_addr_parse: numeric text (len bytes, no NUL needed; a zone behind "%"
 * is cut) of either family.  Returns 0, or -1 and leaves *a alone. */
int hop_addr_parse(const char *text, size_t len, struct hop_addr *a);

/*
 * hop_rtt, hop_host_rtt: the smallest time of the answered probes in
 * microseconds.  Returns 0, or -1 if there is none.
 */
int hop_rtt(const struct hop *, uint32_t *us);
int hop_host_rtt(const struct hop *, uint32_t *us);

#endif /* UTRACE_HOP_H */
