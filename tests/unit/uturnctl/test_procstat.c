/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "uturnctl/procstat.h"

/* As the kernel writes it, with lines that look alike. */
#define STATUS(uid, eff, nnp, seccomp, rss)                        \
	"Name:\tUid: 0 0\nUmask:\t0077\nState:\tS (sleeping)\n"    \
	"Uid:\t" uid "\nGid:\t991\t991\t991\t991\nFDSize:\t64\n"   \
	"VmSize:\t    9000 kB\n" rss "CapInh:\t0000000000000000\n" \
	"CapPrm:\t0000000000001000\nCapEff:\t" eff "\n"            \
	"CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n"   \
	"NoNewPrivs:\t" nnp "\nSeccomp_filters:\t3\nSeccomp:\t" seccomp "\n"
#define RSS "VmRSS:\t    1234 kB\n"

static void
test_parse(void **state)
{
	struct procstat ps;

	(void)state;
	assert_int_equal(
	    procstat_parse(
		STATUS("1\t990\t3\t4", "0000000000001000", "1", "2", RSS), &ps),
	    0);
	/* The effective one, not the real one. */
	assert_int_equal(ps.uid, 990);
	assert_true(ps.cap_eff == 0x1000);
	assert_true(ps.cap_bnd == 0x1ffffffffff);
	assert_int_equal(ps.no_new_privs, 1);
	/* Not Seccomp_filters. */
	assert_int_equal(ps.seccomp, 2);
	assert_int_equal(ps.rss_kb, 1234);
	/* A process that ends has no memory left. */
	assert_int_equal(
	    procstat_parse(STATUS("1\t990\t3\t4", "0", "1", "2", ""), &ps), 0);
	assert_int_equal(ps.rss_kb, 0);
}

static void
test_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"Uid:",
		"Uid:\t0\n",
		STATUS("1", "0", "1", "2", RSS),
		STATUS("1\t-1\t1\t1", "0", "1", "2", RSS),
		STATUS("1\t4294967296\t1\t1", "0", "1", "2", RSS),
		STATUS("1\t2x\t1\t1", "0", "1", "2", RSS),
		STATUS("1\t2\t1\t1", "", "1", "2", RSS),
		STATUS("1\t2\t1\t1", "10000000000000000", "1", "2", RSS),
		STATUS("1\t2\t1\t1", "g", "1", "2", RSS),
		STATUS("1\t2\t1\t1", "0", "2", "2", RSS),
		STATUS("1\t2\t1\t1", "0", "", "2", RSS),
		STATUS("1\t2\t1\t1", "0", "1", "3", RSS),
		STATUS("1\t2\t1\t1", "0", "1", "2", "VmRSS:\n"),
	};
	struct procstat ps;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(procstat_parse(bad[i], &ps), -1);
}

static void
test_self(void **state)
{
	struct procstat ps;

	(void)state;
	assert_int_equal(procstat_read((uint32_t)getpid(), &ps), 0);
	assert_int_equal(ps.uid, geteuid());
	assert_true(ps.rss_kb > 0);
	errno = 0;
	assert_int_equal(procstat_read(INT32_MAX, &ps), -1);
	assert_int_equal(errno, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_self),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
