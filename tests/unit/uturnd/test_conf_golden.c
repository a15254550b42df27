/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Walks tests/conf: each NAME.conf prints as NAME.ok and warns as NAME.err
 * (none: no warning); what is printed reads back as the same configuration;
 * its rules are NAME.nftables and so on, where that is there.
 * Each bad/NAME.conf is refused with exactly bad/NAME.err.  The files are
 * copied first, since the owner and mode of a work tree are not ours.  To
 * write the expected files anew: UTURND_GOLDEN=write, from the tree's top.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "confutil.h"
#include "uturnd/rules.h"

struct golden {
	char dir[64];       /* the copy */
	char top[PATH_MAX]; /* the tree */
	int write;
};

static char *
golden_read(const char *path)
{
	char *buf = NULL, chunk[4096];
	size_t len, n;
	FILE *f, *m;

	if ((f = fopen(path, "r")) == NULL)
		return (NULL);
	m = open_memstream(&buf, &len);
	assert_non_null(m);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		assert_int_equal(fwrite(chunk, 1, n, m), n);
	assert_int_equal(fclose(m), 0);
	(void)fclose(f);
	return (buf);
}

static void
golden_copy(const char *from, const char *to)
{
	char *text;
	FILE *f;

	text = golden_read(from);
	if (text == NULL)
		fail_msg(
		    "%s: can't be read; tests run from the tree's top", from);
	f = fopen(to, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(to, 0600), 0);
	free(text);
}

static void
golden_copy_folder(const struct golden *g, const char *folder)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct dirent *e;
	DIR *d;
	int n;

	n = snprintf(from, sizeof(from), "%s/tests/conf/%s", g->top, folder);
	assert_true(n > 0 && (size_t)n < sizeof(from));
	d = opendir(from);
	if (d == NULL)
		fail_msg("%s: not there; tests run from the tree's top", from);
	if (folder[0] != '\0')
		assert_int_equal(mkdir(folder, 0700), 0);
	while ((e = readdir(d)) != NULL) {
		if (strchr(e->d_name, '.') == NULL || e->d_name[0] == '.')
			continue;
		n = snprintf(from, sizeof(from), "%s/tests/conf/%s/%s", g->top,
		    folder, e->d_name);
		assert_true(n > 0 && (size_t)n < sizeof(from));
		n = snprintf(to, sizeof(to), "./%s/%s", folder, e->d_name);
		assert_true(n > 0 && (size_t)n < sizeof(to));
		golden_copy(from, to);
	}
	(void)closedir(d);
}

static int
golden_setup(void **state)
{
	static struct golden g;
	const char *mode;

	mode = getenv("UTURND_GOLDEN");
	g.write = mode != NULL && strcmp(mode, "write") == 0;
	assert_non_null(getcwd(g.top, sizeof(g.top)));
	(void)snprintf(g.dir, sizeof(g.dir), "/tmp/uturnd-conf.XXXXXX");
	assert_non_null(mkdtemp(g.dir));
	assert_int_equal(chdir(g.dir), 0);
	golden_copy_folder(&g, "");
	golden_copy_folder(&g, "bad");
	golden_copy_folder(&g, "include");
	*state = &g;
	return (0);
}

static void
golden_empty(const char *folder)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	if ((d = opendir(folder)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		(void)unlink(path);
	}
	(void)closedir(d);
}

static int
golden_teardown(void **state)
{
	const struct golden *g = *state;

	golden_empty("bad");
	golden_empty("include");
	(void)rmdir("bad");
	(void)rmdir("include");
	golden_empty(".");
	if (chdir(g->top) == -1)
		return (-1);
	return (rmdir(g->dir));
}

/* Compares with the expected file of that ending; none: the empty text. */
static void
golden_compare(
    const struct golden *g, const char *conf, const char *end, const char *got)
{
	char path[PATH_MAX], real[3 * PATH_MAX];
	char *want;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%.*s.%s",
	    (int)(strlen(conf) - strlen(".conf")), conf, end);
	if (g->write && got[0] != '\0') {
		(void)snprintf(
		    real, sizeof(real), "%s/tests/conf/%s", g->top, path);
		f = fopen(real, "w");
		assert_non_null(f);
		assert_true(fputs(got, f) >= 0);
		assert_int_equal(fclose(f), 0);
		return;
	}
	want = golden_read(path);
	if (strcmp(got, want == NULL ? "" : want) != 0)
		fail_msg("%s: written is\n%s\nexpected is\n%s", path, got,
		    want == NULL ? "" : want);
	free(want);
}

