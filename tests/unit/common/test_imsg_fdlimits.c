/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Descriptors: who owns them, when they are refused, and when there are none.
 */

#include "tests/unit/common/test_imsg.h"

static void
pair_open_fds(struct pair *p)
{
	pair_open(p);
	imsgbuf_allow_fdpass(&p->a);
	imsgbuf_allow_fdpass(&p->b);
}

/* Queue a message with a new descriptor. */
static void
compose_fd(struct imsgbuf *ib, uint32_t type)
{
	int fd = new_fd();

	assert_int_equal(imsg_compose(ib, type, 0, 0, fd, "abc", 3), 1);
	assert_true(is_open(fd));
}

/* The next message is of this type and has a descriptor, or none. */
static void
expect(struct imsgbuf *ib, uint32_t type, int with)
{
	struct imsg imsg;

	assert_int_equal(imsgbuf_get(ib, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), type);
	assert_int_equal(ibuf_fd_avail(imsg.buf), with);
	imsg_free(&imsg);
}

static void
test_failed_compose_leaves_it(void **state)
{
	static char big[MAX_IMSGSIZE];
	struct iovec iov = { big, sizeof(big) };
	struct pair p;
	int fd;

	(void)state;
	pair_open_fds(&p);
	fd = new_fd();
	assert_fails(imsg_compose(&p.a, 1, 0, 0, fd, big, sizeof(big)), ERANGE);
	assert_fails(imsg_composev(&p.a, 1, 0, 0, fd, &iov, 1), ERANGE);
	assert_true(is_open(fd));
	assert_int_equal(close(fd), 0);
	pair_close(&p);
}

static void
test_clear_closes_queued(void **state)
{
	struct pair p;

	(void)state;
	pair_open_fds(&p);
	compose_fd(&p.a, 1);
	compose_fd(&p.a, 2);
	assert_int_equal(count_fds(), p.nfds + 4);
	imsgbuf_clear(&p.a);
	assert_int_equal(count_fds(), p.nfds + 2);
	assert_int_equal(imsgbuf_queuelen(&p.a), 0);
	assert_fails(imsgbuf_read(&p.a), EBADF);
	pair_close(&p);
}

static void
test_off_by_default(void **state)
{
	struct imsg imsg;
	struct ibuf *msg;
	struct pair p;
	int fd;

	(void)state;
	pair_open(&p);
	fd = new_fd();
	assert_fails(imsg_compose(&p.a, 1, 0, 0, fd, NULL, 0), EPERM);
	assert_fails(imsg_composev(&p.a, 1, 0, 0, fd, NULL, 0), EPERM);
	assert_int_equal(imsgbuf_queuelen(&p.a), 0);
	assert_true(is_open(fd));
	assert_non_null(msg = imsg_create(&p.a, 2, 0, 0, 0));
	ibuf_fd_set(msg, fd);
	imsg_close(&p.a, msg);
	assert_false(is_open(fd));
	assert_int_equal(imsgbuf_write(&p.a), 0);

	/* A peer that sends one all the same. */
	imsgbuf_allow_fdpass(&p.a);
	compose_fd(&p.a, 3);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(count_fds(), p.nfds + 2);
	expect(&p.b, 2, 0);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	assert_int_equal(imsg_get_fd(&imsg), -1);
	assert_int_equal(imsg.hdr.len, IMSG_HEADER_SIZE + 3);
	imsg_free(&imsg);
	pair_close(&p);
}

static void
test_deny_is_for_good(void **state)
{
	struct pair p;
	int fd;

	(void)state;
	pair_open_fds(&p);
	compose_fd(&p.a, 1);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	/* Received but not fetched. */
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(count_fds(), p.nfds + 3);
	imsgbuf_deny_fdpass(&p.b);
	imsgbuf_allow_fdpass(&p.b);
	assert_int_equal(count_fds(), p.nfds + 2);
	expect(&p.b, 1, 0);
	/* Not yet received, and queued before the sender's own call. */
	compose_fd(&p.a, 2);
	imsgbuf_deny_fdpass(&p.a);
	fd = new_fd();
	assert_fails(imsg_compose(&p.a, 3, 0, 0, fd, NULL, 0), EPERM);
	assert_fails(imsg_compose(&p.b, 3, 0, 0, fd, NULL, 0), EPERM);
	assert_int_equal(close(fd), 0);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(count_fds(), p.nfds + 2);
	expect(&p.b, 2, 0);
	pair_close(&p);
}

static void
test_deny_before_send(void **state)
{
	struct pair p;

	(void)state;
	pair_open_fds(&p);
	compose_fd(&p.a, 1);
	imsgbuf_deny_fdpass(&p.a);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	expect(&p.b, 1, 1);
	pair_close(&p);
}

