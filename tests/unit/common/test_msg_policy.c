/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>

#include "test_msg.h"

/* A receiver of a policy. */
struct test_taker {
	struct test_pipe pipe;
	struct policy policy;
	uint32_t stage;
	int done;
	const char *why;
};

static struct addr
test_addr(enum family f, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(f, text, &a), 0);
	return (a);
}

static void
good_listen(struct policy_listen *l, enum family f, unsigned int n)
{
	memset(l, 0, sizeof(*l));
	l->family = f;
	l->addr = test_addr(f, f == FAMILY_V4 ? "192.0.2.0" : "2001:db8::");
	l->addr.b[addr_len(f) - 1] = (uint8_t)n;
	l->public_addr = l->addr;
	l->public_addr.b[1] ^= 0xff;
	l->hop_addr = l->addr;
	l->hop_addr.b[2] ^= 0xff;
	l->hop_prefix_len = f == FAMILY_V4 ? 20 : 61;
	l->hop_prefix = l->addr;
	addr_mask(f, &l->hop_prefix, l->hop_prefix_len);
	l->relay = n % RELAY_LAST;
	l->turn = n % TURN_LAST;
	l->inflection = (n / 2) % INFLECTION_LAST;
	l->unreachable = (n / 4) % UNREACHABLE_LAST;
}

static void
good_rule(struct policy_rule *r, unsigned int n)
{
	memset(r, 0, sizeof(*r));
	r->action = n % POLICY_ACTION_LAST;
	r->kind = n % POLICY_KIND_LAST;
	r->family = (n / 2) % FAMILY_MAX;
	r->addr.b[0] = 10;
	r->addr.b[1] = (uint8_t)(n >> 8);
	r->addr.b[2] = (uint8_t)n;
	r->len = 24;
}

/* All tables full, each field with a value of its own. */
static void
good_target(struct policy_target *t, unsigned int n)
{
	memset(t, 0, sizeof(*t));
	t->group = (uint8_t)(n * POLICY_GROUPS_MAX / POLICY_TARGETS_MAX);
	t->side = n % 2 ? POLICY_ASKER : POLICY_TARGET;
	t->family = n % 3 ? FAMILY_V4 : FAMILY_V6;
	t->addr.b[0] = (uint8_t)(n + 1);
	t->len = t->family == FAMILY_V4 ? 24 : 48;
}

static void
full_policy(struct policy *p)
{
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->generation = 42;
	p->probe_icmp = 1;
	p->augsburg = 1;
	p->observe = 1;
	p->max_ttl = POLICY_TTL_MAX;
	p->gate_ns = 10000000000;
	p->timeout_ns = MSG_NS_MAX;
	p->settle_ns = 400000000;
	p->limit_client = (struct policy_limit){ 32, 96 };
	p->limit_total = (struct policy_limit){ POLICY_RATE_MAX, 2048 };
	p->limit_hop = (struct policy_limit){ 64, POLICY_RATE_MAX };
	p->traces = 256;
	p->traces_keep_ns = 600000000000;
	p->nlisten = POLICY_LISTEN_MAX;
	for (i = 0; i < POLICY_LISTEN_MAX; i++)
		good_listen(&p->listen[i], i % 2, 1 + i);
	p->nports = POLICY_PORTS_MAX;
	for (i = 0; i < POLICY_PORTS_MAX; i++)
		p->ports[i] = (struct policy_ports){ i % 2 ? PROTO_TCP
							   : PROTO_UDP,
			(uint16_t)(1000 * i), (uint16_t)(1000 * i + i), i % 2 };
	p->nrules = POLICY_RULES_MAX;
	for (i = 0; i < POLICY_RULES_MAX; i++)
		good_rule(&p->rules[i], i);
	p->nhide = POLICY_HIDE_MAX;
	for (i = 0; i < POLICY_HIDE_MAX; i++)
		good_rule(&p->hide[i], i + 1);
	p->ntargets = POLICY_TARGETS_MAX;
	for (i = 0; i < POLICY_TARGETS_MAX; i++)
		good_target(&p->targets[i], i);
}

