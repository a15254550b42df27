/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "utrace/run.h"

/*
 * From bytes to output, reader and all, in one process.  The inputs are
 * tests/utrace/NAME.in, what is expected of them NAME.table, .list and .json,
 * from the tree's top.  UTRACE_GOLDEN=write writes those instead: look at
 * the difference before it is kept.
 */
#define GOLDEN_DIR "tests/utrace/"

/* traceroute's own output, if its name has a family, else written by hand. */
static const char *const golden[] = { "own4", "own6", "own4-names", "own4-icmp",
	"own6-parallel", "own6-tcp", "router4-names", "router6-parallel",
	"hop4-parallel", "hop6", "prefix4", "prefix6", "silent4", "plain4",
	"inetutils", "words4", "words6", "symmetric4", "ecmp4", "bsd4",
	"bsd4-header", "three", "hostile" };
static const char *const forms[] = { "table", "list", "json" };

/* What came out: two texts, and run_decode's result. */
struct golden_result {
	int rc;
	char *out;
	size_t outlen;
	char *err;
	size_t errlen;
};

static char *
golden_file(const char *path, size_t *len)
{
	char *buf;
	FILE *fp;

	*len = 0;
	if ((fp = fopen(path, "r")) == NULL)
		return (NULL);
	buf = malloc(1 << 20);
	assert_non_null(buf);
	*len = fread(buf, 1, 1 << 20, fp);
	assert_true(*len < 1 << 20);
	fclose(fp);
	return (buf);
}

/* A file in memory, empty, the same one at each call. */
static int
golden_memory(int *fd, const char *name)
{
	if (*fd == -1)
		*fd = memfd_create(name, 0);
	assert_int_not_equal(*fd, -1);
	assert_int_equal(ftruncate(*fd, 0), 0);
	assert_int_equal(lseek(*fd, 0, SEEK_SET), 0);
	return (*fd);
}

static void
golden_run(const char *in, size_t len, int form, struct golden_result *res)
{
	static struct names names;
	static struct run run;
	static int input = -1, msgs = -1;

	(void)golden_memory(&input, "input");
	(void)golden_memory(&msgs, "messages");
	assert_int_equal(reader_put(input, in, len), 1);
	assert_int_equal(lseek(input, 0, SEEK_SET), 0);
	assert_int_equal(reader_run(input, msgs), 0);
	assert_int_equal(lseek(msgs, 0, SEEK_SET), 0);

	names_init(&names, -1, -1);
	run.line = run.len = run.size = run.printed = 0;
	run.nhops = run.nturns = 0;
	run.form = form;
	run.in = msgs;
	run.out = open_memstream(&res->out, &res->outlen);
	run.err = open_memstream(&res->err, &res->errlen);
	run.width = OUTPUT_WIDTH_MIN;
	run.with_names = 1;
	run.names = &names;
	res->rc = run_decode(&run);
	fclose(run.out);
	fclose(run.err);
}

static void
golden_free(struct golden_result *res)
{
	free(res->out);
	free(res->err);
}

/* Printable, and lines; no blank at a line's end that we put there. */
static void
golden_printable(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		assert_true(
		    text[i] == '\n' || (text[i] >= 0x20 && text[i] <= 0x7e));
}

static void
golden_files(void **state)
{
	struct golden_result res;
	char path[128], *in, *want;
	size_t i, f, inlen, len;
	int write = getenv("UTRACE_GOLDEN") != NULL;
	FILE *fp;

	(void)state;
	for (i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		snprintf(path, sizeof(path), GOLDEN_DIR "%s.in", golden[i]);
		if ((in = golden_file(path, &inlen)) == NULL)
			fail_msg("%s is missing", path);
		for (f = 0; f < 3; f++) {
			golden_run(in, inlen, (int)f, &res);
			assert_int_equal(res.rc, 0);
			golden_printable(res.out, res.outlen);
			golden_printable(res.err, res.errlen);
			snprintf(path, sizeof(path), GOLDEN_DIR "%s.%s",
			    golden[i], forms[f]);
			if (write) {
				assert_non_null(fp = fopen(path, "w"));
				fwrite(res.out, 1, res.outlen, fp);
				fclose(fp);
			}
			want = golden_file(path, &len);
			if (want == NULL || len != res.outlen ||
			    memcmp(want, res.out, len) != 0)
				fail_msg("%s is not what came out:\n%s", path,
				    res.out);
			free(want);
			golden_free(&res);
		}
		free(in);
	}
}

/* Without an inflection: as it came, and a line that says so. */
static void
golden_plain(void **state)
{
	struct golden_result res;
	char *in;
	size_t len;
	int form;

	(void)state;
	in = golden_file(GOLDEN_DIR "plain4.in", &len);
	assert_non_null(in);
	for (form = RUN_TABLE; form <= RUN_LIST; form++) {
		golden_run(in, len, form, &res);
		assert_int_equal(res.rc, 0);
		assert_int_equal(res.outlen, len);
		assert_memory_equal(res.out, in, len);
		assert_string_equal(res.err,
		    "utrace: no inflection seen: does 198.51.100.53 run "
		    "uturnd?\n");
		golden_free(&res);
	}
	free(in);
}

