/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/wire.h"
#include "engine/reader.h"

void
reader_init(struct reader *r, const uint8_t *p, size_t len)
{
	r->p = p;
	r->len = len;
	r->off = 0;
}

size_t
reader_left(const struct reader *r)
{
	return (r->len - r->off);
}

int
reader_get8(struct reader *r, uint8_t *v)
{
	if (reader_left(r) < 1)
		return (-1);
	*v = r->p[r->off];
	r->off += 1;
	return (0);
}

int
reader_get16(struct reader *r, uint16_t *v)
{
	if (reader_left(r) < 2)
		return (-1);
	*v = wire_get16(r->p + r->off);
	r->off += 2;
	return (0);
}

int
reader_get32(struct reader *r, uint32_t *v)
{
	if (reader_left(r) < 4)
		return (-1);
	*v = wire_get32(r->p + r->off);
	r->off += 4;
	return (0);
}

int
reader_get(struct reader *r, uint8_t *dst, size_t n)
{
	if (reader_left(r) < n)
		return (-1);
	memcpy(dst, r->p + r->off, n);
	r->off += n;
	return (0);
}

int
reader_skip(struct reader *r, size_t n)
{
	if (reader_left(r) < n)
		return (-1);
	r->off += n;
	return (0);
}

int
reader_sub(struct reader *r, size_t n, struct reader *sub)
{
	if (reader_left(r) < n)
		return (-1);
	reader_init(sub, r->p + r->off, n);
	r->off += n;
	return (0);
}