static void
assert_listen_equal(
    const struct policy_listen *a, const struct policy_listen *b)
{
	assert_int_equal(a->family, b->family);
	assert_true(addr_equal(&a->addr, &b->addr));
	assert_true(addr_equal(&a->public_addr, &b->public_addr));
	assert_true(addr_equal(&a->hop_addr, &b->hop_addr));
	assert_true(addr_equal(&a->hop_prefix, &b->hop_prefix));
	assert_int_equal(a->hop_prefix_len, b->hop_prefix_len);
	assert_int_equal(a->relay, b->relay);
	assert_int_equal(a->turn, b->turn);
	assert_int_equal(a->inflection, b->inflection);
	assert_int_equal(a->unreachable, b->unreachable);
}

static void
assert_rule_equal(const struct policy_rule *a, const struct policy_rule *b)
{
	assert_int_equal(a->action, b->action);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->family, b->family);
	assert_true(addr_equal(&a->addr, &b->addr));
	assert_int_equal(a->len, b->len);
}

static void
assert_policy_equal(const struct policy *a, const struct policy *b)
{
	uint32_t i;

	assert_int_equal(a->generation, b->generation);
	assert_int_equal(a->probe_icmp, b->probe_icmp);
	assert_int_equal(a->augsburg, b->augsburg);
	assert_int_equal(a->observe, b->observe);
	assert_int_equal(a->max_ttl, b->max_ttl);
	assert_int_equal(a->gate_ns, b->gate_ns);
	assert_int_equal(a->timeout_ns, b->timeout_ns);
	assert_int_equal(a->settle_ns, b->settle_ns);
	assert_memory_equal(
	    &a->limit_client, &b->limit_client, sizeof(a->limit_client));
	assert_memory_equal(
	    &a->limit_total, &b->limit_total, sizeof(a->limit_total));
	assert_memory_equal(&a->limit_hop, &b->limit_hop, sizeof(a->limit_hop));
	assert_int_equal(a->traces, b->traces);
	assert_int_equal(a->traces_keep_ns, b->traces_keep_ns);
	assert_int_equal(a->nlisten, b->nlisten);
	for (i = 0; i < a->nlisten; i++)
		assert_listen_equal(&a->listen[i], &b->listen[i]);
	assert_int_equal(a->nports, b->nports);
	for (i = 0; i < a->nports; i++) {
		assert_int_equal(a->ports[i].proto, b->ports[i].proto);
		assert_int_equal(a->ports[i].lo, b->ports[i].lo);
		assert_int_equal(a->ports[i].hi, b->ports[i].hi);
		assert_int_equal(a->ports[i].open, b->ports[i].open);
	}
	assert_int_equal(a->nrules, b->nrules);
	for (i = 0; i < a->nrules; i++)
		assert_rule_equal(&a->rules[i], &b->rules[i]);
	assert_int_equal(a->nhide, b->nhide);
	for (i = 0; i < a->nhide; i++)
		assert_rule_equal(&a->hide[i], &b->hide[i]);
	assert_int_equal(a->ntargets, b->ntargets);
	for (i = 0; i < a->ntargets; i++) {
		assert_int_equal(a->targets[i].group, b->targets[i].group);
		assert_int_equal(a->targets[i].side, b->targets[i].side);
		assert_int_equal(a->targets[i].family, b->targets[i].family);
		assert_memory_equal(&a->targets[i].addr, &b->targets[i].addr,
		    sizeof(struct addr));
		assert_int_equal(a->targets[i].len, b->targets[i].len);
	}
}

static int
taker_open(void **state)
{
	struct test_taker *k;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return (-1);
	test_pipe_open(&k->pipe);
	*state = k;
	return (0);
}

static int
taker_close(void **state)
{
	struct test_taker *k = *state;

	test_pipe_close(&k->pipe);
	free(k);
	return (0);
}

/* The receiver takes the next message; 1 if it did. */
static int
take(struct test_taker *k)
{
	uint32_t before = k->stage;
	struct imsg imsg;
	int rc;

	k->why = NULL;
	test_receive(&k->pipe, &imsg);
	rc = msg_get_policy(&imsg, &k->policy, &k->stage, &k->done, &k->why);
	imsg_free(&imsg);
	if (rc == 0) {
		assert_null(k->why);
		return (1);
	}
	assert_non_null(k->why);
	assert_int_equal(k->stage, before);
	assert_int_equal(k->done, 0);
	return (0);
}

