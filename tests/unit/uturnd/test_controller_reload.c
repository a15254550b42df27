/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "uturnd/reload.h"
#include "uturnd/watchdog.h"

#define T0 (1000 * NS_PER_S)

/* Brings a machine to the end of generation 1. */
static void
first(struct reload *r)
{
	reload_init(r);
	assert_int_equal(reload_begin(r, T0), 1);
	assert_int_equal(reload_staged(r, CHILD_PRIV, 1, T0), RELOAD_WAIT);
	assert_int_equal(reload_staged(r, CHILD_ENGINE, 1, T0), RELOAD_COMMIT);
	assert_int_equal(reload_turn(r), CHILD_ENGINE);
	assert_int_equal(
	    reload_committed(r, CHILD_ENGINE, 1, T0), RELOAD_COMMIT);
	assert_int_equal(reload_turn(r), CHILD_PRIV);
	assert_int_equal(reload_committed(r, CHILD_PRIV, 1, T0), RELOAD_DONE);
	assert_int_equal(r->state, RELOAD_IDLE);
	assert_true(r->deadline == LOOP_FOREVER);
}

static void
first_commits_engine_first(void **state)
{
	struct reload r;

	(void)state;
	first(&r);
}

static void
later_commits_packet_process_first(void **state)
{
	struct reload r;

	(void)state;
	first(&r);
	assert_int_equal(reload_begin(&r, T0), 2);
	(void)reload_staged(&r, CHILD_ENGINE, 2, T0);
	assert_int_equal(reload_staged(&r, CHILD_PRIV, 2, T0), RELOAD_COMMIT);
	assert_int_equal(reload_turn(&r), CHILD_PRIV);
	/* Not the other one, whom nobody told to commit. */
	assert_int_equal(
	    reload_committed(&r, CHILD_ENGINE, 2, T0), RELOAD_FAULT);
	assert_int_equal(
	    reload_committed(&r, CHILD_PRIV, 2, T0), RELOAD_COMMIT);
	assert_int_equal(reload_committed(&r, CHILD_PRIV, 2, T0), RELOAD_FAULT);
	assert_int_equal(
	    reload_committed(&r, CHILD_ENGINE, 2, T0), RELOAD_DONE);
}

static void
second_is_refused_meanwhile(void **state)
{
	struct reload r;

	(void)state;
	first(&r);
	assert_int_equal(reload_begin(&r, T0), 2);
	assert_int_equal(reload_begin(&r, T0), 0);
	(void)reload_staged(&r, CHILD_ENGINE, 2, T0);
	(void)reload_staged(&r, CHILD_PRIV, 2, T0);
	assert_int_equal(reload_begin(&r, T0), 0);
	assert_int_equal(r.generation, 2);
}

static void
answers_out_of_turn_are_faults(void **state)
{
	struct reload r;

	(void)state;
	reload_init(&r);
	assert_int_equal(reload_staged(&r, CHILD_ENGINE, 0, T0), RELOAD_FAULT);
	assert_int_equal(reload_staged(&r, CHILD_ENGINE, 1, T0), RELOAD_FAULT);
	assert_int_equal(
	    reload_committed(&r, CHILD_ENGINE, 0, T0), RELOAD_FAULT);
	first(&r);
	assert_int_equal(reload_staged(&r, CHILD_ENGINE, 1, T0), RELOAD_FAULT);
	assert_int_equal(reload_begin(&r, T0), 2);
	assert_int_equal(reload_staged(&r, CHILD_ENGINE, 1, T0), RELOAD_FAULT);
	assert_int_equal(reload_staged(&r, CHILD_ENGINE, 3, T0), RELOAD_FAULT);
	assert_int_equal(reload_committed(&r, CHILD_PRIV, 2, T0), RELOAD_FAULT);
	assert_int_equal(reload_staged(&r, CHILD_ENGINE, 2, T0), RELOAD_WAIT);
	/* Twice by the same one does not count for both. */
	assert_int_equal(reload_staged(&r, CHILD_ENGINE, 2, T0), RELOAD_FAULT);
	assert_int_equal(r.state, RELOAD_STAGING);
}

static void
staging_times_out(void **state)
{
	struct reload r;

	(void)state;
	first(&r);
	assert_int_equal(reload_timer(&r, INT64_MAX - 1), RELOAD_WAIT);
	(void)reload_begin(&r, T0);
	assert_int_equal(
	    reload_timer(&r, T0 + RELOAD_TIMEOUT_NS - 1), RELOAD_WAIT);
	assert_int_equal(
	    reload_timer(&r, T0 + RELOAD_TIMEOUT_NS), RELOAD_ABORT);
	assert_int_equal(r.state, RELOAD_IDLE);
	/* What was on its way is forgiven; a new number is used. */
	assert_int_equal(reload_staged(&r, CHILD_PRIV, 2, T0), RELOAD_WAIT);
	assert_int_equal(reload_begin(&r, T0), 3);
	assert_int_equal(reload_staged(&r, CHILD_PRIV, 2, T0), RELOAD_WAIT);
	assert_int_equal(r.staged, 0);
	assert_int_equal(reload_committed(&r, CHILD_PRIV, 2, T0), RELOAD_FAULT);
}

