/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_NFQUEUE_H
#define PRIV_NFQUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/policy.h"
#include "common/stats.h"

/*
 * The kernel's packet queue (NFQUEUE), by libnetfilter_queue's message
 * helpers on a netlink socket of our own.
 */

/* Packets taken per call. */
#define NFQ_BATCH 64

enum nfqueue_verdict {
	NFQ_DROP = 0,
	NFQ_ACCEPT = 1
};

struct nfqueue;

/*
 * nfqueue_open: binds the queue of f, copy range WIRE_PROBE_MAX bytes,
 * fail-open, f->queue_len packets, NETLINK_NO_ENOBUFS, and opens the kernel's
 * figures
 * (/proc/self/net/netfilter/nfnetlink_queue) as fd_stats; the socket becomes
 * fd.  Both numbers are fixed, for the system call filter.  Returns NULL with
 * a sentence in why.
 */
struct nfqueue *nfqueue_open(const struct policy_fixed *f, int fd, int fd_stats,
    char *why, size_t whylen);

/*
 * What nfqueue_receive hands to its caller: one packet of the queue, from its
 * IP header.  id names it for the verdict that is now owed.  pkt is valid
 * during the call only.
 */
struct nfqueue_packet {
	uint32_t id;
	const uint8_t *pkt;
	size_t caplen;
};
/*
 * nfqueue_receive: takes what is there, up to NFQ_BATCH messages, without
 * blocking, and calls take for each packet.  Errors that came back for
 * verdicts are counted in st (TALLY_QUEUE_ERROR), a full socket in
 * TALLY_QUEUE_OVERFLOW.  Returns the number of messages, or -1 with errno when
 * the socket is lost (EPERM: the capability is gone).
 */
int nfqueue_receive(struct nfqueue *, struct stats *st,
    void (*take)(void *arg, const struct nfqueue_packet *), void *arg);

/*
 * nfqueue_verdict: adds a verdict to the batch; a full batch is sent first.
 * nfqueue_flush: sends the batch.  A verdict that the socket does not take for
 * the moment stays for the next flush; nfqueue_owed tells how many there are.
 * nfqueue_flush_all: the same, as one verdict for all of them where that is
 * right (priv/verdicts.h): every packet that was taken has had its verdict but
 * for some of which *waiting is the oldest (NULL: there is none).
 * All return 0, or -1 with errno when the socket is lost.
 */
int nfqueue_verdict(struct nfqueue *, uint32_t id, enum nfqueue_verdict);
int nfqueue_flush(struct nfqueue *);
int nfqueue_flush_all(struct nfqueue *, const uint32_t *waiting);
size_t nfqueue_owed(const struct nfqueue *);

/*
 * nfqueue_prove: shows that the kernel takes this process's verdicts: one for a
 * packet that there is not must come back as unknown (ENOENT), not as forbidden
 * (EPERM).  To be called after the drop and before the first probe is handled;
 * packets that are there already are given to take.  Returns 0, or -1 with
 * errno (ETIMEDOUT: no answer).
 */
int nfqueue_prove(struct nfqueue *,
    void (*take)(void *arg, const struct nfqueue_packet *), void *arg);

/*
 * nfqueue_shut: before the end, as the kernel drops what a queue holds when it
 * is closed: new packets go past the queue from now on, and those that wait in
 * it are given to take, whose verdicts are sent.  Returns 0, or -1 with errno.
 */
int nfqueue_shut(struct nfqueue *, struct stats *,
    void (*take)(void *arg, const struct nfqueue_packet *), void *arg);

/*
 * nfqueue_figures: the kernel's own figures of the queue: packets dropped (both
 * columns; 0 under fail-open even where packets went past us: see
 * uturnctl(8)) and the id sequence, which is the number of packets queued.
 * Returns 0, or -1 when they can't be read.
 */
int nfqueue_figures(struct nfqueue *, uint64_t *dropped, uint64_t *sequence);

#endif /* PRIV_NFQUEUE_H */
