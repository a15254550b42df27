/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_FUZZ_BRAIN_H
#define TESTS_FUZZ_BRAIN_H

#include "engine/state.h"
#include "tests/fuzz/fuzz.h"

/* The engine without its loop: the real handlers and tables, no descriptor. */

/* brain_begin: running under the policy; brain_end frees. */
void brain_begin(struct engine *, const struct policy *, int64_t now);
void brain_end(struct engine *);
/* brain_policy: another one, as a COMMIT brings it into force. */
void brain_policy(struct engine *, const struct policy *);
/*
 * brain_take: one message from a peer, by the border's table and its
 * handler.  Returns 0, or -1: a violation by the peer.
 */
int brain_take(struct engine *, enum engine_peer, struct imsg *);

/* brain_tell: the controller gets all that is there for it. */
void brain_tell(struct engine *);

#endif /* TESTS_FUZZ_BRAIN_H */
