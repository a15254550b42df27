/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Statements with one value. */

#include <inttypes.h>
#include <string.h>

#include "uturnd/confset.h"
#include "uturnd/confvalue.h"

void
confset_once(struct conf_parse *p, uint32_t seen, const char *what)
{
	uint32_t *s = p->in_block ? &p->block_seen : &p->seen;

	if ((*s & seen) != 0)
		lex_warn(&p->lex, &p->lex.pos,
		    "`%s' given again; the last one stands", what);
	*s |= seen;
}

/* A number of one word; 0, or -1 after the fault. */
static int
confset_number(struct conf_parse *p, const char *what, const struct lex_word *w,
    uint64_t min, uint64_t max, uint64_t *out)
{
	if (w == NULL)
		return (-1);
	if (confvalue_number(w->text, min, max, out) == -1) {
		lex_fault(&p->lex, &w->pos,
		    "%s `%s'; allowed is a number from %" PRIu64 " to %" PRIu64,
		    what, w->text, min, max);
		return (-1);
	}
	return (0);
}

static int
confset_duration(struct conf_parse *p, const char *what,
    const struct lex_word *w, uint64_t min, uint64_t max, uint64_t *out)
{
	char lo[CONFVALUE_DURATION_MAX], hi[CONFVALUE_DURATION_MAX];
	uint64_t ns;

	if (w == NULL)
		return (-1);
	if (confvalue_duration(w->text, &ns) == -1 || ns < min || ns > max) {
		lex_fault(&p->lex, &w->pos,
		    "%s `%s'; allowed is a time from %s to %s with its unit "
		    "(ms, s, m or h)",
		    what, w->text,
		    confvalue_duration_format(min, lo, sizeof(lo)),
		    confvalue_duration_format(max, hi, sizeof(hi)));
		return (-1);
	}
	*out = ns;
	return (0);
}

void
confset_socket(struct conf_parse *p, const struct lex_word *w, int restricted)
{
	struct conf *c = p->conf;
	struct conf_socket *s;
	size_t i, len;

	if (w == NULL)
		return;
	if ((p->seen & CONF_SEEN_SOCKET) == 0)
		c->nsockets = 0;
	p->seen |= CONF_SEEN_SOCKET;
	len = strlen(w->text);
	if (w->text[0] != '/' || len < 2 || w->text[len - 1] == '/' ||
	    len >= sizeof(s->path)) {
		lex_fault(&p->lex, &w->pos,
		    "socket \"%s\"; allowed is an absolute path of at most "
		    "%zu characters",
		    w->text, sizeof(s->path) - 1);
		return;
	}
	for (i = 0; i < c->nsockets; i++)
		if (strcmp(c->sockets[i].path, w->text) == 0) {
			lex_fault(&p->lex, &w->pos,
			    "socket \"%s\" is there already; each path is "
			    "allowed once",
			    w->text);
			return;
		}
	if (c->nsockets == CONF_SOCKETS_MAX) {
		lex_fault(&p->lex, &w->pos,
		    "too many sockets; at most %d are allowed",
		    CONF_SOCKETS_MAX);
		return;
	}
	s = &c->sockets[c->nsockets++];
	memset(s, 0, sizeof(*s));
	memcpy(s->path, w->text, len);
	s->restricted = restricted;
}

/* What useradd takes, so that no name can be mistaken for anything else. */
static int
confset_user_valid(const char *name)
{
	size_t i;

	if (name[0] != '_' && (name[0] < 'a' || name[0] > 'z'))
		return (0);
	for (i = 0; name[i] != '\0'; i++)
		if (name[i] != '_' && name[i] != '-' &&
		    (name[i] < 'a' || name[i] > 'z') &&
		    (name[i] < '0' || name[i] > '9'))
			return (0);
	return (i < CONF_USER_MAX);
}

void
confset_user(struct conf_parse *p, const struct lex_word *w)
{
	if (w == NULL)
		return;
	confset_once(p, CONF_SEEN_USER, "user");
	if (!confset_user_valid(w->text) || strcmp(w->text, "root") == 0) {
		lex_fault(&p->lex, &w->pos,
		    "user \"%s\"; allowed is the name of a system user other "
		    "than root",
		    w->text);
		return;
	}
	memset(p->conf->user, 0, sizeof(p->conf->user));
	memcpy(p->conf->user, w->text, strlen(w->text));
}

void
confset_queue(struct conf_parse *p, const struct lex_word *w,
    const struct lex_word *length)
{
	uint64_t n;

	confset_once(p, CONF_SEEN_QUEUE, "queue");
	if (confset_number(p, "queue", w, 0, UINT16_MAX, &n) == 0)
		p->conf->fixed.queue = (uint16_t)n;
	if (length != NULL &&
	    confset_number(p, "length", length, 1, 65536, &n) == 0)
		p->conf->fixed.queue_len = (uint32_t)n;
}

