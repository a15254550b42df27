/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/sandbox/filter.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* An exit code that is no errno, and no enum exit_code. */
#define ALIVE 200
/* Beyond the last call of any kernel so far, with room for new ones. */
#define NUMBERS 640
/* Nothing tried here takes any time: this much is a call that blocks. */
#define HANGS_S 20
#define X32     0x40000000L

/*
 * The child's part.  Raw calls only: nothing but the call on trial and the end
 * may happen under the filter.
 */
static void
filter_child(const struct filter *f, const struct filter_call *c, int gate)
{
	struct rlimit none = { 0, 0 };
	const struct sandbox_call *table;
	size_t n;
	long rc;

	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    close_range(STDERR_FILENO + 1, ~0U, 0) == -1)
		_exit(99);
	(void)alarm(HANGS_S);
	table = f->table(&n);
	sandbox_seccomp(table, n, f->params, f->nparams);
	if (gate) {
#ifdef __x86_64__
		rc = c->nr;
		__asm__ volatile(
		    "int $0x80"
		    : "+a"(rc)
		    : "b"(c->args[0]), "c"(c->args[1]), "d"(c->args[2])
		    : "memory");
#endif
		syscall(SYS_exit_group, ALIVE);
	}
	rc = syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3],
	    c->args[4], c->args[5]);
	syscall(SYS_exit_group, rc == -1 ? errno : ALIVE);
}

