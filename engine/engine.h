/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stddef.h>

#include "common/sandbox.h"

/*
 * The engine: the process without any privilege that parses what comes from
 * the network and decides what becomes of it.
 */

/*
 * engine_main: the engine's whole life, in a child that proc_start made: the
 * controller is PROC_FD_CONTROLLER.  The log, the process title and libsodium
 * are set up already.  Does not return: exits with an enum exit_code, EXIT_OK
 * after MSG_STOP.
 */
int engine_main(void) __attribute__((noreturn));

/* engine_sandbox: the system calls that are left to it, *n of them. */
const struct sandbox_call *engine_sandbox(size_t *n);

#endif /* ENGINE_ENGINE_H */
