/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "steps.h"

#define ARGS_MAX 8

struct step {
	const char *name;
	int args; /* at least so many follow */
	int (*run)(struct hostile *, char *argv[], int argc);
};

static const struct steps_order {
	const char *name;
	uint32_t type;
} orders[] = {
	{ "pass", MSG_PASS },
	{ "drop", MSG_DROP },
	{ "inflect", MSG_INFLECT },
	{ "turn", MSG_TURN },
	{ "final", MSG_FINAL },
	{ "answer", MSG_ANSWER },
	{ "ping", MSG_PING_ON },
	{ "request-probe", MSG_REQUEST_PROBE },
	{ "request-status", MSG_REQUEST_STATUS },
	{ "request-answer", MSG_REQUEST_ANSWER },
};

uint32_t
steps_number(const char *s)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(s, &end, 0);
	if (errno != 0 || end == s || *end != '\0' || v > UINT32_MAX)
		errx(2, "%s: no number", s);
	return ((uint32_t)v);
}

int64_t
steps_deadline(const char *ms)
{
	return (loop_now() + (int64_t)steps_number(ms) * NS_PER_MS);
}

uint32_t
steps_order_type(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (strcmp(orders[i].name, name) == 0)
			return (orders[i].type);
	return (0);
}

size_t
steps_order(const struct hostile *h, uint32_t type, char *argv[], int argc,
    uint8_t *buf, size_t size)
{
	uint8_t p[BYTES_MAX / 2];
	uint32_t has = 0;
	uint16_t claims = 0;
	size_t len;

	memset(p, 0, sizeof(p));
	memcpy(p, &h->id.slot, sizeof(h->id.slot));
	memcpy(p + 4, &h->id.gen, sizeof(h->id.gen));
	len = 8;
	if (type == MSG_PING_ON)
		len = 4;
	if (type == MSG_TURN) {
		if (argc > 0)
			p[8] = (uint8_t)steps_number(argv[0]);
		len = 9;
	}
	if (type == MSG_REQUEST_STATUS) {
		/* A status, and what of an object is wrong. */
		if (argc > 0)
			p[8] = (uint8_t)steps_number(argv[0]);
		if (argc > 1)
			claims = (uint16_t)steps_number(argv[1]);
		memcpy(p + 9, &claims, sizeof(claims));
		len = 11;
	}
	if (type == MSG_ANSWER) {
		if (argc > 0)
			p[8] = (uint8_t)steps_number(argv[0]);
		if (argc > 1) {
			has = steps_number(argv[1]);
			p[9] = p[10] = (uint8_t)has;
		}
		if (argc > 2) {
			p[10] = (uint8_t)steps_number(argv[2]);
			has = p[9] > p[10] ? p[9] : p[10];
		}
		if (argc > 3)
			has = steps_number(argv[3]);
		len = 11;
		if (has > sizeof(p) - len)
			errx(2, "too many objects");
		/* Looks like nothing that anybody else would write. */
		memset(p + len, 0xa5, has);
		len += has;
	}
	return (border_message(buf, size, type, p, len));
}

static int
step_wait(struct hostile *h, uint32_t type, int kind)
{
	struct hostile_event ev;

	if (border_await(h, type, kind, loop_now() + HOSTILE_WAIT_NS, &ev) ==
	    -1)
		return (-1);
	h->id = ev.id;
	return (0);
}

static int
step_probe(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	return (step_wait(h, MSG_PROBE, -1));
}

static int
step_request(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	return (step_wait(h, MSG_REQUEST, -1));
}

static int
step_match(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	return (step_wait(h, MSG_MATCH, -1));
}

static int
step_settle(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	return (step_wait(h, MSG_EXPIRED, EXPIRY_SETTLE));
}

static int
step_timeout(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	return (step_wait(h, MSG_EXPIRED, EXPIRY_TIMEOUT));
}

/* order:NAME: waits for an order of the engine. */
static int
step_order(struct hostile *h, char *argv[], int argc)
{
	(void)argc;
	return (step_wait(h, steps_order_type(argv[0]), -1));
}

/* slot:N and gen:N; with a sign relative to what it is. */
static int
step_slot(struct hostile *h, char *argv[], int argc)
{
	(void)argc;
	h->id.slot = steps_number(argv[0]);
	return (0);
}

static int
step_gen(struct hostile *h, char *argv[], int argc)
{
	(void)argc;
	if (argv[0][0] == '+')
		h->id.gen += steps_number(argv[0] + 1);
	else if (argv[0][0] == '-')
		h->id.gen -= steps_number(argv[0] + 1);
	else
		h->id.gen = steps_number(argv[0]);
	return (0);
}

