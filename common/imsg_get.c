/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Messages: fetching them, and taking them apart. */

#include <errno.h>
#include <string.h>

#include "common/imsg.h"

/* The length of the message at pos if it is there as a whole, else 0. */
static size_t
imsgbuf_whole(const struct imsgbuf *ib, size_t pos, struct imsg_hdr *hdr)
{
	size_t len;

	if (pos >= ib->spos)
		return (0);
	memcpy(hdr, ib->rbuf + pos, sizeof(*hdr));
	len = hdr->len & ~IMSG_FD_MARK;
	return (len > ib->rlen - pos ? 0 : len);
}

int
imsgbuf_get(struct imsgbuf *ib, struct imsg *imsg)
{
	struct imsg_hdr hdr;
	struct ibuf *buf;
	size_t len;

	if (ib->error != 0) {
		errno = ib->error;
		return (-1);
	}
	if ((len = imsgbuf_whole(ib, ib->rpos, &hdr)) == 0)
		return (0);
	buf = ib->rxpool != NULL ? ibuf_pool_get(ib->rxpool) : ibuf_open(len);
	if (buf == NULL)
		return (-1);
	if (ibuf_add(buf, ib->rbuf + ib->rpos, len) == -1 ||
	    ibuf_skip(buf, sizeof(hdr)) == -1) {
		ibuf_free(buf);
		return (-1);
	}
	/* The queue is empty after imsgbuf_deny_fdpass. */
	if ((hdr.len & IMSG_FD_MARK) && ib->nfds > 0) {
		ibuf_fd_set(buf, ib->fdq[0]);
		ib->nfds--;
		memmove(ib->fdq, ib->fdq + 1, ib->nfds * sizeof(ib->fdq[0]));
	}
	hdr.len = (uint32_t)len;
	ib->rpos += len;
	imsg->hdr = hdr;
	imsg->buf = buf;
	imsg->data = ibuf_data(buf);
	return (1);
}

size_t
imsgbuf_partial(const struct imsgbuf *ib)
{
	struct imsg_hdr hdr;
	size_t len, pos = ib->rpos;

	while ((len = imsgbuf_whole(ib, pos, &hdr)) != 0)
		pos += len;
	return (ib->rlen - pos);
}

uint32_t
imsg_get_type(const struct imsg *imsg)
{
	return (imsg->hdr.type);
}

uint32_t
imsg_get_id(const struct imsg *imsg)
{
	return (imsg->hdr.peerid);
}

pid_t
imsg_get_pid(const struct imsg *imsg)
{
	return ((pid_t)imsg->hdr.pid);
}

size_t
imsg_get_len(const struct imsg *imsg)
{
	return (ibuf_size(imsg->buf));
}

int
imsg_get_fd(struct imsg *imsg)
{
	return (ibuf_fd_get(imsg->buf));
}

int
imsg_get_data(struct imsg *imsg, void *data, size_t len)
{
	if (len == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (ibuf_size(imsg->buf) != len) {
		errno = EBADMSG;
		return (-1);
	}
	return (ibuf_get(imsg->buf, data, len));
}

int
imsg_get_buf(struct imsg *imsg, void *data, size_t len)
{
	return (ibuf_get(imsg->buf, data, len));
}

int
imsg_get_strbuf(struct imsg *imsg, char *str, size_t len)
{
	return (ibuf_get_strbuf(imsg->buf, str, len));
}

int
imsg_get_ibuf(struct imsg *imsg, struct ibuf *view)
{
	if (ibuf_size(imsg->buf) == 0) {
		errno = EBADMSG;
		return (-1);
	}
	return (ibuf_get_ibuf(imsg->buf, ibuf_size(imsg->buf), view));
}

void
imsg_free(struct imsg *imsg)
{
	ibuf_free(imsg->buf);
	imsg->buf = NULL;
	imsg->data = NULL;
}
