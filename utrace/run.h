/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_RUN_H
#define UTRACE_RUN_H

#include "utrace/astable.h"
#include "utrace/names.h"
#include "utrace/output.h"
#include "utrace/reader.h"

/* utrace decode: from the reader's messages to the output. */

enum run_form {
	RUN_TABLE,
	RUN_LIST,
	RUN_JSON
};

struct run {
	/* Set by the caller. */
	enum run_form form;
	int in; /* the reader's pipe */
	FILE *out;
	FILE *err;
	int width;
	int with_names; /* print names */
	uint32_t want;  /* what names_ask is asked for */
	struct names *names;
	const struct astable *astable; /* or NULL */
	struct trace trace;            /* the hint is the user's */

	/* run_decode's own. */
	struct reader_msg msg;
	struct align align;
	char *text; /* lines, each with its NUL, of this trace */
	size_t len, size;
	size_t line;    /* where the line begins that is being read */
	size_t printed; /* list form: so much of text was dealt with */
	size_t nhops;   /* of all traces */
	size_t nturns;
	char host[HOP_NAME_MAX]; /* the target of the last one */
};

/*
 * run_decode: reads messages until the end and prints.  Returns 0; -1 if
 * nothing was a hop, or the reader or memory failed, which it says on err.
 */
int run_decode(struct run *);

/* run_fill: names and AS numbers of a hop, as the table and the DNS say. */
void run_fill(struct run *, struct hop *);
/* run_names: what is to be said of how that went, on err. */
void run_names(const struct run *);
/* run_unname: names that nobody wants to see. */
void run_unname(struct trace *);

#endif /* UTRACE_RUN_H */
