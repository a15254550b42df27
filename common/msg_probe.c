/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Coders of the border between packet process and engine. */

#include <errno.h>
#include <string.h>

#include "common/msg.h"
#include "common/msg_io.h"

static void
msg_write_id(struct msg_writer *w, struct msg_id id)
{
	msg_write_u32(w, id.slot);
	msg_write_u32(w, id.gen);
}

static void
msg_read_id(struct msg_reader *r, struct msg_id *id)
{
	id->slot = msg_read_u32(r);
	id->gen = msg_read_u32(r);
}

int
msg_put_probe(struct imsgbuf *ib, const struct msg_probe *p)
{
	struct msg_writer w;

	if (p->headlen > WIRE_HEAD_MAX) {
		errno = EINVAL;
		return (-1);
	}
	msg_write_begin(&w, ib, MSG_PROBE, 0, MSG_SIZE_PROBE + p->headlen);
	msg_write_id(&w, p->id);
	msg_write_u8(&w, (uint8_t)p->family);
	msg_write_u8(&w, (uint8_t)p->proto);
	msg_write_u8(&w, p->ttl);
	msg_write_u8(&w, (uint8_t)p->relay);
	msg_write_u8(&w, (uint8_t)p->turn);
	msg_write_u8(&w, (uint8_t)p->inflection);
	msg_write_u8(&w, (uint8_t)p->unreachable);
	msg_write_u8(&w, p->observe);
	msg_write_u16(&w, p->len);
	msg_write_u16(&w, p->headlen);
	msg_write_bytes(&w, p->head, p->headlen);
	return (msg_write_end(&w));
}

int
msg_get_probe(struct imsg *imsg, struct msg_probe *p, const char **why)
{
	struct msg_reader r;

	memset(p, 0, sizeof(*p));
	msg_read_begin(&r, imsg);
	msg_read_id(&r, &p->id);
	p->family = msg_read_enum(&r, FAMILY_MAX, "bad family");
	p->proto = msg_read_enum(&r, PROTO_MAX, "bad protocol");
	p->ttl = msg_read_u8(&r);
	p->relay = msg_read_enum(&r, RELAY_LAST, "bad relay mode");
	p->turn = msg_read_enum(&r, TURN_LAST, "bad turn form");
	p->inflection = msg_read_enum(&r, INFLECTION_LAST, "bad inflection");
	p->unreachable = msg_read_enum(&r, UNREACHABLE_LAST, "bad unreachable");
	p->observe = msg_read_u8(&r);
	p->len = msg_read_u16(&r);
	p->headlen = msg_read_u16(&r);
	msg_read_require(
	    &r, p->ttl >= 1 && p->ttl <= POLICY_TTL_MAX, "TTL out of range");
	msg_read_require(&r, p->observe <= 1, "observe is not 0 or 1");
	msg_read_require(&r,
	    p->len >= WIRE_PROBE_MIN && p->len <= WIRE_PROBE_MAX,
	    "probe's length out of range");
	msg_read_require(&r,
	    p->headlen <= WIRE_HEAD_MAX && p->headlen <= p->len,
	    "head's length out of range");
	/* After a fault nothing is read, so headlen is bounded here. */
	msg_read_bytes(&r, p->head, p->headlen);
	return (msg_read_end(&r, why));
}

int
msg_put_match(struct imsgbuf *ib, const struct msg_match *m)
{
	struct msg_writer w;

	if (m->datalen > MSG_MATCH_DATA) {
		errno = EINVAL;
		return (-1);
	}
	msg_write_begin(&w, ib, MSG_MATCH, 0, MSG_SIZE_MATCH + m->datalen);
	msg_write_id(&w, m->id);
	msg_write_u8(&w, (uint8_t)m->kind);
	msg_write_u8(&w, m->from_client);
	msg_write_u8(&w, m->answered);
	msg_write_u8(&w, m->icmp_type);
	msg_write_u8(&w, m->icmp_code);
	msg_write_u8(&w, m->ext_len);
	msg_write_bytes(&w, m->router.b, sizeof(m->router.b));
	msg_write_u64(&w, m->rtt_ns);
	msg_write_u16(&w, m->datalen);
	msg_write_bytes(&w, m->data, m->datalen);
	return (msg_write_end(&w));
}

