/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include <poll.h>
#include <stdint.h>

#include "common/child.h"
#include "common/imsg.h"
#include "common/msg.h"
#include "common/place.h"
#include "common/policy.h"
#include "common/stats.h"
#include "engine/deny.h"
#include "engine/gate.h"
#include "engine/limit.h"
#include "engine/lister.h"
#include "engine/monitor.h"
#include "engine/note.h"
#include "engine/pending.h"
#include "engine/traces.h"
#include "engine/waiting.h"

/* The engine's whole state, and its parts; for engine/ and its tests only. */

/* Buffers that a turn of the loop leaves to pings and answers. */
#define ENGINE_RESERVE 8
/* Bytes of a table's secret. */
#define ENGINE_SECRET 16
/* The part of the records, and of the kernel's queue, that may wait. */
#define ENGINE_WAITING_PART 4

enum engine_peer {
	ENGINE_CONTROLLER = 0,
	ENGINE_PRIV,
	ENGINE_PEERS
};
/* What is waited for: each peer, and the pipe to write to the last one. */
#define ENGINE_SLOT_OUT ENGINE_PEERS
#define ENGINE_SLOTS    (ENGINE_PEERS + 1)

struct engine;
struct engine_handler {
	uint32_t type;
	/* 0, or -1 with *why set: a violation by the sender. */
	int (*handle)(struct engine *, struct imsg *, const char **why);
};

/* One border, seen from here. */
struct engine_border {
	const struct msg_border *from;
	const struct engine_handler *handlers;
	size_t nhandlers;
	size_t reserve; /* buffers that must be free for the next message */
};

struct engine {
	struct imsgbuf ib[ENGINE_PEERS];
	enum msg_state state;
	int stopped;     /* STOP was received */
	int lost;        /* the packet process is gone */
	int64_t lost_at; /* since then, ns */
	int64_t now;     /* of this turn of the loop, ns */
	struct child_log log;
	struct place place;
	struct stats stats;

	struct policy *policy; /* in force */
	struct policy *shadow; /* staged, or being so */
	uint32_t stage;        /* of msg_get_policy */
	uint32_t staged;       /* generation of a whole shadow, or 0 */

	struct gate *gate;
	struct limit *limit;
	struct waiting *waiting; /* NULL: nobody waits */
	struct pending *pending;
	struct traces *traces; /* by note_traces only */
	struct note note;
	struct monitor monitor;
	struct lister lister;
	struct deny deny;
};

/* After the packet process is gone, a STOP may still come this long, ns. */
#define ENGINE_GRACE_NS 300000000LL

/*
 * engine_tables: allocates all tables, for npending records and ntraces traces
 * (0: none is ever noted), with secret keys from getrandom(2).  Returns 0, or
 * -1 with errno; what was made before stays for engine_free.
 */
int engine_tables(struct engine *, uint32_t npending, uint32_t ntraces);
/*
 * engine_room_to_wait: the waiting room, as large as records and queue allow:
 * who waits holds one of each.  Returns 0 (also where they are too short for
 * any), or -1 with errno.
 */
int engine_room_to_wait(struct engine *, const struct policy_fixed *);
/*
 * engine_open_priv: the border with the packet process, two pipes, with buffers
 * for npending orders.  Returns 0, or -1 with errno.
 */
int engine_open_priv(struct engine *, int in, int out, uint32_t npending);
/* engine_free: the tables; for tests. */
void engine_free(struct engine *);

/*
 * engine_poll: what to wait for, and returns until when (ns).
 * engine_turn: one turn of the loop, after a wait: reads once from each peer
 * that is ready, handles all messages as far as there are buffers for what
 * they cause, writes what is queued.  Returns 1 once STOP was received, else
 * 0.  Fatal if a peer is lost or breaks its rules.
 */
int64_t engine_poll(const struct engine *, struct pollfd pfds[ENGINE_SLOTS]);
int engine_turn(struct engine *, const struct pollfd pfds[ENGINE_SLOTS]);

/* engine_border: what is taken from a peer. */
const struct engine_border *engine_border(enum engine_peer);

#endif /* ENGINE_STATE_H */
