/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Coders of what every border has: numbers, texts, start-up, counters. */

#include <string.h>

#include "common/log.h"
#include "common/msg.h"
#include "common/msg_io.h"

int
msg_put_empty(struct imsgbuf *ib, uint32_t type, uint32_t peerid)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, peerid, 0);
	return (msg_write_end(&w));
}

int
msg_get_empty(struct imsg *imsg, const char **why)
{
	struct msg_reader r;

	msg_read_begin(&r, imsg);
	return (msg_read_end(&r, why));
}

int
msg_put_u8(struct imsgbuf *ib, uint32_t type, uint32_t peerid, uint8_t v)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, peerid, sizeof(v));
	msg_write_u8(&w, v);
	return (msg_write_end(&w));
}

int
msg_get_u8(struct imsg *imsg, uint8_t max, uint8_t *v, const char **why)
{
	struct msg_reader r;

	msg_read_begin(&r, imsg);
	*v = msg_read_u8(&r);
	msg_read_require(&r, *v <= max, "value out of range");
	return (msg_read_end(&r, why));
}

int
msg_put_u32(struct imsgbuf *ib, uint32_t type, uint32_t peerid, uint32_t v)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, type, peerid, sizeof(v));
	msg_write_u32(&w, v);
	return (msg_write_end(&w));
}

int
msg_get_u32(struct imsg *imsg, uint32_t *v, const char **why)
{
	struct msg_reader r;

	msg_read_begin(&r, imsg);
	*v = msg_read_u32(&r);
	return (msg_read_end(&r, why));
}

int
msg_put_peer(struct imsgbuf *ib, int fd)
{
	return (imsg_compose(ib, MSG_PEER, 0, 0, fd, NULL, 0) == -1 ? -1 : 0);
}

int
msg_put_init(struct imsgbuf *ib, const struct msg_init *in)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, MSG_INIT, 0, MSG_SIZE_INIT);
	msg_write_u32(&w, in->uid);
	msg_write_u32(&w, in->gid);
	msg_write_u8(&w, in->verbose);
	msg_write_u16(&w, in->fixed.queue);
	msg_write_u32(&w, in->fixed.queue_len);
	msg_write_u32(&w, in->fixed.mark);
	msg_write_u32(&w, in->fixed.mark_mask);
	msg_write_u32(&w, in->fixed.pending);
	msg_write_u32(&w, in->traces);
	return (msg_write_end(&w));
}

int
msg_get_init(struct imsg *imsg, struct msg_init *in, const char **why)
{
	struct msg_reader r;

	memset(in, 0, sizeof(*in));
	msg_read_begin(&r, imsg);
	in->uid = msg_read_u32(&r);
	in->gid = msg_read_u32(&r);
	in->verbose = msg_read_u8(&r);
	in->fixed.queue = msg_read_u16(&r);
	in->fixed.queue_len = msg_read_u32(&r);
	in->fixed.mark = msg_read_u32(&r);
	in->fixed.mark_mask = msg_read_u32(&r);
	in->fixed.pending = msg_read_u32(&r);
	in->traces = msg_read_u32(&r);

	/* setresuid(-1) leaves an id unchanged: root would stay root. */
	msg_read_require(&r, in->uid != 0 && in->uid != UINT32_MAX, "bad uid");
	msg_read_require(&r, in->gid != 0 && in->gid != UINT32_MAX, "bad gid");
	msg_read_require(&r, in->verbose <= 1, "verbose is not 0 or 1");
	msg_read_require(
	    &r, in->traces <= POLICY_TRACES_MAX, "traces out of range");
	msg_read_require(&r, in->fixed.queue_len > 0, "queue length is 0");
	msg_read_require(&r, (in->fixed.mark & ~in->fixed.mark_mask) == 0,
	    "mark outside of its mask");
	msg_read_require(&r,
	    in->fixed.pending >= POLICY_PENDING_MIN &&
		in->fixed.pending <= POLICY_PENDING_MAX,
	    "pending out of range");
	return (msg_read_end(&r, why));
}

int
msg_put_text(struct imsgbuf *ib, uint32_t type, uint32_t peerid, uint8_t code,
    const char *text)
{
	struct msg_writer w;
	size_t len, max;

	max = type == MSG_LOG ? LOG_LINE_MAX : MSG_TEXT_MAX;
	len = strnlen(text, max - 1);
	msg_write_begin(&w, ib, type, peerid, MSG_SIZE_TEXT(len + 1));
	msg_write_u8(&w, code);
	msg_write_bytes(&w, text, len);
	msg_write_u8(&w, '\0');
	return (msg_write_end(&w));
}

