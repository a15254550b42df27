/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"

static int seccomp_reasons(const struct sandbox_call *, size_t, int);
static int seccomp_conditions(FILE *, const struct sandbox_call *);
static int seccomp_build(scmp_filter_ctx, const struct sandbox_call *, size_t,
    const uint64_t *, size_t, const char **);
static int seccomp_add(
    scmp_filter_ctx, const struct sandbox_call *, const uint64_t *, size_t);
static int seccomp_compare(struct scmp_arg_cmp *, const struct sandbox_arg *,
    const uint64_t *, size_t);

void
sandbox_seccomp(const struct sandbox_call *table, size_t n,
    const uint64_t *params, size_t nparams)
{
	scmp_filter_ctx ctx;
	const char *what;
	int rc;

	/*
	 * The library frees its work after the filter is in force, and so do
	 * we: that must never give memory back by a call (brk, munmap) that
	 * the filter forbids.  An allocator that does not know these options
	 * refuses them, which does no harm.
	 */
	(void)mallopt(M_TRIM_THRESHOLD, -1);
	(void)mallopt(M_MMAP_MAX, 0);

	if ((ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL)
		fatalx(EXIT_START, "seccomp_init failed");
	rc = seccomp_build(ctx, table, n, params, nparams, &what);
	if (rc < 0) {
		errno = -rc;
		fatal(EXIT_START, "seccomp rule for %s", what);
	}
	if ((rc = seccomp_load(ctx)) < 0) {
		errno = -rc;
		fatal(EXIT_START, "seccomp_load");
	}
	seccomp_release(ctx);
}

int
sandbox_seccomp_export(const struct sandbox_call *table, size_t n,
    const uint64_t *params, size_t nparams, int fd)
{
	scmp_filter_ctx ctx;
	const char *what;
	int rc;

	if ((ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL) {
		errno = ENOMEM;
		return (-1);
	}
	if ((rc = seccomp_build(ctx, table, n, params, nparams, &what)) < 0)
		goto done;
	if ((rc = seccomp_reasons(table, n, fd)) < 0)
		goto done;
	rc = seccomp_export_pfc(ctx, fd);
done:
	seccomp_release(ctx);
	if (rc < 0) {
		errno = -rc;
		return (-1);
	}
	return (0);
}

/* Writes each entry and its reason to fd.  Returns 0, or a negated errno. */
static int
seccomp_reasons(const struct sandbox_call *table, size_t n, int fd)
{
	FILE *fp;
	size_t i;
	int copy;

	/* fclose takes its descriptor with it. */
	if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return (-errno);
	if ((fp = fdopen(copy, "w")) == NULL) {
		close(copy);
		return (-EMFILE);
	}
	for (i = 0; i < n; i++)
		if (fprintf(fp, "# %s", table[i].name) < 0 ||
		    seccomp_conditions(fp, &table[i]) == -1 ||
		    fprintf(fp, ": %s\n", table[i].why) < 0) {
			(void)fclose(fp);
			return (-EIO);
		}
	if (fclose(fp) == EOF)
		return (-errno);
	return (0);
}

/* As in "(a0 == 3, a2 & 0x3 == 0)"; nothing if there are none. */
static int
seccomp_conditions(FILE *fp, const struct sandbox_call *call)
{
	static const char *const ops[] = { [SANDBOX_EQ] = "==",
		[SANDBOX_LE] = "<=",
		[SANDBOX_MASKED] = "==",
		[SANDBOX_PARAM] = "== param" };
	const struct sandbox_arg *a;
	const char *before = "(";
	size_t i;

	for (i = 0; i < SANDBOX_ARGS; i++) {
		a = &call->args[i];
		if (a->op == SANDBOX_NONE)
			continue;
		if (fprintf(fp, "%sa%u ", before, a->arg) < 0)
			return (-1);
		if (a->op == SANDBOX_MASKED &&
		    fprintf(fp, "& %#llx ", (unsigned long long)a->mask) < 0)
			return (-1);
		if (fprintf(fp, "%s %llu", ops[a->op],
			(unsigned long long)a->value) < 0)
			return (-1);
		before = ", ";
	}
	return (before[0] == '(' || fputc(')', fp) != EOF ? 0 : -1);
}

/*
 * Fills ctx from the table.  Returns 0, or a negated errno with *what naming
 * the entry at fault.
 */
static int
seccomp_build(scmp_filter_ctx ctx, const struct sandbox_call *table, size_t n,
    const uint64_t *params, size_t nparams, const char **what)
{
	size_t i;
	int rc;

	/* The library's default would kill one thread only. */
	*what = "a foreign architecture";
	rc = seccomp_attr_set(
	    ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc < 0)
		return (rc);
	for (i = 0; i < n; i++) {
		*what = table[i].name;
		if ((rc = seccomp_add(ctx, &table[i], params, nparams)) < 0)
			return (rc);
	}
	return (0);
}

static int
seccomp_add(scmp_filter_ctx ctx, const struct sandbox_call *call,
    const uint64_t *params, size_t nparams)
{
	struct scmp_arg_cmp cmp[SANDBOX_ARGS];
	unsigned int i, ncmp = 0;
	int nr, rc;

	nr = seccomp_syscall_resolve_name(call->name);
	if (nr == __NR_SCMP_ERROR)
		return (-ENOSYS);
	/* A call that this architecture does not have needs no rule. */
	if (nr < 0)
		return (0);
	for (i = 0; i < SANDBOX_ARGS; i++) {
		if (call->args[i].op == SANDBOX_NONE)
			continue;
		rc = seccomp_compare(
		    &cmp[ncmp], &call->args[i], params, nparams);
		if (rc < 0)
			return (rc);
		ncmp++;
	}
	return (seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, ncmp, cmp));
}

static int
seccomp_compare(struct scmp_arg_cmp *cmp, const struct sandbox_arg *arg,
    const uint64_t *params, size_t nparams)
{
	if (arg->arg > 5)
		return (-EINVAL);
	memset(cmp, 0, sizeof(*cmp));
	cmp->arg = arg->arg;
	switch (arg->op) {
	case SANDBOX_EQ:
		cmp->op = SCMP_CMP_EQ;
		cmp->datum_a = arg->value;
		return (0);
	case SANDBOX_LE:
		cmp->op = SCMP_CMP_LE;
		cmp->datum_a = arg->value;
		return (0);
	case SANDBOX_MASKED:
		/* Bits outside of the mask could never be equal. */
		if ((arg->value & ~arg->mask) != 0)
			return (-EINVAL);
		cmp->op = SCMP_CMP_MASKED_EQ;
		cmp->datum_a = arg->mask;
		cmp->datum_b = arg->value;
		return (0);
	case SANDBOX_PARAM:
		if (arg->value >= nparams)
			return (-EINVAL);
		cmp->op = SCMP_CMP_EQ;
		cmp->datum_a = params[arg->value];
		return (0);
	case SANDBOX_NONE:
		break;
	}
	return (-EINVAL);
}
