/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "priv/verdicts.h"

int
verdicts_add(struct verdicts *v, uint32_t id, int accept)
{
	if (v->n == VERDICTS_MAX)
		return (-1);
	v->id[v->n] = id;
	v->accept[v->n] = accept != 0;
	v->n++;
	return (0);
}

/* Was a numbered after b? */
static int
verdicts_after(uint32_t a, uint32_t b)
{
	return (a - b - 1 < INT32_MAX);
}

int
verdicts_common(
    const struct verdicts *v, const uint32_t *waiting, uint32_t *last)
{
	uint32_t max;
	size_t i;

	if (v->n < 2)
		return (0);
	max = v->id[0];
	for (i = 1; i < v->n; i++) {
		if (v->accept[i] != v->accept[0])
			return (0);
		if (verdicts_after(v->id[i], max))
			max = v->id[i];
	}
	if (waiting != NULL && !verdicts_after(*waiting, max))
		return (0);
	*last = max;
	return (1);
}
