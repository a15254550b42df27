/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_ASTABLE_H
#define UTRACE_ASTABLE_H

#include <stdint.h>
#include <stdio.h>

#include "utrace/hop.h"

/* A local table of AS numbers: the longest prefix wins. */
struct astable;

/*
 * astable_read: lines "prefix asn" ("192.0.2.0/24 64500"; "AS" before the
 * number is allowed, text behind it is left out; '#' begins a comment).
 * Returns the table, to be freed by astable_free, or NULL with a sentence
 * about the fault, and its line, in why.
 */
struct astable *astable_read(FILE *, char *why, size_t whylen);
void astable_free(struct astable *);

/* astable_find: the AS number; 0 if there is none. */
uint32_t astable_find(const struct astable *, const struct hop_addr *);

#endif /* UTRACE_ASTABLE_H */
