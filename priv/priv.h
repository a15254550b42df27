/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_PRIV_H
#define PRIV_PRIV_H

#include <stddef.h>

#include "common/sandbox.h"

/*
 * The packet process.  Its descriptors have fixed numbers, so that the system
 * call filter can name them.
 */
#define PRIV_FD_QUEUE    6  /* netlink, NFQUEUE */
#define PRIV_FD_RAW4     7  /* sends IPv4 */
#define PRIV_FD_RAW6     8  /* sends IPv6 */
#define PRIV_FD_CAPTURE4 9  /* receives ICMP errors */
#define PRIV_FD_CAPTURE6 10 /* receives ICMPv6 errors */
#define PRIV_FD_FIGURES  11 /* the kernel's figures of the queue */
#define PRIV_FD_MAX      12

/*
 * priv_main: the packet process, from its start as root in a child of the
 * controller until its end; log_init, setproctitle_init and sodium_init were
 * called.  Does not return: exits with an enum exit_code.
 */
int priv_main(void) __attribute__((noreturn));

/* priv_sandbox: the system calls that it may make once it is locked up. */
const struct sandbox_call *priv_sandbox(size_t *n);

#endif /* PRIV_PRIV_H */