void
confset_mark(struct conf_parse *p, const struct lex_word *w)
{
	uint32_t mark, mask;

	if (w == NULL)
		return;
	confset_once(p, CONF_SEEN_MARK, "mark");
	/* A mark of 0 would stand for every packet of the host. */
	if (confvalue_mark(w->text, &mark, &mask) == -1 || mark == 0 ||
	    (mark & ~mask) != 0) {
		lex_fault(&p->lex, &w->pos,
		    "mark `%s'; allowed is a number of 32 bits, not 0, or "
		    "NUMBER/MASK with no bit outside of the mask",
		    w->text);
		return;
	}
	p->conf->fixed.mark = mark;
	p->conf->fixed.mark_mask = mask;
}

void
confset_max_ttl(struct conf_parse *p, const struct lex_word *w)
{
	uint64_t n;

	confset_once(p, CONF_SEEN_MAX_TTL, "max ttl");
	if (confset_number(p, "max ttl", w, 2, POLICY_TTL_MAX, &n) == 0)
		p->conf->policy.max_ttl = (uint8_t)n;
}

void
confset_time(
    struct conf_parse *p, enum conf_time which, const struct lex_word *w)
{
	struct policy *pol = &p->conf->policy;

	switch (which) {
	case CONF_TIME_GATE:
		confset_once(p, CONF_SEEN_GATE, "gate");
		(void)confset_duration(
		    p, "gate", w, CONF_GATE_MIN, CONF_GATE_MAX, &pol->gate_ns);
		break;
	case CONF_TIME_TIMEOUT:
		confset_once(p, CONF_SEEN_TIMEOUT, "timeout");
		(void)confset_duration(p, "timeout", w, CONF_TIMEOUT_MIN,
		    CONF_TIMEOUT_MAX, &pol->timeout_ns);
		break;
	case CONF_TIME_SETTLE:
		confset_once(p, CONF_SEEN_SETTLE, "settle");
		if (confset_duration(p, "settle", w, CONF_SETTLE_MIN,
			CONF_TIMEOUT_MAX, &pol->settle_ns) == 0)
			p->settle = w->pos;
		break;
	}
}

void
confset_pending(struct conf_parse *p, const struct lex_word *w)
{
	uint64_t n;

	confset_once(p, CONF_SEEN_PENDING, "pending");
	if (confset_number(p, "pending", w, POLICY_PENDING_MIN,
		POLICY_PENDING_MAX, &n) == 0)
		p->conf->fixed.pending = (uint32_t)n;
}

void
confset_limit(struct conf_parse *p, enum conf_limit which,
    const struct lex_word *rate, const struct lex_word *burst)
{
	static const struct {
		uint32_t seen;
		const char *what;
	} limits[] = {
		[CONF_LIMIT_CLIENT] = { CONF_SEEN_CLIENT, "limit client" },
		[CONF_LIMIT_TOTAL] = { CONF_SEEN_TOTAL, "limit total" },
		[CONF_LIMIT_HOP] = { CONF_SEEN_HOP, "limit hop" },
	};
	struct policy *pol = &p->conf->policy;
	struct policy_limit *l;
	uint64_t n;
	uint32_t r;

	l = which == CONF_LIMIT_CLIENT  ? &pol->limit_client
	    : which == CONF_LIMIT_TOTAL ? &pol->limit_total
					: &pol->limit_hop;
	confset_once(p, limits[which].seen, limits[which].what);
	if (rate == NULL) {
		l->rate = 0;
		l->burst = 0;
		return;
	}
	if (confvalue_rate(rate->text, 1, POLICY_RATE_MAX, &r) == -1) {
		lex_fault(&p->lex, &rate->pos,
		    "%s `%s'; allowed is a rate from 1/s to %d/s, or off",
		    limits[which].what, rate->text, POLICY_RATE_MAX);
		return;
	}
	n = r;
	if (burst != NULL &&
	    confset_number(p, "burst", burst, 1, POLICY_RATE_MAX, &n) == -1)
		return;
	l->rate = r;
	l->burst = (uint32_t)n;
}

void
confset_traces(
    struct conf_parse *p, const struct lex_word *w, const struct lex_word *keep)
{
	struct policy *pol = &p->conf->policy;
	uint64_t n;

	confset_once(p, CONF_SEEN_TRACES, "traces");
	if (w == NULL) {
		pol->traces = 0;
		return;
	}
	if (confset_number(p, "traces", w, 1, CONF_TRACES_MAX, &n) == 0)
		pol->traces = (uint32_t)n;
	if (keep != NULL)
		(void)confset_duration(p, "keep", keep, CONF_KEEP_MIN,
		    CONF_KEEP_MAX, &pol->traces_keep_ns);
}

void
confset_conntrack(struct conf_parse *p, int yes)
{
	confset_once(p, CONF_SEEN_CONNTRACK, "conntrack");
	p->conf->conntrack = yes;
}

void
confset_augsburg(struct conf_parse *p, int yes)
{
	confset_once(p, CONF_SEEN_AUGSBURG, "augsburg");
	p->conf->policy.augsburg = (uint8_t)yes;
}

void
confset_mode(struct conf_parse *p, int observe)
{
	confset_once(p, CONF_SEEN_MODE, "mode");
	p->conf->policy.observe = (uint8_t)observe;
}