int
msg_get_match(struct imsg *imsg, struct msg_match *m, const char **why)
{
	struct msg_reader r;

	/* The data is as good as its length. */
	memset(m, 0, offsetof(struct msg_match, data));
	msg_read_begin(&r, imsg);
	msg_read_id(&r, &m->id);
	m->kind = msg_read_enum(&r, MATCH_KIND_LAST, "bad kind of match");
	m->from_client = msg_read_u8(&r);
	m->answered = msg_read_u8(&r);
	m->icmp_type = msg_read_u8(&r);
	m->icmp_code = msg_read_u8(&r);
	m->ext_len = msg_read_u8(&r);
	/* Only the receiver knows the family: its record has it. */
	msg_read_addr(&r, FAMILY_V6, &m->router);
	m->rtt_ns = msg_read_u64(&r);
	m->datalen = msg_read_u16(&r);
	msg_read_require(&r, m->from_client <= 1, "from_client is not 0 or 1");
	msg_read_require(&r, m->answered <= 1, "answered is not 0 or 1");
	msg_read_require(&r,
	    m->kind == MATCH_ERROR ||
		(m->icmp_type == 0 && m->icmp_code == 0 && m->ext_len == 0),
	    "ICMP fields without an error");
	msg_read_require(
	    &r, m->datalen <= MSG_MATCH_DATA, "data's length out of range");
	msg_read_bytes(&r, m->data, m->datalen);
	return (msg_read_end(&r, why));
}

int
msg_put_expired(struct imsgbuf *ib, struct msg_id id, enum msg_expiry e)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, MSG_EXPIRED, 0, MSG_SIZE_EXPIRED);
	msg_write_id(&w, id);
	msg_write_u8(&w, (uint8_t)e);
	return (msg_write_end(&w));
}

int
msg_get_expired(
    struct imsg *imsg, struct msg_id *id, enum msg_expiry *e, const char **why)
{
	struct msg_reader r;

	msg_read_begin(&r, imsg);
	msg_read_id(&r, id);
	*e = msg_read_enum(&r, EXPIRY_LAST, "bad kind of expiry");
	return (msg_read_end(&r, why));
}

int
msg_put_order(struct imsgbuf *ib, uint32_t type, struct msg_id id)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, 0, MSG_SIZE_ID);
	msg_write_id(&w, id);
	return (msg_write_end(&w));
}

int
msg_get_order(struct imsg *imsg, struct msg_id *id, const char **why)
{
	struct msg_reader r;

	msg_read_begin(&r, imsg);
	msg_read_id(&r, id);
	return (msg_read_end(&r, why));
}

int
msg_put_turn(struct imsgbuf *ib, const struct msg_turn *t)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, MSG_TURN, 0, MSG_SIZE_TURN);
	msg_write_id(&w, t->id);
	msg_write_u8(&w, t->ahead);
	return (msg_write_end(&w));
}

/* A name or a time says something about an address. */
static void
msg_read_flags(struct msg_reader *r, uint8_t flags)
{
	msg_read_require(r,
	    !(flags & MSG_ANSWER_NAME) || (flags & MSG_ANSWER_ADDR) != 0,
	    "a name without an address");
	msg_read_require(r,
	    !(flags & MSG_ANSWER_RTT) || (flags & MSG_ANSWER_ADDR) != 0,
	    "a time without an address");
}

int
msg_get_turn(struct imsg *imsg, struct msg_turn *t, const char **why)
{
	struct msg_reader r;

	memset(t, 0, sizeof(*t));
	msg_read_begin(&r, imsg);
	msg_read_id(&r, &t->id);
	t->ahead = msg_read_u8(&r);
	msg_read_require(&r,
	    (t->ahead &
		~(MSG_TURN_AHEAD | MSG_ANSWER_ADDR | MSG_ANSWER_NAME |
		    MSG_ANSWER_RTT)) == 0,
	    "unknown flags");
	msg_read_require(&r, t->ahead == 0 || (t->ahead & MSG_TURN_AHEAD) != 0,
	    "flags without an answer");
	msg_read_flags(&r, t->ahead);
	return (msg_read_end(&r, why));
}

size_t
msg_answer_objlen(const struct msg_answer *a)
{
	return (a->own_len > a->router_len ? a->own_len : a->router_len);
}

int
msg_put_answer(struct imsgbuf *ib, const struct msg_answer *a)
{
	struct msg_writer w;
	size_t objlen;

	objlen = msg_answer_objlen(a);
	if (objlen > EXT_FOREIGN_MAX) {
		errno = EINVAL;
		return (-1);
	}
	msg_write_begin(&w, ib, MSG_ANSWER, 0, MSG_SIZE_ANSWER + objlen);
	msg_write_id(&w, a->id);
	msg_write_u8(&w, a->flags);
	msg_write_u8(&w, a->own_len);
	msg_write_u8(&w, a->router_len);
	msg_write_bytes(&w, a->obj, objlen);
	return (msg_write_end(&w));
}