/* Tries a call; returns the child's status as waitpid(2) has it. */
static int
filter_try(const struct filter *f, const struct filter_call *c, int gate)
{
	pid_t pid;
	int status;

	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		filter_child(f, c, gate);
		_exit(98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return (status);
}

static void
filter_must_die(const struct filter *f, const struct filter_call *c, int gate)
{
	int status;

	status = filter_try(f, c, gate);
	/* A kernel without the 32-bit gate lets nobody through either. */
	if (gate && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		return;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("%s: %s (number %ld, %ld, %ld, %ld): status %#x, "
			 "wanted SIGSYS",
		    f->process, c->name, c->nr, c->args[0], c->args[1],
		    c->args[2], (unsigned int)status);
}

static void
filter_must_live(const struct filter *f, const struct filter_call *c)
{
	int good, status;

	status = filter_try(f, c, 0);
	if (c->err == FILTER_CRASHES)
		good = WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
	else
		good = WIFEXITED(status) &&
		    WEXITSTATUS(status) ==
			(c->err == FILTER_WORKS ? ALIVE : c->err);
	if (!good)
		fail_msg("%s: %s: status %#x, wanted %d", f->process, c->name,
		    (unsigned int)status, c->err);
}

/* Does the call meet the condition?  The test's own reading of the table. */
static int
filter_meets(const struct filter *f, const struct sandbox_arg *a,
    const struct filter_call *c)
{
	uint64_t v;

	v = (uint64_t)c->args[a->arg];
	switch (a->op) {
	case SANDBOX_NONE:
		return (1);
	case SANDBOX_EQ:
		return (v == a->value);
	case SANDBOX_LE:
		return (v <= a->value);
	case SANDBOX_MASKED:
		return ((v & a->mask) == a->value);
	case SANDBOX_PARAM:
		assert_true(a->value < f->nparams);
		return (v == f->params[a->value]);
	}
	return (0);
}

static int
filter_entry_tried(const struct filter *f, const struct sandbox_call *entry)
{
	const struct filter_call *c;
	size_t i, j;
	int nr;

	nr = seccomp_syscall_resolve_name(entry->name);
	/* Not a call of this architecture. */
	if (nr < 0)
		return (1);
	for (i = 0; i < f->nallowed; i++) {
		c = &f->allowed[i];
		if (c->nr != nr)
			continue;
		for (j = 0; j < SANDBOX_ARGS; j++)
			if (!filter_meets(f, &entry->args[j], c))
				break;
		if (j == SANDBOX_ARGS)
			return (1);
	}
	return (0);
}

void
filter_allowed(const struct filter *f)
{
	const struct sandbox_call *table;
	size_t i, n;

	for (i = 0; i < f->nallowed; i++)
		filter_must_live(f, &f->allowed[i]);
	table = f->table(&n);
	for (i = 0; i < n; i++) {
		assert_true(table[i].why != NULL && table[i].why[0] != '\0');
		if (!filter_entry_tried(f, &table[i]))
			fail_msg("%s: %s (%s): a rule that no case tries",
			    f->process, table[i].name, table[i].why);
	}
}

void
filter_forbidden(
    const struct filter *f, const struct filter_call *calls, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		filter_must_die(f, &calls[i], 0);
}

static int
filter_names(const struct filter *f, long nr)
{
	size_t i;

	for (i = 0; i < f->nallowed; i++)
		if (f->allowed[i].nr == nr)
			return (1);
	return (0);
}

/*
 * uretprobe and uprobe on x86-64: the kernel calls them from trampolines that
 * it maps itself, lets them past every filter, and refuses them elsewhere.
 */
static int
filter_uprobe(const struct filter *f, const struct filter_call *c)
{
#ifdef __x86_64__
	int status;

	if (c->nr != 335 && c->nr != 336)
		return (0);
	status = filter_try(f, c, 0);
	return (
	    (WIFSIGNALED(status) &&
		(WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGILL)) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == ENXIO));
#else
	(void)f;
	(void)c;
	return (0);
#endif
}

void
filter_numbers(const struct filter *f)
{
	struct filter_call c;
	long nr;

	memset(&c, 0, sizeof(c));
	c.name = "a call that the table does not name";
	for (nr = -1; nr < NUMBERS; nr++) {
		if (filter_names(f, nr))
			continue;
		c.nr = nr;
		if (!filter_uprobe(f, &c))
			filter_must_die(f, &c, 0);
	}
}

void
filter_foreign(const struct filter *f)
{
#ifdef __x86_64__
	struct filter_call c;
	long nr;

	memset(&c, 0, sizeof(c));
	for (nr = 0; nr < NUMBERS; nr++) {
		c.name = "x32";
		c.nr = nr | X32;
		filter_must_die(f, &c, 0);
	}
	/* Whatever the number: the architecture alone decides. */
	for (nr = 0; nr < NUMBERS; nr += 8) {
		c.name = "the 32-bit gate";
		c.nr = nr;
		filter_must_die(f, &c, 1);
	}
	for (nr = 0; nr < (long)f->nallowed; nr++) {
		c = f->allowed[nr];
		filter_must_die(f, &c, 1);
		c.nr |= X32;
		filter_must_die(f, &c, 0);
	}
#else
	(void)f;
	skip();
#endif
}

/* Is there an allowed call that differs from c in nothing? */
static int
filter_has(const struct filter *f, const struct filter_call *c)
{
	size_t i;

	for (i = 0; i < f->nallowed; i++)
		if (f->allowed[i].nr == c->nr &&
		    memcmp(f->allowed[i].args, c->args, sizeof(c->args)) == 0)
			return (1);
	return (0);
}

void
filter_argument(const struct filter *f, long nr, unsigned int arg)
{
	struct filter_call c;
	size_t i, tried = 0;
	long v;

	assert_true(arg < N(c.args));
	for (i = 0; i < f->nallowed; i++) {
		if (f->allowed[i].nr != nr)
			continue;
		c = f->allowed[i];
		for (v = -1; v <= 64; v++) {
			c.args[arg] = v;
			if (filter_has(f, &c))
				continue;
			filter_must_die(f, &c, 0);
			tried++;
		}
		/* The kernel would look at the lower half only. */
		c.args[arg] = f->allowed[i].args[arg] | 1L << 32;
		filter_must_die(f, &c, 0);
	}
	assert_true(tried > 0);
}

/* The filter's text, to be freed. */
static char *
filter_text(const struct filter *f, FILE *from)
{
	const struct sandbox_call *table;
	FILE *fp = from;
	char *text;
	size_t len, n;

	if (fp == NULL) {
		assert_non_null(fp = tmpfile());
		table = f->table(&n);
		assert_int_equal(sandbox_seccomp_export(table, n, f->params,
				     f->nparams, fileno(fp)),
		    0);
		rewind(fp);
	}
	assert_non_null(text = calloc(1, 65536));
	len = fread(text, 1, 65535, fp);
	assert_true(len > 0 && len < 65535);
	assert_int_equal(fclose(fp), 0);
	return (text);
}

void
filter_golden(const struct filter *f)
{
	char *have, *h, *want, *w, path[128];
	FILE *fp;
	size_t line;

#ifndef __x86_64__
	/* The numbers are those of one architecture. */
	skip();
#endif
	(void)snprintf(
	    path, sizeof(path), "tests/sandbox/golden/%s.pfc", f->process);
	if ((fp = fopen(path, "r")) == NULL)
		fail_msg(
		    "%s: can't be read; tests run from the tree's top", path);
	want = filter_text(f, fp);
	have = filter_text(f, NULL);
	for (h = have, w = want, line = 1; *h != '\0' && *h == *w; h++, w++)
		if (*h == '\n')
			line++;
	if (*h != *w) {
		while (h > have && h[-1] != '\n')
			h--;
		fail_msg("%s:%zu: the filter has \"%.*s\" there; if that is "
			 "meant: make golden, and review the difference",
		    path, line, (int)strcspn(h, "\n"), h);
	}
	free(have);
	free(want);
}

int
filter_export(const struct filter *f)
{
	const struct sandbox_call *table;
	size_t n;

	table = f->table(&n);
	if (sandbox_seccomp_export(
		table, n, f->params, f->nparams, STDOUT_FILENO) == -1) {
		perror(f->process);
		return (1);
	}
	return (0);
}
