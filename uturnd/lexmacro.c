/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Macros: of the command line, and of the files. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uturnd/lex.h"

int
conf_macro_add(struct conf_macros *macros, const char *arg)
{
	struct conf_macro *m;
	const char *eq;

	eq = strchr(arg, '=');
	if (eq == NULL || !lex_name_valid(arg, (size_t)(eq - arg)) ||
	    strlen(eq + 1) >= LEX_VALUE_MAX) {
		errno = EINVAL;
		return (-1);
	}
	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (-1);
	m->name = strndup(arg, (size_t)(eq - arg));
	m->value = strdup(eq + 1);
	if (m->name == NULL || m->value == NULL) {
		free(m->name);
		free(m->value);
		free(m);
		errno = ENOMEM;
		return (-1);
	}
	STAILQ_INSERT_TAIL(macros, m, entry);
	return (0);
}

void
conf_macros_free(struct conf_macros *macros)
{
	struct conf_macro *m;

	while ((m = STAILQ_FIRST(macros)) != NULL) {
		STAILQ_REMOVE_HEAD(macros, entry);
		free(m->name);
		free(m->value);
		free(m);
	}
}

struct lex_macro *
lex_macro_find(struct lex *lex, const char *name, size_t len)
{
	struct lex_macro *m;

	SLIST_FOREACH (m, &lex->macros, entry)
		if (strlen(m->name) == len && memcmp(m->name, name, len) == 0)
			return (m);
	return (NULL);
}

/* Takes value over, also when it fails. */
static int
lex_macro_set(
    struct lex *lex, const char *name, char *value, const struct lex_pos *pos)
{
	struct lex_macro *m;

	if (value == NULL)
		return (-1);
	if ((m = lex_macro_find(lex, name, strlen(name))) == NULL) {
		if ((m = calloc(1, sizeof(*m))) == NULL ||
		    (m->name = strdup(name)) == NULL) {
			free(m);
			free(value);
			return (-1);
		}
		SLIST_INSERT_HEAD(&lex->macros, m, entry);
	}
	free(m->value);
	m->value = value;
	m->pos = *pos;
	return (0);
}

int
lex_define_all(struct lex *lex, const struct conf_macros *macros)
{
	static const struct lex_pos nowhere = { NULL, 0 };
	const struct conf_macro *m;

	if (macros == NULL)
		return (0);
	STAILQ_FOREACH (m, macros, entry)
		if (lex_macro_set(lex, m->name, strdup(m->value), &nowhere) ==
		    -1) {
			lex_fault(lex, NULL, "out of memory");
			return (-1);
		}
	return (0);
}

/* The words with blanks in between; NULL and a fault if that is too long. */
static char *
lex_join(struct lex *lex, struct lex_words words)
{
	char buf[LEX_VALUE_MAX];
	const struct lex_word *w;
	size_t len = 0, n;
	char *value;

	for (w = words.first; w != NULL; w = w->next) {
		n = strlen(w->text);
		if (n + 1 >= sizeof(buf) - len) {
			lex_fault(lex, &w->pos,
			    "value of a macro too long; at most %zu characters",
			    sizeof(buf) - 1);
			return (NULL);
		}
		if (len > 0)
			buf[len++] = ' ';
		memcpy(buf + len, w->text, n);
		len += n;
	}
	buf[len] = '\0';
	if ((value = strdup(buf)) == NULL)
		lex_fault(lex, NULL, "out of memory");
	return (value);
}

void
lex_define(struct lex *lex, const struct lex_word *name, struct lex_words words)
{
	struct lex_macro *m;
	char *value;

	if (name == NULL)
		return;
	if (!lex_name_valid(name->text, strlen(name->text))) {
		lex_fault(lex, &name->pos,
		    "`%s' can't name a macro; letters, digits and _ are "
		    "allowed, no digit first",
		    name->text);
		return;
	}
	/* Most likely a statement, in another program's manner. */
	if (lex_is_keyword(name->text)) {
		lex_fault(lex, &name->pos,
		    "`%s' can't name a macro; allowed is a name that no "
		    "statement uses, and a statement has no `='",
		    name->text);
		return;
	}
	m = lex_macro_find(lex, name->text, strlen(name->text));
	if (m != NULL && m->pos.file == NULL)
		return; /* -D wins */
	if (m != NULL)
		lex_warn(lex, &name->pos,
		    "macro `%s' defined again; the last value stands",
		    name->text);
	if ((value = lex_join(lex, words)) == NULL)
		return;
	if (lex_macro_set(lex, name->text, value, &name->pos) == -1)
		lex_fault(lex, &name->pos, "out of memory");
}

void
lex_warn_unused(struct lex *lex)
{
	struct lex_macro *m;

	if (!lex->opt->verbose)
		return;
	SLIST_FOREACH (m, &lex->macros, entry) {
		if (m->used)
			continue;
		if (m->pos.file == NULL)
			lex_warn(lex, NULL, "macro `%s' of -D is never used",
			    m->name);
		else
			lex_warn(
			    lex, &m->pos, "macro `%s' is never used", m->name);
	}
}
