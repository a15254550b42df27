/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The load: sends UDP probes at a fixed rate from many clients' addresses and
 * matches the answers (ICMP time exceeded) by the ports that they quote.
 *
 *   load -4|-6 -t TARGET -s FIRST_CLIENT [-c CLIENTS] -r RATE -d SECONDS
 *	[-w WINDOW] [-l TTL] [-b BYTES]
 *
 * With a window no more than that many probes are under way at once, so a rate
 * that nobody can follow finds out what the target can do.
 *
 * An answer counts from when the kernel received it, as it does for a stock
 * traceroute: otherwise the load would measure how long it has to wait itself
 * for a processor that it shares with the daemon.
 *
 * Prints one JSON object: sent, answered, how many of these within the
 * seconds, and microseconds at some percentiles.  Runs in a network namespace
 * of the bench, and stops by itself.
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
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "common/addr.h"
#include "common/wire.h"

#define BATCH      64
#define SNAP       256
#define PORT_FIRST 33434
#define PORTS      256
#define SPORT_MIN  1024
#define SPORTS     60000
#define SEQS       (SPORTS * PORTS)
#define NS         1000000000LL
/* Answers are waited for so long after the last probe. */
#define LINGER (NS / 2)
/* A full window from which nothing comes back: its probes are lost. */
#define STALL (NS / 10)
/* A histogram of latencies: 1/32 steps of each power of two, in ns. */
#define SUB  32
#define BINS (64 * SUB)

struct load {
	enum family family;
	struct addr target, first;
	uint32_t clients;
	uint64_t rate;
	uint64_t seconds;
	uint8_t ttl;
	size_t len;
	int out, in;
	int64_t begin;
	uint64_t window; /* 0: none */
	uint64_t sent, answered, again;
	uint64_t in_time; /* answered before the last probe was due */
	uint64_t lost;    /* given up: they don't count against the window */
	int64_t heard;    /* when the last answer came */
	int64_t *when;    /* by sequence number; 0: not under way */
	uint64_t bins[BINS];
	int64_t worst;
	struct mmsghdr out_msg[BATCH], in_msg[BATCH];
	struct iovec out_iov[BATCH], in_iov[BATCH];
	struct sockaddr_storage to;
	uint8_t pkt[BATCH][1280];
	uint8_t got[BATCH][SNAP];
	union {
		struct cmsghdr align;
		uint8_t b[CMSG_SPACE(sizeof(struct timespec))];
	} control[BATCH];
};

static int64_t
clock_read(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) == -1)
		err(1, "clock_gettime");
	return (ts.tv_sec * NS + ts.tv_nsec);
}

static int64_t
now(void)
{
	return (clock_read(CLOCK_MONOTONIC));
}

static size_t
bin_of(int64_t ns)
{
	uint64_t v = ns < SUB ? SUB : (uint64_t)ns;
	unsigned int top = 63 - (unsigned int)__builtin_clzll(v);

	return (top * SUB + (size_t)((v >> (top - 5)) & (SUB - 1)));
}

static double
bin_us(size_t bin)
{
	unsigned int top = (unsigned int)(bin / SUB);
	uint64_t low = (1ULL << top) | ((uint64_t)(bin % SUB) << (top - 5));

	return ((double)low / 1000);
}

static double
percentile(const struct load *l, double p)
{
	uint64_t n, want;
	size_t i;

	want = (uint64_t)((double)l->answered * p);
	for (i = n = 0; i < BINS; i++) {
		n += l->bins[i];
		if (n > want)
			return (bin_us(i));
	}
	return ((double)l->worst / 1000);
}

static size_t
header_len(const struct load *l)
{
	return (l->family == FAMILY_V4 ? WIRE_IP4_HDR : WIRE_IP6_HDR);
}

/* One probe, with its sequence number in the ports. */
static void
probe_write(const struct load *l, uint64_t seq, uint8_t *b)
{
	struct addr src = l->first;
	size_t h = header_len(l), alen = addr_len(l->family);
	uint32_t sum;

	memset(b, 0, l->len);
	wire_put32(src.b + alen - 4,
	    wire_get32(src.b + alen - 4) + (uint32_t)(seq % l->clients));
	if (l->family == FAMILY_V4) {
		b[0] = 0x45;
		wire_put16(b + 2, (uint16_t)l->len);
		wire_put16(b + 4, (uint16_t)(seq % 65535 + 1));
		b[8] = l->ttl;
		b[9] = WIRE_PROTO_UDP;
		memcpy(b + 12, src.b, 4);
		memcpy(b + 16, l->target.b, 4);
	} else {
		b[0] = 0x60;
		wire_put16(b + 4, (uint16_t)(l->len - h));
		b[6] = WIRE_PROTO_UDP;
		b[7] = l->ttl;
		memcpy(b + 8, src.b, 16);
		memcpy(b + 24, l->target.b, 16);
	}
	wire_put16(b + h, (uint16_t)(SPORT_MIN + seq % SPORTS));
	wire_put16(b + h + 2, (uint16_t)(PORT_FIRST + seq / SPORTS % PORTS));
	wire_put16(b + h + 4, (uint16_t)(l->len - h));
	sum = wire_pseudo(
	    l->family, &src, &l->target, WIRE_PROTO_UDP, l->len - h);
	sum = wire_sum(sum, b + h, l->len - h);
	wire_put16(b + h + 6, (uint16_t)~wire_fold(sum));
}

