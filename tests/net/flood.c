/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The flood: packets from forged sources at a fixed rate, and no answer is
 * waited for.  It runs in a network namespace of the lab and ends by itself.
 *
 *   flood -t TARGET -s PREFIX/LENGTH [-k udp|icmp|tcp|error] [-l LOW[-HIGH]]
 *	[-n PER_SOURCE] -r RATE -d SECONDS
 *
 * Each source is drawn at random from the prefix and sends PER_SOURCE packets
 * in a row, with TTLs LOW, LOW+1 and so on to HIGH and around: one packet
 * each is a flood of junk, HIGH packets from LOW 1 on imitate a trace.
 * `error` is no probe but a time exceeded that quotes a turned UDP probe.
 *
 * Prints one JSON object: sent, refused by the kernel, and the seconds.
 */

#include <sys/socket.h>
#include <sys/types.h>
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/wire.h"

#define BATCH      64
#define PACKET_MAX 160
#define PROBE_DATA 24
#define TCP_PORT   80
#define NS         1000000000LL

enum kind {
	KIND_UDP = 0,
	KIND_ICMP,
	KIND_TCP,
	KIND_ERROR,
	KIND_LAST
};

static const char *const kinds[KIND_LAST] = {
	[KIND_UDP] = "udp",
	[KIND_ICMP] = "icmp",
	[KIND_TCP] = "tcp",
	[KIND_ERROR] = "error",
};

struct flood {
	enum family family;
	enum kind kind;
	struct addr target, prefix, src;
	unsigned int plen;
	unsigned int ttl_low, ttl_high, ttl;
	uint64_t per_source, left; /* packets that this source has to send */
	uint64_t rate, seconds, sent, refused;
	uint64_t state; /* of the generator of random numbers */
	int out;
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage to;
	uint8_t pkt[BATCH][PACKET_MAX];
};

static int64_t
now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		err(1, "clock_gettime");
	return (ts.tv_sec * NS + ts.tv_nsec);
}

/* Steele's splitmix64: forged sources need to be many, not secret. */
static uint64_t
draw(struct flood *f)
{
	uint64_t z;

	z = f->state += 0x9e3779b97f4a7c15ULL;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31));
}

/* The next source: what lies behind the prefix is drawn, 0 and 255 spared. */
static void
source_next(struct flood *f)
{
	size_t alen = addr_len(f->family), i;
	unsigned int free_bits;
	uint8_t mask;

	for (i = 0; i < alen; i++) {
		if (f->plen >= 8 * (i + 1))
			continue;
		free_bits =
		    f->plen > 8 * i ? 8 * (unsigned int)(i + 1) - f->plen : 8;
		mask = (uint8_t)((1U << free_bits) - 1);
		f->src.b[i] = (uint8_t)((f->prefix.b[i] & ~mask) |
		    ((draw(f) % 254 + 1) & mask));
	}
}

static size_t
header_len(const struct flood *f)
{
	return (f->family == FAMILY_V4 ? WIRE_IP4_HDR : WIRE_IP6_HDR);
}

static void
ip_write(const struct flood *f, uint8_t *b, size_t len, uint8_t proto,
    unsigned int ttl, const struct addr *src, const struct addr *dst)
{
	if (f->family == FAMILY_V4) {
		b[0] = 0x45;
		wire_put16(b + 2, (uint16_t)len);
		wire_put16(b + 4, (uint16_t)(f->state >> 17));
		b[8] = (uint8_t)ttl;
		b[9] = proto;
		memcpy(b + 12, src->b, 4);
		memcpy(b + 16, dst->b, 4);
		return;
	}
	b[0] = 0x60;
	wire_put16(b + 4, (uint16_t)(len - WIRE_IP6_HDR));
	b[6] = proto;
	b[7] = (uint8_t)ttl;
	memcpy(b + 8, src->b, 16);
	memcpy(b + 24, dst->b, 16);
}

/* The checksum at `at` of len bytes of transport at b. */
static void
sum_write(const struct flood *f, uint8_t *b, size_t len, size_t at,
    uint8_t proto, const struct addr *src, const struct addr *dst)
{
	uint32_t sum = 0;

	if (proto != WIRE_PROTO_ICMP4)
		sum = wire_pseudo(f->family, src, dst, proto, len);
	sum = wire_sum(sum, b, len);
	wire_put16(b + at, (uint16_t)~wire_fold(sum));
}

