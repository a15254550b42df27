/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Messages to the engine, honest or not: it never orders what the packet
 * process would have to refuse.
 */

#include <string.h>

#include "tests/fuzz/bench.h"
#include "tests/fuzz/brain.h"

#define MSGS_STEPS 400

/* What was handed up of each slot, by our own messages. */
struct msgs {
	struct engine e;
	struct msg_probe probe[POLICY_PENDING_MIN];
	struct msg_match match[POLICY_PENDING_MIN];
	struct msg_request request[POLICY_PENDING_MIN];
	int asked[POLICY_PENDING_MIN]; /* a request, not a probe */
	int turned[POLICY_PENDING_MIN];
	int disposed[POLICY_PENDING_MIN]; /* got its one verdict */
	int waits[POLICY_PENDING_MIN];    /* neither match nor settle so far */
};

static void
msgs_order_answer(struct msgs *m, struct imsg *imsg)
{
	const struct msg_probe *p;
	const struct msg_match *met;
	struct msg_answer a;
	struct wire_answer w;
	const char *why;
	size_t own, router, budget;
	int v4;

	FUZZ_CHECK(msg_get_answer(imsg, &a, &why) == 0);
	FUZZ_CHECK(a.id.slot < POLICY_PENDING_MIN);
	p = &m->probe[a.id.slot];
	met = &m->match[a.id.slot];
	FUZZ_CHECK(a.id.gen == p->id.gen && a.id.gen == met->id.gen);
	FUZZ_CHECK(!m->asked[a.id.slot]);
	FUZZ_CHECK(m->turned[a.id.slot] && met->kind == MATCH_ERROR);
	FUZZ_CHECK(!met->answered);
	v4 = p->family == FAMILY_V4;
	if (met->icmp_type == (v4 ? 11 : 3))
		FUZZ_CHECK(met->icmp_code == 0);
	else {
		FUZZ_CHECK(met->icmp_type == (v4 ? 3 : 1));
		FUZZ_CHECK(p->unreachable == UNREACHABLE_RELAY);
		FUZZ_CHECK(met->icmp_code != (v4 ? 3 : 4));
		FUZZ_CHECK(!v4 || met->icmp_code != 4);
	}
	memset(&w, 0, sizeof(w));
	w.family = p->family;
	w.probe_len = p->len;
	w.foreign = a.router_len;
	/* Router form has neither address nor name. */
	router = wire_answer_len(&w);
	w.foreign = a.own_len;
	w.with_addr = (a.flags & MSG_ANSWER_ADDR) != 0;
	w.with_name = (a.flags & MSG_ANSWER_NAME) != 0;
	w.with_rtt = (a.flags & MSG_ANSWER_RTT) != 0;
	own = wire_answer_len(&w);
	budget = p->len * (p->relay == RELAY_BOTH ? 5U : 3U);
	FUZZ_CHECK(own <= budget && router <= budget);
	/* An address that is no source is not written in router form. */
	if (p->relay == RELAY_BOTH && a.flags != MSG_ANSWER_HIDE &&
	    !met->from_client && !addr_is_martian(p->family, &met->router) &&
	    !policy_is_own(m->e.policy, p->family, &met->router))
		FUZZ_CHECK(own + router <= budget);
	if (policy_hidden(m->e.policy, p->family, &met->router))
		FUZZ_CHECK(
		    a.flags == MSG_ANSWER_HIDE && msg_answer_objlen(&a) == 0);
}

/* What a request asks for, by fixed offsets. */
static void
msgs_order_asked(
    struct msgs *m, struct msg_id id, uint32_t type, uint32_t cause)
{
	const struct msg_request *q = &m->request[id.slot];
	int v4 = q->family == FAMILY_V4;
	const uint8_t *icmp = q->head + (v4 ? 20 : 40);
	uint8_t p = icmp[9];

	if (cause == MSG_MATCH) {
		FUZZ_CHECK(type == MSG_REQUEST_ANSWER && m->turned[id.slot]);
		m->turned[id.slot] = 0;
		return;
	}
	FUZZ_CHECK(cause == MSG_REQUEST);
	if (type != MSG_REQUEST_PROBE) {
		FUZZ_CHECK(type == MSG_PASS || type == MSG_DROP);
		return;
	}
	FUZZ_CHECK(q->headlen >= (v4 ? 32 : 52) && icmp[1] == 1);
	FUZZ_CHECK(icmp[8] >= 1 && icmp[8] <= q->max_ttl);
	FUZZ_CHECK(p == 0 || p == 6 || p == 17 || p == (v4 ? 1 : 58));
	/* A target that comes first is who asks, or one that he may name. */
	if (q->headlen >= (v4 ? 56 : 76) && !q->target &&
	    memcmp(icmp + 16, "\0\20\5\0", 4) == 0)
		FUZZ_CHECK(v4 ? memcmp(icmp + 32, q->head + 12, 4) == 0
			      : memcmp(icmp + 20, q->head + 8, 16) == 0);
	m->turned[id.slot] = 1;
}

