/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * uturnctl before a daemon that says anything: the reply is refused, or goes
 * to a terminal without a byte that could act on it, and as JSON that parses.
 */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "uturnctl/output.h"
#include "uturnctl/reply.h"

static void
reply_printable(const char *text)
{
	for (; *text != '\0'; text++)
		FUZZ_CHECK(*text >= 0x20 && *text <= 0x7e);
}

static int
reply_write(const struct output *o, FILE *out, FILE *err, const struct reply *r)
{
	struct output_process procs[REPLY_PROCS_MAX];
	size_t i;

	if (r->have_result)
		return (o->result(out, err, r));
	switch (r->action) {
	case ACTION_STATS:
		return (o->stats(out, r));
	case ACTION_SHOW_CONFIG:
		return (o->config(out, r));
	case ACTION_SHOW_PROCESSES:
		memset(procs, 0, sizeof(procs));
		for (i = 0; i < r->nprocs; i++) {
			procs[i].pid = r->procs[i].pid;
			procs[i].name = r->procs[i].name;
			procs[i].error = i % 2 ? 2 : 0;
			procs[i].stat.cap_eff = r->procs[i].pid;
			procs[i].stat.cap_bnd = UINT64_MAX;
		}
		return (o->processes(out, procs, r->nprocs));
	default:
		return (o->result(out, err, r));
	}
}

/* Both streams must be printable; returns what the first one got. */
static char *
reply_text(const struct output *o, const struct reply *r)
{
	char *text[2] = { NULL, NULL };
	size_t len[2], i, j;
	FILE *f[2];

	for (i = 0; i < 2; i++)
		FUZZ_CHECK((f[i] = open_memstream(&text[i], &len[i])) != NULL);
	FUZZ_CHECK(reply_write(o, f[0], f[1], r) == 0);
	for (i = 0; i < 2; i++) {
		FUZZ_CHECK(fclose(f[i]) == 0);
		FUZZ_CHECK(strlen(text[i]) == len[i]);
		for (j = 0; j < len[i]; j++)
			FUZZ_CHECK(text[i][j] == '\n' ||
			    (text[i][j] >= 0x20 && text[i][j] <= 0x7e));
	}
	free(text[1]);
	return (text[0]);
}

/* A whole reply: to a terminal and to a program. */
static void
reply_show(const struct reply *r)
{
	json_t *root;
	char *text;
	size_t i;

	for (i = 0; i < r->nlines; i++)
		reply_printable(r->lines[i].text);
	for (i = 0; i < r->nprocs; i++)
		reply_printable(r->procs[i].name);
	reply_printable(r->text);
	text = reply_text(&output_text, r);
	free(text);
	text = reply_text(&output_json, r);
	FUZZ_CHECK((root = json_loads(text, 0, NULL)) != NULL);
	FUZZ_CHECK(json_integer_value(json_object_get(root, "version")) == 1);
	json_decref(root);
	free(text);
}

/* One message; returns what reply_take does. */
static int
reply_message(struct reply *r, struct fuzz_in *in)
{
	static uint8_t counters[4096];
	uint32_t type = MSG_CTL_DATA + fuzz_u8(in) % 16;
	struct imsg imsg;
	const uint8_t *p;
	char why[160] = "";
	size_t len = fuzz_u8(in), got;
	int rc;

	/* Too long for an input: repeat what there is. */
	if (type == MSG_CTL_DATA) {
		p = fuzz_take(in, len, &got);
		len = msg_controller_to_ctl.rules[0].max;
		FUZZ_CHECK(len <= sizeof(counters));
		memset(counters, 0, len);
		for (len = 0;
		     got > 0 && len < msg_controller_to_ctl.rules[0].max; len++)
			counters[len] = p[len % got];
		p = counters;
		got = msg_controller_to_ctl.rules[0].max;
	} else {
		if (len == 0xff)
			len = fuzz_u16(in);
		p = fuzz_take(in, len, &got);
	}
	fuzz_imsg(&imsg, type, 0, p, got);
	rc = reply_take(r, &imsg, why, sizeof(why));
	imsg_free(&imsg);
	if (rc == -1) {
		FUZZ_CHECK(why[0] != '\0');
		reply_printable(why);
	}
	return (rc);
}

/* monitor's events are shown as they come: here, nowhere. */
static int
reply_event(void *arg, const struct msg_event *event)
{
	(void)arg;
	(void)event;
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct reply r;
	enum ctl_action action;
	int rc = 0, value;

	action = (enum ctl_action)(1 + fuzz_u8(&in) % (ACTION_LAST - 1));
	reply_init(&r, action);
	r.event = reply_event;
	FUZZ_CHECK(reply_request(action, &value) >= MSG_CTL_STATS);
	while (rc == 0 && in.len > 0)
		rc = reply_message(&r, &in);
	if (rc == 1)
		reply_show(&r);
	reply_free(&r);
	return (0);
}
