/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "test_msg.h"

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
#define NBORDERS (sizeof(borders) / sizeof(borders[0]))

static const enum msg_state states[] = { MSG_BOOT, MSG_READY, MSG_RUN };

/* Sends len bytes as type, with a descriptor or not, and has it checked. */
static const struct msg_rule *
check(struct test_pipe *t, const struct msg_border *b, uint32_t type,
    size_t len, int with_fd, enum msg_state state, char why[128])
{
	static const uint8_t zeros[MAX_IMSGSIZE];
	const struct msg_rule *rule;
	struct imsg imsg;
	int fd = -1;

	if (with_fd)
		assert_int_not_equal(fd = open("/dev/null", O_RDONLY), -1);
	assert_int_equal(
	    imsg_compose(&t->a, type, 0, 0, fd, len == 0 ? NULL : zeros, len),
	    1);
	test_receive(t, &imsg);
	why[0] = '\0';
	rule = msg_check(b, &imsg, state, why, 128);
	imsg_free(&imsg);
	/* A reason, and only then. */
	assert_int_equal(rule == NULL, why[0] != '\0');
	return (rule);
}

/* Every rule of every border: all its edges, sizes, states, descriptor. */
static void
check_rule(
    struct test_pipe *t, const struct msg_border *b, const struct msg_rule *r)
{
	enum msg_state good = 0;
	char why[128];
	size_t i;

	for (i = 0; i < 3; i++)
		if (r->states & (int)states[i])
			good = states[i];
	assert_int_not_equal(good, 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(
		    check(t, b, r->type, r->min, r->fd, states[i], why) == r,
		    (r->states & (int)states[i]) != 0);

	assert_ptr_equal(check(t, b, r->type, r->max, r->fd, good, why), r);
	assert_null(check(t, b, r->type, r->max + 1, r->fd, good, why));
	assert_non_null(strstr(why, "bytes"));
	if (r->min > 0) {
		assert_null(check(t, b, r->type, r->min - 1, r->fd, good, why));
		assert_non_null(strstr(why, "allowed"));
	}
	assert_null(check(t, b, r->type, r->min, !r->fd, good, why));
	assert_non_null(strstr(why, "descriptor"));
	assert_non_null(strstr(why, b->sender));
	assert_non_null(strstr(why, r->name));
}

static void
test_rules(void **state)
{
	struct test_pipe t;
	size_t i, j, k;

	(void)state;
	test_pipe_open(&t);
	for (i = 0; i < NBORDERS; i++) {
		uint32_t max = 0;

		for (j = 0; j < borders[i]->nrules; j++) {
			const struct msg_rule *r = &borders[i]->rules[j];

			for (k = 0; k < j; k++)
				assert_int_not_equal(
				    borders[i]->rules[k].type, r->type);
			assert_true(r->min <= r->max);
			assert_int_equal(r->fd, r->type == MSG_PEER);
			assert_string_equal(msg_name(r->type), r->name);
			check_rule(&t, borders[i], r);
			if (r->max > max)
				max = r->max;
		}
		assert_int_equal(borders[i]->maxsize, max);
	}
	test_pipe_close(&t);
}

/* A type of another border, or of none, is never taken. */
static void
test_foreign(void **state)
{
	struct test_pipe t;
	char why[128];
	size_t i, j, taken;
	uint32_t type;

	(void)state;
	test_pipe_open(&t);
	for (i = 0; i < NBORDERS; i++) {
		taken = 0;
		for (type = 0; type < 0x800; type++)
			for (j = 0; j < borders[i]->nrules; j++)
				if (borders[i]->rules[j].type == type)
					taken++;
		assert_int_equal(taken, borders[i]->nrules);
		for (type = 0x0ff; type <= 0x720; type++) {
			for (j = 0; j < borders[i]->nrules; j++)
				if (borders[i]->rules[j].type == type)
					break;
			if (j < borders[i]->nrules)
				continue;
			assert_null(
			    check(&t, borders[i], type, 0, 0, MSG_RUN, why));
			assert_non_null(
			    strstr(why, "not a message of this border"));
		}
		assert_null(
		    check(&t, borders[i], UINT32_MAX, 0, 0, MSG_RUN, why));
	}
	test_pipe_close(&t);
}

/* Who takes what, and when: the parts of it that the design rests on. */
static void
test_who_and_when(void **state)
{
	static const struct {
		const struct msg_border *b;
		uint32_t type;
		int states;
	} cases[] = {
		{ &msg_controller_to_engine, MSG_INIT, MSG_BOOT },
		{ &msg_controller_to_engine, MSG_PEER, MSG_BOOT },
		{ &msg_controller_to_priv, MSG_INIT, MSG_BOOT },
		{ &msg_controller_to_priv, MSG_PEER, MSG_BOOT },
		{ &msg_controller_to_engine, MSG_PAUSE, 0 },
		{ &msg_controller_to_priv, MSG_PAUSE, MSG_RUN },
		{ &msg_controller_to_priv, MSG_PING, 0 },
		{ &msg_controller_to_priv, MSG_CONF_BEGIN,
		    MSG_READY | MSG_RUN },
		{ &msg_controller_to_engine, MSG_STOP, MSG_READY | MSG_RUN },
		{ &msg_engine_to_controller, MSG_PONG, 0 },
		{ &msg_engine_to_controller, MSG_LOG,
		    MSG_BOOT | MSG_READY | MSG_RUN },
		{ &msg_engine_to_controller, MSG_LOCKED, MSG_BOOT },
		{ &msg_priv_to_controller, MSG_PONG, MSG_READY | MSG_RUN },
		{ &msg_priv_to_controller, MSG_STAGED, MSG_READY | MSG_RUN },
		{ &msg_priv_to_engine, MSG_PROBE, MSG_READY | MSG_RUN },
		{ &msg_priv_to_engine, MSG_MATCH, MSG_RUN },
		{ &msg_priv_to_engine, MSG_TURN, 0 },
		{ &msg_engine_to_priv, MSG_TURN, MSG_RUN },
		{ &msg_engine_to_priv, MSG_PROBE, 0 },
		{ &msg_engine_to_priv, MSG_PEER, 0 },
		{ &msg_ctl_to_controller, MSG_STATS, 0 },
		{ &msg_ctl_to_controller, MSG_STOP, 0 },
	};
	size_t i, j;
	int found;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		found = 0;
		for (j = 0; j < cases[i].b->nrules; j++)
			if (cases[i].b->rules[j].type == cases[i].type)
				found = cases[i].b->rules[j].states;
		assert_int_equal(found, cases[i].states);
	}
}