static int
step_keep(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	h->kept = h->id;
	return (0);
}

static int
step_back(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	h->id = h->kept;
	return (0);
}

/* idle:MS, reading all that comes; deaf:MS, not reading the peer's pipe. */
static int
step_idle(struct hostile *h, char *argv[], int argc)
{
	int64_t deadline = steps_deadline(argv[0]);

	(void)argc;
	while (border_pump(h, deadline, 1) == 1)
		;
	return (h->gone ? -1 : 0);
}

static int
step_deaf(struct hostile *h, char *argv[], int argc)
{
	int64_t deadline = steps_deadline(argv[0]);

	(void)argc;
	while (border_pump(h, deadline, 0) == 1)
		;
	return (h->gone ? -1 : 0);
}

/* each:MS:ORDER: for so long, ORDER for every probe. */
static int
step_each(struct hostile *h, char *argv[], int argc)
{
	int64_t deadline = steps_deadline(argv[0]);
	struct hostile_event ev;
	uint8_t buf[BYTES_MAX];
	uint32_t type = steps_order_type(argv[1]);
	size_t len;

	while (border_await(h, MSG_PROBE, -1, deadline, &ev) == 0) {
		h->id = ev.id;
		len =
		    steps_order(h, type, argv + 2, argc - 2, buf, sizeof(buf));
		(void)border_write(h, buf, len, loop_now() + HOSTILE_WAIT_NS);
	}
	return (h->gone ? -1 : 0);
}

/* sync: a ping through the process under test: all before it is done. */
static int
step_sync(struct hostile *h, char *argv[], int argc)
{
	int64_t deadline = loop_now() + HOSTILE_WAIT_NS;
	uint8_t buf[64];
	uint32_t number = ++h->pings | 0x80000000U;
	size_t len;

	(void)argv;
	(void)argc;
	len = border_message(
	    buf, sizeof(buf), MSG_PING_ON, &number, sizeof(number));
	(void)border_write(h, buf, len, deadline);
	while (h->pong != number)
		if (border_pump(h, deadline, 1) != 1)
			return (-1);
	return (0);
}

static int
step_stats(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	if (border_stats(h) == -1)
		return (-1);
	report_stats(&h->stats);
	return (0);
}

/* close: the peer is gone. */
static int
step_close(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	if (close(h->peer.fd) == -1 || close(h->peer.wfd) == -1)
		err(1, "close");
	h->peer_gone = 1;
	return (0);
}

static const struct step steps[] = {
	{ "probe", 0, step_probe },
	{ "request", 0, step_request },
	{ "match", 0, step_match },
	{ "settle", 0, step_settle },
	{ "timeout", 0, step_timeout },
	{ "order", 1, step_order },
	{ "slot", 1, step_slot },
	{ "gen", 1, step_gen },
	{ "keep", 0, step_keep },
	{ "back", 0, step_back },
	{ "idle", 1, step_idle },
	{ "deaf", 1, step_deaf },
	{ "each", 2, step_each },
	{ "raw", 1, step_raw },
	{ "slow", 2, step_slow },
	{ "sync", 0, step_sync },
	{ "flood", 2, step_flood },
	{ "descriptors", 2, step_descriptors },
	{ "fds", 0, step_fds },
	{ "rss", 0, step_rss },
	{ "stop", 0, step_stop },
	{ "cont", 0, step_cont },
	{ "stats", 0, step_stats },
	{ "close", 0, step_close },
};

int
steps_run(struct hostile *h, const char *text)
{
	static char copy[2 * BYTES_MAX + 64];
	uint8_t buf[BYTES_MAX];
	char *argv[ARGS_MAX], *p = copy;
	uint32_t type;
	size_t i, len;
	int argc;

	if (strlcpy(copy, text, sizeof(copy)) >= sizeof(copy))
		errx(2, "step too long");
	for (argc = 0; p != NULL && argc < ARGS_MAX; argc++)
		argv[argc] = strsep(&p, ":");
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(steps[i].name, argv[0]) == 0 && argc > steps[i].args)
			return (steps[i].run(h, argv + 1, argc - 1));
	if ((type = steps_order_type(argv[0])) == 0)
		errx(2, "%s: no such step", text);
	len = steps_order(h, type, argv + 1, argc - 1, buf, sizeof(buf));
	(void)border_write(h, buf, len, loop_now() + HOSTILE_WAIT_NS);
	return (0);
}
