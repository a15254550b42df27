/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Sending: batches, partial writes, dead peers, full sockets, time limits. */

#include <sys/syscall.h>

#include <poll.h>
#include <time.h>

#include "tests/unit/common/test_imsg.h"

/*
 * These stand in for the C library's, so that a test can inject errors and
 * need not wait.
 */
static int inject;        /* errno of the next sendmsg or recvmsg, or 0 */
static int fake_clock;    /* is time our own? */
static long long now_ns;  /* then it is this */
static long long step_ns; /* ppoll is interrupted after so long, or 0 */
static int polls;

ssize_t
sendmsg(int fd, const struct msghdr *mh, int flags)
{
	/* No call may raise SIGPIPE, nor block. */
	if ((flags & MSG_NOSIGNAL) == 0 || (flags & MSG_DONTWAIT) == 0)
		abort();
	if (inject != 0) {
		errno = inject;
		inject = 0;
		return (-1);
	}
	return (syscall(SYS_sendmsg, fd, mh, flags));
}

ssize_t
recvmsg(int fd, struct msghdr *mh, int flags)
{
	if ((flags & MSG_CMSG_CLOEXEC) == 0)
		abort();
	if (inject != 0) {
		errno = inject;
		inject = 0;
		return (-1);
	}
	return (syscall(SYS_recvmsg, fd, mh, flags));
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (!fake_clock)
		return ((int)syscall(SYS_clock_gettime, id, ts));
	ts->tv_sec = now_ns / 1000000000;
	ts->tv_nsec = now_ns % 1000000000;
	return (0);
}

int
ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts,
    const sigset_t *mask)
{
	struct timespec copy = *ts;
	long long wait = ts->tv_sec * 1000000000LL + ts->tv_nsec;

	polls++;
	if (!fake_clock)
		return ((int)syscall(SYS_ppoll, fds, n, &copy, mask, 8));
	if (step_ns != 0 && step_ns < wait) {
		now_ns += step_ns;
		errno = EINTR;
		return (-1);
	}
	now_ns += wait;
	return (0);
}

/* Queue messages of 1000 bytes until the socket is full; returns how many. */
static uint32_t
fill(struct imsgbuf *ib)
{
	static const char payload[1000];
	uint32_t n = 0;

	do {
		assert_int_equal(
		    imsg_compose(ib, n++, 0, 0, -1, payload, 1000), 1);
		assert_int_equal(imsgbuf_write(ib), 0);
	} while (imsgbuf_queuelen(ib) == 0);
	return (n);
}

/* With SOCK_SEQPACKET each sendmsg is one packet: its length in messages. */
static void
test_batches(void **state)
{
	static const int want[] = { IMSG_MAXIOV, 300 - 2 * IMSG_MAXIOV, 0 };
	static const int wantfd[] = { 2, 2, 1, 3 };
	static char buf[65536];
	struct imsgbuf ib;
	size_t i;
	int sv[2];

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sv), 0);
	assert_int_equal(imsgbuf_init(&ib, sv[0]), 0);
	imsgbuf_allow_fdpass(&ib);
	for (i = 0; i < 300; i++)
		assert_int_equal(imsg_compose(&ib, 1, 0, 0, -1, "abcd", 4), 1);
	assert_int_equal(imsgbuf_queuelen(&ib), 300);
	assert_int_equal(imsgbuf_write(&ib), 0);
	assert_int_equal(imsgbuf_queuelen(&ib), 0);
	assert_int_equal(read(sv[1], buf, sizeof(buf)), want[0] * 20);
	assert_int_equal(read(sv[1], buf, sizeof(buf)), want[0] * 20);
	assert_int_equal(read(sv[1], buf, sizeof(buf)), want[1] * 20);
	assert_int_equal(read(sv[1], buf, sizeof(buf)), -1);

	/* A descriptor is the first of its own batch. */
	for (i = 0; i < 8; i++)
		assert_int_equal(
		    imsg_compose(&ib, 1, 0, 0,
			i == 2 || i == 4 || i == 5 ? new_fd() : -1, "abcd", 4),
		    1);
	assert_int_equal(imsgbuf_write(&ib), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(read(sv[1], buf, sizeof(buf)), wantfd[i] * 20);
	imsgbuf_clear(&ib);
	assert_int_equal(close(sv[0]), 0);
	assert_int_equal(close(sv[1]), 0);
}

