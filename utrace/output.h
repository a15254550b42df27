/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_OUTPUT_H
#define UTRACE_OUTPUT_H

#include <stdio.h>

#include "utrace/align.h"
#include "utrace/paths.h"

/*
 * How a trace is shown.  All of it is printable text already (hop_check); no
 * function here knows where the hops came from.  Each returns 0, or -1 if
 * memory ran out; that out can't be written is left to ferror(3).
 */

#define OUTPUT_WIDTH_MIN 80
#define OUTPUT_WIDTH_MAX 160

/* output_table: both ways side by side, in width columns. */
int
output_table(FILE *out, const struct trace *, const struct align *, int width);

/* output_list_hop: one hop, in a line as traceroute's. */
void output_list_hop(FILE *out, const struct trace *, size_t i, int names);
/* output_list_mark: what stands behind a hop's line: turn, end or nothing. */
const char *output_list_mark(const struct trace *, size_t i);

/* output_json: one object, version 1. */
int output_json(FILE *out, const struct trace *, const struct align *);

/*
 * output_back_time: the time between the target and a reverse hop and back, in
 * microseconds: the host's own, or (*is_guess) what the client's time to the
 * hop exceeds that to the turn by.  Returns 0, or -1.
 */
int
output_back_time(const struct trace *, size_t i, uint32_t *us, int *is_guess);

#endif /* UTRACE_OUTPUT_H */
