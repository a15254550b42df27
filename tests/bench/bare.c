/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The yardstick: the barest reflector that the same kernel interfaces allow.
 * One process, root all the time; recvmmsg on NFQUEUE, a batch of verdicts,
 * sendmmsg on a raw socket, a packet socket for the routers' errors, and a
 * flat table.  It checks nothing, limits nothing, and trusts everybody: never
 * run it anywhere but in the bench.
 *
 *   bare -4|-6 -q QUEUE [-o]		-o: own form, else router form
 */

#include <sys/socket.h>
#include <sys/types.h>
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include "common/addr.h"
#include "common/wire.h"

#define BATCH 64
#define SNAP  2048
#define MARK  0x75000000
#define OUT   512

struct out {
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage to[BATCH];
	uint8_t pkt[BATCH][OUT];
	unsigned int n;
};

/* What is kept of a probe, by the id that the turned one bears. */
struct probe {
	uint16_t len;
	uint8_t head[128];
};

struct bare {
	int v4;
	int own;
	uint16_t queue;
	int nl, raw, cap;
	uint16_t id;
	struct out out;
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	uint8_t in[BATCH][SNAP] __attribute__((aligned(8)));
	char verdict[BATCH * 32] __attribute__((aligned(8)));
	size_t verdicts;
	struct probe table[65536];
};

static void
configure(struct bare *b, struct nlmsghdr *nlh)
{
	uint8_t buf[SNAP] __attribute__((aligned(8)));
	const struct nlmsgerr *e;
	struct nlmsghdr *in = (struct nlmsghdr *)(void *)buf;

	nlh->nlmsg_flags |= NLM_F_ACK;
	if (send(b->nl, nlh, nlh->nlmsg_len, 0) == -1)
		err(1, "netlink");
	do {
		if (recv(b->nl, buf, sizeof(buf), 0) == -1)
			err(1, "netlink");
	} while (in->nlmsg_type != NLMSG_ERROR);
	e = mnl_nlmsg_get_payload(in);
	if (e->error != 0)
		errc(1, -e->error, "queue");
}

static void
open_all(struct bare *b)
{
	char buf[256] __attribute__((aligned(8)));
	struct sock_filter code4[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WIRE_PROTO_ICMP4, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP4_TIMEX, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SNAP),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter code6[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WIRE_PROTO_ICMP6, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP6_TIMEX, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SNAP),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog;
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK };
	struct sockaddr_ll sll = { .sll_family = AF_PACKET };
	struct nlmsghdr *nlh;
	uint32_t mark = MARK;
	int on = 1, size = 8 << 20;

	b->nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
	b->raw = socket(b->v4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW);
	b->cap = socket(AF_PACKET, SOCK_DGRAM, 0);
	if (b->nl == -1 || b->raw == -1 || b->cap == -1)
		err(1, "socket");
	prog.len = 6;
	prog.filter = b->v4 ? code4 : code6;
	sll.sll_protocol = htons(b->v4 ? ETH_P_IP : ETH_P_IPV6);
	if (bind(b->nl, (struct sockaddr *)&nl, sizeof(nl)) == -1 ||
	    setsockopt(
		b->nl, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == -1 ||
	    setsockopt(b->nl, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on,
		sizeof(on)) == -1 ||
	    setsockopt(b->raw, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) ==
		-1 ||
	    setsockopt(b->raw, SOL_SOCKET, SO_SNDBUFFORCE, &size,
		sizeof(size)) == -1 ||
	    setsockopt(b->cap, SOL_SOCKET, SO_RCVBUFFORCE, &size,
		sizeof(size)) == -1 ||
	    setsockopt(b->cap, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
		sizeof(prog)) == -1 ||
	    bind(b->cap, (struct sockaddr *)&sll, sizeof(sll)) == -1)
		err(1, "socket options");
	memset(buf, 0, sizeof(buf));
	nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, b->queue);
	nfq_nlmsg_cfg_put_cmd(nlh, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	configure(b, nlh);
	memset(buf, 0, sizeof(buf));
	nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, b->queue);
	nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_PACKET, 1280);
	nfq_nlmsg_cfg_put_qmaxlen(nlh, 1024);
	mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_FAIL_OPEN));
	mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(NFQA_CFG_F_FAIL_OPEN));
	configure(b, nlh);
}

