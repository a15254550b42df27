/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_FUZZ_HANDUP_H
#define TESTS_FUZZ_HANDUP_H

#include "common/addr.h"
#include "tests/fuzz/fuzz.h"

/*
 * handup_fuzz: the input is a byte that chooses the policy, one that chooses
 * what is mended, and a packet of the family (its version is set).
 */
void handup_fuzz(enum family, struct fuzz_in *);

#endif /* TESTS_FUZZ_HANDUP_H */
