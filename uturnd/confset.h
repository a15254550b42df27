/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURND_CONFSET_H
#define UTURND_CONFSET_H

#include "uturnd/lex.h"

/*
 * Private to the parser: one function for each statement.  They check the
 * values and write faults; a word of NULL was a fault already.
 */

#define CONF_SEEN_QUEUE       0x00000001
#define CONF_SEEN_MARK        0x00000002
#define CONF_SEEN_MAX_TTL     0x00000004
#define CONF_SEEN_GATE        0x00000008
#define CONF_SEEN_TIMEOUT     0x00000010
#define CONF_SEEN_SETTLE      0x00000020
#define CONF_SEEN_PENDING     0x00000040
#define CONF_SEEN_CLIENT      0x00000080
#define CONF_SEEN_TOTAL       0x00000100
#define CONF_SEEN_HOP         0x00000200
#define CONF_SEEN_TRACES      0x00000400
#define CONF_SEEN_CONNTRACK   0x00000800
#define CONF_SEEN_AUGSBURG    0x00001000
#define CONF_SEEN_USER        0x00002000
#define CONF_SEEN_RELAY       0x00004000
#define CONF_SEEN_TURN        0x00008000
#define CONF_SEEN_INFLECTION  0x00010000
#define CONF_SEEN_UNREACHABLE 0x00020000
#define CONF_SEEN_HOP_ADDR    0x00040000
#define CONF_SEEN_HOP_PREFIX  0x00080000
#define CONF_SEEN_SOCKET      0x00100000
#define CONF_SEEN_UDP         0x00200000
#define CONF_SEEN_ICMP        0x00400000
#define CONF_SEEN_HIDE        0x00800000
#define CONF_SEEN_MODE        0x01000000

/* The statements whose whole value is one time. */
enum conf_time {
	CONF_TIME_GATE,
	CONF_TIME_TIMEOUT,
	CONF_TIME_SETTLE
};

enum conf_limit {
	CONF_LIMIT_CLIENT,
	CONF_LIMIT_TOTAL,
	CONF_LIMIT_HOP
};

/* Statements with one of a few words, in a listen block or outside. */
enum conf_choice {
	CONF_CHOICE_RELAY,
	CONF_CHOICE_TURN,
	CONF_CHOICE_INFLECTION,
	CONF_CHOICE_UNREACHABLE
};

void confset_socket(struct conf_parse *, const struct lex_word *, int);
void confset_user(struct conf_parse *, const struct lex_word *);
/* length NULL: not given. */
void confset_queue(struct conf_parse *, const struct lex_word *,
    const struct lex_word *length);
void confset_mark(struct conf_parse *, const struct lex_word *);
void confset_max_ttl(struct conf_parse *, const struct lex_word *);
void confset_time(struct conf_parse *, enum conf_time, const struct lex_word *);
void confset_pending(struct conf_parse *, const struct lex_word *);
/* rate NULL: off; burst NULL: not given. */
void confset_limit(struct conf_parse *, enum conf_limit,
    const struct lex_word *rate, const struct lex_word *burst);
/* n NULL: off; keep NULL: not given. */
void confset_traces(
    struct conf_parse *, const struct lex_word *n, const struct lex_word *keep);
void confset_conntrack(struct conf_parse *, int);
void confset_augsburg(struct conf_parse *, int);
void confset_mode(struct conf_parse *, int observe);
void confset_choice(struct conf_parse *, enum conf_choice, int);

/* confset_ports: adds them; confset_ports_off: none of this protocol. */
void confset_ports(struct conf_parse *, enum proto, struct lex_words, int open);
void confset_ports_off(struct conf_parse *, enum proto);
void confset_icmp(struct conf_parse *, int on);
void confset_rules(struct conf_parse *, enum policy_action, struct lex_words);
void confset_hide(struct conf_parse *, struct lex_words);
void confset_hide_none(struct conf_parse *);
/* confset_targets: one more group; each of from may ask for each target. */
void confset_targets(
    struct conf_parse *, struct lex_words targets, struct lex_words from);

/* confset_listen: begins the block of these addresses; public may be NULL. */
void confset_listen(
    struct conf_parse *, struct lex_words, const struct lex_word *public);
void confset_listen_end(struct conf_parse *);
void confset_hop_address(struct conf_parse *, const struct lex_word *);
void confset_hop_prefix(struct conf_parse *, const struct lex_word *);

/* confset_once: warns if what was seen before (in the block or outside). */
void confset_once(struct conf_parse *, uint32_t seen, const char *what);

/* confcheck_defaults: the values that hold where nothing else is said. */
void confcheck_defaults(struct conf *);
/* confcheck_finish: what only the whole shows; then fills in what is left. */
void confcheck_finish(struct conf_parse *);
/* confcheck_advise: what a reader would regret. */
void confcheck_advise(struct conf_parse *);

#endif /* UTURND_CONFSET_H */
