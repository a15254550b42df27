/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "engine/ask.h"
#include "engine/decide.h"

/*
 * A source whose trace by UDP or echo is under way is known by that; a request
 * itself opens no gate, so that a ping beside it is left alone.
 */
static enum limit_rank
decide_ask_rank(const struct decide *d, const struct msg_request *q,
    const struct ask *ask, int64_t now)
{
	static const enum proto protos[] = { PROTO_UDP, PROTO_ICMP };
	struct gate_ask gate;
	size_t i;

	memset(&gate, 0, sizeof(gate));
	gate.family = q->family;
	gate.client = &ask->src;
	gate.ttl = POLICY_TTL_MAX;
	for (i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		gate.proto = protos[i];
		if (gate_look(d->gate, &gate, now) == GATE_OPEN)
			return (LIMIT_GATED);
	}
	return (LIMIT_STRANGER);
}

static void
decide_ask_keep(const struct msg_request *q, const struct ask *ask,
    enum limit_rank rank, struct pending_probe *probe)
{
	memset(probe, 0, sizeof(*probe));
	probe->family = q->family;
	probe->proto = ask->proto;
	probe->ttl = (uint8_t)(ask->ttl + 1);
	probe->unreachable = q->unreachable;
	probe->request = 1;
	probe->target = ask->other;
	probe->observe = q->observe;
	probe->rank = (uint8_t)rank;
	probe->len = q->len;
	probe->client = ask->src;
	probe->listen = ask->dst;
}

/* What the operator denies for a while is not probed either. */
static void
decide_ask_target(const struct decide *d, const struct msg_request *q,
    int64_t now, struct ask *ask)
{
	if (!ask->other || ask->status != AUGSBURG_OK || d->deny == NULL ||
	    !deny_matches(d->deny, q->family, &ask->to, now))
		return;
	ask->status = AUGSBURG_BAD_EXT;
	ask->value = AUGSBURG_CLASS_TARGET << 8;
}

void
decide_ask(const struct decide *d, const struct msg_request *q, int64_t now,
    struct pending_probe *probe, enum proto *proto, struct decision *out)
{
	struct limit_ask limit;
	struct ask ask;

	memset(out, 0, sizeof(*out));
	*proto = PROTO_ICMP;
	if (ask_parse(q, &ask) != PARSE_OK) {
		out->order = MSG_PASS;
		out->stats = DECIDE_STAT(STAT_MALFORMED);
		return;
	}
	*proto = ask.proto;
	if (policy_denied(d->policy, q->family, &ask.src) ||
	    (d->deny != NULL &&
		deny_matches(d->deny, q->family, &ask.src, now))) {
		out->order = MSG_PASS;
		out->stats = DECIDE_STAT(STAT_DENIED);
		return;
	}

	decide_ask_target(d, q, now, &ask);
	memset(&limit, 0, sizeof(limit));
	limit.family = q->family;
	limit.client = &ask.src;
	/* A status stays between us and who asks. */
	if (ask.other && ask.status == AUGSBURG_OK)
		limit.target = &ask.to;
	/* A status leaves as any answer does, a probe with a TTL. */
	limit.ttl = ask.status == AUGSBURG_OK ? (uint8_t)(ask.ttl + 1) : 1;
	limit.rank = decide_ask_rank(d, q, &ask, now);
	if (limit_take(d->limit, &limit, now) != LIMIT_OK) {
		/* An echo of the kernel's would read as a reply. */
		out->order = MSG_DROP;
		out->stats = DECIDE_STAT(STAT_LIMITED);
		return;
	}
	if (ask.status != AUGSBURG_OK) {
		out->order = MSG_REQUEST_STATUS;
		out->status.id = q->id;
		out->status.status = ask.status;
		out->status.value = ask.value;
		return;
	}
	decide_ask_keep(q, &ask, limit.rank, probe);
	out->order = MSG_REQUEST_PROBE;
}
