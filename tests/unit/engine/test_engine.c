/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The engine's messages and its loop, without its sandbox: this process plays
 * controller and packet process as well.
 */

#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "engine/state.h"
#include "tests/unit/engine/packets.h"

#define PENDING 64
#define TRACES  4
#define START   (1000 * NS_PER_S)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct fixture {
	struct engine e;
	struct imsgbuf controller; /* our ends */
	struct imsgbuf priv;
	int fd[ENGINE_PEERS][2];
};

static int
test_setup(void **state)
{
	struct fixture *f;
	struct ibuf_pool *tx, *rx;
	uint32_t max = msg_engine_to_controller.maxsize;
	int i;

	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return (-1);
	*state = f;
	for (i = 0; i < ENGINE_PEERS; i++)
		if (proc_socketpair(f->fd[i], 65536) == -1)
			return (-1);
	tx = ibuf_pool_new(32, IMSG_HEADER_SIZE + max);
	rx = ibuf_pool_new(4, IMSG_HEADER_SIZE + max);
	if (tx == NULL || rx == NULL ||
	    imsgbuf_init(&f->e.ib[ENGINE_CONTROLLER], f->fd[0][0]) == -1 ||
	    imsgbuf_set_maxsize(&f->e.ib[ENGINE_CONTROLLER], max) == -1 ||
	    imsgbuf_set_pool(&f->e.ib[ENGINE_CONTROLLER], tx, rx) == -1 ||
	    engine_open_priv(&f->e, f->fd[1][0], f->fd[1][0], PENDING) == -1 ||
	    engine_tables(&f->e, PENDING, TRACES) == -1 ||
	    imsgbuf_init(&f->controller, f->fd[0][1]) == -1 ||
	    imsgbuf_init(&f->priv, f->fd[1][1]) == -1)
		return (-1);
	f->e.state = MSG_READY;
	f->e.now = START;
	return (0);
}

static int
test_teardown(void **state)
{
	struct fixture *f = *state;
	struct ibuf_pool *tx, *rx;
	int i;

	for (i = 0; i < ENGINE_PEERS; i++) {
		tx = f->e.ib[i].txpool;
		rx = f->e.ib[i].rxpool;
		imsgbuf_clear(&f->e.ib[i]);
		ibuf_pool_free(tx);
		ibuf_pool_free(rx);
		close(f->fd[i][0]);
		close(f->fd[i][1]);
	}
	imsgbuf_clear(&f->controller);
	imsgbuf_clear(&f->priv);
	engine_free(&f->e);
	free(f);
	return (0);
}

/* One turn of the loop, with what is ready now. */
static int
turn(struct fixture *f)
{
	struct pollfd pfds[ENGINE_SLOTS];

	assert_int_equal(imsgbuf_write(&f->controller), 0);
	assert_int_equal(imsgbuf_write(&f->priv), 0);
	(void)engine_poll(&f->e, pfds);
	assert_int_not_equal(
	    loop_wait(pfds, ENGINE_SLOTS, loop_now(), NULL), -1);
	return (engine_turn(&f->e, pfds));
}

/* The next message for us; the caller frees it. */
static uint32_t
next(struct imsgbuf *ib, struct imsg *imsg)
{
	int n;

	n = imsgbuf_get(ib, imsg);
	if (n == 0) {
		assert_int_equal(imsgbuf_read(ib), 1);
		n = imsgbuf_get(ib, imsg);
	}
	assert_int_not_equal(n, -1);
	return (n == 0 ? 0 : imsg_get_type(imsg));
}

static void
expect_u32(struct imsgbuf *ib, uint32_t type, uint32_t value)
{
	struct imsg imsg;
	const char *why;
	uint32_t v;

	assert_int_equal(next(ib, &imsg), type);
	assert_int_equal(msg_get_u32(&imsg, &v, &why), 0);
	assert_int_equal(v, value);
	imsg_free(&imsg);
}

static void
expect_order(struct fixture *f, uint32_t type, struct msg_id id)
{
	struct imsg imsg;
	struct msg_answer a;
	struct msg_turn t;
	const char *why;
	char fault[256];

	assert_string_equal(msg_name(next(&f->priv, &imsg)), msg_name(type));
	assert_non_null(msg_check(
	    &msg_engine_to_priv, &imsg, MSG_RUN, fault, sizeof(fault)));
	if (type == MSG_ANSWER)
		assert_int_equal(msg_get_answer(&imsg, &a, &why), 0);
	else if (type == MSG_TURN) {
		assert_int_equal(msg_get_turn(&imsg, &t, &why), 0);
		assert_true((t.ahead & MSG_TURN_AHEAD) != 0);
		a.id = t.id;
	} else
		assert_int_equal(msg_get_order(&imsg, &a.id, &why), 0);
	assert_int_equal(a.id.slot, id.slot);
	assert_int_equal(a.id.gen, id.gen);
	imsg_free(&imsg);
}

