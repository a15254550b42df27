/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Coders of traces and their events, from the engine to uturnctl. */

#include <errno.h>
#include <string.h>

#include "common/msg.h"
#include "common/msg_io.h"

static void
msg_write_addr(struct msg_writer *w, const struct addr *a)
{
	msg_write_bytes(w, a->b, sizeof(a->b));
}

int
msg_put_ask(
    struct imsgbuf *ib, uint32_t type, uint32_t peerid, const struct msg_ask *a)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, peerid, MSG_SIZE_ASK);
	msg_write_u32(&w, a->from);
	msg_write_u8(&w, a->filter);
	msg_write_u8(&w, (uint8_t)a->family);
	msg_write_addr(&w, &a->client);
	return (msg_write_end(&w));
}

int
msg_get_ask(struct imsg *imsg, struct msg_ask *a, const char **why)
{
	struct msg_reader r;

	memset(a, 0, sizeof(*a));
	msg_read_begin(&r, imsg);
	a->from = msg_read_u32(&r);
	a->filter = msg_read_u8(&r);
	a->family = msg_read_enum(&r, FAMILY_MAX, "bad family");
	msg_read_addr(&r, a->family, &a->client);
	msg_read_require(
	    &r, a->from <= POLICY_TRACES_MAX, "place out of range");
	msg_read_require(&r, a->filter <= 1, "filter is not 0 or 1");
	return (msg_read_end(&r, why));
}

int
msg_put_trace(struct imsgbuf *ib, uint32_t type, uint32_t peerid,
    const struct msg_trace *t)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, peerid, MSG_SIZE_TRACE);
	msg_write_u8(&w, (uint8_t)t->family);
	msg_write_u8(&w, (uint8_t)t->proto);
	msg_write_addr(&w, &t->client);
	msg_write_addr(&w, &t->listen);
	msg_write_u64(&w, t->begun_us);
	msg_write_u64(&w, t->seen_us);
	msg_write_u32(&w, t->probes);
	msg_write_u8(&w, (uint8_t)t->end);
	msg_write_u8(&w, t->end_hop);
	msg_write_u8(&w, t->changed_hop);
	msg_write_u64(&w, t->changed_us);
	msg_write_addr(&w, &t->changed_from);
	msg_write_addr(&w, &t->changed_to);
	return (msg_write_end(&w));
}

int
msg_get_trace(struct imsg *imsg, struct msg_trace *t, const char **why)
{
	struct msg_reader r;

	memset(t, 0, sizeof(*t));
	msg_read_begin(&r, imsg);
	t->family = msg_read_enum(&r, FAMILY_MAX, "bad family");
	t->proto = msg_read_enum(&r, PROTO_MAX, "bad protocol");
	msg_read_addr(&r, t->family, &t->client);
	msg_read_addr(&r, t->family, &t->listen);
	t->begun_us = msg_read_u64(&r);
	t->seen_us = msg_read_u64(&r);
	t->probes = msg_read_u32(&r);
	t->end = msg_read_enum(&r, TRACE_END_LAST, "bad end of a trace");
	t->end_hop = msg_read_u8(&r);
	t->changed_hop = msg_read_u8(&r);
	t->changed_us = msg_read_u64(&r);
	msg_read_addr(&r, t->family, &t->changed_from);
	msg_read_addr(&r, t->family, &t->changed_to);
	msg_read_require(&r,
	    (t->end == TRACE_OPEN) == (t->end_hop == 0) &&
		t->end_hop <= MSG_HOPS_MAX,
	    "hop of the end out of range");
	msg_read_require(&r, t->changed_hop <= MSG_HOPS_MAX,
	    "hop of the change out of range");
	return (msg_read_end(&r, why));
}

int
msg_put_hop(
    struct imsgbuf *ib, uint32_t type, uint32_t peerid, const struct msg_hop *h)
{
	struct msg_writer w;
	size_t i;

	if (h->nlabels > MSG_LABELS_MAX) {
		errno = EINVAL;
		return (-1);
	}
	msg_write_begin(&w, ib, type, peerid, MSG_SIZE_HOP);
	msg_write_u8(&w, (uint8_t)h->family);
	msg_write_u8(&w, h->hop);
	msg_write_u8(&w, h->flags);
	msg_write_u8(&w, h->routers);
	msg_write_addr(&w, &h->router);
	msg_write_u16(&w, h->turned);
	msg_write_u16(&w, h->answered);
	msg_write_u16(&w, h->lost);
	msg_write_u32(&w, h->rtt_min_us);
	msg_write_u32(&w, h->rtt_avg_us);
	msg_write_u32(&w, h->rtt_max_us);
	msg_write_u8(&w, h->icmp_type);
	msg_write_u8(&w, h->icmp_code);
	msg_write_u8(&w, h->nlabels);
	for (i = 0; i < MSG_LABELS_MAX; i++)
		msg_write_u32(&w, i < h->nlabels ? h->label[i] : 0);
	return (msg_write_end(&w));
}

