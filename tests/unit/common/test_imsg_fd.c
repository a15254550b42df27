/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Descriptors that travel with messages, as Linux delivers them. */

#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/unit/common/test_imsg.h"

/* An own file, so that it can be told from others: its inode is in *ino. */
static int
new_file(ino_t *ino)
{
	struct stat st;
	int fd;

	assert_int_not_equal(fd = memfd_create("test", MFD_CLOEXEC), -1);
	assert_int_equal(fstat(fd, &st), 0);
	*ino = st.st_ino;
	return (fd);
}

/* fd is that file, and close-on-exec; closes it. */
static void
check_file(int fd, ino_t ino)
{
	struct stat st;

	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, ino);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(close(fd), 0);
}

static void
pair_open_fds(struct pair *p)
{
	pair_open(p);
	imsgbuf_allow_fdpass(&p->a);
	imsgbuf_allow_fdpass(&p->b);
}

/* Send a message of len payload bytes with a new file; returns its inode. */
static ino_t
send_file(int sock, uint32_t type, uint32_t mark, size_t len)
{
	unsigned char blob[1024];
	ino_t ino;
	int fd = new_file(&ino);

	len = raw_msg(blob, type, mark, len);
	raw_send_fds(sock, blob, len, &fd, 1);
	assert_int_equal(close(fd), 0);
	return (ino);
}

/* Get the next message, which has this file (0: none). */
static void
get_file(struct imsgbuf *ib, uint32_t type, size_t len, ino_t ino)
{
	struct imsg imsg;
	int fd;

	assert_int_equal(imsgbuf_get(ib, &imsg), 1);
	check_msg(&imsg, type, len);
	assert_int_equal(imsg.hdr.len, len + IMSG_HEADER_SIZE);
	fd = imsg_get_fd(&imsg);
	if (ino == 0)
		assert_int_equal(fd, -1);
	else
		check_file(fd, ino);
	assert_int_equal(imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);
}

/* Plain ones between, several in a row: each gets its own. */
static void
test_each_gets_its_own(void **state)
{
	static const char with[] = "-f--ff-f---fff-";
	const size_t n = sizeof(with) - 1;
	ino_t inos[sizeof(with)] = { 0 };
	unsigned char blob[64];
	struct pair p;
	size_t i, got;
	int fd;

	(void)state;
	pair_open_fds(&p);
	for (i = 0; i < n; i++) {
		fd = with[i] == 'f' ? new_file(&inos[i]) : -1;
		(void)raw_msg(blob, (uint32_t)i, 0, i);
		assert_int_equal(imsg_compose(&p.a, (uint32_t)i,
				     (uint32_t)i + 1, 7, fd, blob + 16, i),
		    1);
	}
	assert_int_equal(imsgbuf_write(&p.a), 0);
	assert_int_equal(imsgbuf_queuelen(&p.a), 0);
	/* What was sent is closed on this side. */
	assert_int_equal(count_fds(), p.nfds + 2);
	for (got = 0; got < n;) {
		assert_int_equal(imsgbuf_read(&p.b), 1);
		while (got < n && p.b.rpos < p.b.rlen &&
		    imsgbuf_partial(&p.b) == 0) {
			get_file(&p.b, (uint32_t)got, got, inos[got]);
			got++;
		}
	}
	pair_close(&p);
}

/*
 * Linux glues plain bytes and the segment with the descriptor into one read.
 * Let that end k bytes into the marked message, and let the next segment, which
 * has a descriptor too, be glued behind the rest.
 */
static void
test_glued_behind_plain_bytes(void **state)
{
	static unsigned char blob[IMSG_READSIZE];
	unsigned char small[1024];
	struct imsg imsg;
	struct pair p;
	ino_t inos[2];
	size_t k, len, n;

	(void)state;
	for (k = 0; k <= 20; k++) {
		pair_open_fds(&p);
		for (len = 0; len < (size_t)3 * MAX_IMSGSIZE;)
			len += raw_msg(
			    blob + len, 1, 0, MAX_IMSGSIZE - IMSG_HEADER_SIZE);
		n = IMSG_READSIZE - k - len;
		len += raw_msg(blob + len, 1, 0, n - IMSG_HEADER_SIZE);
		raw_send(p.sv[0], blob, len);
		inos[0] = send_file(p.sv[0], 2, IMSG_FD_MARK, 4);
		inos[1] = send_file(p.sv[0], 3, IMSG_FD_MARK, 5);
		len = raw_msg(small, 4, 0, 6);
		raw_send(p.sv[0], small, len);

		assert_int_equal(imsgbuf_read(&p.b), 1);
		assert_int_equal(p.b.rlen, IMSG_READSIZE);
		for (n = 0; n < 4; n++) {
			assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
			assert_int_equal(imsg_get_type(&imsg), 1);
			assert_int_equal(imsg_get_fd(&imsg), -1);
			imsg_free(&imsg);
		}
		while (p.b.rpos == p.b.rlen || imsgbuf_partial(&p.b) != 0)
			assert_int_equal(imsgbuf_read(&p.b), 1);
		get_file(&p.b, 2, 4, inos[0]);
		if (p.b.rpos == p.b.rlen)
			assert_int_equal(imsgbuf_read(&p.b), 1);
		get_file(&p.b, 3, 5, inos[1]);
		if (p.b.rpos == p.b.rlen)
			assert_int_equal(imsgbuf_read(&p.b), 1);
		get_file(&p.b, 4, 6, 0);
		pair_close(&p);
	}
}