static int
take_raw(struct test_taker *k, const struct test_raw *raw)
{
	test_send_raw(&k->pipe, raw);
	return (take(k));
}

static void
test_round_trip(void **state)
{
	struct test_taker *k = *state;
	static struct policy p;
	uint32_t i, n;

	full_policy(&p);
	assert_int_equal(msg_put_policy(&k->pipe.a, &p), 0);
	n = 3 + p.nlisten + p.nports + p.nrules + p.nhide + p.ntargets;
	assert_int_equal(imsgbuf_queuelen(&k->pipe.a), n);
	/* BEGIN must clear what was there. */
	memset(&k->policy, 0xff, sizeof(k->policy));
	for (i = 0; i < n; i++) {
		assert_true(take(k));
		assert_int_equal(k->done, i == n - 1);
	}
	assert_policy_equal(&p, &k->policy);
	assert_int_equal(k->stage, 0);

	/* The smallest, over the full one. */
	memset(&p, 0, sizeof(p));
	p.generation = UINT32_MAX;
	p.max_ttl = 1;
	assert_int_equal(msg_put_policy(&k->pipe.a, &p), 0);
	for (i = 0; i < 3; i++)
		assert_true(take(k));
	assert_int_equal(k->done, 1);
	assert_policy_equal(&p, &k->policy);
}

static void
test_put_refuses(void **state)
{
	struct test_taker *k = *state;
	static struct policy p;
	uint32_t *const counts[] = { &p.nlisten, &p.nports, &p.nrules, &p.nhide,
		&p.ntargets };
	size_t i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		full_policy(&p);
		(*counts[i])++;
		errno = 0;
		assert_int_equal(msg_put_policy(&k->pipe.a, &p), -1);
		assert_int_equal(errno, EINVAL);
		assert_int_equal(imsgbuf_queuelen(&k->pipe.a), 0);
	}
}

/*
 * One message of each part: BEGIN, COMMON, LISTEN, PORTS, RULE, HIDE, TARGET,
 * END.
 */
#define NPARTS 8
static void
capture_parts(struct test_taker *k, enum family f, struct test_raw *part)
{
	static struct policy p;
	int i;

	full_policy(&p);
	good_listen(&p.listen[0], f, 1);
	p.rules[0].kind = p.hide[0].kind = POLICY_PREFIX;
	p.rules[0].family = p.hide[0].family = f;
	good_target(&p.targets[0], 1);
	p.targets[0].family = f;
	p.nlisten = p.nports = p.nrules = p.nhide = p.ntargets = 1;
	assert_int_equal(msg_put_policy(&k->pipe.a, &p), 0);
	for (i = 0; i < NPARTS; i++)
		test_receive_raw(&k->pipe, &part[i]);
}

/* Which part may follow which. */
static void
test_order(void **state)
{
	static struct test_raw part[NPARTS];
	struct test_taker *k = *state;
	int from, to, i, due;

	capture_parts(k, FAMILY_V4, part);
	/* Nothing but a BEGIN at first. */
	for (to = 1; to < NPARTS; to++) {
		assert_false(take_raw(k, &part[to]));
		assert_string_equal(k->why, "part of a policy out of order");
	}
	for (from = 0; from < NPARTS; from++) {
		for (to = 0; to < NPARTS; to++) {
			k->stage = 0;
			for (i = 0; i <= from; i++)
				assert_true(take_raw(k, &part[i]));
			if (from == 0)
				due = to == 1;
			else if (from == NPARTS - 1)
				due = to == 0;
			else
				due = to > 1 && to >= from;
			assert_int_equal(take_raw(k, &part[to]), due);
			assert_int_equal(k->done, due && to == NPARTS - 1);
		}
	}
	/* Something else is no part. */
	part[0].type = MSG_CONF_COMMIT;
	k->stage = 0;
	assert_false(take_raw(k, &part[0]));
	assert_string_equal(k->why, "not a part of a policy");
}

