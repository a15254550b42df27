/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/types.h>
#include <string.h>

#include <linux/if_packet.h>

#include "common/wire.h"
#include "priv/capture.h"

/*
 * The filter, in classic BPF: offset 0 is the IP header.  Conditional jumps
 * reach 255 instructions only, so every failed comparison steps over a `ja`
 * or a `ret` right behind it, and whole matches leave by `ja`, whose reach is
 * not limited.
 */

struct program {
	struct sock_filter *insn;
	size_t n;
	size_t max;
	int full;
};

/* Where the fields of the two families stand. */
struct layout {
	uint32_t ipproto;   /* offset of protocol, next header */
	uint32_t icmp;      /* the ICMP protocol's number */
	uint32_t dst;       /* destination address */
	uint32_t quote_src; /* in an error: source of the quoted header, from
			       the ICMP header */
	size_t words;       /* 32-bit words of an address */
};

static const struct layout layouts[FAMILY_MAX] = {
	[FAMILY_V4] = { 9, WIRE_PROTO_ICMP4, 16, 8 + 12, 1 },
	[FAMILY_V6] = { 6, WIRE_PROTO_ICMP6, 24, 8 + 8, 4 },
};

static void
program_add(
    struct program *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	if (p->n == p->max) {
		p->full = 1;
		return;
	}
	p->insn[p->n].code = code;
	p->insn[p->n].jt = jt;
	p->insn[p->n].jf = jf;
	p->insn[p->n].k = k;
	p->n++;
}

/* Goes on if the accumulator equals k, else drops the packet. */
static void
program_require(struct program *p, uint32_t k)
{
	program_add(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, k);
	program_add(p, BPF_RET | BPF_K, 0, 0, 0);
}

static void
program_accept(struct program *p)
{
	program_add(p, BPF_RET | BPF_K, 0, 0, CAPTURE_SNAP);
}

/* Lands all `ja` placeholders (k = 0) since `from` at the present end. */
static void
program_land(struct program *p, size_t from)
{
	size_t i;

	for (i = from; i < p->n; i++)
		if (p->insn[i].code == (BPF_JMP | BPF_JA) && p->insn[i].k == 0)
			p->insn[i].k = (uint32_t)(p->n - i - 1);
}

/*
 * One address at offset off (indirect: from X): if it matches, `ja` to a
 * place that program_land sets; if not, falls to the next instruction.
 */
static void
program_address(struct program *p, const struct layout *l, int indirect,
    uint32_t off, const struct addr *a)
{
	size_t rest, w;

	for (w = 0; w < l->words; w++) {
		rest = 2 * (l->words - 1 - w) + 1;
		program_add(p,
		    (uint16_t)(BPF_LD | BPF_W | (indirect ? BPF_IND : BPF_ABS)),
		    0, 0, off + 4 * (uint32_t)w);
		program_add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)rest,
		    wire_get32(a->b + 4 * w));
	}
	program_add(p, BPF_JMP | BPF_JA, 0, 0, 0);
}

/* Goes on if the address at off is a listen (or also a public) address. */
static void
program_own(struct program *p, const struct policy *pol, enum family family,
    int indirect, uint32_t off, int with_public)
{
	const struct layout *l = &layouts[family];
	const struct policy_listen *pl;
	size_t from;
	uint32_t i;

	from = p->n;
	for (i = 0; i < pol->nlisten; i++) {
		pl = &pol->listen[i];
		if (pl->family != family)
			continue;
		program_address(p, l, indirect, off, &pl->addr);
		if (with_public && !addr_is_zero(&pl->public_addr))
			program_address(p, l, indirect, off, &pl->public_addr);
	}
	program_add(p, BPF_RET | BPF_K, 0, 0, 0);
	program_land(p, from);
}

