/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The table of every border, and the check against it. */

#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "common/msg.h"
#include "common/msg_io.h"

#define LATER (MSG_READY | MSG_RUN)
#define ANY   (MSG_BOOT | MSG_READY | MSG_RUN)

/* A message's type, name, sizes, descriptor and states. */
#define RULE(name, min, max, fd, states)                \
	{                                               \
		MSG_##name, #name, min, max, fd, states \
	}
/* One without a payload, one with a number, one with a single byte. */
#define EMPTY(name, states) RULE(name, 0, 0, 0, states)
#define U32(name, states)   RULE(name, 4, 4, 0, states)
#define U8(name, states)    RULE(name, 1, 1, 0, states)
/* One of a fixed size. */
#define FIXED(name, size, states) RULE(name, size, size, 0, states)

/* What both children take from the controller. */
#define RULES_CHILD                                                           \
	FIXED(INIT, MSG_SIZE_INIT, MSG_BOOT), RULE(PEER, 0, 0, 1, MSG_BOOT),  \
	    U32(CONF_BEGIN, LATER),                                           \
	    FIXED(CONF_COMMON, MSG_SIZE_COMMON, LATER),                       \
	    FIXED(CONF_LISTEN, MSG_SIZE_LISTEN, LATER),                       \
	    FIXED(CONF_PORTS, MSG_SIZE_PORTS, LATER),                         \
	    FIXED(CONF_RULE, MSG_SIZE_RULE, LATER),                           \
	    FIXED(CONF_HIDE, MSG_SIZE_RULE, LATER),                           \
	    FIXED(CONF_TARGET, MSG_SIZE_TARGET, LATER), U32(CONF_END, LATER), \
	    U32(CONF_COMMIT, LATER), U32(CONF_ABORT, LATER),                  \
	    U8(VERBOSE, LATER), EMPTY(STATS, LATER), EMPTY(STOP, LATER)

/*
 * What the controller takes from both children.  The state is that of the
 * child, as the controller knows it.
 */
#define RULES_PARENT                                                           \
	EMPTY(LOCKED, MSG_BOOT), U32(STAGED, LATER), U32(COMMITTED, LATER),    \
	    RULE(LOG, MSG_SIZE_TEXT_MIN, MSG_SIZE_TEXT(LOG_LINE_MAX), 0, ANY), \
	    FIXED(STATS_DATA, MSG_SIZE_STATS, LATER)

static const struct msg_rule rules_controller_to_engine[] = {
	RULES_CHILD,
	U32(PING, LATER),
	FIXED(TRACES, MSG_SIZE_ASK, MSG_RUN),
	U8(MONITOR, MSG_RUN),
	FIXED(LIST, MSG_SIZE_LIST, MSG_RUN),
	FIXED(DENY, MSG_SIZE_DENY, MSG_RUN),
};

static const struct msg_rule rules_controller_to_priv[] = {
	RULES_CHILD,
	U8(PAUSE, MSG_RUN),
};

static const struct msg_rule rules_engine_to_controller[] = {
	RULES_PARENT,
	FIXED(TRACE, MSG_SIZE_TRACE, MSG_RUN),
	FIXED(TRACE_HOP, MSG_SIZE_HOP, MSG_RUN),
	U32(TRACES_END, MSG_RUN),
	FIXED(EVENT, MSG_SIZE_EVENT, MSG_RUN),
	FIXED(CLIENT, MSG_SIZE_CLIENT, MSG_RUN),
	FIXED(DENIED, MSG_SIZE_DENY, MSG_RUN),
	U32(LIST_END, MSG_RUN),
	U8(DENY_DONE, MSG_RUN),
};

static const struct msg_rule rules_priv_to_controller[] = {
	RULES_PARENT,
	U32(PONG, LATER),
	U8(PAUSED, MSG_RUN),
};

/*
 * The children commit a configuration one after the other: the first probe
 * may come before the engine's COMMIT, its matches can't.
 */
