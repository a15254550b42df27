/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/wait.h>
#include <inttypes.h>
#include <stdio.h>

#include "hostile.h"

static const char *const protos[PROTO_MAX] = { "udp", "icmp", "tcp" };

/* All that is printed is ASCII: log lines are escaped by their sender. */
static void
report_string(const char *s)
{
	(void)putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			(void)putchar('\\');
		(void)putchar(*s >= 0x20 && *s < 0x7f ? *s : '?');
	}
	(void)putchar('"');
}

void
report_step(const char *step, const char *outcome)
{
	(void)printf("{\"event\": \"step\", \"step\": ");
	report_string(step);
	(void)printf(", \"outcome\": \"%s\"}\n", outcome);
}

void
report_number(const char *event, uint64_t value)
{
	(void)printf(
	    "{\"event\": \"%s\", \"value\": %" PRIu64 "}\n", event, value);
}

void
report_log(unsigned int pri, const char *line)
{
	(void)printf("{\"event\": \"log\", \"priority\": %u, \"line\": ", pri);
	report_string(line);
	(void)printf("}\n");
}

void
report_probe(const struct msg_probe *p)
{
	(void)printf("{\"event\": \"probe\", \"slot\": %" PRIu32
		     ", \"gen\": %" PRIu32 ", \"family\": %d, "
		     "\"proto\": \"%s\", \"ttl\": %u, \"len\": %u}\n",
	    p->id.slot, p->id.gen, p->family == FAMILY_V4 ? 4 : 6,
	    protos[p->proto], p->ttl, p->len);
}

void
report_match(const struct msg_match *m)
{
	(void)printf("{\"event\": \"match\", \"slot\": %" PRIu32
		     ", \"gen\": %" PRIu32 ", \"kind\": %d, "
		     "\"client\": %u, \"answered\": %u, \"type\": %u, "
		     "\"code\": %u}\n",
	    m->id.slot, m->id.gen, (int)m->kind, m->from_client, m->answered,
	    m->icmp_type, m->icmp_code);
}

void
report_turn(const struct msg_turn *t)
{
	(void)printf("{\"event\": \"order\", \"slot\": %" PRIu32
		     ", \"gen\": %" PRIu32 ", \"kind\": \"%s\", "
		     "\"ahead\": %u}\n",
	    t->id.slot, t->id.gen, msg_name(MSG_TURN), t->ahead);
}

void
report_id(const char *event, struct msg_id id, const char *kind)
{
	(void)printf("{\"event\": \"%s\", \"slot\": %" PRIu32
		     ", \"gen\": %" PRIu32 ", \"kind\": \"%s\"}\n",
	    event, id.slot, id.gen, kind);
}

void
report_stats(const struct stats *st)
{
	uint64_t sum;
	int f, i, p;

	(void)printf("{\"event\": \"stats\"");
	for (i = 0; i < STAT_MAX; i++) {
		sum = 0;
		for (f = 0; f < FAMILY_MAX; f++)
			for (p = 0; p < PROTO_MAX; p++)
				sum += st->stat[i][f][p];
		(void)printf(
		    ", \"%s\": %" PRIu64, stat_name((enum stat_kind)i), sum);
	}
	for (i = 0; i < TALLY_MAX; i++)
		(void)printf(", \"%s\": %" PRIu64, tally_name((enum tally)i),
		    st->tally[i]);
	(void)printf("}\n");
}

void
report_end(int status)
{
	if (WIFSIGNALED(status))
		(void)printf(
		    "{\"event\": \"end\", \"code\": %d}\n", -WTERMSIG(status));
	else
		(void)printf("{\"event\": \"end\", \"code\": %d}\n",
		    WEXITSTATUS(status));
}
