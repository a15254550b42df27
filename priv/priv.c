/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/random.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/sandbox.h"
#include "priv/priv.h"
#include "priv/state.h"

/*
 * Buffers towards the engine: some batches of probes, and matches beside
 * them.  What comes back is handled one message at a time.
 */
#define PRIV_TX 1024
#define PRIV_RX 4
/* Exchanges with the engine in one turn: the probe's, the match's. */
#define PRIV_ROUNDS 2

enum priv_slot {
	SLOT_CONTROLLER = 0,
	SLOT_ENGINE,
	SLOT_ENGINE_OUT,
	SLOT_QUEUE,
	SLOT_CAPTURE4,
	SLOT_CAPTURE6,
	SLOT_MAX
};

static void priv_loop(struct priv *) __attribute__((noreturn));

static void
priv_verdict(void *arg, uint32_t packet_id, int accept)
{
	struct priv *p = arg;

	if (nfqueue_verdict(
		p->queue, packet_id, accept ? NFQ_ACCEPT : NFQ_DROP) == -1) {
		/* No priv_end: it would give verdicts, too. */
		log_warn("queue: verdict");
		(void)imsgbuf_write(&p->controller);
		_exit(EXIT_LOST);
	}
}

void
priv_flush(struct priv *p)
{
	rawsock_send(p->raw, &p->outbox);
	orders_sent(&p->orders);
}

void
priv_end(struct priv *p, int code)
{
	struct record *rec;

	/* Every deadline lies before this one: all that are pending. */
	if (p->records != NULL && p->queue != NULL) {
		while ((rec = records_due(
			    p->records, RECORD_Q_ORDER, INT64_MAX)) != NULL)
			orders_pass(&p->orders, rec);
		priv_flush(p);
		if (nfqueue_flush(p->queue) == -1 || priv_queue_shut(p) == -1)
			log_warn("queue: last verdicts");
	}
	/* The controller may be gone, too: then nobody reads the last line. */
	(void)imsgbuf_write(&p->controller);
	_exit(code);
}

void
priv_violation(struct priv *p, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_warnx("border violation: %s", line);
	priv_end(p, EXIT_VIOLATION);
}

/* All that only root may open; then what needs memory. */
static void
priv_open(struct priv *p, const struct msg_init *init)
{
	uint8_t keys[3][16];
	char why[256];

	p->queue = nfqueue_open(
	    &init->fixed, PRIV_FD_QUEUE, PRIV_FD_FIGURES, why, sizeof(why));
	if (p->queue == NULL)
		fatalx(EXIT_START, "%s", why);
	p->raw = rawsock_open(
	    PRIV_FD_RAW4, PRIV_FD_RAW6, init->fixed.mark, why, sizeof(why));
	if (p->raw == NULL)
		fatalx(EXIT_START, "%s", why);
	p->capture =
	    capture_open(PRIV_FD_CAPTURE4, PRIV_FD_CAPTURE6, why, sizeof(why));
	if (p->capture == NULL)
		fatalx(EXIT_START, "%s", why);

	if (getrandom(keys, sizeof(keys), 0) != (ssize_t)sizeof(keys))
		fatal(EXIT_START, "random keys");
	memcpy(p->orders.key, keys[0], sizeof(p->orders.key));
	p->records = records_new(init->fixed.pending, keys[1]);
	p->orders.ipid = ipid_new(keys[2]);
	p->policy = calloc(1, sizeof(*p->policy));
	p->shadow = calloc(1, sizeof(*p->shadow));
	explicit_bzero(keys, sizeof(keys));
	if (p->records == NULL || p->orders.ipid == NULL || p->policy == NULL ||
	    p->shadow == NULL)
		fatalx(EXIT_START, "%u records: out of memory",
		    init->fixed.pending);
	p->orders.records = p->records;
	p->orders.policy = p->policy;
	p->orders.stats = &p->stats;
	p->orders.out = &p->outbox;
	p->orders.verdict = priv_verdict;
	p->orders.arg = p;
}

