/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_DECODE_H
#define UTRACE_DECODE_H

#include <stddef.h>

#include "utrace/hop.h"

/*
 * Lines of traceroute's output: Linux traceroute 2.1 (with or without -e, -n,
 * -A), GNU inetutils, BSD.  Pure functions over any bytes.
 */

enum decode_kind {
	DECODE_OTHER, /* not for us: print it as it is */
	DECODE_HEADER,
	DECODE_HOP
};

/*
 * decode_line: a line of len bytes, without its newline.  Fills *header or
 * *hop, as the kind that it returns says.  A line without a number that goes on
 * with addresses and times (BSD) is a hop with ttl 0.
 */
enum decode_kind decode_line(
    const char *line, size_t len, struct hop_header *header, struct hop *hop);

#endif /* UTRACE_DECODE_H */
