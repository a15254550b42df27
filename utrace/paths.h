/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_PATHS_H
#define UTRACE_PATHS_H

#include <stddef.h>
#include <sys/types.h>

#include "utrace/hop.h"

/* Whom the way back is known from. */
enum trace_by {
	TRACE_BY_INPUT = 0, /* from what is read: decode */
	TRACE_BY_NOTHING,   /* there is none */
	TRACE_BY_REQUEST,   /* from the host, asked hop by hop */
	TRACE_BY_TURN,      /* from probes that it turned */
	TRACE_BY_MAX
};

/*
 * One trace, cut into the way there and the way back.  Whoever fills the hops
 * (decode: from a traceroute's lines), the output takes them from here.
 */
struct trace {
	struct hop_header header;
	struct hop_addr hint; /* the user says: the turn has this address, */
	uint16_t hint_ttl;    /* or this number; 0: says nothing */
	size_t nhops;
	size_t npromoted; /* hops before this one need no more change */
	ssize_t turn;     /* index of the inflection; -1: not (yet) seen */
	ssize_t back;     /* index of the first reverse hop; -1: none */
	ssize_t end;      /* index of the target's last answer; -1: none */
	enum trace_by by;
	enum proto proto; /* of its probes, unless it was read */
	int prefix;       /* the host answers from a hop prefix */
	struct hop hops[HOP_TTL_MAX];
};

/* trace_init: an empty trace, the user's hint kept. */
void trace_init(struct trace *);

/*
 * trace_add: takes a copy of the next hop (ttl 0: more answers of the last
 * one).  Returns 0, or -1 if its number does not go on from the last one's.
 */
int trace_add(struct trace *, const struct hop *);

/*
 * trace_cut: finds the inflection, once: the first hop that answers from the
 * target's own address (or the hint's) and is not the last one; with uturnd's
 * objects in later hops also one that answers from the same address as they,
 * or from the one before it in their hop prefix; or else the silent hop before
 * them.  From then on each reverse hop's answers are its router's: from is what
 * the object named, and is_hidden where the host answered without one.
 * over: no more hops will come.  Returns how many of the first hops are now
 * certain in what they are; never less than before.
 */
size_t trace_cut(struct trace *, int over);

/* trace_forward, trace_reverse: the number of hops of the two ways, without
 * the inflection and the target's last answer; *first is the index of the
 * first. */
size_t trace_forward(const struct trace *, size_t *first);
size_t trace_reverse(const struct trace *, size_t *first);

#endif /* UTRACE_PATHS_H */
