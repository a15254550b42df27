/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "common/log.h"
#include "utrace/decode.h"
#include "utrace/object.h"

/* Longest word that can be a time, a number or an address. */
#define DECODE_RTT_MAX 4294967295ULL

/* What is known while a hop's line is read from left to right. */
struct decode {
	const char *p;
	size_t len;
	struct hop *hop;
	const char *name; /* the last word, perhaps a name */
	size_t namelen;
	int answer;           /* whose times follow; -1: nobody's yet */
	struct object object; /* what its objects say */
};

static size_t
decode_word(const char *p, size_t len)
{
	size_t n;

	for (n = 0; n < len && p[n] != ' ' && p[n] != '\t'; n++)
		;
	return (n);
}

static void
decode_take(struct decode *d, size_t n)
{
	d->p += n;
	d->len -= n;
}

static void
decode_blank(struct decode *d)
{
	while (d->len > 0 && (d->p[0] == ' ' || d->p[0] == '\t'))
		decode_take(d, 1);
}

/* A number of up to five digits, 0..max, with a blank or the end behind it. */
static int
decode_number(struct decode *d, unsigned int max, unsigned int *v)
{
	size_t n;

	*v = 0;
	for (n = 0; n < d->len && n < 5; n++) {
		if (d->p[n] < '0' || d->p[n] > '9')
			break;
		*v = *v * 10 + (unsigned int)(d->p[n] - '0');
	}
	if (n == 0 || *v > max || n != decode_word(d->p, d->len))
		return (-1);
	decode_take(d, n);
	return (0);
}

/* "10.374" in microseconds; more digits are cut. */
static int
decode_time(const char *p, size_t len, uint32_t *us)
{
	uint64_t v = 0;
	size_t i, frac = 0;
	int dot = 0;

	if (len == 0 || p[0] == '.')
		return (-1);
	for (i = 0; i < len; i++) {
		if (p[i] == '.' && !dot) {
			dot = 1;
			continue;
		}
		if (p[i] < '0' || p[i] > '9')
			return (-1);
		if (frac == 3)
			continue;
		v = v * 10 + (uint64_t)(p[i] - '0');
		if (v > DECODE_RTT_MAX)
			return (-1);
		frac += dot ? 1 : 0;
	}
	for (; frac < 3; frac++)
		v *= 10;
	*us = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
	return (0);
}

/* An answer from this address follows: its name was the word before. */
static void
decode_from(struct decode *d, const struct hop_addr *from, int resolved)
{
	struct hop *h = d->hop;
	struct hop_answer *a;

	memset(&d->object, 0, sizeof(d->object));
	d->answer = -1;
	if (h->nanswers == HOP_PROBES)
		return;
	d->answer = h->nanswers++;
	a = &h->answers[d->answer];
	a->from = *from;
	a->resolved = resolved ? 1 : 0;
	if (d->name != NULL && resolved)
		(void)vis_line(a->name, sizeof(a->name), d->name, d->namelen);
	d->name = NULL;
}

/* "(192.0.2.1)" behind a name, or behind the same address again. */
static int
decode_parens(struct decode *d)
{
	struct hop_addr a;
	size_t n = decode_word(d->p, d->len);

	memset(&a, 0, sizeof(a));
	if (n < 3 || d->p[n - 1] != ')' ||
	    hop_addr_parse(d->p + 1, n - 2, &a) == -1)
		return (-1);
	if (d->name == NULL && d->answer != -1 &&
	    hop_addr_equal(&d->hop->answers[d->answer].from, &a))
		d->hop->answers[d->answer].resolved = 1;
	else
		decode_from(d, &a, 1);
	decode_take(d, n);
	return (0);
}

/* "<...>": the objects of the answer before. */
static int
decode_objects(struct decode *d)
{
	struct hop_answer *a;
	size_t n = object_end(d->p, d->len, '>');

	if (n == d->len)
		return (-1);
	if (d->answer != -1) {
		object_parse(d->p + 1, n - 1, &d->object);
		a = &d->hop->answers[d->answer];
		a->router = d->object.router;
		a->is_signed = d->object.is_signed;
		memcpy(a->extra, d->object.extra, sizeof(a->extra));
	}
	decode_take(d, n + 1);
	return (0);
}

/* "[AS64500]"; of several, as in "[AS64500/AS64501]", the first. */
static void
decode_asn(struct decode *d)
{
	size_t i, n = decode_word(d->p, d->len);
	uint64_t v = 0;

	for (i = 3; n > 3 && memcmp(d->p, "[AS", 3) == 0 && i < n; i++) {
		if (d->p[i] < '0' || d->p[i] > '9')
			break;
		v = v * 10 + (uint64_t)(d->p[i] - '0');
		if (v > UINT32_MAX) {
			v = 0;
			break;
		}
	}
	if (d->answer != -1)
		d->hop->answers[d->answer].asn = (uint32_t)v;
	decode_take(d, n);
}

static void
decode_probe(struct decode *d, int answer, uint32_t us)
{
	struct hop_probe *p;

	if (d->hop->nprobes == HOP_PROBES)
		return;
	p = &d->hop->probes[d->hop->nprobes++];
	p->answer = (int16_t)answer;
	p->rtt_us = us;
	if (answer != -1) {
		p->has_host = d->object.has_time;
		p->host_us = d->object.time_us;
	}
}

/* "!H" and its like, also "F=1492": belongs to the probe before. */
static void
decode_mark(struct decode *d)
{
	struct hop_probe *p;
	size_t n = decode_word(d->p, d->len);

	if (d->hop->nprobes != 0) {
		p = &d->hop->probes[d->hop->nprobes - 1];
		(void)vis_line(p->mark, sizeof(p->mark), d->p, n);
	}
	decode_take(d, n);
}

