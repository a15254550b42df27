/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include "common/proc.h"
#include "common/wire.h"
#include "priv/nfqueue.h"
#include "priv/verdicts.h"

/* A message: headers and attributes, some 90 bytes, and the packet. */
#define NFQ_MSG_MAX 2048
/* A verdict: two headers of 16 and 4 bytes, an attribute of 12. */
#define NFQ_VERDICT_LEN 32
/* The kernel's socket buffer: each queued packet costs it about this much. */
#define NFQ_RCVBUF_PACKET 2304
#define NFQ_RCVBUF_MAX    (16 << 20)
#define NFQ_STATS_PATH    "/proc/self/net/netfilter/nfnetlink_queue"
/* How often a proof is tried: a flood may leave no room for its answer. */
#define NFQ_PROOFS 16
/* The kernel numbers packets from 1 on. */
#define NFQ_NO_PACKET 0

struct nfqueue {
	int fd;
	int fd_stats;
	uint16_t queue;
	int refusal; /* errno of the last verdict that came back */
	struct verdicts owed;
	struct mmsghdr mmsg[NFQ_BATCH];
	struct iovec iov[NFQ_BATCH];
	uint8_t in[NFQ_BATCH][NFQ_MSG_MAX] __attribute__((aligned(8)));
	char out[VERDICTS_MAX * NFQ_VERDICT_LEN] __attribute__((aligned(8)));
};

/*
 * Sends one configuration message and waits for the kernel's word on it.
 * Configuration is acknowledged, verdicts never are.
 */
static int
nfqueue_configure(struct nfqueue *q, struct nlmsghdr *nlh)
{
	uint8_t buf[NFQ_MSG_MAX] __attribute__((aligned(8)));
	const struct nlmsgerr *err;
	struct nlmsghdr *in;
	ssize_t n;
	int len;

	nlh->nlmsg_flags |= NLM_F_ACK;
	if (send(q->fd, nlh, nlh->nlmsg_len, 0) == -1)
		return (-1);
	for (;;) {
		if ((n = recv(q->fd, buf, sizeof(buf), 0)) == -1) {
			if (errno == EINTR)
				continue;
			return (-1);
		}
		len = (int)n;
		in = (struct nlmsghdr *)(void *)buf;
		/* Packets may stand before the answer: the queue is bound. */
		for (; mnl_nlmsg_ok(in, len); in = mnl_nlmsg_next(in, &len)) {
			if (in->nlmsg_type != NLMSG_ERROR)
				continue;
			err = mnl_nlmsg_get_payload(in);
			if (mnl_nlmsg_get_payload_len(in) < sizeof(*err)) {
				errno = EBADMSG;
				return (-1);
			}
			if (err->error == 0)
				return (0);
			errno = -err->error;
			return (-1);
		}
	}
}

static int
nfqueue_bind(
    struct nfqueue *q, const struct policy_fixed *f, char *why, size_t whylen)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;

	memset(buf, 0, sizeof(buf));
	nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, f->queue);
	nfq_nlmsg_cfg_put_cmd(nlh, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	if (nfqueue_configure(q, nlh) == -1) {
		if (errno == EPERM || errno == EBUSY)
			snprintf(why, whylen,
			    "queue %u: already in use by another program "
			    "(another uturnd?), or CAP_NET_ADMIN is missing; "
			    "choose another `queue` or stop that program",
			    f->queue);
		else
			snprintf(why, whylen, "queue %u: bind: %s", f->queue,
			    strerror(errno));
		return (-1);
	}

	memset(buf, 0, sizeof(buf));
	nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, f->queue);
	nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_PACKET, WIRE_PROBE_MAX);
	nfq_nlmsg_cfg_put_qmaxlen(nlh, f->queue_len);
	/* A full queue lets packets pass instead of dropping them. */
	mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_FAIL_OPEN));
	mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(NFQA_CFG_F_FAIL_OPEN));
	if (nfqueue_configure(q, nlh) == -1) {
		snprintf(why, whylen, "queue %u: parameters: %s", f->queue,
		    strerror(errno));
		return (-1);
	}
	return (0);
}

