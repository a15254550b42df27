/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Buffers: writing and reading bytes and strings. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/imsg.h"

/* Make room for len bytes behind wpos. */
static int
ibuf_grow(struct ibuf *buf, size_t len)
{
	unsigned char *p;

	if (buf->buf == NULL) {
		errno = EINVAL;
		return (-1);
	}
	if (len > ibuf_left(buf)) {
		errno = ERANGE;
		return (-1);
	}
	if (len <= buf->size - buf->wpos)
		return (0);
	/* Wipes the old place if the bytes have to move. */
	p = recallocarray(
	    buf->buf, buf->size == 0 ? 1 : buf->size, buf->wpos + len, 1);
	if (p == NULL)
		return (-1);
	buf->data = buf->buf = p;
	buf->size = buf->wpos + len;
	return (0);
}

void *
ibuf_reserve(struct ibuf *buf, size_t len)
{
	unsigned char *p;

	if (ibuf_grow(buf, len) == -1)
		return (NULL);
	p = buf->buf + buf->wpos;
	buf->wpos += len;
	return (p);
}

int
ibuf_add(struct ibuf *buf, const void *data, size_t len)
{
	void *p;

	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	if (len != 0)
		memcpy(p, data, len);
	return (0);
}

int
ibuf_add_ibuf(struct ibuf *buf, const struct ibuf *from)
{
	return (ibuf_add(buf, ibuf_data(from), ibuf_size(from)));
}

int
ibuf_add_zero(struct ibuf *buf, size_t len)
{
	void *p;

	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	memset(p, 0, len);
	return (0);
}

int
ibuf_add_strbuf(struct ibuf *buf, const char *str, size_t len)
{
	size_t slen;
	char *p;

	if ((slen = strnlen(str, len)) == len) {
		errno = EOVERFLOW;
		return (-1);
	}
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return (-1);
	memcpy(p, str, slen);
	memset(p + slen, 0, len - slen);
	return (0);
}

void *
ibuf_seek(struct ibuf *buf, size_t pos, size_t len)
{
	if (buf->buf == NULL) {
		errno = EINVAL;
		return (NULL);
	}
	if (pos > ibuf_size(buf) || len > ibuf_size(buf) - pos) {
		errno = ERANGE;
		return (NULL);
	}
	return (buf->buf + buf->rpos + pos);
}

int
ibuf_set(struct ibuf *buf, size_t pos, const void *data, size_t len)
{
	void *p;

	if ((p = ibuf_seek(buf, pos, len)) == NULL)
		return (-1);
	if (len != 0)
		memcpy(p, data, len);
	return (0);
}

int
ibuf_skip(struct ibuf *buf, size_t len)
{
	if (len > ibuf_size(buf)) {
		errno = EBADMSG;
		return (-1);
	}
	buf->rpos += len;
	return (0);
}

int
ibuf_get(struct ibuf *buf, void *data, size_t len)
{
	const void *p = ibuf_data(buf);

	if (ibuf_skip(buf, len) == -1)
		return (-1);
	if (len != 0)
		memcpy(data, p, len);
	return (0);
}

int
ibuf_get_ibuf(struct ibuf *buf, size_t len, struct ibuf *view)
{
	const void *p = ibuf_data(buf);

	if (ibuf_skip(buf, len) == -1)
		return (-1);
	ibuf_from_buffer(view, p, len);
	return (0);
}

int
ibuf_get_strbuf(struct ibuf *buf, char *str, size_t len)
{
	const char *p = ibuf_data(buf);
	size_t slen;

	if (len == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (len > ibuf_size(buf)) {
		errno = EBADMSG;
		return (-1);
	}
	if ((slen = strnlen(p, len)) == len) {
		errno = EOVERFLOW;
		return (-1);
	}
	memcpy(str, p, slen);
	memset(str + slen, 0, len - slen);
	buf->rpos += len;
	return (0);
}

char *
ibuf_get_string(struct ibuf *buf, size_t len)
{
	const char *p = ibuf_data(buf);
	char *str;

	if (len > ibuf_size(buf)) {
		errno = EBADMSG;
		return (NULL);
	}
	if (len == 0)
		return (calloc(1, 1));
	if ((str = strndup(p, len)) == NULL)
		return (NULL);
	buf->rpos += len;
	return (str);
}
