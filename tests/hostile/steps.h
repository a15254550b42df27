/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef STEPS_H
#define STEPS_H

#include "hostile.h"

#define BYTES_MAX 32768

/* Numbers in a step's arguments; they end the program if they are none. */
uint32_t steps_number(const char *);
int64_t steps_deadline(const char *ms);
/* steps_order_type: by its name in a step, 0: there is none. */
uint32_t steps_order_type(const char *);
/*
 * steps_order: an order for the present id, whole or not: TURN takes what it
 * says ahead (0); ANSWER takes flags, the lengths of objects that it claims for
 * own form and for router form (the same), and the length that it has (the
 * longer).
 */
size_t steps_order(const struct hostile *, uint32_t type, char *argv[],
    int argc, uint8_t *buf, size_t size);

/* steps_bytes.c, steps_process.c: what a step does; 0, or -1: too late. */
int step_raw(struct hostile *, char *[], int);
int step_slow(struct hostile *, char *[], int);
int step_flood(struct hostile *, char *[], int);
int step_descriptors(struct hostile *, char *[], int);
int step_fds(struct hostile *, char *[], int);
int step_rss(struct hostile *, char *[], int);
int step_stop(struct hostile *, char *[], int);
int step_cont(struct hostile *, char *[], int);

#endif /* STEPS_H */