/* A = type at X; goes on behind the block for error types only. */
static void
program_error_types(struct program *p, enum family family, int replies)
{
	program_add(p, BPF_LD | BPF_B | BPF_IND, 0, 0, 0);
	if (family == FAMILY_V4) {
		if (replies) {
			program_add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1,
			    ICMP4_ECHO_REPLY);
			program_accept(p);
		}
		program_add(p, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, ICMP4_UNREACH);
		program_add(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ICMP4_TIMEX);
		program_add(p, BPF_RET | BPF_K, 0, 0, 0);
		return;
	}
	if (replies) {
		program_add(
		    p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, ICMP6_ECHO_RESPONSE);
		program_accept(p);
	}
	/* Errors are types 1 to 127; those matched are 1 to 3. */
	program_add(p, BPF_JMP | BPF_JGT | BPF_K, 1, 0, ICMP6_TIMEX);
	program_add(p, BPF_JMP | BPF_JGE | BPF_K, 1, 0, ICMP6_UNREACH);
	program_add(p, BPF_RET | BPF_K, 0, 0, 0);
}

static int
policy_mirrors(const struct policy *pol, enum family family, int *any)
{
	uint32_t i;
	int mirror;

	for (i = 0, mirror = *any = 0; i < pol->nlisten; i++) {
		if (pol->listen[i].family != family)
			continue;
		*any = 1;
		if (pol->listen[i].turn == TURN_MIRROR)
			mirror = 1;
	}
	return (mirror);
}

/* The IP header: sent to this host, no fragment, X at the next header. */
static void
program_header(struct program *p, enum family family)
{
	program_add(p, BPF_LD | BPF_B | BPF_ABS, 0, 0,
	    (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
	program_require(p, PACKET_HOST);
	if (family == FAMILY_V4) {
		program_add(p, BPF_LD | BPF_H | BPF_ABS, 0, 0, 6);
		program_add(p, BPF_JMP | BPF_JSET | BPF_K, 0, 1, 0x3fff);
		program_add(p, BPF_RET | BPF_K, 0, 0, 0);
		program_add(p, BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0);
	} else
		program_add(p, BPF_LDX | BPF_W | BPF_IMM, 0, 0, WIRE_IP6_HDR);
}

/*
 * TCP: in mirror form resets; answers to the SYNs that were asked for.  Behind
 * it A is the protocol still.
 */
static void
program_tcp(struct program *p, int mirror, int requests)
{
	uint8_t skip = (uint8_t)(1 + (mirror ? 3 : 0) + (requests ? 3 : 0));

	if (!mirror && !requests)
		return;
	program_add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, skip, WIRE_PROTO_TCP);
	if (mirror) {
		program_add(p, BPF_LD | BPF_B | BPF_IND, 0, 0, 13);
		program_add(p, BPF_JMP | BPF_JSET | BPF_K, 0, 1, WIRE_TCP_RST);
		program_accept(p);
	}
	if (requests) {
		program_add(p, BPF_LD | BPF_H | BPF_IND, 0, 0, 2);
		program_add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, AUGSBURG_SPORT);
		program_accept(p);
	}
	program_add(p, BPF_RET | BPF_K, 0, 0, 0);
}

size_t
capture_program(const struct policy *pol, enum family family,
    struct sock_filter *out, size_t max)
{
	const struct layout *l = &layouts[family];
	struct program p = { .insn = out, .max = max };
	int any, mirror;

	mirror = policy_mirrors(pol, family, &any);
	if (!any) {
		program_add(&p, BPF_RET | BPF_K, 0, 0, 0);
		return (p.full ? 0 : p.n);
	}
	program_header(&p, family);
	program_own(&p, pol, family, 0, l->dst, 0);
	program_add(&p, BPF_LD | BPF_B | BPF_ABS, 0, 0, l->ipproto);
	program_tcp(&p, mirror, pol->augsburg);
	program_require(&p, l->icmp);
	program_error_types(&p, family, mirror || pol->augsburg);
	program_own(&p, pol, family, 1, l->quote_src, 1);
	program_accept(&p);
	return (p.full ? 0 : p.n);
}
