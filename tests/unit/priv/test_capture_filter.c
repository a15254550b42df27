/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The capture filter, run by the kernel itself: attached to a datagram
 * socket, whose packets bear the type PACKET_HOST as those for this host do.
 */

#include <sys/socket.h>
#include <sys/types.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/wire.h"
#include "priv/capture.h"

struct bench {
	int sv[2];
	struct policy policy;
};

static void
addr_must(enum family family, const char *text, struct addr *a)
{
	assert_int_equal(addr_parse(family, text, a), 0);
}

static struct policy_listen *
bench_listen(struct bench *b, enum family family, const char *text)
{
	struct policy_listen *pl;

	assert_true(b->policy.nlisten < POLICY_LISTEN_MAX);
	pl = &b->policy.listen[b->policy.nlisten++];
	memset(pl, 0, sizeof(*pl));
	pl->family = family;
	addr_must(family, text, &pl->addr);
	return (pl);
}

static void
bench_attach(struct bench *b, enum family family)
{
	static struct sock_filter insns[CAPTURE_INSNS];
	struct sock_fprog prog;
	size_t n;

	n = capture_program(&b->policy, family, insns, CAPTURE_INSNS);
	assert_true(n > 0);
	prog.len = (unsigned short)n;
	prog.filter = insns;
	assert_int_equal(setsockopt(b->sv[1], SOL_SOCKET, SO_ATTACH_FILTER,
			     &prog, sizeof(prog)),
	    0);
}

/* Does the kernel let this packet through? */
static int
bench_passes(struct bench *b, const uint8_t *pkt, size_t len)
{
	uint8_t in[2048];
	ssize_t n;

	/* A refused datagram is an error on some kernels, silence on others. */
	(void)send(b->sv[0], pkt, len, MSG_DONTWAIT);
	n = recv(b->sv[1], in, sizeof(in), MSG_DONTWAIT);
	if (n == -1) {
		assert_int_equal(errno, EAGAIN);
		return (0);
	}
	assert_int_equal(n, len < CAPTURE_SNAP ? len : CAPTURE_SNAP);
	assert_memory_equal(in, pkt, (size_t)n);
	return (1);
}

static int
setup(void **state)
{
	struct bench *b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		return (-1);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, b->sv) == -1)
		return (-1);
	*state = b;
	return (0);
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	close(b->sv[0]);
	close(b->sv[1]);
	free(b);
	return (0);
}

/* An ICMPv4 message of a type, from 203.0.113.9 to `to`, that quotes a UDP
 * packet from `quoted`; optlen bytes of outer IP options. */
static size_t
error4(uint8_t *pkt, uint8_t type, const char *to, const char *quoted,
    size_t optlen)
{
	struct addr a;
	size_t x;

	memset(pkt, 0, 128);
	x = 20 + optlen;
	pkt[0] = (uint8_t)(0x40 | (x / 4));
	pkt[9] = WIRE_PROTO_ICMP4;
	addr_must(FAMILY_V4, "203.0.113.9", &a);
	memcpy(pkt + 12, a.b, 4);
	addr_must(FAMILY_V4, to, &a);
	memcpy(pkt + 16, a.b, 4);
	pkt[x] = type;
	pkt[x + 8] = 0x45;
	addr_must(FAMILY_V4, quoted, &a);
	memcpy(pkt + x + 8 + 12, a.b, 4);
	return (x + 8 + 28);
}

static size_t
error6(uint8_t *pkt, uint8_t type, const char *to, const char *quoted)
{
	struct addr a;

	memset(pkt, 0, 128);
	pkt[0] = 0x60;
	pkt[6] = WIRE_PROTO_ICMP6;
	addr_must(FAMILY_V6, to, &a);
	memcpy(pkt + 24, a.b, 16);
	pkt[40] = type;
	addr_must(FAMILY_V6, quoted, &a);
	memcpy(pkt + 48 + 8, a.b, 16);
	return (48 + 48);
}