int
msg_get_answer(struct imsg *imsg, struct msg_answer *a, const char **why)
{
	struct msg_reader r;
	size_t objlen;

	memset(a, 0, sizeof(*a));
	msg_read_begin(&r, imsg);
	msg_read_id(&r, &a->id);
	a->flags = msg_read_u8(&r);
	a->own_len = msg_read_u8(&r);
	a->router_len = msg_read_u8(&r);
	objlen = msg_answer_objlen(a);
	msg_read_require(&r,
	    (a->flags &
		~(MSG_ANSWER_HIDE | MSG_ANSWER_ADDR | MSG_ANSWER_NAME |
		    MSG_ANSWER_RTT)) == 0,
	    "unknown flags");
	msg_read_flags(&r, a->flags);
	msg_read_require(&r,
	    !(a->flags & MSG_ANSWER_HIDE) ||
		(a->flags == MSG_ANSWER_HIDE && objlen == 0),
	    "a hidden answer with more to show");
	msg_read_require(&r,
	    objlen <= EXT_FOREIGN_MAX && a->own_len % 4 == 0 &&
		a->router_len % 4 == 0,
	    "bad length of objects");
	msg_read_require(&r,
	    a->own_len == 0 || (a->flags & MSG_ANSWER_ADDR) != 0,
	    "another's object would come first in own form");
	msg_read_bytes(&r, a->obj, objlen);
	return (msg_read_end(&r, why));
}

int
msg_put_request(struct imsgbuf *ib, const struct msg_request *q)
{
	struct msg_writer w;

	if (q->headlen > WIRE_HEAD_MAX) {
		errno = EINVAL;
		return (-1);
	}
	msg_write_begin(&w, ib, MSG_REQUEST, 0, MSG_SIZE_REQUEST + q->headlen);
	msg_write_id(&w, q->id);
	msg_write_u8(&w, (uint8_t)q->family);
	msg_write_u8(&w, q->max_ttl);
	msg_write_u8(&w, (uint8_t)q->unreachable);
	msg_write_u8(&w, q->observe);
	msg_write_u8(&w, q->target);
	msg_write_u16(&w, q->len);
	/* Whole, or its first WIRE_HEAD_MAX bytes: told by len. */
	msg_write_u8(&w, (uint8_t)q->headlen);
	msg_write_bytes(&w, q->head, q->headlen);
	return (msg_write_end(&w));
}

int
msg_get_request(struct imsg *imsg, struct msg_request *q, const char **why)
{
	struct msg_reader r;

	memset(q, 0, sizeof(*q));
	msg_read_begin(&r, imsg);
	msg_read_id(&r, &q->id);
	q->family = msg_read_enum(&r, FAMILY_MAX, "bad family");
	q->max_ttl = msg_read_u8(&r);
	q->unreachable = msg_read_enum(&r, UNREACHABLE_LAST, "bad unreachable");
	q->observe = msg_read_u8(&r);
	q->target = msg_read_u8(&r);
	q->len = msg_read_u16(&r);
	q->headlen = msg_read_u8(&r);
	msg_read_require(&r, q->max_ttl >= 1 && q->max_ttl <= POLICY_TTL_MAX,
	    "highest TTL out of range");
	msg_read_require(&r, q->observe <= 1, "observe is not 0 or 1");
	msg_read_require(&r, q->target <= 1, "target is not 0 or 1");
	msg_read_require(&r,
	    q->len >= WIRE_PROBE_MIN && q->len <= WIRE_PROBE_MAX,
	    "request's length out of range");
	msg_read_require(&r,
	    q->headlen <= WIRE_HEAD_MAX && q->headlen <= q->len,
	    "head's length out of range");
	/* After a fault nothing is read, so headlen is bounded here. */
	msg_read_bytes(&r, q->head, q->headlen);
	return (msg_read_end(&r, why));
}

int
msg_put_status(struct imsgbuf *ib, const struct msg_status *s)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, MSG_REQUEST_STATUS, 0, MSG_SIZE_STATUS);
	msg_write_id(&w, s->id);
	msg_write_u8(&w, s->status);
	msg_write_u16(&w, s->value);
	return (msg_write_end(&w));
}

int
msg_get_status(struct imsg *imsg, struct msg_status *s, const char **why)
{
	struct msg_reader r;

	memset(s, 0, sizeof(*s));
	msg_read_begin(&r, imsg);
	msg_read_id(&r, &s->id);
	s->status = msg_read_u8(&r);
	s->value = msg_read_u16(&r);
	msg_read_require(&r,
	    s->status == AUGSBURG_BAD_TTL || s->status == AUGSBURG_BAD_PROTO ||
		s->status == AUGSBURG_BAD_EXT,
	    "unknown status");
	msg_read_require(&r, s->value == 0 || s->status == AUGSBURG_BAD_EXT,
	    "a value without an object");
	return (msg_read_end(&r, why));
}