static void
expect_nothing(struct imsgbuf *ib)
{
	struct imsg imsg;

	assert_int_equal(next(ib, &imsg), 0);
}

static void
policy_make(struct policy *p, uint32_t generation)
{
	memset(p, 0, sizeof(*p));
	p->generation = generation;
	p->probe_icmp = 1;
	p->max_ttl = 32;
	p->gate_ns = 10 * NS_PER_S;
	p->timeout_ns = 3 * NS_PER_S;
	p->settle_ns = 400 * NS_PER_MS;
	p->nlisten = 1;
	p->listen[0].family = FAMILY_V4;
	p->listen[0].addr = packet_addr(FAMILY_V4, "198.51.100.9");
	p->nports = 1;
	p->ports[0].proto = PROTO_UDP;
	p->ports[0].lo = 33434;
	p->ports[0].hi = 33689;
}

static void
configure(struct fixture *f, uint32_t generation)
{
	struct policy *p;

	p = malloc(sizeof(*p));
	assert_non_null(p);
	policy_make(p, generation);
	assert_int_equal(msg_put_policy(&f->controller, p), 0);
	free(p);
	assert_int_equal(turn(f), 0);
	expect_u32(&f->controller, MSG_STAGED, generation);
	assert_int_equal(
	    msg_put_u32(&f->controller, MSG_CONF_COMMIT, 0, generation), 0);
	assert_int_equal(turn(f), 0);
	expect_u32(&f->controller, MSG_COMMITTED, generation);
}

static void
probe_put(struct fixture *f, const char *hex, enum proto proto, uint8_t ttl,
    struct msg_id id)
{
	struct msg_probe p;

	packet_probe(hex, FAMILY_V4, proto, &p);
	packet_set_ttl(&p, ttl);
	p.id = id;
	assert_int_equal(msg_put_probe(&f->priv, &p), 0);
}

static void
match_put(
    struct fixture *f, struct msg_id id, uint8_t type, uint8_t code, int client)
{
	struct msg_match m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.icmp_type = type;
	m.icmp_code = code;
	m.from_client = (uint8_t)client;
	m.router = packet_addr(FAMILY_V4, "203.0.113.1");
	m.datalen = 28;
	assert_int_equal(msg_put_match(&f->priv, &m), 0);
}

/* Before a configuration: probes are left to the host. */
static void
test_configure(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 5, 1 };

	probe_put(f, PACKET_ICMP4, PROTO_ICMP, 1, id);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_PASS, id);
	configure(f, 1);
	assert_int_equal(f->e.state, MSG_RUN);
	assert_int_equal(f->e.policy->generation, 1);
	assert_int_equal(f->e.policy->nlisten, 1);

	/* Aborted: the old one stays, and the next one begins anew. */
	assert_int_equal(msg_put_u32(&f->controller, MSG_CONF_BEGIN, 0, 2), 0);
	assert_int_equal(msg_put_u32(&f->controller, MSG_CONF_ABORT, 0, 2), 0);
	assert_int_equal(turn(f), 0);
	expect_nothing(&f->controller);
	assert_int_equal(f->e.policy->generation, 1);
	configure(f, 3);
	assert_int_equal(f->e.policy->generation, 3);
}

