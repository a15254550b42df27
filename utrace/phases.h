/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_PHASES_H
#define UTRACE_PHASES_H

#include "utrace/prober.h"

/* What the phases of a trace share; each returns 0, or -1 with errno. */

/* Where a packet is to reach the host. */
#define PHASES_TTL 64

/* phases_conf: as the user wants it, up to this hop. */
void phases_conf(const struct prober *, struct phase *, uint16_t last);
void phases_addr(const struct prober *, const struct addr *, struct hop_addr *);
/* phases_put: puts an answer into the survey.  Returns its hop, or 0. */
uint16_t phases_put(struct prober *, const struct answer *, int64_t now);

/* phases_is_host: does it come from the host's own address? */
int phases_is_host(const struct prober *, const struct answer *);
/* phases_is_final: does nothing follow, for who answers so? */
int phases_is_final(const struct answer *);
int phases_is_silent(const struct survey *, uint16_t ttl);
/* phases_silent: so many silent hops up to this one, all known already. */
uint16_t phases_silent(const struct survey *, uint16_t ttl);
/* phases_gap: too much silence ends a trace, but not before the host. */
void phases_gap(struct prober *);
/*
 * phases_is_longer: do packets of this flow take a way that is one hop longer
 * than that of requests?  Then the host answers for good right behind where it
 * should be.  So does a host without a router between if it turned a probe.
 */
int phases_is_longer(const struct prober *);

/*
 * phases_reverse: the way back by requests; the way there has last hops.  Where
 * none was answered, and it may be learnt otherwise, it sends no hops.
 */
int phases_reverse(struct prober *, uint16_t last);
/* phases_turn: both ways in one trace, past the inflection, or from the hop
 * behind it on. */
int phases_turn(struct prober *, uint16_t first);

#endif /* UTRACE_PHASES_H */
