/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* The engine's start and its loop. */

#include <sys/random.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/sandbox.h"
#include "common/slice.h"
#include "engine/engine.h"
#include "engine/state.h"

/* Sets of the tables, TABLE_WAYS sources or prefixes each. */
#define ENGINE_GATE_SETS  4096
#define ENGINE_LIMIT_SETS 4096
/* One message from the packet process is handled at a time. */
#define ENGINE_RX 4
/* Descriptors: 0, 1, 2 and the peers'; ppoll can't name more, either. */
#define ENGINE_NOFILE (PROC_FD_PEER_OUT + 1)

/*
 * Longer than it runs for a probe.  The packet process wakes us and looks for
 * our order right after: were it to go on first, it would find none and sleep,
 * and be woken on another processor.
 */
#define ENGINE_SLICE_NS 100000

/* How a turn's handling of one peer's messages ended. */
enum engine_drained {
	ENGINE_EMPTY = 0, /* no whole message is left */
	ENGINE_WAITS      /* there may be more; buffers are short */
};

int
engine_tables(struct engine *e, uint32_t npending, uint32_t ntraces)
{
	uint8_t secrets[3][ENGINE_SECRET];

	if (getrandom(secrets, sizeof(secrets), 0) != (ssize_t)sizeof(secrets))
		return (-1);
	e->gate = gate_new(ENGINE_GATE_SETS, secrets[0]);
	e->limit = limit_new(ENGINE_LIMIT_SETS, secrets[1]);
	e->traces = traces_new(ntraces, npending, secrets[2]);
	explicit_bzero(secrets, sizeof(secrets));
	e->pending = pending_new(npending);
	e->policy = calloc(1, sizeof(*e->policy));
	e->shadow = calloc(1, sizeof(*e->shadow));
	if (e->gate == NULL || e->limit == NULL || e->pending == NULL ||
	    e->traces == NULL || e->policy == NULL || e->shadow == NULL)
		return (-1);
	return (0);
}

int
engine_room_to_wait(struct engine *e, const struct policy_fixed *f)
{
	uint8_t secret[ENGINE_SECRET];
	size_t n;

	n = f->pending < f->queue_len ? f->pending : f->queue_len;
	n /= ENGINE_WAITING_PART;
	if (n < WAITING_MIN)
		return (0);
	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return (-1);
	e->waiting = waiting_new(n, secret);
	explicit_bzero(secret, sizeof(secret));
	return (e->waiting == NULL ? -1 : 0);
}

void
engine_free(struct engine *e)
{
	gate_free(e->gate);
	limit_free(e->limit);
	waiting_free(e->waiting);
	pending_free(e->pending);
	traces_free(e->traces);
	free(e->policy);
	free(e->shadow);
}

int
engine_open_priv(struct engine *e, int in, int out, uint32_t npending)
{
	struct imsgbuf *ib = &e->ib[ENGINE_PRIV];
	struct ibuf_pool *rx, *tx;
	uint32_t max;

	max = msg_priv_to_engine.maxsize;
	if (msg_engine_to_priv.maxsize > max)
		max = msg_engine_to_priv.maxsize;
	rx = ibuf_pool_new(ENGINE_RX, IMSG_HEADER_SIZE + max);
	/* Only orders lie here in numbers: they are much smaller. */
	tx = ibuf_pool_new((size_t)npending + ENGINE_RESERVE,
	    IMSG_HEADER_SIZE + msg_engine_to_priv.maxsize);
	if (rx == NULL || tx == NULL || imsgbuf_init_pipes(ib, in, out) == -1 ||
	    imsgbuf_set_maxsize(ib, max) == -1 ||
	    imsgbuf_set_pool(ib, tx, rx) == -1)
		return (-1);
	return (0);
}

/* May the next message of a peer be taken, with all that it may cause? */
static int
engine_room(const struct engine *e, enum engine_peer peer)
{
	return (
	    ibuf_pool_avail(e->ib[peer].txpool) > engine_border(peer)->reserve);
}

