/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <jansson.h>

#include "utrace/output.h"

/*
 * Setting a member to NULL is an error of jansson's, so that a part that could
 * not be made shows in rc.
 */

static json_t *
json_addr(const struct hop_addr *a)
{
	char text[ADDR_TEXT_MAX];

	if (!a->known)
		return (json_null());
	return (
	    json_string(addr_format(a->family, &a->addr, text, sizeof(text))));
}

static json_t *
json_text(const char *text)
{
	return (text[0] == '\0' ? json_null() : json_string(text));
}

static json_t *
json_hop_number(const struct trace *t, ssize_t i)
{
	return (i == -1 ? json_null() : json_integer(t->hops[i].ttl));
}

static json_t *
json_answer(const struct hop_answer *a)
{
	static const struct hop_addr nobody;
	json_t *o;
	int rc = 0;

	if ((o = json_object()) == NULL)
		return (NULL);
	rc |= json_object_set_new(
	    o, "address", json_addr(a->is_hidden ? &nobody : &a->from));
	rc |= json_object_set_new(
	    o, "name", json_text(a->is_hidden ? "" : a->name));
	rc |= json_object_set_new(o, "asn",
	    a->asn == 0 || a->is_hidden ? json_null() : json_integer(a->asn));
	rc |= json_object_set_new(o, "objects", json_text(a->extra));
	if (rc != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

static json_t *
json_probe(const struct hop_probe *p)
{
	json_t *o;
	int rc = 0, lost = p->answer == -1;

	if ((o = json_object()) == NULL)
		return (NULL);
	rc |= json_object_set_new(
	    o, "answer", lost ? json_null() : json_integer(p->answer));
	rc |= json_object_set_new(
	    o, "rtt_us", lost ? json_null() : json_integer(p->rtt_us));
	rc |= json_object_set_new(o, "host_rtt_us",
	    lost || !p->has_host ? json_null() : json_integer(p->host_us));
	rc |= json_object_set_new(o, "mark", json_text(p->mark));
	if (rc != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

static json_t *
json_hop(const struct hop *h)
{
	json_t *o, *answers, *probes;
	int rc = 0;
	size_t i;

	if ((o = json_object()) == NULL)
		return (NULL);
	rc |= json_object_set_new(o, "hop", json_integer(h->ttl));
	answers = json_array();
	for (i = 0; i < h->nanswers; i++)
		rc |=
		    json_array_append_new(answers, json_answer(&h->answers[i]));
	rc |= json_object_set_new(o, "answers", answers);
	probes = json_array();
	for (i = 0; i < h->nprobes; i++)
		rc |= json_array_append_new(probes, json_probe(&h->probes[i]));
	rc |= json_object_set_new(o, "probes", probes);
	if (rc != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

static json_t *
json_way(const struct trace *t, size_t first, size_t n)
{
	json_t *way;
	size_t i;
	int rc = 0;

	if ((way = json_array()) == NULL)
		return (NULL);
	for (i = 0; i < n; i++)
		rc |= json_array_append_new(way, json_hop(&t->hops[first + i]));
	if (rc != 0) {
		json_decref(way);
		return (NULL);
	}
	return (way);
}

/* Hops of both ways that stand in one line. */
static json_t *
json_pairs(const struct trace *t, const struct align *a)
{
	json_t *pairs, *o;
	size_t i;
	int rc = 0;

	if ((pairs = json_array()) == NULL)
		return (NULL);
	for (i = 0; i < a->nrows; i++) {
		if (a->rows[i].sign == ALIGN_NONE)
			continue;
		o = json_object();
		rc |= json_object_set_new(
		    o, "forward", json_hop_number(t, a->rows[i].forward));
		rc |= json_object_set_new(
		    o, "reverse", json_hop_number(t, a->rows[i].reverse));
		rc |= json_object_set_new(
		    o, "by", json_string(align_sign_name(a->rows[i].sign)));
		rc |= json_array_append_new(pairs, o);
	}
	if (rc != 0) {
		json_decref(pairs);
		return (NULL);
	}
	return (pairs);
}

/* How a trace of our own was made. */
static int
json_method(json_t *o, const struct trace *t)
{
	static const char *const protos[] = {
		[PROTO_UDP] = "udp", [PROTO_ICMP] = "icmp", [PROTO_TCP] = "tcp"
	};
	json_t *method;

	if (t->by == TRACE_BY_INPUT)
		return (0);
	if (t->by == TRACE_BY_NOTHING)
		method = json_null();
	else
		method = json_string(
		    t->by == TRACE_BY_REQUEST ? "request" : "u-turn");
	return (json_object_set_new(o, "method", method) |
	    json_object_set_new(o, "protocol", json_string(protos[t->proto])));
}

int
output_json(FILE *out, const struct trace *t, const struct align *a)
{
	json_t *o, *target;
	size_t first, n;
	int rc = 0;

	if ((o = json_object()) == NULL)
		return (-1);
	rc |= json_object_set_new(o, "version", json_integer(1));
	target = json_object();
	rc |= json_object_set_new(target, "name", json_text(t->header.name));
	rc |= json_object_set_new(
	    target, "address", json_addr(&t->header.target));
	rc |= json_object_set_new(o, "target", target);
	rc |= json_method(o, t);
	n = trace_forward(t, &first);
	rc |= json_object_set_new(o, "forward", json_way(t, first, n));
	rc |= json_object_set_new(o, "inflection",
	    t->turn == -1 ? json_null() : json_hop(&t->hops[t->turn]));
	n = trace_reverse(t, &first);
	rc |= json_object_set_new(o, "reverse", json_way(t, first, n));
	rc |= json_object_set_new(o, "end", json_hop_number(t, t->end));
	rc |= json_object_set_new(o, "pairs", json_pairs(t, a));
	if (rc == 0)
		rc = json_dumpf(o, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(o);
	return (rc == 0 ? 0 : -1);
}
