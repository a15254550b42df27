/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What `check' has found: for people, and as JSON. */

#include <jansson.h>
#include <string.h>

#include "common/log.h"
#include "uturnctl/output.h"

static int
check_found(const struct check *c, const char *id)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->found[i].id, id) == 0)
			return (1);
	return (0);
}

int
text_check(FILE *out, const struct check *c)
{
	/* Names of tables are anybody's who may make some. */
	char text[4 * sizeof(c->found[0].text)];
	const struct check_finding *f;
	size_t i;
	int s;

	for (s = 0; s < CHECK_SEVERITIES; s++)
		for (i = 0; i < c->n; i++) {
			f = &c->found[i];
			if ((int)f->severity != s)
				continue;
			(void)vis_line(
			    text, sizeof(text), f->text, strlen(f->text));
			fprintf(out, "%-7s  %s: %s\n         -> %s\n",
			    check_severity_name(f->severity), f->id, text,
			    f->remedy);
		}
	for (i = 0; check_ids[i] != NULL; i++)
		if (!check_found(c, check_ids[i]))
			fprintf(out, "%-7s  %s\n", "ok", check_ids[i]);
	return (0);
}

static json_t *
json_finding(const struct check_finding *f)
{
	char text[4 * sizeof(f->text)];
	json_t *o = json_object();
	int rc = 0;

	(void)vis_line(text, sizeof(text), f->text, strlen(f->text));
	rc |= json_object_set_new(o, "check", json_string(f->id));
	rc |= json_object_set_new(
	    o, "severity", json_string(check_severity_name(f->severity)));
	rc |= json_object_set_new(o, "text", json_string(text));
	rc |= json_object_set_new(o, "remedy", json_string(f->remedy));
	if (rc != 0) {
		json_decref(o);
		return (NULL);
	}
	return (o);
}

int
json_check(FILE *out, const struct check *c)
{
	json_t *root = json_object(), *list = json_array(), *ok = json_array();
	size_t i;
	int rc = 0;

	rc |= json_object_set_new(root, "version", json_integer(1));
	for (i = 0; i < c->n; i++)
		rc |= json_array_append_new(list, json_finding(&c->found[i]));
	for (i = 0; check_ids[i] != NULL; i++)
		if (!check_found(c, check_ids[i]))
			rc |= json_array_append_new(
			    ok, json_string(check_ids[i]));
	rc |= json_object_set_new(root, "fine", json_integer(check_fine(c)));
	rc |= json_object_set_new(root, "findings", list);
	rc |= json_object_set_new(root, "ok", ok);
	if (rc == 0)
		rc = json_dumpf(root, out, JSON_INDENT(2));
	if (rc == 0)
		fputc('\n', out);
	json_decref(root);
	return (rc == 0 ? 0 : -1);
}