static void
passes_errors_that_quote_us_only(void **state)
{
	struct bench *b = *state;
	uint8_t pkt[128];
	unsigned int type;
	size_t n;

	bench_listen(b, FAMILY_V4, "192.0.2.53");
	bench_listen(b, FAMILY_V4, "192.0.2.54");
	bench_listen(b, FAMILY_V6, "2001:db8:1::53");
	bench_attach(b, FAMILY_V4);
	for (type = 0; type < 256; type++) {
		n = error4(pkt, (uint8_t)type, "192.0.2.54", "192.0.2.53", 0);
		assert_int_equal(bench_passes(b, pkt, n),
		    type == ICMP4_UNREACH || type == ICMP4_TIMEX);
	}
	n = error4(pkt, 11, "192.0.2.55", "192.0.2.53", 0);
	assert_false(bench_passes(b, pkt, n));
	n = error4(pkt, 11, "192.0.2.53", "9.9.9.9", 0);
	assert_false(bench_passes(b, pkt, n));
	n = error4(pkt, 11, "192.0.2.53", "192.0.2.54", 8);
	assert_true(bench_passes(b, pkt, n));
	/* fragments: more to come; or not the first */
	n = error4(pkt, 11, "192.0.2.53", "192.0.2.53", 0);
	pkt[6] = 0x20;
	assert_false(bench_passes(b, pkt, n));
	pkt[6] = 0;
	pkt[7] = 1;
	assert_false(bench_passes(b, pkt, n));
	pkt[6] = 0x40;
	pkt[7] = 0;
	assert_true(bench_passes(b, pkt, n));
	/* too short for the quoted source */
	assert_false(bench_passes(b, pkt, 20 + 8 + 15));
	pkt[9] = WIRE_PROTO_UDP;
	assert_false(bench_passes(b, pkt, n));
}

static void
passes_errors_v6(void **state)
{
	struct bench *b = *state;
	uint8_t pkt[128];
	unsigned int type;
	size_t n;

	bench_listen(b, FAMILY_V4, "192.0.2.53");
	bench_listen(b, FAMILY_V6, "2001:db8:1::53");
	bench_listen(b, FAMILY_V6, "2001:db8:1::54");
	bench_attach(b, FAMILY_V6);
	for (type = 0; type < 256; type++) {
		n = error6(
		    pkt, (uint8_t)type, "2001:db8:1::54", "2001:db8:1::53");
		assert_int_equal(
		    bench_passes(b, pkt, n), type >= 1 && type <= 3);
	}
	n = error6(pkt, 3, "2001:db8:1::55", "2001:db8:1::53");
	assert_false(bench_passes(b, pkt, n));
	n = error6(pkt, 3, "2001:db8:1::53", "2001:db8:2::53");
	assert_false(bench_passes(b, pkt, n));
}

static void
quotes_may_name_the_public_address(void **state)
{
	struct bench *b = *state;
	struct policy_listen *pl;
	uint8_t pkt[128];
	size_t n;

	pl = bench_listen(b, FAMILY_V4, "10.0.0.5");
	addr_must(FAMILY_V4, "198.51.100.7", &pl->public_addr);
	bench_attach(b, FAMILY_V4);
	n = error4(pkt, 11, "10.0.0.5", "198.51.100.7", 0);
	assert_true(bench_passes(b, pkt, n));
	n = error4(pkt, 11, "10.0.0.5", "10.0.0.5", 0);
	assert_true(bench_passes(b, pkt, n));
	n = error4(pkt, 11, "198.51.100.7", "10.0.0.5", 0);
	assert_false(bench_passes(b, pkt, n));
}

static void
mirror_form_adds_replies_and_resets(void **state)
{
	struct bench *b = *state;
	uint8_t pkt[128];
	size_t n;

	bench_listen(b, FAMILY_V4, "192.0.2.53")->turn = TURN_MIRROR;
	bench_listen(b, FAMILY_V6, "2001:db8:1::53")->turn = TURN_MIRROR;
	bench_attach(b, FAMILY_V4);
	n = error4(pkt, ICMP4_ECHO_REPLY, "192.0.2.53", "9.9.9.9", 0);
	assert_true(bench_passes(b, pkt, n));
	n = error4(pkt, ICMP4_ECHO, "192.0.2.53", "9.9.9.9", 0);
	assert_false(bench_passes(b, pkt, n));
	n = error4(pkt, ICMP4_TIMEX, "192.0.2.53", "192.0.2.53", 0);
	assert_true(bench_passes(b, pkt, n));
	n = error4(pkt, 0, "192.0.2.53", "9.9.9.9", 0);
	pkt[9] = WIRE_PROTO_TCP;
	pkt[20 + 13] = WIRE_TCP_RST | WIRE_TCP_ACK;
	assert_true(bench_passes(b, pkt, n));
	pkt[20 + 13] = WIRE_TCP_SYN | WIRE_TCP_ACK;
	assert_false(bench_passes(b, pkt, n));

	bench_attach(b, FAMILY_V6);
	n = error6(pkt, ICMP6_ECHO_RESPONSE, "2001:db8:1::53", "::1");
	assert_true(bench_passes(b, pkt, n));
	n = error6(pkt, ICMP6_ECHO_REQUEST, "2001:db8:1::53", "::1");
	assert_false(bench_passes(b, pkt, n));
	pkt[6] = WIRE_PROTO_TCP;
	pkt[40 + 13] = WIRE_TCP_RST;
	assert_true(bench_passes(b, pkt, n));
	pkt[40 + 13] = WIRE_TCP_ACK;
	assert_false(bench_passes(b, pkt, n));
}

