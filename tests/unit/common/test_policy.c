/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/policy.h"

static struct addr
test_addr(enum family f, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(f, text, &a), 0);
	return (a);
}

static int
test_setup(void **state)
{
	*state = calloc(1, sizeof(struct policy));
	return (*state == NULL ? -1 : 0);
}

static int
test_teardown(void **state)
{
	free(*state);
	return (0);
}

static void
test_listen(void **state)
{
	struct policy *p = *state;
	struct addr a;

	p->nlisten = 3;
	p->listen[0].family = FAMILY_V4;
	p->listen[0].addr = test_addr(FAMILY_V4, "10.0.0.5");
	p->listen[0].public_addr = test_addr(FAMILY_V4, "198.51.100.7");
	p->listen[1].family = FAMILY_V6;
	p->listen[1].addr = test_addr(FAMILY_V6, "2001:db8:1::53");
	p->listen[1].hop_prefix = test_addr(FAMILY_V6, "2001:db8:5::");
	p->listen[1].hop_prefix_len = 64;
	p->listen[2].family = FAMILY_V4;
	p->listen[2].addr = test_addr(FAMILY_V4, "192.0.2.53");
	p->listen[2].hop_addr = test_addr(FAMILY_V4, "192.0.2.54");

	a = test_addr(FAMILY_V4, "10.0.0.5");
	assert_int_equal(policy_listen_find(p, FAMILY_V4, &a), 0);
	assert_true(policy_is_own(p, FAMILY_V4, &a));
	/* The same bytes as the other family are another address. */
	assert_int_equal(policy_listen_find(p, FAMILY_V6, &a), -1);
	assert_false(policy_is_own(p, FAMILY_V6, &a));
	a = test_addr(FAMILY_V4, "198.51.100.7");
	assert_int_equal(policy_listen_find(p, FAMILY_V4, &a), -1);
	assert_true(policy_is_own(p, FAMILY_V4, &a));
	a = test_addr(FAMILY_V4, "192.0.2.53");
	assert_int_equal(policy_listen_find(p, FAMILY_V4, &a), 2);
	a = test_addr(FAMILY_V4, "192.0.2.54");
	assert_int_equal(policy_listen_find(p, FAMILY_V4, &a), -1);
	assert_true(policy_is_own(p, FAMILY_V4, &a));
	a = test_addr(FAMILY_V4, "192.0.2.55");
	assert_false(policy_is_own(p, FAMILY_V4, &a));
	a = test_addr(FAMILY_V6, "2001:db8:5::ffff");
	assert_int_equal(policy_listen_find(p, FAMILY_V6, &a), -1);
	assert_true(policy_is_own(p, FAMILY_V6, &a));
	a = test_addr(FAMILY_V6, "2001:db8:5:1::");
	assert_false(policy_is_own(p, FAMILY_V6, &a));
	/* "None" is stored as zero and owns nothing. */
	a = test_addr(FAMILY_V4, "0.0.0.0");
	assert_false(policy_is_own(p, FAMILY_V4, &a));
	a = test_addr(FAMILY_V6, "::");
	assert_false(policy_is_own(p, FAMILY_V6, &a));
}

static void
test_ports(void **state)
{
	struct policy *p = *state;

	assert_false(policy_port_listed(p, PROTO_UDP, 0));
	p->nports = 3;
	p->ports[0] = (struct policy_ports){ PROTO_UDP, 33434, 33689, 0 };
	p->ports[1] = (struct policy_ports){ PROTO_TCP, 443, 443, 1 };
	p->ports[2] = (struct policy_ports){ PROTO_UDP, 65535, 65535, 0 };
	assert_false(policy_port_listed(p, PROTO_UDP, 33433));
	assert_true(policy_port_listed(p, PROTO_UDP, 33434));
	assert_true(policy_port_listed(p, PROTO_UDP, 33689));
	assert_false(policy_port_listed(p, PROTO_UDP, 33690));
	assert_true(policy_port_listed(p, PROTO_UDP, 65535));
	assert_false(policy_port_listed(p, PROTO_UDP, 443));
	assert_true(policy_port_listed(p, PROTO_TCP, 443));
	assert_false(policy_port_listed(p, PROTO_TCP, 33434));
	/* A count from a message that lies never leads out of the table. */
	p->nports = UINT32_MAX;
	assert_false(policy_port_listed(p, PROTO_TCP, 1));
}