int64_t
engine_poll(const struct engine *e, struct pollfd pfds[ENGINE_SLOTS])
{
	int i;

	pfds[ENGINE_SLOT_OUT].fd = -1;
	pfds[ENGINE_SLOT_OUT].events = POLLOUT;
	pfds[ENGINE_SLOT_OUT].revents = 0;
	for (i = 0; i < ENGINE_PEERS; i++) {
		pfds[i].fd = e->ib[i].fd;
		pfds[i].events = 0;
		pfds[i].revents = 0;
		if (engine_room(e, (enum engine_peer)i))
			pfds[i].events |= POLLIN;
		if (imsgbuf_queuelen(&e->ib[i]) == 0)
			continue;
		/* A pipe to write is asked about only now: it may be broken. */
		if (i == ENGINE_PRIV)
			pfds[ENGINE_SLOT_OUT].fd = e->ib[i].wfd;
		else
			pfds[i].events |= POLLOUT;
	}
	/* A trace goes on with the next turn, once its buffers are sent. */
	if (e->monitor.busy || e->lister.busy)
		pfds[ENGINE_CONTROLLER].events |= POLLOUT;
	if (!e->lost)
		return (LOOP_FOREVER);
	pfds[ENGINE_PRIV].fd = pfds[ENGINE_SLOT_OUT].fd = -1;
	return (e->lost_at + ENGINE_GRACE_NS);
}

/*
 * A peer is gone.  Where that is the packet process, it may have been told to
 * stop just before we are.
 */
static void
engine_lost(struct engine *e, enum engine_peer peer)
{
	if (peer == ENGINE_CONTROLLER)
		fatalx(EXIT_LOST, "controller: gone");
	if (!e->lost) {
		e->lost = 1;
		e->lost_at = e->now;
	}
}

static void
engine_read(struct engine *e, enum engine_peer peer)
{
	const char *sender = engine_border(peer)->from->sender;

	switch (imsgbuf_read(&e->ib[peer])) {
	case 1:
		return;
	case 0:
		if (imsgbuf_partial(&e->ib[peer]) != 0)
			log_warnx("%s: broke off within a message", sender);
		engine_lost(e, peer);
		return;
	default:
		if (errno == ERANGE || errno == EBADMSG || errno == EMSGSIZE)
			fatal(EXIT_VIOLATION, "%s: broken stream", sender);
		log_warn("%s: read", sender);
		engine_lost(e, peer);
	}
}

static void
engine_handle(struct engine *e, enum engine_peer peer, struct imsg *imsg)
{
	const struct engine_border *b = engine_border(peer);
	const char *fault;
	char why[LOG_LINE_MAX];
	uint32_t type;
	size_t i;

	if (msg_check(b->from, imsg, e->state, why, sizeof(why)) == NULL)
		fatalx(EXIT_VIOLATION, "%s", why);
	type = imsg_get_type(imsg);
	fault = "not handled";
	for (i = 0; i < b->nhandlers; i++)
		if (b->handlers[i].type == type) {
			if (b->handlers[i].handle(e, imsg, &fault) == 0)
				return;
			break;
		}
	fatalx(EXIT_VIOLATION, "%s: %s: %s", b->from->sender, msg_name(type),
	    fault);
}

static enum engine_drained
engine_drain(struct engine *e, enum engine_peer peer)
{
	struct imsg imsg;
	int n;

	while (!e->stopped) {
		if (!engine_room(e, peer))
			return (ENGINE_WAITS);
		n = imsgbuf_get(&e->ib[peer], &imsg);
		if (n == 0)
			break;
		if (n == -1)
			fatal(EXIT_VIOLATION, "%s: broken stream",
			    engine_border(peer)->from->sender);
		engine_handle(e, peer, &imsg);
		imsg_free(&imsg);
	}
	return (ENGINE_EMPTY);
}

static void
engine_write(struct engine *e, enum engine_peer peer)
{
	struct imsgbuf *ib = &e->ib[peer];

	if ((peer == ENGINE_PRIV && e->lost) || imsgbuf_queuelen(ib) == 0)
		return;
	if (imsgbuf_write(ib) == -1)
		engine_lost(e, peer);
}

