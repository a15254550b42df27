/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "utrace/reader.h"

struct reader {
	int out;
	size_t total; /* bytes read so far */
	size_t len;   /* of line */
	int is_cut;   /* the rest of this line is left out */
	char line[READER_LINE_MAX];
	struct reader_msg msg;
};

int
reader_full(int fd, void *buf, size_t len)
{
	unsigned char *p = buf;
	size_t at = 0;
	ssize_t n;

	while (at < len) {
		n = read(fd, p + at, len - at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		if (n == 0)
			return (0);
		at += (size_t)n;
	}
	return (1);
}

int
reader_put(int fd, const void *buf, size_t len)
{
	const unsigned char *p = buf;
	size_t at = 0;
	ssize_t n;

	while (at < len) {
		n = write(fd, p + at, len - at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		at += (size_t)n;
	}
	return (1);
}

/* What travels with a message of this kind. */
static size_t
reader_body(uint32_t what, struct reader_msg *m, void **body)
{
	switch (what) {
	case READER_HEADER:
		*body = &m->header;
		return (sizeof(m->header));
	case READER_HOP:
		*body = &m->hop;
		return (sizeof(m->hop));
	default:
		*body = NULL;
		return (0);
	}
}

static int
reader_send(struct reader *r, uint32_t what)
{
	struct reader_msg *m = &r->msg;
	void *body;
	size_t n;

	m->what = what;
	if (reader_put(r->out, &m->what, sizeof(m->what)) == -1 ||
	    reader_put(r->out, m->text, sizeof(m->text)) == -1)
		return (-1);
	n = reader_body(what, m, &body);
	return (n == 0 || reader_put(r->out, body, n) == 1 ? 0 : -1);
}

/* A whole line is here: its text in pieces, and what it is. */
static int
reader_line(struct reader *r)
{
	struct hop_header header;
	size_t n, at = 0, piece = (READER_TEXT_MAX - 1) / 4;
	uint32_t what = READER_OTHER;

	if (r->len > 0 && r->line[r->len - 1] == '\r')
		r->len--;
	switch (decode_line(r->line, r->len, &header, &r->msg.hop)) {
	case DECODE_HEADER:
		what = READER_HEADER;
		r->msg.header = header;
		break;
	case DECODE_HOP:
		what = READER_HOP;
		break;
	case DECODE_OTHER:
		break;
	}
	do {
		n = r->len - at < piece ? r->len - at : piece;
		memset(r->msg.text, 0, sizeof(r->msg.text));
		(void)vis_line(
		    r->msg.text, sizeof(r->msg.text), r->line + at, n);
		at += n;
		if (reader_send(r, at < r->len ? READER_TEXT : what) == -1)
			return (-1);
	} while (at < r->len);
	r->len = 0;
	r->is_cut = 0;
	return (0);
}

static int
reader_bytes(struct reader *r, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (p[i] == '\n') {
			if (reader_line(r) == -1)
				return (-1);
		} else if (r->len < sizeof(r->line))
			r->line[r->len++] = p[i];
		else
			r->is_cut = 1;
	}
	return (0);
}

int
reader_run(int in, int out)
{
	static struct reader r;
	char buf[4096];
	ssize_t n;

	memset(&r, 0, sizeof(r));
	r.out = out;
	for (;;) {
		n = read(in, buf, sizeof(buf));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		if (n == 0)
			break;
		if ((size_t)n > READER_INPUT_MAX - r.total) {
			n = (ssize_t)(READER_INPUT_MAX - r.total);
			if (reader_bytes(&r, buf, (size_t)n) == -1 ||
			    reader_line(&r) == -1)
				return (-1);
			return (reader_send(&r, READER_CUT) == -1
				? -1
				: reader_send(&r, READER_END));
		}
		r.total += (size_t)n;
		if (reader_bytes(&r, buf, (size_t)n) == -1)
			return (-1);
	}
	/* A last line without its newline: cut, but perhaps of use. */
	if ((r.len > 0 || r.is_cut) && reader_line(&r) == -1)
		return (-1);
	return (reader_send(&r, READER_END));
}

int
reader_get(int fd, struct reader_msg *m)
{
	void *body;
	size_t n;
	int rc;

	memset(m, 0, sizeof(*m));
	if ((rc = reader_full(fd, &m->what, sizeof(m->what))) != 1 ||
	    (rc = reader_full(fd, m->text, sizeof(m->text))) != 1)
		return (rc);
	errno = EPROTO;
	if (m->what < READER_TEXT || m->what > READER_END ||
	    hop_text_check(m->text, sizeof(m->text)) == -1)
		return (-1);
	if ((n = reader_body(m->what, m, &body)) == 0)
		return (1);
	if ((rc = reader_full(fd, body, n)) != 1)
		return (rc);
	errno = EPROTO;
	if (m->what == READER_HOP && hop_check(&m->hop) == -1)
		return (-1);
	if (m->what == READER_HEADER && hop_header_check(&m->header) == -1)
		return (-1);
	return (1);
}
