/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Files, macros and faults of the lexer. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uturnd/lex.h"

void
lex_init(struct lex *lex, const struct conf_options *opt)
{
	memset(lex, 0, sizeof(*lex));
	SLIST_INIT(&lex->files);
	STAILQ_INIT(&lex->words);
	SLIST_INIT(&lex->macros);
	lex->opt = opt;
	lex->fresh = 1;
}

static void
lex_file_free(struct lex_file *f)
{
	free(f->name);
	free(f->buf);
	free(f);
}

void
lex_free(struct lex *lex)
{
	struct lex_file *f;
	struct lex_word *w;
	struct lex_macro *m;

	while ((f = SLIST_FIRST(&lex->files)) != NULL) {
		SLIST_REMOVE_HEAD(&lex->files, all);
		lex_file_free(f);
	}
	while ((w = STAILQ_FIRST(&lex->words)) != NULL) {
		STAILQ_REMOVE_HEAD(&lex->words, all);
		free(w);
	}
	while ((m = SLIST_FIRST(&lex->macros)) != NULL) {
		SLIST_REMOVE_HEAD(&lex->macros, entry);
		free(m->name);
		free(m->value);
		free(m);
	}
	free(lex->folder);
	lex->folder = NULL;
}

__attribute__((format(printf, 4, 0))) static void
lex_message(const struct lex *lex, const struct lex_pos *pos, const char *kind,
    const char *fmt, va_list ap)
{
	FILE *err = lex->opt->err;

	if (err == NULL)
		return;
	if (pos == NULL)
		(void)fprintf(err, "%s", kind);
	else if (pos->line == 0)
		(void)fprintf(err, "%s: %s", pos->file, kind);
	else
		(void)fprintf(err, "%s:%u: %s", pos->file, pos->line, kind);
	(void)vfprintf(err, fmt, ap);
	(void)fputc('\n', err);
}

void
lex_fault(struct lex *lex, const struct lex_pos *pos, const char *fmt, ...)
{
	va_list ap;

	if (lex->faults >= LEX_FAULTS_MAX)
		return;
	va_start(ap, fmt);
	lex_message(lex, pos, "", fmt, ap);
	va_end(ap);
	if (++lex->faults == LEX_FAULTS_MAX && lex->opt->err != NULL)
		(void)fprintf(lex->opt->err, "too many faults, stopped\n");
}

void
lex_warn(struct lex *lex, const struct lex_pos *pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	lex_message(lex, pos, "warning: ", fmt, ap);
	va_end(ap);
}

/*
 * The descriptor is the one that is read afterwards, so nobody can put
 * another file in place after the check.
 */
static const char *
lex_check(int fd, struct stat *st)
{
	if (fstat(fd, st) == -1)
		return (strerror(errno));
	if (!S_ISREG(st->st_mode))
		return ("not a regular file");
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return ("must belong to root or to the user who reads it");
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return ("writable by more than its owner; allowed is chmod "
			"go-w");
	if (st->st_size < 0 || st->st_size > LEX_FILE_MAX)
		return ("too big; at most 1 MiB is allowed");
	return (NULL);
}

/* Reads at most size bytes; a file that shrinks meanwhile is shorter. */
static const char *
lex_read(int fd, struct lex_file *f, size_t size)
{
	ssize_t n;

	if ((f->buf = malloc(size + 1)) == NULL)
		return ("out of memory");
	while (f->len < size) {
		n = read(fd, f->buf + f->len, size - f->len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (strerror(errno));
		if (n == 0)
			break;
		f->len += (size_t)n;
	}
	return (NULL);
}

static struct lex_file *
lex_file_new(const struct lex *lex, const char *name)
{
	struct lex_file *f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (NULL);
	if ((f->name = strdup(name)) == NULL) {
		free(f);
		return (NULL);
	}
	f->line = 1;
	f->up = lex->file;
	f->braces = lex->braces;
	return (f);
}

static void
lex_push(struct lex *lex, struct lex_file *f)
{
	SLIST_INSERT_HEAD(&lex->files, f, all);
	lex->file = f;
	lex->nfiles++;
}

int
lex_open(struct lex *lex, const char *path, const struct lex_pos *by)
{
	struct lex_file *f;
	struct lex_pos pos = { path, 0 };
	struct stat st;
	const char *why;
	int fd;

	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd == -1) {
		if (by == NULL)
			lex_fault(lex, &pos, "%s", strerror(errno));
		else
			lex_fault(lex, by, "include \"%s\": %s", path,
			    strerror(errno));
		return (-1);
	}
	if ((f = lex_file_new(lex, path)) == NULL)
		why = "out of memory";
	else if ((why = lex_check(fd, &st)) == NULL)
		why = lex_read(fd, f, (size_t)st.st_size);
	(void)close(fd);
	if (why != NULL) {
		if (by == NULL)
			lex_fault(lex, &pos, "%s", why);
		else
			lex_fault(lex, by, "include \"%s\": %s", path, why);
		if (f != NULL)
			lex_file_free(f);
		return (-1);
	}
	if (by == NULL) {
		lex->folder = strdup(path);
		if (lex->folder == NULL) {
			lex_fault(lex, &pos, "out of memory");
			lex_file_free(f);
			return (-1);
		}
		if (strrchr(lex->folder, '/') == NULL)
			lex->folder[0] = '\0';
		else
			strrchr(lex->folder, '/')[1] = '\0';
	}
	lex_push(lex, f);
	return (0);
}

