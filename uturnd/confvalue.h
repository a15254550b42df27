/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURND_CONFVALUE_H
#define UTURND_CONFVALUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

/*
 * Texts of values to numbers and back.  Pure functions; the readers return 0,
 * or -1 if the text is not wholly such a value, and then leave *out alone.
 */

/* Decimal digits, min..max. */
int confvalue_number(const char *, uint64_t min, uint64_t max, uint64_t *out);
/* 400ms 10s 5m 2h; ns, at most 366 days. */
int confvalue_duration(const char *, uint64_t *out);
/* 32/s */
int confvalue_rate(const char *, uint64_t min, uint64_t max, uint32_t *out);
/* 443 or 33434:33689; ports from 1, lo <= hi. */
int confvalue_ports(const char *, uint16_t *lo, uint16_t *hi);
/* 0x75000000/0xff000000, or without a mask: all bits; also decimal. */
int confvalue_mark(const char *, uint32_t *mark, uint32_t *mask);
int confvalue_addr(const char *, enum family *, struct addr *);
/* An address, or address/bits; not masked. */
int confvalue_prefix(const char *, enum family *, struct addr *, uint8_t *len);

#define CONFVALUE_DURATION_MAX 24
/* confvalue_duration_format: in the largest unit without loss; returns buf. */
const char *confvalue_duration_format(uint64_t ns, char *buf, size_t len);

#endif /* UTURND_CONFVALUE_H */