/* Requests: the client's own answers to their probes, no others. */
static void
requests_add_replies_and_one_port(void **state)
{
	struct bench *b = *state;
	uint8_t pkt[128];
	size_t n;
	int mirror;

	bench_listen(b, FAMILY_V4, "192.0.2.53");
	bench_listen(b, FAMILY_V6, "2001:db8:1::53");
	b->policy.augsburg = 1;
	for (mirror = 0; mirror < 2; mirror++) {
		b->policy.listen[0].turn = mirror ? TURN_MIRROR : TURN_REPLY;
		bench_attach(b, FAMILY_V4);
		n = error4(pkt, ICMP4_ECHO_REPLY, "192.0.2.53", "9.9.9.9", 0);
		assert_true(bench_passes(b, pkt, n));
		n = error4(pkt, ICMP4_TIMEX, "192.0.2.53", "192.0.2.53", 0);
		assert_true(bench_passes(b, pkt, n));
		n = error4(pkt, ICMP4_TIMEX, "192.0.2.53", "9.9.9.9", 0);
		assert_false(bench_passes(b, pkt, n));
		n = error4(pkt, 0, "192.0.2.53", "9.9.9.9", 0);
		pkt[9] = WIRE_PROTO_TCP;
		pkt[20 + 13] = WIRE_TCP_SYN | WIRE_TCP_ACK;
		wire_put16(pkt + 20 + 2, AUGSBURG_SPORT);
		assert_true(bench_passes(b, pkt, n));
		wire_put16(pkt + 20 + 2, AUGSBURG_SPORT + 1);
		assert_false(bench_passes(b, pkt, n));
		pkt[20 + 13] = WIRE_TCP_RST | WIRE_TCP_ACK;
		assert_int_equal(bench_passes(b, pkt, n), mirror);
	}
	bench_attach(b, FAMILY_V6);
	n = error6(pkt, ICMP6_ECHO_RESPONSE, "2001:db8:1::53", "::1");
	assert_true(bench_passes(b, pkt, n));
	pkt[6] = WIRE_PROTO_TCP;
	wire_put16(pkt + 40 + 2, AUGSBURG_SPORT);
	assert_true(bench_passes(b, pkt, n));
	wire_put16(pkt + 40 + 2, 80);
	assert_false(bench_passes(b, pkt, n));
}

/* The most addresses that a configuration may have, each with a public one:
 * the kernel takes the program, and the last address works. */
static void
the_longest_filter_loads(void **state)
{
	struct bench *b = *state;
	struct policy_listen *pl;
	char text[64];
	uint8_t pkt[128];
	size_t n;
	unsigned int i;

	b->policy.augsburg = 1;
	for (i = 0; i < POLICY_LISTEN_FAMILY_MAX; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i);
		pl = bench_listen(b, FAMILY_V4, text);
		pl->turn = TURN_MIRROR;
		snprintf(text, sizeof(text), "198.51.100.%u", i);
		addr_must(FAMILY_V4, text, &pl->public_addr);
		snprintf(text, sizeof(text), "2001:db8:1::%x", i + 1);
		pl = bench_listen(b, FAMILY_V6, text);
		pl->turn = TURN_MIRROR;
		snprintf(text, sizeof(text), "2001:db8:2::%x", i + 1);
		addr_must(FAMILY_V6, text, &pl->public_addr);
	}
	bench_attach(b, FAMILY_V6);
	n = error6(pkt, 3, "2001:db8:1::40", "2001:db8:2::40");
	assert_true(bench_passes(b, pkt, n));
	n = error6(pkt, 3, "2001:db8:1::41", "2001:db8:2::40");
	assert_false(bench_passes(b, pkt, n));
	bench_attach(b, FAMILY_V4);
	n = error4(pkt, 11, "192.0.2.63", "198.51.100.63", 0);
	assert_true(bench_passes(b, pkt, n));
	n = error4(pkt, 11, "192.0.2.63", "198.51.100.64", 0);
	assert_false(bench_passes(b, pkt, n));
}

static void
nothing_to_listen_on_lets_nothing_through(void **state)
{
	struct bench *b = *state;
	struct sock_filter few[4];
	uint8_t pkt[128];
	size_t n;

	bench_attach(b, FAMILY_V4);
	n = error4(pkt, 11, "192.0.2.53", "192.0.2.53", 0);
	assert_false(bench_passes(b, pkt, n));
	bench_listen(b, FAMILY_V4, "192.0.2.53");
	assert_int_equal(capture_program(&b->policy, FAMILY_V4, few, 4), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    passes_errors_that_quote_us_only, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    passes_errors_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    quotes_may_name_the_public_address, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    mirror_form_adds_replies_and_resets, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    requests_add_replies_and_one_port, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    the_longest_filter_loads, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    nothing_to_listen_on_lets_nothing_through, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
