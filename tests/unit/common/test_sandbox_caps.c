/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>

#include "common/sandbox.h"
#include "tests/unit/common/sandbox_child.h"

#define TEST_UID 65534
#define TEST_GID 65533

static const struct sandbox_ids test_ids = { TEST_UID, TEST_GID };
static const int cap_admin[] = { CAP_NET_ADMIN };
static const int cap_both[] = { CAP_NET_ADMIN, CAP_NET_RAW };

/* A drop to caps, and the mask that the kernel should then show. */
struct drop_case {
	const int *caps;
	size_t ncaps;
	uint64_t mask;
};

static const struct drop_case drop_none = { NULL, 0, 0 };
static const struct drop_case drop_admin = { cap_admin, 1,
	1ULL << CAP_NET_ADMIN };
static const struct drop_case drop_both = { cap_both, 2,
	1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW };

/* Whether /proc/PID/status, open as fd, has the line. */
static int
status_has(int fd, const char *line)
{
	char buf[8192];
	ssize_t n;

	if ((n = pread(fd, buf, sizeof(buf) - 1, 0)) == -1)
		return (0);
	buf[n] = '\0';
	if (strstr(buf, line) != NULL)
		return (1);
	fprintf(stderr, "no \"%s\" in:\n%s", line, buf);
	return (0);
}

static int
status_has_caps(int fd, uint64_t mask)
{
	char line[64];

	snprintf(line, sizeof(line), "\nCapPrm:\t%016llx\n",
	    (unsigned long long)mask);
	if (!status_has(fd, line))
		return (0);
	snprintf(line, sizeof(line), "\nCapEff:\t%016llx\n",
	    (unsigned long long)mask);
	return (status_has(fd, line));
}

/* Root with groups, as a daemon is started.  Returns status, open. */
static int
drop(const struct drop_case *c)
{
	const gid_t groups[] = { 4, 20, 24 };
	int fd;

	if ((fd = open("/proc/self/status", O_RDONLY)) == -1 ||
	    setgroups(3, groups) == -1) {
		fprintf(stderr, "can't prepare: %s\n", strerror(errno));
		_exit(99);
	}
	sandbox_drop(&test_ids, c->caps, c->ncaps, 1, getppid());
	return (fd);
}

static int
child_drop(const void *arg)
{
	const struct drop_case *c = arg;
	int fd;

	fd = drop(c);
	if (!status_has(fd, "\nUid:\t65534\t65534\t65534\t65534\n") ||
	    !status_has(fd, "\nGid:\t65533\t65533\t65533\t65533\n") ||
	    !status_has(fd, "\nGroups:\t \n") ||
	    !status_has(fd, "\nCapInh:\t0000000000000000\n") ||
	    !status_has(fd, "\nCapBnd:\t0000000000000000\n") ||
	    !status_has(fd, "\nCapAmb:\t0000000000000000\n") ||
	    !status_has(fd, "\nNoNewPrivs:\t1\n") ||
	    !status_has_caps(fd, c->mask))
		return (1);
	if (setresuid(0, 0, 0) != -1 || setuid(0) != -1 ||
	    setresgid(0, 0, 0) != -1 || setgroups(0, NULL) != -1)
		return (2);
	/* NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each locked. */
	if (prctl(PR_GET_SECUREBITS) != 0xcf ||
	    prctl(PR_SET_SECUREBITS, 0) != -1)
		return (3);
	if (prctl(PR_GET_DUMPABLE) != 0)
		return (4);
	/* No memory of ours by /proc: it is root's now. */
	if (open("/proc/self/mem", O_RDONLY) != -1)
		return (5);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) !=
	    -1)
		return (6);
	return (0);
}

static void
drop_is_complete(void **state)
{
	struct child_result r;

	(void)state;
	child_need_root();
	child_run(&r, child_drop, &drop_none);
	child_expect_exit(&r, 0);
	child_run(&r, child_drop, &drop_admin);
	child_expect_exit(&r, 0);
	child_run(&r, child_drop, &drop_both);
	child_expect_exit(&r, 0);
}

static int
child_narrow(const void *arg)
{
	int fd;

	(void)arg;
	fd = drop(&drop_both);
	sandbox_keep_caps(cap_both, 2);
	if (!status_has_caps(fd, drop_both.mask))
		return (1);
	sandbox_keep_caps(cap_admin, 1);
	if (!status_has_caps(fd, drop_admin.mask))
		return (2);
	sandbox_keep_caps(NULL, 0);
	if (!status_has_caps(fd, 0))
		return (3);
	return (0);
}

