/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Traces as they are shown. */

#include <string.h>

#include "engine/traces_int.h"

static uint64_t
traces_ago(int64_t then, int64_t now)
{
	return (now > then ? (uint64_t)(now - then) / 1000 : 0);
}

static void
traces_copy_head(const struct trace *tr, int64_t now, struct msg_trace *head)
{
	memset(head, 0, sizeof(*head));
	head->family = (enum family)tr->key.family;
	head->proto = (enum proto)tr->key.proto;
	head->client = tr->key.client;
	head->listen = tr->key.listen;
	head->begun_us = traces_ago(tr->begun, now);
	head->seen_us = traces_ago(tr->seen, now);
	head->probes = tr->probes;
	if (tr->client != 0) {
		head->end = TRACE_ANSWERED;
		head->end_hop = tr->client;
	} else if (tr->silent != 0) {
		head->end = TRACE_INFERRED;
		head->end_hop = tr->silent;
	}
	if (tr->changed_hop == 0)
		return;
	head->changed_hop = tr->changed_hop;
	head->changed_us = traces_ago(tr->changed, now);
	head->changed_from = tr->changed_from;
	head->changed_to = tr->changed_to;
}

static void
traces_copy_hop(const struct trace *tr, size_t i, struct msg_hop *out)
{
	const struct traces_hop *h = &tr->hop[i];
	unsigned int bits;

	memset(out, 0, sizeof(*out));
	out->family = (enum family)tr->key.family;
	out->hop = (uint8_t)(i + 1);
	out->turned = h->turned;
	out->answered = h->answered;
	out->lost = h->lost;
	if (h->answered > 0) {
		out->rtt_min_us = h->rtt_min;
		out->rtt_max_us = h->rtt_max;
		out->rtt_avg_us = (uint32_t)(h->rtt_sum / h->answered);
	}
	if (tr->client == i + 1) {
		out->flags = MSG_HOP_CLIENT;
		out->router = tr->key.client;
		return;
	}
	for (bits = h->now; bits != 0; bits &= bits - 1)
		out->routers++;
	if (out->routers == 0)
		return;
	out->flags = h->flags;
	out->router = h->router;
	out->icmp_type = h->icmp_type;
	out->icmp_code = h->icmp_code;
	out->nlabels = h->nlabels;
	memcpy(out->label, h->label, sizeof(out->label));
}

/* Hops up to the end, of whose probes something is known. */
static void
traces_copy_hops(const struct trace *tr, struct traces_copy *out)
{
	size_t i, n;

	n = MSG_HOPS_MAX;
	if (out->head.end == TRACE_ANSWERED)
		n = out->head.end_hop;
	else if (out->head.end == TRACE_INFERRED)
		n = (size_t)out->head.end_hop - 1;
	out->nhops = 0;
	for (i = 0; i < n; i++)
		if (tr->hop[i].answered > 0 || tr->hop[i].lost > 0)
			traces_copy_hop(tr, i, &out->hop[out->nhops++]);
}

uint32_t
traces_next(const struct traces *t, const struct msg_ask *ask, int64_t now,
    struct traces_copy *out)
{
	const struct trace *tr;
	uint32_t i;

	for (i = ask->from; i < t->high; i++) {
		tr = &t->trace[i];
		if (!tr->used || traces_is_old(t, tr, now))
			continue;
		if (ask->filter &&
		    (tr->key.family != (uint8_t)ask->family ||
			!addr_equal(&tr->key.client, &ask->client)))
			continue;
		traces_copy_head(tr, now, &out->head);
		traces_copy_hops(tr, out);
		return (i + 1);
	}
	return (0);
}
