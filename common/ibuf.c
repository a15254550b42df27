/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Buffers: where they come from and go to. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/imsg.h"

enum ibuf_kind {
	IBUF_HEAP = 1,
	IBUF_POOLED,
	IBUF_IDLE, /* pooled, and lies in the pool */
	IBUF_VIEW
};

struct ibuf_pool {
	struct ibuf_head idle;
	unsigned char *slab;
	size_t nbufs;
	size_t bufsize;
	size_t avail;
	struct ibuf bufs[];
};

struct ibuf *
ibuf_open(size_t len)
{
	struct ibuf *buf;

	if ((buf = calloc(1, sizeof(*buf))) == NULL)
		return (NULL);
	/* Never NULL, so that offsets may be added to it. */
	if ((buf->buf = calloc(1, len == 0 ? 1 : len)) == NULL) {
		free(buf);
		return (NULL);
	}
	buf->data = buf->buf;
	buf->size = buf->max = len;
	buf->fd = -1;
	buf->kind = IBUF_HEAP;
	return (buf);
}

struct ibuf *
ibuf_dynamic(size_t len, size_t max)
{
	struct ibuf *buf;

	if (max == 0 || max < len) {
		errno = EINVAL;
		return (NULL);
	}
	if ((buf = ibuf_open(len)) != NULL)
		buf->max = max;
	return (buf);
}

void
ibuf_from_buffer(struct ibuf *view, const void *data, size_t len)
{
	memset(view, 0, sizeof(*view));
	view->data = data;
	view->size = view->max = view->wpos = len;
	view->fd = -1;
	view->kind = IBUF_VIEW;
}

void
ibuf_from_ibuf(struct ibuf *view, const struct ibuf *buf)
{
	ibuf_from_buffer(view, ibuf_data(buf), ibuf_size(buf));
}

static void
ibuf_pool_put(struct ibuf *buf)
{
	struct ibuf_pool *pool = buf->pool;

	/* What lies behind wpos is zero: nothing but truncation lowers it. */
	explicit_bzero(buf->buf, buf->wpos);
	buf->kind = IBUF_IDLE;
	/* The one used last is the one in the cache. */
	TAILQ_INSERT_HEAD(&pool->idle, buf, entry);
	pool->avail++;
}

void
ibuf_free(struct ibuf *buf)
{
	int saved_errno = errno;

	if (buf == NULL)
		return;
	if (buf->kind != IBUF_HEAP && buf->kind != IBUF_POOLED)
		abort();
	ibuf_fd_set(buf, -1);
	if (buf->kind == IBUF_POOLED)
		ibuf_pool_put(buf);
	else {
		freezero(buf->buf, buf->size);
		freezero(buf, sizeof(*buf));
	}
	errno = saved_errno;
}

struct ibuf_pool *
ibuf_pool_new(size_t nbufs, size_t bufsize)
{
	struct ibuf_pool *pool;
	struct ibuf *buf;
	size_t i;

	if (nbufs == 0 || bufsize == 0) {
		errno = EINVAL;
		return (NULL);
	}
	if (nbufs > (SIZE_MAX - sizeof(*pool)) / sizeof(pool->bufs[0]) ||
	    nbufs > SIZE_MAX / bufsize) {
		errno = ENOMEM;
		return (NULL);
	}
	pool = calloc(1, sizeof(*pool) + nbufs * sizeof(pool->bufs[0]));
	if (pool == NULL)
		return (NULL);
	if ((pool->slab = calloc(nbufs, bufsize)) == NULL) {
		free(pool);
		return (NULL);
	}
	TAILQ_INIT(&pool->idle);
	pool->nbufs = pool->avail = nbufs;
	pool->bufsize = bufsize;
	for (i = 0; i < nbufs; i++) {
		buf = &pool->bufs[i];
		buf->pool = pool;
		buf->data = buf->buf = pool->slab + i * bufsize;
		buf->size = bufsize;
		buf->fd = -1;
		buf->kind = IBUF_IDLE;
		TAILQ_INSERT_TAIL(&pool->idle, buf, entry);
	}
	return (pool);
}

void
ibuf_pool_free(struct ibuf_pool *pool)
{
	if (pool == NULL)
		return;
	if (pool->avail != pool->nbufs)
		abort();
	free(pool->slab);
	free(pool);
}

size_t
ibuf_pool_avail(const struct ibuf_pool *pool)
{
	return (pool->avail);
}

size_t
ibuf_pool_bufsize(const struct ibuf_pool *pool)
{
	return (pool->bufsize);
}

struct ibuf *
ibuf_pool_get(struct ibuf_pool *pool)
{
	struct ibuf *buf;

	if ((buf = TAILQ_FIRST(&pool->idle)) == NULL) {
		errno = ENOBUFS;
		return (NULL);
	}
	TAILQ_REMOVE(&pool->idle, buf, entry);
	pool->avail--;
	buf->kind = IBUF_POOLED;
	buf->max = pool->bufsize;
	buf->wpos = buf->rpos = 0;
	return (buf);
}

const void *
ibuf_data(const struct ibuf *buf)
{
	/* The view of an empty packet may have no address. */
	if (buf->data == NULL)
		return (NULL);
	return (buf->data + buf->rpos);
}

size_t
ibuf_size(const struct ibuf *buf)
{
	return (buf->wpos - buf->rpos);
}

size_t
ibuf_left(const struct ibuf *buf)
{
	if (buf->kind == IBUF_VIEW)
		return (0);
	return (buf->max - buf->wpos);
}

int
ibuf_set_maxsize(struct ibuf *buf, size_t max)
{
	if (buf->kind == IBUF_VIEW) {
		errno = EINVAL;
		return (-1);
	}
	if (max > buf->max || max < buf->wpos) {
		errno = ERANGE;
		return (-1);
	}
	buf->max = max;
	return (0);
}

int
ibuf_truncate(struct ibuf *buf, size_t len)
{
	size_t end;

	if (len > ibuf_size(buf))
		return (ibuf_add_zero(buf, len - ibuf_size(buf)));
	end = buf->rpos + len;
	if (buf->kind != IBUF_VIEW)
		explicit_bzero(buf->buf + end, buf->wpos - end);
	buf->wpos = end;
	return (0);
}

void
ibuf_rewind(struct ibuf *buf)
{
	buf->rpos = 0;
}

int
ibuf_fd_avail(const struct ibuf *buf)
{
	return (buf->fd != -1);
}

int
ibuf_fd_get(struct ibuf *buf)
{
	int fd = buf->fd;

	buf->fd = -1;
	return (fd);
}

void
ibuf_fd_set(struct ibuf *buf, int fd)
{
	if (buf->kind == IBUF_VIEW)
		abort();
	if (buf->fd != -1)
		(void)close(buf->fd);
	buf->fd = fd < 0 ? -1 : fd;
}
