/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/wait.h>
#include <signal.h>

#include "tests/unit/uturnd/fake.h"

/* A status as wait(2) gives it. */
#define EXITED(code) ((code) << 8)
#define KILLED(sig)  (sig)
#define ALIVE        (-1)

static void
exit_codes(void **state)
{
	static const struct {
		int engine;
		int priv;
		int started;
		int cause;
		int code;
	} table[] = {
		/* orderly */
		{ EXITED(0), EXITED(0), 1, EXIT_OK, EXIT_OK },
		{ EXITED(10), EXITED(0), 1, EXIT_OK, EXIT_OK },
		{ KILLED(SIGKILL), EXITED(0), 1, EXIT_OK, EXIT_OK },
		{ ALIVE, ALIVE, 1, EXIT_OK, EXIT_OK },
		/* ... but not everything is forgiven */
		{ KILLED(SIGSYS), EXITED(0), 1, EXIT_OK, EXIT_SECCOMP },
		{ EXITED(0), EXITED(12), 1, EXIT_OK, EXIT_VIOLATION },
		/* lost */
		{ KILLED(SIGKILL), EXITED(10), 1, EXIT_LOST, EXIT_LOST },
		{ EXITED(10), KILLED(SIGSEGV), 1, EXIT_LOST, EXIT_LOST },
		{ EXITED(0), EXITED(0), 1, EXIT_LOST, EXIT_LOST },
		{ ALIVE, EXITED(10), 1, EXIT_LOST, EXIT_LOST },
		{ EXITED(1), EXITED(10), 1, EXIT_LOST, EXIT_LOST },
		/* seccomp above all */
		{ KILLED(SIGSYS), EXITED(10), 1, EXIT_LOST, EXIT_SECCOMP },
		{ EXITED(12), KILLED(SIGSYS), 1, EXIT_LOST, EXIT_SECCOMP },
		{ KILLED(SIGSYS), EXITED(13), 1, EXIT_HUNG, EXIT_SECCOMP },
		{ KILLED(SIGSYS), EXITED(1), 0, EXIT_LOST, EXIT_SECCOMP },
		/* violation: found by a child, or by the controller */
		{ EXITED(10), EXITED(12), 1, EXIT_LOST, EXIT_VIOLATION },
		{ KILLED(SIGKILL), EXITED(10), 1, EXIT_VIOLATION,
		    EXIT_VIOLATION },
		{ EXITED(12), EXITED(13), 1, EXIT_LOST, EXIT_VIOLATION },
		{ EXITED(12), EXITED(1), 0, EXIT_LOST, EXIT_VIOLATION },
		/* hung */
		{ EXITED(13), EXITED(10), 1, EXIT_LOST, EXIT_HUNG },
		{ KILLED(SIGKILL), KILLED(SIGKILL), 1, EXIT_HUNG, EXIT_HUNG },
		/* start */
		{ EXITED(10), EXITED(1), 0, EXIT_LOST, EXIT_START },
		{ EXITED(1), EXITED(10), 0, EXIT_LOST, EXIT_START },
		{ EXITED(10), EXITED(10), 0, EXIT_LOST, EXIT_LOST },
		{ KILLED(SIGKILL), EXITED(10), 0, EXIT_LOST, EXIT_LOST },
	};
	struct children cs;
	size_t i;
	int code;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&cs, 0, sizeof(cs));
		cs.child[CHILD_ENGINE].status = table[i].engine;
		cs.child[CHILD_ENGINE].reaped = table[i].engine != ALIVE;
		cs.child[CHILD_PRIV].status = table[i].priv;
		cs.child[CHILD_PRIV].reaped = table[i].priv != ALIVE;
		code =
		    children_exit_code(&cs, table[i].started, table[i].cause);
		if (code != table[i].code)
			fail_msg("row %zu: %d, not %d", i, code, table[i].code);
	}
}

static void
culprit(void **state)
{
	struct children cs;

	(void)state;
	memset(&cs, 0, sizeof(cs));
	cs.first = -1;
	assert_int_equal(children_culprit(&cs), -1);
	/* The engine is looked at first, but went for the other's sake. */
	cs.first = CHILD_ENGINE;
	cs.child[CHILD_ENGINE].reaped = 1;
	cs.child[CHILD_ENGINE].status = EXITED(EXIT_LOST);
	assert_int_equal(children_culprit(&cs), CHILD_ENGINE);
	cs.child[CHILD_PRIV].reaped = 1;
	cs.child[CHILD_PRIV].status = KILLED(SIGKILL);
	assert_int_equal(children_culprit(&cs), CHILD_PRIV);
	cs.child[CHILD_PRIV].status = EXITED(EXIT_LOST);
	assert_int_equal(children_culprit(&cs), CHILD_ENGINE);
}

