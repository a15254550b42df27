/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/loop.h"
#include "engine/deny.h"

static int
deny_is(const struct deny_entry *e, const struct msg_deny *d)
{
	return (e->family == d->family && e->len == d->len &&
	    addr_equal(&e->addr, &d->addr));
}

/* Those whose time is over make room; the others move up. */
static void
deny_sweep(struct deny *deny, int64_t now)
{
	size_t i, n = 0;

	for (i = 0; i < deny->n; i++)
		if (now < deny->entry[i].until)
			deny->entry[n++] = deny->entry[i];
	deny->n = n;
}

enum msg_denying
deny_set(struct deny *deny, const struct msg_deny *d, int64_t now)
{
	struct deny_entry *e;
	size_t i;

	deny_sweep(deny, now);
	for (i = 0; i < deny->n; i++)
		if (deny_is(&deny->entry[i], d))
			break;
	if (d->remove) {
		if (i == deny->n)
			return (DENYING_UNKNOWN);
		deny->entry[i].until = 0;
		deny_sweep(deny, now);
		return (DENYING_DONE);
	}
	if (i == MSG_DENY_MAX)
		return (DENYING_FULL);
	e = &deny->entry[i];
	e->family = d->family;
	e->len = d->len;
	e->addr = d->addr;
	/* The border bounds it, so the sum does not overflow. */
	e->until = now + (int64_t)d->ms * NS_PER_MS;
	if (i == deny->n)
		deny->n++;
	return (DENYING_DONE);
}

int
deny_matches(
    const struct deny *deny, enum family f, const struct addr *a, int64_t now)
{
	const struct deny_entry *e;
	size_t i;

	for (i = 0; i < deny->n; i++) {
		e = &deny->entry[i];
		if (e->family == f && now < e->until &&
		    addr_in_prefix(f, a, &e->addr, e->len))
			return (1);
	}
	return (0);
}

uint32_t
deny_next(
    const struct deny *deny, uint32_t from, int64_t now, struct msg_deny *d)
{
	const struct deny_entry *e;
	size_t i;

	for (i = from; i < deny->n; i++) {
		e = &deny->entry[i];
		if (now >= e->until)
			continue;
		memset(d, 0, sizeof(*d));
		d->family = e->family;
		d->len = e->len;
		d->addr = e->addr;
		/* A part of the last millisecond is one. */
		d->ms =
		    (uint64_t)((e->until - now + NS_PER_MS - 1) / NS_PER_MS);
		return ((uint32_t)i + 1);
	}
	return (0);
}
