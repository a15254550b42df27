/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURNCTL_NAMES_H
#define UTURNCTL_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/*
 * The names of routers.  Looking one up takes sockets, files and whatever
 * module this system has configured, and the answer is somebody else's: it is
 * done by a process of its own, which knows nothing but the addresses, so
 * that uturnctl itself can do without all of that.
 */

#define NAMES_MAX     512 /* different addresses: more stay numbers */
#define NAMES_LEN     256 /* a name, its NUL included */
#define NAMES_TIME_NS (5 * 1000000000LL) /* for all of them */

struct reply;

struct names_entry {
	enum family family;
	struct addr addr;
	char name[4 * NAMES_LEN]; /* escaped; empty: none */
};
struct names {
	int fd; /* to the process, or -1 */
	size_t n;
	struct names_entry *entry;
};

/* Writes an address's name to buf (NAMES_LEN).  Returns 0, or -1: none. */
typedef int names_lookup(enum family, const struct addr *, char *buf);
/* names_system: as the system's name services say. */
int names_system(enum family, const struct addr *, char *buf);

/* names_none: nothing is looked up, every address is a number. */
void names_none(struct names *);
/*
 * names_start: starts the process; before uturnctl is locked up and before it
 * has a descriptor that matters.  Where that fails all is as with names_none.
 */
void names_start(struct names *, names_lookup *);
/*
 * names_ask: has the routers of all traces, and all clients, looked up, until
 * deadline (ns, CLOCK_MONOTONIC) at the latest; what is not known by then has
 * no name.
 */
void names_ask(struct names *, const struct reply *, int64_t deadline);
/* names_find: its name, printable ASCII; or NULL. */
const char *names_find(const struct names *, enum family, const struct addr *);
/* names_free: the process ends by itself, some seconds later at most. */
void names_free(struct names *);

#endif /* UTURNCTL_NAMES_H */
