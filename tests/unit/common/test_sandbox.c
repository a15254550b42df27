/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>

#include "common/sandbox.h"
#include "tests/unit/common/sandbox_child.h"

static char top[32];

/* A path below the test's own folder, good until the next call. */
static const char *
below(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return (path);
}

static void
make_file(const char *path)
{
	int fd;

	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	assert_int_not_equal(fd, -1);
	close(fd);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static int
setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/uturnd-test.XXXXXX");
	return (mkdtemp(top) == NULL ? -1 : 0);
}

static int
teardown(void **state)
{
	(void)state;
	return (nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS));
}

static int
child_empty_dir(const void *arg)
{
	umask(077);
	sandbox_empty_dir(arg);
	return (0);
}

static int
child_chroot(const void *arg)
{
	struct stat st, dot;

	sandbox_chroot(arg);
	if (stat("/", &st) == -1 || stat(".", &dot) == -1)
		return (1);
	if (st.st_ino != dot.st_ino || st.st_dev != dot.st_dev)
		return (2);
	if (access("/tmp", F_OK) != -1 || access("/../etc", F_OK) != -1)
		return (3);
	return (0);
}

/* As each process does it: into the empty folder first, where no /proc is. */
static int
child_all_in_order(const void *arg)
{
	static const struct sandbox_ids ids = { 65534, 65533 };
	static const struct sandbox_call table[] = {
		{ "exit_group", "the end", { { 0 } } },
		{ "capset", "the second stage", { { 0 } } },
		{ "capget", "its proof", { { 0 } } },
	};
	static const int both[] = { CAP_NET_ADMIN, CAP_NET_RAW };

	if (sandbox_newnet() == -1)
		return (1);
	sandbox_chroot(arg);
	sandbox_landlock(NULL, 0);
	sandbox_drop(&ids, both, 2, 1, getppid());
	sandbox_rlimits(0, 3);
	sandbox_seccomp(table, 3, NULL, 0);
	sandbox_keep_caps(both, 1);
	/* Raw: before _exit(2) a sanitizer makes a call of its own. */
	syscall(SYS_exit_group, 21);
	return (1);
}

static void
all_in_order(void **state)
{
	struct child_result r;

	(void)state;
	child_need_root();
	child_run(&r, child_empty_dir, below("new"));
	child_expect_exit(&r, 0);
	child_run(&r, child_all_in_order, below("new"));
	child_expect_exit(&r, 21);
}

static void
empty_dir_is_made(void **state)
{
	struct child_result r;
	struct stat st;

	(void)state;
	child_need_root();
	child_run(&r, child_empty_dir, below("new"));
	child_expect_exit(&r, 0);
	assert_int_equal(stat(below("new"), &st), 0);
	/* Whatever the umask was. */
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(st.st_uid, 0);
	/* Once more: one that is there already. */
	child_run(&r, child_empty_dir, below("new"));
	child_expect_exit(&r, 0);
	child_run(&r, child_chroot, below("new"));
	child_expect_exit(&r, 0);
}

/* The folders that neither check lets pass, and the sentence for each. */
static void
bad_folders(int (*fn)(const void *))
{
	struct child_result r;
	char target[128];

	assert_int_equal(mkdir(below("own"), 0755), 0);
	assert_int_equal(chown(below("own"), 65534, 0), 0);
	child_run(&r, fn, below("own"));
	child_expect_fatal(&r, "own: must belong to root, not to uid 65534");

	assert_int_equal(mkdir(below("group"), 0755), 0);
	assert_int_equal(chmod(below("group"), 0775), 0);
	child_run(&r, fn, below("group"));
	child_expect_fatal(
	    &r, "group: must not be writable by group or others");
	assert_non_null(strstr(r.text, "0775"));

	assert_int_equal(mkdir(below("world"), 0755), 0);
	assert_int_equal(chmod(below("world"), 0757), 0);
	child_run(&r, fn, below("world"));
	child_expect_fatal(&r, "world: must not be writable");

	assert_int_equal(mkdir(below("full"), 0755), 0);
	make_file(below("full/.hidden"));
	child_run(&r, fn, below("full"));
	child_expect_fatal(&r, "full: must be empty, holds \".hidden\"");

	make_file(below("file"));
	child_run(&r, fn, below("file"));
	child_expect_fatal(&r, "file: is not a folder");

	assert_int_equal(mkdir(below("target"), 0755), 0);
	snprintf(target, sizeof(target), "%s", below("target"));
	assert_int_equal(symlink(target, below("link")), 0);
	child_run(&r, fn, below("link"));
	child_expect_fatal(&r, "link: is not a folder");

	child_run(&r, fn, below("no/where"));
	child_expect_fatal(&r, "No such file or directory");
}

