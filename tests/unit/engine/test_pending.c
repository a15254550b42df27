/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "engine/pending.h"
#include "tests/unit/engine/packets.h"

#define SLOTS 4

static int
test_setup(void **state)
{
	*state = pending_new(SLOTS);
	return (*state == NULL ? -1 : 0);
}

static int
test_teardown(void **state)
{
	pending_free(*state);
	return (0);
}

static struct msg_id
id_of(uint32_t slot, uint32_t gen)
{
	struct msg_id id = { slot, gen };

	return (id);
}

static void
turn(struct pending *p, struct msg_id id, enum proto proto)
{
	struct pending_probe probe;
	const char *why;

	memset(&probe, 0, sizeof(probe));
	probe.proto = proto;
	probe.len = (uint16_t)(100 + id.gen);
	assert_int_equal(pending_begin(p, id, &why), 0);
	pending_turned(p, id, &probe);
}

static void
test_generations(void **state)
{
	struct pending *p = *state;
	const char *why;

	assert_int_equal(pending_begin(p, id_of(SLOTS, 1), &why), -1);
	assert_string_equal(why, "no such slot");
	assert_int_equal(pending_begin(p, id_of(UINT32_MAX, 1), &why), -1);
	assert_int_equal(pending_begin(p, id_of(0, 0), &why), -1);
	assert_int_equal(pending_begin(p, id_of(0, 5), &why), 0);
	assert_int_equal(pending_begin(p, id_of(0, 5), &why), -1);
	assert_string_equal(why, "not a new generation");
	assert_int_equal(pending_begin(p, id_of(0, 4), &why), -1);
	assert_int_equal(pending_begin(p, id_of(SLOTS - 1, 1), &why), 0);
	/* It wraps after four thousand million probes. */
	assert_int_equal(pending_begin(p, id_of(0, 0x7fffffff), &why), 0);
	assert_int_equal(pending_begin(p, id_of(0, 0xfffffffe), &why), 0);
	assert_int_equal(pending_begin(p, id_of(0, 1), &why), 0);
	assert_int_equal(pending_begin(p, id_of(0, 0xffffffff), &why), -1);
}

/* What was asked for waits for its time-out only. */
static void
test_request(void **state)
{
	struct pending *p = *state;
	struct pending_probe probe;
	const struct pending_probe *kept;
	enum pending_state before;
	const char *why;

	memset(&probe, 0, sizeof(probe));
	probe.proto = PROTO_UDP;
	probe.request = 1;
	assert_int_equal(pending_begin(p, id_of(2, 1), &why), 0);
	pending_turned(p, id_of(2, 1), &probe);
	assert_int_equal(pending_settle(p, id_of(2, 1), &why), -1);
	assert_int_equal(
	    pending_match(p, id_of(2, 1), &kept, &before, &why), 0);
	assert_int_equal(kept->request, 1);
}

static void
test_match(void **state)
{
	struct pending *p = *state;
	const struct pending_probe *probe;
	enum pending_state before;
	const char *why;

	turn(p, id_of(1, 7), PROTO_ICMP);
	assert_int_equal(
	    pending_match(p, id_of(SLOTS, 7), &probe, &before, &why), -1);
	assert_int_equal(
	    pending_match(p, id_of(1, 6), &probe, &before, &why), -1);
	assert_int_equal(
	    pending_match(p, id_of(1, 8), &probe, &before, &why), -1);
	assert_string_equal(why, "not the slot's generation");
	assert_int_equal(
	    pending_match(p, id_of(0, 0), &probe, &before, &why), -1);
	assert_int_equal(
	    pending_match(p, id_of(1, 7), &probe, &before, &why), 0);
	assert_int_equal(before, PENDING_TURNED);
	assert_int_equal(probe->len, 107);
	/* Later ones are the packet process's to count. */
	assert_int_equal(
	    pending_match(p, id_of(1, 7), &probe, &before, &why), -1);

	/* Never turned; forgotten. */
	assert_int_equal(pending_begin(p, id_of(1, 8), &why), 0);
	assert_int_equal(
	    pending_match(p, id_of(1, 8), &probe, &before, &why), -1);
	turn(p, id_of(1, 9), PROTO_UDP);
	assert_int_equal(pending_end(p, id_of(1, 9), &why), 0);
	assert_int_equal(
	    pending_match(p, id_of(1, 9), &probe, &before, &why), -1);
}

/* settle: UDP, once, before a match; a match may still come after it. */
static void
test_settle(void **state)
{
	struct pending *p = *state;
	const struct pending_probe *probe;
	enum pending_state before;
	const char *why;

	turn(p, id_of(2, 1), PROTO_ICMP);
	assert_int_equal(pending_settle(p, id_of(2, 1), &why), -1);
	turn(p, id_of(2, 2), PROTO_TCP);
	assert_int_equal(pending_settle(p, id_of(2, 2), &why), -1);
	turn(p, id_of(2, 3), PROTO_UDP);
	assert_int_equal(pending_settle(p, id_of(2, 2), &why), -1);
	assert_int_equal(pending_settle(p, id_of(2, 3), &why), 0);
	assert_int_equal(pending_settle(p, id_of(2, 3), &why), -1);
	assert_int_equal(
	    pending_match(p, id_of(2, 3), &probe, &before, &why), 0);
	assert_int_equal(before, PENDING_SETTLED);
	assert_int_equal(pending_settle(p, id_of(2, 3), &why), -1);
	assert_int_equal(pending_begin(p, id_of(2, 4), &why), 0);
	assert_int_equal(pending_settle(p, id_of(2, 4), &why), -1);
}

/* timeout: whatever was ordered meanwhile, but for this probe only. */
static void
test_end(void **state)
{
	struct pending *p = *state;
	const char *why;

	assert_int_equal(pending_end(p, id_of(3, 1), &why), -1);
	assert_int_equal(pending_end(p, id_of(SLOTS, 1), &why), -1);
	assert_int_equal(pending_begin(p, id_of(3, 1), &why), 0);
	assert_int_equal(pending_end(p, id_of(3, 1), &why), 0);
	assert_int_equal(pending_end(p, id_of(3, 1), &why), 0);
	turn(p, id_of(3, 2), PROTO_TCP);
	assert_int_equal(pending_end(p, id_of(3, 1), &why), -1);
	assert_int_equal(pending_end(p, id_of(3, 2), &why), 0);
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, test_setup, test_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FRESH(test_generations),
		FRESH(test_request),
		FRESH(test_match),
		FRESH(test_settle),
		FRESH(test_end),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