static size_t
udp_write(struct flood *f, uint8_t *b, const struct addr *src,
    const struct addr *dst, unsigned int ttl, int turned)
{
	size_t h = header_len(f), len = h + WIRE_UDP_HDR + PROBE_DATA;
	uint16_t client = (uint16_t)(32768 + draw(f) % 28000);
	uint16_t port = (uint16_t)(33434 + draw(f) % 256);

	ip_write(f, b, len, WIRE_PROTO_UDP, ttl, src, dst);
	wire_put16(b + h, turned ? port : client);
	wire_put16(b + h + 2, turned ? client : port);
	wire_put16(b + h + 4, (uint16_t)(len - h));
	sum_write(f, b + h, len - h, 6, WIRE_PROTO_UDP, src, dst);
	return (len);
}

static size_t
icmp_write(struct flood *f, uint8_t *b)
{
	const int v4 = f->family == FAMILY_V4;
	const uint8_t proto = v4 ? WIRE_PROTO_ICMP4 : WIRE_PROTO_ICMP6;
	size_t h = header_len(f), len = h + WIRE_ICMP_HDR + PROBE_DATA;

	ip_write(f, b, len, proto, f->ttl, &f->src, &f->target);
	b[h] = v4 ? ICMP4_ECHO : ICMP6_ECHO_REQUEST;
	wire_put32(b + h + 4, (uint32_t)draw(f));
	sum_write(f, b + h, len - h, 2, proto, &f->src, &f->target);
	return (len);
}

static size_t
tcp_write(struct flood *f, uint8_t *b)
{
	size_t h = header_len(f), len = h + WIRE_TCP_HDR;

	ip_write(f, b, len, WIRE_PROTO_TCP, f->ttl, &f->src, &f->target);
	wire_put16(b + h, (uint16_t)(32768 + draw(f) % 28000));
	wire_put16(b + h + 2, TCP_PORT);
	wire_put32(b + h + 4, (uint32_t)draw(f));
	b[h + 12] = WIRE_TCP_HDR / 4 << 4;
	b[h + 13] = 0x02; /* SYN */
	wire_put16(b + h + 14, 1024);
	sum_write(f, b + h, len - h, 16, WIRE_PROTO_TCP, &f->src, &f->target);
	return (len);
}

/* A router says that the target's turned probe died there. */
static size_t
error_write(struct flood *f, uint8_t *b)
{
	const int v4 = f->family == FAMILY_V4;
	const uint8_t proto = v4 ? WIRE_PROTO_ICMP4 : WIRE_PROTO_ICMP6;
	size_t h = header_len(f), len;
	struct addr client = f->src;

	client.b[addr_len(f->family) - 1] ^= 0x55;
	len = h + WIRE_ICMP_HDR;
	len += udp_write(f, b + len, &f->target, &client, 1, 1);
	ip_write(f, b, len, proto, 64, &f->src, &f->target);
	b[h] = v4 ? ICMP4_TIMEX : ICMP6_TIMEX;
	sum_write(f, b + h, len - h, 2, proto, &f->src, &f->target);
	return (len);
}

static size_t
packet_write(struct flood *f, uint8_t *b)
{
	size_t len = 0;

	if (f->left == 0) {
		source_next(f);
		f->left = f->per_source;
		f->ttl = f->ttl_low;
		if (f->per_source == 1 && f->ttl_high > f->ttl_low)
			f->ttl += (unsigned int)(draw(f) %
			    (f->ttl_high - f->ttl_low + 1));
	}
	memset(b, 0, PACKET_MAX);
	switch (f->kind) {
	case KIND_UDP:
		len = udp_write(f, b, &f->src, &f->target, f->ttl, 0);
		break;
	case KIND_ICMP:
		len = icmp_write(f, b);
		break;
	case KIND_TCP:
		len = tcp_write(f, b);
		break;
	case KIND_ERROR:
	case KIND_LAST:
		len = error_write(f, b);
		break;
	}
	f->left--;
	if (++f->ttl > f->ttl_high)
		f->ttl = f->ttl_low;
	return (len);
}

static void
batch_send(struct flood *f, unsigned int n)
{
	unsigned int i;
	int sent;

	for (i = 0; i < n; i++)
		f->iov[i].iov_len = packet_write(f, f->pkt[i]);
	for (i = 0; i < n; i += (unsigned int)sent) {
		sent = sendmmsg(f->out, f->msg + i, n - i, 0);
		if (sent > 0) {
			f->sent += (uint64_t)sent;
			continue;
		}
		if (errno != ENOBUFS && errno != EAGAIN)
			err(1, "sendmmsg");
		sent = 1;
		f->refused++;
	}
}

