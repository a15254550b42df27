/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_SOCKS_H
#define UTRACE_SOCKS_H

#include "utrace/answer.h"
#include "utrace/flow.h"

/* The target, as the user or the name service said. */
struct target {
	enum family family;
	struct addr addr;
	uint32_t scope; /* IPv6: of a link-local address; else 0 */
};

/*
 * The prober's sockets.  Those that send are connected to the target, and the
 * kernel writes their IP header: nothing can leave them for anybody else, or
 * from a forged source.
 */
struct socks {
	struct target target;
	int icmp;   /* sends ICMP, receives nothing */
	int direct; /* sends and receives UDP or TCP; -1 with ICMP */
	int errors; /* receives ICMP, sends nothing */
	int hold;   /* keeps our port ours; -1 with ICMP */
};

/*
 * socks_open: opens all of them, from source if it is not zero, and fills the
 * flow's addresses and sport.  Its other fields are set already.  Returns 0; -1
 * with what failed in *what and errno.
 */
int socks_open(struct socks *, const struct target *, const struct addr *source,
    struct flow *, const char **what);

/* socks_send: with this TTL.  Returns 0, or -1 with errno. */
int socks_send(const struct socks *, int is_icmp, uint8_t ttl, const uint8_t *b,
    size_t len);
/* socks_receive: the next answer to the flow that fd has.  Returns 1; 0 if
 * there is none now; what is no answer is passed over. */
int socks_receive(
    const struct socks *, const struct flow *, int fd, struct answer *);

/* socks_ttl_option: level and name of the option that sets a TTL. */
void socks_ttl_option(enum family, int *level, int *name);

#endif /* UTRACE_SOCKS_H */
