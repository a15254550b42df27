/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* uturnd's own rules: loaded, those of its configuration, and once. */

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uturnctl/check_int.h"

#define RULES_MARK "uturnd " /* before the digest, in a comment */

/* What is loaded in one form. */
struct rules_seen {
	int loaded;
	int jumps; /* of the host's own chain to ours */
	int current;
	uint64_t queued; /* the rule's counter */
};

/* The comment of the queueing rule: is it the digest that is expected? */
static int
rules_current(const char *comment, const char *digest)
{
	size_t len = strlen(digest);

	comment += strlen(RULES_MARK);
	return (len > 0 && strncmp(comment, digest, len) == 0 &&
	    strchr("\"", comment[len]) != NULL);
}

/* In the form of iptables-save -c. */
static void
rules_save(const char *text, const char *digest, struct rules_seen *s)
{
	const char *comment, *rest;
	char line[1024];
	int mangle = 0;

	while ((text = check_line(text, line, sizeof(line))) != NULL) {
		if (line[0] == '*')
			mangle = strcmp(line, "*mangle") == 0;
		if (!mangle || (rest = strstr(line, "] -A ")) == NULL)
			continue;
		rest += strlen("] -A ");
		if (strncmp(rest, "INPUT ", 6) == 0 &&
		    strcmp(rest + strlen(rest) - 10, " -j UTURND") == 0)
			s->jumps++;
		if (strncmp(rest, "UTURND-QUEUE ", 13) != 0 ||
		    strstr(rest, "-j NFQUEUE") == NULL)
			continue;
		s->loaded = 1;
		s->queued += strtoull(line + 1, NULL, 10);
		comment = strstr(rest, "--comment \"" RULES_MARK);
		s->current = comment != NULL &&
		    rules_current(comment + strlen("--comment \""), digest);
	}
}

static int
rules_is(const json_t *o, const char *key, const char *value)
{
	const char *text = json_string_value(json_object_get(o, key));

	return (text != NULL && strcmp(text, value) == 0);
}

/* In the form of nft -j list ruleset: our own table. */
static void
rules_nft(const json_t *root, const char *digest, struct rules_seen *s)
{
	const json_t *list = json_object_get(root, "nftables"), *item, *o;
	const char *comment;
	size_t i;

	json_array_foreach(list, i, item)
	{
		o = json_object_get(item, "counter");
		if (rules_is(o, "table", "uturnd") &&
		    rules_is(o, "family", "inet") &&
		    rules_is(o, "name", "queued"))
			s->queued += (uint64_t)json_integer_value(
			    json_object_get(o, "packets"));
		o = json_object_get(item, "rule");
		if (!rules_is(o, "table", "uturnd") ||
		    !rules_is(o, "family", "inet") ||
		    !rules_is(o, "chain", "pick"))
			continue;
		s->loaded = 1;
		s->jumps = 1;
		comment = json_string_value(json_object_get(o, "comment"));
		if (comment != NULL &&
		    strncmp(comment, RULES_MARK, strlen(RULES_MARK)) == 0)
			s->current = rules_current(comment, digest);
	}
}

static void
rules_judge(struct check *c, const struct rules_seen *s, const char *form,
    const char *remedy)
{
	if (!s->current)
		check_add(c, CHECK_WARNING, "rules", remedy,
		    "the %s rules that are loaded are not those of the "
		    "configuration in force",
		    form);
	if (s->jumps == 0)
		check_add(c, CHECK_FAULT, "rules", remedy,
		    "no jump leads to the %s rules: no probe gets to uturnd",
		    form);
	if (s->jumps > 1)
		check_add(c, CHECK_WARNING, "rules", remedy,
		    "%d jumps lead to the %s rules; loading them again added "
		    "one",
		    s->jumps, form);
}

/*
 * The rule's counter less the packets that the queue took: those that went
 * past it.  The kernel's own drop columns do not count these (fail-open).
 */
static void
rules_queue(struct check *c, uint64_t queued, const struct stats *stats)
{
	uint64_t took = stats->tally[TALLY_QUEUE_SEQ];
	uint64_t lost = stats->tally[TALLY_QUEUE_OVERFLOW] +
	    stats->tally[TALLY_QUEUE_DROPPED];

	if (queued > took)
		check_add(c, CHECK_NOTE, "queue",
		    "a longer `queue ... length', if that number grows while "
		    "uturnd runs; loading the rules again begins at 0",
		    "%" PRIu64 " of %" PRIu64 " packets went past the queue "
		    "since the rules were loaded: it was full, or uturnd did "
		    "not run",
		    queued - took, queued);
	if (lost > 0)
		check_add(c, CHECK_WARNING, "queue",
		    "a longer `queue ... length', or a tighter firewall "
		    "against floods",
		    "the queue overflowed %" PRIu64 " times since the start",
		    lost);
}

void
check_rules(struct check *c, const struct check_facts *f,
    const struct check_conf *conf, const struct stats *stats)
{
	static const char *const forms[] = { "nftables", "iptables",
		"ip6tables" };
	static const char *const remedies[] = {
		"uturnd -R nftables | nft -f -",
		"/usr/lib/uturnd/uturnd-rules load, with UTURND_RULES=iptables "
		"in /etc/default/uturnd",
		"/usr/lib/uturnd/uturnd-rules load, with UTURND_RULES=iptables "
		"in /etc/default/uturnd",
	};
	struct rules_seen seen[3];
	json_t *root;
	int i;

	memset(seen, 0, sizeof(seen));
	if (!f->root) {
		check_add(c, CHECK_UNKNOWN, "rules", "run as root",
		    "the firewall's rules can't be read");
		return;
	}
	if (f->nft == NULL && f->save[FAMILY_V4] == NULL) {
		check_add(c, CHECK_UNKNOWN, "rules",
		    "install nftables or iptables",
		    "neither nft nor iptables-save could be run");
		return;
	}
	if (f->nft != NULL) {
		root = json_loads(f->nft, 0, NULL);
		rules_nft(root, conf->digest[0], &seen[0]);
		json_decref(root);
	}
	for (i = 0; i < FAMILY_MAX; i++)
		if (f->save[i] != NULL)
			rules_save(
			    f->save[i], conf->digest[1 + i], &seen[1 + i]);
	for (i = 0; i < 3; i++)
		if (seen[i].loaded)
			rules_judge(c, &seen[i], forms[i], remedies[i]);
	for (i = 0; i < FAMILY_MAX; i++)
		if (check_conf_family(conf, (enum family)i) &&
		    !seen[0].loaded && !seen[1 + i].loaded)
			check_add(c, CHECK_FAULT, "rules",
			    "/usr/lib/uturnd/uturnd-rules load; or uturnd -R "
			    "nftables | nft -f -",
			    "no rules are loaded for IPv%c: no probe gets to "
			    "uturnd",
			    i == FAMILY_V4 ? '4' : '6');
	rules_queue(c, seen[0].queued + seen[1].queued + seen[2].queued, stats);
}