static void
msgs_order_status(struct msgs *m, struct imsg *imsg, uint32_t cause)
{
	const struct msg_request *q;
	struct msg_status s;
	const char *why;
	const uint8_t *icmp;
	int v4;

	FUZZ_CHECK(msg_get_status(imsg, &s, &why) == 0);
	FUZZ_CHECK(s.id.slot < POLICY_PENDING_MIN && cause == MSG_REQUEST);
	FUZZ_CHECK(m->asked[s.id.slot]);
	q = &m->request[s.id.slot];
	FUZZ_CHECK(s.id.gen == q->id.gen);
	v4 = q->family == FAMILY_V4;
	icmp = q->head + (v4 ? 20 : 40);
	if (s.status == 1)
		FUZZ_CHECK(icmp[8] == 0 || icmp[8] > q->max_ttl);
	else if (s.status == 2)
		FUZZ_CHECK(icmp[9] != 0 && icmp[9] != 6 && icmp[9] != 17 &&
		    icmp[9] != (v4 ? 1 : 58));
	else
		FUZZ_CHECK(q->len > (v4 ? 32 : 52));
}

/* What a plain answer bears: as much as ours goes, the name last. */
static uint8_t
msgs_ahead(const struct msg_probe *p)
{
	static const uint8_t by_worth[] = { MSG_ANSWER_ADDR,
		MSG_ANSWER_ADDR | MSG_ANSWER_RTT,
		MSG_ANSWER_ADDR | MSG_ANSWER_RTT | MSG_ANSWER_NAME };
	struct check_probe c;
	size_t budget, i;
	uint8_t flags = 0;

	memset(&c, 0, sizeof(c));
	c.p.family = p->family;
	c.len = p->len;
	budget = c.len * 3;
	/* Two packets, one sum. */
	if (p->relay == RELAY_BOTH)
		budget = c.len * 5 - check_answer_len(&c, 0);
	for (i = 0; i < sizeof(by_worth); i++)
		if (check_answer_len(&c, by_worth[i]) <= budget)
			flags = by_worth[i];
	return (MSG_TURN_AHEAD | flags);
}

/* An order without a payload of its own, or TURN. */
static void
msgs_order(struct msgs *m, struct imsg *imsg, uint32_t cause)
{
	const struct msg_probe *p;
	struct msg_turn turn;
	struct msg_id id;
	const char *why;

	if (imsg_get_type(imsg) == MSG_TURN) {
		FUZZ_CHECK(msg_get_turn(imsg, &turn, &why) == 0);
		id = turn.id;
	} else
		FUZZ_CHECK(msg_get_order(imsg, &id, &why) == 0);
	FUZZ_CHECK(id.slot < POLICY_PENDING_MIN);
	p = &m->probe[id.slot];
	FUZZ_CHECK(id.gen == p->id.gen);
	if (m->asked[id.slot]) {
		msgs_order_asked(m, id, imsg_get_type(imsg), cause);
		return;
	}
	FUZZ_CHECK((cause == MSG_PROBE) == (imsg_get_type(imsg) != MSG_FINAL));
	if (cause == MSG_PROBE)
		FUZZ_CHECK(m->disposed[id.slot]++ == 0);
	switch (imsg_get_type(imsg)) {
	case MSG_PASS:
		return;
	case MSG_DROP:
		FUZZ_CHECK(p->proto != PROTO_TCP);
		FUZZ_CHECK(p->proto == PROTO_UDP ||
		    (p->ttl == 1 && p->inflection == INFLECTION_SILENT));
		return;
	case MSG_INFLECT:
		FUZZ_CHECK(p->ttl == 1);
		FUZZ_CHECK(p->inflection == INFLECTION_ANSWER);
		return;
	case MSG_TURN:
		FUZZ_CHECK(p->ttl > 1);
		FUZZ_CHECK(turn.ahead == msgs_ahead(p));
		/* Else it is passed, whatever is ordered. */
		m->turned[id.slot] = m->waits[id.slot] = !p->observe;
		return;
	case MSG_FINAL:
		FUZZ_CHECK(m->turned[id.slot]);
		FUZZ_CHECK(cause == MSG_EXPIRED || !m->match[id.slot].answered);
		if (cause == MSG_EXPIRED)
			FUZZ_CHECK(p->proto == PROTO_UDP);
		return;
	default:
		FUZZ_CHECK(0);
	}
}