/* An address, a time with "ms" behind it, or perhaps a name. */
static void
decode_other(struct decode *d)
{
	struct hop_addr a;
	size_t n = decode_word(d->p, d->len), digits = n;
	const char *word = d->p;
	uint32_t us;
	int glued;

	decode_take(d, n);
	memset(&a, 0, sizeof(a));
	if (hop_addr_parse(word, n, &a) == 0) {
		d->name = NULL;
		decode_from(d, &a, 0);
		return;
	}
	/* inetutils leaves no blank before the unit. */
	glued = n > 2 && memcmp(word + n - 2, "ms", 2) == 0;
	if (glued)
		digits -= 2;
	if (decode_time(word, digits, &us) == 0) {
		decode_blank(d);
		n = decode_word(d->p, d->len);
		if (!glued && (n != 2 || memcmp(d->p, "ms", 2) != 0))
			return;
		if (!glued)
			decode_take(d, n);
		if (d->answer != -1)
			decode_probe(d, d->answer, us);
		return;
	}
	d->name = word;
	d->namelen = n;
}

/* All behind the number of a hop. */
static void
decode_probes(struct decode *d)
{
	for (;;) {
		decode_blank(d);
		if (d->len == 0)
			return;
		switch (d->p[0]) {
		case '*':
			decode_probe(d, -1, 0);
			decode_take(d, decode_word(d->p, d->len));
			break;
		case '!':
			decode_mark(d);
			break;
		case '[':
			decode_asn(d);
			break;
		case '<':
			if (decode_objects(d) == -1)
				return;
			break;
		case '(':
			if (decode_parens(d) == 0)
				break;
			/* FALLTHROUGH */
		default:
			decode_other(d);
		}
	}
}

/* Answers of one source that name one router are one. */
static void
decode_merge(struct hop *h)
{
	struct hop_answer *a, *b;
	size_t i, j, k;

	for (i = 0; i < h->nanswers; i++) {
		for (j = i + 1; j < h->nanswers;) {
			a = &h->answers[i];
			b = &h->answers[j];
			if (!hop_addr_equal(&a->from, &b->from) ||
			    (a->router.known || b->router.known) !=
				hop_addr_equal(&a->router, &b->router)) {
				j++;
				continue;
			}
			a->is_signed |= b->is_signed;
			for (k = 0; k < h->nprobes; k++)
				if (h->probes[k].answer == (int)j)
					h->probes[k].answer = (int16_t)i;
				else if (h->probes[k].answer > (int)j)
					h->probes[k].answer--;
			h->nanswers--;
			memmove(b, b + 1, (h->nanswers - j) * sizeof(*b));
		}
	}
}

static enum decode_kind
decode_hop(const char *line, size_t len, struct hop *hop)
{
	struct decode d;
	unsigned int ttl = 0;
	size_t i;

	memset(hop, 0, sizeof(*hop));
	memset(&d, 0, sizeof(d));
	d.p = line;
	d.len = len;
	d.hop = hop;
	d.answer = -1;
	decode_blank(&d);
	/* Where the number is missing, its place is left blank. */
	if (decode_number(&d, HOP_TTL_MAX, &ttl) == -1) {
		if (d.p - line < 4)
			return (DECODE_OTHER);
		ttl = 0;
	} else if (ttl == 0)
		return (DECODE_OTHER);
	decode_probes(&d);
	if (hop->nprobes == 0)
		return (DECODE_OTHER);
	/* An address without a time is a line that was cut. */
	for (i = 0; i < hop->nprobes; i++)
		if (hop->probes[i].answer != -1)
			break;
	if (i == hop->nprobes)
		hop->nanswers = 0;
	/* Stars alone do not continue a hop: they could be anybody's. */
	if (ttl == 0 && hop->nanswers == 0)
		return (DECODE_OTHER);
	hop->ttl = (uint16_t)ttl;
	decode_merge(hop);
	return (DECODE_HOP);
}

/* "traceroute to host.example (192.0.2.1), 30 hops max, 60 byte packets" */
static enum decode_kind
decode_header(const char *line, size_t len, struct hop_header *h)
{
	static const char *const begins[] = { "traceroute to ",
		"traceroute6 to ", "tcptraceroute to " };
	struct decode d;
	unsigned int max;
	size_t i, n = 0;

	memset(h, 0, sizeof(*h));
	for (i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		n = strlen(begins[i]);
		if (len > n && memcmp(line, begins[i], n) == 0)
			break;
		n = 0;
	}
	if (n == 0)
		return (DECODE_OTHER);
	memset(&d, 0, sizeof(d));
	d.p = line + n;
	d.len = len - n;
	n = decode_word(d.p, d.len);
	(void)vis_line(h->name, sizeof(h->name), d.p, n);
	decode_take(&d, n);
	decode_blank(&d);
	n = decode_word(d.p, d.len);
	if (n > 3 && d.p[0] == '(' && memchr(d.p, ')', n) != NULL)
		(void)hop_addr_parse(d.p + 1,
		    (size_t)((const char *)memchr(d.p, ')', n) - d.p) - 1,
		    &h->target);
	decode_take(&d, n);
	decode_blank(&d);
	if (decode_number(&d, HOP_TTL_MAX, &max) == 0)
		h->max_ttl = (uint16_t)max;
	return (h->target.known ? DECODE_HEADER : DECODE_OTHER);
}

enum decode_kind
decode_line(
    const char *line, size_t len, struct hop_header *header, struct hop *hop)
{
	if (decode_header(line, len, header) == DECODE_HEADER)
		return (DECODE_HEADER);
	return (decode_hop(line, len, hop));
}