static int
nfqueue_socket(struct nfqueue *q, const struct policy_fixed *f, int fd,
    char *why, size_t whylen)
{
	struct sockaddr_nl sa;
	struct timeval limit;
	size_t want;
	int on, s, size;

	memset(&sa, 0, sizeof(sa));
	sa.nl_family = AF_NETLINK;
	if ((s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
		 NETLINK_NETFILTER)) == -1) {
		snprintf(why, whylen, "netfilter socket: %s", strerror(errno));
		return (-1);
	}
	if ((q->fd = proc_fd_move(s, fd)) == -1) {
		snprintf(why, whylen, "netfilter socket: %s", strerror(errno));
		close(s);
		return (-1);
	}
	/* The kernel answers configuration at once; never hang at start. */
	limit.tv_sec = 5;
	limit.tv_usec = 0;
	on = 1;
	want = (size_t)f->queue_len * NFQ_RCVBUF_PACKET;
	size = (int)(want > NFQ_RCVBUF_MAX ? NFQ_RCVBUF_MAX : want);
	if (bind(q->fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    setsockopt(q->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ==
		-1 ||
	    setsockopt(
		q->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == -1 ||
	    setsockopt(q->fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on,
		sizeof(on)) == -1) {
		snprintf(why, whylen, "netfilter socket: options: %s",
		    strerror(errno));
		return (-1);
	}
	return (0);
}

struct nfqueue *
nfqueue_open(const struct policy_fixed *f, int fd, int fd_stats, char *why,
    size_t whylen)
{
	struct nfqueue *q;
	size_t i;
	int flags, s;

	if ((q = calloc(1, sizeof(*q))) == NULL) {
		snprintf(why, whylen, "queue: out of memory");
		return (NULL);
	}
	q->fd = q->fd_stats = -1;
	q->queue = f->queue;
	for (i = 0; i < NFQ_BATCH; i++) {
		q->iov[i].iov_base = q->in[i];
		q->iov[i].iov_len = sizeof(q->in[i]);
		q->mmsg[i].msg_hdr.msg_iov = &q->iov[i];
		q->mmsg[i].msg_hdr.msg_iovlen = 1;
	}
	if (nfqueue_socket(q, f, fd, why, whylen) == -1 ||
	    nfqueue_bind(q, f, why, whylen) == -1)
		goto fail;
	if ((flags = fcntl(q->fd, F_GETFL)) == -1 ||
	    fcntl(q->fd, F_SETFL, flags | O_NONBLOCK) == -1) {
		snprintf(why, whylen, "netfilter socket: %s", strerror(errno));
		goto fail;
	}
	/* 0440 root: only now, but then it can be read for ever. */
	if ((s = open(NFQ_STATS_PATH, O_RDONLY | O_CLOEXEC)) == -1 ||
	    (q->fd_stats = proc_fd_move(s, fd_stats)) == -1) {
		snprintf(
		    why, whylen, "%s: %s", NFQ_STATS_PATH, strerror(errno));
		if (s != -1)
			close(s);
		goto fail;
	}
	return (q);
fail:
	if (q->fd != -1)
		close(q->fd);
	free(q);
	return (NULL);
}

/*
 * One netlink message: a packet, or an error that came back for a verdict.
 * Returns 0, or -1 with errno when the process lost its right to the queue.
 */
static int
nfqueue_message(struct nfqueue *q, struct stats *st, const struct nlmsghdr *nlh,
    void (*take)(void *, const struct nfqueue_packet *), void *arg)
{
	struct nlattr *attr[NFQA_MAX + 1];
	const struct nfqnl_msg_packet_hdr *ph;
	const struct nlmsgerr *err;
	struct nfqueue_packet p;

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		err = mnl_nlmsg_get_payload(nlh);
		if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err) ||
		    err->error == 0)
			return (0);
		st->tally[TALLY_QUEUE_ERROR]++;
		q->refusal = -err->error;
		if (err->error == -EPERM) {
			errno = EPERM;
			return (-1);
		}
		return (0);
	}
	if (nlh->nlmsg_type != ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET))
		return (0);
	memset(attr, 0, sizeof(attr));
	if (nfq_nlmsg_parse(nlh, attr) == MNL_CB_ERROR ||
	    attr[NFQA_PACKET_HDR] == NULL ||
	    mnl_attr_get_payload_len(attr[NFQA_PACKET_HDR]) < sizeof(*ph)) {
		st->tally[TALLY_QUEUE_ERROR]++;
		return (0);
	}
	ph = mnl_attr_get_payload(attr[NFQA_PACKET_HDR]);
	memset(&p, 0, sizeof(p));
	p.id = ntohl(ph->packet_id);
	/* A rule in another hook is a mistake: no bytes, so it is passed. */
	if (ph->hook == NF_INET_LOCAL_IN && attr[NFQA_PAYLOAD] != NULL) {
		p.pkt = mnl_attr_get_payload(attr[NFQA_PAYLOAD]);
		p.caplen = mnl_attr_get_payload_len(attr[NFQA_PAYLOAD]);
	}
	take(arg, &p);
	return (0);
}

int
nfqueue_receive(struct nfqueue *q, struct stats *st,
    void (*take)(void *, const struct nfqueue_packet *), void *arg)
{
	const struct nlmsghdr *nlh;
	int i, len, n;

	if ((n = recvmmsg(q->fd, q->mmsg, NFQ_BATCH, MSG_DONTWAIT, NULL)) ==
	    -1) {
		if (errno == EAGAIN || errno == EINTR)
			return (0);
		if (errno == ENOBUFS) {
			st->tally[TALLY_QUEUE_OVERFLOW]++;
			return (0);
		}
		return (-1);
	}
	for (i = 0; i < n; i++) {
		len = (int)q->mmsg[i].msg_len;
		nlh = (const struct nlmsghdr *)(const void *)q->in[i];
		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
			if (nfqueue_message(q, st, nlh, take, arg) == -1)
				return (-1);
	}
	return (n);
}

