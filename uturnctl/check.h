/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURNCTL_CHECK_H
#define UTURNCTL_CHECK_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include "uturnctl/reply.h"

/*
 * `uturnctl check': what on this host is in uturnd's way.  First everything
 * is gathered, in texts as the host's own programs print them; it is judged
 * afterwards, when uturnctl is locked up.
 */

#define CHECK_IFS_MAX   256
#define CHECK_ADDRS_MAX 1024
#define CHECK_FOUND_MAX 128

struct check_addr {
	enum family family;
	struct addr addr;
};

/* What the host is like.  A text of NULL, a number of -1: not known. */
struct check_facts {
	int root;                    /* the firewall's rules could be read */
	char *nft;                   /* nft -j list ruleset */
	char *save[FAMILY_MAX];      /* iptables-save -c, ip6tables-save -c */
	char *routes[FAMILY_MAX];    /* ip -o route show table all */
	char *reserved;              /* net.ipv4.ip_local_reserved_ports */
	char *local_range;           /* net.ipv4.ip_local_port_range */
	int hash_policy[FAMILY_MAX]; /* fib_multipath_hash_policy */
	struct {
		char name[IF_NAMESIZE];
		int rp_filter; /* what holds: the higher of its own and all's */
	} ifs[CHECK_IFS_MAX];
	size_t nifs;
	struct check_addr addrs[CHECK_ADDRS_MAX]; /* of the host */
	size_t naddrs;
};

/* From worst to least.  The first three make `check' fail. */
enum check_severity {
	CHECK_FAULT = 0, /* traces don't work */
	CHECK_WARNING,   /* some don't, or not as meant */
	CHECK_UNKNOWN,   /* could not be looked at */
	CHECK_NOTE,      /* good to know */
	CHECK_SEVERITIES
};

struct check_finding {
	enum check_severity severity;
	const char *id; /* what was checked: a word */
	char text[256];
	const char *remedy;
};

struct check {
	struct check_finding found[CHECK_FOUND_MAX];
	size_t n;
};

/* The ids of all checks, ended by NULL. */
extern const char *const check_ids[];
/* check_severity_name: "fault" and so on. */
const char *check_severity_name(enum check_severity);

/*
 * check_gather: reads the host's state, and as root has nft, iptables-save and
 * ip6tables-save print theirs.  check_free frees the texts.
 */
void check_gather(struct check_facts *);
void check_free(struct check_facts *);

/*
 * check_run: the output of a program (found in the system's folders alone, as
 * argv[0]) with a NUL behind it, the caller's to free; NULL if it is not there,
 * fails, prints too much, or does not end within CHECK_RUN_NS.
 */
#define CHECK_RUN_NS  (10 * 1000000000LL)
#define CHECK_RUN_MAX (8U << 20)
char *check_run(const char *const argv[]);

/*
 * check_judge: all that is to be said; conf is the daemon's answer to
 * ACTION_CHECK, stats its counters, asked for after the facts were gathered.
 */
void check_judge(struct check *, const struct check_facts *,
    const struct reply *conf, const struct stats *);
/* check_fine: 1 if nothing was found but notes. */
int check_fine(const struct check *);

#endif /* UTURNCTL_CHECK_H */
