/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The prober's filters, run by the kernel itself: attached to a datagram
 * socket.  What they read before the ICMP header of IPv6, the address of an
 * echo reply's sender, only the network tests try.
 */

#include <sys/socket.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/utrace/flows.h"
#include "utrace/filter.h"

static struct flow f;
static struct addr router, other;
static int sv[2];

static void
begin(enum family family, enum proto proto)
{
	flows_make(&f, family, proto);
	flows_addr(family,
	    family == FAMILY_V4 ? "192.0.2.14" : "2001:db8:12::2", &router);
	flows_addr(family,
	    family == FAMILY_V4 ? "198.51.100.54" : "2001:db8:f::54", &other);
}

static void
attach(size_t (*make)(const struct flow *, struct sock_filter *))
{
	struct sock_filter insn[FILTER_MAX];
	struct sock_fprog prog = { 0, insn };

	prog.len = (unsigned short)make(&f, insn);
	assert_true(prog.len > 0 && prog.len <= FILTER_MAX);
	assert_int_equal(setsockopt(sv[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			     sizeof(prog)),
	    0);
}

static int
passes(const uint8_t *pkt, size_t len)
{
	uint8_t in[512];
	ssize_t n;

	(void)send(sv[0], pkt, len, MSG_DONTWAIT);
	n = recv(sv[1], in, sizeof(in), MSG_DONTWAIT);
	if (n == -1)
		assert_int_equal(errno, EAGAIN);
	return (n != -1);
}

static void
filter_errors(void **state)
{
	static const enum proto protos[] = { PROTO_UDP, PROTO_ICMP, PROTO_TCP };
	uint8_t l4[FLOW_BYTES], b[512], ipproto;
	struct addr dst;
	size_t fam, i, len, n;
	uint8_t type;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++)
		for (i = 0; i < 3; i++) {
			begin((enum family)fam, protos[i]);
			attach(filter_icmp);
			ipproto = wire_ipproto(f.family, f.proto);
			type = fam == FAMILY_V4 ? 11 : 3;
			n = flow_probe(&f, FLOWS_TOKEN, l4, sizeof(l4));
			len = flows_error(
			    &f, &router, type, 0, ipproto, l4, n, b);
			assert_true(passes(b, len));
			len = flows_error(&f, &router, fam == FAMILY_V4 ? 3 : 1,
			    1, ipproto, l4, n, b);
			assert_true(passes(b, len));
			/* Another type, another host, another port. */
			len = flows_error(&f, &router, fam == FAMILY_V4 ? 5 : 2,
			    0, ipproto, l4, n, b);
			assert_false(passes(b, len));
			dst = f.dst;
			f.dst = other;
			len = flows_error(
			    &f, &router, type, 0, ipproto, l4, n, b);
			f.dst = dst;
			assert_false(passes(b, len));
			len = flows_error(&f, &router, type, 0, 132, l4, n, b);
			assert_false(passes(b, len));
			l4[1] ^= 1;
			len = flows_error(
			    &f, &router, type, 0, ipproto, l4, n, b);
			assert_int_equal(passes(b, len), f.proto == PROTO_ICMP);
			/* A request's, whatever the flow. */
			n = flow_request(&f, FLOWS_TOKEN, 0, l4, sizeof(l4));
			len = flows_error(&f, &router, type, 0,
			    wire_ipproto(f.family, PROTO_ICMP), l4, n, b);
			assert_true(passes(b, len));
		}
}

static void
filter_echo4(void **state)
{
	uint8_t icmp[16] = { 0 }, b[512];
	size_t len;

	(void)state;
	begin(FAMILY_V4, PROTO_UDP);
	attach(filter_icmp);
	len = flows_received(&f, &f.dst, b, icmp, sizeof(icmp));
	assert_true(passes(b, len));
	len = flows_received(&f, &other, b, icmp, sizeof(icmp));
	assert_false(passes(b, len));
}

static void
filter_ports(void **state)
{
	uint8_t b[64];
	size_t fam, hdr;

	(void)state;
	for (fam = 0; fam < FAMILY_MAX; fam++) {
		begin((enum family)fam, PROTO_TCP);
		attach(filter_direct);
		memset(b, 0, sizeof(b));
		hdr = 0;
		if (fam == FAMILY_V4)
			hdr = flows_ip(
			    b, f.family, &f.dst, &f.src, WIRE_PROTO_TCP, 20);
		wire_put16(b + hdr, f.dport);
		wire_put16(b + hdr + 2, f.sport);
		assert_true(passes(b, hdr + 20));
		wire_put16(b + hdr, f.sport);
		assert_false(passes(b, hdr + 20));
	}
}

static size_t
nothing(const struct flow *flow, struct sock_filter *insn)
{
	(void)flow;
	return (filter_nothing(insn));
}

static void
filter_of_senders(void **state)
{
	uint8_t b[64] = { 0 };

	(void)state;
	attach(nothing);
	assert_false(passes(b, sizeof(b)));
}

static int
setup(void **state)
{
	(void)state;
	return (socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
}

static int
teardown(void **state)
{
	(void)state;
	close(sv[0]);
	close(sv[1]);
	return (0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filter_errors),
		cmocka_unit_test(filter_echo4),
		cmocka_unit_test(filter_ports),
		cmocka_unit_test(filter_of_senders),
	};

	return (cmocka_run_group_tests_name("filter", tests, setup, teardown));
}
