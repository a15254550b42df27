/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURND_LEX_H
#define UTURND_LEX_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "uturnd/conf.h"

/* Private to the parser: text to tokens, macros, included files. */

#define LEX_DEPTH_MAX  8       /* files open within each other */
#define LEX_FILES_MAX  256     /* files read in all */
#define LEX_FILE_MAX   1048576 /* bytes of one file */
#define LEX_TOKENS_MAX 1000000 /* bounds what macros can multiply */
#define LEX_VALUE_MAX  4096    /* bytes of a macro's value */
#define LEX_FAULTS_MAX 100     /* then reading stops */

/* Where something stands. */
struct lex_pos {
	const char *file;
	unsigned int line;
};

/* A token that has a text; all live until the parser ends. */
struct lex_word {
	STAILQ_ENTRY(lex_word) all;
	struct lex_word *next; /* in the grammar's list */
	struct lex_pos pos;
	char text[];
};

/* A list in the order it was written. */
struct lex_words {
	struct lex_word *first;
	struct lex_word *last;
};

struct lex_file {
	SLIST_ENTRY(lex_file) all;
	struct lex_file *up; /* the file that includes this one */
	char *name;
	char *buf; /* its bytes */
	size_t len;
	size_t pos;
	unsigned int line;
	unsigned int braces; /* open when it was opened */
	int ended;           /* its last end of line was given */
};

struct lex_macro {
	SLIST_ENTRY(lex_macro) entry;
	char *name;
	char *value;
	struct lex_pos pos; /* file NULL: -D */
	int used;
};

struct lex {
	SLIST_HEAD(lex_files, lex_file) files;
	STAILQ_HEAD(lex_arena, lex_word) words;
	SLIST_HEAD(lex_macros, lex_macro) macros;
	struct lex_file *file; /* the one being read */
	unsigned int nfiles;
	uint32_t ntokens;
	char *folder;        /* of the first file; NULL: no includes */
	const char *expand;  /* rest of a macro's value, or NULL */
	int plain;           /* after `=`: no keywords */
	unsigned int braces; /* open now */
	struct lex_pos pos;  /* of the last token */
	const char *text;    /* of the last token, or NULL */
	int fresh;           /* the next keyword begins a statement */
	int statement;       /* first keyword of the statement, or 0 */
	int keyword;         /* last keyword before the last token, or 0 */
	int last;            /* last keyword, or 0 */
	const struct conf_options *opt;
	unsigned int faults;
};

/* The parser's state, passed to everything. */
struct conf_parse {
	struct lex lex;
	struct conf *conf;
	uint32_t seen;       /* CONF_SEEN_... (confset.h) */
	uint32_t block_seen; /* the same in the listen block */
	int in_block;
	uint32_t block_first;  /* listen addresses of the block: */
	uint32_t block_end;    /* first, and first after */
	struct lex_pos settle; /* file NULL: the default */
};

void lex_init(struct lex *, const struct conf_options *);
void lex_free(struct lex *);
/*
 * lex_open: pushes the file to be read next after the checks of
 * uturnd.conf(5).  A failure is a fault at *by (NULL: the first file).
 */
int lex_open(struct lex *, const char *path, const struct lex_pos *by);
/* lex_open_buffer: pushes a copy of the bytes under that name. */
int
lex_open_buffer(struct lex *, const char *name, const void *buf, size_t len);
/* lex_include: the statement; *w is its path. */
void lex_include(struct lex *, const struct lex_word *w);
/* lex_pop: leaves the file; returns 0 if it was the first one. */
int lex_pop(struct lex *);

/* lex_define: the statement name = values. */
void lex_define(struct lex *, const struct lex_word *name, struct lex_words);
int lex_define_all(struct lex *, const struct conf_macros *);
/* lex_macro_find: NULL if there is none. */
struct lex_macro *lex_macro_find(struct lex *, const char *, size_t);
/* lex_warn_unused: with opt->verbose. */
void lex_warn_unused(struct lex *);
int lex_name_valid(const char *, size_t);
int lex_is_keyword(const char *);

/* lex_fault: counts it and writes the line; lex_warn only writes. */
void lex_fault(struct lex *, const struct lex_pos *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void lex_warn(struct lex *, const struct lex_pos *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif /* UTURND_LEX_H */
