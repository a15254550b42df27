/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * What the host's own rules do to uturnd's packets.  Only what is plain to see
 * is told: a whole firewall can't be understood here.
 */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uturnctl/check_int.h"

static const char firewall_remedy[] =
    "accept what bears uturnd's mark, before that rule (see `mark' in "
    "uturnd.conf)";
static const char firewall_error[] =
    "accept ICMP errors (path MTU discovery needs them, too)";

static void
firewall_policy(struct check *c, const char *what)
{
	check_add(c, CHECK_WARNING, "firewall", firewall_remedy,
	    "%s drops what no rule accepts: are turned probes and answers "
	    "among it?",
	    what);
}

static void
firewall_drop(struct check *c, const char *what, int output)
{
	if (output)
		check_add(c, CHECK_WARNING, "firewall", firewall_remedy,
		    "%s drops ICMP: the turn and the reverse hops show as *",
		    what);
	else
		check_add(c, CHECK_NOTE, "firewall", firewall_error,
		    "%s drops ICMP; uturnd sees reverse routers' answers all "
		    "the same, before that rule",
		    what);
}

static int
firewall_ends(const char *rule)
{
	return (strstr(rule, " -j DROP") != NULL ||
	    strstr(rule, " -j REJECT") != NULL);
}

/* One line of iptables-save -c in a table; accepts: our mark was, before. */
static void
firewall_line(struct check *c, const char *tool, const char *table,
    const char *line, const char *mark, int *accepts)
{
	char what[64];
	const char *rule;
	int output;

	if (strncmp(line, ":OUTPUT DROP", 12) == 0 && !*accepts) {
		(void)snprintf(
		    what, sizeof(what), "%s: %s OUTPUT", tool, table);
		*accepts = -1;
		return;
	}
	if ((rule = strstr(line, "] -A ")) == NULL)
		return;
	rule += strlen("] -A ");
	output = strncmp(rule, "OUTPUT ", 7) == 0;
	if (!output && strncmp(rule, "INPUT ", 6) != 0)
		return;
	if (output && strstr(rule, mark) != NULL &&
	    strstr(rule, "-j ACCEPT") != NULL)
		*accepts = 1;
	if (!firewall_ends(rule) || (output && *accepts == 1) ||
	    strstr(rule, "icmp") == NULL)
		return;
	(void)snprintf(what, sizeof(what), "%s: a rule of %s %s", tool, table,
	    output ? "OUTPUT" : "INPUT");
	firewall_drop(c, what, output);
}

static void
firewall_save(struct check *c, const char *tool, const char *text,
    const struct check_conf *conf)
{
	char line[1024], mark[32], what[64], table[32] = "";
	int accepts = 0;

	(void)snprintf(mark, sizeof(mark), "--mark 0x%x", conf->mark);
	while ((text = check_line(text, line, sizeof(line))) != NULL) {
		if (line[0] == '*') {
			(void)strlcpy(table, line + 1, sizeof(table));
			accepts = 0;
		} else if (strcmp(line, "COMMIT") == 0) {
			if (accepts == -1) {
				(void)snprintf(what, sizeof(what),
				    "%s: the policy of %s OUTPUT", tool, table);
				firewall_policy(c, what);
			}
		} else
			firewall_line(c, tool, table, line, mark, &accepts);
	}
}

/* A table that iptables prints in its own words. */
static int
firewall_is_xtables(const json_t *o)
{
	static const char *const tables[] = { "filter", "nat", "mangle", "raw",
		"security" };
	const char *family = json_string_value(json_object_get(o, "family"));
	const char *name = json_string_value(json_object_get(o, "table"));
	size_t i;

	if (family == NULL || name == NULL || strncmp(family, "ip", 2) != 0)
		return (0);
	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (strcmp(name, tables[i]) == 0)
			return (1);
	return (0);
}

/* The hook of the base chain that a rule belongs to: 1 output, 0 input. */
static int
firewall_hook(const json_t *list, const json_t *rule)
{
	const json_t *item, *o;
	const char *hook;
	size_t i;

	json_array_foreach(list, i, item)
	{
		o = json_object_get(item, "chain");
		hook = json_string_value(json_object_get(o, "hook"));
		if (hook == NULL ||
		    !json_equal(json_object_get(o, "family"),
			json_object_get(rule, "family")) ||
		    !json_equal(json_object_get(o, "table"),
			json_object_get(rule, "table")) ||
		    !json_equal(json_object_get(o, "name"),
			json_object_get(rule, "chain")))
			continue;
		if (strcmp(hook, "output") == 0 ||
		    strcmp(hook, "postrouting") == 0)
			return (1);
		return (strcmp(hook, "input") == 0 ? 0 : -1);
	}
	return (-1);
}

/* 0 or 1: it drops ICMP at that hook; -1: it does not. */
static int
firewall_nft_rule(const json_t *list, const json_t *rule)
{
	const json_t *expr = json_object_get(rule, "expr"), *e;
	char *text;
	size_t i;
	int drops = 0, icmp;

	json_array_foreach(expr, i, e) if (json_object_get(e, "drop") != NULL ||
	    json_object_get(e, "reject") != NULL) drops = 1;
	if (!drops || (text = json_dumps(expr, JSON_COMPACT)) == NULL)
		return (-1);
	icmp = strstr(text, "icmp") != NULL;
	free(text);
	return (icmp ? firewall_hook(list, rule) : -1);
}

static void
firewall_nft(struct check *c, const char *ruleset, int xtables)
{
	const json_t *list, *item, *o;
	json_t *root;
	char what[96];
	const char *family, *table, *chain;
	size_t i;
	int hook;

	root = json_loads(ruleset, 0, NULL);
	list = json_object_get(root, "nftables");
	json_array_foreach(list, i, item)
	{
		o = json_object_get(item, "rule");
		if (o == NULL || (xtables && firewall_is_xtables(o)) ||
		    (hook = firewall_nft_rule(list, o)) == -1)
			continue;
		family = json_string_value(json_object_get(o, "family"));
		table = json_string_value(json_object_get(o, "table"));
		chain = json_string_value(json_object_get(o, "chain"));
		(void)snprintf(what, sizeof(what), "nft: a rule of %s %s %s",
		    family != NULL ? family : "?", table != NULL ? table : "?",
		    chain != NULL ? chain : "?");
		firewall_drop(c, what, hook);
	}
	json_array_foreach(list, i, item)
	{
		o = json_object_get(item, "chain");
		family = json_string_value(json_object_get(o, "hook"));
		table = json_string_value(json_object_get(o, "policy"));
		if (family == NULL || table == NULL ||
		    strcmp(family, "output") != 0 ||
		    strcmp(table, "drop") != 0 ||
		    (xtables && firewall_is_xtables(o)))
			continue;
		table = json_string_value(json_object_get(o, "table"));
		(void)snprintf(what, sizeof(what),
		    "nft: the output policy of table %s",
		    table != NULL ? table : "?");
		firewall_policy(c, what);
	}
	json_decref(root);
}

void
check_firewall(
    struct check *c, const struct check_facts *f, const struct check_conf *conf)
{
	if (!f->root) {
		check_add(c, CHECK_UNKNOWN, "firewall", "run as root",
		    "the firewall's rules can't be read");
		return;
	}
	if (f->save[FAMILY_V4] != NULL)
		firewall_save(c, "iptables", f->save[FAMILY_V4], conf);
	if (f->save[FAMILY_V6] != NULL)
		firewall_save(c, "ip6tables", f->save[FAMILY_V6], conf);
	if (f->nft != NULL)
		firewall_nft(c, f->nft, f->save[FAMILY_V4] != NULL);
}
