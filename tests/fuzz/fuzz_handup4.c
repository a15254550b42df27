/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* IPv4 packets of the queue: which are probes, and what becomes of them. */

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/handup.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	handup_fuzz(FAMILY_V4, &in);
	return (0);
}