/* What could not be sent in its time is not sent later. */
static double
run(struct flood *f)
{
	struct timespec rest = { 0, 200000 };
	int64_t begin = now(), t, last = begin;
	uint64_t due;

	for (t = begin; t - begin < (int64_t)f->seconds * NS; t = now()) {
		due = (uint64_t)((double)(t - last) * (double)f->rate / NS);
		if (due == 0) {
			(void)nanosleep(&rest, NULL);
			continue;
		}
		if (due > BATCH) {
			due = BATCH;
			last = t - (int64_t)(NS / f->rate);
		} else
			last += (int64_t)(due * NS / f->rate);
		batch_send(f, (unsigned int)due);
	}
	return ((double)(t - begin) / NS);
}

static void
sockets(struct flood *f)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&f->to;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&f->to;
	const int v4 = f->family == FAMILY_V4;
	int size = 8 << 20;
	size_t i;

	f->out = socket(v4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW);
	if (f->out == -1 ||
	    setsockopt(
		f->out, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == -1)
		err(1, "socket");
	if (v4) {
		sin->sin_family = AF_INET;
		memcpy(&sin->sin_addr, f->target.b, 4);
	} else {
		sin6->sin6_family = AF_INET6;
		memcpy(&sin6->sin6_addr, f->target.b, 16);
	}
	for (i = 0; i < BATCH; i++) {
		f->iov[i].iov_base = f->pkt[i];
		f->msg[i].msg_hdr.msg_iov = &f->iov[i];
		f->msg[i].msg_hdr.msg_iovlen = 1;
		f->msg[i].msg_hdr.msg_name = &f->to;
		f->msg[i].msg_hdr.msg_namelen =
		    v4 ? sizeof(*sin) : sizeof(*sin6);
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

static void
prefix_parse(struct flood *f, char *text)
{
	char *slash = strchr(text, '/');

	if (slash == NULL)
		errx(2, "%s: no length", text);
	*slash++ = '\0';
	if (addr_parse(f->family, text, &f->prefix) == -1)
		errx(2, "%s: no address of the target's family", text);
	f->plen = (unsigned int)number(slash, addr_bits(f->family));
	f->src = f->prefix;
}

static void
ttls_parse(struct flood *f, char *text)
{
	char *high = strchr(text, '-');

	if (high != NULL)
		*high++ = '\0';
	f->ttl_low = (unsigned int)number(text, 255);
	f->ttl_high =
	    high == NULL ? f->ttl_low : (unsigned int)number(high, 255);
	if (f->ttl_high < f->ttl_low)
		errx(2, "TTLs: the lower one first");
}

static void
kind_parse(struct flood *f, const char *text)
{
	for (f->kind = KIND_UDP; f->kind < KIND_LAST; f->kind++)
		if (strcmp(text, kinds[f->kind]) == 0)
			return;
	errx(2, "%s: udp, icmp, tcp or error", text);
}

int
main(int argc, char *argv[])
{
	static struct flood f;
	char *prefix = NULL;
	double took;
	int c;

	f.ttl_low = f.ttl_high = 1;
	f.per_source = f.seconds = 1;
	f.rate = 1000;
	f.state = (uint64_t)now();
	while ((c = getopt(argc, argv, "t:s:k:l:n:r:d:")) != -1)
		switch (c) {
		case 't':
			f.family =
			    strchr(optarg, ':') == NULL ? FAMILY_V4 : FAMILY_V6;
			if (addr_parse(f.family, optarg, &f.target) == -1)
				errx(2, "%s: no address", optarg);
			break;
		case 's':
			prefix = optarg;
			break;
		case 'k':
			kind_parse(&f, optarg);
			break;
		case 'l':
			ttls_parse(&f, optarg);
			break;
		case 'n':
			f.per_source = number(optarg, 1000000);
			break;
		case 'r':
			f.rate = number(optarg, 10000000);
			break;
		case 'd':
			f.seconds = number(optarg, 60);
			break;
		default:
			errx(2, "usage: see the top of flood.c");
		}
	if (addr_is_zero(&f.target) || prefix == NULL || optind != argc)
		errx(2, "usage: see the top of flood.c");
	prefix_parse(&f, prefix);
	sockets(&f);
	took = run(&f);
	printf("{\"sent\": %llu, \"refused\": %llu, \"seconds\": %.3f}\n",
	    (unsigned long long)f.sent, (unsigned long long)f.refused, took);
	return (0);
}
