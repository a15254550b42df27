/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>

#include "common/sandbox.h"
#include "tests/unit/common/sandbox_child.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* Every table lets a child say that it lived; 7 is the code for that. */
#define ALIVE 7
#define EXIT_RULE                        \
	{                                \
		"exit_group", "the end", \
		{                        \
			{                \
				0        \
			}                \
		}                        \
	}

/*
 * One case: a table, and one raw call under it.  Raw, and nothing else done
 * in between, since the libraries of a sanitizer build make calls of their own.
 */
struct call_case {
	const char *name;
	const struct sandbox_call *table;
	size_t n;
	long nr;
	long args[6];
	int killed;
};

static const uint64_t params[] = { 4, 1ULL << 40 };

static int
child_call(const void *arg)
{
	const struct call_case *c = arg;

	sandbox_seccomp(c->table, c->n, params, N(params));
	syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3],
	    c->args[4], c->args[5]);
	syscall(SYS_exit_group, ALIVE);
	return (1);
}

static void
run_cases(const struct call_case *cases, size_t n)
{
	struct child_result r;
	size_t i;

	for (i = 0; i < n; i++) {
		print_message("  %s\n", cases[i].name);
		child_run(&r, child_call, &cases[i]);
		if (cases[i].killed)
			child_expect_killed(&r);
		else
			child_expect_exit(&r, ALIVE);
	}
}

static const struct sandbox_call plain[] = {
	EXIT_RULE,
	{ "getppid", "allowed", { { 0 } } },
	{ "mmap", "no code", { { SANDBOX_MASKED, 2, 0, PROT_EXEC } } },
};

#define X32 0x40000000L

static void
seccomp_allow_list(void **state)
{
	const struct call_case cases[] = {
		{ "getppid is allowed", plain, N(plain), SYS_getppid, { 0 },
		    0 },
		{ "openat dies", plain, N(plain), SYS_openat, { AT_FDCWD }, 1 },
		{ "socket dies", plain, N(plain), SYS_socket,
		    { AF_INET, SOCK_DGRAM }, 1 },
		{ "execve dies", plain, N(plain), SYS_execve, { 0 }, 1 },
		{ "kill dies", plain, N(plain), SYS_kill, { 0 }, 1 },
		{ "a number that no call has dies", plain, N(plain), 4000,
		    { 0 }, 1 },
		{ "number -1 dies", plain, N(plain), -1, { 0 }, 1 },
		{ "mmap without PROT_EXEC lives", plain, N(plain), SYS_mmap,
		    { 0, 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 },
		    0 },
		{ "mmap with PROT_EXEC dies", plain, N(plain), SYS_mmap,
		    { 0, 4096, PROT_READ | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 },
		    1 },
#ifdef __x86_64__
		{ "x32 dies, for an allowed call too", plain, N(plain),
		    SYS_getppid | X32, { 0 }, 1 },
		{ "x32 dies, for a forbidden call", plain, N(plain),
		    SYS_openat | X32, { 0 }, 1 },
#endif
	};

	(void)state;
	run_cases(cases, N(cases));
}

static const struct sandbox_call eq[] = {
	EXIT_RULE,
	{ "close", "one", { { SANDBOX_EQ, 0, 100, 0 } } },
};
static const struct sandbox_call le[] = {
	EXIT_RULE,
	{ "close", "few", { { SANDBOX_LE, 0, 100, 0 } } },
};
static const struct sandbox_call masked[] = {
	EXIT_RULE,
	{ "close", "some", { { SANDBOX_MASKED, 0, 0x40, 0xf0 } } },
};
static const struct sandbox_call param[] = {
	EXIT_RULE,
	{ "close", "given", { { SANDBOX_PARAM, 0, 0, 0 } } },
	{ "dup", "wide", { { SANDBOX_PARAM, 0, 1, 0 } } },
};

#ifdef __x86_64__
/* A call through the 32-bit gate: there close has number 6. */
static int
child_gate(const void *arg)
{
	long nr = 6;

	(void)arg;
	sandbox_seccomp(eq, N(eq), NULL, 0);
	__asm__ volatile("int $0x80" : "+a"(nr) : "b"(100L) : "memory");
	syscall(SYS_exit_group, ALIVE);
	return (1);
}

static void
seccomp_foreign_arch(void **state)
{
	struct child_result r;

	(void)state;
	child_run(&r, child_gate, NULL);
	/* A kernel that has no such gate lets nobody through either. */
	if (WIFSIGNALED(r.status) && WTERMSIG(r.status) == SIGSEGV)
		return;
	child_expect_killed(&r);
}
#endif

