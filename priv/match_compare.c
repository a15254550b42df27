/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "priv/match.h"
#include "priv/record.h"

static int
match_addresses(const struct match *m, const struct record *rec)
{
	const struct addr *pub = &rec->policy.public_addr;

	if (m->family != rec->probe.family || m->proto != record_proto(rec) ||
	    !addr_equal(&m->client, record_to(rec)))
		return (0);
	/* Behind a 1:1 NAT the quote may name its outside. */
	return (addr_equal(&m->own, &rec->probe.dst) ||
	    (!addr_is_zero(pub) && addr_equal(&m->own, pub)));
}

/* As many bytes of the cookie as are there: do they agree? */
static int
match_cookie_agrees(const struct match *m, const struct record *rec)
{
	size_t len = m->cookielen;

	if (len > rec->cookie_len)
		len = rec->cookie_len;
	return (len == 0 || memcmp(m->cookie, rec->cookie, len) == 0);
}

static int
match_cookie_whole(const struct match *m, const struct record *rec)
{
	return (rec->cookie_len != 0 && m->cookielen >= rec->cookie_len &&
	    match_cookie_agrees(m, rec));
}

/* IPv4: the identification and eight bytes, the checksum masked. */
static int
match_secret4(const struct match *m, const struct record *rec)
{
	uint8_t got[sizeof(m->l4)], sent[sizeof(rec->sent_l4)];
	size_t at = 0;

	_Static_assert(sizeof(got) == sizeof(sent), "the same eight bytes");
	if (m->quoted_id != rec->ip_id || m->l4len < sizeof(got))
		return (0);
	memcpy(got, m->l4, sizeof(got));
	memcpy(sent, rec->sent_l4, sizeof(sent));
	if (m->proto == PROTO_UDP)
		at = 6;
	else if (m->proto == PROTO_ICMP)
		at = 2;
	/* TCP's checksum lies behind them. */
	if (at != 0) {
		memset(got + at, 0, 2);
		memset(sent + at, 0, 2);
	}
	return (
	    memcmp(got, sent, sizeof(got)) == 0 && match_cookie_agrees(m, rec));
}

static int
match_secret6(const struct match *m, const struct record *rec)
{
	/* TCP's cookie is its sequence number. */
	if (m->proto == PROTO_TCP)
		return (
		    m->l4len >= 8 && memcmp(m->l4 + 4, rec->cookie, 4) == 0);
	return (match_cookie_whole(m, rec));
}

static enum match_agreement
match_compare_error(const struct match *m, const struct record *rec)
{
	if (m->proto == PROTO_ICMP) {
		if (m->l4len < 4 || memcmp(m->l4, rec->sent_l4, 2) != 0)
			return (MATCH_DIFFERS);
		/* Identifier and sequence number, of which one may be cut. */
		if (memcmp(m->l4 + 4, rec->sent_l4 + 4, m->l4len - 4U) != 0)
			return (MATCH_DIFFERS);
	} else if (m->l4len < 4 || memcmp(m->l4, rec->sent_l4, 4) != 0)
		return (MATCH_DIFFERS);

	if (m->quoted_ttl > rec->ttl_sent)
		return (MATCH_NEAR);
	if (m->family == FAMILY_V4 ? match_secret4(m, rec)
				   : match_secret6(m, rec))
		return (MATCH_AGREES);
	return (MATCH_NEAR);
}

static enum match_agreement
match_compare_reply(const struct match *m, const struct record *rec)
{
	if (memcmp(m->l4 + 4, rec->sent_l4 + 4, 4) != 0)
		return (MATCH_DIFFERS);
	/* A payload with no room for a cookie: all that there is agrees. */
	if (rec->cookie_len == 0 || match_cookie_whole(m, rec))
		return (MATCH_AGREES);
	return (MATCH_NEAR);
}

static enum match_agreement
match_compare_ack(const struct match *m, const struct record *rec)
{
	if (memcmp(m->l4, rec->sent_l4 + 2, 2) != 0 ||
	    memcmp(m->l4 + 2, rec->sent_l4, 2) != 0)
		return (MATCH_DIFFERS);
	if (wire_get32(m->ack) == (uint32_t)(wire_get32(rec->cookie) + 1))
		return (MATCH_AGREES);
	return (MATCH_NEAR);
}

enum match_agreement
match_compare(const struct match *m, const struct record *rec)
{
	if (!match_addresses(m, rec))
		return (MATCH_DIFFERS);
	if (m->kind == MATCH_ERROR)
		return (match_compare_error(m, rec));
	/*
	 * Only the mirror form, and the probe that a request asks for, ask the
	 * client for an answer of its own; a connection only the latter.
	 */
	if (rec->kind == RECORD_PROBE &&
	    (rec->policy.turn != TURN_MIRROR || m->kind == MATCH_SYNACK))
		return (MATCH_DIFFERS);
	if (m->kind == MATCH_REPLY)
		return (match_compare_reply(m, rec));
	if (m->kind == MATCH_RESET || m->kind == MATCH_SYNACK)
		return (match_compare_ack(m, rec));
	return (MATCH_DIFFERS);
}
