/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_CAPTURE_H
#define PRIV_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include <linux/filter.h>

#include "common/policy.h"

/*
 * Where the answers of reverse routers come in: a packet socket a family, with
 * a ring that it shares with the kernel, which sees what the host's firewall
 * drops as untracked, behind a kernel filter that lets through only ICMP errors
 * that quote a listen address (in mirror form also the clients' own echo
 * replies and resets; where requests are served, their answers to the probes).
 */

#define CAPTURE_BATCH 64
/* Bytes of a packet that are looked at: the largest minimal IPv6 MTU. */
#define CAPTURE_SNAP 1280
/* The longest filter: IPv6, all addresses with a public one, mirror form,
 * requests. */
#define CAPTURE_INSNS 2048

struct capture;

/*
 * capture_open: the sockets become descriptors fd4 and fd6.  They let nothing
 * through until capture_filter.  Returns NULL with a sentence in why.
 */
struct capture *capture_open(int fd4, int fd6, char *why, size_t whylen);

/*
 * capture_filter: lets through what the policy's listen addresses wait for.
 * Works after the privileges are gone.  Returns 0, or -1 with errno.
 */
int capture_filter(struct capture *, const struct policy *);

/*
 * capture_receive: takes what is there in one family's ring, up to
 * CAPTURE_BATCH packets, without a system call; take gets each from its IP
 * header, len bytes of it, which last until it returns.
 */
void capture_receive(struct capture *, enum family,
    void (*take)(void *arg, enum family, const uint8_t *pkt, size_t len),
    void *arg);

/*
 * capture_program: writes the filter for one family, at most max
 * instructions.  Returns their number, 0 if they do not fit.  Pure.
 */
size_t capture_program(
    const struct policy *, enum family, struct sock_filter *out, size_t max);

#endif /* PRIV_CAPTURE_H */