static void
seccomp_conditions(void **state)
{
	const struct call_case cases[] = {
		{ "EQ equal", eq, N(eq), SYS_close, { 100 }, 0 },
		{ "EQ below", eq, N(eq), SYS_close, { 99 }, 1 },
		{ "EQ above", eq, N(eq), SYS_close, { 101 }, 1 },
		{ "EQ compares 64 bits", eq, N(eq), SYS_close,
		    { 100 | 1L << 32 }, 1 },
		{ "LE at the limit", le, N(le), SYS_close, { 100 }, 0 },
		{ "LE below", le, N(le), SYS_close, { 0 }, 0 },
		{ "LE above", le, N(le), SYS_close, { 101 }, 1 },
		{ "LE is unsigned", le, N(le), SYS_close, { -1 }, 1 },
		{ "LE compares 64 bits", le, N(le), SYS_close, { 1L << 32 },
		    1 },
		{ "MASKED equal", masked, N(masked), SYS_close, { 0x40 }, 0 },
		{ "MASKED ignores the rest", masked, N(masked), SYS_close,
		    { 0x94f }, 0 },
		{ "MASKED with a bit too many", masked, N(masked), SYS_close,
		    { 0x50 }, 1 },
		{ "MASKED with none", masked, N(masked), SYS_close, { 0 }, 1 },
		{ "PARAM equal", param, N(param), SYS_close, { 4 }, 0 },
		{ "PARAM else", param, N(param), SYS_close, { 0 }, 1 },
		{ "PARAM of 64 bits equal", param, N(param), SYS_dup,
		    { 1L << 40 }, 0 },
		{ "PARAM of 64 bits else", param, N(param), SYS_dup, { 0 }, 1 },
	};

	(void)state;
	run_cases(cases, N(cases));
}

static const struct sandbox_call all_of[] = {
	EXIT_RULE,
	{ "fcntl", "all three",
	    { { SANDBOX_EQ, 0, 100, 0 }, { SANDBOX_EQ, 1, F_GETFD, 0 },
		{ SANDBOX_LE, 2, 5, 0 } } },
};
static const struct sandbox_call one_of[] = {
	EXIT_RULE,
	{ "fcntl", "this one",
	    { { SANDBOX_EQ, 0, 100, 0 }, { SANDBOX_EQ, 1, F_GETFD, 0 } } },
	{ "fcntl", "or that", { { SANDBOX_EQ, 0, 101, 0 } } },
	{ "fcntl", "or by its last", { { SANDBOX_PARAM, 2, 0, 0 } } },
};
static const struct sandbox_call gap[] = {
	EXIT_RULE,
	{ "close", "conditions may leave gaps",
	    { { SANDBOX_NONE, 0, 0, 0 }, { SANDBOX_EQ, 0, 100, 0 } } },
};

static void
seccomp_combinations(void **state)
{
	const struct call_case cases[] = {
		{ "all hold", all_of, N(all_of), SYS_fcntl, { 100, F_GETFD, 5 },
		    0 },
		{ "first fails", all_of, N(all_of), SYS_fcntl,
		    { 99, F_GETFD, 5 }, 1 },
		{ "second fails", all_of, N(all_of), SYS_fcntl,
		    { 100, F_SETFD, 5 }, 1 },
		{ "third fails", all_of, N(all_of), SYS_fcntl,
		    { 100, F_GETFD, 6 }, 1 },
		{ "first alternative", one_of, N(one_of), SYS_fcntl,
		    { 100, F_GETFD, 0 }, 0 },
		{ "second alternative", one_of, N(one_of), SYS_fcntl,
		    { 101, F_DUPFD, 0 }, 0 },
		{ "third alternative", one_of, N(one_of), SYS_fcntl,
		    { 100, F_SETFD, 4 }, 0 },
		{ "half of the first", one_of, N(one_of), SYS_fcntl,
		    { 100, F_SETFD, 0 }, 1 },
		{ "none", one_of, N(one_of), SYS_fcntl, { 102, F_GETFD, 0 },
		    1 },
		{ "after a gap, equal", gap, N(gap), SYS_close, { 100 }, 0 },
		{ "after a gap, else", gap, N(gap), SYS_close, { 99 }, 1 },
	};

	(void)state;
	run_cases(cases, N(cases));
}

/* A second filter only takes away. */
static const struct sandbox_call stage_one[] = {
	EXIT_RULE,
	{ "getppid", "both stages", { { 0 } } },
	{ "getuid", "the first stage", { { 0 } } },
	{ "prctl", "the next filter",
	    { { SANDBOX_EQ, 0, PR_SET_NO_NEW_PRIVS, 0 } } },
	{ "seccomp", "the next filter", { { 0 } } },
	/* What a sanitizer's allocator needs meanwhile. */
	{ "brk", "memory", { { 0 } } },
	{ "mmap", "memory", { { 0 } } },
	{ "munmap", "memory", { { 0 } } },
	{ "madvise", "memory", { { 0 } } },
	{ "getrandom", "memory", { { 0 } } },
};
static const struct sandbox_call stage_two[] = {
	EXIT_RULE,
	{ "getppid", "both stages", { { 0 } } },
	{ "openat", "not in the first stage", { { 0 } } },
};

static int
child_two_stages(const void *arg)
{
	const long *nr = arg;

	sandbox_seccomp(stage_one, N(stage_one), NULL, 0);
	syscall(SYS_getuid);
	sandbox_seccomp(stage_two, N(stage_two), NULL, 0);
	syscall(*nr, AT_FDCWD);
	syscall(SYS_exit_group, ALIVE);
	return (1);
}

