/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURND_CONF_H
#define UTURND_CONF_H

#include <sys/queue.h>
#include <sys/un.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/policy.h"

/* The configuration: uturnd.conf(5), read, checked, compared, printed. */

#define CONF_PATH_DEFAULT "/etc/uturnd/uturnd.conf"

#define CONF_SOCKETS_MAX 8
#define CONF_USER_MAX    33 /* useradd's longest name and a NUL */
#define CONF_TRACES_MAX  POLICY_TRACES_MAX

/* Bounds of the times, in ns. */
#define CONF_MS          UINT64_C(1000000)
#define CONF_SECOND      (1000 * CONF_MS)
#define CONF_GATE_MIN    CONF_SECOND
#define CONF_GATE_MAX    (120 * CONF_SECOND)
#define CONF_TIMEOUT_MIN (100 * CONF_MS)
#define CONF_TIMEOUT_MAX (10 * CONF_SECOND)
#define CONF_SETTLE_MIN  (10 * CONF_MS) /* its upper end is `timeout` */
#define CONF_KEEP_MIN    CONF_SECOND
#define CONF_KEEP_MAX    (UINT64_C(86400) * CONF_SECOND)

/* Longest and shortest hop prefix, a family. */
#define CONF_HOP_MIN4 16
#define CONF_HOP_MAX4 27
#define CONF_HOP_MIN6 32
#define CONF_HOP_MAX6 120

/* -D name=value; the list is main's, made with conf_macro_add. */
struct conf_macro {
	STAILQ_ENTRY(conf_macro) entry;
	char *name;
	char *value;
};
STAILQ_HEAD(conf_macros, conf_macro);

struct conf_options {
	const struct conf_macros *macros; /* NULL: none */
	FILE *err;   /* faults and warnings go here; NULL: nowhere */
	int verbose; /* warn of macros that are never used, too */
	int advise;  /* warn of what a reader would regret (-n), too */
};

struct conf_socket {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int restricted;
};

/* What a listen block itself says; the rest follows the global values. */
#define CONF_SET_RELAY       0x01
#define CONF_SET_TURN        0x02
#define CONF_SET_INFLECTION  0x04
#define CONF_SET_UNREACHABLE 0x08
#define CONF_SET_HOP_ADDR    0x10
#define CONF_SET_HOP_PREFIX  0x20

struct conf_listen {
	unsigned int set; /* CONF_SET_... */
	const char *file; /* where it was read; only valid while parsing */
	unsigned int line;
};

/*
 * A checked configuration.  policy.listen[i] holds the resolved values of
 * the listen statement that listen[i] tells more of.
 */
struct conf {
	struct policy policy; /* generation 0 */
	struct policy_fixed fixed;
	struct policy_listen global; /* relay .. unreachable hold */
	struct conf_listen listen[POLICY_LISTEN_MAX];
	struct conf_socket sockets[CONF_SOCKETS_MAX];
	size_t nsockets;
	char user[CONF_USER_MAX];
	int conntrack; /* the rules may match on connection tracking */
	/* The table of traces that was made at start; may be used in part. */
	uint32_t traces_made;
};

/*
 * conf_macro_add: takes the argument of -D, name=value.  Returns 0; or -1
 * with errno EINVAL (no `=`, or not a name) or ENOMEM.
 */
int conf_macro_add(struct conf_macros *, const char *arg);
void conf_macros_free(struct conf_macros *);

/*
 * conf_load: reads and checks the file and all that it includes.  Every fault
 * becomes a line `file:line: what is wrong, and what is allowed` on opt->err
 * (a file that can't be used at all: `file: why`), every warning a line
 * `file:line: warning: what`.  All faults show in one run.  Returns the
 * configuration, the caller's to free with conf_free; or NULL if there was
 * any fault.  Needs openat, fstat, read, close and geteuid, and getcwd where
 * the path is relative and an include is absolute.
 */
struct conf *conf_load(const char *path, const struct conf_options *);
/*
 * conf_parse_buffer: the same from memory; buf need not end in a NUL and may
 * hold anything.  name stands for the file in messages; includes are refused.
 */
struct conf *conf_parse_buffer(
    const char *name, const void *buf, size_t len, const struct conf_options *);
void conf_free(struct conf *);

/* conf_policy: what the children need to know; generation 0. */
void conf_policy(const struct conf *, struct policy *);
/* conf_fixed: what holds from start to stop. */
void conf_fixed(const struct conf *, struct policy_fixed *);

/*
 * conf_restart_needed: calls differs(arg, what) once for each of "user",
 * "socket", "queue", "mark" and "pending" that a reload can't change and that
 * differs, and with "traces: a larger table" if wanted has more of them than
 * running->traces_made.  Returns the number of calls.  differs may be NULL.
 */
int conf_restart_needed(const struct conf *running, const struct conf *wanted,
    void (*differs)(void *arg, const char *what), void *arg);

#endif /* UTURND_CONF_H */