static void
flush(struct bare *b)
{
	unsigned int done;
	int n;

	for (done = 0; done < b->out.n;) {
		n = sendmmsg(b->raw, b->out.msg + done, b->out.n - done, 0);
		done += n > 0 ? (unsigned int)n : 1;
	}
	b->out.n = 0;
	if (b->verdicts > 0 && send(b->nl, b->verdict, b->verdicts, 0) == -1)
		warn("verdicts");
	b->verdicts = 0;
}

static uint8_t *
out_next(struct bare *b, const uint8_t *dst, size_t len)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&b->out.to[b->out.n];
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&b->out.to[b->out.n];
	struct mmsghdr *m = &b->out.msg[b->out.n];

	if (b->v4) {
		sin->sin_family = AF_INET;
		memcpy(&sin->sin_addr, dst, 4);
		m->msg_hdr.msg_namelen = sizeof(*sin);
	} else {
		sin6->sin6_family = AF_INET6;
		memcpy(&sin6->sin6_addr, dst, 16);
		m->msg_hdr.msg_namelen = sizeof(*sin6);
	}
	m->msg_hdr.msg_name = &b->out.to[b->out.n];
	m->msg_hdr.msg_iov = &b->out.iov[b->out.n];
	m->msg_hdr.msg_iovlen = 1;
	b->out.iov[b->out.n].iov_base = b->out.pkt[b->out.n];
	b->out.iov[b->out.n].iov_len = len;
	return (b->out.pkt[b->out.n++]);
}

/* A probe: kept, turned, dropped. */
static void
turn(struct bare *b, const uint8_t *pkt, size_t len, uint32_t packet_id)
{
	struct nlmsghdr *nlh;
	struct probe *p;
	uint8_t *o;
	size_t h = b->v4 ? WIRE_IP4_HDR : WIRE_IP6_HDR;

	if (len > OUT || len < h + WIRE_UDP_HDR)
		return;
	b->id = (uint16_t)(b->id == 0xffff ? 1 : b->id + 1);
	p = &b->table[b->id];
	p->len = (uint16_t)len;
	memcpy(p->head, pkt, len < sizeof(p->head) ? len : sizeof(p->head));
	o = out_next(b, pkt + (b->v4 ? 12 : 8), len);
	memcpy(o, pkt, len);
	if (b->v4) {
		wire_put16(o + 4, b->id);
		o[8]--;
		memcpy(o + 12, pkt + 16, 4);
		memcpy(o + 16, pkt + 12, 4);
	} else {
		o[7]--;
		memcpy(o + 8, pkt + 24, 16);
		memcpy(o + 24, pkt + 8, 16);
		/* The flow label stands in for the id. */
		wire_put16(o + 2, b->id);
	}
	memcpy(o + h, pkt + h + 2, 2);
	memcpy(o + h + 2, pkt + h, 2);
	nlh = nfq_nlmsg_put(
	    b->verdict + b->verdicts, NFQNL_MSG_VERDICT, b->queue);
	nfq_nlmsg_verdict_put(nlh, (int)packet_id, NF_DROP);
	b->verdicts += MNL_ALIGN(nlh->nlmsg_len);
}