static void
seccomp_stages(void **state)
{
	static const long both = SYS_getppid, first = SYS_getuid,
			  second = SYS_openat;
	struct child_result r;

	(void)state;
	child_run(&r, child_two_stages, &both);
	child_expect_exit(&r, ALIVE);
	child_run(&r, child_two_stages, &first);
	child_expect_killed(&r);
	child_run(&r, child_two_stages, &second);
	child_expect_killed(&r);
}

/*
 * Memory that is given back after the filter is in force, by the library or
 * by us: with an allocator eager to return it to the kernel, that must not
 * end in a forbidden call.
 */
static int
child_eager_heap(const void *arg)
{
	void *p;

	(void)arg;
	(void)mallopt(M_TRIM_THRESHOLD, 0);
	(void)mallopt(M_TOP_PAD, 0);
	if ((p = malloc(100000)) == NULL)
		return (1);
	sandbox_seccomp(eq, N(eq), NULL, 0);
	free(p);
	syscall(SYS_exit_group, ALIVE);
	return (1);
}

static void
seccomp_heap(void **state)
{
	struct child_result r;

	(void)state;
	child_run(&r, child_eager_heap, NULL);
	child_expect_exit(&r, ALIVE);
}

static int
child_fatal(const void *arg)
{
	sandbox_seccomp(arg, 1, params, N(params));
	return (0);
}

static void
seccomp_faulty_tables(void **state)
{
	static const struct sandbox_call faulty[] = {
		{ "no_such_call", "a slip", { { 0 } } },
		{ "close", "no such argument", { { SANDBOX_EQ, 6, 0, 0 } } },
		{ "read", "no such parameter", { { SANDBOX_PARAM, 0, 2, 0 } } },
		{ "write", "never equal", { { SANDBOX_MASKED, 0, 3, 1 } } },
		{ "dup", "no such condition",
		    { { (enum sandbox_op)99, 0, 0, 0 } } },
	};
	struct child_result r;
	size_t i;
	int fd;

	(void)state;
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	for (i = 0; i < N(faulty); i++) {
		child_run(&r, child_fatal, &faulty[i]);
		child_expect_fatal(&r, faulty[i].name);
		errno = 0;
		assert_int_equal(sandbox_seccomp_export(
				     &faulty[i], 1, params, N(params), fd),
		    -1);
		assert_true(errno == EINVAL || errno == ENOSYS);
	}
	close(fd);
	assert_int_equal(
	    sandbox_seccomp_export(plain, N(plain), NULL, 0, -1), -1);
	assert_int_equal(errno, EBADF);
}

/* Exports the table and returns the text, to be freed. */
static char *
export_text(const struct sandbox_call *table, size_t n)
{
	FILE *fp;
	char *buf;
	size_t len;

	assert_non_null(fp = tmpfile());
	assert_int_equal(
	    sandbox_seccomp_export(table, n, params, N(params), fileno(fp)), 0);
	assert_non_null(buf = calloc(1, 65536));
	rewind(fp);
	len = fread(buf, 1, 65535, fp);
	assert_true(len > 0 && len < 65535);
	fclose(fp);
	return (buf);
}

static void
seccomp_export_is_stable(void **state)
{
	char *a, *b, *c, *d;

	(void)state;
	a = export_text(one_of, N(one_of));
	b = export_text(one_of, N(one_of));
	c = export_text(all_of, N(all_of));
	d = export_text(masked, N(masked));
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
	assert_ptr_equal(strstr(a, "# exit_group: the end\n"), a);
	assert_non_null(strstr(a, "# fcntl(a0 == 100, a1 == 1): this one\n"));
	assert_non_null(strstr(a, "# fcntl(a0 == 101): or that\n"));
	assert_non_null(strstr(a, "# fcntl(a2 == param 0): or by its last\n"));
	assert_non_null(
	    strstr(c, "# fcntl(a0 == 100, a1 == 1, a2 <= 5): all three\n"));
	assert_non_null(strstr(a, "action ALLOW;"));
	assert_non_null(strstr(a, "$syscall"));
	assert_non_null(strstr(a, "action KILL_PROCESS;"));
	assert_null(strstr(a, "action KILL;"));
	free(a);
	free(b);
	assert_non_null(strstr(d, "# close(a0 & 0xf0 == 64): some\n"));
	free(c);
	free(d);
	/* And nothing was installed. */
	assert_int_equal(prctl(PR_GET_SECCOMP), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seccomp_allow_list),
#ifdef __x86_64__
		cmocka_unit_test(seccomp_foreign_arch),
#endif
		cmocka_unit_test(seccomp_conditions),
		cmocka_unit_test(seccomp_combinations),
		cmocka_unit_test(seccomp_stages),
		cmocka_unit_test(seccomp_heap),
		cmocka_unit_test(seccomp_faulty_tables),
		cmocka_unit_test(seccomp_export_is_stable),
	};

	return (cmocka_run_group_tests_name("seccomp", tests, NULL, NULL));
}
