/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Who traces now, and who is denied: for people, and as JSON. */

#include <inttypes.h>
#include <jansson.h>

#include "uturnctl/output.h"

#define ROW_TEXT_MAX (ADDR_TEXT_MAX + sizeof("/128"))

/* An address, or a prefix where not all bits count. */
static const char *
row_prefix(enum family f, const struct addr *a, uint8_t len, int always,
    char buf[ROW_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];

	(void)addr_format(f, a, text, sizeof(text));
	if (always || len != addr_bits(f))
		(void)snprintf(buf, ROW_TEXT_MAX, "%s/%u", text, len);
	else
		(void)snprintf(buf, ROW_TEXT_MAX, "%s", text);
	return (buf);
}

static const char *
row_proto(const struct msg_client *c, char buf[16])
{
	if (c->proto == PROTO_TCP)
		(void)snprintf(buf, 16, "tcp/%u", c->port);
	else
		(void)snprintf(buf, 16, "%s", output_proto(c->proto));
	return (buf);
}

int
text_clients(FILE *out, const struct reply *r, const struct names *names)
{
	char client[ROW_TEXT_MAX], proto[16];
	const struct msg_client *c;
	const char *name;
	size_t i;

	fprintf(out, "%-39s %-9s %8s %8s %8s %8s\n", "CLIENT", "PROTOCOL",
	    "OPEN", "LEFT", "PROBES", "LIMITED");
	for (i = 0; i < r->nclients; i++) {
		c = &r->clients[i];
		fprintf(out,
		    "%-39s %-9s %7" PRIu64 "s %7" PRIu64 "s %8" PRIu32
		    " %8" PRIu32,
		    row_prefix(c->family, &c->addr, c->len, 0, client),
		    row_proto(c, proto), c->opened_us / 1000000,
		    c->left_us / 1000000, c->probes, c->limited);
		name = c->len == addr_bits(c->family)
		    ? names_find(names, c->family, &c->addr)
		    : NULL;
		fprintf(out, "%s%s\n", name != NULL ? "  " : "",
		    name != NULL ? name : "");
	}
	return (0);
}

int
text_denied(FILE *out, const struct reply *r)
{
	char prefix[ROW_TEXT_MAX];
	const struct msg_deny *d;
	uint64_t s;
	size_t i;

	for (i = 0; i < r->ndenied; i++) {
		d = &r->denied[i];
		s = (d->ms + 999) / 1000;
		fprintf(out, "%-43s %02" PRIu64 ":%02u:%02u left\n",
		    row_prefix(d->family, &d->addr, d->len, 1, prefix),
		    s / 3600, (unsigned int)(s / 60 % 60),
		    (unsigned int)(s % 60));
	}
	return (0);
}

static json_t *
json_number(uint64_t v)
{
	return (json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v));
}

static json_t *
json_client(const struct msg_client *c, const struct names *names)
{
	char client[ROW_TEXT_MAX];
	const char *name = NULL;
	json_t *o = json_object();
	int rc = 0;

	rc |= json_object_set_new(o, "client",
	    json_string(row_prefix(c->family, &c->addr, c->len, 0, client)));
	if (c->len == addr_bits(c->family))
		name = names_find(names, c->family, &c->addr);
	if (name != NULL)
		rc |= json_object_set_new(o, "name", json_string(name));
	rc |= json_object_set_new(
	    o, "protocol", json_string(output_proto(c->proto)));
	if (c->proto == PROTO_TCP)
		rc |= json_object_set_new(o, "port", json_number(c->port));
	rc |= json_object_set_new(o, "opened_us", json_number(c->opened_us));
	rc |= json_object_set_new(o, "left_us", json_number(c->left_us));
	rc |= json_object_set_new(o, "probes", json_number(c->probes));
	rc |= json_object_set_new(o, "limited", json_number(c->limited));
	if (rc != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

static json_t *
json_denied_row(const struct msg_deny *d)
{
	char prefix[ROW_TEXT_MAX];
	json_t *o = json_object();
	int rc = 0;

	rc |= json_object_set_new(o, "prefix",
	    json_string(row_prefix(d->family, &d->addr, d->len, 1, prefix)));
	rc |= json_object_set_new(o, "left_ms", json_number(d->ms));
	if (rc != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

/* Writes {"version": 1, key: list}; frees the list. */
static int
json_rows(FILE *out, const char *key, json_t *list, int rc)
{
	json_t *root = json_object();

	rc |= json_object_set_new(root, "version", json_integer(1));
	rc |= json_object_set_new(root, key, list);
	if (rc == 0)
		rc = json_dumpf(root, out, JSON_INDENT(2));
	if (rc == 0)
		fputc('\n', out);
	json_decref(root);
	return (rc == 0 ? 0 : -1);
}

int
json_clients(FILE *out, const struct reply *r, const struct names *names)
{
	json_t *list = json_array();
	size_t i;
	int rc = 0;

	for (i = 0; i < r->nclients; i++)
		rc |= json_array_append_new(
		    list, json_client(&r->clients[i], names));
	return (json_rows(out, "clients", list, rc));
}

int
json_denied(FILE *out, const struct reply *r)
{
	json_t *list = json_array();
	size_t i;
	int rc = 0;

	for (i = 0; i < r->ndenied; i++)
		rc |=
		    json_array_append_new(list, json_denied_row(&r->denied[i]));
	return (json_rows(out, "denied", list, rc));
}
