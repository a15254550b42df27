/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/wire.h"
#include "utrace/lock.h"
#include "utrace/prober.h"
#include "utrace/reader.h"

static int
prober_send(struct prober *p, struct prober_msg *m)
{
	return (reader_put(p->out, m, sizeof(*m)) == 1 ? 0 : -1);
}

int
prober_send_hop(struct prober *p, const struct hop *h, uint16_t ttl)
{
	static struct prober_msg m;

	memset(&m, 0, sizeof(m));
	m.what = PROBER_HOP;
	m.hop = *h;
	m.hop.ttl = ttl;
	return (prober_send(p, &m));
}

int
prober_send_back(
    struct prober *p, uint16_t turn, uint16_t first, enum trace_by by)
{
	static struct prober_msg m;

	memset(&m, 0, sizeof(m));
	m.what = PROBER_BACK;
	m.back.turn = turn;
	m.back.first = first;
	m.back.by = (uint8_t)by;
	return (prober_send(p, &m));
}

int
prober_send_here(struct prober *p, uint16_t ttl)
{
	static struct prober_msg m;

	memset(&m, 0, sizeof(m));
	m.what = PROBER_HERE;
	m.here = ttl;
	return (prober_send(p, &m));
}

/* Sends what is due, and says so to the survey. */
static void
prober_packets(struct prober *p, const struct phase *ph, int64_t now)
{
	uint8_t b[FLOW_BYTES];
	uint16_t ttl, token;
	size_t len;
	int is_icmp = ph->sends != PHASE_PROBES || p->flow.proto == PROTO_ICMP;

	while (survey_due(&p->survey, now, &ttl)) {
		if ((token = tokens_next(&p->tokens)) == 0) {
			p->end.spent = 1;
			survey_cut(&p->survey, (uint16_t)(ttl - 1));
			return;
		}
		if (ph->sends == PHASE_PROBES)
			len = flow_probe(&p->flow, token, b, sizeof(b));
		else
			len = flow_request(&p->flow, token,
			    ph->sends == PHASE_TESTS ? 0 : (uint8_t)ttl, b,
			    sizeof(b));
		survey_sent(&p->survey, token, now);
		p->sent = now;
		if (socks_send(&p->socks, is_icmp,
			ph->ttl != 0 ? ph->ttl : (uint8_t)ttl, b, len) == -1)
			p->end.error = errno;
	}
}

static void
prober_answers(struct prober *p, const struct phase *ph)
{
	const int fds[2] = { p->socks.errors, p->socks.direct };
	struct answer a;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (fds[i] == -1)
			continue;
		while (socks_receive(&p->socks, &p->flow, fds[i], &a))
			ph->answer(p, &a, loop_now());
	}
}

int
prober_phase(struct prober *p, const struct phase *ph)
{
	struct pollfd pfd[2] = { { p->socks.errors, POLLIN, 0 },
		{ p->socks.direct, POLLIN, 0 } };
	int64_t now = loop_now();
	int64_t pause = p->sent + PROBER_GAP_MS * NS_PER_MS;

	/* The pace goes on from phase to phase. */
	survey_init(&p->survey, &ph->conf, pause > now ? pause : now);
	for (;;) {
		prober_packets(p, ph, now);
		if (ph->step(p) == -1)
			return (-1);
		if (survey_over(&p->survey))
			return (0);
		if (loop_wait(pfd, 2, survey_deadline(&p->survey), NULL) == -1)
			return (-1);
		prober_answers(p, ph);
		now = loop_now();
		survey_expire(&p->survey, now);
	}
}

int
prober_get(int fd, struct prober_msg *m)
{
	int rc;

	memset(m, 0, sizeof(*m));
	if ((rc = reader_full(fd, m, sizeof(*m))) != 1)
		return (rc);
	errno = EPROTO;
	switch (m->what) {
	case PROBER_BEGIN:
		return (1);
	case PROBER_BACK:
		return (m->back.turn >= m->back.first ||
			    m->back.first > HOP_TTL_MAX + 1 ||
			    m->back.by == TRACE_BY_INPUT ||
			    m->back.by >= TRACE_BY_MAX
			? -1
			: 1);
	case PROBER_HERE:
		return (m->here < 1 || m->here > HOP_TTL_MAX ? -1 : 1);
	case PROBER_HOP:
		return (m->hop.ttl < 1 || hop_check(&m->hop) == -1 ? -1 : 1);
	case PROBER_END:
		return (m->end.serves > PROBER_SERVES || m->end.reached > 1 ||
			    m->end.learnt > 1 || m->end.spent > 1
			? -1
			: 1);
	default:
		return (-1);
	}
}

/* What nobody may foresee; before the filter, which lets no randomness in. */
static void
prober_secrets(struct prober *p)
{
	tokens_init(&p->tokens);
	/* Neither may be a token of its own. */
	p->flow.id = tokens_next(&p->tokens);
	p->flow.sum = tokens_next(&p->tokens);
}

int
prober_main(const struct prober_conf *conf, int out, int parent)
{
	static struct prober p;
	static struct prober_msg m;
	const char *what;

	p.conf = conf;
	p.out = out;
	p.flow.proto = conf->proto;
	p.flow.dport = conf->port;
	prober_secrets(&p);
	if (socks_open(
		&p.socks, &conf->target, &conf->source, &p.flow, &what) == -1) {
		fprintf(stderr, "utrace: %s: %s\n", what, strerror(errno));
		return (EXIT_START);
	}
	lock_prober(&p.socks, out, parent);
	m.what = PROBER_BEGIN;
	if (prober_send(&p, &m) == -1 || phases_run(&p) == -1)
		return (EXIT_START);
	memset(&m, 0, sizeof(m));
	m.what = PROBER_END;
	m.end = p.end;
	return (prober_send(&p, &m) == -1 ? EXIT_START : EXIT_OK);
}
