/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The connection: set-up, and receiving. */

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/imsg.h"

int
imsgbuf_init(struct imsgbuf *ib, int fd)
{
	memset(ib, 0, sizeof(*ib));
	if ((ib->rbuf = calloc(1, IMSG_READSIZE)) == NULL)
		return (-1);
	TAILQ_INIT(&ib->txq);
	ib->rsize = IMSG_READSIZE;
	ib->pendfd = -1;
	ib->fd = ib->wfd = fd;
	ib->maxsize = MAX_IMSGSIZE;
	ib->pid = getpid();
	return (0);
}

int
imsgbuf_init_pipes(struct imsgbuf *ib, int rfd, int wfd)
{
	if (imsgbuf_init(ib, rfd) == -1)
		return (-1);
	ib->wfd = wfd;
	ib->flags = IMSGBUF_PIPES | IMSGBUF_NOFDPASS;
	return (0);
}

void
imsgbuf_allow_fdpass(struct imsgbuf *ib)
{
	if (!(ib->flags & IMSGBUF_NOFDPASS))
		ib->flags |= IMSGBUF_FDPASS;
}

/* Close every received descriptor that was not fetched. */
static void
imsgbuf_closefds(struct imsgbuf *ib)
{
	size_t i;

	for (i = 0; i < ib->nfds; i++)
		(void)close(ib->fdq[i]);
	ib->nfds = 0;
	if (ib->pendfd != -1)
		(void)close(ib->pendfd);
	ib->pendfd = -1;
}

void
imsgbuf_deny_fdpass(struct imsgbuf *ib)
{
	ib->flags &= ~IMSGBUF_FDPASS;
	ib->flags |= IMSGBUF_NOFDPASS;
	imsgbuf_closefds(ib);
}

int
imsgbuf_set_maxsize(struct imsgbuf *ib, uint32_t max)
{
	uint32_t size;
	unsigned char *p;

	if (max > UINT32_MAX - IMSG_HEADER_SIZE) {
		errno = ERANGE;
		return (-1);
	}
	size = max + (uint32_t)IMSG_HEADER_SIZE;
	if ((size & IMSG_FD_MARK) != 0 ||
	    (ib->rxpool != NULL && size > ibuf_pool_bufsize(ib->rxpool))) {
		errno = EINVAL;
		return (-1);
	}
	if (size > ib->rsize) {
		p = recallocarray(ib->rbuf, ib->rsize, size, 1);
		if (p == NULL)
			return (-1);
		ib->rbuf = p;
		ib->rsize = size;
	}
	ib->maxsize = size;
	return (0);
}

int
imsgbuf_set_pool(struct imsgbuf *ib, struct ibuf_pool *tx, struct ibuf_pool *rx)
{
	if (ib->qlen != 0 || ib->rlen != 0) {
		errno = EBUSY;
		return (-1);
	}
	if ((rx != NULL && ibuf_pool_bufsize(rx) < ib->maxsize) ||
	    (tx != NULL && ibuf_pool_bufsize(tx) < IMSG_HEADER_SIZE)) {
		errno = EINVAL;
		return (-1);
	}
	ib->txpool = tx;
	ib->rxpool = rx;
	return (0);
}

/* There is no way to find the next message's start: give up for good. */
static int
imsgbuf_die(struct imsgbuf *ib, int error)
{
	imsgbuf_closefds(ib);
	explicit_bzero(ib->rbuf, ib->rlen);
	ib->rlen = ib->rpos = ib->spos = 0;
	ib->error = errno = error;
	return (-1);
}

/*
 * Store the first descriptor that came in *fd, which is -1 before; close
 * others, for which there is room because of alignment.
 */
