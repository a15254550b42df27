/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_SURVEY_H
#define UTRACE_SURVEY_H

#include <stddef.h>
#include <stdint.h>

#include "utrace/hop.h"
#include "utrace/object.h"

/*
 * Hop after hop is asked, several at a time: which probe is due, whose answer
 * came, which hops are known.  Pure: time is what the caller says, in
 * nanoseconds; who sends and receives is the caller, too.
 */

/*
 * Tokens: each names one packet of a run.  All different, in an order that
 * nobody can foresee; so many packets a run sends at most.
 */
#define TOKENS_MAX 4096
struct tokens {
	size_t used;
	uint16_t v[TOKENS_MAX];
};
/* tokens_init: draws them, from 1 to 0xfffe. */
void tokens_init(struct tokens *);
/* tokens_next: 0 if there are no more. */
uint16_t tokens_next(struct tokens *);

struct survey_conf {
	uint16_t first; /* hops, 1..255 */
	uint16_t last;
	uint8_t probes;  /* for each hop, 1..HOP_PROBES */
	size_t window;   /* so many are waited for at a time */
	int64_t gap_ns;  /* between two of them */
	int64_t wait_ns; /* so long an answer is awaited */
};

enum survey_state {
	SURVEY_SENT,
	SURVEY_ANSWERED,
	SURVEY_LOST
};

struct survey_slot {
	uint16_t token;
	uint16_t ttl;
	uint8_t probe; /* of its hop */
	uint8_t state;
	int64_t sent;
};

struct survey {
	struct survey_conf conf;
	uint16_t ttl;  /* of the next probe */
	uint8_t probe; /* likewise */
	uint16_t last; /* no hop beyond counts any more */
	uint16_t next; /* hop that survey_hop has not given yet */
	int64_t send;  /* not before */
	size_t out;    /* awaited */
	size_t n;
	struct survey_slot slots[TOKENS_MAX];
	uint8_t done[HOP_TTL_MAX + 1]; /* probes answered or lost */
	struct hop hops[HOP_TTL_MAX + 1];
};

void survey_init(struct survey *, const struct survey_conf *, int64_t now);

/* survey_due: must a probe be sent now?  Then *ttl is its hop, and the caller
 * calls survey_sent, or survey_cut. */
int survey_due(const struct survey *, int64_t now, uint16_t *ttl);
void survey_sent(struct survey *, uint16_t token, int64_t now);

/*
 * survey_answer: an answer to the token came from this address.  object: what
 * it bears, or NULL; mark: as traceroute would print it.  Returns the hop, 0 if
 * nobody waits for it (any more).
 */
uint16_t survey_answer(struct survey *, uint16_t token, int64_t now,
    const struct hop_addr *from, const struct object *, const char *mark);

/* survey_refuse: there will be no answer to the token.  Returns the hop, or 0
 * as above. */
uint16_t survey_refuse(struct survey *, uint16_t token);

/* survey_expire: what was awaited too long is lost. */
void survey_expire(struct survey *, int64_t now);
/* survey_deadline: when survey_due or survey_expire has something to do. */
int64_t survey_deadline(const struct survey *);
/* survey_cut: no hop beyond this one is of interest. */
void survey_cut(struct survey *, uint16_t last);
/* survey_extend: hops up to this one are of interest, 255 at most. */
void survey_extend(struct survey *, unsigned int last);
/* survey_hop: the next hop that nothing more will come of; NULL: not yet. */
struct hop *survey_hop(struct survey *);
/* survey_over: all hops up to the last are known. */
int survey_over(const struct survey *);

#endif /* UTRACE_SURVEY_H */
