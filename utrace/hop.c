/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "utrace/hop.h"

int
hop_text_check(const char *text, size_t max)
{
	size_t i;

	for (i = 0; i < max; i++) {
		if (text[i] == '\0')
			return (0);
		if (text[i] < 0x20 || text[i] > 0x7e)
			return (-1);
	}
	return (-1);
}

static int
hop_addr_check(const struct hop_addr *a)
{
	return (a->known > 1 || a->family >= FAMILY_MAX ? -1 : 0);
}

static int
hop_answer_check(const struct hop_answer *a)
{
	if (hop_addr_check(&a->from) == -1 || !a->from.known ||
	    hop_addr_check(&a->router) == -1)
		return (-1);
	if (a->is_signed > 1 || a->is_hidden > 1 || a->resolved > 1)
		return (-1);
	if (hop_text_check(a->name, sizeof(a->name)) == -1 ||
	    hop_text_check(a->extra, sizeof(a->extra)) == -1)
		return (-1);
	return (0);
}

int
hop_check(const struct hop *h)
{
	const struct hop_probe *p;
	size_t i;

	if (h->ttl > HOP_TTL_MAX || h->nanswers > HOP_PROBES ||
	    h->nprobes > HOP_PROBES)
		return (-1);
	for (i = 0; i < h->nanswers; i++)
		if (hop_answer_check(&h->answers[i]) == -1)
			return (-1);
	for (i = 0; i < h->nprobes; i++) {
		p = &h->probes[i];
		if (p->answer < -1 || p->answer >= (int)h->nanswers ||
		    p->has_host > 1 ||
		    hop_text_check(p->mark, sizeof(p->mark)) == -1)
			return (-1);
	}
	return (0);
}

int
hop_header_check(const struct hop_header *h)
{
	if (hop_addr_check(&h->target) == -1 || h->max_ttl > HOP_TTL_MAX)
		return (-1);
	return (hop_text_check(h->name, sizeof(h->name)));
}

int
hop_is_lost(const struct hop *h)
{
	return (h->nanswers == 0);
}

int
hop_addr_equal(const struct hop_addr *a, const struct hop_addr *b)
{
	return (a->known && b->known && a->family == b->family &&
	    addr_equal(&a->addr, &b->addr));
}

int
hop_addr_parse(const char *text, size_t len, struct hop_addr *a)
{
	char buf[ADDR_TEXT_MAX];
	const char *zone;
	struct addr addr;
	enum family f;

	if ((zone = memchr(text, '%', len)) != NULL)
		len = (size_t)(zone - text);
	if (len == 0 || len >= sizeof(buf) || memchr(text, '\0', len) != NULL)
		return (-1);
	memcpy(buf, text, len);
	buf[len] = '\0';
	f = strchr(buf, ':') != NULL ? FAMILY_V6 : FAMILY_V4;
	memset(&addr, 0, sizeof(addr));
	if (addr_parse(f, buf, &addr) == -1)
		return (-1);
	a->known = 1;
	a->family = (uint8_t)f;
	a->addr = addr;
	return (0);
}

int
hop_rtt(const struct hop *h, uint32_t *us)
{
	int found = -1;
	size_t i;

	for (i = 0; i < h->nprobes; i++) {
		if (h->probes[i].answer == -1)
			continue;
		if (found == -1 || h->probes[i].rtt_us < *us)
			*us = h->probes[i].rtt_us;
		found = 0;
	}
	return (found);
}

int
hop_host_rtt(const struct hop *h, uint32_t *us)
{
	int found = -1;
	size_t i;

	for (i = 0; i < h->nprobes; i++) {
		if (h->probes[i].answer == -1 || !h->probes[i].has_host)
			continue;
		if (found == -1 || h->probes[i].host_us < *us)
			*us = h->probes[i].host_us;
		found = 0;
	}
	return (found);
}