/* All that one message has caused.  Returns how many orders. */
static int
msgs_orders(struct msgs *m, uint32_t cause)
{
	struct imsg imsg;
	char why[160];
	int n = 0;

	while (fuzz_dequeue(&m->e.ib[ENGINE_PRIV], &imsg)) {
		FUZZ_CHECK(msg_check(&msg_engine_to_priv, &imsg, MSG_RUN, why,
			       sizeof(why)) != NULL);
		if (imsg_get_type(&imsg) == MSG_ANSWER) {
			FUZZ_CHECK(cause == MSG_MATCH);
			msgs_order_answer(m, &imsg);
		} else if (imsg_get_type(&imsg) == MSG_REQUEST_STATUS)
			msgs_order_status(m, &imsg, cause);
		else if (imsg_get_type(&imsg) != MSG_PING_ON)
			msgs_order(m, &imsg, cause);
		imsg_free(&imsg);
		n++;
	}
	return (n);
}

/* Keeps what a good message says, for the oracle. */
static void
msgs_note(struct msgs *m, uint32_t type, const void *p, size_t len)
{
	struct msg_probe probe;
	struct msg_match match;
	struct msg_request request;
	enum msg_expiry expiry;
	struct msg_id id;
	struct imsg imsg;
	const char *why;

	fuzz_imsg(&imsg, type, 0, p, len);
	if (type == MSG_PROBE && msg_get_probe(&imsg, &probe, &why) == 0 &&
	    probe.id.slot < POLICY_PENDING_MIN) {
		m->probe[probe.id.slot] = probe;
		m->turned[probe.id.slot] = m->asked[probe.id.slot] = 0;
		m->disposed[probe.id.slot] = m->waits[probe.id.slot] = 0;
	}
	if (type == MSG_REQUEST &&
	    msg_get_request(&imsg, &request, &why) == 0 &&
	    request.id.slot < POLICY_PENDING_MIN) {
		m->request[request.id.slot] = request;
		m->probe[request.id.slot].id = request.id;
		m->asked[request.id.slot] = 1;
		m->turned[request.id.slot] = m->waits[request.id.slot] = 0;
	}
	if (type == MSG_EXPIRED &&
	    msg_get_expired(&imsg, &id, &expiry, &why) == 0 &&
	    id.slot < POLICY_PENDING_MIN)
		m->waits[id.slot] = 0;
	if (type == MSG_MATCH && msg_get_match(&imsg, &match, &why) == 0 &&
	    match.id.slot < POLICY_PENDING_MIN) {
		m->match[match.id.slot] = match;
		m->waits[match.id.slot] = 0;
	}
	imsg_free(&imsg);
}

/* Returns -1 after a violation: the engine would be gone. */
static int
msgs_give(struct msgs *m, enum engine_peer peer, uint32_t type, const void *p,
    size_t len)
{
	struct imsg imsg;
	enum msg_state state = m->e.state;
	int n, rc;

	fuzz_imsg(&imsg, type, 0, p, len);
	rc = brain_take(&m->e, peer, &imsg);
	imsg_free(&imsg);
	if (rc == 0 && peer == ENGINE_PRIV)
		msgs_note(m, type, p, len);
	n = msgs_orders(m, type);
	if (rc == -1) {
		FUZZ_CHECK(n == 0);
		return (-1);
	}
	if (peer == ENGINE_CONTROLLER)
		FUZZ_CHECK(n == (type == MSG_PING));
	else
		/* A probe, and one each that it wakes and displaces. */
		FUZZ_CHECK(n <= (type == MSG_PROBE ? 3 : 1));
	FUZZ_CHECK(m->e.state >= state);
	/* Not always at once: so that its buffers run out. */
	if (peer == ENGINE_CONTROLLER)
		brain_tell(&m->e);
	return (0);
}

/* As it would go over the pipe. */
static int
msgs_send(struct msgs *m, struct imsgbuf *out)
{
	struct imsg imsg;
	int rc;

	FUZZ_CHECK(fuzz_dequeue(out, &imsg));
	rc = msgs_give(m, ENGINE_PRIV, imsg_get_type(&imsg), imsg.data,
	    imsg_get_len(&imsg));
	imsg_free(&imsg);
	return (rc);
}

/* A probe as the packet process would hand it up, then damaged. */
static int
msgs_probe(struct msgs *m, struct bench *b, struct fuzz_in *in, uint8_t op)
{
	struct msg_probe mp;
	struct imsg imsg;
	const char *why;
	uint8_t at;

	if (bench_hand_up(b, in) == NULL)
		return (0);
	FUZZ_CHECK(fuzz_dequeue(b->up, &imsg));
	FUZZ_CHECK(msg_get_probe(&imsg, &mp, &why) == 0);
	imsg_free(&imsg);
	if (op & 0x08) {
		at = fuzz_u8(in);
		mp.head[at % WIRE_HEAD_MAX] ^= fuzz_u8(in);
	}
	if (op & 0x10)
		mp.len = fuzz_u16(in);
	if (op & 0x20)
		mp.ttl = fuzz_u8(in);
	if (op & 0x40)
		mp.headlen = fuzz_u8(in) % (WIRE_HEAD_MAX + 1);
	if (op & 0x80)
		mp.proto = fuzz_u8(in) % PROTO_MAX;
	FUZZ_CHECK(msg_put_probe(b->up, &mp) == 0);
	return (msgs_send(m, b->up));
}