static void
test_texts(void **state)
{
	struct test_pipe t;
	char why[128], tiny[8];
	struct imsg imsg;

	(void)state;
	test_pipe_open(&t);
	check(&t, &msg_priv_to_engine, MSG_PROBE, 12, 0, MSG_RUN, why);
	assert_string_equal(
	    why, "packet process: PROBE: 12 bytes, 20..148 allowed");
	check(&t, &msg_engine_to_priv, MSG_TURN, 9, 0, MSG_READY, why);
	assert_string_equal(why, "engine: TURN: not in state ready");
	check(&t, &msg_engine_to_priv, MSG_TURN, 9, 1, MSG_RUN, why);
	assert_string_equal(why, "engine: TURN: an unwanted descriptor");
	check(&t, &msg_controller_to_priv, MSG_PEER, 0, 0, MSG_BOOT, why);
	assert_string_equal(why, "controller: PEER: a descriptor is missing");
	check(&t, &msg_engine_to_priv, MSG_PROBE, 20, 0, MSG_RUN, why);
	assert_string_equal(
	    why, "engine: PROBE (type 0x300): not a message of this border");
	check(&t, &msg_engine_to_priv, 0x999, 0, 0, MSG_RUN, why);
	assert_string_equal(
	    why, "engine: ? (type 0x999): not a message of this border");
	assert_string_equal(msg_name(0), "?");

	/* A small room is not overrun. */
	assert_int_equal(msg_put_empty(&t.a, 0x999, 0), 0);
	test_receive(&t, &imsg);
	assert_null(
	    msg_check(&msg_engine_to_priv, &imsg, MSG_RUN, tiny, sizeof(tiny)));
	assert_string_equal(tiny, "engine:");
	imsg_free(&imsg);
	test_pipe_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_who_and_when),
		cmocka_unit_test(test_texts),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