static void
priv_borders(struct priv *p)
{
	uint32_t max;

	max = msg_priv_to_engine.maxsize;
	if (msg_engine_to_priv.maxsize > max)
		max = msg_engine_to_priv.maxsize;
	p->to_engine = ibuf_pool_new(PRIV_TX, IMSG_HEADER_SIZE + max);
	p->from_engine = ibuf_pool_new(PRIV_RX, IMSG_HEADER_SIZE + max);
	if (p->to_engine == NULL || p->from_engine == NULL ||
	    imsgbuf_init_pipes(&p->engine, PROC_FD_PEER_IN, PROC_FD_PEER_OUT) ==
		-1 ||
	    imsgbuf_set_maxsize(&p->engine, max) == -1 ||
	    imsgbuf_set_pool(&p->engine, p->to_engine, p->from_engine) == -1)
		fatal(EXIT_START, "engine: buffers");
}

/*
 * The order matters: root's folder check and chroot first, ids and
 * capabilities next, system calls last.
 */
static void
priv_lock_up(struct priv *p, const struct msg_init *init, pid_t parent)
{
	static const int keep[] = { CAP_NET_ADMIN };
	struct sandbox_ids ids;
	const struct sandbox_call *calls;
	size_t n;

	ids.uid = init->uid;
	ids.gid = init->gid;
	sandbox_chroot(UTURND_EMPTY_DIR);
	/* Without it no verdict is taken: the kernel checks the sender of
	 * each one. */
	sandbox_drop(&ids, keep, 1, 1, parent);
	sandbox_landlock(NULL, 0);
	sandbox_rlimits(0, PRIV_FD_MAX);
	calls = priv_sandbox(&n);
	sandbox_seccomp(calls, n, NULL, 0);
	child_log_start(&p->log, &p->controller);
}

static void
priv_poll_set(struct pollfd *pfd, int fd, const struct imsgbuf *ib)
{
	pfd->fd = fd;
	pfd->events = POLLIN;
	pfd->revents = 0;
	if (ib != NULL && imsgbuf_queuelen(ib) > 0)
		pfd->events |= POLLOUT;
}

static void
priv_engine_write(struct priv *p)
{
	/* EPIPE: the next read finds the end and says so. */
	if (imsgbuf_queuelen(&p->engine) > 0 &&
	    imsgbuf_write(&p->engine) == -1 && errno != EPIPE)
		priv_violation(p, "engine: write: %s", strerror(errno));
}

/* Where it has to decide the engine is first: it does while we go on. */
static void
priv_write(struct priv *p)
{
	const struct record *oldest;

	if (p->asked)
		priv_engine_write(p);
	p->asked = 0;
	priv_flush(p);
	oldest = records_due(p->records, RECORD_Q_ORDER, INT64_MAX);
	if (nfqueue_flush_all(
		p->queue, oldest == NULL ? NULL : &oldest->packet_id) == -1) {
		log_warn("queue: verdicts");
		(void)imsgbuf_write(&p->controller);
		_exit(EXIT_LOST);
	}
	priv_engine_write(p);
	if (imsgbuf_queuelen(&p->controller) > 0 &&
	    imsgbuf_write(&p->controller) == -1 && errno != EPIPE)
		priv_violation(p, "controller: write: %s", strerror(errno));
}

/* After all that was urgent: is this still the place to be? */
static void
priv_share(struct priv *p)
{
	if (p->taken == 0 || p->state != MSG_RUN || p->paused ||
	    !share_turn(&p->share, p->taken, p->here, p->now))
		return;
	/* No buffer: the engine stays where it is until the next change. */
	if (msg_put_u32(&p->engine, MSG_PLACE, 0, p->share.cpu) == -1)
		p->stats.tally[TALLY_BUSY]++;
}

static int64_t
priv_deadline(struct priv *p)
{
	/* A netlink socket that is full for the moment: soon again. */
	if (nfqueue_owed(p->queue) > 0)
		return (p->now + NS_PER_MS);
	return (records_next_due(p->records));
}

/*
 * What was not sent yet can't have met anything: so the outbox first.  A
 * router on this very host has answered before the send comes back; to look
 * for that at once saves a wait.  pfds NULL: nothing was waited for.
 */