static void
test_partial_writes(void **state)
{
	static unsigned char payload[16000];
	struct imsg imsg;
	struct pair p;
	const int small = 4096;
	size_t len, off;
	uint32_t sent = 0, got = 0;
	int cuts = 0;

	(void)state;
	pair_open(&p);
	imsgbuf_allow_fdpass(&p.a);
	imsgbuf_allow_fdpass(&p.b);
	assert_int_equal(
	    setsockopt(p.sv[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
	    0);
	for (; sent < 60; sent++) {
		len = ((size_t)sent * 7919) % sizeof(payload);
		for (off = 0; off < len; off++)
			payload[off] = (unsigned char)(off * 7 + sent);
		assert_int_equal(
		    imsg_compose(&p.a, sent, 0, 0,
			sent % 4 == 3 ? new_fd() : -1, payload, len),
		    1);
	}
	while (got < sent) {
		assert_int_equal(imsgbuf_write(&p.a), 0);
		if (imsgbuf_queuelen(&p.a) > 0)
			cuts += TAILQ_FIRST(&p.a.txq)->rpos != 0;
		assert_int_equal(imsgbuf_read(&p.b), 1);
		while (imsgbuf_get(&p.b, &imsg) == 1) {
			const unsigned char *d = imsg.data;

			assert_int_equal(imsg_get_type(&imsg), got);
			len = imsg_get_len(&imsg);
			assert_int_equal(
			    len, ((size_t)got * 7919) % sizeof(payload));
			for (off = 0; off < len; off++)
				if (d[off] != (unsigned char)(off * 7 + got))
					fail();
			assert_int_equal(ibuf_fd_avail(imsg.buf), got % 4 == 3);
			imsg_free(&imsg);
			got++;
		}
	}
	/* It did happen. */
	assert_true(cuts > 10);
	assert_int_equal(imsgbuf_partial(&p.b), 0);
	pair_close(&p);
}

/* It goes with the first byte, and not once more with the rest. */
static void
test_partial_write_sends_fd_once(void **state)
{
	static char payload[MAX_IMSGSIZE - 16];
	struct imsg imsg;
	struct pair p;
	const int small = 4096;

	(void)state;
	pair_open(&p);
	imsgbuf_allow_fdpass(&p.a);
	imsgbuf_allow_fdpass(&p.b);
	assert_int_equal(
	    setsockopt(p.sv[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
	    0);
	assert_int_equal(
	    imsg_compose(&p.a, 1, 0, 0, new_fd(), payload, sizeof(payload)), 1);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_queuelen(&p.a), 1);
	assert_int_not_equal(TAILQ_FIRST(&p.a.txq)->rpos, 0);
	assert_int_equal(count_fds(), p.nfds + 2);
	do {
		assert_int_equal(imsgbuf_read(&p.b), 1);
		assert_int_equal(count_fds(), p.nfds + 3);
		assert_int_equal(imsgbuf_write(&p.a), 0);
	} while (imsgbuf_get(&p.b, &imsg) == 0);
	assert_int_equal(imsg_get_len(&imsg), sizeof(payload));
	assert_true(ibuf_fd_avail(imsg.buf));
	imsg_free(&imsg);
	pair_close(&p);
}

static void
test_never_blocks(void **state)
{
	struct pair p;
	int flags;

	(void)state;
	pair_open(&p);
	assert_int_not_equal(flags = fcntl(p.sv[0], F_GETFL), -1);
	assert_int_not_equal(fcntl(p.sv[0], F_SETFL, flags & ~O_NONBLOCK), -1);
	(void)alarm(10);
	(void)fill(&p.a);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_queuelen(&p.a), 1);
	(void)alarm(0);
	pair_close(&p);
}

static void
test_dead_peer(void **state)
{
	struct pair p;

	(void)state;
	/* A SIGPIPE would end the test. */
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	pair_open(&p);
	assert_int_equal(imsg_compose(&p.b, 1, 0, 0, -1, "abc", 3), 1);
	assert_int_equal(close(p.sv[0]), 0);
	p.sv[0] = -1;
	assert_fails(imsgbuf_write(&p.b), EPIPE);
	assert_fails(imsgbuf_flush(&p.b), EPIPE);
	assert_int_equal(imsgbuf_read(&p.b), 0);
	pair_close(&p);
}

static void
test_errors_of_the_kernel(void **state)
{
	struct imsg imsg;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(imsg_compose(&p.a, 1, 0, 0, -1, "abc", 3), 1);
	inject = EAGAIN;
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_queuelen(&p.a), 1);
	inject = ENOBUFS;
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_queuelen(&p.a), 1);
	inject = EIO;
	assert_fails(imsgbuf_write(&p.a), EIO);
	assert_int_equal(imsgbuf_queuelen(&p.a), 1);
	inject = EINTR;
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_queuelen(&p.a), 0);

	inject = EAGAIN;
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 0);
	inject = ECONNRESET;
	assert_fails(imsgbuf_read(&p.b), ECONNRESET);
	inject = EINTR;
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_len(&imsg), 3);
	imsg_free(&imsg);
	pair_close(&p);
}

