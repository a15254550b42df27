/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "common/wire.h"
#include "utrace/filter.h"

/* A longer packet is cut there. */
#define FILTER_SNAP 1500

/*
 * A raw socket sees IPv4 packets with their header, at offset 0, and IPv6 ones
 * without; X is where the next header begins.
 */
struct filter {
	struct sock_filter *insn;
	size_t n;
	const struct flow *flow;
};

static void
filter_add(struct filter *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	p->insn[p->n].code = code;
	p->insn[p->n].jt = jt;
	p->insn[p->n].jf = jf;
	p->insn[p->n].k = k;
	p->n++;
}

/* Size bytes at off (from: BPF_ABS, or BPF_IND for X) must equal k. */
static void
filter_require(
    struct filter *p, uint16_t size, uint16_t from, uint32_t off, uint32_t k)
{
	filter_add(p, (uint16_t)(BPF_LD | size | from), 0, 0, off);
	filter_add(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, k);
	filter_add(p, BPF_RET | BPF_K, 0, 0, 0);
}

/* There the host's address must be. */
static void
filter_host(struct filter *p, uint16_t from, uint32_t off)
{
	uint32_t i, n = (uint32_t)addr_len(p->flow->family);

	for (i = 0; i < n; i += 4)
		filter_require(
		    p, BPF_W, from, off + i, wire_get32(p->flow->dst.b + i));
}

static void
filter_accept(struct filter *p)
{
	filter_add(p, BPF_RET | BPF_K, 0, 0, FILTER_SNAP);
}

static void
filter_begin(struct filter *p, const struct flow *f, struct sock_filter *out)
{
	p->insn = out;
	p->n = 0;
	p->flow = f;
	if (f->family == FAMILY_V4)
		filter_add(p, BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0);
	else
		filter_add(p, BPF_LDX | BPF_W | BPF_IMM, 0, 0, 0);
}

/* An error, X at its ICMP header: what it quotes. */
static void
filter_quote(struct filter *p)
{
	const struct flow *f = p->flow;
	int v4 = f->family == FAMILY_V4;
	uint32_t q = WIRE_ICMP_HDR;
	uint8_t proto = wire_ipproto(f->family, f->proto);

	if (v4)
		filter_require(p, BPF_B, BPF_IND, q, 4 << 4 | WIRE_IP4_HDR / 4);
	filter_host(p, BPF_IND, q + (v4 ? 16 : 24));
	filter_add(p, BPF_LD | BPF_B | BPF_IND, 0, 0, q + (v4 ? 9 : 6));
	filter_add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1,
	    wire_ipproto(f->family, PROTO_ICMP));
	filter_accept(p);
	filter_add(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, proto);
	filter_add(p, BPF_RET | BPF_K, 0, 0, 0);
	filter_require(p, BPF_W, BPF_IND,
	    q + (v4 ? WIRE_IP4_HDR : WIRE_IP6_HDR),
	    (uint32_t)f->sport << 16 | f->dport);
	filter_accept(p);
}

size_t
filter_icmp(const struct flow *f, struct sock_filter *out)
{
	struct filter p;
	size_t at;
	int v4 = f->family == FAMILY_V4;

	filter_begin(&p, f, out);
	filter_add(&p, BPF_LD | BPF_B | BPF_IND, 0, 0, 0);
	at = p.n;
	filter_add(&p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0,
	    v4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_RESPONSE);
	/* Negative offsets count from the IP header, in IPv6 too. */
	if (v4)
		filter_host(&p, BPF_ABS, 12);
	else
		filter_host(&p, BPF_ABS, (uint32_t)SKF_NET_OFF + 8);
	filter_accept(&p);
	out[at].jf = (uint8_t)(p.n - at - 1);
	filter_add(&p, BPF_JMP | BPF_JEQ | BPF_K, 2, 0,
	    v4 ? ICMP4_UNREACH : ICMP6_UNREACH);
	filter_add(&p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0,
	    v4 ? ICMP4_TIMEX : ICMP6_TIMEX);
	filter_add(&p, BPF_RET | BPF_K, 0, 0, 0);
	filter_quote(&p);
	return (p.n);
}

size_t
filter_direct(const struct flow *f, struct sock_filter *out)
{
	struct filter p;

	filter_begin(&p, f, out);
	filter_require(
	    &p, BPF_W, BPF_IND, 0, (uint32_t)f->dport << 16 | f->sport);
	filter_accept(&p);
	return (p.n);
}

size_t
filter_nothing(struct sock_filter *out)
{
	struct filter p = { out, 0, NULL };

	filter_add(&p, BPF_RET | BPF_K, 0, 0, 0);
	return (p.n);
}