/* What was given away does not come back. */
static int
child_widen(const void *arg)
{
	(void)arg;
	drop(&drop_admin);
	sandbox_keep_caps(cap_both, 2);
	return (0);
}

static void
keep_caps_narrows(void **state)
{
	struct child_result r;

	(void)state;
	child_need_root();
	child_run(&r, child_narrow, NULL);
	child_expect_exit(&r, 0);
	child_run(&r, child_widen, NULL);
	child_expect_fatal(&r, "capng_apply");
}

static int
child_drop_to(const void *arg)
{
	sandbox_drop(arg, NULL, 0, 0, 0);
	return (0);
}

static int
child_drop_twice(const void *arg)
{
	(void)arg;
	drop(&drop_none);
	sandbox_drop(&test_ids, NULL, 0, 0, 0);
	return (0);
}

static int
child_bad_cap(const void *arg)
{
	static const int bad[] = { 77 };

	(void)arg;
	sandbox_drop(&test_ids, bad, 1, 0, 0);
	return (0);
}

static void
drop_refuses(void **state)
{
	static const struct sandbox_ids uid0 = { 0, TEST_GID };
	static const struct sandbox_ids gid0 = { TEST_UID, 0 };
	struct child_result r;

	(void)state;
	child_need_root();
	child_run(&r, child_drop_to, &uid0);
	child_expect_fatal(&r, "refusing to run as uid 0");
	child_run(&r, child_drop_to, &gid0);
	child_expect_fatal(&r, "gid 0");
	/* Without the rights that a drop needs, it must not look like one. */
	child_run(&r, child_drop_twice, NULL);
	child_expect_fatal(&r, "");
	child_run(&r, child_bad_cap, NULL);
	child_expect_fatal(&r, "capability");
}

/* The middle process: its child drops, then the middle one dies. */
static int
child_orphan(const void *arg)
{
	char c = 'x';
	pid_t pid, ppid;
	int go[2];

	(void)arg;
	ppid = getpid();
	if (pipe(go) == -1 || (pid = fork()) == -1)
		return (1);
	if (pid == 0) {
		sandbox_drop(&test_ids, NULL, 0, 1, ppid);
		if (write(go[1], &c, 1) != 1)
			_exit(1);
		sleep(20);
		fprintf(stderr, "the orphan lived on\n");
		_exit(0);
	}
	if (read(go[0], &c, 1) != 1)
		return (2);
	return (0);
}

static int
child_wrong_parent(const void *arg)
{
	(void)arg;
	sandbox_drop(&test_ids, NULL, 0, 1, getppid() + 1);
	return (0);
}

static void
drop_dies_with_parent(void **state)
{
	struct child_result r;

	(void)state;
	child_need_root();
	/* Ends as soon as the last holder of stderr is gone. */
	child_run(&r, child_orphan, NULL);
	child_expect_exit(&r, 0);
	assert_string_equal(r.text, "");
	child_run(&r, child_wrong_parent, NULL);
	child_expect_fatal(&r, "parent");
}

static int
child_need(const void *arg)
{
	const struct drop_case *has = arg;
	static const int need[] = { CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETUID };

	if (has != NULL)
		drop(has);
	sandbox_need_caps(need, 3);
	return (0);
}

static void
need_caps_names_them(void **state)
{
	struct child_result r;

	(void)state;
	child_need_root();
	child_run(&r, child_need, NULL);
	child_expect_exit(&r, 0);
	child_run(&r, child_need, &drop_admin);
	child_expect_fatal(&r, "missing capabilities: CAP_NET_RAW, CAP_SETUID");
	assert_null(strstr(r.text, "CAP_NET_ADMIN"));
	child_run(&r, child_need, &drop_none);
	child_expect_fatal(&r, "CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETUID");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drop_is_complete),
		cmocka_unit_test(keep_caps_narrows),
		cmocka_unit_test(drop_refuses),
		cmocka_unit_test(drop_dies_with_parent),
		cmocka_unit_test(need_caps_names_them),
	};

	return (cmocka_run_group_tests_name("caps", tests, NULL, NULL));
}