/* Each part: cut, lengthened, and with each patch. */
static void
judge_part(struct test_taker *k, struct test_raw *part, int n,
    const struct test_patch *patches, size_t npatches)
{
	static struct test_raw raw;
	size_t i, max = part[n].len;
	int j, accepted;

	for (i = 0; i <= max + 1 + npatches; i++) {
		k->stage = 0;
		for (j = 0; j < n; j++)
			assert_true(take_raw(k, &part[j]));
		raw = part[n];
		if (i <= max + 1) {
			raw.len = i;
			raw.data[max] = 0;
			assert_int_equal(take_raw(k, &raw), i == max);
			continue;
		}
		test_patch_apply(&raw, &patches[i - max - 2]);
		accepted = take_raw(k, &raw);
		test_verdict(accepted, k->why, &patches[i - max - 2]);
	}
}

#define JUDGE_PART(k, part, n, patches)         \
	judge_part((k), (part), (n), (patches), \
	    sizeof(patches) / sizeof((patches)[0]))

static void
test_numbers(void **state)
{
	static const struct test_patch begin[] = {
		{ 0, 4, 1, NULL },
		{ 0, 4, 0, "generation is 0" },
	};
	static const struct test_patch common[] = {
		{ 0, 1, 0, NULL },
		{ 0, 1, 2, "probe_icmp is not 0 or 1" },
		{ 1, 1, 0, NULL },
		{ 1, 1, 2, "augsburg is not 0 or 1" },
		{ 2, 1, 0, NULL },
		{ 2, 1, 2, "observe is not 0 or 1" },
		{ 3, 1, 1, NULL },
		{ 3, 1, 0, "max ttl out of range" },
		{ 3, 1, POLICY_TTL_MAX + 1, "max ttl out of range" },
		{ 4, 8, MSG_NS_MAX, NULL },
		{ 4, 8, MSG_NS_MAX + 1, "gate too long" },
		{ 12, 8, MSG_NS_MAX + 1, "timeout too long" },
		{ 20, 8, MSG_NS_MAX, NULL },
		{ 20, 8, UINT64_MAX, "settle too long" },
		{ 28, 4, 0, NULL },
		{ 28, 4, POLICY_RATE_MAX, NULL },
		{ 28, 4, POLICY_RATE_MAX + 1, "rate of a limit out of range" },
		{ 32, 4, POLICY_RATE_MAX + 1, "burst of a limit out of range" },
		{ 36, 4, POLICY_RATE_MAX + 1, "rate of a limit out of range" },
		{ 40, 4, UINT32_MAX, "burst of a limit out of range" },
		{ 44, 4, POLICY_RATE_MAX + 1, "rate of a limit out of range" },
		{ 48, 4, POLICY_RATE_MAX + 1, "burst of a limit out of range" },
		{ 52, 4, POLICY_TRACES_MAX, NULL },
		{ 52, 4, POLICY_TRACES_MAX + 1, "traces out of range" },
		{ 56, 8, MSG_NS_MAX, NULL },
		{ 56, 8, MSG_NS_MAX + 1, "traces kept too long" },
	};
	static const struct test_patch end[] = {
		{ 0, 4, 41, "END of another generation" },
		{ 0, 4, 0, "END of another generation" },
	};
	static struct test_raw part[NPARTS];
	struct test_taker *k = *state;

	capture_parts(k, FAMILY_V4, part);
	JUDGE_PART(k, part, 0, begin);
	JUDGE_PART(k, part, 1, common);
	JUDGE_PART(k, part, NPARTS - 1, end);
}

static void
test_listen4(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 1, FAMILY_V6, NULL },
		{ 0, 1, FAMILY_MAX, "bad family" },
		{ 1, 4, 0, "no listen address" },
		{ 5, 1, 1, "bytes behind an IPv4 address" },
		{ 16, 1, 1, "bytes behind an IPv4 address" },
		{ 17, 4, 0, NULL },
		{ 21, 1, 1, "bytes behind an IPv4 address" },
		{ 32, 1, 1, "bytes behind an IPv4 address" },
		{ 33, 4, 0, NULL },
		{ 37, 1, 1, "bytes behind an IPv4 address" },
		{ 48, 1, 1, "bytes behind an IPv4 address" },
		{ 53, 1, 1, "bytes behind an IPv4 address" },
		{ 64, 1, 1, "bytes behind an IPv4 address" },
		{ 52, 1, 1, "hop prefix not masked" },
		{ 65, 1, 32, NULL },
		{ 65, 1, 33, "hop prefix too long" },
		{ 65, 1, 1, "hop prefix not masked" },
		{ 65, 1, 0, "hop prefix not masked" },
		{ 66, 1, RELAY_LAST, "bad relay mode" },
		{ 67, 1, TURN_LAST, "bad turn form" },
		{ 68, 1, INFLECTION_LAST, "bad inflection" },
		{ 69, 1, UNREACHABLE_LAST, "bad unreachable" },
	};
	static struct test_raw part[NPARTS];
	struct test_taker *k = *state;

	capture_parts(k, FAMILY_V4, part);
	JUDGE_PART(k, part, 2, patches);
}

