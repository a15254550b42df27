/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "common/proc.h"
#include "priv/capture.h"

#define CAPTURE_RCVBUF (2 << 20)

struct capture {
	int fd[FAMILY_MAX];
	struct mmsghdr mmsg[CAPTURE_BATCH];
	struct iovec iov[CAPTURE_BATCH];
	uint8_t in[CAPTURE_BATCH][CAPTURE_SNAP];
	struct sock_filter insns[CAPTURE_INSNS];
};

static int
capture_attach(int fd, struct sock_filter *insns, size_t n)
{
	struct sock_fprog prog;

	prog.len = (unsigned short)n;
	prog.filter = insns;
	return (
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
}

static int
capture_one(uint16_t ethertype, int want)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sockaddr_ll sll;
	int error, fd, s, size;

	/* Protocol 0 receives nothing: no packet slips in before the
	 * filter. */
	if ((s = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		 0)) == -1)
		return (-1);
	memset(&sll, 0, sizeof(sll));
	sll.sll_family = AF_PACKET;
	sll.sll_protocol = htons(ethertype);
	size = CAPTURE_RCVBUF;
	if (capture_attach(s, &none, 1) == -1 ||
	    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ==
		-1 ||
	    bind(s, (struct sockaddr *)&sll, sizeof(sll)) == -1 ||
	    (fd = proc_fd_move(s, want)) == -1) {
		error = errno;
		close(s);
		errno = error;
		return (-1);
	}
	return (fd);
}

struct capture *
capture_open(int fd4, int fd6, char *why, size_t whylen)
{
	struct capture *c;
	size_t i;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		snprintf(why, whylen, "capture: out of memory");
		return (NULL);
	}
	for (i = 0; i < CAPTURE_BATCH; i++) {
		c->iov[i].iov_base = c->in[i];
		c->iov[i].iov_len = sizeof(c->in[i]);
		c->mmsg[i].msg_hdr.msg_iov = &c->iov[i];
		c->mmsg[i].msg_hdr.msg_iovlen = 1;
	}
	if ((c->fd[FAMILY_V4] = capture_one(ETH_P_IP, fd4)) == -1 ||
	    (c->fd[FAMILY_V6] = capture_one(ETH_P_IPV6, fd6)) == -1) {
		snprintf(why, whylen, "capture socket: %s", strerror(errno));
		if (c->fd[FAMILY_V4] != -1)
			close(c->fd[FAMILY_V4]);
		free(c);
		return (NULL);
	}
	return (c);
}

int
capture_filter(struct capture *c, const struct policy *p)
{
	enum family family;
	size_t n;

	for (family = FAMILY_V4; family < FAMILY_MAX; family++) {
		n = capture_program(p, family, c->insns, CAPTURE_INSNS);
		if (n == 0) {
			errno = E2BIG;
			return (-1);
		}
		if (capture_attach(c->fd[family], c->insns, n) == -1)
			return (-1);
	}
	return (0);
}

int
capture_receive(struct capture *c, enum family family,
    void (*take)(void *, enum family, const uint8_t *, size_t), void *arg)
{
	int i, n;

	if ((n = recvmmsg(c->fd[family], c->mmsg, CAPTURE_BATCH, MSG_DONTWAIT,
		 NULL)) == -1) {
		if (errno == EAGAIN || errno == EINTR || errno == ENETDOWN)
			return (0);
		return (-1);
	}
	for (i = 0; i < n; i++)
		take(arg, family, c->in[i], c->mmsg[i].msg_len);
	return (n);
}
