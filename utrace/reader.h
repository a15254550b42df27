/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_READER_H
#define UTRACE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "utrace/decode.h"
#include "utrace/hop.h"

/*
 * The input is read and taken apart in a process of its own, which can do
 * nothing but read it and write a pipe.  What comes through the pipe is of
 * fixed form, and checked once more at this end: no byte of the network
 * reaches the process that looks names up or the terminal unescaped.
 *
 * A line comes in pieces of text, the last of them marked, each with what the
 * line was; the last piece of a header or hop bears that, too.
 */

#define READER_LINE_MAX  65536   /* a longer line is cut there */
#define READER_INPUT_MAX 1048576 /* all further input is left unread */
#define READER_TEXT_MAX  4096    /* of a piece, escaped, with its NUL */

enum reader_what {
	READER_TEXT = 1, /* a piece, more of its line to come */
	READER_OTHER,    /* the last piece of a line */
	READER_HEADER,   /* likewise, and that of a header */
	READER_HOP,      /* likewise, and that of a hop */
	READER_CUT,      /* the input was longer than allowed */
	READER_END       /* the end of the input */
};

struct reader_msg {
	uint32_t what; /* enum reader_what */
	char text[READER_TEXT_MAX];
	union {
		struct hop_header header;
		struct hop hop;
	};
};

/*
 * reader_run: in the child: reads lines from in until its end, writes messages
 * to out.  Returns 0, or -1 with errno if either fails.
 */
int reader_run(int in, int out);

/*
 * reader_get: in the parent: the next message, checked.  Returns 1; 0 if the
 * child is gone; -1 if what came is no proper message, or with errno if
 * reading fails.  READER_END is the last one.
 */
int reader_get(int fd, struct reader_msg *);

/* reader_full: reads or writes (put) exactly len bytes.  Returns 1; 0 at the
 * end of the file; -1 with errno. */
int reader_full(int fd, void *buf, size_t len);
int reader_put(int fd, const void *buf, size_t len);

#endif /* UTRACE_READER_H */