static void
test_listen6(void **state)
{
	static const struct test_patch patches[] = {
		{ 0, 1, FAMILY_V4, "bytes behind an IPv4 address" },
		{ 16, 1, 0, NULL },
		{ 65, 1, 128, NULL },
		{ 65, 1, 129, "hop prefix too long" },
		{ 65, 1, 16, "hop prefix not masked" },
	};
	static struct test_raw part[NPARTS];
	struct test_taker *k = *state;

	capture_parts(k, FAMILY_V6, part);
	JUDGE_PART(k, part, 2, patches);
}

static void
test_ports_and_rules(void **state)
{
	static const struct test_patch ports[] = {
		{ 0, 1, PROTO_TCP, NULL },
		{ 0, 1, PROTO_ICMP, "a protocol without ports" },
		{ 0, 1, PROTO_MAX, "bad protocol" },
		{ 1, 2, 1, "ports in wrong order" },
		{ 3, 2, UINT16_MAX, NULL },
		{ 5, 1, 1, NULL },
		{ 5, 1, 2, "open is not 0 or 1" },
	};
	static const struct test_patch rules[] = {
		{ 0, 1, POLICY_DENY, NULL },
		{ 0, 1, POLICY_ACTION_LAST, "bad action" },
		{ 1, 1, POLICY_ANY, NULL },
		{ 1, 1, POLICY_PRIVATE, NULL },
		{ 1, 1, POLICY_KIND_LAST, "bad kind of rule" },
		{ 2, 1, FAMILY_V6, NULL },
		{ 2, 1, FAMILY_MAX, "bad family" },
		{ 7, 1, 1, "bytes behind an IPv4 address" },
		{ 18, 1, 1, "bytes behind an IPv4 address" },
		{ 19, 1, 0, NULL },
		{ 19, 1, 32, NULL },
		{ 19, 1, 33, "prefix too long" },
	};
	static const struct test_patch rules6[] = {
		{ 18, 1, 1, NULL },
		{ 19, 1, 128, NULL },
		{ 19, 1, 129, "prefix too long" },
	};
	static struct test_raw part[NPARTS];
	struct test_taker *k = *state;

	capture_parts(k, FAMILY_V4, part);
	JUDGE_PART(k, part, 3, ports);
	JUDGE_PART(k, part, 4, rules);
	JUDGE_PART(k, part, 5, rules);
	capture_parts(k, FAMILY_V6, part);
	JUDGE_PART(k, part, 4, rules6);
	JUDGE_PART(k, part, 5, rules6);
}

static void
test_targets(void **state)
{
	static const struct test_patch targets[] = {
		{ 0, 1, 1, "group of a target out of order" },
		{ 0, 1, POLICY_GROUPS_MAX, "group of a target out of order" },
		{ 1, 1, POLICY_TARGET, NULL },
		{ 1, 1, POLICY_ASKER, NULL },
		{ 1, 1, POLICY_SIDE_LAST, "bad side of a group" },
		{ 2, 1, FAMILY_V6, NULL },
		{ 2, 1, FAMILY_MAX, "bad family" },
		{ 6, 1, 1, "prefix not masked" },
		{ 7, 1, 1, "bytes behind an IPv4 address" },
		{ 19, 1, 0, "length of a prefix out of range" },
		{ 19, 1, POLICY_TARGET_MIN4 - 1,
		    "length of a prefix out of range" },
		{ 19, 1, POLICY_TARGET_MIN4, NULL },
		{ 19, 1, 32, NULL },
		{ 19, 1, 33, "length of a prefix out of range" },
	};
	static const struct test_patch targets6[] = {
		{ 18, 1, 1, "prefix not masked" },
		{ 19, 1, POLICY_TARGET_MIN6 - 1,
		    "length of a prefix out of range" },
		{ 19, 1, POLICY_TARGET_MIN6, NULL },
		{ 19, 1, 128, NULL },
		{ 19, 1, 129, "length of a prefix out of range" },
	};
	static struct test_raw part[NPARTS];
	struct test_taker *k = *state;

	capture_parts(k, FAMILY_V4, part);
	JUDGE_PART(k, part, 6, targets);
	capture_parts(k, FAMILY_V6, part);
	JUDGE_PART(k, part, 6, targets6);
}

