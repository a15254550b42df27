/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
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

/*
 * The rings, shared with the kernel: it copies each packet once, into a frame
 * that is ours until we give it back, and no system call fetches it.  Nothing
 * writes into a frame while it is ours.
 */
#define RING_FRAME  1408 /* the kernel's header, the snap; whole cache lines */
#define RING_BLOCK  65536
#define RING_BLOCKS 22
#define RING_PER    ((uint32_t)(RING_BLOCK / RING_FRAME))
#define RING_FRAMES (RING_PER * RING_BLOCKS)
#define RING_SIZE   ((size_t)RING_BLOCK * RING_BLOCKS)
/* What the kernel puts before a packet of SOCK_DGRAM. */
#define RING_HEAD (TPACKET_ALIGN(TPACKET2_HDRLEN) + 16)

_Static_assert(
    RING_HEAD + CAPTURE_SNAP <= RING_FRAME, "a frame holds what is looked at");
_Static_assert(RING_FRAME % TPACKET_ALIGNMENT == 0, "the kernel's alignment");

struct capture_ring {
	int fd;
	uint8_t *map;
	uint32_t at; /* the frame that is filled next */
};

struct capture {
	struct capture_ring ring[FAMILY_MAX];
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
capture_ring(int fd, struct capture_ring *r)
{
	struct tpacket_req req;
	int version = TPACKET_V2;

	memset(&req, 0, sizeof(req));
	req.tp_block_size = RING_BLOCK;
	req.tp_block_nr = RING_BLOCKS;
	req.tp_frame_size = RING_FRAME;
	req.tp_frame_nr = RING_FRAMES;
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version,
		sizeof(version)) == -1 ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) == -1)
		return (-1);
	r->map =
	    mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return (r->map == MAP_FAILED ? -1 : 0);
}

static int
capture_one(uint16_t ethertype, int want, struct capture_ring *r)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sockaddr_ll sll;
	int error, s;

	/* Protocol 0 receives nothing: no packet slips in before the
	 * filter. */
	if ((s = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		 0)) == -1)
		return (-1);
	memset(&sll, 0, sizeof(sll));
	sll.sll_family = AF_PACKET;
	sll.sll_protocol = htons(ethertype);
	if (capture_attach(s, &none, 1) == -1 || capture_ring(s, r) == -1 ||
	    bind(s, (struct sockaddr *)&sll, sizeof(sll)) == -1 ||
	    (r->fd = proc_fd_move(s, want)) == -1) {
		error = errno;
		close(s);
		errno = error;
		return (-1);
	}
	return (0);
}

struct capture *
capture_open(int fd4, int fd6, char *why, size_t whylen)
{
	struct capture *c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		snprintf(why, whylen, "capture: out of memory");
		return (NULL);
	}
	/* The start ends with the first failure: nothing to be undone. */
	if (capture_one(ETH_P_IP, fd4, &c->ring[FAMILY_V4]) == -1 ||
	    capture_one(ETH_P_IPV6, fd6, &c->ring[FAMILY_V6]) == -1) {
		snprintf(why, whylen, "capture socket: %s", strerror(errno));
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
		if (capture_attach(c->ring[family].fd, c->insns, n) == -1)
			return (-1);
	}
	return (0);
}

/* The frame that the kernel fills next, by whom it may be used now. */
static struct tpacket2_hdr *
capture_frame(const struct capture_ring *r)
{
	size_t at = (size_t)(r->at / RING_PER) * RING_BLOCK +
	    (size_t)(r->at % RING_PER) * RING_FRAME;

	return ((struct tpacket2_hdr *)(void *)(r->map + at));
}

void
capture_receive(struct capture *c, enum family family,
    void (*take)(void *, enum family, const uint8_t *, size_t), void *arg)
{
	struct capture_ring *r = &c->ring[family];
	struct tpacket2_hdr *h;
	size_t len;
	int n;

	for (n = 0; n < CAPTURE_BATCH; n++) {
		h = capture_frame(r);
		/* What is read of the frame is read after this. */
		if ((__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) &
			TP_STATUS_USER) == 0)
			break;
		len = h->tp_snaplen;
		/* The kernel keeps to it; the frame's end is our affair. */
		if (h->tp_net <= RING_FRAME && len <= CAPTURE_SNAP &&
		    len <= RING_FRAME - (size_t)h->tp_net)
			take(arg, family, (const uint8_t *)h + h->tp_net, len);
		__atomic_store_n(
		    &h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		r->at = r->at + 1 == RING_FRAMES ? 0 : r->at + 1;
	}
}
