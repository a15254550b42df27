/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdlib.h>

#include "engine/pending.h"

struct pending_slot {
	uint32_t gen; /* 0: never used */
	enum pending_state state;
	struct pending_probe probe;
};

struct pending {
	uint32_t n;
	struct pending_slot *slots;
};

struct pending *
pending_new(uint32_t n)
{
	struct pending *p;

	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return (NULL);
	p->slots = calloc(n, sizeof(*p->slots));
	if (p->slots == NULL) {
		free(p);
		return (NULL);
	}
	p->n = n;
	return (p);
}

void
pending_free(struct pending *p)
{
	if (p == NULL)
		return;
	free(p->slots);
	free(p);
}

/* The slot, if this generation is its present one. */
static struct pending_slot *
pending_find(struct pending *p, struct msg_id id, const char **why)
{
	struct pending_slot *s;

	if (id.slot >= p->n) {
		*why = "no such slot";
		return (NULL);
	}
	s = &p->slots[id.slot];
	if (id.gen == 0 || id.gen != s->gen) {
		*why = "not the slot's generation";
		return (NULL);
	}
	return (s);
}

int
pending_begin(struct pending *p, struct msg_id id, const char **why)
{
	struct pending_slot *s;

	if (id.slot >= p->n) {
		*why = "no such slot";
		return (-1);
	}
	s = &p->slots[id.slot];
	/* Serial numbers: a generation may wrap after 2^32 probes. */
	if (id.gen == 0 || id.gen == s->gen ||
	    id.gen - s->gen > UINT32_MAX / 2) {
		*why = "not a new generation";
		return (-1);
	}
	s->gen = id.gen;
	s->state = PENDING_NONE;
	return (0);
}

void
pending_turned(
    struct pending *p, struct msg_id id, const struct pending_probe *probe)
{
	struct pending_slot *s;
	const char *why;

	s = pending_find(p, id, &why);
	if (s == NULL)
		abort(); /* the caller's pending_begin was refused */
	s->state = PENDING_TURNED;
	s->probe = *probe;
}

int
pending_match(struct pending *p, struct msg_id id,
    const struct pending_probe **probe, enum pending_state *before,
    const char **why)
{
	struct pending_slot *s;

	s = pending_find(p, id, why);
	if (s == NULL)
		return (-1);
	if (s->state != PENDING_TURNED && s->state != PENDING_SETTLED) {
		*why = "no turned probe that waits for a match";
		return (-1);
	}
	*probe = &s->probe;
	*before = s->state;
	s->state = PENDING_MATCHED;
	return (0);
}

int
pending_settle(struct pending *p, struct msg_id id, const char **why)
{
	struct pending_slot *s;

	s = pending_find(p, id, why);
	if (s == NULL)
		return (-1);
	if (s->state != PENDING_TURNED || s->probe.proto != PROTO_UDP ||
	    s->probe.request) {
		*why = "no turned UDP probe that waits for a match";
		return (-1);
	}
	s->state = PENDING_SETTLED;
	return (0);
}

int
pending_end(struct pending *p, struct msg_id id, const char **why)
{
	struct pending_slot *s;

	s = pending_find(p, id, why);
	if (s == NULL)
		return (-1);
	s->state = PENDING_NONE;
	return (0);
}

const struct pending_probe *
pending_kept(struct pending *p, struct msg_id id)
{
	struct pending_slot *s;
	const char *why;

	s = pending_find(p, id, &why);
	return (s == NULL ? NULL : &s->probe);
}
