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
	MSG_PEER,         /* a descriptor: the pair between the children */
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

	/* engine, packet process -> controller */
	MSG_LOCKED = 0x200, /* privileges dropped, tables made */
	MSG_STAGED,         /* generation */
	MSG_COMMITTED,      /* generation */
	MSG_LOG,            /* priority, line */
	MSG_STATS_DATA,     /* all counters; peerid of the request */
	MSG_PONG,           /* number (packet process) */
	MSG_PAUSED,         /* one byte (packet process) */

	/* packet process -> engine */
	MSG_PROBE = 0x300, /* struct msg_probe */
	MSG_MATCH,         /* struct msg_match */
	MSG_EXPIRED,       /* struct msg_id, one byte: enum msg_expiry */

	/* engine -> packet process: the orders, and the ping */
	MSG_PASS = 0x400, /* struct msg_id */
	MSG_DROP,         /* struct msg_id */
	MSG_INFLECT,      /* struct msg_id */
	MSG_TURN,         /* struct msg_id */
	MSG_ANSWER,       /* struct msg_answer */
	MSG_FINAL,        /* struct msg_id */
	MSG_PING_ON,      /* number */

	/* uturnctl -> controller */
	MSG_CTL_STATS = 0x500,
	MSG_CTL_CONFIG,
	MSG_CTL_PROCESSES,
	MSG_CTL_RELOAD,
	MSG_CTL_PAUSE,
	MSG_CTL_RESUME,
	MSG_CTL_VERBOSE, /* one byte: 0 brief, 1 verbose */

	/* controller -> uturnctl */
	MSG_CTL_DATA = 0x600, /* counters, as MSG_STATS_DATA */
	MSG_CTL_INFO,         /* struct msg_info: goes with CTL_DATA */
	MSG_CTL_LINE,         /* one line of text */
	MSG_CTL_PROCESS,      /* pid, name */
	MSG_CTL_END,          /* after the last of a series */
	MSG_CTL_RESULT        /* enum msg_result, text */
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
	uint16_t len;     /* bytes of the probe, 28..1280 */
	uint16_t headlen; /* bytes in head, <= 128 */
	uint8_t head[WIRE_HEAD_MAX];
};

/* What a turned probe met. */
enum msg_match_kind {
	MATCH_ERROR = 0, /* an ICMP error that quotes it */
	MATCH_REPLY,     /* mirror form: the client's echo reply */
	MATCH_RESET,     /* mirror form: the client's reset */
	MATCH_KIND_LAST
};
/* Bytes behind an error's 8-byte header that go up: quote and extensions. */
#define MSG_MATCH_DATA 576
struct msg_match {
	struct msg_id id;
	enum msg_match_kind kind;
	uint8_t from_client; /* the source is the probe's sender */
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

#define MSG_ANSWER_HIDE 0x01 /* own form, no address, no objects */
#define MSG_ANSWER_ADDR 0x02 /* our object with the router's address */
#define MSG_ANSWER_NAME 0x04 /* its name; only with ADDR */
#define MSG_ANSWER_RTT  0x08 /* the time to the router; only with ADDR */
struct msg_answer {
	struct msg_id id;
	uint8_t flags;
	uint16_t objlen; /* 0..64, a multiple of 4 */
	uint8_t obj[EXT_FOREIGN_MAX];
};

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
	uint32_t generation;
	uint32_t pending_max;
	uint64_t uptime_ns;
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

/* msg_put_peer: MSG_PEER.  The queue owns fd then, on -1 still the caller. */
int msg_put_peer(struct imsgbuf *, int fd);

/*
 * msg_put_policy: BEGIN, all parts, END; EINVAL before anything is queued if
 * a count in *p is over its maximum.  If it fails otherwise, some parts may be
 * queued already: send a MSG_CONF_ABORT or give the connection up.
 *
 * msg_get_policy takes one message of these (BEGIN, COMMON, LISTEN, PORTS,
 * RULE, HIDE, END) and writes it into *p, which a BEGIN clears; *done is set
 * to 1 by the END, to 0 by all others.  The order must be that of
 * msg_put_policy (LISTEN to HIDE may repeat or be absent), the END's
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

int msg_put_probe(struct imsgbuf *, const struct msg_probe *);
int msg_get_probe(struct imsg *, struct msg_probe *, const char **why);
int msg_put_match(struct imsgbuf *, const struct msg_match *);
int msg_get_match(struct imsg *, struct msg_match *, const char **why);
int msg_put_expired(struct imsgbuf *, struct msg_id, enum msg_expiry);
int msg_get_expired(
    struct imsg *, struct msg_id *, enum msg_expiry *, const char **why);
/* The orders without a payload of their own: PASS, DROP, INFLECT, TURN,
 * FINAL. */
int msg_put_order(struct imsgbuf *, uint32_t type, struct msg_id);
int msg_get_order(struct imsg *, struct msg_id *, const char **why);
int msg_put_answer(struct imsgbuf *, const struct msg_answer *);
int msg_get_answer(struct imsg *, struct msg_answer *, const char **why);

#endif /* COMMON_MSG_H */
