/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_OBJECT_H
#define UTRACE_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#include "utrace/hop.h"

/* What the objects of one answer say. */
struct object {
	struct hop_addr router; /* the first object's next hop (RFC 5837) */
	uint8_t is_signed;      /* with uturnd's name or its time */
	uint8_t has_time;
	uint32_t time_us;          /* host to hop and back */
	char extra[HOP_EXTRA_MAX]; /* all other objects, escaped, ';' between */
};

/*
 * object_parse: reads what traceroute -e prints between "<" and ">": objects
 * with ';' between, as up to traceroute 2.1.3 ("2/196:00010000,cb007101", class
 * and type, then words in hex) or from 2.1.4 on (`NXT:203.0.113.1,"u-turn"`;
 * RFC 5837 section 4.1).  Any bytes are allowed; what is not understood is kept
 * in extra, as far as it fits.
 */
void object_parse(const char *text, size_t len, struct object *);

/*
 * object_end: bytes up to the separator or closing bracket `until` that is not
 * within quotes; len if there is none.
 */
size_t object_end(const char *text, size_t len, char until);

#endif /* UTRACE_OBJECT_H */
