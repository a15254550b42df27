/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTRACE_PROBER_H
#define UTRACE_PROBER_H

#include <stdint.h>

#include "utrace/hop.h"
#include "utrace/paths.h"
#include "utrace/socks.h"
#include "utrace/survey.h"

/*
 * The process that sends probes and takes their answers apart.  It opens its
 * sockets, gives every right up, and hands hops over by a pipe.  What comes
 * through is of fixed form, and checked once more at the other end.
 */

enum prober_mode {
	PROBER_AUTO, /* by requests where the host serves them, or by u-turn */
	PROBER_REQUEST, /* by requests only */
	PROBER_TURN     /* by u-turn only */
};

/* Probes leave at this pace, so many are awaited at a time. */
#define PROBER_GAP_MS   40
#define PROBER_WINDOW   16
#define PROBER_PROBES   3
#define PROBER_TTL      30
#define PROBER_WAIT_MS  2000
#define PROBER_WAIT_MAX 10000
/* So many silent hops one after the other end a trace. */
#define PROBER_SILENT 6

struct prober_conf {
	struct target target;
	struct addr source; /* zero: the kernel's choice */
	enum proto proto;
	uint16_t port;
	enum prober_mode mode;
	uint16_t first;
	uint16_t max; /* hops of each way */
	uint8_t probes;
	int64_t wait_ns;
};

/* Does the host serve requests? */
enum prober_serves {
	PROBER_MUTE,   /* it does not answer them */
	PROBER_ECHOES, /* it sends them back */
	PROBER_SERVES
};

enum prober_what {
	PROBER_BEGIN = 1, /* the sockets are open, the rights are gone */
	PROBER_BACK,      /* the inflection and how the way back is learnt */
	PROBER_HERE,      /* the reverse hop that is ourselves */
	PROBER_HOP,
	PROBER_END
};

/* The last message. */
struct prober_end {
	uint8_t serves;  /* enum prober_serves */
	uint8_t reached; /* the host answered a probe */
	uint8_t status;  /* of the last request that was refused; 0: none was */
	uint8_t learnt;  /* requests for hops were answered */
	uint8_t spent;   /* the run used up its packets */
	uint16_t value;  /* of that status */
	int32_t error;   /* errno of a packet that could not be sent; 0: none */
};

struct prober_msg {
	uint32_t what; /* enum prober_what */
	union {
		struct {
			uint16_t turn; /* hop of the inflection; 0: not seen */
			uint16_t
			    first;  /* from this hop on it is the way back */
			uint8_t by; /* enum trace_by */
		} back;
		uint16_t here;
		struct hop hop;
		struct prober_end end;
	};
};

/* prober_get: in the parent: the next message, checked.  As reader_get. */
int prober_get(int fd, struct prober_msg *);

/*
 * prober_main: in the child, started with CAP_NET_RAW: opens the sockets, locks
 * the process up, traces, writes messages to out.  Returns the process's exit
 * code; what failed at the start it says on stderr.
 */
int prober_main(const struct prober_conf *, int out, int parent);

/* All that the prober has: prober.c runs, phases.c says what and when. */
struct prober {
	const struct prober_conf *conf;
	int out;
	struct socks socks;
	struct flow flow;
	struct tokens tokens;
	struct prober_end end;
	uint16_t distance; /* hops to the host; 0: not known */
	int64_t sent;      /* when the last packet left */
	uint16_t final;    /* the first hop that the host answered for good */
	struct survey survey;
};

struct phase {
	struct survey_conf conf;
	/* What is sent for a hop: a request for hop 0 (asks the host whether it
	 * serves them), a request for this reverse hop, or a probe. */
	enum phase_sends {
		PHASE_TESTS,
		PHASE_PROBES,
		PHASE_REQUESTS
	} sends;
	uint8_t ttl; /* of the packet; 0: the hop's number */
	/* An answer to the survey's packet; it puts it in. */
	void (*answer)(struct prober *, const struct answer *, int64_t now);
	/* After each round: hops may be ready. */
	int (*step)(struct prober *);
};

/* prober_phase: runs one.  Returns 0, or -1 with errno: the pipe is gone. */
int prober_phase(struct prober *, const struct phase *);
/* prober_send_*: messages.  Return 0, or -1 with errno. */
int prober_send_hop(struct prober *, const struct hop *, uint16_t ttl);
int
prober_send_back(struct prober *, uint16_t turn, uint16_t first, enum trace_by);
int prober_send_here(struct prober *, uint16_t ttl);
/* phases_run: the whole trace.  Returns 0, or -1 with errno. */
int phases_run(struct prober *);

#endif /* UTRACE_PROBER_H */