static void
priv_network(struct priv *p, const struct pollfd *pfds)
{
	static const enum priv_slot slots[FAMILY_MAX] = { SLOT_CAPTURE4,
		SLOT_CAPTURE6 };
	enum family family;
	int look[FAMILY_MAX];
	size_t i;

	for (family = FAMILY_V4; family < FAMILY_MAX; family++)
		look[family] =
		    pfds != NULL && loop_readable(&pfds[slots[family]]);
	for (i = 0; i < p->outbox.n; i++)
		if (p->outbox.pkt[i].kind == OUT_TURN ||
		    p->outbox.pkt[i].kind == OUT_ASKED)
			look[p->outbox.pkt[i].family] = 1;
	if (p->outbox.n > 0) {
		priv_flush(p);
		/* Else a router would seem to have answered in no time. */
		p->now = loop_now();
	}
	for (family = FAMILY_V4; family < FAMILY_MAX; family++)
		if (look[family])
			priv_capture_read(p, family);
	if (pfds != NULL && loop_readable(&pfds[SLOT_QUEUE]))
		priv_queue_read(p);
}

/*
 * On a processor that is shared the engine has run, and its orders are there,
 * when the call that woke it comes back.
 */
static void
priv_exchange(struct priv *p)
{
	int i;

	for (i = 0; i < PRIV_ROUNDS && p->share.cpu == p->here && p->asked;
	     i++) {
		p->asked = 0;
		priv_engine_write(p);
		priv_engine_read(p);
		priv_network(p, NULL);
	}
}

static void
priv_loop(struct priv *p)
{
	struct pollfd pfds[SLOT_MAX];

	for (;;) {
		priv_poll_set(
		    &pfds[SLOT_CONTROLLER], PROC_FD_CONTROLLER, &p->controller);
		priv_poll_set(&pfds[SLOT_ENGINE], PROC_FD_PEER_IN, NULL);
		/* Asked about only while something is to be written. */
		priv_poll_set(&pfds[SLOT_ENGINE_OUT],
		    imsgbuf_queuelen(&p->engine) > 0 ? PROC_FD_PEER_OUT : -1,
		    &p->engine);
		priv_poll_set(&pfds[SLOT_QUEUE], PRIV_FD_QUEUE, NULL);
		priv_poll_set(&pfds[SLOT_CAPTURE4], PRIV_FD_CAPTURE4, NULL);
		priv_poll_set(&pfds[SLOT_CAPTURE6], PRIV_FD_CAPTURE6, NULL);
		if (loop_wait(pfds, SLOT_MAX, priv_deadline(p), NULL) == -1) {
			log_warn("wait");
			priv_end(p, EXIT_LOST);
		}
		p->now = loop_now();
		p->here = place_here();
		if (loop_readable(&pfds[SLOT_CONTROLLER]))
			priv_controller_read(p);
		if (p->stopping)
			priv_end(p, EXIT_OK);
		/* Orders first: they free records for what follows. */
		if (loop_readable(&pfds[SLOT_ENGINE]))
			priv_engine_read(p);
		/* A socket of no interface has no errors of its own. */
		if (((pfds[SLOT_CAPTURE4].revents |
			 pfds[SLOT_CAPTURE6].revents) &
			(POLLERR | POLLHUP | POLLNVAL)) != 0) {
			log_warnx("capture: broken socket");
			priv_end(p, EXIT_LOST);
		}
		p->taken = 0;
		priv_network(p, pfds);
		priv_exchange(p);
		priv_expire(p);
		priv_write(p);
		priv_share(p);
	}
}

int
priv_main(void)
{
	struct msg_init init;
	struct priv *p;
	pid_t parent;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal(EXIT_START, "state");
	p->state = MSG_BOOT;
	memset(&init, 0, sizeof(init));
	parent = child_boot(&p->controller, &msg_controller_to_priv,
	    &msg_priv_to_controller, &init);
	log_setverbose(init.verbose);
	priv_open(p, &init);
	priv_borders(p);
	share_init(&p->share);
	priv_lock_up(p, &init, parent);
	p->state = MSG_READY;
	p->now = loop_now();
	priv_queue_prove(p);
	if (msg_put_empty(&p->controller, MSG_LOCKED, 0) == -1 ||
	    imsgbuf_write(&p->controller) == -1)
		fatal(EXIT_START, "controller: LOCKED");
	priv_loop(p);
}
