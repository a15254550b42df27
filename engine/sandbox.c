/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "common/proc.h"
#include "engine/engine.h"

/* One call, bound to one descriptor (or to itself): its first argument. */
#define SANDBOX_ON(call, fd, reason)                       \
	{                                                  \
		.name = (call), .why = (reason), .args = { \
			{ SANDBOX_EQ, 0, (fd), 0 }         \
		}                                          \
	}
#define SANDBOX_ANY(call, reason)               \
	{                                       \
		.name = (call), .why = (reason) \
	}

/*
 * No signal has a handler here, so none returns from one, and a ppoll that was
 * stopped and continued is simply made again (restart_syscall is for calls of
 * other kinds).  Nothing is allocated, opened or closed any more, and an abort
 * is meant to end as a violation of this very filter.
 */
static const struct sandbox_call engine_calls[] = {
	SANDBOX_ON("recvmsg", PROC_FD_CONTROLLER,
	    "configuration and requests of the controller"),
	SANDBOX_ON("sendmsg", PROC_FD_CONTROLLER,
	    "answers and log lines to the controller"),
	SANDBOX_ON("read", PROC_FD_PEER_IN,
	    "probes and matches of the packet process"),
	SANDBOX_ON("writev", PROC_FD_PEER_OUT, "orders to the packet process"),
	SANDBOX_ON("sched_setaffinity", 0, "where it runs itself"),
	SANDBOX_ANY("ppoll", "the loop waits in it"),
	SANDBOX_ANY("clock_gettime", "time, where the vDSO can't tell it"),
	SANDBOX_ANY("exit_group", "the end"),
};

const struct sandbox_call *
engine_sandbox(size_t *n)
{
	*n = sizeof(engine_calls) / sizeof(engine_calls[0]);
	return (engine_calls);
}