int
msg_get_hop(struct imsg *imsg, struct msg_hop *h, const char **why)
{
	struct msg_reader r;
	size_t i;

	memset(h, 0, sizeof(*h));
	msg_read_begin(&r, imsg);
	h->family = msg_read_enum(&r, FAMILY_MAX, "bad family");
	h->hop = msg_read_u8(&r);
	h->flags = msg_read_u8(&r);
	h->routers = msg_read_u8(&r);
	msg_read_addr(&r, h->family, &h->router);
	h->turned = msg_read_u16(&r);
	h->answered = msg_read_u16(&r);
	h->lost = msg_read_u16(&r);
	h->rtt_min_us = msg_read_u32(&r);
	h->rtt_avg_us = msg_read_u32(&r);
	h->rtt_max_us = msg_read_u32(&r);
	h->icmp_type = msg_read_u8(&r);
	h->icmp_code = msg_read_u8(&r);
	h->nlabels = msg_read_u8(&r);
	for (i = 0; i < MSG_LABELS_MAX; i++)
		h->label[i] = msg_read_u32(&r);
	msg_read_require(
	    &r, h->hop >= 1 && h->hop <= MSG_HOPS_MAX, "hop out of range");
	msg_read_require(&r, (h->flags & ~MSG_HOP_FLAGS) == 0, "unknown flags");
	msg_read_require(&r, h->routers <= MSG_HOP_ROUTERS, "too many routers");
	msg_read_require(&r, h->nlabels <= MSG_LABELS_MAX, "too many labels");
	for (i = 0; i < MSG_LABELS_MAX; i++)
		msg_read_require(&r, i < h->nlabels || h->label[i] == 0,
		    "a label behind the last");
	return (msg_read_end(&r, why));
}

int
msg_put_event(struct imsgbuf *ib, uint32_t type, uint32_t peerid,
    const struct msg_event *e)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, peerid, MSG_SIZE_EVENT);
	msg_write_u8(&w, (uint8_t)e->kind);
	msg_write_u8(&w, (uint8_t)e->family);
	msg_write_u8(&w, (uint8_t)e->proto);
	msg_write_u8(&w, (uint8_t)e->end);
	msg_write_u8(&w, e->hop);
	msg_write_u8(&w, e->flags);
	msg_write_u8(&w, e->icmp_type);
	msg_write_u8(&w, e->icmp_code);
	msg_write_u32(&w, e->rtt_us);
	msg_write_u32(&w, e->dropped);
	msg_write_addr(&w, &e->client);
	msg_write_addr(&w, &e->listen);
	msg_write_addr(&w, &e->router);
	msg_write_addr(&w, &e->former);
	return (msg_write_end(&w));
}

int
msg_get_event(struct imsg *imsg, struct msg_event *e, const char **why)
{
	struct msg_reader r;

	memset(e, 0, sizeof(*e));
	msg_read_begin(&r, imsg);
	e->kind = msg_read_enum(&r, EVENT_LAST, "bad kind of event");
	e->family = msg_read_enum(&r, FAMILY_MAX, "bad family");
	e->proto = msg_read_enum(&r, PROTO_MAX, "bad protocol");
	e->end = msg_read_enum(&r, TRACE_END_LAST, "bad end of a trace");
	e->hop = msg_read_u8(&r);
	e->flags = msg_read_u8(&r);
	e->icmp_type = msg_read_u8(&r);
	e->icmp_code = msg_read_u8(&r);
	e->rtt_us = msg_read_u32(&r);
	e->dropped = msg_read_u32(&r);
	msg_read_addr(&r, e->family, &e->client);
	msg_read_addr(&r, e->family, &e->listen);
	msg_read_addr(&r, e->family, &e->router);
	msg_read_addr(&r, e->family, &e->former);
	msg_read_require(&r, e->hop <= MSG_HOPS_MAX, "hop out of range");
	msg_read_require(&r, (e->flags & ~MSG_HOP_FLAGS) == 0, "unknown flags");
	return (msg_read_end(&r, why));
}
