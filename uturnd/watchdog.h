/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef UTURND_WATCHDOG_H
#define UTURND_WATCHDOG_H

#include <stdint.h>

#include "common/loop.h"

/*
 * Does the engine still turn, and the packet process, and the pipe between
 * them?  A number goes out to the engine, on to the packet process, and must
 * come back.  Halfway both are asked something else, so that it shows who is
 * silent.  Pure: says what to do, sends nothing itself.
 */

#define WATCHDOG_EVERY_NS (5 * NS_PER_S)
#define WATCHDOG_ASK_NS   (5 * NS_PER_S)  /* after the ping */
#define WATCHDOG_LIMIT_NS (10 * NS_PER_S) /* after the ping */
/* We ourselves were late by so much: then nobody else had time either. */
#define WATCHDOG_LATE_NS (2 * NS_PER_S)

enum watchdog_action {
	WATCHDOG_NOTHING = 0,
	WATCHDOG_PING, /* send number to the engine */
	WATCHDOG_ASK,  /* ask both children for anything */
	WATCHDOG_HUNG  /* who has not been heard since ->asked hangs */
};

enum watchdog_state {
	WATCHDOG_OFF = 0,
	WATCHDOG_REST,
	WATCHDOG_SENT,
	WATCHDOG_ASKED
};

struct watchdog {
	enum watchdog_state state;
	uint32_t number; /* of the ping under way */
	int64_t next;    /* when watchdog_timer is due */
	int64_t asked;
};

void watchdog_init(struct watchdog *);
void watchdog_start(struct watchdog *, int64_t now);
enum watchdog_action watchdog_timer(struct watchdog *, int64_t now);
/* watchdog_pong: 0, or -1: this number was not asked for. */
int watchdog_pong(struct watchdog *, uint32_t number, int64_t now);

#endif /* UTURND_WATCHDOG_H */