static void
commit_times_out(void **state)
{
	struct reload r;
	int64_t t = T0 + 3 * NS_PER_S;

	(void)state;
	first(&r);
	(void)reload_begin(&r, T0);
	(void)reload_staged(&r, CHILD_PRIV, 2, t);
	(void)reload_staged(&r, CHILD_ENGINE, 2, t);
	/* Each phase has its own time. */
	assert_int_equal(reload_timer(&r, T0 + RELOAD_TIMEOUT_NS), RELOAD_WAIT);
	assert_int_equal(reload_timer(&r, t + RELOAD_TIMEOUT_NS), RELOAD_HUNG);
}

static void
generations_end(void **state)
{
	struct reload r;

	(void)state;
	first(&r);
	r.generation = UINT32_MAX - 1;
	assert_int_equal(reload_begin(&r, T0), UINT32_MAX);
	(void)reload_timer(&r, T0 + RELOAD_TIMEOUT_NS);
	assert_int_equal(reload_begin(&r, T0), 0);
}

/*
 * The watchdog.
 */

static void
watchdog_is_content(void **state)
{
	struct watchdog w;
	int64_t t = T0;
	uint32_t i;

	(void)state;
	watchdog_init(&w);
	assert_int_equal(watchdog_timer(&w, INT64_MAX - 1), WATCHDOG_NOTHING);
	assert_int_equal(watchdog_pong(&w, 0, t), -1);
	watchdog_start(&w, t);
	for (i = 1; i < 5; i++) {
		assert_int_equal(
		    watchdog_timer(&w, w.next - 1), WATCHDOG_NOTHING);
		t = w.next;
		assert_int_equal(watchdog_timer(&w, t), WATCHDOG_PING);
		assert_int_equal(w.number, i);
		assert_int_equal(watchdog_pong(&w, i - 1, t), -1);
		assert_int_equal(watchdog_pong(&w, i, t), 0);
		/* Once. */
		assert_int_equal(watchdog_pong(&w, i, t), -1);
		assert_true(w.next == t + WATCHDOG_EVERY_NS);
	}
}

static void
watchdog_barks_after_ten_seconds(void **state)
{
	struct watchdog w;
	int64_t t = T0 + WATCHDOG_EVERY_NS;

	(void)state;
	watchdog_init(&w);
	watchdog_start(&w, T0);
	assert_int_equal(watchdog_timer(&w, t), WATCHDOG_PING);
	assert_int_equal(watchdog_timer(&w, t + WATCHDOG_ASK_NS), WATCHDOG_ASK);
	assert_int_equal(
	    watchdog_timer(&w, t + WATCHDOG_LIMIT_NS - 1), WATCHDOG_NOTHING);
	assert_int_equal(
	    watchdog_timer(&w, t + WATCHDOG_LIMIT_NS), WATCHDOG_HUNG);
	assert_int_equal(watchdog_timer(&w, INT64_MAX - 1), WATCHDOG_NOTHING);
}

static void
watchdog_forgives_a_standstill(void **state)
{
	struct watchdog w;
	int64_t t = T0 + WATCHDOG_EVERY_NS;

	(void)state;
	watchdog_init(&w);
	watchdog_start(&w, T0);
	(void)watchdog_timer(&w, t);
	assert_int_equal(watchdog_timer(&w, t + 100 * NS_PER_S), WATCHDOG_ASK);
	t = w.next + 50 * NS_PER_S;
	assert_int_equal(watchdog_timer(&w, t), WATCHDOG_NOTHING);
	assert_int_equal(watchdog_pong(&w, 1, t + 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_commits_engine_first),
		cmocka_unit_test(later_commits_packet_process_first),
		cmocka_unit_test(second_is_refused_meanwhile),
		cmocka_unit_test(answers_out_of_turn_are_faults),
		cmocka_unit_test(staging_times_out),
		cmocka_unit_test(commit_times_out),
		cmocka_unit_test(generations_end),
		cmocka_unit_test(watchdog_is_content),
		cmocka_unit_test(watchdog_barks_after_ten_seconds),
		cmocka_unit_test(watchdog_forgives_a_standstill),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
