/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What the tests of imsg share: two ends of a connection, and raw bytes. */

#ifndef TEST_IMSG_H
#define TEST_IMSG_H

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/imsg.h"

#define assert_fails(call, error)                 \
	do {                                      \
		errno = 0;                        \
		assert_int_equal((call), -1);     \
		assert_int_equal(errno, (error)); \
	} while (0)

#define assert_null_errno(call, error)            \
	do {                                      \
		errno = 0;                        \
		assert_null((call));              \
		assert_int_equal(errno, (error)); \
	} while (0)

struct pair {
	struct imsgbuf a;
	struct imsgbuf b;
	int sv[2];
	int nfds; /* open before */
};

/* How many descriptors this process has open. */
static inline int
count_fds(void)
{
	DIR *dir;
	int n = 0;

	assert_non_null(dir = opendir("/proc/self/fd"));
	while (readdir(dir) != NULL)
		n++;
	assert_int_equal(closedir(dir), 0);
	return (n);
}

static inline void
pair_open(struct pair *p)
{
	p->nfds = count_fds();
	assert_int_equal(
	    socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->sv),
	    0);
	assert_int_equal(imsgbuf_init(&p->a, p->sv[0]), 0);
	assert_int_equal(imsgbuf_init(&p->b, p->sv[1]), 0);
}

/* Close both ends; every descriptor that the test made must be gone. */
static inline void
pair_close(struct pair *p)
{
	imsgbuf_clear(&p->a);
	imsgbuf_clear(&p->b);
	if (p->sv[0] != -1)
		assert_int_equal(close(p->sv[0]), 0);
	assert_int_equal(close(p->sv[1]), 0);
	assert_int_equal(count_fds(), p->nfds);
}

static inline void
raw_send(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

/* Send len bytes with n descriptors in one control message. */
static inline void
raw_send_fds(int fd, void *data, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr hdr;
		unsigned char buf[CMSG_SPACE(8 * sizeof(int))];
	} ctl;
	struct iovec iov = { data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	assert_in_range(n, 1, 8);
	memset(&ctl, 0, sizeof(ctl));
	mh.msg_control = &ctl;
	mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
	cmsg = CMSG_FIRSTHDR(&mh);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
	assert_int_equal(sendmsg(fd, &mh, MSG_NOSIGNAL), len);
}

/* Write a message of len payload bytes to p; returns its length. */
static inline size_t
raw_msg(unsigned char *p, uint32_t type, uint32_t mark, size_t len)
{
	struct imsg_hdr hdr = { .type = type, .peerid = type + 1, .pid = 7 };
	size_t i;

	hdr.len = (uint32_t)(sizeof(hdr) + len) | mark;
	memcpy(p, &hdr, sizeof(hdr));
	for (i = 0; i < len; i++)
		p[sizeof(hdr) + i] = (unsigned char)(type * 31 + i);
	return (sizeof(hdr) + len);
}

/* Check a message that raw_msg made. */
static inline void
check_msg(const struct imsg *imsg, uint32_t type, size_t len)
{
	const unsigned char *p = imsg->data;
	size_t i;

	assert_int_equal(imsg_get_type(imsg), type);
	assert_int_equal(imsg_get_id(imsg), type + 1);
	assert_int_equal(imsg_get_pid(imsg), 7);
	assert_int_equal(imsg_get_len(imsg), len);
	for (i = 0; i < len; i++)
		assert_int_equal(p[i], (unsigned char)(type * 31 + i));
}

static inline int
new_fd(void)
{
	int fd;

	assert_int_not_equal(fd = open("/dev/null", O_RDWR | O_CLOEXEC), -1);
	return (fd);
}

static inline int
is_open(int fd)
{
	return (fcntl(fd, F_GETFD) != -1);
}

/* Does fn(arg) end with SIGABRT? */
static inline int
aborts(void (*fn)(void *), void *arg)
{
	const struct rlimit nocore = { 0, 0 };
	pid_t pid;
	int status;

	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		if (setrlimit(RLIMIT_CORE, &nocore) == -1)
			_exit(1);
		/* cmocka and the sanitizers catch it. */
		if (signal(SIGABRT, SIG_DFL) == SIG_ERR)
			_exit(1);
		fn(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#endif /* TEST_IMSG_H */
