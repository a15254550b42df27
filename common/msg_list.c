/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Coders of the engine's tables for uturnctl, and of what it may deny. */

#include <string.h>

#include "common/msg.h"
#include "common/msg_io.h"

int
msg_put_list(struct imsgbuf *ib, uint32_t type, uint32_t peerid,
    const struct msg_list *l)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, peerid, MSG_SIZE_LIST);
	msg_write_u8(&w, (uint8_t)l->which);
	msg_write_u32(&w, l->from);
	return (msg_write_end(&w));
}

int
msg_get_list(struct imsg *imsg, struct msg_list *l, const char **why)
{
	struct msg_reader r;

	memset(l, 0, sizeof(*l));
	msg_read_begin(&r, imsg);
	l->which = msg_read_enum(&r, LIST_LAST, "bad kind of list");
	l->from = msg_read_u32(&r);
	msg_read_require(&r, l->from <= MSG_LIST_PLACES, "place out of range");
	return (msg_read_end(&r, why));
}

/* A prefix: its family was read already. */
static void
msg_read_prefix(
    struct msg_reader *r, enum family family, struct addr *a, uint8_t *len)
{
	struct addr masked;

	*len = msg_read_u8(r);
	msg_read_addr(r, family, a);
	msg_read_require(r, *len <= addr_bits(family), "prefix too long");
	if (r->why != NULL)
		return;
	masked = *a;
	addr_mask(family, &masked, *len);
	msg_read_require(r, addr_equal(&masked, a), "prefix not masked");
}

int
msg_put_client(struct imsgbuf *ib, uint32_t type, uint32_t peerid,
    const struct msg_client *c)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, peerid, MSG_SIZE_CLIENT);
	msg_write_u8(&w, (uint8_t)c->family);
	msg_write_u8(&w, (uint8_t)c->proto);
	msg_write_u8(&w, c->len);
	msg_write_bytes(&w, c->addr.b, sizeof(c->addr.b));
	msg_write_u16(&w, c->port);
	msg_write_u64(&w, c->opened_us);
	msg_write_u64(&w, c->left_us);
	msg_write_u32(&w, c->probes);
	msg_write_u32(&w, c->limited);
	return (msg_write_end(&w));
}

int
msg_get_client(struct imsg *imsg, struct msg_client *c, const char **why)
{
	struct msg_reader r;

	memset(c, 0, sizeof(*c));
	msg_read_begin(&r, imsg);
	c->family = msg_read_enum(&r, FAMILY_MAX, "bad family");
	c->proto = msg_read_enum(&r, PROTO_MAX, "bad protocol");
	msg_read_prefix(&r, c->family, &c->addr, &c->len);
	c->port = msg_read_u16(&r);
	c->opened_us = msg_read_u64(&r);
	c->left_us = msg_read_u64(&r);
	c->probes = msg_read_u32(&r);
	c->limited = msg_read_u32(&r);
	return (msg_read_end(&r, why));
}

int
msg_put_deny(struct imsgbuf *ib, uint32_t type, uint32_t peerid,
    const struct msg_deny *d)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, peerid, MSG_SIZE_DENY);
	msg_write_u8(&w, d->remove);
	msg_write_u8(&w, (uint8_t)d->family);
	msg_write_u8(&w, d->len);
	msg_write_bytes(&w, d->addr.b, sizeof(d->addr.b));
	msg_write_u64(&w, d->ms);
	return (msg_write_end(&w));
}

int
msg_get_deny(struct imsg *imsg, struct msg_deny *d, const char **why)
{
	struct msg_reader r;

	memset(d, 0, sizeof(*d));
	msg_read_begin(&r, imsg);
	d->remove = msg_read_u8(&r);
	d->family = msg_read_enum(&r, FAMILY_MAX, "bad family");
	msg_read_prefix(&r, d->family, &d->addr, &d->len);
	d->ms = msg_read_u64(&r);
	msg_read_require(&r, d->remove <= 1, "remove is not 0 or 1");
	msg_read_require(&r, (d->ms == 0) == (d->remove == 1),
	    "a time to remove, or none to deny");
	msg_read_require(&r, d->ms <= MSG_DENY_MS_MAX, "time out of range");
	return (msg_read_end(&r, why));
}
