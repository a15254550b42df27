/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "uturnctl/output.h"

static uint64_t
output_add(uint64_t a, uint64_t b)
{
	return (a > UINT64_MAX - b ? UINT64_MAX : a + b);
}

uint64_t
output_sum(const struct stats *s, enum stat_kind kind, enum family family)
{
	uint64_t sum = 0;
	int f, p;

	for (f = 0; f < FAMILY_MAX; f++) {
		if (family != FAMILY_MAX && f != (int)family)
			continue;
		for (p = 0; p < PROTO_MAX; p++)
			sum = output_add(sum, s->stat[kind][f][p]);
	}
	return (sum);
}

const char *
output_result_name(enum msg_result result)
{
	switch (result) {
	case RESULT_OK:
		return ("ok");
	case RESULT_REFUSED:
		return ("refused");
	case RESULT_FAILED:
	case RESULT_LAST:
		break;
	}
	return ("failed");
}
