/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The hostile engine: the input is what it says, and what the network does
 * meanwhile.  The oracles are the invariants of DESIGN section 3; see
 * bench.h.  After a violation, which would end the daemon, the engine may go
 * on trying here: nothing may have changed.
 */

#include <string.h>

#include "tests/fuzz/bench.h"

#define ORDERS_STEPS 1000

/* A probe's id as the engine knows it, or one that it made up. */
static struct msg_id
orders_id(struct bench *b, struct fuzz_in *in)
{
	struct msg_id id = { 0, 1 };
	uint8_t how = fuzz_u8(in);

	if (how >= 0xf0 || b->nprobes == 0) {
		id.slot = fuzz_u8(in);
		id.gen = fuzz_u8(in);
		/* The ends of the numbers, too. */
		if (how & 0x01)
			id.slot = UINT32_MAX - id.slot;
		if (how & 0x02)
			id.gen = UINT32_MAX - id.gen;
		return (id);
	}
	return (b->probes[b->nprobes - 1 - how % b->nprobes].id);
}

static void
orders_give(struct bench *b, uint32_t type, const void *p, size_t len)
{
	struct imsg imsg;
	char why[160];

	fuzz_imsg(&imsg, type, 0, p, len);
	if (msg_check(&msg_engine_to_priv, &imsg, MSG_RUN, why, sizeof(why)) !=
		NULL &&
	    type != MSG_PING_ON)
		(void)bench_order(b, &imsg);
	imsg_free(&imsg);
}

static void
orders_order(struct bench *b, struct fuzz_in *in, uint8_t how)
{
	static const uint32_t types[] = { MSG_PASS, MSG_DROP, MSG_INFLECT,
		MSG_TURN, MSG_ANSWER, MSG_FINAL, MSG_TURN, MSG_ANSWER };
	uint8_t p[11 + EXT_FOREIGN_MAX];
	uint32_t type = types[how % 8];
	struct msg_id id = orders_id(b, in);
	uint8_t own = 0, router = 0;
	size_t objlen;

	memcpy(p, &id, sizeof(id));
	p[8] = how >> 3 & 0x0f;
	if (type == MSG_TURN) {
		p[8] |= how & MSG_TURN_AHEAD;
		orders_give(b, type, p, sizeof(id) + 1);
		return;
	}
	if (type != MSG_ANSWER) {
		orders_give(b, type, p, sizeof(id));
		return;
	}
	if (how & 0x80) {
		own = fuzz_u8(in) % 17 * 4;
		router = fuzz_u8(in) % 17 * 4;
	}
	p[9] = own;
	p[10] = router;
	objlen = own > router ? own : router;
	fuzz_bytes(in, p + 11, objlen);
	orders_give(b, type, p, 11 + objlen);
}

/* Anything at all. */
static void
orders_raw(struct bench *b, struct fuzz_in *in)
{
	uint32_t type = MSG_PASS + fuzz_u8(in) % 12;
	const uint8_t *p;
	size_t len, got;

	len = fuzz_u8(in);
	p = fuzz_take(in, len, &got);
	orders_give(b, type, p, got);
}

/* Many probes that pass: so that slots are used again. */
static void
orders_many(struct bench *b, unsigned int n)
{
	static const uint8_t how[] = { 0, 1, 3, 0 };
	struct fuzz_in in;
	struct bench_probe *s;

	while (n-- > 0) {
		in.p = how;
		in.len = sizeof(how);
		if ((s = bench_hand_up(b, &in)) == NULL)
			return;
		orders_give(b, MSG_PASS, &s->id, sizeof(s->id));
	}
}

static void
orders_step(struct bench *b, struct fuzz_in *in)
{
	uint8_t op = fuzz_u8(in);

	switch (op % 8) {
	case 0:
		(void)bench_hand_up(b, in);
		break;
	case 1:
	case 2:
		orders_order(b, in, fuzz_u8(in));
		break;
	case 3:
		bench_capture(b, in);
		break;
	case 4:
		bench_time(b, (op >> 3 & 0x0f) * 50 * BENCH_MS, op >> 7);
		break;
	case 5:
		bench_send(b, fuzz_u8(in) * 0x01010101U);
		break;
	case 6:
		orders_raw(b, in);
		break;
	case 7:
		if (op & 0x80)
			bench_reload(b, op >> 3 & 3);
		else
			orders_many(b, op >> 3);
		break;
	}
	fuzz_drain(b->up);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct bench b;
	int steps;

	fuzz_quiet();
	bench_begin(&b);
	for (steps = 0; in.len > 0 && steps < ORDERS_STEPS; steps++)
		orders_step(&b, &in);
	bench_end(&b);
	return (0);
}