static const struct msg_rule rules_priv_to_engine[] = {
	RULE(PROBE, MSG_SIZE_PROBE, MSG_SIZE_PROBE + WIRE_HEAD_MAX, 0, LATER),
	RULE(
	    MATCH, MSG_SIZE_MATCH, MSG_SIZE_MATCH + MSG_MATCH_DATA, 0, MSG_RUN),
	FIXED(EXPIRED, MSG_SIZE_EXPIRED, MSG_RUN),
	U32(PLACE, LATER),
	RULE(REQUEST, MSG_SIZE_REQUEST, MSG_SIZE_REQUEST + WIRE_HEAD_MAX, 0,
	    LATER),
};

static const struct msg_rule rules_engine_to_priv[] = {
	FIXED(PASS, MSG_SIZE_ID, MSG_RUN),
	FIXED(DROP, MSG_SIZE_ID, MSG_RUN),
	FIXED(INFLECT, MSG_SIZE_ID, MSG_RUN),
	FIXED(TURN, MSG_SIZE_TURN, MSG_RUN),
	RULE(ANSWER, MSG_SIZE_ANSWER, MSG_SIZE_ANSWER + EXT_FOREIGN_MAX, 0,
	    MSG_RUN),
	FIXED(FINAL, MSG_SIZE_ID, MSG_RUN),
	U32(PING_ON, LATER),
	FIXED(REQUEST_PROBE, MSG_SIZE_ID, MSG_RUN),
	FIXED(REQUEST_STATUS, MSG_SIZE_STATUS, MSG_RUN),
	FIXED(REQUEST_ANSWER, MSG_SIZE_ID, MSG_RUN),
};

static const struct msg_rule rules_ctl_to_controller[] = {
	EMPTY(CTL_STATS, LATER),
	EMPTY(CTL_CONFIG, LATER),
	EMPTY(CTL_PROCESSES, LATER),
	EMPTY(CTL_RELOAD, LATER),
	EMPTY(CTL_PAUSE, LATER),
	EMPTY(CTL_RESUME, LATER),
	U8(CTL_VERBOSE, LATER),
	FIXED(CTL_TRACES, MSG_SIZE_ASK, LATER),
	EMPTY(CTL_MONITOR, LATER),
	EMPTY(CTL_CLIENTS, LATER),
	EMPTY(CTL_DENIED, LATER),
	FIXED(CTL_DENY, MSG_SIZE_DENY, LATER),
	EMPTY(CTL_CHECK, LATER),
};

static const struct msg_rule rules_controller_to_ctl[] = {
	FIXED(CTL_DATA, MSG_SIZE_STATS, LATER),
	FIXED(CTL_INFO, MSG_SIZE_INFO, LATER),
	RULE(
	    CTL_LINE, MSG_SIZE_TEXT_MIN, MSG_SIZE_TEXT(MSG_TEXT_MAX), 0, LATER),
	RULE(CTL_PROCESS, MSG_SIZE_PROC_MIN,
	    MSG_SIZE_PROC_MIN - 1 + MSG_NAME_MAX, 0, LATER),
	EMPTY(CTL_END, LATER),
	RULE(CTL_RESULT, MSG_SIZE_TEXT_MIN, MSG_SIZE_TEXT(MSG_TEXT_MAX), 0,
	    LATER),
	FIXED(CTL_TRACE, MSG_SIZE_TRACE, LATER),
	FIXED(CTL_HOP, MSG_SIZE_HOP, LATER),
	FIXED(CTL_EVENT, MSG_SIZE_EVENT, LATER),
	FIXED(CTL_CLIENT, MSG_SIZE_CLIENT, LATER),
	FIXED(CTL_DENIED_ROW, MSG_SIZE_DENY, LATER),
};

#define NRULES(rules)   (sizeof(rules) / sizeof((rules)[0]))
#define LARGER_OF(a, b) ((a) > (b) ? (a) : (b))

const struct msg_border msg_controller_to_engine = { "controller",
	rules_controller_to_engine, NRULES(rules_controller_to_engine),
	MSG_SIZE_LISTEN };