/* An answer that TURN told of, and the engine is not waited for? */
static int
msgs_may_answer(const struct msgs *m, const struct msg_match *mm)
{
	uint32_t slot = mm->id.slot;
	const struct msg_probe *p = &m->probe[slot];

	return (m->waits[slot] && mm->id.gen == p->id.gen && !m->asked[slot] &&
	    mm->kind == MATCH_ERROR && !mm->from_client &&
	    mm->icmp_type == (p->family == FAMILY_V4 ? 11 : 3) &&
	    mm->icmp_code == 0);
}

static int
msgs_match(struct msgs *m, struct bench *b, struct fuzz_in *in, uint8_t op)
{
	static const uint8_t v4[] = { 11, 0, 3, 1, 3, 3, 3, 4 };
	static const uint8_t v6[] = { 3, 0, 1, 0, 1, 4, 2, 0 };
	struct msg_match mm;
	const uint8_t *p, *kind;
	size_t got;
	int may, rc;

	memset(&mm, 0, sizeof(mm));
	if (b->nprobes == 0)
		return (0);
	mm.id = b->probes[b->nprobes - 1 - fuzz_u8(in) % b->nprobes].id;
	if (op & 0x08)
		mm.kind = 1 + fuzz_u8(in) % 2;
	else {
		kind = m->probe[mm.id.slot].family == FAMILY_V4 ? v4 : v6;
		kind += (op >> 4 & 3) * 2;
		mm.icmp_type = op & 0x80 ? fuzz_u8(in) : kind[0];
		mm.icmp_code = op & 0x80 ? fuzz_u8(in) : kind[1];
		mm.ext_len = fuzz_u8(in);
	}
	mm.from_client = op >> 6 & 1;
	mm.answered = op & 1;
	fuzz_bytes(in, mm.router.b, 4);
	/* Zeros of the quote, then what the input says. */
	got = fuzz_u8(in);
	p = fuzz_take(in, got, &got);
	if (got > 0)
		memcpy(mm.data + EXT_QUOTE, p, got);
	mm.datalen = (uint16_t)(got > 0 ? EXT_QUOTE + got : 0);
	FUZZ_CHECK(msg_put_match(b->up, &mm) == 0);
	may = msgs_may_answer(m, &mm);
	rc = msgs_send(m, b->up);
	if (mm.answered)
		FUZZ_CHECK((rc == 0) == may);
	return (rc);
}

static int
msgs_raw(struct msgs *m, struct fuzz_in *in, uint8_t op)
{
	const uint8_t *p;
	uint32_t type;
	size_t len, got;

	type = (op & 0x08 ? MSG_PROBE : MSG_INIT) + fuzz_u8(in) % 32;
	len = fuzz_u8(in);
	p = fuzz_take(in, len, &got);
	return (msgs_give(
	    m, op & 0x08 ? ENGINE_PRIV : ENGINE_CONTROLLER, type, p, got));
}

static int
msgs_step(struct msgs *m, struct bench *b, struct fuzz_in *in)
{
	uint8_t op = fuzz_u8(in);
	struct msg_id id;

	switch (op & 0x07) {
	case 0:
	case 1:
		return (msgs_probe(m, b, in, op & 1 ? op : 0));
	case 2:
	case 3:
		return (msgs_match(m, b, in, op));
	case 4:
		if (b->nprobes == 0)
			return (0);
		id = b->probes[b->nprobes - 1 - fuzz_u8(in) % b->nprobes].id;
		FUZZ_CHECK(
		    msg_put_expired(b->up, id,
			op & 0x08 ? EXPIRY_TIMEOUT : EXPIRY_SETTLE) == 0);
		return (msgs_send(m, b->up));
	case 5:
		bench_time(b, (op >> 3) * 100 * BENCH_MS, 1);
		fuzz_drain(b->up);
		m->e.now = b->now;
		return (0);
	case 6:
		return (msgs_raw(m, in, op));
	default:
		brain_policy(&m->e, bench_policy(op >> 3));
		return (0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct msgs m;
	struct fuzz_in in = { data, size };
	struct bench b;
	int steps;

	fuzz_quiet();
	memset(&m, 0, sizeof(m));
	bench_begin(&b);
	brain_begin(&m.e, b.policy, b.now);
	for (steps = 0; in.len > 0 && steps < MSGS_STEPS; steps++)
		if (msgs_step(&m, &b, &in) == -1)
			break;
	bench_end(&b);
	brain_end(&m.e);
	return (0);
}