/* Input that ends anywhere. */
static void
golden_truncated(void **state)
{
	static const char *const names[] = { "words4", "own6-parallel",
		"hostile" };
	struct golden_result res;
	char path[128], *in;
	size_t i, len, n;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), GOLDEN_DIR "%s.in", names[i]);
		assert_non_null(in = golden_file(path, &len));
		for (n = 0; n < len; n++) {
			golden_run(in, n, (int)(n % 3), &res);
			golden_printable(res.out, res.outlen);
			golden_free(&res);
		}
		free(in);
	}
}

/* A good input with bytes changed, and bytes without sense at all. */
static void
golden_garbage(void **state)
{
	struct golden_result res;
	char *in, buf[8192];
	size_t len, i, k;
	int form;

	(void)state;
	srandom(7);
	assert_non_null(in = golden_file(GOLDEN_DIR "words4.in", &len));
	for (i = 0; i < 1500; i++) {
		assert_true(len < sizeof(buf));
		memcpy(buf, in, len);
		for (k = 0; k < 1 + i % 8; k++)
			buf[(size_t)random() % len] = i % 2
			    ? (char)random()
			    : " <>()[]\",;:/*!.0123456789"
			      "ASmsNXT\n"[random() % 34];
		form = (int)(i % 3);
		golden_run(buf, len, form, &res);
		golden_printable(res.out, res.outlen);
		golden_free(&res);
	}
	for (i = 0; i < 50; i++) {
		for (k = 0; k < sizeof(buf); k++)
			buf[k] = (char)random();
		golden_run(buf, sizeof(buf), (int)(i % 3), &res);
		golden_printable(res.out, res.outlen);
		golden_free(&res);
	}
	free(in);
}

/* Nothing of traceroute's: an error, and the text. */
static void
golden_nothing(void **state)
{
	struct golden_result res;

	(void)state;
	golden_run("hello\n\nworld", 12, RUN_TABLE, &res);
	assert_int_equal(res.rc, -1);
	assert_string_equal(res.out, "hello\n\nworld\n");
	assert_string_equal(
	    res.err, "utrace: no line was one of traceroute's\n");
	golden_free(&res);
	golden_run("", 0, RUN_JSON, &res);
	assert_int_equal(res.rc, -1);
	assert_string_equal(res.out, "");
	golden_free(&res);
}

/* A line that is too long, and input that is. */
static void
golden_long(void **state)
{
	struct golden_result res;
	char *buf;
	size_t i, len = READER_INPUT_MAX + 100000;

	(void)state;
	assert_non_null(buf = malloc(len));
	memset(buf, 'x', len);
	golden_run(buf, 100000, RUN_LIST, &res);
	assert_int_equal(res.rc, -1);
	assert_int_equal(res.outlen, READER_LINE_MAX + 1);
	golden_free(&res);
	/* Escaped, it is four times as long, and all of it there. */
	memset(buf, '\001', 5000);
	golden_run(buf, 5000, RUN_TABLE, &res);
	assert_int_equal(res.outlen, 4 * 5000 + 1);
	golden_free(&res);
	for (i = 999; i < len; i += 1000)
		buf[i] = '\n';
	golden_run(buf, len, RUN_TABLE, &res);
	assert_int_equal(res.rc, -1);
	assert_true(res.outlen >= READER_INPUT_MAX);
	assert_non_null(strstr(res.err, "the rest is left out"));
	golden_free(&res);
	free(buf);
}

/* What is no message of ours ends the run. */
static void
golden_messages(void **state)
{
	static struct reader_msg m;
	static struct hop bad;
	FILE *msgs = tmpfile();
	int fd, i;

	(void)state;
	assert_non_null(msgs);
	fd = fileno(msgs);
	for (i = 0; i < 7; i++) {
		memset(&m, 0, sizeof(m));
		memset(&bad, 0, sizeof(bad));
		m.what = READER_HOP;
		bad.ttl = 1;
		bad.nanswers = bad.nprobes = 1;
		bad.answers[0].from.known = 1;
		switch (i) {
		case 0:
			m.what = READER_END + 1;
			break;
		case 1:
			m.text[0] = '\033';
			break;
		case 2:
			memset(m.text, 'x', sizeof(m.text));
			break;
		case 3:
			bad.probes[0].answer = 1;
			break;
		case 4:
			bad.nanswers = HOP_PROBES + 1;
			break;
		case 5:
			bad.answers[0].name[0] = '\n';
			break;
		case 6:
			bad.answers[0].from.family = FAMILY_MAX;
			break;
		}
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		reader_put(fd, &m.what, sizeof(m.what));
		reader_put(fd, m.text, sizeof(m.text));
		reader_put(fd, &bad, sizeof(bad));
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(reader_get(fd, &m), -1);
	}
	/* Less than a message: whoever writes them is gone. */
	assert_int_equal(ftruncate(fd, 9), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(reader_get(fd, &m), 0);
	fclose(msgs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_files),
		cmocka_unit_test(golden_plain),
		cmocka_unit_test(golden_truncated),
		cmocka_unit_test(golden_garbage),
		cmocka_unit_test(golden_nothing),
		cmocka_unit_test(golden_long),
		cmocka_unit_test(golden_messages),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