/* The marked message comes in two pieces, cut at every byte. */
static void
test_split_marked_message(void **state)
{
	unsigned char blob[16 + 20];
	struct pair p;
	size_t cut, len = raw_msg(blob, 5, IMSG_FD_MARK, 20);
	ino_t ino;
	int fd;

	(void)state;
	for (cut = 1; cut < len; cut++) {
		pair_open_fds(&p);
		fd = new_file(&ino);
		raw_send_fds(p.sv[0], blob, cut, &fd, 1);
		assert_int_equal(close(fd), 0);
		assert_int_equal(imsgbuf_read(&p.b), 1);
		assert_int_equal(imsgbuf_partial(&p.b), cut);
		/* Kept while it is not known whose it is. */
		assert_int_equal(count_fds(), p.nfds + 3);
		raw_send(p.sv[0], blob + cut, len - cut);
		assert_int_equal(imsgbuf_read(&p.b), 1);
		get_file(&p.b, 5, 20, ino);
		pair_close(&p);
	}
}

static void
test_marked_without_descriptor(void **state)
{
	unsigned char blob[64];
	struct pair p;
	size_t len;
	ino_t ino;

	(void)state;
	pair_open_fds(&p);
	len = raw_msg(blob, 1, IMSG_FD_MARK, 3);
	raw_send(p.sv[0], blob, len);
	ino = send_file(p.sv[0], 2, IMSG_FD_MARK, 3);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	/* Glued, the mark that comes first takes it: that is the peer's lie. */
	get_file(&p.b, 1, 3, ino);
	get_file(&p.b, 2, 3, 0);

	/* If the header began in an earlier read it is known to have none. */
	raw_send(p.sv[0], blob, 10);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	raw_send(p.sv[0], blob + 10, len - 10);
	ino = send_file(p.sv[0], 2, IMSG_FD_MARK, 3);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	get_file(&p.b, 1, 3, 0);
	get_file(&p.b, 2, 3, ino);
	pair_close(&p);
}

static void
test_unclaimed_is_closed(void **state)
{
	unsigned char blob[64];
	struct imsg imsg;
	struct pair p;
	size_t len;
	int fd;

	(void)state;
	pair_open_fds(&p);
	/* With a message that is not marked. */
	(void)send_file(p.sv[0], 1, 0, 3);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(count_fds(), p.nfds + 2);
	get_file(&p.b, 1, 3, 0);
	/* In the middle of a payload. */
	len = raw_msg(blob, 2, IMSG_FD_MARK, 30);
	raw_send(p.sv[0], blob, 20);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	fd = new_fd();
	raw_send_fds(p.sv[0], blob + 20, len - 20, &fd, 1);
	assert_int_equal(close(fd), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(count_fds(), p.nfds + 2);
	get_file(&p.b, 2, 30, 0);
	/* With a cut header that turns out not to be marked; and the marked
	 * message behind it, which has none, does not get it. */
	len = raw_msg(blob, 3, 0, 0);
	len += raw_msg(blob + len, 4, IMSG_FD_MARK, 0);
	fd = new_fd();
	raw_send_fds(p.sv[0], blob, 5, &fd, 1);
	assert_int_equal(close(fd), 0);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(count_fds(), p.nfds + 3);
	raw_send(p.sv[0], blob + 5, len - 5);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(count_fds(), p.nfds + 2);
	get_file(&p.b, 3, 0, 0);
	get_file(&p.b, 4, 0, 0);
	/* By a caller that does not ask for it. */
	(void)send_file(p.sv[0], 5, IMSG_FD_MARK, 3);
	assert_int_equal(imsgbuf_read(&p.b), 1);
	assert_int_equal(count_fds(), p.nfds + 3);
	assert_int_equal(imsgbuf_get(&p.b, &imsg), 1);
	imsg_free(&imsg);
	assert_int_equal(count_fds(), p.nfds + 2);
	pair_close(&p);
}

static void
test_second_while_pending(void **state)
{
	unsigned char blob[16];
	struct imsg imsg;
	struct pair p;
	int fd, two;

	(void)state;
	(void)raw_msg(blob, 1, IMSG_FD_MARK, 0);
	for (two = 0; two < 2; two++) {
		pair_open_fds(&p);
		if (two) {
			fd = new_fd();
			raw_send_fds(p.sv[0], blob, 5, &fd, 1);
			assert_int_equal(close(fd), 0);
		} else
			raw_send(p.sv[0], blob, 5);
		assert_int_equal(imsgbuf_read(&p.b), 1);
		fd = new_fd();
		raw_send_fds(p.sv[0], blob + 5, 5, &fd, 1);
		assert_int_equal(close(fd), 0);
		assert_fails(imsgbuf_read(&p.b), EBADMSG);
		assert_int_equal(count_fds(), p.nfds + 2);
		assert_fails(imsgbuf_get(&p.b, &imsg), EBADMSG);
		assert_fails(imsgbuf_read(&p.b), EBADMSG);
		pair_close(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_gets_its_own),
		cmocka_unit_test(test_glued_behind_plain_bytes),
		cmocka_unit_test(test_split_marked_message),
		cmocka_unit_test(test_marked_without_descriptor),
		cmocka_unit_test(test_unclaimed_is_closed),
		cmocka_unit_test(test_second_while_pending),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
