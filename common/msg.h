/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_MSG_H
#define COMMON_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/imsg.h"
#include "common/policy.h"
#include "common/stats.h"
#include "common/wire.h"

/*
 * Every message of every border.  Integers in host order (both ends are one
 * binary), written field by field.  A border's table says which types its
 * receiver takes, their sizes, whether a descriptor comes along, and in which
 * states; whatever else arrives is a violation.
 */

/* States of a receiver. */
enum msg_state {
	MSG_BOOT = 1,  /* as started, privileged: waits for INIT and PEER */
	MSG_READY = 2, /* locked up, no configuration yet */
	MSG_RUN = 4    /* a configuration is in force */
};

enum msg_type {
	/* controller -> engine, controller -> packet process */
	MSG_INIT = 0x100, /* struct msg_init */
	MSG_PEER,         /* a descriptor: the pipe from, then to the peer */
	MSG_CONF_BEGIN,   /* generation */
	MSG_CONF_COMMON,  /* the single values of struct policy */
	MSG_CONF_LISTEN,  /* one struct policy_listen */
	MSG_CONF_PORTS,   /* one struct policy_ports */
	MSG_CONF_RULE,    /* one struct policy_rule, allow and deny */
	MSG_CONF_HIDE,    /* one struct policy_rule, hide hop */
	MSG_CONF_END,     /* generation */
	MSG_CONF_COMMIT,  /* generation */
	MSG_CONF_ABORT,   /* generation */
	MSG_VERBOSE,      /* one byte: 0 or 1 */
	MSG_PAUSE,        /* one byte: 0 or 1 (packet process) */
	MSG_STATS,        /* request; peerid comes back with the answer */
	MSG_PING,         /* number; goes on from engine to packet process */
	MSG_STOP,         /* end in order */
	MSG_TRACES,       /* struct msg_ask: one trace (engine) */
	MSG_MONITOR,      /* one byte: events, 0 or 1 (engine) */
	MSG_LIST,         /* struct msg_list: some rows of a table (engine) */
	MSG_DENY,         /* struct msg_deny (engine) */
	MSG_CONF_TARGET,  /* one struct policy_target, behind CONF_HIDE */

	/* engine, packet process -> controller */
	MSG_LOCKED = 0x200, /* privileges dropped, tables made */
	MSG_STAGED,         /* generation */
	MSG_COMMITTED,      /* generation */
	MSG_LOG,            /* priority, line */
	MSG_STATS_DATA,     /* all counters; peerid of the request */
	MSG_PONG,           /* number (packet process) */
	MSG_PAUSED,         /* one byte (packet process) */
	MSG_TRACE,          /* struct msg_trace (engine) */
	MSG_TRACE_HOP,      /* struct msg_hop (engine) */
	MSG_TRACES_END,     /* where the next trace may be, 0: none (engine) */
	MSG_EVENT,          /* struct msg_event (engine) */
	MSG_CLIENT,         /* struct msg_client (engine) */
	MSG_DENIED,         /* struct msg_deny (engine) */
	MSG_LIST_END,       /* where the next row may be, 0: none (engine) */
	MSG_DENY_DONE,      /* one byte: enum msg_denying (engine) */

	/* packet process -> engine */
	MSG_PROBE = 0x300, /* struct msg_probe */
	MSG_MATCH,         /* struct msg_match */
	MSG_EXPIRED,       /* struct msg_id, one byte: enum msg_expiry */
	MSG_PLACE,         /* a processor, or PLACE_ANYWHERE */
	MSG_REQUEST,       /* struct msg_request */

	/* engine -> packet process: the orders, and the ping */
	MSG_PASS = 0x400, /* struct msg_id */
	MSG_DROP,         /* struct msg_id */
	MSG_INFLECT,      /* struct msg_id */
	MSG_TURN,         /* struct msg_turn */
	MSG_ANSWER,       /* struct msg_answer */
	MSG_FINAL,        /* struct msg_id */
	MSG_PING_ON,      /* number */
	/* orders for a request */
	MSG_REQUEST_PROBE,  /* struct msg_id */
	MSG_REQUEST_STATUS, /* struct msg_status */
	MSG_REQUEST_ANSWER, /* struct msg_id */

