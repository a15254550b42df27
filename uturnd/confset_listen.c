/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* listen statements and what may stand in their blocks. */

#include <string.h>

#include "uturnd/confset.h"
#include "uturnd/confvalue.h"

/* An address that packets can sensibly bear.  0, or -1 after the fault. */
static int
confset_unicast(struct conf_parse *p, const char *what,
    const struct lex_word *w, enum family *family, struct addr *a)
{
	if (confvalue_addr(w->text, family, a) == -1) {
		lex_fault(&p->lex, &w->pos,
		    "%s `%s'; allowed is one numeric IPv4 or IPv6 address",
		    what, w->text);
		return (-1);
	}
	if (addr_is_martian(*family, a)) {
		lex_fault(&p->lex, &w->pos,
		    "%s `%s'; allowed is a unicast address, no loopback, "
		    "link-local or unspecified one",
		    what, w->text);
		return (-1);
	}
	return (0);
}

static uint32_t
confset_listen_count(const struct policy *pol, enum family family)
{
	uint32_t i, n = 0;

	for (i = 0; i < pol->nlisten; i++)
		if (pol->listen[i].family == family)
			n++;
	return (n);
}

/* Returns the new one, or NULL after the fault. */
static struct policy_listen *
confset_listen_add(struct conf_parse *p, const struct lex_word *w)
{
	struct policy *pol = &p->conf->policy;
	struct conf_listen *cl;
	struct policy_listen *l;
	enum family family;
	struct addr a;
	int i;

	if (confset_unicast(p, "listen address", w, &family, &a) == -1)
		return (NULL);
	if ((i = policy_listen_find(pol, family, &a)) != -1) {
		cl = &p->conf->listen[i];
		lex_fault(&p->lex, &w->pos,
		    "listen address `%s' is there already (%s:%u); each is "
		    "allowed once",
		    w->text, cl->file, cl->line);
		return (NULL);
	}
	if (confset_listen_count(pol, family) == POLICY_LISTEN_FAMILY_MAX) {
		lex_fault(&p->lex, &w->pos,
		    "listen address `%s' is one too many; at most %d of a "
		    "family are allowed",
		    w->text, POLICY_LISTEN_FAMILY_MAX);
		return (NULL);
	}
	cl = &p->conf->listen[pol->nlisten];
	cl->file = w->pos.file;
	cl->line = w->pos.line;
	l = &pol->listen[pol->nlisten++];
	l->family = family;
	l->addr = a;
	return (l);
}

static void
confset_public(
    struct conf_parse *p, struct policy_listen *l, const struct lex_word *w)
{
	struct policy *pol = &p->conf->policy;
	enum family family;
	struct addr a;
	uint32_t i;

	if (confset_unicast(p, "public address", w, &family, &a) == -1)
		return;
	if (family != l->family || addr_equal(&a, &l->addr)) {
		lex_fault(&p->lex, &w->pos,
		    "public address `%s'; allowed is another address of the "
		    "listen address's family",
		    w->text);
		return;
	}
	for (i = 0; i < pol->nlisten; i++)
		if (pol->listen[i].family == family &&
		    addr_equal(&pol->listen[i].public_addr, &a)) {
			lex_fault(&p->lex, &w->pos,
			    "public address `%s' is there already; each is "
			    "allowed once",
			    w->text);
			return;
		}
	l->public_addr = a;
}

void
confset_listen(
    struct conf_parse *p, struct lex_words words, const struct lex_word *public)
{
	struct policy_listen *l = NULL;
	const struct lex_word *w;

	p->block_first = p->conf->policy.nlisten;
	for (w = words.first; w != NULL; w = w->next)
		l = confset_listen_add(p, w);
	p->block_end = p->conf->policy.nlisten;
	p->block_seen = 0;
	p->in_block = 1;
	if (public == NULL)
		return;
	if (words.first != words.last)
		lex_fault(&p->lex, &public->pos,
		    "public address for several listen addresses; allowed is "
		    "one listen address");
	else if (l != NULL)
		confset_public(p, l, public);
}

void
confset_listen_end(struct conf_parse *p)
{
	p->in_block = 0;
}

