/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The configuration in force, as far as the checks need it. */

#include <stdlib.h>
#include <string.h>

#include "uturnctl/check_int.h"

#define CONF_WORDS 64

/* A line's words; braces and colons are kept within them. */
static size_t
conf_words(char *line, char *word[CONF_WORDS])
{
	char *p;
	size_t n = 0;

	while (n < CONF_WORDS && (p = strsep(&line, " ")) != NULL)
		if (*p != '\0')
			word[n++] = p;
	return (n);
}

static int
conf_addr(const char *text, enum family *family, struct addr *a)
{
	*family = FAMILY_V4;
	if (addr_parse(FAMILY_V4, text, a) == 0)
		return (0);
	*family = FAMILY_V6;
	return (addr_parse(FAMILY_V6, text, a));
}

static void
conf_relay(const char *word, enum policy_relay *relay)
{
	*relay = RELAY_OWN;
	if (strcmp(word, "router") == 0)
		*relay = RELAY_ROUTER;
	if (strcmp(word, "both") == 0)
		*relay = RELAY_BOTH;
}

/* `probe udp port { LO:HI PORT ... }' */
static void
conf_ports(struct check_conf *c, char *word[CONF_WORDS], size_t n)
{
	struct policy_ports *p;
	const char *error;
	char *hi;
	size_t i;

	for (i = 3; i < n && c->nports < POLICY_PORTS_MAX; i++) {
		if (word[i][0] < '0' || word[i][0] > '9')
			continue;
		p = &c->ports[c->nports];
		if ((hi = strchr(word[i], ':')) != NULL)
			*hi++ = '\0';
		p->lo = (uint16_t)strtonum(word[i], 0, UINT16_MAX, &error);
		if (error != NULL)
			continue;
		p->hi = p->lo;
		if (hi != NULL)
			p->hi = (uint16_t)strtonum(hi, 0, UINT16_MAX, &error);
		if (error == NULL)
			c->nports++;
	}
}

static void
conf_listen(struct check_conf *c, char *word[CONF_WORDS], size_t n,
    enum policy_relay relay)
{
	struct policy_listen *l;
	enum family family;

	if (c->nlisten == POLICY_LISTEN_MAX)
		return;
	l = &c->listen[c->nlisten];
	memset(l, 0, sizeof(*l));
	if (n < 3 || conf_addr(word[2], &l->family, &l->addr) == -1)
		return;
	l->relay = relay;
	if (n >= 5 && strcmp(word[3], "public") == 0)
		(void)conf_addr(word[4], &family, &l->public_addr);
	c->nlisten++;
}

static void
conf_mark(struct check_conf *c, const char *word)
{
	char *end;

	c->mark = (uint32_t)strtoul(word, &end, 16);
	c->mask =
	    *end == '/' ? (uint32_t)strtoul(end + 1, NULL, 16) : UINT32_MAX;
}

static void
conf_digest(struct check_conf *c, const char *form, const char *digest)
{
	static const char *const forms[] = { "nftables", "iptables",
		"ip6tables" };
	size_t i;

	for (i = 0; i < 3; i++)
		if (strcmp(form, forms[i]) == 0)
			(void)strlcpy(
			    c->digest[i], digest, sizeof(c->digest[i]));
}

/* A statement; *relay is the global one, and block the listen that is open. */
static void
conf_statement(struct check_conf *c, char *word[CONF_WORDS], size_t n,
    enum policy_relay *relay, struct policy_listen *block)
{
	enum family family;

	if (strcmp(word[0], "digest") == 0 && n == 3)
		conf_digest(c, word[1], word[2]);
	else if (strcmp(word[0], "mode") == 0 && n == 2)
		c->observe = strcmp(word[1], "observe") == 0;
	else if (strcmp(word[0], "mark") == 0 && n == 2)
		conf_mark(c, word[1]);
	else if (strcmp(word[0], "relay") == 0 && n == 2)
		conf_relay(word[1], block != NULL ? &block->relay : relay);
	else if (strcmp(word[0], "probe") == 0 && n > 3 &&
	    strcmp(word[1], "udp") == 0)
		conf_ports(c, word, n);
	else if (strcmp(word[0], "listen") == 0)
		conf_listen(c, word, n, *relay);
	else if (block != NULL && n == 3 && strcmp(word[0], "hop") == 0 &&
	    strcmp(word[1], "address") == 0)
		(void)conf_addr(word[2], &family, &block->hop_addr);
}

void
check_conf_read(struct check_conf *c, const struct reply *r)
{
	struct policy_listen *block = NULL;
	enum policy_relay relay = RELAY_OWN;
	char line[1024], *word[CONF_WORDS];
	size_t i, n;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < r->nlines; i++) {
		(void)strlcpy(line, r->lines[i].text, sizeof(line));
		if ((n = conf_words(line, word)) == 0)
			continue;
		conf_statement(c, word, n, &relay, block);
		if (strcmp(word[0], "}") == 0)
			block = NULL;
		else if (strcmp(word[0], "listen") == 0 && c->nlisten > 0 &&
		    strcmp(word[n - 1], "{") == 0)
			block = &c->listen[c->nlisten - 1];
	}
}

int
check_conf_family(const struct check_conf *c, enum family family)
{
	size_t i;

	for (i = 0; i < c->nlisten; i++)
		if (c->listen[i].family == family)
			return (1);
	return (0);
}