	/* uturnctl -> controller */
	MSG_CTL_STATS = 0x500,
	MSG_CTL_CONFIG,
	MSG_CTL_PROCESSES,
	MSG_CTL_RELOAD,
	MSG_CTL_PAUSE,
	MSG_CTL_RESUME,
	MSG_CTL_VERBOSE, /* one byte: 0 brief, 1 verbose */
	MSG_CTL_TRACES,  /* struct msg_ask; from is 0 */
	MSG_CTL_MONITOR, /* events until the client goes */
	MSG_CTL_CLIENTS,
	MSG_CTL_DENIED,
	MSG_CTL_DENY,  /* struct msg_deny */
	MSG_CTL_CHECK, /* digests of the rules, then the configuration */

	/* controller -> uturnctl */
	MSG_CTL_DATA = 0x600, /* counters, as MSG_STATS_DATA */
	MSG_CTL_INFO,         /* struct msg_info: goes with CTL_DATA */
	MSG_CTL_LINE,         /* one line of text */
	MSG_CTL_PROCESS,      /* pid, name */
	MSG_CTL_END,          /* after the last of a series */
	MSG_CTL_RESULT,       /* enum msg_result, text */
	MSG_CTL_TRACE,        /* struct msg_trace */
	MSG_CTL_HOP,          /* struct msg_hop: of the last trace */
	MSG_CTL_EVENT,        /* struct msg_event */
	MSG_CTL_CLIENT,       /* struct msg_client */
	MSG_CTL_DENIED_ROW    /* struct msg_deny */
};

/* What a record is called between the children. */
struct msg_id {
	uint32_t slot;
	uint32_t gen;
};

struct msg_init {
	uint32_t uid; /* neither may be 0, nor (uint32_t)-1, "unchanged" */
	uint32_t gid;
	uint8_t verbose;
	struct policy_fixed fixed;
	uint32_t traces; /* the table's size from start to stop; 0: none */
};

/* A probe, with what its record holds of the policy. */
struct msg_probe {
	struct msg_id id;
	enum family family;
	enum proto proto;
	uint8_t ttl;
	enum policy_relay relay;
	enum policy_turn turn;
	enum policy_inflection inflection;
	enum policy_unreachable unreachable;
	uint8_t observe;  /* whatever is ordered, it is passed */
	uint16_t len;     /* bytes of the probe, 28..1280 */
	uint16_t headlen; /* bytes in head, <= 128 */
	uint8_t head[WIRE_HEAD_MAX];
};

/* A request for a reverse probe; as far as it is read, so is its record. */
struct msg_request {
	struct msg_id id;
	enum family family;
	uint8_t max_ttl; /* of the policy in its record */
	enum policy_unreachable unreachable;
	uint8_t observe;  /* whatever is ordered, it is passed */
	uint8_t target;   /* its first object names one that it may ask for */
	uint16_t len;     /* bytes of the request, 32..1280 */
	uint16_t headlen; /* bytes in head, <= 128 */
	uint8_t head[WIRE_HEAD_MAX];
};

/* The answer to a request for which no probe is sent. */
struct msg_status {
	struct msg_id id;
	uint8_t status; /* AUGSBURG_BAD_... */
	uint16_t value; /* BAD_EXT: class and c-type; else 0 */
};

