/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_NAMES_H
#define UTRACE_NAMES_H

#include <sys/types.h>
#include <stdint.h>

#include "utrace/hop.h"

/*
 * Names and AS numbers out of the DNS.  Look-ups run in a process of their own,
 * which is given addresses only and gives back text that is escaped there and
 * checked here; if it is slow, it is left behind, and the rest stays unnamed.
 */

#define NAMES_NAME 1 /* the name of an address */
#define NAMES_ASN  2 /* its AS number, from origin(6).asn.cymru.com */

/* All look-ups of one run together may take so long. */
#define NAMES_BUDGET_MS 6000
#define NAMES_CACHE     512

/* Why nobody looks up any more. */
#define NAMES_SLOW 1 /* the budget is spent */
#define NAMES_LOST 2 /* the process is gone, or makes no sense */

struct names_request {
	struct hop_addr addr;
	uint32_t want; /* NAMES_NAME, NAMES_ASN */
};

struct names_reply {
	uint32_t asn;            /* 0: none */
	char name[HOP_NAME_MAX]; /* escaped; empty: none */
};

struct names {
	int to, from; /* pipes; -1: nobody looks up (any more) */
	int64_t left; /* of the budget, in nanoseconds */
	int gave_up;  /* NAMES_SLOW, NAMES_LOST, or 0 */
	size_t n;
	struct {
		struct names_request request;
		struct names_reply reply;
	} cache[NAMES_CACHE];
};

/* names_init: to and from as above. */
void names_init(struct names *, int to, int from);
/*
 * names_ask: what the DNS says of an address (want: NAMES_NAME, NAMES_ASN),
 * within what is left of the budget.  An empty reply if there is nothing.
 */
void names_ask(struct names *, const struct hop_addr *, uint32_t want,
    struct names_reply *);

/* names_run: in the child: answers requests until the pipe ends.  Returns 0,
 * or -1 with errno. */
int names_run(int in, int out);

/* names_origin: the name that is asked for an AS number.  Returns buf. */
const char *names_origin(const struct hop_addr *, char *buf, size_t buflen);
/* names_origin_parse: the number that such a text begins with, as in
 * "64500 64501 | 192.0.2.0/24 | ..."; 0 if there is none. */
uint32_t names_origin_parse(const uint8_t *text, size_t len);

#endif /* UTRACE_NAMES_H */
