/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * With pools: no allocation, and no system call but sendmsg and recvmsg.
 * Without: what happens when there is no memory.
 */

#include <sys/syscall.h>

#include <seccomp.h>

#include "tests/unit/common/test_imsg.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* Calls of malloc(3) and its like in this process. */
static size_t allocs;
static size_t frees;

#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>

static void
hook_malloc(const volatile void *p, size_t len)
{
	(void)p;
	(void)len;
	allocs++;
}

static void
hook_free(const volatile void *p)
{
	(void)p;
	frees++;
}

static int
setup(void **state)
{
	(void)state;
	return (__sanitizer_install_malloc_and_free_hooks(
		    hook_malloc, hook_free) == 0);
}
#else
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);

/* So many allocations succeed, then one fails; -1: none fails. */
static int fail_after = -1;

static int
fails(void)
{
	allocs++;
	if (fail_after == -1 || fail_after-- > 0)
		return (0);
	errno = ENOMEM;
	return (1);
}

/* These stand in for the C library's in the whole process. */
void *
malloc(size_t len)
{
	return (fails() ? NULL : __libc_malloc(len));
}

void *
calloc(size_t n, size_t len)
{
	return (fails() ? NULL : __libc_calloc(n, len));
}

void *
realloc(void *p, size_t len)
{
	return (fails() ? NULL : __libc_realloc(p, len));
}

void
free(void *p)
{
	frees++;
	__libc_free(p);
}

static int
setup(void **state)
{
	(void)state;
	return (0);
}
#endif

/* Ten messages to and fro; returns how many came through as they must. */
static int
round_trip(struct pair *p)
{
	struct imsg imsg;
	struct ibuf *msg;
	uint32_t i, v;
	int n = 0;

	for (i = 0; i < 10; i++) {
		if (i % 2 == 0) {
			(void)imsg_compose(&p->a, i, 0, 0, -1, &i, sizeof(i));
			continue;
		}
		if ((msg = imsg_create(&p->a, i, 0, 0, 0)) == NULL)
			return (-1);
		(void)ibuf_add_h32(msg, i);
		imsg_close(&p->a, msg);
	}
	if (imsgbuf_write(&p->a) == -1 || imsgbuf_flush(&p->a) == -1 ||
	    imsgbuf_read(&p->b) != 1 || imsgbuf_read(&p->b) != 1)
		return (-1);
	while (imsgbuf_get(&p->b, &imsg) == 1) {
		n += imsg_get_data(&imsg, &v, sizeof(v)) == 0 &&
		    v == imsg_get_type(&imsg);
		imsg_free(&imsg);
	}
	return (n);
}

static void
pair_open_pools(struct pair *p, struct ibuf_pool **pool)
{
	assert_non_null(*pool = ibuf_pool_new(12, MAX_IMSGSIZE));
	pair_open(p);
	assert_int_equal(imsgbuf_set_pool(&p->a, *pool, *pool), 0);
	assert_int_equal(imsgbuf_set_pool(&p->b, *pool, *pool), 0);
}

static void
test_no_allocation(void **state)
{
	struct ibuf_pool *pool;
	struct pair p;
	size_t allocs0, frees0;
	int i, n = 0;

	(void)state;
	allocs0 = allocs;
	pair_open_pools(&p, &pool);
	/* The counter works. */
	assert_true(allocs > allocs0);
	allocs0 = allocs;
	frees0 = frees;
	for (i = 0; i < 100; i++)
		n += round_trip(&p);
	assert_int_equal(allocs, allocs0);
	assert_int_equal(frees, frees0);
	assert_int_equal(n, 1000);
	assert_int_equal(ibuf_pool_avail(pool), 12);
	pair_close(&p);
	ibuf_pool_free(pool);
}

/* A child that may call nothing but sendmsg(2), recvmsg(2) and exit. */
static void
run_confined(struct pair *p)
{
	scmp_filter_ctx ctx;
	int i, n = 0;

	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL ||
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 0) != 0 ||
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(recvmsg), 0) != 0 ||
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0) !=
		0 ||
	    seccomp_load(ctx) != 0)
		_exit(2);
	for (i = 0; i < 100; i++)
		n += round_trip(p);
	/* Not _exit: the sanitizers call more before a function of no return.
	 */
	(void)syscall(SYS_exit_group, n == 1000 ? 0 : 1);
}

static void
test_no_other_system_call(void **state)
{
	struct ibuf_pool *pool;
	struct pair p;
	pid_t pid;
	int status;

	(void)state;
	pair_open_pools(&p, &pool);
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0)
		run_confined(&p);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	pair_close(&p);
	ibuf_pool_free(pool);
}

#if !__has_feature(address_sanitizer)
/* Is call's result bad, with ENOMEM, if its allocation number n fails? */
#define assert_no_memory(n, call, bad)                        \
	do {                                                  \
		int matches;                                  \
		errno = 0;                                    \
		fail_after = (n);                             \
		matches = (call) == (bad) && errno == ENOMEM; \
		assert_int_equal(fail_after, -1);             \
		assert_true(matches);                         \
	} while (0)

static void
test_no_memory(void **state)
{
	struct imsgbuf ib;
	struct imsg imsg;
	struct ibuf *buf;
	struct pair p;
	char three[] = "abc";

	(void)state;
	assert_no_memory(0, imsgbuf_init(&ib, 0), -1);
	assert_no_memory(0, ibuf_open(3), NULL);
	assert_no_memory(1, ibuf_open(3), NULL);
	assert_no_memory(1, ibuf_dynamic(3, 4), NULL);
	assert_no_memory(0, ibuf_pool_new(3, 4), NULL);
	assert_no_memory(1, ibuf_pool_new(3, 4), NULL);

	pair_open(&p);
	assert_no_memory(0, imsgbuf_set_maxsize(&p.a, 100000), -1);
	assert_int_equal(p.a.maxsize, MAX_IMSGSIZE);
	assert_no_memory(0, imsg_create(&p.a, 1, 0, 0, 3), NULL);
	assert_no_memory(1, imsg_compose(&p.a, 1, 0, 0, -1, three, 3), -1);
	assert_non_null(buf = ibuf_dynamic(1, 9));
	assert_no_memory(0, ibuf_add(buf, three, 3), -1);
	assert_int_equal(ibuf_add(buf, three, 1), 0);
	assert_memory_equal(ibuf_data(buf), "a", 1);
	assert_no_memory(0, ibuf_get_string(buf, 1), NULL);
	assert_int_equal(ibuf_size(buf), 1);
	assert_no_memory(0, imsg_compose_ibuf(&p.a, 1, 0, 0, buf), -1);
	assert_non_null(buf = imsg_create(&p.a, 1, 0, 0, 1));
	assert_no_memory(0, imsg_add(buf, three, 3), -1);
	assert_int_equal(imsgbuf_queuelen(&p.a), 0);

	/* A message that there is no memory for stays. */
	assert_int_equal(imsg_compose(&p.a, 1, 0, 0, -1, three, 3), 1);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_no_memory(0, imsgbuf_get(&p.b, &imsg), -1);
	assert_no_memory(1, imsgbuf_get(&p.b, &imsg), -1);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_data(&imsg, three, 3), 0);
	imsg_free(&imsg);
	pair_close(&p);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_allocation),
		cmocka_unit_test(test_no_other_system_call),
#if !__has_feature(address_sanitizer)
		cmocka_unit_test(test_no_memory),
#endif
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
