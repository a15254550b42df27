/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/filter.h>

#include "common/proc.h"
#include "priv/rawsock.h"

#define RAWSOCK_SNDBUF (4 << 20)

union rawsock_control {
	struct cmsghdr align;
	uint8_t v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	uint8_t v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct rawsock {
	int fd[FAMILY_MAX];
	/* one batch */
	struct mmsghdr mmsg[OUTBOX_MAX];
	struct iovec iov[OUTBOX_MAX];
	union rawsock_control control[OUTBOX_MAX];
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to[OUTBOX_MAX];
	struct outbox_packet *pkt[OUTBOX_MAX];
};

/*
 * A raw socket also receives (protocol 255 is delivered to it): one locked
 * instruction drops everything.
 */
static int
rawsock_deafen(int fd)
{
	struct sock_filter insn = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &insn };
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ==
	    -1)
		return (-1);
	return (setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)));
}

static int
rawsock_one(int domain, int want, uint32_t mark, char *why, size_t whylen)
{
	const char *name;
	int fd, s, size;

	name = domain == AF_INET ? "IPv4" : "IPv6";
	if ((s = socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		 IPPROTO_RAW)) == -1) {
		if (domain == AF_INET6 && errno == EAFNOSUPPORT)
			return (-1);
		snprintf(
		    why, whylen, "%s raw socket: %s", name, strerror(errno));
		return (-2);
	}
	size = RAWSOCK_SNDBUF;
	if (rawsock_deafen(s) == -1 ||
	    setsockopt(s, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) == -1 ||
	    setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ==
		-1 ||
	    (fd = proc_fd_move(s, want)) == -1) {
		snprintf(why, whylen, "%s raw socket: options: %s", name,
		    strerror(errno));
		close(s);
		return (-2);
	}
	return (fd);
}

struct rawsock *
rawsock_open(int fd4, int fd6, uint32_t mark, char *why, size_t whylen)
{
	struct rawsock *rs;

	if ((rs = calloc(1, sizeof(*rs))) == NULL) {
		snprintf(why, whylen, "raw sockets: out of memory");
		return (NULL);
	}
	rs->fd[FAMILY_V4] = rawsock_one(AF_INET, fd4, mark, why, whylen);
	rs->fd[FAMILY_V6] = rs->fd[FAMILY_V4] == -2
	    ? -2
	    : rawsock_one(AF_INET6, fd6, mark, why, whylen);
	if (rs->fd[FAMILY_V4] == -2 || rs->fd[FAMILY_V6] == -2) {
		free(rs);
		return (NULL);
	}
	return (rs);
}

/*
 * The header's source takes no part in routing, so a source-based rule would
 * be missed: the packet info names the listen address for it.
 */
static void
rawsock_address4(struct rawsock *rs, size_t i, const struct outbox_packet *p)
{
	struct msghdr *mh = &rs->mmsg[i].msg_hdr;
	struct in_pktinfo info;
	struct cmsghdr *cm;

	memset(&rs->to[i].v4, 0, sizeof(rs->to[i].v4));
	rs->to[i].v4.sin_family = AF_INET;
	memcpy(&rs->to[i].v4.sin_addr, p->dst.b, 4);
	mh->msg_name = &rs->to[i].v4;
	mh->msg_namelen = sizeof(rs->to[i].v4);
	memset(&info, 0, sizeof(info));
	memcpy(&info.ipi_spec_dst, p->route.b, 4);
	memset(&rs->control[i], 0, sizeof(rs->control[i]));
	mh->msg_control = &rs->control[i];
	mh->msg_controllen = CMSG_LEN(sizeof(info));
	cm = CMSG_FIRSTHDR(mh);
	cm->cmsg_level = IPPROTO_IP;
	cm->cmsg_type = IP_PKTINFO;
	cm->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(cm), &info, sizeof(info));
}

static void
rawsock_address6(struct rawsock *rs, size_t i, const struct outbox_packet *p)
{
	struct msghdr *mh = &rs->mmsg[i].msg_hdr;
	struct in6_pktinfo info;
	struct cmsghdr *cm;

	/* sin6_port must be 0: the kernel takes it for a protocol. */
	memset(&rs->to[i].v6, 0, sizeof(rs->to[i].v6));
	rs->to[i].v6.sin6_family = AF_INET6;
	memcpy(&rs->to[i].v6.sin6_addr, p->dst.b, 16);
	mh->msg_name = &rs->to[i].v6;
	mh->msg_namelen = sizeof(rs->to[i].v6);
	memset(&info, 0, sizeof(info));
	memcpy(&info.ipi6_addr, p->route.b, 16);
	memset(&rs->control[i], 0, sizeof(rs->control[i]));
	mh->msg_control = &rs->control[i];
	/* Without the padding the kernel has room for it on its stack. */
	mh->msg_controllen = CMSG_LEN(sizeof(info));
	cm = CMSG_FIRSTHDR(mh);
	cm->cmsg_level = IPPROTO_IPV6;
	cm->cmsg_type = IPV6_PKTINFO;
	cm->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(cm), &info, sizeof(info));
}

/* Sends n packets of one family, past those that the kernel refuses. */
static void
rawsock_batch(struct rawsock *rs, int fd, size_t n)
{
	size_t done, i;
	int sent;

	for (done = 0; done < n;) {
		sent = sendmmsg(fd, rs->mmsg + done, (unsigned int)(n - done),
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent == -1 && errno == EINTR)
			continue;
		if (sent <= 0) {
			/* The first one is at fault; the others may go. */
			rs->pkt[done]->error = sent == 0 ? EIO : errno;
			done++;
			continue;
		}
		for (i = 0; i < (size_t)sent; i++)
			rs->pkt[done + i]->error = 0;
		done += (size_t)sent;
	}
}

void
rawsock_send(struct rawsock *rs, struct outbox *out)
{
	struct outbox_packet *p;
	enum family family;
	size_t i, n;

	for (family = FAMILY_V4; family < FAMILY_MAX; family++) {
		for (i = n = 0; i < out->n; i++) {
			p = &out->pkt[i];
			if (p->family != family)
				continue;
			if (rs->fd[family] < 0) {
				p->error = EAFNOSUPPORT;
				continue;
			}
			rs->pkt[n] = p;
			rs->iov[n].iov_base = p->buf;
			rs->iov[n].iov_len = p->len;
			memset(&rs->mmsg[n], 0, sizeof(rs->mmsg[n]));
			rs->mmsg[n].msg_hdr.msg_iov = &rs->iov[n];
			rs->mmsg[n].msg_hdr.msg_iovlen = 1;
			if (family == FAMILY_V4)
				rawsock_address4(rs, n, p);
			else
				rawsock_address6(rs, n, p);
			n++;
		}
		if (n > 0)
			rawsock_batch(rs, rs->fd[family], n);
	}
}