static void
empty_dir_refuses(void **state)
{
	(void)state;
	child_need_root();
	bad_folders(child_empty_dir);
}

static void
chroot_refuses(void **state)
{
	struct child_result r;

	(void)state;
	child_need_root();
	bad_folders(child_chroot);
	/* It makes nothing, unlike sandbox_empty_dir. */
	child_run(&r, child_chroot, below("absent"));
	child_expect_fatal(&r, "No such file or directory");
}

static int
child_newnet(const void *arg)
{
	struct stat before, after;
	FILE *fp;
	char line[512];
	int n = 0;

	(void)arg;
	if (stat("/proc/self/ns/net", &before) == -1 ||
	    sandbox_newnet() == -1 || stat("/proc/self/ns/net", &after) == -1)
		return (1);
	if (before.st_ino == after.st_ino)
		return (2);
	/* A heading, and no route that leads anywhere. */
	if ((fp = fopen("/proc/self/net/route", "r")) == NULL)
		return (3);
	while (fgets(line, sizeof(line), fp) != NULL)
		n++;
	fclose(fp);
	return (n > 1 ? 4 : 0);
}

static int
child_newnet_refused(const void *arg)
{
	(void)arg;
	if (setresuid(65534, 65534, 65534) == -1)
		return (1);
	errno = 0;
	return (sandbox_newnet() == -1 && errno == EPERM ? 0 : 2);
}

static void
newnet(void **state)
{
	struct child_result r;

	(void)state;
	child_need_root();
	child_run(&r, child_newnet, NULL);
	child_expect_exit(&r, 0);
	child_run(&r, child_newnet_refused, NULL);
	child_expect_exit(&r, 0);
}

static int
limit_is(__rlimit_resource_t resource, rlim_t want)
{
	struct rlimit rl;

	if (getrlimit(resource, &rl) == -1)
		return (0);
	return (rl.rlim_cur == want && rl.rlim_max == want);
}

static int
child_rlimits(const void *arg)
{
	(void)arg;
	sandbox_rlimits(4096, 12);
	if (!limit_is(RLIMIT_NPROC, 0) || !limit_is(RLIMIT_CORE, 0) ||
	    !limit_is(RLIMIT_FSIZE, 4096) || !limit_is(RLIMIT_NOFILE, 12))
		return (1);
	if (fcntl(STDERR_FILENO, F_DUPFD, 12) != -1)
		return (2);
	/* No child process, once the user is not root's. */
	if (setresuid(65534, 65534, 65534) == -1)
		return (3);
	if (fork() != -1 || errno != EAGAIN)
		return (4);
	return (0);
}

static int
child_rlimits_refused(const void *arg)
{
	struct rlimit rl = { 8, 8 };

	(void)arg;
	if (setrlimit(RLIMIT_NOFILE, &rl) == -1 ||
	    setresuid(65534, 65534, 65534) == -1)
		return (1);
	sandbox_rlimits(0, 9);
	return (0);
}

static void
rlimits(void **state)
{
	struct child_result r;

	(void)state;
	child_need_root();
	child_run(&r, child_rlimits, NULL);
	child_expect_exit(&r, 0);
	child_run(&r, child_rlimits_refused, NULL);
	child_expect_fatal(&r, "setrlimit NOFILE");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    empty_dir_is_made, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    empty_dir_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    chroot_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(all_in_order, setup, teardown),
		cmocka_unit_test(newnet),
		cmocka_unit_test(rlimits),
	};

	return (cmocka_run_group_tests_name("sandbox", tests, NULL, NULL));
}
