/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURNCTL_CHECK_INT_H
#define UTURNCTL_CHECK_INT_H

#include "common/policy.h"
#include "uturnctl/check.h"

/* Private to check_*.c. */

#define CHECK_DIGEST_MAX 65

/* What the checks need of the configuration in force. */
struct check_conf {
	char digest[3][CHECK_DIGEST_MAX]; /* nftables, iptables, ip6tables */
	int observe;
	uint32_t mark;
	uint32_t mask;
	size_t nports; /* UDP */
	struct policy_ports ports[POLICY_PORTS_MAX];
	size_t nlisten;
	struct policy_listen listen[POLICY_LISTEN_MAX];
};

/*
 * check_conf_read: from the lines that the daemon prints: digests, then its
 * configuration in the form of `uturnd -nv'.  Lines that no check needs, or
 * that are no such lines, are passed over.
 */
void check_conf_read(struct check_conf *, const struct reply *);
/* check_conf_family: is there a listen address of this family? */
int check_conf_family(const struct check_conf *, enum family);

/* check_add: a finding; remedy must outlive it. */
void check_add(struct check *, enum check_severity, const char *id,
    const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* check_rules: are they loaded, current, once; and what was not queued. */
void check_rules(struct check *, const struct check_facts *,
    const struct check_conf *, const struct stats *);
/* check_firewall: what the host's own rules do to what uturnd sends. */
void check_firewall(
    struct check *, const struct check_facts *, const struct check_conf *);

/*
 * check_line: the next line of a text, whose end becomes a NUL in buf (len
 * bytes, cut if need be); returns where the following one begins, or NULL
 * when there was none.
 */
const char *check_line(const char *text, char *buf, size_t len);

#endif /* UTURNCTL_CHECK_INT_H */
