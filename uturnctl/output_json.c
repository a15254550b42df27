/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "uturnctl/output.h"

#define JSON_STYLE (JSON_INDENT(2))

static const char *const json_protos[PROTO_MAX] = { "udp", "icmp", "tcp" };
static const char *const json_families[FAMILY_MAX] = { "v4", "v6" };

/* JSON's integers are signed here; no counter gets near the limit. */
static json_t *
json_number(uint64_t v)
{
	return (json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v));
}

/* Everything begins like this: one object, with the version of its shape. */
static json_t *
json_begin(void)
{
	json_t *root;

	if ((root = json_object()) == NULL)
		return (NULL);
	if (json_object_set_new(root, "version", json_integer(1)) == -1) {
		json_decref(root);
		return (NULL);
	}
	return (root);
}

/*
 * Writes root and frees it.  rc is not 0 if any part of it could not be made
 * (setting a NULL value is an error of jansson's, so each part is checked).
 */
static int
json_end(FILE *out, json_t *root, int rc)
{
	if (rc == 0 && root != NULL) {
		rc = json_dumpf(root, out, JSON_STYLE);
		fputc('\n', out);
	} else
		rc = -1;
	json_decref(root);
	return (rc == 0 ? 0 : -1);
}

static json_t *
json_counter(const struct stats *s, enum stat_kind kind)
{
	json_t *all, *family;
	int f, p, rc = 0;

	if ((all = json_object()) == NULL)
		return (NULL);
	rc |= json_object_set_new(
	    all, "total", json_number(output_sum(s, kind, FAMILY_MAX)));
	for (f = 0; f < FAMILY_MAX; f++) {
		family = json_object();
		for (p = 0; p < PROTO_MAX; p++)
			rc |= json_object_set_new(family, json_protos[p],
			    json_number(s->stat[kind][f][p]));
		rc |= json_object_set_new(all, json_families[f], family);
	}
	if (rc != 0) {
		json_decref(all);
		return (NULL);
	}
	return (all);
}

static int
json_stats(FILE *out, const struct reply *r)
{
	const struct stats *s = &r->stats;
	json_t *root, *refused;
	int i, rc = 0;

	root = json_begin();
	rc |= json_object_set_new(root, "paused", json_number(r->info.paused));
	rc |= json_object_set_new(
	    root, "observing", json_number(r->info.observe));
	rc |= json_object_set_new(
	    root, "generation", json_number(r->info.generation));
	rc |= json_object_set_new(
	    root, "uptime_s", json_number(r->info.uptime_ns / 1000000000));
	rc |= json_object_set_new(
	    root, "pending_max", json_number(r->info.pending_max));
	for (i = 0; i < STAT_MAX; i++)
		rc |=
		    json_object_set_new(root, stat_name(i), json_counter(s, i));
	refused = json_object();
	for (i = TALLY_REFUSED_FIRST; i <= TALLY_REFUSED_LAST; i++)
		rc |= json_object_set_new(
		    refused, tally_name(i), json_number(s->tally[i]));
	rc |= json_object_set_new(root, "refused", refused);
	for (i = TALLY_REFUSED_LAST + 1; i < TALLY_MAX; i++)
		rc |= json_object_set_new(
		    root, tally_name(i), json_number(s->tally[i]));
	return (json_end(out, root, rc));
}

static int
json_config(FILE *out, const struct reply *r)
{
	json_t *root, *lines;
	size_t i;
	int rc = 0;

	root = json_begin();
	lines = json_array();
	for (i = 0; i < r->nlines; i++)
		rc |=
		    json_array_append_new(lines, json_string(r->lines[i].text));
	rc |= json_object_set_new(root, "config", lines);
	return (json_end(out, root, rc));
}

/* A set of capabilities as the kernel prints it. */
static json_t *
json_caps(uint64_t caps)
{
	char text[17];

	(void)snprintf(text, sizeof(text), "%016" PRIx64, caps);
	return (json_string(text));
}

static json_t *
json_process(const struct output_process *p)
{
	const struct procstat *ps = &p->stat;
	json_t *o;
	int rc = 0;

	if ((o = json_object()) == NULL)
		return (NULL);
	rc |= json_object_set_new(o, "name", json_string(p->name));
	rc |= json_object_set_new(o, "pid", json_number(p->pid));
	if (p->error != 0)
		rc |= json_object_set_new(
		    o, "error", json_string(strerror(p->error)));
	else {
		rc |= json_object_set_new(o, "user", json_string(p->user));
		rc |= json_object_set_new(o, "uid", json_number(ps->uid));
		rc |= json_object_set_new(o, "cap_eff", json_caps(ps->cap_eff));
		rc |= json_object_set_new(o, "cap_bnd", json_caps(ps->cap_bnd));
		rc |= json_object_set_new(
		    o, "no_new_privs", json_number(ps->no_new_privs));
		rc |=
		    json_object_set_new(o, "seccomp", json_number(ps->seccomp));
		rc |= json_object_set_new(o, "rss_kb", json_number(ps->rss_kb));
	}
	if (rc != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

static int
json_processes(FILE *out, const struct output_process *p, size_t n)
{
	json_t *root, *list;
	size_t i;
	int rc = 0;

	root = json_begin();
	list = json_array();
	for (i = 0; i < n; i++)
		rc |= json_array_append_new(list, json_process(&p[i]));
	rc |= json_object_set_new(root, "processes", list);
	return (json_end(out, root, rc));
}

static json_t *
json_line(const struct reply_line *line)
{
	json_t *o;
	int rc = 0;

	if ((o = json_object()) == NULL)
		return (NULL);
	rc |= json_object_set_new(o, "priority", json_number(line->pri));
	rc |= json_object_set_new(o, "text", json_string(line->text));
	if (rc != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

static int
json_result(FILE *out, FILE *err, const struct reply *r)
{
	json_t *root, *lines;
	size_t i;
	int rc = 0;

	if (r->result != RESULT_OK)
		fprintf(err, "uturnctl: %s%s%s\n",
		    output_result_name(r->result),
		    r->text[0] != '\0' ? ": " : "", r->text);
	root = json_begin();
	rc |= json_object_set_new(
	    root, "result", json_string(output_result_name(r->result)));
	rc |= json_object_set_new(root, "message", json_string(r->text));
	lines = json_array();
	for (i = 0; i < r->nlines; i++)
		rc |= json_array_append_new(lines, json_line(&r->lines[i]));
	rc |= json_object_set_new(root, "lines", lines);
	return (json_end(out, root, rc));
}

const struct output output_json = { json_stats, json_config, json_processes,
	json_traces, json_clients, json_denied, json_check, json_event,
	json_result };