void
confset_hop_address(struct conf_parse *p, const struct lex_word *w)
{
	struct policy_listen *l;
	enum family family;
	struct addr a;
	uint32_t i;

	if (w == NULL)
		return;
	confset_once(p, CONF_SEEN_HOP_ADDR, "hop address");
	if (confset_unicast(p, "hop address", w, &family, &a) == -1)
		return;
	for (i = p->block_first; i < p->block_end; i++) {
		l = &p->conf->policy.listen[i];
		if (family != l->family || addr_equal(&a, &l->addr) ||
		    addr_equal(&a, &l->public_addr)) {
			lex_fault(&p->lex, &w->pos,
			    "hop address `%s'; allowed is another address of "
			    "the listen address's family",
			    w->text);
			return;
		}
		l->hop_addr = a;
		p->conf->listen[i].set |= CONF_SET_HOP_ADDR;
	}
}

void
confset_hop_prefix(struct conf_parse *p, const struct lex_word *w)
{
	struct policy_listen *l;
	struct addr a, whole;
	enum family family;
	uint32_t i;
	uint8_t len, min, max;

	if (w == NULL)
		return;
	confset_once(p, CONF_SEEN_HOP_PREFIX, "hop prefix");
	if (confvalue_prefix(w->text, &family, &a, &len) == -1) {
		lex_fault(&p->lex, &w->pos,
		    "hop prefix `%s'; allowed is ADDRESS/LENGTH", w->text);
		return;
	}
	min = family == FAMILY_V4 ? CONF_HOP_MIN4 : CONF_HOP_MIN6;
	max = family == FAMILY_V4 ? CONF_HOP_MAX4 : CONF_HOP_MAX6;
	if (len < min || len > max || addr_is_martian(family, &a)) {
		lex_fault(&p->lex, &w->pos,
		    "hop prefix `%s'; allowed is a unicast prefix, its length "
		    "from /%u to /%u",
		    w->text, min, max);
		return;
	}
	whole = a;
	addr_mask(family, &a, len);
	if (!addr_equal(&whole, &a))
		lex_warn(&p->lex, &w->pos,
		    "prefix `%s' has bits behind its length; they are ignored",
		    w->text);
	for (i = p->block_first; i < p->block_end; i++) {
		l = &p->conf->policy.listen[i];
		if (family != l->family) {
			lex_fault(&p->lex, &w->pos,
			    "hop prefix `%s'; allowed is a prefix of the "
			    "listen address's family",
			    w->text);
			return;
		}
		l->hop_prefix = a;
		l->hop_prefix_len = len;
		p->conf->listen[i].set |= CONF_SET_HOP_PREFIX;
	}
}

/* One value of relay, turn, inflection or unreachable. */
static void
confset_choose(struct policy_listen *l, enum conf_choice which, int value)
{
	switch (which) {
	case CONF_CHOICE_RELAY:
		l->relay = (enum policy_relay)value;
		break;
	case CONF_CHOICE_TURN:
		l->turn = (enum policy_turn)value;
		break;
	case CONF_CHOICE_INFLECTION:
		l->inflection = (enum policy_inflection)value;
		break;
	case CONF_CHOICE_UNREACHABLE:
		l->unreachable = (enum policy_unreachable)value;
		break;
	}
}

void
confset_choice(struct conf_parse *p, enum conf_choice which, int value)
{
	static const struct {
		uint32_t seen;
		unsigned int set;
		const char *what;
	} choices[] = {
		[CONF_CHOICE_RELAY] = { CONF_SEEN_RELAY, CONF_SET_RELAY,
		    "relay" },
		[CONF_CHOICE_TURN] = { CONF_SEEN_TURN, CONF_SET_TURN, "turn" },
		[CONF_CHOICE_INFLECTION] = { CONF_SEEN_INFLECTION,
		    CONF_SET_INFLECTION, "inflection" },
		[CONF_CHOICE_UNREACHABLE] = { CONF_SEEN_UNREACHABLE,
		    CONF_SET_UNREACHABLE, "unreachable" },
	};
	uint32_t i;

	confset_once(p, choices[which].seen, choices[which].what);
	if (!p->in_block) {
		confset_choose(&p->conf->global, which, value);
		return;
	}
	for (i = p->block_first; i < p->block_end; i++) {
		confset_choose(&p->conf->policy.listen[i], which, value);
		p->conf->listen[i].set |= choices[which].set;
	}
}