/* From one group the next may follow, no other, and not one beyond the last. */
static void
test_groups(void **state)
{
	static struct test_raw part[NPARTS];
	struct test_taker *k = *state;
	unsigned int group, next;
	int i;

	capture_parts(k, FAMILY_V4, part);
	for (group = 0; group < POLICY_GROUPS_MAX; group++)
		for (next = 0; next <= POLICY_GROUPS_MAX; next++) {
			k->stage = 0;
			for (i = 0; i < 6; i++)
				assert_true(take_raw(k, &part[i]));
			for (i = 0; i <= (int)group; i++) {
				part[6].data[0] = (uint8_t)i;
				assert_true(take_raw(k, &part[6]));
			}
			part[6].data[0] = (uint8_t)next;
			assert_int_equal(take_raw(k, &part[6]),
			    next < POLICY_GROUPS_MAX &&
				(next == group || next == group + 1));
		}
}

/* As many as there is room for, and one more. */
static void
fill(struct test_taker *k, struct test_raw *part, int n, uint32_t max,
    const char *why)
{
	uint32_t i;
	int j;

	k->stage = 0;
	for (j = 0; j < n; j++)
		assert_true(take_raw(k, &part[j]));
	for (i = 0; i < max; i++)
		assert_true(take_raw(k, &part[n]));
	assert_false(take_raw(k, &part[n]));
	assert_string_equal(k->why, why);
}

static void
test_overflow(void **state)
{
	static struct test_raw part[NPARTS], part6[NPARTS];
	struct test_taker *k = *state;
	int i;

	capture_parts(k, FAMILY_V4, part);
	capture_parts(k, FAMILY_V6, part6);
	fill(k, part, 3, POLICY_PORTS_MAX, "too many ranges of ports");
	fill(k, part, 4, POLICY_RULES_MAX, "too many rules");
	fill(k, part, 5, POLICY_HIDE_MAX, "too many rules");
	fill(k, part, 6, POLICY_TARGETS_MAX, "too many targets");
	/* One family is full, the other one is not. */
	fill(k, part, 2, POLICY_LISTEN_FAMILY_MAX, "too many listen addresses");
	for (i = 0; i < POLICY_LISTEN_FAMILY_MAX; i++)
		assert_true(take_raw(k, &part6[2]));
	assert_false(take_raw(k, &part6[2]));
	assert_false(take_raw(k, &part[2]));
	assert_int_equal(k->policy.nlisten, POLICY_LISTEN_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_round_trip, taker_open, taker_close),
		cmocka_unit_test_setup_teardown(
		    test_put_refuses, taker_open, taker_close),
		cmocka_unit_test_setup_teardown(
		    test_order, taker_open, taker_close),
		cmocka_unit_test_setup_teardown(
		    test_numbers, taker_open, taker_close),
		cmocka_unit_test_setup_teardown(
		    test_listen4, taker_open, taker_close),
		cmocka_unit_test_setup_teardown(
		    test_listen6, taker_open, taker_close),
		cmocka_unit_test_setup_teardown(
		    test_ports_and_rules, taker_open, taker_close),
		cmocka_unit_test_setup_teardown(
		    test_targets, taker_open, taker_close),
		cmocka_unit_test_setup_teardown(
		    test_groups, taker_open, taker_close),
		cmocka_unit_test_setup_teardown(
		    test_overflow, taker_open, taker_close),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
