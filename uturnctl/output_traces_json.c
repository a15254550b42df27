/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Traces and events as JSON. */

#include <inttypes.h>
#include <jansson.h>

#include "uturnctl/output.h"

static const char *const json_ends[TRACE_END_LAST] = { "open", "answered",
	"inferred" };
static const char *const json_kinds[EVENT_LAST] = { "began", "answered", "lost",
	"ended", "changed" };

/* Each of these returns 0, or -1: a part could not be made. */
static int
json_int(json_t *o, const char *key, uint64_t v)
{
	return (json_object_set_new(
	    o, key, json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v)));
}

static int
json_text(json_t *o, const char *key, const char *text)
{
	return (json_object_set_new(o, key, json_string(text)));
}

static int
json_addr(json_t *o, const char *key, enum family f, const struct addr *a)
{
	char buf[ADDR_TEXT_MAX];

	return (json_text(o, key, addr_format(f, a, buf, sizeof(buf))));
}

static int
json_unreach(json_t *o, enum family family, uint8_t type, uint8_t code)
{
	char mark[OUTPUT_UNREACH_MAX];
	json_t *u = json_object();
	int rc = 0;

	rc |= json_int(u, "type", type);
	rc |= json_int(u, "code", code);
	rc |= json_text(u, "mark", output_unreach(family, type, code, mark));
	/* It takes u over, or frees it. */
	rc |= json_object_set_new(o, "unreachable", u);
	return (rc);
}

/* RFC 4950: label, three bits, bottom of the stack, TTL. */
static int
json_labels(json_t *o, const struct msg_hop *h)
{
	json_t *labels = json_array(), *l;
	size_t i;
	int rc = 0;

	for (i = 0; i < h->nlabels; i++) {
		l = json_object();
		rc |= json_int(l, "label", h->label[i] >> 12);
		rc |= json_int(l, "exp", h->label[i] >> 9 & 7);
		rc |= json_int(l, "bottom", h->label[i] >> 8 & 1);
		rc |= json_int(l, "ttl", h->label[i] & 0xff);
		rc |= json_array_append_new(labels, l);
	}
	rc |= json_object_set_new(o, "labels", labels);
	return (rc);
}

/* Times, if any answered. */
static int
json_times(json_t *o, const struct msg_hop *h)
{
	int rc = 0;

	rc |= json_int(o, "answered", h->answered);
	if (h->answered == 0)
		return (rc);
	rc |= json_int(o, "rtt_min_us", h->rtt_min_us);
	rc |= json_int(o, "rtt_avg_us", h->rtt_avg_us);
	rc |= json_int(o, "rtt_max_us", h->rtt_max_us);
	return (rc);
}

