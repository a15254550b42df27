/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef PRIV_RAWSOCK_H
#define PRIV_RAWSOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "priv/outbox.h"

/*
 * The raw sockets that all packets leave by, one a family.  They bear the
 * mark, never receive (a locked filter drops all), and are opened before the
 * privileges are dropped.
 */
struct rawsock;

/*
 * rawsock_open: the sockets become descriptors fd4 and fd6; each packet is
 * marked with mark.  A host without IPv6 has no fd6: sending there fails with
 * EAFNOSUPPORT.  Returns NULL with a sentence in why.
 */
struct rawsock *
rawsock_open(int fd4, int fd6, uint32_t mark, char *why, size_t whylen);

/*
 * rawsock_send: sends all packets of the outbox, one sendmmsg(2) a family
 * (more only past a packet that the kernel refuses), and sets each one's
 * error.  The route is chosen with the packet's routing source, as for an
 * answer of this host.
 */
void rawsock_send(struct rawsock *, struct outbox *);

#endif /* PRIV_RAWSOCK_H */
