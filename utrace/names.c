/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/loop.h"
#include "utrace/names.h"
#include "utrace/reader.h"

void
names_init(struct names *n, int to, int from)
{
	n->to = to;
	n->from = from;
	n->left = (int64_t)NAMES_BUDGET_MS * 1000000;
	n->gave_up = 0;
	n->n = 0;
}

/* Waits for a reply until the budget is spent.  Returns 0, or -1. */
static int
names_wait(struct names *n)
{
	struct pollfd pfd = { n->from, POLLIN, 0 };
	struct timespec ts;
	int64_t start = loop_now();
	int rc;

	do {
		ts.tv_sec = n->left / 1000000000;
		ts.tv_nsec = n->left % 1000000000;
		rc = ppoll(&pfd, 1, &ts, NULL);
		n->left -= loop_now() - start;
		start = loop_now();
		if (n->left < 0)
			n->left = 0;
	} while (rc == -1 && errno == EINTR && n->left > 0);
	return (rc == 1 ? 0 : -1);
}

static const struct names_reply *
names_cached(const struct names *n, const struct names_request *q)
{
	size_t i;

	for (i = 0; i < n->n; i++)
		if (n->cache[i].request.want == q->want &&
		    hop_addr_equal(&n->cache[i].request.addr, &q->addr))
			return (&n->cache[i].reply);
	return (NULL);
}

void
names_ask(struct names *n, const struct hop_addr *a, uint32_t want,
    struct names_reply *reply)
{
	const struct names_reply *known;
	struct names_request q;

	memset(reply, 0, sizeof(*reply));
	memset(&q, 0, sizeof(q));
	q.addr = *a;
	q.want = want;
	if ((known = names_cached(n, &q)) != NULL) {
		*reply = *known;
		return;
	}
	if (n->to == -1 || want == 0)
		return;
	/* The pipe can't be full: one request at a time is on its way. */
	if (n->left == 0 || reader_put(n->to, &q, sizeof(q)) != 1 ||
	    names_wait(n) == -1 ||
	    reader_full(n->from, reply, sizeof(*reply)) != 1 ||
	    hop_text_check(reply->name, sizeof(reply->name)) == -1) {
		memset(reply, 0, sizeof(*reply));
		n->to = -1;
		n->gave_up = n->left == 0 ? NAMES_SLOW : NAMES_LOST;
		return;
	}
	if (n->n < NAMES_CACHE) {
		n->cache[n->n].request = q;
		n->cache[n->n].reply = *reply;
		n->n++;
	}
}

const char *
names_origin(const struct hop_addr *a, char *buf, size_t buflen)
{
	const uint8_t *b = a->addr.b;
	size_t i, at = 0;

	if (a->family == FAMILY_V4) {
		(void)snprintf(buf, buflen, "%u.%u.%u.%u.origin.asn.cymru.com",
		    b[3], b[2], b[1], b[0]);
		return (buf);
	}
	for (i = 16; i-- > 0 && at + 4 < buflen; at += 4)
		(void)snprintf(buf + at, buflen - at, "%x.%x.", b[i] & 0xf,
		    (unsigned int)b[i] >> 4);
	(void)snprintf(buf + at, buflen - at, "origin6.asn.cymru.com");
	return (buf);
}

uint32_t
names_origin_parse(const uint8_t *text, size_t len)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
		v = v * 10 + (uint64_t)(text[i] - '0');
		if (v > UINT32_MAX)
			return (0);
	}
	if (i == len || (text[i] != ' ' && text[i] != '|'))
		return (0);
	return ((uint32_t)v);
}
