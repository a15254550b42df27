/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/wire.h"
#include "tests/fuzz/fuzz.h"

void
fuzz_fail(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

const uint8_t *
fuzz_take(struct fuzz_in *in, size_t n, size_t *got)
{
	const uint8_t *p = in->p;

	if (n > in->len)
		n = in->len;
	in->p += n;
	in->len -= n;
	*got = n;
	return (p);
}

void
fuzz_bytes(struct fuzz_in *in, void *dst, size_t n)
{
	const uint8_t *p;
	size_t got;

	memset(dst, 0, n);
	p = fuzz_take(in, n, &got);
	if (got > 0)
		memcpy(dst, p, got);
}

uint8_t
fuzz_u8(struct fuzz_in *in)
{
	uint8_t v;

	fuzz_bytes(in, &v, sizeof(v));
	return (v);
}

uint16_t
fuzz_u16(struct fuzz_in *in)
{
	uint8_t b[2];

	fuzz_bytes(in, b, sizeof(b));
	return (wire_get16(b));
}

uint32_t
fuzz_u32(struct fuzz_in *in)
{
	uint8_t b[4];

	fuzz_bytes(in, b, sizeof(b));
	return (wire_get32(b));
}

uint8_t *
fuzz_copy(const void *p, size_t len)
{
	uint8_t *c;

	FUZZ_CHECK((c = malloc(len > 0 ? len : 1)) != NULL);
	if (len > 0)
		memcpy(c, p, len);
	return (c);
}

/* fatal ends by _exit, which a fuzzer does not see. */
static void
fuzz_line(void *arg, int pri, const char *line)
{
	(void)arg;
	(void)pri;
	if (strncmp(line, "fatal", 5) == 0) {
		(void)fprintf(stderr, "%s\n", line);
		abort();
	}
}

void
fuzz_quiet(void)
{
	static const struct log_sink sink = { fuzz_line, NULL };

	log_init("fuzz", 1);
	log_to_sink(&sink);
}

void
fuzz_imsg(struct imsg *imsg, uint32_t type, uint32_t id, const void *payload,
    size_t len)
{
	memset(imsg, 0, sizeof(*imsg));
	imsg->hdr.type = type;
	imsg->hdr.len = (uint32_t)(IMSG_HEADER_SIZE + len);
	imsg->hdr.peerid = id;
	/* The length that is asked for is the allocation's: exact. */
	FUZZ_CHECK((imsg->buf = ibuf_open(len > 0 ? len : 1)) != NULL);
	if (len > 0)
		FUZZ_CHECK(ibuf_add(imsg->buf, payload, len) == 0);
	imsg->data = ibuf_data(imsg->buf);
}

int
fuzz_dequeue(struct imsgbuf *ib, struct imsg *imsg)
{
	struct ibuf *buf;

	if ((buf = TAILQ_FIRST(&ib->txq)) == NULL)
		return (0);
	TAILQ_REMOVE(&ib->txq, buf, entry);
	ib->qlen--;
	FUZZ_CHECK(ibuf_get(buf, &imsg->hdr, sizeof(imsg->hdr)) == 0);
	FUZZ_CHECK(imsg->hdr.len == IMSG_HEADER_SIZE + ibuf_size(buf));
	imsg->buf = buf;
	imsg->data = ibuf_data(buf);
	return (1);
}

void
fuzz_drain(struct imsgbuf *ib)
{
	struct imsg imsg;

	while (fuzz_dequeue(ib, &imsg))
		imsg_free(&imsg);
}