static void
test_rule(struct policy_rule *r, enum policy_action action,
    enum policy_kind kind, enum family f, const char *text, uint8_t len)
{
	memset(r, 0, sizeof(*r));
	r->action = action;
	r->kind = kind;
	r->family = f;
	r->len = len;
	if (kind == POLICY_PREFIX)
		r->addr = test_addr(f, text);
}

static void
test_denied(void **state)
{
	struct policy *p = *state;
	struct addr a4, b4, a6;

	a4 = test_addr(FAMILY_V4, "10.1.2.3");
	b4 = test_addr(FAMILY_V4, "203.0.113.9");
	a6 = test_addr(FAMILY_V6, "fd00::1");
	assert_false(policy_denied(p, FAMILY_V4, &a4));

	test_rule(&p->rules[0], POLICY_ALLOW, POLICY_ANY, FAMILY_V4, NULL, 0);
	test_rule(
	    &p->rules[1], POLICY_DENY, POLICY_PRIVATE, FAMILY_V4, NULL, 0);
	p->nrules = 2;
	assert_true(policy_denied(p, FAMILY_V4, &a4));
	assert_false(policy_denied(p, FAMILY_V4, &b4));
	assert_true(policy_denied(p, FAMILY_V6, &a6));

	/* The last match wins, in both directions. */
	test_rule(&p->rules[2], POLICY_ALLOW, POLICY_PREFIX, FAMILY_V4,
	    "10.1.0.0", 16);
	p->nrules = 3;
	assert_false(policy_denied(p, FAMILY_V4, &a4));
	assert_true(policy_denied(p, FAMILY_V6, &a6));
	test_rule(&p->rules[3], POLICY_DENY, POLICY_ANY, FAMILY_V4, NULL, 0);
	p->nrules = 4;
	assert_true(policy_denied(p, FAMILY_V4, &a4));
	assert_true(policy_denied(p, FAMILY_V4, &b4));

	/* A prefix of the other family never matches, even of length 0. */
	test_rule(&p->rules[3], POLICY_DENY, POLICY_PREFIX, FAMILY_V6, "::", 0);
	assert_false(policy_denied(p, FAMILY_V4, &b4));
	assert_true(policy_denied(p, FAMILY_V6, &a6));
	p->nrules = UINT32_MAX;
	assert_true(policy_denied(p, FAMILY_V6, &a6));
}

static void
test_hidden(void **state)
{
	struct policy *p = *state;
	struct addr a, b;

	a = test_addr(FAMILY_V4, "192.168.0.1");
	b = test_addr(FAMILY_V4, "203.0.113.9");
	assert_false(policy_hidden(p, FAMILY_V4, &a));
	test_rule(&p->hide[0], POLICY_DENY, POLICY_PRIVATE, FAMILY_V4, NULL, 0);
	test_rule(&p->hide[1], POLICY_DENY, POLICY_PREFIX, FAMILY_V4,
	    "203.0.113.8", 29);
	p->nhide = 1;
	assert_true(policy_hidden(p, FAMILY_V4, &a));
	assert_false(policy_hidden(p, FAMILY_V4, &b));
	p->nhide = 2;
	assert_true(policy_hidden(p, FAMILY_V4, &b));
	p->nhide = UINT32_MAX;
	b = test_addr(FAMILY_V6, "fd00::1");
	assert_true(policy_hidden(p, FAMILY_V6, &b));
}

/* Row n of the table; the group is the row before's, or a new one. */
static void
test_row(struct policy *p, uint8_t group, enum policy_side side, enum family f,
    const char *text, uint8_t len)
{
	struct policy_target *t = &p->targets[p->ntargets++];

	t->group = group;
	t->side = side;
	t->family = f;
	t->addr = test_addr(f, text);
	t->len = len;
}

static int
test_may(
    const struct policy *p, enum family f, const char *src, const char *target)
{
	struct addr a = test_addr(f, src), b = test_addr(f, target);

	return (policy_target_allowed(p, f, &a, &b));
}

