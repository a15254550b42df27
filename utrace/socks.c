/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <netinet/in.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/wire.h"
#include "utrace/filter.h"
#include "utrace/socks.h"

#define SOCKS_BUFFER 65536 /* for receiving: some hundred answers */
/* So many packets that are no answers are passed over at a time. */
#define SOCKS_PASS 64
/* An ICMP error about an earlier packet is reported by the next call. */
#define SOCKS_TRIES 3

union socks_addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t
socks_addr(const struct target *t, const struct addr *a, uint16_t port,
    union socks_addr *u)
{
	memset(u, 0, sizeof(*u));
	if (t->family == FAMILY_V4) {
		u->v4.sin_family = AF_INET;
		u->v4.sin_port = htons(port);
		memcpy(&u->v4.sin_addr, a->b, sizeof(u->v4.sin_addr));
		return (sizeof(u->v4));
	}
	u->v6.sin6_family = AF_INET6;
	u->v6.sin6_port = htons(port);
	u->v6.sin6_scope_id = t->scope;
	memcpy(&u->v6.sin6_addr, a->b, sizeof(u->v6.sin6_addr));
	return (sizeof(u->v6));
}

static int
socks_socket(const struct target *t, int type, int protocol)
{
	return (socket(t->family == FAMILY_V4 ? AF_INET : AF_INET6,
	    type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

static int
socks_filter(int fd, struct sock_filter *insn, size_t n)
{
	struct sock_fprog prog = { .len = (unsigned short)n, .filter = insn };
	int on = 1, size = SOCKS_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ==
		-1 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) == -1)
		return (-1);
	return (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
}

/* Sends from our address to the target's, and nowhere else. */
static int
socks_connect(int fd, const struct socks *s, const struct flow *f)
{
	union socks_addr from, to;
	socklen_t fromlen, tolen;

	fromlen = socks_addr(&s->target, &f->src, 0, &from);
	tolen = socks_addr(&s->target, &f->dst, 0, &to);
	return (bind(fd, &from.sa, fromlen) == -1 ||
		    connect(fd, &to.sa, tolen) == -1
		? -1
		: 0);
}

/*
 * A port of our own that nobody else gets, and the address that packets to the
 * target leave from.  A UDP socket is connected, so that probes from another
 * port of the target's are answered by an ICMP error, and SYNs by a reset: a
 * socket that does not listen is nobody for the kernel.
 */
static int
socks_port(struct socks *s, const struct addr *source, struct flow *f)
{
	union socks_addr a;
	socklen_t len;
	int fd, tcp = f->proto == PROTO_TCP;

	if ((fd = socks_socket(&s->target, SOCK_DGRAM, 0)) == -1)
		return (-1);
	len = socks_addr(&s->target, source, 0, &a);
	if (!addr_is_zero(source) && bind(fd, &a.sa, len) == -1)
		return (-1);
	/* Port 9: nothing is sent, but the kernel wants one. */
	len = socks_addr(
	    &s->target, &f->dst, f->proto == PROTO_UDP ? f->dport : 9, &a);
	if (connect(fd, &a.sa, len) == -1)
		return (-1);
	len = sizeof(a);
	if (getsockname(fd, &a.sa, &len) == -1)
		return (-1);
	memset(&f->src, 0, sizeof(f->src));
	if (s->target.family == FAMILY_V4)
		memcpy(f->src.b, &a.v4.sin_addr, sizeof(a.v4.sin_addr));
	else
		memcpy(f->src.b, &a.v6.sin6_addr, sizeof(a.v6.sin6_addr));
	if (tcp) {
		close(fd);
		if ((fd = socks_socket(&s->target, SOCK_STREAM, 0)) == -1)
			return (-1);
		len = socks_addr(&s->target, &f->src, 0, &a);
		if (bind(fd, &a.sa, len) == -1)
			return (-1);
		len = sizeof(a);
		if (getsockname(fd, &a.sa, &len) == -1)
			return (-1);
	}
	f->sport = ntohs(
	    s->target.family == FAMILY_V4 ? a.v4.sin_port : a.v6.sin6_port);
	s->hold = fd;
	return (0);
}

static int
socks_raw(struct socks *s, const struct flow *f)
{
	struct sock_filter insn[FILTER_MAX];
	int icmp = wire_ipproto(f->family, PROTO_ICMP);

	if ((s->errors = socks_socket(&s->target, SOCK_RAW, icmp)) == -1 ||
	    socks_filter(s->errors, insn, filter_icmp(f, insn)) == -1 ||
	    (s->icmp = socks_socket(&s->target, SOCK_RAW, icmp)) == -1 ||
	    socks_filter(s->icmp, insn, filter_nothing(insn)) == -1 ||
	    socks_connect(s->icmp, s, f) == -1)
		return (-1);
	if (f->proto == PROTO_ICMP)
		return (0);
	s->direct = socks_socket(
	    &s->target, SOCK_RAW, wire_ipproto(f->family, f->proto));
	if (s->direct == -1 ||
	    socks_filter(s->direct, insn, filter_direct(f, insn)) == -1 ||
	    socks_connect(s->direct, s, f) == -1)
		return (-1);
	return (0);
}

int
socks_open(struct socks *s, const struct target *t, const struct addr *source,
    struct flow *f, const char **what)
{
	s->target = *t;
	s->icmp = s->direct = s->errors = s->hold = -1;
	f->family = t->family;
	f->dst = t->addr;
	*what = addr_is_zero(source) ? "no way to the host"
				     : "no way there from that address";
	if (socks_port(s, source, f) == -1)
		return (-1);
	*what = "raw socket";
	return (socks_raw(s, f));
}

void
socks_ttl_option(enum family family, int *level, int *name)
{
	*level = family == FAMILY_V4 ? IPPROTO_IP : IPPROTO_IPV6;
	*name = family == FAMILY_V4 ? IP_TTL : IPV6_UNICAST_HOPS;
}

int
socks_send(const struct socks *s, int is_icmp, uint8_t ttl, const uint8_t *b,
    size_t len)
{
	int fd = is_icmp ? s->icmp : s->direct;
	int level, name, value = ttl, i;

	socks_ttl_option(s->target.family, &level, &name);
	if (setsockopt(fd, level, name, &value, sizeof(value)) == -1)
		return (-1);
	for (i = 0; i < SOCKS_TRIES; i++)
		if (send(fd, b, len, MSG_DONTWAIT | MSG_NOSIGNAL) != -1)
			return (0);
	return (-1);
}

int
socks_receive(
    const struct socks *s, const struct flow *f, int fd, struct answer *a)
{
	uint8_t buf[1500];
	union socks_addr u;
	socklen_t len;
	struct addr from;
	uint8_t ipproto;
	ssize_t n;
	int i;

	ipproto =
	    wire_ipproto(f->family, fd == s->errors ? PROTO_ICMP : f->proto);
	for (i = 0; i < SOCKS_PASS; i++) {
		memset(&u, 0, sizeof(u));
		len = sizeof(u);
		n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, &u.sa, &len);
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return (0);
		if (n == -1)
			continue;
		memset(&from, 0, sizeof(from));
		if (f->family == FAMILY_V6)
			memcpy(from.b, &u.v6.sin6_addr, sizeof(u.v6.sin6_addr));
		if (answer_packet(f, ipproto, &from, buf, (size_t)n, a) == 0)
			return (1);
	}
	return (0);
}