static json_t *
json_hop(const struct msg_hop *h, const struct names *names)
{
	json_t *o = json_object();
	const char *name;
	int rc = 0;

	rc |= json_int(o, "hop", h->hop);
	if (!addr_is_zero(&h->router)) {
		rc |= json_addr(o, "address", h->family, &h->router);
		name = names_find(names, h->family, &h->router);
		if (name != NULL)
			rc |= json_text(o, "name", name);
	}
	rc |= json_int(o, "turned", h->turned);
	rc |= json_int(o, "lost", h->lost);
	rc |= json_times(o, h);
	rc |= json_int(o, "routers", h->routers);
	rc |= json_int(o, "hidden", (h->flags & MSG_HOP_HIDDEN) != 0);
	if (h->flags & MSG_HOP_UNREACH)
		rc |= json_unreach(o, h->family, h->icmp_type, h->icmp_code);
	if (h->nlabels > 0)
		rc |= json_labels(o, h);
	if (rc != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

static int
json_changed(json_t *o, const struct msg_trace *h)
{
	json_t *c = json_object();
	int rc = 0;

	rc |= json_int(c, "hop", h->changed_hop);
	rc |= json_int(c, "ago_us", h->changed_us);
	rc |= json_addr(c, "from", h->family, &h->changed_from);
	rc |= json_addr(c, "to", h->family, &h->changed_to);
	rc |= json_object_set_new(o, "changed", c);
	return (rc);
}

/* What the client's own host answered, whichever probe it was. */
static json_t *
json_answer(const struct msg_hop *h)
{
	json_t *o = json_object();

	if (json_times(o, h) != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

/* The hop where the client itself answered is none of a router's. */
static int
json_hops(json_t *o, const struct reply_trace *t, const struct names *names)
{
	json_t *hops = json_array();
	size_t i;
	int rc = 0;

	for (i = 0; i < t->nhops; i++) {
		if (t->hops[i].flags & MSG_HOP_CLIENT)
			rc |= json_object_set_new(
			    o, "answer", json_answer(&t->hops[i]));
		else
			rc |= json_array_append_new(
			    hops, json_hop(&t->hops[i], names));
	}
	rc |= json_object_set_new(o, "hops", hops);
	return (rc);
}

static json_t *
json_trace(const struct reply_trace *t, const struct names *names)
{
	const struct msg_trace *h = &t->head;
	json_t *o = json_object();
	int rc = 0;

	rc |= json_addr(o, "client", h->family, &h->client);
	rc |= json_addr(o, "listen", h->family, &h->listen);
	rc |= json_text(o, "protocol", output_proto(h->proto));
	rc |= json_int(o, "begun_us", h->begun_us);
	rc |= json_int(o, "seen_us", h->seen_us);
	rc |= json_int(o, "probes", h->probes);
	rc |= json_text(o, "end", json_ends[h->end]);
	if (h->end != TRACE_OPEN)
		rc |= json_int(o, "end_hop", h->end_hop);
	if (h->changed_hop != 0)
		rc |= json_changed(o, h);
	rc |= json_hops(o, t, names);
	if (rc != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

/* Writes o and frees it; returns 0, or -1 (also if rc says so). */
static int
json_write(FILE *out, json_t *o, int rc, size_t style)
{
	if (rc == 0)
		rc = json_dumpf(o, out, style);
	json_decref(o);
	if (rc != 0)
		return (-1);
	fputc('\n', out);
	return (0);
}

int
json_traces(FILE *out, const struct reply *r, const struct names *names)
{
	json_t *root = json_object(), *list = json_array();
	size_t i;
	int rc = 0;

	rc |= json_int(root, "version", 1);
	for (i = 0; i < r->ntraces; i++)
		rc |= json_array_append_new(
		    list, json_trace(&r->traces[i], names));
	rc |= json_object_set_new(root, "traces", list);
	return (json_write(out, root, rc, JSON_INDENT(2)));
}

static int
json_event_hop(json_t *o, const struct msg_event *ev)
{
	int rc = 0;

	rc |= json_addr(o, "address", ev->family, &ev->router);
	rc |= json_int(o, "rtt_us", ev->rtt_us);
	rc |= json_int(o, "hidden", (ev->flags & MSG_HOP_HIDDEN) != 0);
	if (ev->flags & MSG_HOP_UNREACH)
		rc |= json_unreach(o, ev->family, ev->icmp_type, ev->icmp_code);
	return (rc);
}

int
json_event(FILE *out, const struct msg_event *ev, int64_t now)
{
	json_t *o = json_object();
	int rc = 0;

	rc |= json_int(o, "version", 1);
	rc |= json_int(o, "time_ms", (uint64_t)now);
	rc |= json_text(o, "event", json_kinds[ev->kind]);
	rc |= json_addr(o, "client", ev->family, &ev->client);
	rc |= json_addr(o, "listen", ev->family, &ev->listen);
	rc |= json_text(o, "protocol", output_proto(ev->proto));
	if (ev->dropped > 0)
		rc |= json_int(o, "dropped", ev->dropped);
	if (ev->kind != EVENT_BEGAN)
		rc |= json_int(o, "hop", ev->hop);
	if (ev->kind == EVENT_ANSWERED)
		rc |= json_event_hop(o, ev);
	if (ev->kind == EVENT_ENDED)
		rc |= json_text(o, "end", json_ends[ev->end]);
	if (ev->kind == EVENT_CHANGED) {
		rc |= json_addr(o, "from", ev->family, &ev->former);
		rc |= json_addr(o, "to", ev->family, &ev->router);
	}
	return (json_write(out, o, rc, JSON_COMPACT));
}