static void
test_targets(void **state)
{
	struct policy *p = *state;

	/* Nobody may, as long as nothing is said. */
	assert_false(test_may(p, FAMILY_V4, "198.51.100.9", "192.0.2.7"));
	test_row(p, 0, POLICY_TARGET, FAMILY_V4, "192.0.2.0", 24);
	assert_false(test_may(p, FAMILY_V4, "198.51.100.9", "192.0.2.7"));
	test_row(p, 0, POLICY_ASKER, FAMILY_V4, "198.51.100.0", 24);
	test_row(p, 1, POLICY_TARGET, FAMILY_V4, "203.0.113.5", 32);
	test_row(p, 1, POLICY_TARGET, FAMILY_V6, "2001:db8:7::", 48);
	test_row(p, 1, POLICY_ASKER, FAMILY_V6, "2001:db8:9::9", 128);
	test_row(p, 1, POLICY_ASKER, FAMILY_V4, "198.51.101.1", 32);
	assert_true(test_may(p, FAMILY_V4, "198.51.100.9", "192.0.2.7"));
	assert_true(test_may(p, FAMILY_V4, "198.51.101.1", "203.0.113.5"));
	assert_true(test_may(p, FAMILY_V6, "2001:db8:9::9", "2001:db8:7::1"));
	/* One of each, but of two groups. */
	assert_false(test_may(p, FAMILY_V4, "198.51.100.9", "203.0.113.5"));
	assert_false(test_may(p, FAMILY_V4, "198.51.101.1", "192.0.2.7"));
	/* Neither, or the wrong way round, or the next address. */
	assert_false(test_may(p, FAMILY_V4, "192.0.2.7", "198.51.100.9"));
	assert_false(test_may(p, FAMILY_V4, "198.51.100.9", "192.0.3.0"));
	assert_false(test_may(p, FAMILY_V4, "198.51.101.2", "203.0.113.5"));
	assert_false(test_may(p, FAMILY_V6, "2001:db8:9::8", "2001:db8:7::1"));
	assert_false(test_may(p, FAMILY_V6, "2001:db8:9::9", "2001:db8:8::1"));
}

/* Own addresses, and those that are nobody's, whatever is listed. */
static void
test_targets_never(void **state)
{
	static const char *const never[] = { "127.0.0.1", "224.0.0.1",
		"255.255.255.255", "169.254.1.1", "0.0.0.0", "192.0.2.53",
		"192.0.2.54", "198.51.100.7" };
	struct policy *p = *state;
	size_t i;

	p->nlisten = 1;
	p->listen[0].family = FAMILY_V4;
	p->listen[0].addr = test_addr(FAMILY_V4, "192.0.2.53");
	p->listen[0].hop_addr = test_addr(FAMILY_V4, "192.0.2.54");
	p->listen[0].public_addr = test_addr(FAMILY_V4, "198.51.100.7");
	test_row(p, 0, POLICY_TARGET, FAMILY_V4, "0.0.0.0", 0);
	test_row(p, 0, POLICY_ASKER, FAMILY_V4, "0.0.0.0", 0);
	assert_true(test_may(p, FAMILY_V4, "203.0.113.1", "192.0.2.55"));
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (test_may(p, FAMILY_V4, "203.0.113.1", never[i]))
			fail_msg("%s", never[i]);
	test_row(p, 0, POLICY_TARGET, FAMILY_V6, "::", 0);
	test_row(p, 0, POLICY_ASKER, FAMILY_V6, "::", 0);
	assert_true(test_may(p, FAMILY_V6, "2001:db8::1", "2001:db8::2"));
	assert_false(test_may(p, FAMILY_V6, "2001:db8::1", "ff02::1"));
	assert_false(test_may(p, FAMILY_V6, "2001:db8::1", "fe80::1"));
	assert_false(test_may(p, FAMILY_V6, "2001:db8::1", "::ffff:192.0.2.7"));
	/* A table that lies. */
	p->targets[0].group = POLICY_GROUPS_MAX;
	p->targets[1].side = POLICY_SIDE_LAST;
	p->ntargets = 2;
	assert_false(test_may(p, FAMILY_V4, "203.0.113.1", "192.0.2.55"));
	p->ntargets = UINT32_MAX;
	assert_false(test_may(p, FAMILY_V4, "203.0.113.1", "192.0.2.55"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_targets, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_targets_never, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_listen, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_ports, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_denied, test_setup, test_teardown),
		cmocka_unit_test_setup_teardown(
		    test_hidden, test_setup, test_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
