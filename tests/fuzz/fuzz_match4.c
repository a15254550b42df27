/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* ICMPv4 errors, echo replies and resets that the capture socket sees. */

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/matching.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	matching_fuzz(FAMILY_V4, &in);
	return (0);
}
