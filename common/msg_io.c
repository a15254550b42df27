/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <string.h>

#include "common/msg_io.h"

void
msg_write_begin(struct msg_writer *w, struct imsgbuf *ib, uint32_t type,
    uint32_t peerid, size_t len)
{
	memset(w, 0, sizeof(*w));
	w->ibuf = ib;
	if ((w->msg = imsg_create(ib, type, peerid, 0, len)) == NULL ||
	    (w->p = ibuf_reserve(w->msg, len)) == NULL)
		w->error = errno;
	else
		w->left = len;
}

void
msg_write_fault(struct msg_writer *w)
{
	w->left = 0;
	if (w->error == 0)
		w->error = ERANGE;
}

int
msg_write_end(struct msg_writer *w)
{
	if (w->left != 0)
		msg_write_fault(w);
	if (w->error != 0) {
		ibuf_free(w->msg);
		w->msg = NULL;
		errno = w->error;
		return (-1);
	}
	imsg_close(w->ibuf, w->msg);
	w->msg = NULL;
	return (0);
}

void
msg_read_begin(struct msg_reader *r, struct imsg *imsg)
{
	struct ibuf view;

	memset(r, 0, sizeof(*r));
	/* imsg_get_ibuf refuses an empty payload, which is none to us. */
	if (imsg_get_len(imsg) == 0)
		return;
	if (imsg_get_ibuf(imsg, &view) == -1) {
		r->why = "unreadable payload";
		return;
	}
	r->p = ibuf_data(&view);
	r->left = ibuf_size(&view);
}

void
msg_read_addr(struct msg_reader *r, enum family f, struct addr *a)
{
	static const struct addr zero;
	size_t len = addr_len(f);

	memset(a, 0, sizeof(*a));
	msg_read_bytes(r, a->b, sizeof(a->b));
	/* Addresses are compared whole: no two spellings of one. */
	msg_read_require(r, memcmp(a->b + len, zero.b, sizeof(a->b) - len) == 0,
	    "bytes behind an IPv4 address");
}

int
msg_read_end(struct msg_reader *r, const char **why)
{
	msg_read_require(r, r->left == 0, "payload too long");
	if (r->why == NULL)
		return (0);
	*why = r->why;
	return (-1);
}
