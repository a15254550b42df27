/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <string.h>

#include "common/msg_io.h"

static void
msg_write_judge(struct msg_writer *w, int rc)
{
	if (rc == 0)
		return;
	w->error = errno;
	ibuf_free(w->msg);
	w->msg = NULL;
}

void
msg_write_begin(struct msg_writer *w, struct imsgbuf *ib, uint32_t type,
    uint32_t peerid, size_t len)
{
	w->ibuf = ib;
	w->error = 0;
	w->msg = imsg_create(ib, type, peerid, 0, len);
	if (w->msg == NULL)
		w->error = errno;
}

void
msg_write_u8(struct msg_writer *w, uint8_t v)
{
	if (w->msg != NULL)
		msg_write_judge(w, ibuf_add_n8(w->msg, v));
}

void
msg_write_u16(struct msg_writer *w, uint16_t v)
{
	if (w->msg != NULL)
		msg_write_judge(w, ibuf_add_h16(w->msg, v));
}

void
msg_write_u32(struct msg_writer *w, uint32_t v)
{
	if (w->msg != NULL)
		msg_write_judge(w, ibuf_add_h32(w->msg, v));
}

void
msg_write_u64(struct msg_writer *w, uint64_t v)
{
	if (w->msg != NULL)
		msg_write_judge(w, ibuf_add_h64(w->msg, v));
}

void
msg_write_bytes(struct msg_writer *w, const void *p, size_t len)
{
	if (w->msg != NULL)
		msg_write_judge(w, ibuf_add(w->msg, p, len));
}

int
msg_write_end(struct msg_writer *w)
{
	if (w->msg == NULL) {
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
	r->why = NULL;
	/* imsg_get_ibuf refuses an empty payload, which is none to us. */
	if (imsg_get_len(imsg) == 0)
		ibuf_from_buffer(&r->view, NULL, 0);
	else if (imsg_get_ibuf(imsg, &r->view) == -1) {
		ibuf_from_buffer(&r->view, NULL, 0);
		r->why = "unreadable payload";
	}
}

void
msg_read_require(struct msg_reader *r, int ok, const char *why)
{
	if (r->why == NULL && !ok)
		r->why = why;
}

static void
msg_read_judge(struct msg_reader *r, int rc)
{
	msg_read_require(r, rc == 0, "payload too short");
}

uint8_t
msg_read_u8(struct msg_reader *r)
{
	uint8_t v = 0;

	if (r->why == NULL)
		msg_read_judge(r, ibuf_get_n8(&r->view, &v));
	return (v);
}

uint16_t
msg_read_u16(struct msg_reader *r)
{
	uint16_t v = 0;

	if (r->why == NULL)
		msg_read_judge(r, ibuf_get_h16(&r->view, &v));
	return (v);
}

uint32_t
msg_read_u32(struct msg_reader *r)
{
	uint32_t v = 0;

	if (r->why == NULL)
		msg_read_judge(r, ibuf_get_h32(&r->view, &v));
	return (v);
}

uint64_t
msg_read_u64(struct msg_reader *r)
{
	uint64_t v = 0;

	if (r->why == NULL)
		msg_read_judge(r, ibuf_get_h64(&r->view, &v));
	return (v);
}

void
msg_read_bytes(struct msg_reader *r, void *p, size_t len)
{
	if (r->why == NULL && len > 0)
		msg_read_judge(r, ibuf_get(&r->view, p, len));
}

unsigned int
msg_read_enum(struct msg_reader *r, unsigned int last, const char *why)
{
	uint8_t v;

	v = msg_read_u8(r);
	msg_read_require(r, v < last, why);
	/* Never hand out a value that an array index could suffer from. */
	return (v < last ? v : 0);
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

size_t
msg_read_left(const struct msg_reader *r)
{
	return (ibuf_size(&r->view));
}

int
msg_read_end(struct msg_reader *r, const char **why)
{
	msg_read_require(r, msg_read_left(r) == 0, "payload too long");
	if (r->why == NULL)
		return (0);
	*why = r->why;
	return (-1);
}
