/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "common/log.h"

size_t
vis_line(char *dst, size_t dlen, const void *src, size_t slen)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = src;
	unsigned char c;
	size_t i, need, off = 0;

	if (dlen == 0)
		return (0);
	for (i = 0; i < slen; i++) {
		c = s[i];
		if (c == '\\')
			need = 2;
		else if (c < 0x20 || c > 0x7e)
			need = 4;
		else
			need = 1;
		/* off < dlen always holds, so the NUL has its place. */
		if (need > dlen - 1 - off)
			break;
		if (need > 1)
			dst[off++] = '\\';
		if (need == 4) {
			dst[off++] = 'x';
			dst[off++] = hex[c >> 4];
			dst[off++] = hex[c & 0x0f];
		} else
			dst[off++] = (char)c;
	}
	dst[off] = '\0';
	return (off);
}