static void
test_probes(void **state)
{
	struct fixture *f = *state;
	struct msg_id a = { 0, 1 }, b = { 1, 1 }, c = { 2, 1 };

	configure(f, 1);
	probe_put(f, PACKET_ICMP4, PROTO_ICMP, 2, a);
	probe_put(f, PACKET_ICMP4, PROTO_ICMP, 1, b);
	probe_put(f, PACKET_ICMP4, PROTO_ICMP, 2, c);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_PASS, a);
	expect_order(f, MSG_INFLECT, b);
	expect_order(f, MSG_TURN, c);
	expect_nothing(&f->priv);
	assert_int_equal(f->e.stats.stat[STAT_GATED][FAMILY_V4][PROTO_ICMP], 1);

	match_put(f, c, ICMP4_TIMEX, 0, 0);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_ANSWER, c);

	/* From the client itself; by settle; forgotten. */
	a.gen = b.gen = c.gen = 2;
	probe_put(f, PACKET_UDP4, PROTO_UDP, 9, a);
	probe_put(f, PACKET_UDP4, PROTO_UDP, 10, b);
	probe_put(f, PACKET_UDP4, PROTO_UDP, 11, c);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_TURN, a);
	expect_order(f, MSG_TURN, b);
	expect_order(f, MSG_TURN, c);
	match_put(f, a, ICMP4_UNREACH, ICMP4_UNREACH_PORT, 1);
	assert_int_equal(msg_put_expired(&f->priv, b, EXPIRY_SETTLE), 0);
	assert_int_equal(msg_put_expired(&f->priv, c, EXPIRY_TIMEOUT), 0);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_FINAL, a);
	expect_order(f, MSG_FINAL, b);
	/* An answer that was quicker than that FINAL. */
	match_put(f, b, ICMP4_TIMEX, 0, 0);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_ANSWER, b);
	expect_nothing(&f->priv);
}

/* Leaves of `limit total` only what is kept for who waits or is gated. */
static void
limits_use_up(struct fixture *f)
{
	struct limit_ask ask;
	struct addr other;
	uint32_t n;

	f->e.policy->limit_total.rate = 1;
	f->e.policy->limit_total.burst = 64;
	limit_set(f->e.limit, f->e.policy, f->e.now);
	memset(&other, 0, sizeof(other));
	memset(&ask, 0, sizeof(ask));
	ask.family = FAMILY_V4;
	ask.client = &other;
	ask.ttl = 1;
	ask.rank = LIMIT_OPENS;
	for (n = 1; limit_take(f->e.limit, &ask, f->e.now) == LIMIT_OK; n++) {
		assert_true(n < 100);
		wire_put32(other.b, n << 8);
	}
}

/*
 * A first probe over limit gets no order until its source's next one comes,
 * unless the packet process was quicker and has used its slot again.
 */
static void
test_waiting(void **state)
{
	const struct policy_fixed few = { .pending = PENDING, .queue_len = 4 };
	const struct policy_fixed f64 = { .pending = PENDING, .queue_len = 64 };
	struct fixture *f = *state;
	struct msg_id a = { 0, 1 }, b = { 1, 1 }, c = { 2, 1 }, d = { 3, 1 };

	assert_int_equal(engine_room_to_wait(&f->e, &few), 0);
	assert_null(f->e.waiting);
	assert_int_equal(engine_room_to_wait(&f->e, &f64), 0);
	assert_non_null(f->e.waiting);
	configure(f, 1);
	limits_use_up(f);

	/* Woken by the second probe. */
	probe_put(f, PACKET_UDP4, PROTO_UDP, 1, a);
	assert_int_equal(turn(f), 0);
	expect_nothing(&f->priv);
	probe_put(f, PACKET_UDP4, PROTO_UDP, 2, b);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_INFLECT, a);
	expect_order(f, MSG_TURN, b);

	/* Another protocol's gate is another one. */
	probe_put(f, PACKET_ICMP4, PROTO_ICMP, 1, c);
	assert_int_equal(turn(f), 0);
	expect_nothing(&f->priv);
	/* The slot was used again: nothing is ordered for its old probe. */
	c.gen = 2;
	probe_put(f, PACKET_TCP4, PROTO_TCP, 9, c);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_PASS, c);
	probe_put(f, PACKET_ICMP4, PROTO_ICMP, 2, d);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_TURN, d);
	expect_nothing(&f->priv);
}