static void
imsgbuf_takefd(struct msghdr *mh, int *fd)
{
	struct cmsghdr *cmsg;
	size_t i, n;
	int one;

	for (cmsg = CMSG_FIRSTHDR(mh); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(mh, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(one);
		for (i = 0; i < n; i++) {
			memcpy(&one, CMSG_DATA(cmsg) + i * sizeof(one),
			    sizeof(one));
			if (*fd == -1)
				*fd = one;
			else
				(void)close(one);
		}
	}
}

/*
 * Receive once behind rlen.  Returns what recvmsg(2) does; *fd is a received
 * descriptor or -1, *lost tells whether others were lost.
 */
static ssize_t
imsgbuf_recv(struct imsgbuf *ib, int *fd, int *lost)
{
	union {
		struct cmsghdr hdr;
		unsigned char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { ib->rbuf + ib->rlen, ib->rsize - ib->rlen };
	struct msghdr mh;
	ssize_t n;

	*fd = -1;
	*lost = 0;
	if (ib->flags & IMSGBUF_PIPES) {
		do {
			n = read(ib->fd, iov.iov_base, iov.iov_len);
		} while (n == -1 && errno == EINTR);
		return (n);
	}
	do {
		memset(&mh, 0, sizeof(mh));
		mh.msg_iov = &iov;
		mh.msg_iovlen = 1;
		if (ib->flags & IMSGBUF_FDPASS) {
			memset(&ctl, 0, sizeof(ctl));
			mh.msg_control = &ctl;
			mh.msg_controllen = sizeof(ctl);
		}
		n = recvmsg(ib->fd, &mh, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1 || !(ib->flags & IMSGBUF_FDPASS))
		return (n);
	imsgbuf_takefd(&mh, fd);
	*lost = (mh.msg_flags & MSG_CTRUNC) != 0;
	return (n);
}

/*
 * Check the header at spos, which is complete, and move spos behind its
 * message.  A mark claims the pending descriptor; one that there is none for is
 * erased, so that marks and fdq stay in step.
 */
static int
imsgbuf_scan(struct imsgbuf *ib)
{
	struct imsg_hdr hdr;
	uint32_t len;

	memcpy(&hdr, ib->rbuf + ib->spos, sizeof(hdr));
	len = hdr.len & ~IMSG_FD_MARK;
	if (len < IMSG_HEADER_SIZE || len > ib->maxsize)
		return (imsgbuf_die(ib, ERANGE));
	if ((hdr.len & IMSG_FD_MARK) && ib->pendfd != -1) {
		ib->fdq[ib->nfds++] = ib->pendfd;
		ib->pendfd = -1;
	} else if (hdr.len & IMSG_FD_MARK) {
		hdr.len = len;
		memcpy(ib->rbuf + ib->spos, &hdr, sizeof(hdr));
	}
	ib->spos += len;
	return (0);
}

static void
imsgbuf_droppend(struct imsgbuf *ib)
{
	if (ib->pendfd != -1)
		(void)close(ib->pendfd);
	ib->pendfd = -1;
}

static int
imsgbuf_hdrready(const struct imsgbuf *ib)
{
	return (
	    ib->spos <= ib->rlen && ib->rlen - ib->spos >= IMSG_HEADER_SIZE);
}

/*
 * Take in the n bytes that were received with the descriptor fd or -1.  The
 * kernel delivers a descriptor with the first byte that was sent with it, which
 * is a header's first, but it may put plain bytes of other messages before, and
 * the header may be cut.  So fd belongs to a header that begins in these bytes.
 */
static int
imsgbuf_accept(struct imsgbuf *ib, size_t n, int fd)
{
	int cut = ib->spos < ib->rlen;

	ib->rlen += n;
	if (cut && !imsgbuf_hdrready(ib)) {
		if (fd == -1)
			return (1);
		(void)close(fd);
		return (imsgbuf_die(ib, EBADMSG));
	}
	if (cut) {
		/* This header began earlier: only the older one can be its. */
		if (imsgbuf_scan(ib) == -1) {
			if (fd != -1) {
				(void)close(fd);
				errno = ib->error;
			}
			return (-1);
		}
		imsgbuf_droppend(ib);
	}
	ib->pendfd = fd;
	while (imsgbuf_hdrready(ib)) {
		if (imsgbuf_scan(ib) == -1)
			return (-1);
	}
	if (ib->spos >= ib->rlen)
		imsgbuf_droppend(ib);
	return (1);
}

int
imsgbuf_read(struct imsgbuf *ib)
{
	ssize_t n;
	size_t nfds;
	int fd, lost;

	if (ib->error != 0) {
		errno = ib->error;
		return (-1);
	}
	if (ib->rpos != 0) {
		memmove(ib->rbuf, ib->rbuf + ib->rpos, ib->rlen - ib->rpos);
		ib->rlen -= ib->rpos;
		ib->spos -= ib->rpos;
		ib->rpos = 0;
	}
	/*
	 * No message is larger than rbuf: if that is full, one can be fetched.
	 * So can one if fdq is, as only the last marked one can be unfinished.
	 */
	nfds = ib->nfds + (ib->pendfd != -1);
	if (ib->rlen == ib->rsize || nfds == IMSG_MAXFDS)
		return (1);
	if ((n = imsgbuf_recv(ib, &fd, &lost)) == -1)
		return (errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -1);
	if (lost || n == 0) {
		if (fd != -1)
			(void)close(fd);
		return (lost ? imsgbuf_die(ib, EMSGSIZE) : 0);
	}
	return (imsgbuf_accept(ib, (size_t)n, fd));
}

void
imsgbuf_clear(struct imsgbuf *ib)
{
	struct ibuf *buf;

	while ((buf = TAILQ_FIRST(&ib->txq)) != NULL) {
		TAILQ_REMOVE(&ib->txq, buf, entry);
		ibuf_free(buf);
	}
	ib->qlen = 0;
	imsgbuf_closefds(ib);
	freezero(ib->rbuf, ib->rsize);
	ib->rbuf = NULL;
	ib->rsize = ib->rlen = ib->rpos = ib->spos = 0;
	ib->fd = ib->wfd = -1;
	ib->error = EBADF;
}
