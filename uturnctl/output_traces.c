/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Traces and events for people to read. */

#include <inttypes.h>
#include <time.h>

#include "common/wire.h"
#include "uturnctl/output.h"

#define US_PER_S 1000000

const char *
output_proto(enum proto proto)
{
	static const char *const names[PROTO_MAX] = { "udp", "icmp", "tcp" };

	return (names[proto]);
}

const char *
output_unreach(enum family family, uint8_t type, uint8_t code,
    char buf[OUTPUT_UNREACH_MAX])
{
	static const char v4[] = { [0] = 'N',
		[1] = 'H',
		[2] = 'P',
		[4] = 'F',
		[5] = 'S',
		[9] = 'X',
		[10] = 'X',
		[13] = 'X' };
	static const char v6[] = { [0] = 'N', [1] = 'X', [2] = 'S', [3] = 'H' };
	char c = '\0';

	if (family == FAMILY_V4 && type == ICMP4_UNREACH && code < sizeof(v4))
		c = v4[code];
	else if (family == FAMILY_V6 && type == ICMP6_UNREACH &&
	    code < sizeof(v6))
		c = v6[code];
	if (c != '\0')
		(void)snprintf(buf, OUTPUT_UNREACH_MAX, "!%c", c);
	else if (type == (family == FAMILY_V4 ? ICMP4_UNREACH : ICMP6_UNREACH))
		(void)snprintf(buf, OUTPUT_UNREACH_MAX, "!%u", code);
	else
		(void)snprintf(buf, OUTPUT_UNREACH_MAX, "!%u/%u", type, code);
	return (buf);
}

static void
text_ago(FILE *out, uint64_t us)
{
	uint64_t s = us / US_PER_S;

	fprintf(out, "%02" PRIu64 ":%02u:%02u ago", s / 3600,
	    (unsigned int)(s / 60 % 60), (unsigned int)(s % 60));
}

static void
text_ms(FILE *out, uint32_t us)
{
	fprintf(out, " %5" PRIu32 ".%03" PRIu32, us / 1000, us % 1000);
}

static void
text_router(FILE *out, enum family family, const struct addr *router,
    const struct names *names)
{
	char buf[ADDR_TEXT_MAX];
	const char *name;

	fputs(addr_format(family, router, buf, sizeof(buf)), out);
	if (names != NULL && (name = names_find(names, family, router)) != NULL)
		fprintf(out, " (%s)", name);
}

/* Lost among those whose fate is known. */
static unsigned int
text_loss(const struct msg_hop *h)
{
	unsigned int n = (unsigned int)h->lost + h->answered;

	return (n == 0 ? 0 : (h->lost * 100U + n / 2) / n);
}

static void
text_hop(FILE *out, const struct msg_hop *h, const struct names *names)
{
	char mark[OUTPUT_UNREACH_MAX];
	size_t i;

	/* Most probes that reach the client it keeps for itself: no loss. */
	if (h->flags & MSG_HOP_CLIENT)
		fprintf(out, "  %3u    -", h->hop);
	else
		fprintf(out, "  %3u %3u%%", h->hop, text_loss(h));
	if (h->answered == 0) {
		fprintf(out, " %9s %9s %9s  *\n", "-", "-", "-");
		return;
	}
	text_ms(out, h->rtt_min_us);
	text_ms(out, h->rtt_avg_us);
	text_ms(out, h->rtt_max_us);
	fputs("  ", out);
	text_router(out, h->family, &h->router, names);
	if (h->flags & MSG_HOP_UNREACH)
		fprintf(out, " %s",
		    output_unreach(
			h->family, h->icmp_type, h->icmp_code, mark));
	if (h->nlabels > 0) {
		fputs(" [MPLS", out);
		for (i = 0; i < h->nlabels; i++)
			fprintf(out, "%c%" PRIu32, i == 0 ? ' ' : ',',
			    h->label[i] >> 12);
		fputc(']', out);
	}
	if (h->routers > 1)
		fprintf(out, ", one of %u%s", h->routers,
		    h->routers == MSG_HOP_ROUTERS ? " or more" : "");
	if (h->flags & MSG_HOP_HIDDEN)
		fputs(", hidden", out);
	if (h->flags & MSG_HOP_CLIENT)
		fputs(", the client", out);
	fputc('\n', out);
}

