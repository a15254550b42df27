/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Messages: making them. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/imsg.h"

static void
imsg_enqueue(struct imsgbuf *ib, struct ibuf *buf)
{
	/* The bytes of a view may be gone before they are sent. */
	if (buf->buf == NULL)
		abort();
	TAILQ_INSERT_TAIL(&ib->txq, buf, entry);
	ib->qlen++;
}

static int
imsg_fd_refused(const struct imsgbuf *ib, int fd)
{
	if (fd != -1 && !(ib->flags & IMSGBUF_FDPASS)) {
		errno = EPERM;
		return (1);
	}
	return (0);
}

/* An empty buffer for a message of len bytes at first, header included. */
static struct ibuf *
imsg_getbuf(struct imsgbuf *ib, size_t len)
{
	struct ibuf *msg;

	if (ib->txpool == NULL)
		return (ibuf_dynamic(len, ib->maxsize));
	if (len > ibuf_pool_bufsize(ib->txpool)) {
		errno = ERANGE;
		return (NULL);
	}
	if ((msg = ibuf_pool_get(ib->txpool)) == NULL)
		return (NULL);
	if (ib->maxsize < ibuf_pool_bufsize(ib->txpool) &&
	    ibuf_set_maxsize(msg, ib->maxsize) == -1) {
		ibuf_free(msg);
		return (NULL);
	}
	return (msg);
}

struct ibuf *
imsg_create(
    struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid, size_t len)
{
	struct imsg_hdr hdr = { .type = type, .peerid = id };
	struct ibuf *msg;

	if (len > ib->maxsize - IMSG_HEADER_SIZE) {
		errno = ERANGE;
		return (NULL);
	}
	hdr.pid = (uint32_t)(pid == 0 ? ib->pid : pid);
	if ((msg = imsg_getbuf(ib, IMSG_HEADER_SIZE + len)) == NULL)
		return (NULL);
	if (ibuf_add(msg, &hdr, sizeof(hdr)) == -1) {
		ibuf_free(msg);
		return (NULL);
	}
	return (msg);
}

int
imsg_add(struct ibuf *msg, const void *data, size_t len)
{
	if (ibuf_add(msg, data, len) == -1) {
		ibuf_free(msg);
		return (-1);
	}
	/* Fits: a message stays below the mark bit. */
	return ((int)len);
}

int
imsg_set_maxsize(struct ibuf *msg, size_t max)
{
	if (max > SIZE_MAX - IMSG_HEADER_SIZE) {
		errno = ERANGE;
		return (-1);
	}
	return (ibuf_set_maxsize(msg, max + IMSG_HEADER_SIZE));
}

/* Queue msg, whose payload is continued by extra bytes of the next entry. */
static void
imsg_finish(struct imsgbuf *ib, struct ibuf *msg, size_t extra)
{
	uint32_t len = (uint32_t)(ibuf_size(msg) + extra);

	if (imsg_fd_refused(ib, msg->fd))
		ibuf_fd_set(msg, -1);
	if (ibuf_fd_avail(msg))
		len |= IMSG_FD_MARK;
	/* Only something that is no message has no room for its header. */
	if (ibuf_set_h32(msg, offsetof(struct imsg_hdr, len), len) == -1)
		abort();
	imsg_enqueue(ib, msg);
}

void
imsg_close(struct imsgbuf *ib, struct ibuf *msg)
{
	imsg_finish(ib, msg, 0);
}

int
imsg_compose(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid, int fd,
    const void *data, size_t len)
{
	struct iovec iov;

	/* iovec has no const form; composev only reads. */
	memcpy(&iov.iov_base, &data, sizeof(iov.iov_base));
	iov.iov_len = len;
	return (imsg_composev(ib, type, id, pid, fd, &iov, 1));
}

int
imsg_composev(struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid, int fd,
    const struct iovec *iov, int iovcnt)
{
	struct ibuf *msg;
	size_t len = 0;
	int i;

	if (iovcnt < 0) {
		errno = EINVAL;
		return (-1);
	}
	if (imsg_fd_refused(ib, fd))
		return (-1);
	for (i = 0; i < iovcnt; i++) {
		if (iov[i].iov_len > ib->maxsize - len) {
			errno = ERANGE;
			return (-1);
		}
		len += iov[i].iov_len;
	}
	if ((msg = imsg_create(ib, type, id, pid, len)) == NULL)
		return (-1);
	for (i = 0; i < iovcnt; i++) {
		if (imsg_add(msg, iov[i].iov_base, iov[i].iov_len) == -1)
			return (-1);
	}
	/* Last, so that on failure fd still is the caller's. */
	ibuf_fd_set(msg, fd);
	imsg_close(ib, msg);
	return (1);
}

int
imsg_compose_ibuf(
    struct imsgbuf *ib, uint32_t type, uint32_t id, pid_t pid, struct ibuf *buf)
{
	struct ibuf *msg;

	if (buf->buf == NULL)
		abort();
	if (ibuf_fd_avail(buf)) {
		errno = EINVAL;
		goto fail;
	}
	if (ibuf_size(buf) > ib->maxsize - IMSG_HEADER_SIZE) {
		errno = ERANGE;
		goto fail;
	}
	if ((msg = imsg_create(ib, type, id, pid, 0)) == NULL)
		goto fail;
	imsg_finish(ib, msg, ibuf_size(buf));
	if (ibuf_size(buf) == 0)
		ibuf_free(buf);
	else
		imsg_enqueue(ib, buf);
	return (1);
fail:
	ibuf_free(buf);
	return (-1);
}

int
imsg_forward(struct imsgbuf *ib, const struct imsg *imsg)
{
	return (imsg_compose(ib, imsg->hdr.type, imsg->hdr.peerid,
	    (pid_t)imsg->hdr.pid, -1, imsg->data,
	    imsg->hdr.len - IMSG_HEADER_SIZE));
}