static void
descriptions(void **state)
{
	struct child c;
	char buf[80];

	(void)state;
	memset(&c, 0, sizeof(c));
	c.reaped = 1;
	c.status = KILLED(SIGKILL);
	child_describe_end(&c, buf, sizeof(buf));
	assert_string_equal(buf, "killed by signal 9 (SIGKILL)");
	c.status = KILLED(SIGSYS);
	child_describe_end(&c, buf, sizeof(buf));
	assert_string_equal(buf, "killed by seccomp");
	c.status = EXITED(12);
	child_describe_end(&c, buf, sizeof(buf));
	assert_string_equal(buf, "exited with code 12 (border violation)");
	c.reaped = 0;
	child_describe_end(&c, buf, sizeof(buf));
	assert_string_equal(buf, "still there");
}

/* Forks what plays a child; returns its pid. */
static pid_t
child_play(struct fake *f, enum child_id id, void (*role)(int))
{
	pid_t pid;
	int i;

	assert_true((pid = fork()) != -1);
	if (pid == 0) {
		for (i = 0; i < CHILD_MAX; i++) {
			close(f->c.children.child[i].fd);
			if (i != (int)id)
				close(f->fd[i]);
		}
		role(f->fd[id]);
		_exit(99);
	}
	close(f->fd[id]);
	f->fd[id] = -1;
	f->c.children.child[id].pid = pid;
	return (pid);
}

static void
role_ends_at_eof(int fd)
{
	char b;

	/* The pair does not block. */
	while (read(fd, &b, 1) != 0)
		(void)usleep(1000);
	_exit(EXIT_LOST);
}

static void
role_never_ends(int fd)
{
	(void)fd;
	for (;;)
		(void)pause();
}

static void
collect_waits_for_the_willing(void **state)
{
	struct fake *f = *state;
	int64_t t = loop_now();
	int i;

	for (i = 0; i < CHILD_MAX; i++)
		(void)child_play(f, (enum child_id)i, role_ends_at_eof);
	children_collect(&f->c.children, 0, &f->c.waitmask);
	assert_true(loop_now() - t < NS_PER_S);
	for (i = 0; i < CHILD_MAX; i++) {
		assert_int_equal(f->c.children.child[i].reaped, 1);
		assert_int_equal(
		    f->c.children.child[i].status, EXITED(EXIT_LOST));
	}
}

static void
collect_kills_the_stubborn(void **state)
{
	struct fake *f = *state;
	int64_t t = loop_now();

	(void)child_play(f, CHILD_ENGINE, role_never_ends);
	(void)child_play(f, CHILD_PRIV, role_ends_at_eof);
	children_collect(&f->c.children, 0, &f->c.waitmask);
	assert_true(loop_now() - t >= NS_PER_S);
	assert_true(loop_now() - t < 2 * NS_PER_S);
	assert_int_equal(
	    f->c.children.child[CHILD_ENGINE].status, KILLED(SIGKILL));
	assert_int_equal(f->c.children.child[CHILD_PRIV].reaped, 1);
	assert_true(fake_logged(f, "engine: does not end, killing it"));
	assert_int_equal(children_culprit(&f->c.children), CHILD_ENGINE);
}

static void
collect_kills_at_once(void **state)
{
	struct fake *f = *state;
	int64_t t = loop_now();

	(void)child_play(f, CHILD_ENGINE, role_never_ends);
	(void)child_play(f, CHILD_PRIV, role_never_ends);
	children_collect(&f->c.children, 1, &f->c.waitmask);
	assert_true(loop_now() - t < NS_PER_S / 2);
	assert_int_equal(
	    f->c.children.child[CHILD_PRIV].status, KILLED(SIGKILL));
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, fake_setup, fake_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(culprit),
		cmocka_unit_test(descriptions),
		TEST(collect_waits_for_the_willing),
		TEST(collect_kills_the_stubborn),
		TEST(collect_kills_at_once),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