/* What a turned probe met. */
enum msg_match_kind {
	MATCH_ERROR = 0, /* an ICMP error that quotes it */
	MATCH_REPLY,     /* mirror form, requests: its destination's reply */
	MATCH_RESET,     /* mirror form, requests: its destination's reset */
	MATCH_SYNACK,    /* requests: it accepts the connection */
	MATCH_KIND_LAST
};
/* Bytes behind an error's 8-byte header that go up: quote and extensions. */
#define MSG_MATCH_DATA 576
struct msg_match {
	struct msg_id id;
	enum msg_match_kind kind;
	uint8_t from_client; /* the source is where the probe was sent */
	uint8_t answered;    /* as TURN said; no order is waited for */
	/* MATCH_ERROR only, else 0 */
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t ext_len; /* RFC 4884 length field as received, raw */
	struct addr router;
	uint64_t rtt_ns;  /* turned probe sent to error received */
	uint16_t datalen; /* bytes in data */
	uint8_t data[MSG_MATCH_DATA];
};

enum msg_expiry {
	EXPIRY_SETTLE = 0, /* UDP: nothing matched within `settle` */
	EXPIRY_TIMEOUT,    /* the record is gone */
	EXPIRY_LAST
};

/*
 * The order to turn a probe.  Most routers' answers are time exceeded without
 * objects, and what is said of those does not depend on them: it can be told
 * ahead, and the client waits for one question less.
 */
#define MSG_TURN_AHEAD 0x80
struct msg_turn {
	struct msg_id id;
	/* 0: ask for each answer; MSG_TURN_AHEAD, MSG_ANSWER_ADDR, NAME, RTT:
	 * what a plain one bears in own form */
	uint8_t ahead;
};

#define MSG_ANSWER_HIDE 0x01 /* own form, no address, no objects */
#define MSG_ANSWER_ADDR 0x02 /* our object with the router's address */
#define MSG_ANSWER_NAME 0x04 /* its name; only with ADDR */
#define MSG_ANSWER_RTT  0x08 /* the time to the router; only with ADDR */
/*
 * The foreign objects are one list, of which each form carries as much as fits
 * it: the first own_len bytes, the first router_len bytes.
 */
struct msg_answer {
	struct msg_id id;
	uint8_t flags;
	uint8_t own_len;    /* 0..64, a multiple of 4; not 0 only with ADDR */
	uint8_t router_len; /* 0..64, a multiple of 4 */
	uint8_t obj[EXT_FOREIGN_MAX];
};
/* msg_answer_objlen: bytes of the list. */
size_t msg_answer_objlen(const struct msg_answer *);

enum msg_result {
	RESULT_OK = 0,
	RESULT_REFUSED, /* not now, or not for you */
	RESULT_FAILED,
	RESULT_LAST
};
#define MSG_TEXT_MAX 1024 /* texts to uturnctl, NUL included */
#define MSG_NAME_MAX 64   /* a process's name, NUL included */

struct msg_info {
	uint8_t paused;
	uint8_t observe; /* mode observe */
	uint32_t generation;
	uint32_t pending_max;
	uint64_t uptime_ns;
};

/* Which traces are wanted; and from which place in the table on. */
struct msg_ask {
	uint32_t from;
	uint8_t filter; /* 1: only those of the client */
	enum family family;
	struct addr client;
};

#define MSG_LABELS_MAX 4
#define MSG_HOPS_MAX   (POLICY_TTL_MAX - 1)
/* Different routers of a hop that are told apart; more count as so many. */
#define MSG_HOP_ROUTERS 4

/* How a trace ended. */
enum trace_end {
	TRACE_OPEN = 0, /* not yet, as far as we know */
	TRACE_ANSWERED, /* the client itself answered a turned probe */
	TRACE_INFERRED, /* nothing answers any more */
	TRACE_END_LAST
};

/* A trace's head; times are in us before now. */
struct msg_trace {
	enum family family;
	enum proto proto;
	struct addr client;
	struct addr listen;
	uint64_t begun_us;
	uint64_t seen_us; /* its last probe */
	uint32_t probes;
	enum trace_end end;
	uint8_t end_hop; /* 1..MSG_HOPS_MAX; 0 if it is open */
	/* The last change of the way back; changed_hop 0: none was noticed. */
	uint8_t changed_hop;
	uint64_t changed_us;
	struct addr changed_from;
	struct addr changed_to;
};

