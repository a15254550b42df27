/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <string.h>

#include "uturnd/watchdog.h"

void
watchdog_init(struct watchdog *w)
{
	memset(w, 0, sizeof(*w));
	w->state = WATCHDOG_OFF;
	w->next = LOOP_FOREVER;
}

void
watchdog_start(struct watchdog *w, int64_t now)
{
	w->state = WATCHDOG_REST;
	w->next = now + WATCHDOG_EVERY_NS;
}

enum watchdog_action
watchdog_timer(struct watchdog *w, int64_t now)
{
	int64_t late;

	if (w->state == WATCHDOG_OFF || now < w->next)
		return (WATCHDOG_NOTHING);
	late = now - w->next;
	switch (w->state) {
	case WATCHDOG_OFF:
		break;
	case WATCHDOG_REST:
		w->state = WATCHDOG_SENT;
		w->number++;
		w->next = now + WATCHDOG_ASK_NS;
		return (WATCHDOG_PING);
	case WATCHDOG_SENT:
		w->state = WATCHDOG_ASKED;
		w->asked = now;
		w->next = now + WATCHDOG_LIMIT_NS - WATCHDOG_ASK_NS;
		return (WATCHDOG_ASK);
	case WATCHDOG_ASKED:
		/* The whole machine stood still: give them their time. */
		if (late >= WATCHDOG_LATE_NS) {
			w->next = now + WATCHDOG_LIMIT_NS - WATCHDOG_ASK_NS;
			return (WATCHDOG_NOTHING);
		}
		w->state = WATCHDOG_OFF;
		w->next = LOOP_FOREVER;
		return (WATCHDOG_HUNG);
	}
	return (WATCHDOG_NOTHING);
}

int
watchdog_pong(struct watchdog *w, uint32_t number, int64_t now)
{
	if ((w->state != WATCHDOG_SENT && w->state != WATCHDOG_ASKED) ||
	    number != w->number)
		return (-1);
	watchdog_start(w, now);
	return (0);
}
