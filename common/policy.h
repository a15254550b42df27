/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_POLICY_H
#define COMMON_POLICY_H

#include <stdint.h>

#include "common/addr.h"

/*
 * What the configuration means to the children: plain numbers, fixed sizes,
 * no pointers.  The controller makes it from its configuration, checks every
 * range, and sends it field by field (common/msg.h); each child holds two,
 * the one in force and the one staged, made at start.
 */

/* Sixty-four a family: the size of the capture filter. */
#define POLICY_LISTEN_FAMILY_MAX 64
#define POLICY_LISTEN_MAX        (2 * POLICY_LISTEN_FAMILY_MAX)
#define POLICY_PORTS_MAX         32
#define POLICY_RULES_MAX         1024
#define POLICY_HIDE_MAX          256
#define POLICY_TARGETS_MAX       256 /* prefixes, of targets and askers */
#define POLICY_GROUPS_MAX        32
/* A shorter prefix of targets or of who asks for them is no list. */
#define POLICY_TARGET_MIN4 8
#define POLICY_TARGET_MIN6 16
#define POLICY_TTL_MAX     64      /* highest `max ttl` */
#define POLICY_RATE_MAX    1000000 /* highest limit, per second */
#define POLICY_PENDING_MIN 64
#define POLICY_PENDING_MAX 65536
#define POLICY_TRACES_MAX  4096 /* largest table of traces */

enum policy_relay {
	RELAY_OWN = 0,
	RELAY_ROUTER,
	RELAY_BOTH,
	RELAY_LAST
};
enum policy_turn {
	TURN_REPLY = 0,
	TURN_MIRROR,
	TURN_LAST
};
enum policy_inflection {
	INFLECTION_ANSWER = 0,
	INFLECTION_SILENT,
	INFLECTION_LAST
};
enum policy_unreachable {
	UNREACHABLE_HIDE = 0,
	UNREACHABLE_RELAY,
	UNREACHABLE_LAST
};

/* One listen address with what holds for it (its block over the defaults). */
struct policy_listen {
	enum family family;
	struct addr addr;        /* where probes arrive */
	struct addr public_addr; /* zero: none; behind a 1:1 NAT its outside */
	struct addr hop_addr;    /* zero: none */
	struct addr hop_prefix;  /* zero: none; masked */
	uint8_t hop_prefix_len;
	enum policy_relay relay;
	enum policy_turn turn;
	enum policy_inflection inflection;
	enum policy_unreachable unreachable;
};

/* A range of destination ports; lo <= hi, host order. */
struct policy_ports {
	enum proto proto; /* PROTO_UDP or PROTO_TCP */
	uint16_t lo;
	uint16_t hi;
	uint8_t open; /* TCP: the operator says that something listens */
};

/* allow and deny: the last match wins; hide uses POLICY_DENY as "hide". */
enum policy_action {
	POLICY_ALLOW = 0,
	POLICY_DENY,
	POLICY_ACTION_LAST
};
enum policy_kind {
	POLICY_PREFIX = 0, /* family, addr and len hold */
	POLICY_ANY,
	POLICY_PRIVATE, /* addr_is_private */
	POLICY_KIND_LAST
};
struct policy_rule {
	enum policy_action action;
	enum policy_kind kind;
	enum family family;
	struct addr addr;
	uint8_t len;
};

/*
 * Who may ask for a probe to somebody else: each asker of a group for each of
 * its targets.  No row, no such probe.
 */
enum policy_side {
	POLICY_TARGET = 0,
	POLICY_ASKER,
	POLICY_SIDE_LAST
};
struct policy_target {
	uint8_t group; /* rows of a group stand together, the first is 0 */
	enum policy_side side;
	enum family family;
	struct addr addr; /* masked */
	uint8_t len;      /* at least POLICY_TARGET_MIN4, MIN6 */
};

/* A token bucket; rate 0: off. */
struct policy_limit {
	uint32_t rate; /* per second */
	uint32_t burst;
};

struct policy {
	uint32_t generation; /* 1 is the first that holds */
	uint8_t probe_icmp;  /* 0 or 1 */
	uint8_t augsburg;
	uint8_t observe; /* everything is passed, nothing is sent */
	uint8_t max_ttl;
	uint64_t gate_ns;
	uint64_t timeout_ns;
	uint64_t settle_ns;
	struct policy_limit limit_client;
	struct policy_limit limit_total;
	struct policy_limit limit_hop;
	uint32_t traces; /* 0: off */
	uint64_t traces_keep_ns;

	uint32_t nlisten;
	struct policy_listen listen[POLICY_LISTEN_MAX];
	uint32_t nports;
	struct policy_ports ports[POLICY_PORTS_MAX];
	uint32_t nrules;
	struct policy_rule rules[POLICY_RULES_MAX];
	uint32_t nhide;
	struct policy_rule hide[POLICY_HIDE_MAX];
	uint32_t ntargets;
	struct policy_target targets[POLICY_TARGETS_MAX];
};

/* What holds from start to stop; changing it needs a restart. */
struct policy_fixed {
	uint16_t queue;     /* NFQUEUE number */
	uint32_t queue_len; /* packets that the kernel holds for us */
	uint32_t mark;      /* SO_MARK of what we send */
	uint32_t mark_mask; /* bits of mark that the rules look at */
	uint32_t pending;   /* records: probes in flight */
};

/*
 * policy_listen_find: the listen address that equals dst (public addresses
 * do not count: packets arrive with the inside one).  Returns its index, or
 * -1.
 */
int
policy_listen_find(const struct policy *, enum family, const struct addr *dst);
/*
 * policy_is_own: a is a listen, public or hop address of this host, or lies
 * in a hop prefix.
 */
int policy_is_own(const struct policy *, enum family, const struct addr *a);
/* policy_port_listed: a probe to this port (host order) is ours. */
int policy_port_listed(const struct policy *, enum proto, uint16_t port);
/* policy_denied: src is denied (no rule matches: allowed). */
int policy_denied(const struct policy *, enum family, const struct addr *src);
/* policy_hidden: a reverse router with this address is hidden. */
int policy_hidden(const struct policy *, enum family, const struct addr *);
/* policy_target_min: the shortest prefix of a policy_target. */
uint8_t policy_target_min(enum family);
/*
 * policy_target_allowed: src may ask for a probe to target: a group has both,
 * and target is neither own nor martian (addr_is_martian: multicast, too).
 */
int policy_target_allowed(const struct policy *, enum family,
    const struct addr *src, const struct addr *target);

#endif /* COMMON_POLICY_H */