#define MSG_HOP_HIDDEN  0x01 /* the client is not told the address */
#define MSG_HOP_UNREACH 0x02 /* said unreachable: icmp_type, icmp_code */
#define MSG_HOP_CLIENT  0x04 /* the client itself: router is its address */
#define MSG_HOP_FLAGS   0x07

struct msg_hop {
	enum family family;
	uint8_t hop; /* reverse hop, 1..MSG_HOPS_MAX */
	uint8_t flags;
	uint8_t routers;    /* different ones, up to MSG_HOP_ROUTERS */
	struct addr router; /* the last one; zero: none answered */
	uint16_t turned;    /* probes */
	uint16_t answered;
	uint16_t lost;
	uint32_t rtt_min_us; /* host to hop and back, if any answered */
	uint32_t rtt_avg_us;
	uint32_t rtt_max_us;
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t nlabels;
	uint32_t label[MSG_LABELS_MAX]; /* RFC 4950 entries: label exp s ttl */
};

enum event_kind {
	EVENT_BEGAN = 0, /* a client's trace */
	EVENT_ANSWERED,  /* hop, router, rtt_us; type and code if UNREACH */
	EVENT_LOST,      /* hop */
	EVENT_ENDED,     /* end, hop */
	EVENT_CHANGED,   /* hop, router, former: the way back is another */
	EVENT_LAST
};

struct msg_event {
	enum event_kind kind;
	enum family family;
	enum proto proto;
	enum trace_end end;
	uint8_t hop;   /* 0 in BEGAN */
	uint8_t flags; /* MSG_HOP_... */
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint32_t rtt_us;
	uint32_t dropped; /* events before this one that were left out */
	struct addr client;
	struct addr listen;
	struct addr router;
	struct addr former;
};

/* A table of the engine's, and from which place in it on. */
enum msg_listing {
	LIST_CLIENTS = 0, /* sources with an open gate */
	LIST_DENIED,      /* what is denied for a while */
	LIST_LAST
};
#define MSG_LIST_PLACES 65536 /* no table has more */
#define MSG_LIST_ROWS   16    /* rows that answer one MSG_LIST, at most */
struct msg_list {
	enum msg_listing which;
	uint32_t from;
};

/* A source whose gate is open; times in us. */
struct msg_client {
	enum family family;
	enum proto proto;
	uint8_t len; /* bits of addr that count */
	struct addr addr;
	uint16_t port;      /* TCP: of the destination, host order; else 0 */
	uint64_t opened_us; /* ago */
	uint64_t left_us;   /* until it closes, if it is not used */
	uint32_t probes;    /* admitted since it opened */
	uint32_t limited;   /* over a limit since then */
};

/* Sources that the operator denies for a while. */
#define MSG_DENY_MAX    64 /* at once */
#define MSG_DENY_MS_MAX (86400 * 1000ULL)
struct msg_deny {
	uint8_t remove; /* 1: no longer; ms is 0 then */
	enum family family;
	uint8_t len;
	struct addr addr; /* masked */
	uint64_t ms;      /* from now on, 1..MSG_DENY_MS_MAX */
};
enum msg_denying {
	DENYING_DONE = 0,
	DENYING_FULL,    /* as many as can be are denied already */
	DENYING_UNKNOWN, /* to be removed, but not there */
	DENYING_LAST
};

/* The longest time that a policy may hold, in ns: 366 days. */
#define MSG_NS_MAX (366ULL * 86400 * 1000000000)

/* One row of a border's table. */
struct msg_rule {
	uint32_t type;
	const char *name;
	uint32_t min; /* payload bytes */
	uint32_t max;
	int fd;     /* 1: a descriptor must come along, else none may */
	int states; /* of enum msg_state, or'ed */
};
struct msg_border {
	const char *sender; /* for the log line of a violation */
	const struct msg_rule *rules;
	size_t nrules;
	uint32_t maxsize; /* largest payload: for imsgbuf_set_maxsize */
};

