/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_ALIGN_H
#define UTRACE_ALIGN_H

#include <stddef.h>
#include <sys/types.h>

#include "utrace/paths.h"

/*
 * The way there and the way back, the same routers lined up.
 *
 * A router answers from the interface that the probe came in by, so that it
 * rarely bears one address on both ways.  What counts as the same router, from
 * the strongest sign to the weakest:
 *
 *   address  both hops have an address in common
 *   name     the names are equal, or equal but for a first label that names an
 *            interface ("ae1.r3.example", "xe-0-0-1.r3.example")
 *   link     two addresses are the ends of one link: a /31, the two hosts of a
 *            /30; IPv6 a /127, /126 or /64.  A probe crossed it one way and
 *            another the other way: of forward hop k and reverse hop m on one
 *            link, m is the router of forward hop k - 1, and k that of the
 *            reverse hop before m.
 *   ends     the hops next to the client, or next to the target, when they are
 *            not known to be in different networks: one router, if the host
 *            has but one way out
 *   network  equal AS numbers: not the same router, but the same place
 *
 * The alignment is the one (in order, no hop twice) with the most evidence; a
 * weak sign never outweighs a strong one.
 */
enum align_sign {
	ALIGN_NONE = 0,
	ALIGN_NETWORK,
	ALIGN_ENDS,
	ALIGN_LINK,
	ALIGN_NAME,
	ALIGN_ADDRESS
};

/* align_sign_name: as in the list above, for JSON. */
const char *align_sign_name(enum align_sign);

/* Top to bottom: from the client to the target. */
struct align_row {
	ssize_t forward; /* index of the hop in the trace; -1: none */
	ssize_t reverse;
	enum align_sign sign; /* NONE unless both are there */
};

#define ALIGN_ROWS 256

struct align {
	size_t nrows;
	struct align_row rows[ALIGN_ROWS];
};

/* align_paths: lines up the two ways of a trace that was cut. */
void align_paths(const struct trace *, struct align *);
/* align_same: rows whose two hops are one router beyond a weak sign. */
size_t align_same(const struct align *);

/* The signs, each for itself. */
int align_is_link(const struct hop_addr *, const struct hop_addr *);
int align_is_name(const char *, const char *);

#endif /* UTRACE_ALIGN_H */
