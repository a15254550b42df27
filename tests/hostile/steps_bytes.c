/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Steps that write what no engine would. */

#include <sys/socket.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "steps.h"

#define FDS_MAX 3

static size_t
steps_hex(const char *s, uint8_t *buf, size_t size)
{
	char two[3] = "";
	size_t n;

	for (n = 0; s[0] != '\0'; s += 2, n++) {
		if (!isxdigit((unsigned char)s[0]) ||
		    !isxdigit((unsigned char)s[1]) || n == size)
			errx(2, "bad hexadecimal bytes");
		two[0] = s[0];
		two[1] = s[1];
		buf[n] = (uint8_t)strtoul(two, NULL, 16);
	}
	return (n);
}

/* raw:HEX at once; slow:MS:HEX byte by byte. */
int
step_raw(struct hostile *h, char *argv[], int argc)
{
	uint8_t buf[BYTES_MAX];
	size_t len;

	(void)argc;
	len = steps_hex(argv[0], buf, sizeof(buf));
	(void)border_write(h, buf, len, loop_now() + HOSTILE_WAIT_NS);
	return (0);
}

int
step_slow(struct hostile *h, char *argv[], int argc)
{
	int64_t deadline;
	uint8_t buf[BYTES_MAX];
	size_t i, len;

	(void)argc;
	len = steps_hex(argv[1], buf, sizeof(buf));
	for (i = 0; i < len && !h->gone; i++) {
		(void)border_write(h, buf + i, 1, loop_now() + HOSTILE_WAIT_NS);
		deadline = steps_deadline(argv[0]);
		while (border_pump(h, deadline, 1) == 1)
			;
	}
	return (h->gone ? -1 : 0);
}

/*
 * flood:MS:ORDER: the same message again and again, as fast as it is taken;
 * the peer's pipe is not read.
 */
int
step_flood(struct hostile *h, char *argv[], int argc)
{
	int64_t deadline = steps_deadline(argv[0]);
	uint8_t buf[BYTES_MAX];
	size_t at = 0, done, len, n;
	uint64_t count = 0;

	len = steps_order(
	    h, steps_order_type(argv[1]), argv + 2, argc - 2, buf, sizeof(buf));
	for (n = 1; (n + 1) * len <= sizeof(buf); n++)
		memcpy(buf + n * len, buf, len);
	while (loop_now() < deadline && !h->gone) {
		done = border_write(
		    h, buf + at, n * len - at, loop_now() + 10 * NS_PER_MS);
		count += (at % len + done) / len;
		at = (at + done) % (n * len);
		(void)border_pump(h, 0, 0);
	}
	/* The stream stays one of whole messages. */
	if (at % len != 0 &&
	    border_write(h, buf + at % len, len - at % len,
		loop_now() + HOSTILE_WAIT_NS) == len - at % len)
		count++;
	report_number("flood", count);
	return (h->gone ? -1 : 0);
}

/*
 * descriptors:N:MARK: a ping with N of them; MARK 1: its header says that one
 * comes along.
 */
int
step_descriptors(struct hostile *h, char *argv[], int argc)
{
	union {
		struct cmsghdr hdr;
		uint8_t buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} ctl;
	struct imsg_hdr hdr;
	struct msghdr mh;
	struct iovec iov;
	uint8_t buf[64];
	uint32_t i, n = steps_number(argv[0]), number = 1;
	int fds[FDS_MAX];

	(void)argc;
	if (n == 0 || n > FDS_MAX)
		errx(2, "1 to %d descriptors", FDS_MAX);
	memset(&ctl, 0, sizeof(ctl));
	memset(&mh, 0, sizeof(mh));
	iov.iov_base = buf;
	iov.iov_len = border_message(
	    buf, sizeof(buf), MSG_PING_ON, &number, sizeof(number));
	memcpy(&hdr, buf, sizeof(hdr));
	if (steps_number(argv[1]) != 0)
		hdr.len |= IMSG_FD_MARK;
	memcpy(buf, &hdr, sizeof(hdr));
	for (i = 0; i < n; i++)
		if ((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) == -1)
			err(1, "/dev/null");
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	mh.msg_control = &ctl;
	mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
	ctl.hdr.cmsg_level = SOL_SOCKET;
	ctl.hdr.cmsg_type = SCM_RIGHTS;
	ctl.hdr.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&ctl.hdr), fds, n * sizeof(int));
	/* They can't travel; the message that is to bring them can. */
	if (sendmsg(h->peer.wfd, &mh, MSG_NOSIGNAL) != -1 || errno != ENOTSOCK)
		errx(1, "a pipe took descriptors");
	if (border_write(h, buf, iov.iov_len, loop_now() + HOSTILE_WAIT_NS) !=
	    iov.iov_len)
		errx(1, "the message was not taken");
	for (i = 0; i < n; i++)
		(void)close(fds[i]);
	return (0);
}
