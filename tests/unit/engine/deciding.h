/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_DECIDING_H
#define TESTS_DECIDING_H

#include <stdlib.h>

#include "common/loop.h"
#include "engine/decide.h"

/* What the tests of decide*.c begin with: a policy, its gate and limits. */

#define SETS  64
#define START (1000 * NS_PER_S)

static const uint8_t secret[16] = "0123456789abcde";

struct fixture {
	struct policy policy;
	struct decide decide;
	struct deny deny;
};

static inline int
deciding_setup(void **state)
{
	struct fixture *f;

	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return (-1);
	f->policy.gate_ns = 10 * NS_PER_S;
	f->decide.policy = &f->policy;
	f->decide.gate = gate_new(SETS, secret);
	f->decide.limit = limit_new(SETS, secret);
	limit_set(f->decide.limit, &f->policy, START);
	*state = f;
	return (f->decide.gate == NULL || f->decide.limit == NULL ? -1 : 0);
}

static inline int
test_teardown(void **state)
{
	struct fixture *f = *state;

	gate_free(f->decide.gate);
	limit_free(f->decide.limit);
	free(f);
	return (0);
}

#endif /* TESTS_DECIDING_H */
