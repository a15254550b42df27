/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_FILTER_H
#define UTRACE_FILTER_H

#include <linux/filter.h>
#include <stddef.h>

#include "utrace/flow.h"

/*
 * The kernel's filters before the prober's sockets, in classic BPF: what is no
 * answer to this flow, or to a request to its host, does not even wake it.
 * Pure.
 */
#define FILTER_MAX 48

/*
 * filter_icmp: errors that quote a packet to the flow's host, of the flow's
 * ports or of ICMP; echo replies of that host.  filter_direct: UDP or TCP from
 * the host's port to ours.  Both: instructions written to out, FILTER_MAX of
 * them at most.
 */
size_t filter_icmp(const struct flow *, struct sock_filter *out);
size_t filter_direct(const struct flow *, struct sock_filter *out);
/* filter_nothing: nothing at all, for sockets that only send. */
size_t filter_nothing(struct sock_filter *out);

#endif /* UTRACE_FILTER_H */