int
nfqueue_verdict(struct nfqueue *q, uint32_t id, enum nfqueue_verdict verdict)
{
	if (q->owed.n == VERDICTS_MAX && nfqueue_flush(q) == -1)
		return (-1);
	/* The kernel takes verdicts while it handles the send: no room after
	 * it means that the socket is broken. */
	if (verdicts_add(&q->owed, id, verdict == NFQ_ACCEPT) == -1) {
		errno = ENOBUFS;
		return (-1);
	}
	return (0);
}

/* Writes one message at the given place in out; returns its length. */
static size_t
nfqueue_put(struct nfqueue *q, size_t at, int type, uint32_t id, int accept)
{
	struct nlmsghdr *nlh;

	nlh = nfq_nlmsg_put(q->out + at, type, q->queue);
	nfq_nlmsg_verdict_put(nlh, (int)id, accept ? NF_ACCEPT : NF_DROP);
	return (MNL_ALIGN(nlh->nlmsg_len));
}

static int
nfqueue_send(struct nfqueue *q, size_t len)
{
	while (send(q->fd, q->out, len, MSG_DONTWAIT) == -1) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
			return (0);
		return (-1);
	}
	q->owed.n = 0;
	return (0);
}

int
nfqueue_flush(struct nfqueue *q)
{
	size_t i, len;

	if (q->owed.n == 0)
		return (0);
	for (i = 0, len = 0; i < q->owed.n; i++)
		len += nfqueue_put(q, len, NFQNL_MSG_VERDICT, q->owed.id[i],
		    q->owed.accept[i]);
	return (nfqueue_send(q, len));
}

int
nfqueue_flush_all(struct nfqueue *q, const uint32_t *waiting)
{
	uint32_t last;

	if (!verdicts_common(&q->owed, waiting, &last))
		return (nfqueue_flush(q));
	return (nfqueue_send(q,
	    nfqueue_put(
		q, 0, NFQNL_MSG_VERDICT_BATCH, last, q->owed.accept[0])));
}

int
nfqueue_prove(struct nfqueue *q,
    void (*take)(void *, const struct nfqueue_packet *), void *arg)
{
	struct stats ours;
	int i, n;

	/* What is asked for here is not a fault to be counted. */
	memset(&ours, 0, sizeof(ours));
	q->refusal = 0;
	for (i = 0; i < NFQ_PROOFS; i++) {
		if (nfqueue_verdict(q, NFQ_NO_PACKET, NFQ_ACCEPT) == -1 ||
		    nfqueue_flush(q) == -1)
			return (-1);
		/* The kernel has answered before the send came back. */
		do {
			n = nfqueue_receive(q, &ours, take, arg);
			if (n == -1)
				return (-1);
		} while (n > 0 && q->refusal == 0);
		if (q->refusal == ENOENT)
			return (nfqueue_flush(q));
		if (q->refusal != 0) {
			errno = q->refusal;
			return (-1);
		}
	}
	errno = ETIMEDOUT;
	return (-1);
}

int
nfqueue_shut(struct nfqueue *q, struct stats *st,
    void (*take)(void *, const struct nfqueue_packet *), void *arg)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;
	int n;

	/*
	 * Always full, so every packet fails open.  The kernel does this
	 * within the send; where it refuses, less is saved, no more.
	 */
	memset(buf, 0, sizeof(buf));
	nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, q->queue);
	nfq_nlmsg_cfg_put_qmaxlen(nlh, 0);
	if (send(q->fd, nlh, nlh->nlmsg_len, MSG_DONTWAIT) == -1)
		return (-1);
	while ((n = nfqueue_receive(q, st, take, arg)) > 0)
		;
	if (n == -1)
		return (-1);
	return (nfqueue_flush(q));
}

size_t
nfqueue_owed(const struct nfqueue *q)
{
	return (q->owed.n);
}

int
nfqueue_figures(struct nfqueue *q, uint64_t *dropped, uint64_t *sequence)
{
	char buf[4096], *line, *save;
	unsigned int id, full, user, seq;
	ssize_t n;

	if ((n = pread(q->fd_stats, buf, sizeof(buf) - 1, 0)) == -1)
		return (-1);
	buf[n] = '\0';
	save = NULL;
	for (line = strtok_r(buf, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		/* number, port id, waiting, mode, range, drops, drops, id */
		if (sscanf(line, "%u %*u %*u %*u %*u %u %u %u", &id, &full,
			&user, &seq) == 4 &&
		    id == q->queue) {
			*dropped = (uint64_t)full + user;
			*sequence = seq;
			return (0);
		}
	}
	errno = ENOENT;
	return (-1);
}