static void
test_requests(void **state)
{
	struct fixture *f = *state;
	struct stats *stats;
	struct imsg imsg;
	const char *why;

	configure(f, 1);
	f->e.stats.stat[STAT_LIMITED][FAMILY_V6][PROTO_TCP] = 77;
	f->e.log.dropped = 5;
	stats = malloc(sizeof(*stats));
	assert_non_null(stats);
	assert_int_equal(msg_put_empty(&f->controller, MSG_STATS, 4711), 0);
	assert_int_equal(msg_put_u32(&f->controller, MSG_PING, 0, 0xfeed), 0);
	assert_int_equal(msg_put_u8(&f->controller, MSG_VERBOSE, 0, 1), 0);
	assert_int_equal(turn(f), 0);
	assert_int_equal(next(&f->controller, &imsg), MSG_STATS_DATA);
	assert_int_equal(imsg_get_id(&imsg), 4711);
	assert_int_equal(msg_get_stats(&imsg, stats, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(stats->stat[STAT_LIMITED][FAMILY_V6][PROTO_TCP], 77);
	assert_int_equal(stats->tally[TALLY_LOG_DROPPED], 5);
	free(stats);
	expect_u32(&f->priv, MSG_PING_ON, 0xfeed);
	assert_int_equal(log_getverbose(), 1);
	log_setverbose(0);
	assert_int_equal(msg_put_empty(&f->controller, MSG_STOP, 0), 0);
	assert_int_equal(turn(f), 1);
}

/*
 * A packet process that does not read: the engine stops taking its messages,
 * and when it reads again not one order is missing.
 */
static void
test_full(void **state)
{
	struct fixture *f = *state;
	struct pollfd pfds[ENGINE_SLOTS];
	struct msg_id id = { 0, 0 };
	uint32_t asked, got;
	int i;

	configure(f, 1);
	asked = 0;
	do {
		/* As long as there is room in the pipe towards the engine. */
		for (i = 0; i < PENDING; i++) {
			id.slot = asked % PENDING;
			id.gen = 1 + asked / PENDING;
			probe_put(f, PACKET_UDP4, PROTO_UDP, 2, id);
			asked++;
		}
		assert_int_equal(turn(f), 0);
	} while (imsgbuf_queuelen(&f->priv) == 0);
	(void)engine_poll(&f->e, pfds);
	assert_int_equal(pfds[ENGINE_PRIV].events, 0);
	assert_int_equal(pfds[ENGINE_SLOT_OUT].fd, f->e.ib[ENGINE_PRIV].wfd);
	assert_int_equal(pfds[ENGINE_SLOT_OUT].events, POLLOUT);
	assert_int_equal(pfds[ENGINE_CONTROLLER].events, POLLIN);
	assert_int_equal(
	    ibuf_pool_avail(f->e.ib[ENGINE_PRIV].txpool), ENGINE_RESERVE);
	/* A ping still finds a buffer, and nothing blocks. */
	assert_int_equal(msg_put_u32(&f->controller, MSG_PING, 0, 1), 0);
	assert_int_equal(turn(f), 0);
	assert_int_equal(
	    ibuf_pool_avail(f->e.ib[ENGINE_PRIV].txpool), ENGINE_RESERVE - 1);

	for (got = 0; got < asked;) {
		struct msg_turn order;
		struct imsg imsg;
		const char *why;
		uint32_t type;

		while ((type = next(&f->priv, &imsg)) != 0) {
			if (type != MSG_PING_ON) {
				assert_int_equal(type, MSG_TURN);
				assert_int_equal(
				    msg_get_turn(&imsg, &order, &why), 0);
				id = order.id;
				assert_int_equal(id.slot, got % PENDING);
				assert_int_equal(id.gen, 1 + got / PENDING);
				got++;
			}
			imsg_free(&imsg);
		}
		assert_int_equal(turn(f), 0);
	}
	assert_int_equal(got, asked);
}

/* More in one read than there are buffers: it goes on by itself. */
static void
test_burst(void **state)
{
	struct fixture *f = *state;
	struct msg_id id;
	uint32_t i;

	configure(f, 1);
	for (i = 0; i < 3 * PENDING; i++) {
		id.slot = i % PENDING;
		id.gen = 1 + i / PENDING;
		probe_put(f, PACKET_UDP4, PROTO_UDP, 2, id);
	}
	assert_int_equal(turn(f), 0);
	assert_int_equal(imsgbuf_queuelen(&f->priv), 0);
	for (i = 0; i < 3 * PENDING; i++) {
		id.slot = i % PENDING;
		id.gen = 1 + i / PENDING;
		expect_order(f, MSG_TURN, id);
	}
	expect_nothing(&f->priv);
}

/* Nothing is allocated, whatever comes. */
static void
test_no_allocation(void **state)
{
	struct fixture *f = *state;
	struct mallinfo2 before, after;
	struct msg_id id;
	struct imsg imsg;
	size_t used;
	uint32_t i;

	if (SANITIZED) {
		print_message("SKIPPED: the sanitizer's heap is not counted\n");
		skip();
	}
	configure(f, 1);
	used = 0;
	for (i = 0; i < 10000; i++) {
		id.slot = i % PENDING;
		id.gen = 1 + i / PENDING;
		probe_put(f, i & 1 ? PACKET_UDP4 : PACKET_TCP4,
		    i & 1 ? PROTO_UDP : PROTO_TCP, 1 + i / 2 % 20, id);
		assert_int_equal(imsgbuf_write(&f->priv), 0);
		before = mallinfo2();
		assert_int_equal(turn(f), 0);
		after = mallinfo2();
		used += after.uordblks != before.uordblks ||
		    after.hblkhd != before.hblkhd ||
		    after.arena != before.arena;
		while (next(&f->priv, &imsg) != 0)
			imsg_free(&imsg);
	}
	assert_int_equal(used, 0);
}

/* What ends the engine, each in a process of its own. */
static const char *const endings[] = {
	"order from above in READY",
	"commit of nothing",
	"commit of another generation",
	"match without a probe",
	"match for a slot beyond the last",
	"probe with an old generation",
	"unknown message of the packet process",
	"reply to what was not mirrored",
	"controller gone",
	"packet process gone",
	"packet process gone, then STOP",
	"header that is no header",
};
#define NENDINGS (sizeof(endings) / sizeof(endings[0]))
static const int codes[NENDINGS] = { EXIT_VIOLATION, EXIT_VIOLATION,
	EXIT_VIOLATION, EXIT_VIOLATION, EXIT_VIOLATION, EXIT_VIOLATION,
	EXIT_VIOLATION, EXIT_VIOLATION, EXIT_LOST, EXIT_LOST, EXIT_OK,
	EXIT_VIOLATION };

static void
end_by(struct fixture *f, size_t how)
{
	struct msg_id id = { 0, 1 }, beyond = { PENDING, 1 };
	static struct policy staged;
	struct msg_match m;
	int i;

	if (how != 0)
		configure(f, 1);
	switch (how) {
	case 0:
		match_put(f, id, ICMP4_TIMEX, 0, 0);
		break;
	case 1:
		(void)msg_put_u32(&f->controller, MSG_CONF_COMMIT, 0, 2);
		break;
	case 2:
		policy_make(&staged, 2);
		(void)msg_put_policy(&f->controller, &staged);
		(void)msg_put_u32(&f->controller, MSG_CONF_COMMIT, 0, 3);
		break;
	case 3:
		match_put(f, id, ICMP4_TIMEX, 0, 0);
		break;
	case 4:
		match_put(f, beyond, ICMP4_TIMEX, 0, 0);
		break;
	case 5:
		probe_put(f, PACKET_UDP4, PROTO_UDP, 2, id);
		probe_put(f, PACKET_UDP4, PROTO_UDP, 2, id);
		break;
	case 6:
		(void)msg_put_empty(&f->priv, MSG_STOP, 0);
		break;
	case 7:
		probe_put(f, PACKET_UDP4, PROTO_UDP, 2, id);
		memset(&m, 0, sizeof(m));
		m.id = id;
		m.kind = MATCH_REPLY;
		(void)msg_put_match(&f->priv, &m);
		break;
	case 8:
		/* Not close: the parent holds it, too. */
		(void)shutdown(f->fd[0][1], SHUT_RDWR);
		break;
	case 9:
	case 10:
		(void)shutdown(f->fd[1][1], SHUT_RDWR);
		break;
	case 11:
		(void)!write(f->fd[1][1], "no header at all", 16);
		break;
	default:
		_exit(99);
	}
	(void)imsgbuf_write(&f->controller);
	(void)imsgbuf_write(&f->priv);
	for (i = 0; i < 10; i++) {
		struct pollfd pfds[ENGINE_SLOTS];

		if (how == 10 && i == 2)
			(void)msg_put_empty(&f->controller, MSG_STOP, 0);
		(void)imsgbuf_write(&f->controller);
		(void)engine_poll(&f->e, pfds);
		(void)loop_wait(pfds, ENGINE_SLOTS, loop_now(), NULL);
		f->e.now += ENGINE_GRACE_NS / 4;
		if (engine_turn(&f->e, pfds))
			_exit(EXIT_OK);
	}
	_exit(98);
}

static void
test_endings(void **state)
{
	struct fixture *f;
	void *own;
	size_t i;
	pid_t pid;
	int status;

	(void)state;
	for (i = 0; i < NENDINGS; i++) {
		assert_int_equal(test_setup(&own), 0);
		f = own;
		pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0)
			end_by(f, i);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != codes[i])
			fail_msg("%s: status 0x%x", endings[i],
			    (unsigned int)status);
		assert_int_equal(test_teardown(&own), 0);
	}
}