static void
text_end(FILE *out, enum trace_end end, unsigned int hop)
{
	switch (end) {
	case TRACE_ANSWERED:
		fprintf(out, "ended at hop %u, answered by the client", hop);
		return;
	case TRACE_INFERRED:
		fprintf(out, "ended at hop %u, inferred", hop);
		return;
	case TRACE_OPEN:
	case TRACE_END_LAST:
		break;
	}
	fputs("no end yet", out);
}

static void
text_trace(FILE *out, const struct reply_trace *t, const struct names *names)
{
	const struct msg_trace *h = &t->head;
	char buf[ADDR_TEXT_MAX];
	size_t i;

	fputs(addr_format(h->family, &h->client, buf, sizeof(buf)), out);
	fprintf(out, " to %s, %s, ",
	    addr_format(h->family, &h->listen, buf, sizeof(buf)),
	    output_proto(h->proto));
	text_ago(out, h->seen_us);
	fprintf(out, ", %" PRIu32 " probe%s, ", h->probes,
	    h->probes == 1 ? "" : "s");
	text_end(out, h->end, h->end_hop);
	fputc('\n', out);
	if (t->nhops > 0)
		fprintf(out, "  %3s %4s %9s %9s %9s  %s\n", "hop", "loss",
		    "min ms", "avg ms", "max ms", "router");
	for (i = 0; i < t->nhops; i++)
		text_hop(out, &t->hops[i], names);
	if (h->changed_hop == 0)
		return;
	fprintf(out, "  the way back changed ");
	text_ago(out, h->changed_us);
	fprintf(out, " at hop %u: ", h->changed_hop);
	text_router(out, h->family, &h->changed_to, NULL);
	fputs(", before ", out);
	text_router(out, h->family, &h->changed_from, NULL);
	fputc('\n', out);
}

int
text_traces(FILE *out, const struct reply *r, const struct names *names)
{
	size_t i;

	if (r->ntraces == 0)
		fputs("no traces\n", out);
	for (i = 0; i < r->ntraces; i++) {
		if (i > 0)
			fputc('\n', out);
		text_trace(out, &r->traces[i], names);
	}
	return (0);
}

static void
text_event_hop(FILE *out, const struct msg_event *ev)
{
	char mark[OUTPUT_UNREACH_MAX];

	fprintf(out, "%2u ", ev->hop);
	if (ev->kind == EVENT_LOST) {
		fputc('*', out);
		return;
	}
	text_router(out, ev->family, &ev->router, NULL);
	fprintf(out, " %" PRIu32 ".%03" PRIu32 " ms", ev->rtt_us / 1000,
	    ev->rtt_us % 1000);
	if (ev->flags & MSG_HOP_UNREACH)
		fprintf(out, " %s",
		    output_unreach(
			ev->family, ev->icmp_type, ev->icmp_code, mark));
	if (ev->flags & MSG_HOP_HIDDEN)
		fputs(", hidden", out);
}

int
text_event(FILE *out, const struct msg_event *ev, int64_t now)
{
	char buf[ADDR_TEXT_MAX], clock[16] = "";
	time_t t = (time_t)(now / 1000);
	struct tm tm;

	if (ev->dropped > 0)
		fprintf(
		    out, "(%" PRIu32 " events were left out)\n", ev->dropped);
	if (localtime_r(&t, &tm) == NULL ||
	    strftime(clock, sizeof(clock), "%H:%M:%S", &tm) == 0)
		clock[0] = '\0';
	fprintf(out, "%s.%03u %s %s ", clock, (unsigned int)(now % 1000),
	    addr_format(ev->family, &ev->client, buf, sizeof(buf)),
	    output_proto(ev->proto));
	switch (ev->kind) {
	case EVENT_BEGAN:
		fprintf(out, "begins, to %s",
		    addr_format(ev->family, &ev->listen, buf, sizeof(buf)));
		break;
	case EVENT_ANSWERED:
	case EVENT_LOST:
		text_event_hop(out, ev);
		break;
	case EVENT_ENDED:
		text_end(out, ev->end, ev->hop);
		break;
	case EVENT_CHANGED:
		fprintf(out, "the way back changed at hop %u: ", ev->hop);
		text_router(out, ev->family, &ev->router, NULL);
		fputs(", before ", out);
		text_router(out, ev->family, &ev->former, NULL);
		break;
	case EVENT_LAST:
		break;
	}
	fputc('\n', out);
	return (0);
}