/* A router's error: the answer to the probe that it is about. */
static void
relay(struct bare *b, const uint8_t *pkt, size_t len)
{
	const struct probe *p;
	struct addr src, dst;
	uint8_t *o;
	size_t h = b->v4 ? WIRE_IP4_HDR : WIRE_IP6_HDR, quote, total;
	uint32_t sum;

	if (len < h + 8 + h + 8)
		return;
	p = &b->table[wire_get16(pkt + h + 8 + (b->v4 ? 4 : 2))];
	if (p->len == 0)
		return;
	quote = p->len < 128 ? p->len : 128;
	memset(&src, 0, sizeof(src));
	memset(&dst, 0, sizeof(dst));
	memcpy(dst.b, p->head + (b->v4 ? 12 : 8), b->v4 ? 4 : 16);
	if (b->own)
		memcpy(src.b, p->head + (b->v4 ? 16 : 24), b->v4 ? 4 : 16);
	else
		memcpy(src.b, pkt + (b->v4 ? 12 : 8), b->v4 ? 4 : 16);
	total = h + 8 + quote;
	o = out_next(b, dst.b, total);
	memset(o, 0, h + 8);
	if (b->v4) {
		o[0] = 0x45;
		wire_put16(o + 2, (uint16_t)total);
		o[8] = 64;
		o[9] = WIRE_PROTO_ICMP4;
		memcpy(o + 12, src.b, 4);
		memcpy(o + 16, dst.b, 4);
		o[h] = ICMP4_TIMEX;
		sum = 0;
	} else {
		o[0] = 0x60;
		wire_put16(o + 4, (uint16_t)(total - h));
		o[6] = WIRE_PROTO_ICMP6;
		o[7] = 64;
		memcpy(o + 8, src.b, 16);
		memcpy(o + 24, dst.b, 16);
		o[h] = ICMP6_TIMEX;
		sum = wire_pseudo(
		    FAMILY_V6, &src, &dst, WIRE_PROTO_ICMP6, total - h);
	}
	memcpy(o + h + 8, p->head, quote);
	sum = wire_sum(sum, o + h, total - h);
	wire_put16(o + h + 2, (uint16_t)~wire_fold(sum));
}

static int
receive(struct bare *b, int fd)
{
	size_t i;
	int n;

	for (i = 0; i < BATCH; i++) {
		b->iov[i].iov_base = b->in[i];
		b->iov[i].iov_len = SNAP;
		b->msg[i].msg_hdr.msg_iov = &b->iov[i];
		b->msg[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(fd, b->msg, BATCH, MSG_DONTWAIT, NULL);
	if (n == -1 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
		err(1, "recvmmsg");
	return (n == -1 ? 0 : n);
}

static void
queue_read(struct bare *b)
{
	struct nlattr *attr[NFQA_MAX + 1];
	const struct nfqnl_msg_packet_hdr *ph;
	const struct nlmsghdr *nlh;
	int i, n;

	n = receive(b, b->nl);
	for (i = 0; i < n; i++) {
		nlh = (const struct nlmsghdr *)(const void *)b->in[i];
		if (nlh->nlmsg_type == NLMSG_ERROR)
			continue;
		memset(attr, 0, sizeof(attr));
		if (nfq_nlmsg_parse(nlh, attr) == MNL_CB_ERROR ||
		    attr[NFQA_PACKET_HDR] == NULL || attr[NFQA_PAYLOAD] == NULL)
			continue;
		ph = mnl_attr_get_payload(attr[NFQA_PACKET_HDR]);
		turn(b, mnl_attr_get_payload(attr[NFQA_PAYLOAD]),
		    mnl_attr_get_payload_len(attr[NFQA_PAYLOAD]),
		    ntohl(ph->packet_id));
	}
	flush(b);
}

int
main(int argc, char *argv[])
{
	struct pollfd pfd[2];
	struct bare *b;
	int c, i, n;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		err(1, "memory");
	b->v4 = 1;
	while ((c = getopt(argc, argv, "46oq:")) != -1)
		switch (c) {
		case '4':
		case '6':
			b->v4 = c == '4';
			break;
		case 'o':
			b->own = 1;
			break;
		case 'q':
			b->queue = (uint16_t)strtonum(optarg, 0, 65535, NULL);
			break;
		default:
			errx(2, "usage: see the top of bare.c");
		}
	open_all(b);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		pfd[0].fd = b->nl;
		pfd[1].fd = b->cap;
		pfd[0].events = pfd[1].events = POLLIN;
		if (poll(pfd, 2, -1) == -1 && errno != EINTR)
			err(1, "poll");
		if (pfd[0].revents != 0)
			queue_read(b);
		if (pfd[1].revents != 0) {
			n = receive(b, b->cap);
			for (i = 0; i < n; i++)
				relay(b, b->in[i], b->msg[i].msg_len);
			flush(b);
		}
	}
}