/* What the client says is no time to a reverse router. */
static void
test_rtt(void **state)
{
	struct fixture *f = *state;
	struct msg_id id = { 0, 1 };

	configure(f, 1);
	probe_put(f, PACKET_UDP4, PROTO_UDP, 9, id);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_TURN, id);
	match_put(f, id, ICMP4_UNREACH, ICMP4_UNREACH_PORT, 1);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_FINAL, id);
	assert_int_equal(f->e.stats.rtt[FAMILY_V4][0], 0);
}

/* Under `mode observe' no verdict waits for a second probe. */
static void
test_observe_waits_not(void **state)
{
	struct policy_fixed fixed = { .queue_len = 1024, .pending = 1024 };
	struct fixture *f = *state;
	struct msg_id id = { 0, 1 };
	struct msg_probe p;

	assert_int_equal(engine_room_to_wait(&f->e, &fixed), 0);
	assert_non_null(f->e.waiting);
	configure(f, 1);
	f->e.policy->limit_total.rate = f->e.policy->limit_total.burst = 1;
	limit_set(f->e.limit, f->e.policy, f->e.now);
	probe_put(f, PACKET_ICMP4, PROTO_ICMP, 1, id);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_INFLECT, id);
	packet_probe(PACKET_UDP4, FAMILY_V4, PROTO_UDP, &p);
	packet_set_ttl(&p, 1);
	p.id.slot = 1;
	p.id.gen = 1;
	p.observe = 1;
	assert_int_equal(msg_put_probe(&f->priv, &p), 0);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_PASS, p.id);
	/* One that is to be served would. */
	p.id.gen = 2;
	p.observe = 0;
	assert_int_equal(msg_put_probe(&f->priv, &p), 0);
	assert_int_equal(turn(f), 0);
	assert_int_equal(imsgbuf_queuelen(&f->e.ib[ENGINE_PRIV]), 0);
	assert_int_equal(
	    f->e.stats.stat[STAT_LIMITED][FAMILY_V4][PROTO_UDP], 2);
}

