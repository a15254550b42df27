/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_LOOKUP_H
#define UTRACE_LOOKUP_H

#include "utrace/socks.h"

/* So long a name is looked for. */
#define LOOKUP_SECONDS 20

/*
 * lookup_host: the first address of a name, of this family (FAMILY_MAX: of
 * either).  A name is looked up in a process of its own, which gives every
 * right up first.  Returns 0, or -1 with a sentence in why.
 */
int lookup_host(
    const char *host, enum family, struct target *, char *why, size_t whylen);

#endif /* UTRACE_LOOKUP_H */
