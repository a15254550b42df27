/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_READER_H
#define ENGINE_READER_H

#include <stddef.h>
#include <stdint.h>

/*
 * A bounded reader over bytes that it does not own.  Every function that
 * returns int returns 0, or -1 if fewer bytes are left than it needs; then
 * nothing is consumed and nothing written.  Integers are big endian.  Pure.
 */
struct reader {
	const uint8_t *p;
	size_t len;
	size_t off; /* bytes consumed, <= len */
};

/* reader_init: len bytes at p, which must outlive the reader. */
void reader_init(struct reader *, const uint8_t *p, size_t len);
/* reader_left: bytes not consumed. */
size_t reader_left(const struct reader *);
int reader_get8(struct reader *, uint8_t *);
int reader_get16(struct reader *, uint16_t *);
int reader_get32(struct reader *, uint32_t *);
/* reader_get: copies n bytes. */
int reader_get(struct reader *, uint8_t *dst, size_t n);
int reader_skip(struct reader *, size_t n);
/* reader_sub: *sub becomes a reader over the next n bytes alone. */
int reader_sub(struct reader *, size_t n, struct reader *sub);

#endif /* ENGINE_READER_H */
