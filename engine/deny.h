/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_DENY_H
#define ENGINE_DENY_H

#include <stddef.h>
#include <stdint.h>

#include "common/msg.h"

/*
 * Sources that the operator denies for a while, beside the configuration's
 * own rules: each prefix until its time is over, through reloads, not through
 * a restart.  All zero: none.  Times in ns of CLOCK_MONOTONIC.
 */

struct deny_entry {
	enum family family;
	uint8_t len;
	struct addr addr;
	int64_t until; /* denied before this time; 0: a free place */
};
struct deny {
	struct deny_entry entry[MSG_DENY_MAX];
	size_t n; /* places in use, from the first on: 0 is quickly told */
};

/* deny_set: adds a prefix, gives one another time, or removes one. */
enum msg_denying deny_set(struct deny *, const struct msg_deny *, int64_t now);
/* deny_matches: is this source denied now? */
int deny_matches(
    const struct deny *, enum family, const struct addr *, int64_t now);
/*
 * deny_next: the first prefix at place from or behind it that is denied, with
 * the time that is left.  Returns the place behind it, or 0: none.
 */
uint32_t
deny_next(const struct deny *, uint32_t from, int64_t now, struct msg_deny *);

#endif /* ENGINE_DENY_H */