/* How many more probes may be under way. */
static uint64_t
window_room(struct load *l, int64_t t)
{
	uint64_t away;

	away = l->sent - l->answered;
	away = away > l->lost ? away - l->lost : 0;
	if (away < l->window)
		return (l->window - away);
	if (t - l->heard < STALL)
		return (0);
	l->lost += away;
	l->heard = t;
	return (l->window);
}

static void
send_due(struct load *l, int64_t t)
{
	uint64_t due, n, i, room;
	int64_t stamp;
	int sent;

	due = (uint64_t)((double)(t - l->begin) * (double)l->rate / NS);
	if (due > l->rate * l->seconds)
		due = l->rate * l->seconds;
	if (due <= l->sent)
		return;
	n = due - l->sent;
	if (n > BATCH)
		n = BATCH;
	if (l->window != 0) {
		room = window_room(l, t);
		if (n > room)
			n = room;
	}
	if (n == 0)
		return;
	for (i = 0; i < n; i++)
		probe_write(l, l->sent + i, l->pkt[i]);
	stamp = now();
	for (i = 0; i < n; i++)
		l->when[(l->sent + i) % SEQS] = stamp;
	sent = sendmmsg(l->out, l->out_msg, (unsigned int)n, 0);
	if (sent == -1) {
		if (errno != ENOBUFS && errno != EAGAIN)
			err(1, "sendmmsg");
		sent = 0;
	}
	l->sent += (uint64_t)sent;
}

static void
answer_read(struct load *l, const uint8_t *b, size_t len, int64_t t)
{
	size_t h = header_len(l), q;
	uint16_t sport, dport;
	uint64_t seq;
	int64_t took;

	q = h + WIRE_ICMP_HDR + h;
	if (len < q + 4)
		return;
	sport = wire_get16(b + q);
	dport = wire_get16(b + q + 2);
	if (sport < SPORT_MIN || sport >= SPORT_MIN + SPORTS ||
	    dport < PORT_FIRST || dport >= PORT_FIRST + PORTS)
		return;
	seq = (uint64_t)(dport - PORT_FIRST) * SPORTS + sport - SPORT_MIN;
	if (l->when[seq] == 0) {
		l->again++;
		return;
	}
	took = t - l->when[seq];
	l->when[seq] = 0;
	l->answered++;
	l->heard = t;
	if (t - l->begin < (int64_t)l->seconds * NS)
		l->in_time++;
	l->bins[bin_of(took)]++;
	if (took > l->worst)
		l->worst = took;
}

/* How long a message has waited for us, ns. */
static int64_t
waited(struct msghdr *mh, int64_t wall)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(mh);
	struct timespec ts;

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_TIMESTAMPNS)
		errx(1, "an answer without a time");
	memcpy(&ts, CMSG_DATA(c), sizeof(ts));
	return (wall - (ts.tv_sec * NS + ts.tv_nsec));
}

static int
receive(struct load *l)
{
	int64_t t, wall;
	int i, n;

	for (i = 0; i < BATCH; i++)
		l->in_msg[i].msg_hdr.msg_controllen = sizeof(l->control[i]);
	n = recvmmsg(l->in, l->in_msg, BATCH, MSG_DONTWAIT, NULL);
	if (n == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return (0);
		err(1, "recvmmsg");
	}
	t = now();
	wall = clock_read(CLOCK_REALTIME);
	for (i = 0; i < n; i++)
		answer_read(l, l->got[i], l->in_msg[i].msg_len,
		    t - waited(&l->in_msg[i].msg_hdr, wall));
	return (n);
}