extern const struct msg_border msg_controller_to_engine;
extern const struct msg_border msg_controller_to_priv;
extern const struct msg_border msg_engine_to_controller;
extern const struct msg_border msg_priv_to_controller;
extern const struct msg_border msg_priv_to_engine;
extern const struct msg_border msg_engine_to_priv;
extern const struct msg_border msg_ctl_to_controller;
extern const struct msg_border msg_controller_to_ctl;

/*
 * msg_check: looks the message up in the border's table, before any of it was
 * read.  Returns its rule, or NULL with the fault written to why (whylen
 * bytes) as "packet process: PROBE: 12 bytes, 19..147 allowed".  A descriptor
 * that must not be there is closed with the message by imsg_free.
 */
const struct msg_rule *msg_check(const struct msg_border *, struct imsg *,
    enum msg_state state, char *why, size_t whylen);
/* msg_name: the name of a type, for logs; "?" if there is none. */
const char *msg_name(uint32_t type);

/*
 * Coders.  msg_put_*: queue one message; 0, or -1 with errno (ENOBUFS: the
 * pool is empty; EINVAL: a length in the structure is over its maximum).
 * msg_get_*: read the whole payload, check every range, and require that
 * nothing is left; 0, or -1 with *why pointing to a constant text.  They do
 * not look at the type, which msg_check did (but msg_get_policy, which
 * switches on it).  Nothing is queued, and *out is not to be used, on -1.
 */
int msg_put_empty(struct imsgbuf *, uint32_t type, uint32_t peerid);
int msg_put_u8(struct imsgbuf *, uint32_t type, uint32_t peerid, uint8_t);
int msg_put_u32(struct imsgbuf *, uint32_t type, uint32_t peerid, uint32_t);
/* msg_get_u8: 0..max.  msg_get_empty: no payload at all. */
int msg_get_empty(struct imsg *, const char **why);
int msg_get_u8(struct imsg *, uint8_t max, uint8_t *, const char **why);
int msg_get_u32(struct imsg *, uint32_t *, const char **why);

int msg_put_init(struct imsgbuf *, const struct msg_init *);
int msg_get_init(struct imsg *, struct msg_init *, const char **why);

/*
 * msg_put_peer: MSG_PEER.  Two are sent: the pipe that the child reads, then
 * the one that it writes.  The queue owns fd then, on -1 still the caller.
 */
int msg_put_peer(struct imsgbuf *, int fd);

/*
 * msg_put_policy: BEGIN, all parts, END; EINVAL before anything is queued if
 * a count in *p is over its maximum.  If it fails otherwise, some parts may be
 * queued already: send a MSG_CONF_ABORT or give the connection up.
 *
 * msg_get_policy takes one message of these (BEGIN, COMMON, LISTEN, PORTS,
 * RULE, HIDE, TARGET, END) and writes it into *p, which a BEGIN clears; *done
 * is set to 1 by the END, to 0 by all others.  The order must be that of
 * msg_put_policy (LISTEN to TARGET may repeat or be absent), the END's
 * generation the BEGIN's and not 0, and no table may overflow.  *stage is the
 * receiver's memory between calls: 0 when a BEGIN is due, so at first, after
 * an END, and when the receiver sets it to 0 for an ABORT.
 */
int msg_put_policy(struct imsgbuf *, const struct policy *);
int msg_get_policy(struct imsg *, struct policy *p, uint32_t *stage, int *done,
    const char **why);

/*
 * msg_put_text: LOG, CTL_LINE (code: a syslog priority) or CTL_RESULT (code:
 * enum msg_result), and a text, cut to LOG_LINE_MAX for LOG, else to
 * MSG_TEXT_MAX.  msg_get_text: textlen must be as large, else a longer text
 * is a fault.  The text ends with the only NUL; its bytes are the peer's.
 */
int msg_put_text(struct imsgbuf *, uint32_t type, uint32_t peerid, uint8_t code,
    const char *text);
int msg_get_text(struct imsg *, uint8_t maxcode, uint8_t *code, char *text,
    size_t textlen, const char **why);

