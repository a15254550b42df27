/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "common/imsg.h"

/*
 * What all harnesses share.  Each fuzz_*.c has the entry point of libFuzzer,
 * linked with libFuzzer's main, AFL++'s or replay.c's.  Everything is
 * deterministic: fixed keys, time as the input says it passes.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An oracle: says what does not hold, and aborts. */
#define FUZZ_CHECK(x)                                      \
	do {                                               \
		if (!(x))                                  \
			fuzz_fail(__FILE__, __LINE__, #x); \
	} while (0)
void fuzz_fail(const char *file, int line, const char *what)
    __attribute__((noreturn));

/* The input as it is used up; where it is at its end, zeros follow. */
struct fuzz_in {
	const uint8_t *p;
	size_t len;
};
uint8_t fuzz_u8(struct fuzz_in *);
uint16_t fuzz_u16(struct fuzz_in *);
uint32_t fuzz_u32(struct fuzz_in *);
void fuzz_bytes(struct fuzz_in *, void *dst, size_t n);
/* fuzz_take: the next bytes, at most n; *got of them. */
const uint8_t *fuzz_take(struct fuzz_in *, size_t n, size_t *got);

/* fuzz_copy: len bytes with nothing behind them, so that a sanitizer sees a
 * step too far; the caller's to free. */
uint8_t *fuzz_copy(const void *p, size_t len);

/* fuzz_quiet: log lines go nowhere; a fatal one is a finding. */
void fuzz_quiet(void);

/* fuzz_imsg: a received message, the caller's to imsg_free. */
void fuzz_imsg(
    struct imsg *, uint32_t type, uint32_t id, const void *payload, size_t len);
/*
 * fuzz_dequeue: takes the oldest message that is queued for sending, as its
 * receiver would get it.  1, or 0 if there is none.
 */
int fuzz_dequeue(struct imsgbuf *, struct imsg *);
/* fuzz_drain: throws away what is queued. */
void fuzz_drain(struct imsgbuf *);

#endif /* TESTS_FUZZ_FUZZ_H */