static void
sockets(struct load *l)
{
	/* Time exceeded only: the load's own probes are not looked at. */
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
	struct sockaddr_in *sin = (struct sockaddr_in *)&l->to;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&l->to;
	struct sockaddr_ll sll;
	socklen_t tolen;
	int on = 1, size = 32 << 20, v4 = l->family == FAMILY_V4;
	size_t i;

	l->out = socket(v4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW);
	l->in = socket(AF_PACKET, SOCK_DGRAM, 0);
	if (l->out == -1 || l->in == -1)
		err(1, "socket");
	prog.len = v4 ? sizeof(code4) / sizeof(code4[0])
		      : sizeof(code6) / sizeof(code6[0]);
	prog.filter = v4 ? code4 : code6;
	memset(&sll, 0, sizeof(sll));
	sll.sll_family = AF_PACKET;
	sll.sll_protocol = htons(v4 ? ETH_P_IP : ETH_P_IPV6);
	if (setsockopt(l->in, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
		sizeof(prog)) == -1 ||
	    setsockopt(
		l->in, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) == -1 ||
	    setsockopt(l->in, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ==
		-1 ||
	    setsockopt(l->out, SOL_SOCKET, SO_SNDBUFFORCE, &size,
		sizeof(size)) == -1 ||
	    bind(l->in, (struct sockaddr *)&sll, sizeof(sll)) == -1)
		err(1, "socket options");
	if (v4) {
		sin->sin_family = AF_INET;
		memcpy(&sin->sin_addr, l->target.b, 4);
		tolen = sizeof(*sin);
	} else {
		sin6->sin6_family = AF_INET6;
		memcpy(&sin6->sin6_addr, l->target.b, 16);
		tolen = sizeof(*sin6);
	}
	for (i = 0; i < BATCH; i++) {
		l->out_iov[i].iov_base = l->pkt[i];
		l->out_iov[i].iov_len = l->len;
		l->out_msg[i].msg_hdr.msg_iov = &l->out_iov[i];
		l->out_msg[i].msg_hdr.msg_iovlen = 1;
		l->out_msg[i].msg_hdr.msg_name = &l->to;
		l->out_msg[i].msg_hdr.msg_namelen = tolen;
		l->in_iov[i].iov_base = l->got[i];
		l->in_iov[i].iov_len = SNAP;
		l->in_msg[i].msg_hdr.msg_iov = &l->in_iov[i];
		l->in_msg[i].msg_hdr.msg_iovlen = 1;
		l->in_msg[i].msg_hdr.msg_control = &l->control[i];
	}
}

/* When there is something to be sent again. */
static int64_t
next_due(const struct load *l)
{
	uint64_t away;

	away = l->sent - l->answered;
	if (l->window != 0 && away >= l->lost && away - l->lost >= l->window)
		return (l->heard + STALL);
	return (
	    l->begin + (int64_t)((double)(l->sent + 1) * NS / (double)l->rate));
}

static void
run(struct load *l)
{
	struct pollfd pfd;
	struct timespec ts;
	int64_t end, last, next, t;

	l->begin = l->heard = now();
	last = l->begin + (int64_t)l->seconds * NS;
	end = last + LINGER;
	for (;;) {
		t = now();
		if (t >= end || (t >= last && l->answered >= l->sent))
			break;
		if (t < last)
			send_due(l, t);
		if (receive(l) > 0)
			continue;
		/* When the next probe is due, or the end. */
		next = t < last ? next_due(l) : end;
		t = now();
		if (next <= t)
			continue;
		pfd.fd = l->in;
		pfd.events = POLLIN;
		ts.tv_sec = (next - t) / NS;
		ts.tv_nsec = (next - t) % NS;
		if (ppoll(&pfd, 1, &ts, NULL) == -1 && errno != EINTR)
			err(1, "ppoll");
	}
}

static uint64_t
number(const char *text, uint64_t max)
{
	const char *fault;
	long long n;

	n = strtonum(text, 1, (long long)max, &fault);
	if (fault != NULL)
		errx(2, "%s: %s (1 to %llu)", text, fault,
		    (unsigned long long)max);
	return ((uint64_t)n);
}

int
main(int argc, char *argv[])
{
	struct load *l;
	const char *target = NULL, *first = NULL;
	int c;

	if ((l = calloc(1, sizeof(*l))) == NULL ||
	    (l->when = calloc(SEQS, sizeof(*l->when))) == NULL)
		err(1, "memory");
	l->clients = 1;
	l->rate = 1000;
	l->seconds = 2;
	l->ttl = 3;
	l->len = 60;
	while ((c = getopt(argc, argv, "46t:s:c:r:d:w:l:b:")) != -1)
		switch (c) {
		case '4':
			l->family = FAMILY_V4;
			break;
		case '6':
			l->family = FAMILY_V6;
			break;
		case 't':
			target = optarg;
			break;
		case 's':
			first = optarg;
			break;
		case 'c':
			l->clients = (uint32_t)number(optarg, 65536);
			break;
		case 'r':
			l->rate = number(optarg, 10000000);
			break;
		case 'd':
			l->seconds = number(optarg, 3600);
			break;
		case 'w':
			l->window = number(optarg, SEQS);
			break;
		case 'l':
			l->ttl = (uint8_t)number(optarg, 255);
			break;
		case 'b':
			l->len = (size_t)number(optarg, 1280);
			break;
		default:
			errx(2, "usage: see the top of load.c");
		}
	if (target == NULL || first == NULL ||
	    addr_parse(l->family, target, &l->target) == -1 ||
	    addr_parse(l->family, first, &l->first) == -1 ||
	    l->len < header_len(l) + WIRE_UDP_HDR)
		errx(2, "usage: see the top of load.c");
	sockets(l);
	run(l);
	printf("{\"sent\": %llu, \"answered\": %llu, \"again\": %llu, "
	       "\"in_time\": %llu, \"seconds\": %llu, \"p50\": %.1f, \"p90\": "
	       "%.1f, "
	       "\"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}\n",
	    (unsigned long long)l->sent, (unsigned long long)l->answered,
	    (unsigned long long)l->again, (unsigned long long)l->in_time,
	    (unsigned long long)l->seconds, percentile(l, 0.5),
	    percentile(l, 0.9), percentile(l, 0.99), percentile(l, 0.999),
	    (double)l->worst / 1000);
	free(l->when);
	free(l);
	return (0);
}