/* MSG_CTL_PROCESS; a name is cut to MSG_NAME_MAX, pids are 1..INT32_MAX. */
int msg_put_process(
    struct imsgbuf *, uint32_t peerid, uint32_t pid, const char *name);
int msg_get_process(
    struct imsg *, uint32_t *pid, char name[MSG_NAME_MAX], const char **why);

int msg_put_stats(
    struct imsgbuf *, uint32_t type, uint32_t peerid, const struct stats *);
int msg_get_stats(struct imsg *, struct stats *, const char **why);
int msg_put_info(struct imsgbuf *, uint32_t peerid, const struct msg_info *);
int msg_get_info(struct imsg *, struct msg_info *, const char **why);

/* MSG_TRACES, MSG_CTL_TRACES; MSG_TRACE, MSG_CTL_TRACE; MSG_TRACE_HOP,
 * MSG_CTL_HOP; MSG_EVENT, MSG_CTL_EVENT. */
int msg_put_ask(
    struct imsgbuf *, uint32_t type, uint32_t peerid, const struct msg_ask *);
int msg_get_ask(struct imsg *, struct msg_ask *, const char **why);
int msg_put_trace(
    struct imsgbuf *, uint32_t type, uint32_t peerid, const struct msg_trace *);
int msg_get_trace(struct imsg *, struct msg_trace *, const char **why);
int msg_put_hop(
    struct imsgbuf *, uint32_t type, uint32_t peerid, const struct msg_hop *);
int msg_get_hop(struct imsg *, struct msg_hop *, const char **why);
int msg_put_event(
    struct imsgbuf *, uint32_t type, uint32_t peerid, const struct msg_event *);
int msg_get_event(struct imsg *, struct msg_event *, const char **why);

/* MSG_LIST; MSG_CLIENT, MSG_CTL_CLIENT; MSG_DENY, MSG_DENIED and uturnctl's. */
int msg_put_list(
    struct imsgbuf *, uint32_t type, uint32_t peerid, const struct msg_list *);
int msg_get_list(struct imsg *, struct msg_list *, const char **why);
int msg_put_client(struct imsgbuf *, uint32_t type, uint32_t peerid,
    const struct msg_client *);
int msg_get_client(struct imsg *, struct msg_client *, const char **why);
int msg_put_deny(
    struct imsgbuf *, uint32_t type, uint32_t peerid, const struct msg_deny *);
int msg_get_deny(struct imsg *, struct msg_deny *, const char **why);

int msg_put_probe(struct imsgbuf *, const struct msg_probe *);
int msg_get_probe(struct imsg *, struct msg_probe *, const char **why);
int msg_put_match(struct imsgbuf *, const struct msg_match *);
int msg_get_match(struct imsg *, struct msg_match *, const char **why);
int msg_put_expired(struct imsgbuf *, struct msg_id, enum msg_expiry);
int msg_get_expired(
    struct imsg *, struct msg_id *, enum msg_expiry *, const char **why);
int msg_put_request(struct imsgbuf *, const struct msg_request *);
int msg_get_request(struct imsg *, struct msg_request *, const char **why);
int msg_put_status(struct imsgbuf *, const struct msg_status *);
int msg_get_status(struct imsg *, struct msg_status *, const char **why);
/* The orders without a payload of their own: PASS, DROP, INFLECT, FINAL,
 * REQUEST_PROBE, REQUEST_ANSWER. */
int msg_put_order(struct imsgbuf *, uint32_t type, struct msg_id);
int msg_get_order(struct imsg *, struct msg_id *, const char **why);
int msg_put_turn(struct imsgbuf *, const struct msg_turn *);
int msg_get_turn(struct imsg *, struct msg_turn *, const char **why);
int msg_put_answer(struct imsgbuf *, const struct msg_answer *);
int msg_get_answer(struct imsg *, struct msg_answer *, const char **why);

#endif /* COMMON_MSG_H */