int
engine_turn(struct engine *e, const struct pollfd pfds[ENGINE_SLOTS])
{
	enum engine_drained left[ENGINE_PEERS];
	int again, i;

	/* Read both first: a STOP explains why the other one is gone. */
	for (i = 0; i < ENGINE_PEERS; i++)
		if (loop_readable(&pfds[i]) &&
		    engine_room(e, (enum engine_peer)i))
			engine_read(e, (enum engine_peer)i);
	do {
		for (i = 0; i < ENGINE_PEERS; i++)
			left[i] = engine_drain(e, (enum engine_peer)i);
		for (i = 0; i < ENGINE_PEERS; i++)
			engine_write(e, (enum engine_peer)i);
		again = 0;
		for (i = 0; i < ENGINE_PEERS; i++)
			if (left[i] == ENGINE_WAITS &&
			    engine_room(e, (enum engine_peer)i))
				again = 1;
	} while (again);
	/* Once a turn: whoever reads all the traces holds up no probe. */
	(void)monitor_fill(&e->monitor, &e->ib[ENGINE_CONTROLLER]);
	(void)lister_fill(&e->lister, &e->ib[ENGINE_CONTROLLER]);
	engine_write(e, ENGINE_CONTROLLER);

	if (!e->stopped && e->lost && e->now >= e->lost_at + ENGINE_GRACE_NS)
		fatalx(EXIT_LOST, "packet process: gone");
	return (e->stopped);
}

/* The order: what needs root, the drop, what needs files, system calls. */
static void
engine_lock(struct engine *e, const struct msg_init *init, pid_t parent)
{
	const struct sandbox_call *calls;
	struct sandbox_ids ids;
	size_t n;
	int landlock, newnet;

	ids.uid = init->uid;
	ids.gid = init->gid;
	newnet = sandbox_newnet();
	sandbox_chroot(UTURND_EMPTY_DIR);
	sandbox_drop(&ids, NULL, 0, 1, parent);
	landlock = sandbox_landlock(NULL, 0);
	sandbox_rlimits(0, ENGINE_NOFILE);
	child_log_start(&e->log, &e->ib[ENGINE_CONTROLLER]);
	calls = engine_sandbox(&n);
	sandbox_seccomp(calls, n, NULL, 0);
	log_debug("locked up: %s network namespace, Landlock ABI %d, "
		  "%zu rules of system calls",
	    newnet == 0 ? "own" : "no own", landlock, n);
}

int
engine_main(void)
{
	struct pollfd pfds[ENGINE_SLOTS];
	struct msg_init init;
	struct engine *e;
	int64_t deadline;
	pid_t parent;
	int refused;

	e = calloc(1, sizeof(*e));
	if (e == NULL)
		fatal(EXIT_START, "state");
	e->state = MSG_BOOT;
	memset(&init, 0, sizeof(init));
	parent = child_boot(&e->ib[ENGINE_CONTROLLER],
	    &msg_controller_to_engine, &msg_engine_to_controller, &init);
	log_setverbose(init.verbose);
	if (engine_tables(e, init.fixed.pending, init.traces) == -1 ||
	    engine_room_to_wait(e, &init.fixed) == -1 ||
	    engine_open_priv(
		e, PROC_FD_PEER_IN, PROC_FD_PEER_OUT, init.fixed.pending) == -1)
		fatal(EXIT_START, "tables for %u probes and %u traces",
		    init.fixed.pending, init.traces);
	place_init(&e->place);
	refused = slice_ask(ENGINE_SLICE_NS) == -1 ? errno : 0;
	engine_lock(e, &init, parent);
	if (refused != 0)
		log_debug("no short slice: %s", strerror(refused));
	e->state = MSG_READY;
	if (msg_put_empty(&e->ib[ENGINE_CONTROLLER], MSG_LOCKED, 0) == -1 ||
	    imsgbuf_write(&e->ib[ENGINE_CONTROLLER]) == -1)
		fatal(EXIT_START, "controller: LOCKED");

	do {
		deadline = engine_poll(e, pfds);
		if (loop_wait(pfds, ENGINE_SLOTS, deadline, NULL) == -1)
			fatal(EXIT_LOST, "wait");
		e->now = loop_now();
	} while (!engine_turn(e, pfds));
	_exit(EXIT_OK);
}