const struct msg_border msg_controller_to_priv = { "controller",
	rules_controller_to_priv, NRULES(rules_controller_to_priv),
	MSG_SIZE_LISTEN };
const struct msg_border msg_engine_to_controller = { "engine",
	rules_engine_to_controller, NRULES(rules_engine_to_controller),
	LARGER_OF(MSG_SIZE_STATS, MSG_SIZE_TEXT(LOG_LINE_MAX)) };
const struct msg_border msg_priv_to_controller = { "packet process",
	rules_priv_to_controller, NRULES(rules_priv_to_controller),
	LARGER_OF(MSG_SIZE_STATS, MSG_SIZE_TEXT(LOG_LINE_MAX)) };
const struct msg_border msg_priv_to_engine = { "packet process",
	rules_priv_to_engine, NRULES(rules_priv_to_engine),
	MSG_SIZE_MATCH + MSG_MATCH_DATA };
const struct msg_border msg_engine_to_priv = { "engine", rules_engine_to_priv,
	NRULES(rules_engine_to_priv), MSG_SIZE_ANSWER + EXT_FOREIGN_MAX };
const struct msg_border msg_ctl_to_controller = { "uturnctl",
	rules_ctl_to_controller, NRULES(rules_ctl_to_controller),
	LARGER_OF(MSG_SIZE_ASK, MSG_SIZE_DENY) };
const struct msg_border msg_controller_to_ctl = { "uturnd",
	rules_controller_to_ctl, NRULES(rules_controller_to_ctl),
	LARGER_OF(MSG_SIZE_STATS, MSG_SIZE_TEXT(MSG_TEXT_MAX)) };

static const struct msg_border *const borders[] = {
	&msg_controller_to_engine,
	&msg_controller_to_priv,
	&msg_engine_to_controller,
	&msg_priv_to_controller,
	&msg_priv_to_engine,
	&msg_engine_to_priv,
	&msg_ctl_to_controller,
	&msg_controller_to_ctl,
};

static const struct msg_rule *
msg_rule_find(const struct msg_border *b, uint32_t type)
{
	size_t i;

	for (i = 0; i < b->nrules; i++)
		if (b->rules[i].type == type)
			return (&b->rules[i]);
	return (NULL);
}

const char *
msg_name(uint32_t type)
{
	const struct msg_rule *rule;
	size_t i;

	for (i = 0; i < NRULES(borders); i++)
		if ((rule = msg_rule_find(borders[i], type)) != NULL)
			return (rule->name);
	return ("?");
}

static const char *
msg_state_name(enum msg_state state)
{
	switch (state) {
	case MSG_BOOT:
		return ("start-up");
	case MSG_READY:
		return ("ready");
	case MSG_RUN:
		return ("run");
	}
	return ("?");
}

const struct msg_rule *
msg_check(const struct msg_border *b, struct imsg *imsg, enum msg_state state,
    char *why, size_t whylen)
{
	const struct msg_rule *rule;
	uint32_t type;
	size_t len;

	type = imsg_get_type(imsg);
	len = imsg_get_len(imsg);
	if ((rule = msg_rule_find(b, type)) == NULL) {
		(void)snprintf(why, whylen,
		    "%s: %s (type 0x%" PRIx32 "): not a message of this border",
		    b->sender, msg_name(type), type);
		return (NULL);
	}
	if ((rule->states & (int)state) == 0) {
		(void)snprintf(why, whylen, "%s: %s: not in state %s",
		    b->sender, rule->name, msg_state_name(state));
		return (NULL);
	}
	if (len < rule->min || len > rule->max) {
		(void)snprintf(why, whylen,
		    "%s: %s: %zu bytes, %" PRIu32 "..%" PRIu32 " allowed",
		    b->sender, rule->name, len, rule->min, rule->max);
		return (NULL);
	}
	if (ibuf_fd_avail(imsg->buf) != (rule->fd == 1)) {
		(void)snprintf(why, whylen, "%s: %s: %s", b->sender, rule->name,
		    rule->fd == 1 ? "a descriptor is missing"
				  : "an unwanted descriptor");
		return (NULL);
	}
	return (rule);
}
