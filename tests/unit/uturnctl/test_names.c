/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/loop.h"
#include "uturnctl/lock.h"
#include "uturnctl/names.h"
#include "uturnctl/reply.h"

/* A sanitizer's own work needs calls that the filter forbids. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

#define HOPS 3

struct fixture {
	struct reply r;
	struct reply_trace trace;
	struct msg_hop hop[HOPS];
	struct names names;
};

static int
setup(void **state)
{
	struct fixture *f;
	uint8_t i;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (-1);
	f->r.traces = &f->trace;
	f->r.ntraces = 1;
	f->trace.hops = f->hop;
	f->trace.nhops = HOPS;
	for (i = 0; i < HOPS; i++) {
		f->hop[i].hop = i + 1;
		f->hop[i].router.b[0] = 192;
		f->hop[i].router.b[3] = i + 1;
	}
	names_none(&f->names);
	*state = f;
	return (0);
}

/* The process ends by itself: nobody waits for it but this test. */
static int
teardown(void **state)
{
	struct fixture *f = *state;
	int status;

	names_free(&f->names);
	while (wait(&status) > 0)
		continue;
	free(f);
	return (0);
}

static const char *
name(const struct fixture *f, size_t hop)
{
	return (names_find(&f->names, f->hop[hop].family, &f->hop[hop].router));
}

static void
ask(struct fixture *f, names_lookup *lookup, int64_t time)
{
	names_start(&f->names, lookup);
	assert_int_not_equal(f->names.fd, -1);
	names_ask(&f->names, &f->r, loop_now() + time);
}

/* 192.0.0.1 has a name, 192.0.0.2 a hostile one, 192.0.0.3 none. */
static int
lookup_some(enum family family, const struct addr *addr, char *buf)
{
	static const char *const found[] = { "r1.example", "\x1b[2J\"\n\\" };

	if (family != FAMILY_V4 || addr->b[3] > 2)
		return (-1);
	(void)snprintf(buf, NAMES_LEN, "%s", found[addr->b[3] - 1]);
	return (0);
}

static void
test_some(void **state)
{
	struct fixture *f = *state;

	if (TEST_SANITIZED)
		skip();
	ask(f, lookup_some, 20 * NS_PER_S);
	assert_string_equal(name(f, 0), "r1.example");
	assert_string_equal(name(f, 1), "\\x1b[2J\"\\x0a\\\\");
	assert_null(name(f, 2));
	/* The same bytes of another family are another address. */
	f->hop[0].family = FAMILY_V6;
	assert_null(name(f, 0));
}

/* A name that fills its room, without a NUL. */
static int
lookup_long(enum family family, const struct addr *addr, char *buf)
{
	(void)family;
	memset(buf, addr->b[3] == 2 ? '\x80' : 'x', NAMES_LEN);
	return (0);
}

static void
test_long(void **state)
{
	struct fixture *f = *state;

	if (TEST_SANITIZED)
		skip();
	ask(f, lookup_long, 20 * NS_PER_S);
	assert_int_equal(strlen(name(f, 0)), NAMES_LEN);
	/* Each byte became four; a whole one is left out for the NUL. */
	assert_int_equal(strlen(name(f, 1)), 4 * (NAMES_LEN - 1));
}

static int
lookup_slow(enum family family, const struct addr *addr, char *buf)
{
	if (addr->b[3] > 1)
		(void)poll(NULL, 0, 60000);
	return (lookup_some(family, addr, buf));
}

static void
test_slow(void **state)
{
	struct fixture *f = *state;
	int64_t start = loop_now();

	if (TEST_SANITIZED)
		skip();
	ask(f, lookup_slow, NS_PER_S);
	assert_true(loop_now() - start < 5 * NS_PER_S);
	assert_string_equal(name(f, 0), "r1.example");
	assert_null(name(f, 1));
	assert_null(name(f, 2));
	/* teardown waits: its own alarm ends it. */
}

static int
lookup_forks(enum family family, const struct addr *addr, char *buf)
{
	if (addr->b[3] == 2)
		(void)fork();
	return (lookup_some(family, addr, buf));
}

