/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <asm/socket.h>

#include "common/proc.h"
#include "priv/priv.h"

#define FD(number) SANDBOX_EQ, 0, (number), 0
#define ON(call, fd, why)              \
	{                              \
		call, why,             \
		{                      \
			{              \
				FD(fd) \
			}              \
		}                      \
	}
#define PLAIN(call, why)          \
	{                         \
		call, why,        \
		{                 \
			{         \
				0 \
			}         \
		}                 \
	}
#define FILTER(fd)                                                      \
	{                                                               \
		"setsockopt", "a reload narrows or widens the capture", \
		{                                                       \
			{ FD(fd) }, { SANDBOX_EQ, 1, SOL_SOCKET, 0 },   \
			{                                               \
				SANDBOX_EQ, 2, SO_ATTACH_FILTER, 0      \
			}                                               \
		}                                                       \
	}

/*
 * Arguments behind pointers can't be looked at, so every call that carries
 * data is pinned to the descriptor that it is for.  No signal has a handler
 * here, so none returns from one.
 */
static const struct sandbox_call priv_calls[] = {
	ON("recvmsg", PROC_FD_CONTROLLER, "messages of the controller"),
	ON("sendmsg", PROC_FD_CONTROLLER, "messages to the controller"),
	ON("read", PROC_FD_PEER_IN, "orders of the engine"),
	ON("writev", PROC_FD_PEER_OUT, "probes and matches to the engine"),
	ON("recvmmsg", PRIV_FD_QUEUE, "packets of the queue"),
	ON("sendto", PRIV_FD_QUEUE, "verdicts"),
	ON("sendmmsg", PRIV_FD_RAW4, "turned probes and answers, IPv4"),
	ON("sendmmsg", PRIV_FD_RAW6, "turned probes and answers, IPv6"),
	ON("pread64", PRIV_FD_FIGURES, "the kernel's figures of the queue"),
	FILTER(PRIV_FD_CAPTURE4),
	FILTER(PRIV_FD_CAPTURE6),
	PLAIN("ppoll", "the wait of the loop"),
	PLAIN("clock_gettime", "where the vDSO has no fast clock"),
	PLAIN("exit_group", "the end"),
};

const struct sandbox_call *
priv_sandbox(size_t *n)
{
	*n = sizeof(priv_calls) / sizeof(priv_calls[0]);
	return (priv_calls);
}