/* Nobody reads: flush waits in ppoll, and not longer than it says. */
static void
test_flush_time_limit(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	(void)fill(&p.a);
	fake_clock = 1;
	now_ns = 5;
	polls = 0;
	step_ns = 0;
	assert_fails(imsgbuf_flush(&p.a), ETIMEDOUT);
	assert_int_equal(now_ns, 5 + IMSG_FLUSH_TIMEOUT * 1000000000LL);
	assert_int_equal(polls, 1);
	/* Signals don't make it longer. */
	now_ns = polls = 0;
	step_ns = 999999999;
	assert_fails(imsgbuf_flush(&p.a), ETIMEDOUT);
	assert_int_equal(now_ns, IMSG_FLUSH_TIMEOUT * 1000000000LL);
	assert_int_equal(polls, IMSG_FLUSH_TIMEOUT + 1);
	fake_clock = 0;
	step_ns = 0;
	pair_close(&p);
}

/* A child reads after a while: all gets through, without a busy loop. */
static void
test_flush_waits(void **state)
{
	static const char payload[10000];
	const struct timespec nap = { 0, 50000000 };
	char buf[65536];
	struct pair p;
	size_t total = 0;
	ssize_t n;
	pid_t pid;
	int i, status;

	(void)state;
	pair_open(&p);
	for (i = 0; i < 100; i++)
		assert_int_equal(
		    imsg_compose(&p.a, 1, 0, 0, -1, payload, 10000), 1);
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		(void)alarm(20);
		(void)close(p.sv[0]);
		(void)nanosleep(&nap, NULL);
		(void)fcntl(p.sv[1], F_SETFL, 0);
		while ((n = read(p.sv[1], buf, sizeof(buf))) > 0)
			total += (size_t)n;
		_exit(total == (size_t)100 * 10016 ? 0 : 1);
	}
	polls = 0;
	assert_int_equal(imsgbuf_flush(&p.a), 0);
	assert_int_equal(imsgbuf_queuelen(&p.a), 0);
	assert_in_range(polls, 1, 500);
	assert_int_equal(close(p.sv[0]), 0);
	p.sv[0] = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_partial_writes),
		cmocka_unit_test(test_partial_write_sends_fd_once),
		cmocka_unit_test(test_never_blocks),
		cmocka_unit_test(test_dead_peer),
		cmocka_unit_test(test_errors_of_the_kernel),
		cmocka_unit_test(test_flush_time_limit),
		cmocka_unit_test(test_flush_waits),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