/* With no descriptor free Linux delivers the bytes and sets MSG_CTRUNC. */
static void
test_no_free_descriptor(void **state)
{
	struct rlimit old, none;
	struct imsg imsg;
	struct pair p;
	int fd, n;

	(void)state;
	pair_open_fds(&p);
	compose_fd(&p.a, 1);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	/* The lowest free number is above the limit. */
	assert_int_not_equal(fd = dup(p.sv[0]), -1);
	assert_int_equal(close(fd), 0);
	none.rlim_cur = (rlim_t)fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = 0;
	n = imsgbuf_read(&p.b);
	fd = errno;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(n, -1);
	assert_int_equal(fd, EMSGSIZE);
	assert_fails(imsgbuf_get(&p.b, &imsg), EMSGSIZE);
	assert_fails(imsgbuf_read(&p.b), EMSGSIZE);
	pair_close(&p);
}

static void
test_several_in_one_control_message(void **state)
{
	unsigned char blob[19];
	struct pair p;
	size_t n, len = raw_msg(blob, 1, IMSG_FD_MARK, 3);
	int fds[3];

	(void)state;
	for (n = 1; n <= 3; n++) {
		pair_open_fds(&p);
		fds[0] = fds[1] = fds[2] = p.sv[0];
		raw_send_fds(p.sv[0], blob, len, fds, n);
		if (n < 3) {
			/* Alignment leaves room for a second: it is closed. */
			assert_int_equal(imsgbuf_read(&p.b), 1);
			assert_int_equal(count_fds(), p.nfds + 3);
			expect(&p.b, 1, 1);
		} else
			assert_fails(imsgbuf_read(&p.b), EMSGSIZE);
		assert_int_equal(count_fds(), p.nfds + 2);
		pair_close(&p);
	}
}

/* A caller that does not fetch: reading stops, nothing is lost. */
static void
test_many_not_fetched(void **state)
{
	unsigned char blob[16];
	struct pair p;
	uint32_t i;
	int fd;

	(void)state;
	pair_open_fds(&p);
	for (i = 0; i < 7; i++)
		compose_fd(&p.a, i);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	for (i = 0; i < 9; i++)
		assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(count_fds(), p.nfds + 2 + IMSG_MAXFDS);
	for (i = 0; i < 7; i++) {
		assert_int_equal(imsgbuf_read(&p.b), 1);
		expect(&p.b, i, 1);
	}

	/* The last place is for one whose header is cut. */
	for (i = 0; i < IMSG_MAXFDS - 1; i++)
		compose_fd(&p.a, i);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	(void)raw_msg(blob, 8, IMSG_FD_MARK, 0);
	fd = new_fd();
	raw_send_fds(p.sv[0], blob, 8, &fd, 1);
	for (i = 0; i < IMSG_MAXFDS; i++)
		assert_int_equal(imsgbuf_read(&p.b), 1);
	raw_send(p.sv[0], blob + 8, 8);
	(void)raw_msg(blob, 9, IMSG_FD_MARK, 0);
	raw_send_fds(p.sv[0], blob, 16, &fd, 1);
	assert_int_equal(close(fd), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(imsgbuf_partial(&p.b), 8);
	for (i = 0; i < IMSG_MAXFDS - 1; i++)
		expect(&p.b, i, 1);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	expect(&p.b, 8, 1);
	expect(&p.b, 9, 1);
	pair_close(&p);
}

/* A false length: what was received before is closed too. */
static void
test_death_closes(void **state)
{
	static const unsigned char zeros[16];
	struct pair p;
	unsigned char blob[16];
	int fd;

	(void)state;
	pair_open_fds(&p);
	compose_fd(&p.a, 1);
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	memset(blob, 0, sizeof(blob));
	fd = new_fd();
	raw_send_fds(p.sv[0], blob, sizeof(blob), &fd, 1);
	assert_int_equal(close(fd), 0);
	assert_fails(imsgbuf_read(&p.b), ERANGE);
	assert_int_equal(count_fds(), p.nfds + 2);
	pair_close(&p);

	/* The same, where the false header began in an earlier read. */
	pair_open_fds(&p);
	raw_send(p.sv[0], zeros, 8);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	raw_send(p.sv[0], zeros, 8);
	fd = new_fd();
	raw_send_fds(p.sv[0], blob, sizeof(blob), &fd, 1);
	assert_int_equal(close(fd), 0);
	assert_fails(imsgbuf_read(&p.b), ERANGE);
	assert_int_equal(count_fds(), p.nfds + 2);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failed_compose_leaves_it),
		cmocka_unit_test(test_clear_closes_queued),
		cmocka_unit_test(test_off_by_default),
		cmocka_unit_test(test_deny_is_for_good),
		cmocka_unit_test(test_deny_before_send),
		cmocka_unit_test(test_no_free_descriptor),
		cmocka_unit_test(test_several_in_one_control_message),
		cmocka_unit_test(test_many_not_fetched),
		cmocka_unit_test(test_death_closes),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