int
lex_open_buffer(struct lex *lex, const char *name, const void *buf, size_t len)
{
	struct lex_pos pos = { name, 0 };
	struct lex_file *f;

	if (len > LEX_FILE_MAX) {
		lex_fault(lex, &pos, "too big; at most 1 MiB is allowed");
		return (-1);
	}
	if ((f = lex_file_new(lex, name)) == NULL ||
	    (f->buf = malloc(len + 1)) == NULL) {
		lex_fault(lex, &pos, "out of memory");
		if (f != NULL)
			lex_file_free(f);
		return (-1);
	}
	if (len > 0)
		memcpy(f->buf, buf, len);
	f->len = len;
	lex_push(lex, f);
	return (0);
}

/* No component `..`: below means below. */
static int
lex_climbs(const char *path)
{
	const char *s;

	for (s = path; s != NULL; s = strchr(s, '/')) {
		if (*s == '/')
			s++;
		if (strncmp(s, "..", 2) == 0 && (s[2] == '/' || s[2] == '\0'))
			return (1);
	}
	return (0);
}

/* Writes the path to open; -1: not below the folder. */
static int
lex_resolve(const struct lex *lex, const char *path, char *out, size_t len)
{
	char cwd[PATH_MAX];
	int n;

	if (path[0] == '\0' || lex_climbs(path))
		return (-1);
	if (path[0] != '/') {
		n = snprintf(out, len, "%s%s", lex->folder, path);
		return (n < 0 || (size_t)n >= len ? -1 : 0);
	}
	if (lex->folder[0] == '/') {
		n = snprintf(out, len, "%s", lex->folder);
	} else {
		if (getcwd(cwd, sizeof(cwd)) == NULL)
			return (-1);
		n = snprintf(out, len, "%s/%s", strcmp(cwd, "/") ? cwd : "",
		    strncmp(lex->folder, "./", 2) == 0 ? lex->folder + 2
						       : lex->folder);
	}
	if (n < 0 || (size_t)n >= len || strncmp(path, out, (size_t)n) != 0)
		return (-1);
	n = snprintf(out, len, "%s", path);
	return (n < 0 || (size_t)n >= len ? -1 : 0);
}

void
lex_include(struct lex *lex, const struct lex_word *w)
{
	char path[PATH_MAX];
	const struct lex_file *f;
	unsigned int depth = 0;

	if (w == NULL)
		return;
	if (lex->folder == NULL) {
		lex_fault(lex, &w->pos, "include is only allowed in a file");
		return;
	}
	if (lex_resolve(lex, w->text, path, sizeof(path)) == -1) {
		lex_fault(lex, &w->pos,
		    "include \"%s\": not below the folder of the first file; "
		    "allowed is a path below `%s' without `..'",
		    w->text, lex->folder[0] == '\0' ? "." : lex->folder);
		return;
	}
	for (f = lex->file; f != NULL; f = f->up) {
		depth++;
		if (strcmp(f->name, path) == 0) {
			lex_fault(lex, &w->pos,
			    "include \"%s\": the file includes itself",
			    w->text);
			return;
		}
	}
	if (depth >= LEX_DEPTH_MAX) {
		lex_fault(lex, &w->pos,
		    "include \"%s\": too deep; at most %d files may be open "
		    "within each other",
		    w->text, LEX_DEPTH_MAX);
		return;
	}
	if (lex->nfiles >= LEX_FILES_MAX) {
		lex_fault(lex, &w->pos,
		    "include \"%s\": too many; at most %d files are read",
		    w->text, LEX_FILES_MAX);
		return;
	}
	(void)lex_open(lex, path, &w->pos);
}

int
lex_pop(struct lex *lex)
{
	if (lex->file->up == NULL)
		return (0);
	lex->file = lex->file->up;
	return (1);
}