static struct conf *
golden_load(const char *path, char **err)
{
	struct conf_options opt;
	struct conf *c;
	size_t len;

	memset(&opt, 0, sizeof(opt));
	opt.verbose = 1;
	opt.advise = 1;
	opt.err = open_memstream(err, &len);
	assert_non_null(opt.err);
	c = conf_load(path, &opt);
	assert_int_equal(fclose(opt.err), 0);
	return (c);
}

/* The rules, where an expected file is there (empty: to be written). */
static void
golden_rules(const struct golden *g, const char *path, const struct conf *c)
{
	static const char *const forms[] = { "nftables", "iptables",
		"ip6tables" };
	char expected[PATH_MAX], *text;
	enum rules_form form;
	size_t i, len;
	FILE *f;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_int_equal(rules_form_parse(forms[i], &form), 0);
		(void)snprintf(expected, sizeof(expected), "%.*s.%s",
		    (int)(strlen(path) - strlen(".conf")), path, forms[i]);
		if (access(expected, F_OK) == -1)
			continue;
		f = open_memstream(&text, &len);
		assert_non_null(f);
		assert_int_equal(rules_print(c, form, f), 0);
		assert_int_equal(fclose(f), 0);
		golden_compare(g, path, forms[i], text);
		free(text);
	}
}

static void
golden_good(const struct golden *g, const char *path)
{
	struct conf *a, *b;
	char *err, *first, *second;

	if ((a = golden_load(path, &err)) == NULL)
		fail_msg("%s", err);
	golden_compare(g, path, "err", err);
	free(err);
	first = confutil_print(a);
	golden_compare(g, path, "ok", first);
	golden_rules(g, path, a);
	b = confutil_parse(first, NULL, &err);
	if (b == NULL)
		fail_msg("%s does not read back:\n%s", path, err);
	confutil_same(a, b);
	second = confutil_print(b);
	assert_string_equal(first, second);
	free(err);
	free(first);
	free(second);
	conf_free(a);
	conf_free(b);
}

static void
golden_bad(const struct golden *g, const char *path)
{
	struct conf *c;
	char *err;

	c = golden_load(path, &err);
	if (c != NULL)
		fail_msg("%s: not refused", path);
	assert_true(err[0] != '\0');
	golden_compare(g, path, "err", err);
	free(err);
}

static unsigned int
golden_walk(const struct golden *g, const char *folder,
    void (*check)(const struct golden *, const char *))
{
	char path[PATH_MAX];
	struct dirent **list;
	unsigned int count = 0;
	size_t len;
	int i, n;

	n = scandir(folder, &list, NULL, alphasort);
	assert_true(n > 0);
	for (i = 0; i < n; i++) {
		len = strlen(list[i]->d_name);
		if (len > 5 &&
		    strcmp(list[i]->d_name + len - 5, ".conf") == 0) {
			if (strcmp(folder, ".") == 0)
				(void)snprintf(
				    path, sizeof(path), "%s", list[i]->d_name);
			else
				(void)snprintf(path, sizeof(path), "%s/%s",
				    folder, list[i]->d_name);
			check(g, path);
			count++;
		}
		free(list[i]);
	}
	free(list);
	return (count);
}

static void
test_good(void **state)
{
	assert_true(golden_walk(*state, ".", golden_good) >= 6);
}

static void
test_bad(void **state)
{
	assert_true(golden_walk(*state, "bad", golden_bad) >= 10);
}

static void
test_example(void **state)
{
	const struct golden *g = *state;
	char path[2 * PATH_MAX];
	struct conf *c;
	char *err;

	(void)snprintf(
	    path, sizeof(path), "%s/uturnd/uturnd.conf.example", g->top);
	golden_copy(path, "example");
	c = golden_load("example", &err);
	assert_non_null(c);
	assert_string_equal(err, "");
	assert_int_equal(c->policy.nlisten, 2);
	free(err);
	conf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_example),
	};

	return (cmocka_run_group_tests(tests, golden_setup, golden_teardown));
}