/* The rest of the payload is a string whose only NUL is its last byte. */
static void
msg_read_string(struct msg_reader *r, char *text, size_t textlen)
{
	size_t len;

	len = msg_read_left(r);
	text[0] = '\0';
	msg_read_require(r, len > 0 && len <= textlen, "bad length of text");
	if (r->why != NULL)
		return;
	msg_read_bytes(r, text, len);
	msg_read_require(r, strnlen(text, len) == len - 1,
	    "text does not end with its only NUL");
	text[len - 1] = '\0';
}

int
msg_get_text(struct imsg *imsg, uint8_t maxcode, uint8_t *code, char *text,
    size_t textlen, const char **why)
{
	struct msg_reader r;

	msg_read_begin(&r, imsg);
	*code = msg_read_u8(&r);
	msg_read_require(&r, *code <= maxcode, "code out of range");
	msg_read_string(&r, text, textlen);
	return (msg_read_end(&r, why));
}

int
msg_put_process(
    struct imsgbuf *ib, uint32_t peerid, uint32_t pid, const char *name)
{
	struct msg_writer w;
	size_t len;

	len = strnlen(name, MSG_NAME_MAX - 1);
	msg_write_begin(&w, ib, MSG_CTL_PROCESS, peerid, sizeof(pid) + len + 1);
	msg_write_u32(&w, pid);
	msg_write_bytes(&w, name, len);
	msg_write_u8(&w, '\0');
	return (msg_write_end(&w));
}

int
msg_get_process(
    struct imsg *imsg, uint32_t *pid, char name[MSG_NAME_MAX], const char **why)
{
	struct msg_reader r;

	msg_read_begin(&r, imsg);
	*pid = msg_read_u32(&r);
	msg_read_require(&r, *pid > 0 && *pid <= INT32_MAX, "bad pid");
	msg_read_string(&r, name, MSG_NAME_MAX);
	return (msg_read_end(&r, why));
}

int
msg_put_stats(
    struct imsgbuf *ib, uint32_t type, uint32_t peerid, const struct stats *s)
{
	struct msg_writer w;
	int i, f, p;

	msg_write_begin(&w, ib, type, peerid, MSG_SIZE_STATS);
	for (i = 0; i < STAT_MAX; i++)
		for (f = 0; f < FAMILY_MAX; f++)
			for (p = 0; p < PROTO_MAX; p++)
				msg_write_u64(&w, s->stat[i][f][p]);
	for (i = 0; i < TALLY_MAX; i++)
		msg_write_u64(&w, s->tally[i]);
	for (f = 0; f < FAMILY_MAX; f++) {
		for (i = 0; i < STATS_RTT_BUCKETS; i++)
			msg_write_u64(&w, s->rtt[f][i]);
		msg_write_u64(&w, s->rtt_sum_us[f]);
	}
	msg_write_u64(&w, s->probe_age_ms);
	return (msg_write_end(&w));
}

int
msg_get_stats(struct imsg *imsg, struct stats *s, const char **why)
{
	struct msg_reader r;
	int i, f, p;

	msg_read_begin(&r, imsg);
	for (i = 0; i < STAT_MAX; i++)
		for (f = 0; f < FAMILY_MAX; f++)
			for (p = 0; p < PROTO_MAX; p++)
				s->stat[i][f][p] = msg_read_u64(&r);
	for (i = 0; i < TALLY_MAX; i++)
		s->tally[i] = msg_read_u64(&r);
	for (f = 0; f < FAMILY_MAX; f++) {
		for (i = 0; i < STATS_RTT_BUCKETS; i++)
			s->rtt[f][i] = msg_read_u64(&r);
		s->rtt_sum_us[f] = msg_read_u64(&r);
	}
	s->probe_age_ms = msg_read_u64(&r);
	return (msg_read_end(&r, why));
}

int
msg_put_info(struct imsgbuf *ib, uint32_t peerid, const struct msg_info *in)
{
	struct msg_writer w;

	msg_write_begin(&w, ib, MSG_CTL_INFO, peerid, MSG_SIZE_INFO);
	msg_write_u8(&w, in->paused);
	msg_write_u8(&w, in->observe);
	msg_write_u32(&w, in->generation);
	msg_write_u32(&w, in->pending_max);
	msg_write_u64(&w, in->uptime_ns);
	return (msg_write_end(&w));
}

int
msg_get_info(struct imsg *imsg, struct msg_info *in, const char **why)
{
	struct msg_reader r;

	memset(in, 0, sizeof(*in));
	msg_read_begin(&r, imsg);
	in->paused = msg_read_u8(&r);
	in->observe = msg_read_u8(&r);
	in->generation = msg_read_u32(&r);
	in->pending_max = msg_read_u32(&r);
	in->uptime_ns = msg_read_u64(&r);
	msg_read_require(&r, in->paused <= 1, "paused is not 0 or 1");
	msg_read_require(&r, in->observe <= 1, "observe is not 0 or 1");
	return (msg_read_end(&r, why));
}
