/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Both honest sides at once, the input being the network, the clock, the
 * reloads and how far messages lie in the pipes: neither ever takes the other
 * for one that breaks the rules.  All oracles of bench.h hold, too.
 */

#include <string.h>

#include "tests/fuzz/bench.h"
#include "tests/fuzz/brain.h"

#define PAIR_STEPS 1000

/* The engine takes up to n messages. */
static void
pair_up(struct bench *b, struct engine *e, unsigned int n)
{
	struct imsg imsg;

	e->now = b->now;
	while (n-- > 0 && fuzz_dequeue(b->up, &imsg)) {
		FUZZ_CHECK(brain_take(e, ENGINE_PRIV, &imsg) == 0);
		imsg_free(&imsg);
	}
}

/* The packet process takes up to n orders. */
static void
pair_down(struct bench *b, struct engine *e, unsigned int n)
{
	struct imsg imsg;
	char why[160];

	while (n-- > 0 && fuzz_dequeue(&e->ib[ENGINE_PRIV], &imsg)) {
		FUZZ_CHECK(msg_check(&msg_engine_to_priv, &imsg, MSG_RUN, why,
			       sizeof(why)) != NULL);
		if (bench_order(b, &imsg) != 0)
			fuzz_fail(__FILE__, __LINE__, b->why);
		imsg_free(&imsg);
	}
}

/* What is on its way arrives. */
static void
pair_settle(struct bench *b, struct engine *e)
{
	pair_up(b, e, UINT32_MAX);
	pair_down(b, e, UINT32_MAX);
}

static void
pair_step(struct bench *b, struct engine *e, struct fuzz_in *in)
{
	uint8_t op = fuzz_u8(in);
	unsigned int which;

	switch (op & 0x07) {
	case 0:
	case 1:
		(void)bench_hand_up(b, in);
		if (op & 0x80)
			pair_settle(b, e);
		break;
	case 2:
		bench_capture(b, in);
		if (op & 0x80)
			pair_settle(b, e);
		break;
	case 3:
		bench_time(b, (op >> 3 & 0x0f) * 50 * BENCH_MS, op >> 7);
		break;
	case 4:
		pair_up(b, e, op >> 3);
		break;
	case 5:
		pair_down(b, e, op >> 3);
		break;
	case 6:
		bench_send(b, fuzz_u8(in) * 0x01010101U);
		break;
	case 7:
		/* One after the other, with anything in between. */
		which = (op >> 3 & 1) + (op >> 4 & 2);
		if (op & 0x10)
			bench_reload(b, which);
		else
			brain_policy(e, bench_policy(which));
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct engine e;
	struct bench b;
	int steps;

	fuzz_quiet();
	bench_begin(&b);
	brain_begin(&e, b.policy, b.now);
	for (steps = 0; in.len > 0 && steps < PAIR_STEPS; steps++)
		pair_step(&b, &e, &in);
	pair_settle(&b, &e);
	bench_end(&b);
	brain_end(&e);
	return (0);
}
