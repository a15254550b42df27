/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Which files are read at all, and what may be included. */

#include <sys/stat.h>

#include <limits.h>
#include <unistd.h>

#include "confutil.h"

#define LISTEN "listen on 192.0.2.53\n"

struct folder {
	char dir[64];
	char before[PATH_MAX];
};

static void
file_write(const char *path, const char *text, mode_t mode)
{
	FILE *f;

	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static struct conf *
file_load(const char *path, char **err)
{
	struct conf_options opt;
	struct conf *c;
	size_t len;

	memset(&opt, 0, sizeof(opt));
	opt.err = open_memstream(err, &len);
	assert_non_null(opt.err);
	c = conf_load(path, &opt);
	assert_int_equal(fclose(opt.err), 0);
	return (c);
}

static void
file_good(const char *path)
{
	struct conf *c;
	char *err;

	if ((c = file_load(path, &err)) == NULL)
		fail_msg("%s", err);
	free(err);
	conf_free(c);
}

static void
file_bad(const char *path, const char *why)
{
	struct conf *c;
	char *err;

	if ((c = file_load(path, &err)) != NULL)
		fail_msg("%s: not refused", path);
	if (strstr(err, why) == NULL)
		fail_msg("%s\nexpected: %s", err, why);
	free(err);
}

static int
folder_setup(void **state)
{
	static struct folder d;

	assert_non_null(getcwd(d.before, sizeof(d.before)));
	(void)snprintf(d.dir, sizeof(d.dir), "/tmp/uturnd-file.XXXXXX");
	assert_non_null(mkdtemp(d.dir));
	assert_int_equal(chdir(d.dir), 0);
	*state = &d;
	return (0);
}

static int
folder_teardown(void **state)
{
	static const char *const names[] = { "a.conf", "b.inc", "fifo",
		"link.conf", "sub/c.inc", "0.inc", "1.inc", "2.inc", "3.inc",
		"4.inc", "5.inc", "6.inc", "7.inc", "8.inc" };
	const struct folder *d = *state;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(names[i]);
	(void)rmdir("sub");
	if (chdir(d->before) == -1)
		return (-1);
	return (rmdir(d->dir));
}

static void
test_modes(void **state)
{
	(void)state;
	file_write("a.conf", LISTEN, 0600);
	file_good("a.conf");
	assert_int_equal(chmod("a.conf", 0644), 0);
	file_good("a.conf");
	assert_int_equal(chmod("a.conf", 0640), 0);
	file_good("a.conf");
	assert_int_equal(chmod("a.conf", 0620), 0);
	file_bad("a.conf", "a.conf: writable by more than its owner");
	assert_int_equal(chmod("a.conf", 0602), 0);
	file_bad("a.conf", "writable by more than its owner");
	assert_int_equal(chmod("a.conf", 0666), 0);
	file_bad("a.conf", "writable by more than its owner");
	assert_int_equal(chmod("a.conf", 0600), 0);
	/* The descriptor is checked, so a link is as good as its target. */
	assert_int_equal(symlink("a.conf", "link.conf"), 0);
	file_good("link.conf");
	assert_int_equal(chmod("a.conf", 0662), 0);
	file_bad("link.conf", "writable by more than its owner");
	file_bad("none.conf", "none.conf: No such file or directory");
	file_bad("/tmp", "/tmp: not a regular file");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	file_bad("fifo", "fifo: not a regular file");
	/* Included ones, too. */
	file_write("a.conf", "include \"b.inc\"\n", 0600);
	file_write("b.inc", LISTEN, 0600);
	file_good("a.conf");
	assert_int_equal(chmod("b.inc", 0660), 0);
	file_bad("a.conf", "a.conf:1: include \"b.inc\": writable by more");
}

static void
test_owner(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	file_write("a.conf", LISTEN, 0600);
	file_good("a.conf");
	assert_int_equal(chown("a.conf", 65534, (gid_t)-1), 0);
	file_bad("a.conf", "must belong to root or to the user");
	/* Its owner may; somebody else may read what is root's. */
	assert_int_equal(chmod(".", 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	file_good("a.conf");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown("a.conf", 0, (gid_t)-1), 0);
	assert_int_equal(chmod("a.conf", 0644), 0);
	assert_int_equal(seteuid(65534), 0);
	file_good("a.conf");
	assert_int_equal(seteuid(0), 0);
}

static void
test_include_paths(void **state)
{
	const struct folder *d = *state;
	char text[256], path[128];

	assert_int_equal(mkdir("sub", 0700), 0);
	file_write("sub/c.inc", LISTEN, 0600);
	file_write("a.conf", "include \"sub/c.inc\"\n", 0600);
	file_good("a.conf");
	file_good("./a.conf");
	(void)snprintf(path, sizeof(path), "%s/a.conf", d->dir);
	file_good(path);
	/* Absolute and below, however the first file was named. */
	(void)snprintf(
	    text, sizeof(text), "include \"%s/sub/c.inc\"\n", d->dir);
	file_write("a.conf", text, 0600);
	file_good(path);
	file_good("a.conf");
	file_good("./a.conf");
	/* Above, beside, and a folder whose name only begins alike. */
	file_write("a.conf", "include \"/etc/hostname\"\n", 0600);
	file_bad("a.conf", "not below the folder");
	file_bad(path, "not below the folder");
	(void)snprintf(text, sizeof(text), "include \"%sx/c.inc\"\n", d->dir);
	file_write("a.conf", text, 0600);
	file_bad(path, "not below the folder");
	(void)snprintf(text, sizeof(text), "include \"%s/../c.inc\"\n", d->dir);
	file_write("a.conf", text, 0600);
	file_bad(path, "not below the folder");
	file_write("a.conf", "include \"sub/..\"\n", 0600);
	file_bad("a.conf", "not below the folder");
	/* Two dots in a name are no step up. */
	file_write("a.conf", "include \"sub/..c\"\n", 0600);
	file_bad("a.conf", "No such file");
	/* Relative to the first file's folder, not to the includer's. */
	file_write("sub/c.inc", "include \"c.inc\"\n", 0600);
	file_write("a.conf", "include \"sub/c.inc\"\n", 0600);
	file_bad("a.conf", "sub/c.inc:1: include \"c.inc\": No such file");
	confutil_bad("include \"x\"\n", "only allowed in a file");
}

static void
test_include_depth(void **state)
{
	char name[16], text[64];
	unsigned int i;

	(void)state;
	/* a.conf and seven more within each other are the most. */
	file_write("a.conf", "include \"0.inc\"\n", 0600);
	for (i = 0; i < 6; i++) {
		(void)snprintf(name, sizeof(name), "%u.inc", i);
		(void)snprintf(
		    text, sizeof(text), "include \"%u.inc\"\n", i + 1);
		file_write(name, text, 0600);
	}
	file_write("6.inc", LISTEN, 0600);
	file_good("a.conf");
	file_write("6.inc", "include \"7.inc\"\n", 0600);
	file_write("7.inc", LISTEN, 0600);
	file_bad("a.conf", "6.inc:1: include \"7.inc\": too deep; at most 8");
	/* A ring. */
	file_write("6.inc", "include \"2.inc\"\n", 0600);
	file_bad("a.conf", "6.inc:1: include \"2.inc\": the file includes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_modes, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
		    test_owner, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
		    test_include_paths, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
		    test_include_depth, folder_setup, folder_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