/* One that is taken over: it is killed, and what it said before stands. */
static void
test_dies(void **state)
{
	struct fixture *f = *state;
	int64_t start = loop_now();
	int status;

	if (TEST_SANITIZED)
		skip();
	ask(f, lookup_forks, 60 * NS_PER_S);
	assert_true(loop_now() - start < 30 * NS_PER_S);
	assert_string_equal(name(f, 0), "r1.example");
	assert_null(name(f, 1));
	assert_true(wait(&status) > 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/* What it can do, as the names that it finds. */
static int
lookup_tries(enum family family, const struct addr *addr, char *buf)
{
	int fd, ok = 0;

	(void)family;
	switch (addr->b[3]) {
	case 1:
		ok = getuid() != 0 && geteuid() != 0 && setuid(0) == -1;
		break;
	case 2:
		if ((fd = open("/etc/passwd", O_RDONLY)) != -1) {
			ok = 1;
			close(fd);
		}
		break;
	case 3:
		/* The only descriptors are its socket and /dev/null. */
		ok = fcntl(4, F_GETFD) == -1 && fcntl(7, F_GETFD) == -1;
		break;
	}
	(void)snprintf(buf, NAMES_LEN, "%s", ok ? "yes" : "no");
	return (0);
}

static void
test_rights(void **state)
{
	struct fixture *f = *state;
	int fd;

	if (TEST_SANITIZED)
		skip();
	assert_int_not_equal(fd = open("/dev/null", O_RDONLY), -1);
	f->hop[0].router.b[3] = 2;
	f->hop[1].router.b[3] = 3;
	f->trace.nhops = 2;
	ask(f, lookup_tries, 20 * NS_PER_S);
	assert_string_equal(name(f, 0), "yes");
	assert_string_equal(name(f, 1), "yes");
	close(fd);
}

/* setuid is a call that it has no more: it dies of the attempt. */
static void
test_never_root(void **state)
{
	struct fixture *f = *state;
	int status;

	if (TEST_SANITIZED)
		skip();
	f->trace.nhops = 1;
	ask(f, lookup_tries, 20 * NS_PER_S);
	assert_null(name(f, 0));
	assert_true(wait(&status) > 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void
test_many(void **state)
{
	struct fixture *f = *state;
	static struct msg_hop hops[NAMES_MAX + 100];
	size_t i;

	if (TEST_SANITIZED)
		skip();
	for (i = 0; i < NAMES_MAX + 100; i++) {
		hops[i].router.b[0] = 10;
		hops[i].router.b[2] = (uint8_t)(i / 2 / 250);
		hops[i].router.b[3] = (uint8_t)(i / 2 % 250 + 1);
	}
	f->trace.hops = hops;
	f->trace.nhops = NAMES_MAX + 100;
	ask(f, lookup_long, 20 * NS_PER_S);
	assert_int_equal(f->names.n, NAMES_MAX / 2 + 50);
	for (i = 0; i < f->trace.nhops; i++)
		hops[i].router.b[1] = (uint8_t)(1 + i % 2);
	names_free(&f->names);
	ask(f, lookup_long, 20 * NS_PER_S);
	assert_int_equal(f->names.n, NAMES_MAX);
	assert_non_null(
	    names_find(&f->names, FAMILY_V4, &hops[NAMES_MAX - 1].router));
}

/* It went before it was asked. */
static void
test_gone(void **state)
{
	struct fixture *f = *state;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	close(sv[1]);
	f->names.fd = sv[0];
	names_ask(&f->names, &f->r, loop_now() + 20 * NS_PER_S);
	assert_null(name(f, 0));
}

/* What it says is not believed. */
static void
test_lies(void **state)
{
	static const uint32_t beyond = HOPS;
	struct fixture *f = *state;
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	assert_int_equal(
	    send(sv[1], &beyond, sizeof(beyond), 0), sizeof(beyond));
	f->names.fd = sv[0];
	names_ask(&f->names, &f->r, loop_now() + 20 * NS_PER_S);
	assert_null(name(f, 0));
	names_free(&f->names);
	close(sv[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	assert_int_equal(send(sv[1], &beyond, 3, 0), 3);
	f->names.fd = sv[0];
	names_ask(&f->names, &f->r, loop_now() + 20 * NS_PER_S);
	assert_null(name(f, 0));
	close(sv[1]);
}

static void
test_none(void **state)
{
	struct fixture *f = *state;

	names_ask(&f->names, &f->r, loop_now() + NS_PER_S);
	assert_null(name(f, 0));
	/* Nobody is asked where there is nothing to ask. */
	names_start(&f->names, lookup_some);
	f->r.ntraces = 0;
	names_ask(&f->names, &f->r, loop_now() + 20 * NS_PER_S);
	assert_int_equal(f->names.n, 0);
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_some),
		TEST(test_long),
		TEST(test_slow),
		TEST(test_dies),
		TEST(test_rights),
		TEST(test_never_root),
		TEST(test_many),
		TEST(test_gone),
		TEST(test_lies),
		TEST(test_none),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
