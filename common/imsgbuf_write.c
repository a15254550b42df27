/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The connection: sending. */

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "common/imsg.h"

#define NSEC_PER_SEC 1000000000LL

uint32_t
imsgbuf_queuelen(const struct imsgbuf *ib)
{
	return (ib->qlen);
}

/*
 * Send the first buffers of the queue, up to one that has a descriptor: it must
 * be the first of its own call.  Returns what sendmsg(2) does, and in *total
 * the bytes that were tried.
 */
static ssize_t
imsgbuf_send(struct imsgbuf *ib, size_t *total)
{
	union {
		struct cmsghdr hdr;
		unsigned char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov[IMSG_MAXIOV];
	struct msghdr mh;
	struct cmsghdr *cmsg;
	struct ibuf *buf, *first = TAILQ_FIRST(&ib->txq);
	size_t n = 0;

	*total = 0;
	memset(&mh, 0, sizeof(mh));
	for (buf = first; buf != NULL; buf = TAILQ_NEXT(buf, entry)) {
		if (n == IMSG_MAXIOV || (buf != first && buf->fd != -1))
			break;
		iov[n].iov_base = buf->buf + buf->rpos;
		iov[n].iov_len = ibuf_size(buf);
		*total += iov[n++].iov_len;
	}
	if (ib->flags & IMSGBUF_PIPES)
		return (writev(ib->wfd, iov, (int)n));
	mh.msg_iov = iov;
	mh.msg_iovlen = n;
	if (first->fd != -1) {
		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = &ctl;
		mh.msg_controllen = sizeof(ctl.buf);
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cmsg), &first->fd, sizeof(first->fd));
	}
	return (sendmsg(ib->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/* Remove the n > 0 bytes that were sent from the queue. */
static void
imsgbuf_sent(struct imsgbuf *ib, size_t n)
{
	struct ibuf *buf;

	/* It went with the first byte, even if the rest did not. */
	ibuf_fd_set(TAILQ_FIRST(&ib->txq), -1);
	while (n > 0) {
		buf = TAILQ_FIRST(&ib->txq);
		if (n < ibuf_size(buf)) {
			buf->rpos += n;
			return;
		}
		n -= ibuf_size(buf);
		TAILQ_REMOVE(&ib->txq, buf, entry);
		ib->qlen--;
		ibuf_free(buf);
	}
}

int
imsgbuf_write(struct imsgbuf *ib)
{
	size_t total;
	ssize_t n;

	while (!TAILQ_EMPTY(&ib->txq)) {
		if ((n = imsgbuf_send(ib, &total)) == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN || errno == EWOULDBLOCK ||
			    errno == ENOBUFS)
				return (0);
			return (-1);
		}
		if (n > 0)
			imsgbuf_sent(ib, (size_t)n);
		if ((size_t)n < total)
			return (0);
	}
	return (0);
}

static int
imsgbuf_now(int64_t *ns)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		return (-1);
	*ns = (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	return (0);
}

int
imsgbuf_flush(struct imsgbuf *ib)
{
	struct pollfd pfd = { .fd = ib->wfd, .events = POLLOUT };
	struct timespec ts;
	int64_t now, end;

	if (imsgbuf_write(ib) == -1)
		return (-1);
	if (TAILQ_EMPTY(&ib->txq))
		return (0);
	if (imsgbuf_now(&now) == -1)
		return (-1);
	end = now + IMSG_FLUSH_TIMEOUT * NSEC_PER_SEC;
	while (!TAILQ_EMPTY(&ib->txq)) {
		if (now >= end) {
			errno = ETIMEDOUT;
			return (-1);
		}
		ts.tv_sec = (time_t)((end - now) / NSEC_PER_SEC);
		ts.tv_nsec = (long)((end - now) % NSEC_PER_SEC);
		if (ppoll(&pfd, 1, &ts, NULL) == -1 && errno != EINTR)
			return (-1);
		if (imsgbuf_write(ib) == -1 || imsgbuf_now(&now) == -1)
			return (-1);
	}
	return (0);
}
