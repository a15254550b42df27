/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_FUZZ_MATCHING_H
#define TESTS_FUZZ_MATCHING_H

#include "common/addr.h"
#include "tests/fuzz/fuzz.h"

/*
 * matching_fuzz: the input is a byte that says what is mended and which turned
 * probe is put in as the quote, and a captured packet of the family.
 */
void matching_fuzz(enum family, struct fuzz_in *);

#endif /* TESTS_FUZZ_MATCHING_H */