/* Denied, listed, and no longer denied; through another configuration. */
static void
test_deny(void **state)
{
	struct fixture *f = *state;
	struct msg_deny d = { .family = FAMILY_V4, .ms = 60000 }, row;
	struct msg_list list = { LIST_DENIED, 0 };
	struct msg_id id = { 0, 1 };
	struct imsg imsg;
	const char *why;
	uint8_t done;

	configure(f, 1);
	assert_int_equal(msg_put_deny(&f->controller, MSG_DENY, 7, &d), 0);
	assert_int_equal(turn(f), 0);
	assert_int_equal(next(&f->controller, &imsg), MSG_DENY_DONE);
	assert_int_equal(imsg_get_id(&imsg), 7);
	assert_int_equal(msg_get_u8(&imsg, 9, &done, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(done, DENYING_DONE);
	configure(f, 2);
	probe_put(f, PACKET_UDP4, PROTO_UDP, 3, id);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_PASS, id);
	assert_int_equal(f->e.stats.stat[STAT_DENIED][FAMILY_V4][PROTO_UDP], 1);

	assert_int_equal(msg_put_list(&f->controller, MSG_LIST, 8, &list), 0);
	assert_int_equal(turn(f), 0);
	assert_int_equal(next(&f->controller, &imsg), MSG_DENIED);
	assert_int_equal(imsg_get_id(&imsg), 8);
	assert_int_equal(msg_get_deny(&imsg, &row, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(row.len, 0);
	assert_int_equal(row.ms, 60000);
	expect_u32(&f->controller, MSG_LIST_END, 0);

	d.remove = 1;
	d.ms = 0;
	assert_int_equal(msg_put_deny(&f->controller, MSG_DENY, 9, &d), 0);
	id.gen = 2;
	probe_put(f, PACKET_UDP4, PROTO_UDP, 3, id);
	assert_int_equal(turn(f), 0);
	expect_order(f, MSG_TURN, id);
}

#define FRESH(test) \
	cmocka_unit_test_setup_teardown(test, test_setup, test_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		FRESH(test_configure),
		FRESH(test_probes),
		FRESH(test_waiting),
		FRESH(test_requests),
		FRESH(test_full),
		FRESH(test_burst),
		FRESH(test_observe_waits_not),
		FRESH(test_rtt),
		FRESH(test_deny),
		FRESH(test_no_allocation),
		cmocka_unit_test(test_endings),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
