/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Text of a configuration: refused with a reason, or it prints back as text
 * that means the same; and its rules can be printed.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "uturnd/conf.h"
#include "uturnd/printconf.h"
#include "uturnd/rules.h"

/* Parses; *errlen bytes of faults and warnings were written. */
static struct conf *
conf_read(const void *p, size_t len, int strict, size_t *errlen)
{
	struct conf_options opt;
	struct conf *c;
	char *text = NULL;

	memset(&opt, 0, sizeof(opt));
	opt.verbose = opt.advise = strict;
	FUZZ_CHECK((opt.err = open_memstream(&text, errlen)) != NULL);
	c = conf_parse_buffer("input", p, len, &opt);
	FUZZ_CHECK(fclose(opt.err) == 0);
	free(text);
	return (c);
}

static char *
conf_text(const struct conf *c, size_t *len)
{
	char *text = NULL;
	FILE *f;

	FUZZ_CHECK((f = open_memstream(&text, len)) != NULL);
	FUZZ_CHECK(conf_print(c, f) == 0);
	FUZZ_CHECK(fclose(f) == 0);
	return (text);
}

/* Every structure is made of zeros: equal ones are equal in every byte. */
static void
conf_same(const struct conf *a, const struct conf *b)
{
	size_t i;

	FUZZ_CHECK(memcmp(&a->policy, &b->policy, sizeof(a->policy)) == 0);
	FUZZ_CHECK(memcmp(&a->fixed, &b->fixed, sizeof(a->fixed)) == 0);
	FUZZ_CHECK(memcmp(&a->global, &b->global, sizeof(a->global)) == 0);
	for (i = 0; i < POLICY_LISTEN_MAX; i++)
		FUZZ_CHECK(a->listen[i].set == b->listen[i].set);
	FUZZ_CHECK(conf_restart_needed(a, b, NULL, NULL) == 0);
	FUZZ_CHECK(a->conntrack == b->conntrack);
	FUZZ_CHECK(rules_equal(a, b) == 1);
}

/* Of what it says, all is within bounds. */
static void
conf_bounds(const struct conf *c)
{
	const struct policy *p = &c->policy;
	uint32_t i;

	FUZZ_CHECK(p->nlisten <= POLICY_LISTEN_MAX);
	FUZZ_CHECK(p->nports <= POLICY_PORTS_MAX);
	FUZZ_CHECK(p->nrules <= POLICY_RULES_MAX);
	FUZZ_CHECK(p->nhide <= POLICY_HIDE_MAX);
	FUZZ_CHECK(p->ntargets <= POLICY_TARGETS_MAX);
	FUZZ_CHECK(c->nsockets <= CONF_SOCKETS_MAX);
	FUZZ_CHECK(p->max_ttl >= 1 && p->max_ttl <= POLICY_TTL_MAX);
	FUZZ_CHECK(p->settle_ns <= p->timeout_ns);
	FUZZ_CHECK(c->fixed.pending >= POLICY_PENDING_MIN &&
	    c->fixed.pending <= POLICY_PENDING_MAX);
	FUZZ_CHECK((c->fixed.mark & ~c->fixed.mark_mask) == 0);
	FUZZ_CHECK(memchr(c->user, '\0', sizeof(c->user)) != NULL);
	for (i = 0; i < p->nlisten; i++)
		FUZZ_CHECK(!addr_is_zero(&p->listen[i].addr));
	for (i = 0; i < p->nports; i++)
		FUZZ_CHECK(
		    p->ports[i].lo >= 1 && p->ports[i].lo <= p->ports[i].hi);
}

static void
conf_rules(const struct conf *c)
{
	static const char *const forms[] = { "nftables", "iptables",
		"ip6tables" };
	enum rules_form form;
	char *text = NULL;
	size_t len, i;
	FILE *f;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		FUZZ_CHECK(rules_form_parse(forms[i], &form) == 0);
		FUZZ_CHECK((f = open_memstream(&text, &len)) != NULL);
		FUZZ_CHECK(rules_print(c, form, f) == 0);
		FUZZ_CHECK(fclose(f) == 0);
		free(text);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *a, *b;
	char *text, *again;
	size_t len, len2, errlen = 0;

	a = conf_read(data, size, 1, &errlen);
	if (a == NULL) {
		FUZZ_CHECK(errlen > 0);
		return (0);
	}
	conf_bounds(a);
	conf_rules(a);
	text = conf_text(a, &len);
	b = conf_read(text, len, 0, &errlen);
	FUZZ_CHECK(b != NULL);
	conf_same(a, b);
	again = conf_text(b, &len2);
	FUZZ_CHECK(len == len2 && memcmp(text, again, len) == 0);
	free(text);
	free(again);
	conf_free(a);
	conf_free(b);
	return (0);
}
