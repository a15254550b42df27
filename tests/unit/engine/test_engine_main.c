/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The engine as it runs: engine_main in a process of its own, locked up, this
 * process at the other end of both pipes.  Needs root, as the daemon's start
 * does; and no sanitizer, which needs system calls that the filter forbids.
 */

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "common/child.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/proc.h"
#include "common/sandbox.h"
#include "engine/engine.h"
#include "tests/unit/engine/packets.h"

#define PENDING 128
#define NOBODY  65534
#define WAIT_NS (10 * NS_PER_S)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct fixture {
	struct imsgbuf controller; /* our ends */
	struct imsgbuf priv;
	int fd_controller;
	int fd_priv;
	int fd_priv_out;
	pid_t pid;
	char log[LOG_LINE_MAX]; /* the last line that came */
};

/* In the child: what main does before engine_main. */
static void
child_run(int fd)
{
	if (fd != PROC_FD_CONTROLLER && dup2(fd, PROC_FD_CONTROLLER) == -1)
		_exit(97);
	if (close_range(PROC_FD_CONTROLLER + 1, ~0U, 0) == -1)
		_exit(96);
	log_init("engine", 0);
	if (sodium_init() == -1)
		_exit(95);
	exit(engine_main());
}

/* The next message of a peer, LOG lines apart; 0: it closed the pipe. */
static uint32_t
next(struct fixture *f, struct imsgbuf *ib, struct imsg *imsg)
{
	struct pollfd pfd;
	const char *why;
	int64_t deadline;
	uint8_t pri;
	int n;

	deadline = loop_now() + WAIT_NS;
	for (;;) {
		n = imsgbuf_get(ib, imsg);
		assert_int_not_equal(n, -1);
		if (n == 1 && imsg_get_type(imsg) == MSG_LOG) {
			assert_int_equal(msg_get_text(imsg, 7, &pri, f->log,
					     sizeof(f->log), &why),
			    0);
			imsg_free(imsg);
			continue;
		}
		if (n == 1)
			return (imsg_get_type(imsg));
		pfd.fd = ib == &f->priv ? f->fd_priv : f->fd_controller;
		pfd.events = POLLIN;
		assert_int_equal(loop_wait(&pfd, 1, deadline, NULL), 1);
		n = imsgbuf_read(ib);
		if (n == 0 || (n == -1 && errno == ECONNRESET))
			return (0);
		assert_int_equal(n, 1);
	}
}

/* Both pipes of a child: the one that it reads, and the one that it writes. */
static void
pipes(int in[2], int out[2])
{
	assert_int_equal(proc_pipe(in, 65536), 0);
	assert_int_equal(proc_pipe(out, 65536), 0);
}

static void
start(struct fixture *f)
{
	struct msg_init init;
	struct imsg imsg;
	int c[2], in[2], out[2];

	memset(f, 0, sizeof(*f));
	assert_int_equal(proc_socketpair(c, 65536), 0);
	pipes(in, out);
	f->pid = fork();
	assert_int_not_equal(f->pid, -1);
	if (f->pid == 0)
		child_run(c[1]);
	close(c[1]);
	f->fd_controller = c[0];
	f->fd_priv = out[0];
	f->fd_priv_out = in[1];
	assert_int_equal(imsgbuf_init(&f->controller, c[0]), 0);
	assert_int_equal(imsgbuf_init_pipes(&f->priv, out[0], in[1]), 0);
	imsgbuf_allow_fdpass(&f->controller);

	memset(&init, 0, sizeof(init));
	init.uid = init.gid = NOBODY;
	init.verbose = 1;
	init.fixed.queue_len = 1024;
	init.fixed.pending = PENDING;
	assert_int_equal(msg_put_init(&f->controller, &init), 0);
	assert_int_equal(msg_put_peer(&f->controller, in[0]), 0);
	assert_int_equal(msg_put_peer(&f->controller, out[1]), 0);
	assert_int_equal(imsgbuf_flush(&f->controller), 0);
	assert_int_equal(next(f, &f->controller, &imsg), MSG_LOCKED);
	imsg_free(&imsg);
}

/* Waits for the engine's end; the code that it exited with. */
static int
finish(struct fixture *f)
{
	struct imsg imsg;
	int status;

	if (f->fd_controller != -1)
		while (next(f, &f->controller, &imsg) != 0)
			imsg_free(&imsg);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	imsgbuf_clear(&f->controller);
	imsgbuf_clear(&f->priv);
	if (f->fd_controller != -1)
		close(f->fd_controller);
	if (f->fd_priv != -1) {
		close(f->fd_priv);
		close(f->fd_priv_out);
	}
	if (!WIFEXITED(status))
		fail_msg("signal %d", WTERMSIG(status));
	return (WEXITSTATUS(status));
}

static void
configure(struct fixture *f)
{
	struct policy *p;
	struct imsg imsg;

	p = calloc(1, sizeof(*p));
	assert_non_null(p);
	p->generation = 1;
	p->probe_icmp = 1;
	p->max_ttl = 32;
	p->gate_ns = 10 * NS_PER_S;
	p->timeout_ns = 3 * NS_PER_S;
	p->settle_ns = 400 * NS_PER_MS;
	p->limit_total.rate = p->limit_total.burst = 100000;
	p->nlisten = 1;
	p->listen[0].addr = packet_addr(FAMILY_V4, "198.51.100.9");
	p->nports = 1;
	p->ports[0].lo = 33434;
	p->ports[0].hi = 33689;
	assert_int_equal(msg_put_policy(&f->controller, p), 0);
	assert_int_equal(msg_put_u32(&f->controller, MSG_CONF_COMMIT, 0, 1), 0);
	assert_int_equal(imsgbuf_flush(&f->controller), 0);
	assert_int_equal(next(f, &f->controller, &imsg), MSG_STAGED);
	imsg_free(&imsg);
	assert_int_equal(next(f, &f->controller, &imsg), MSG_COMMITTED);
	imsg_free(&imsg);
	free(p);
}

static void
probe(struct fixture *f, struct msg_id id, uint32_t order)
{
	struct msg_turn turn;
	struct msg_probe p;
	struct imsg imsg;
	const char *why;

	packet_probe(PACKET_UDP4, FAMILY_V4, PROTO_UDP, &p);
	p.id = id;
	assert_int_equal(msg_put_probe(&f->priv, &p), 0);
	assert_int_equal(imsgbuf_flush(&f->priv), 0);
	assert_int_equal(next(f, &f->priv, &imsg), order);
	if (order == MSG_TURN)
		assert_int_equal(msg_get_turn(&imsg, &turn, &why), 0);
	else
		assert_int_equal(msg_get_order(&imsg, &turn.id, &why), 0);
	assert_int_equal(turn.id.slot, id.slot);
	assert_int_equal(turn.id.gen, id.gen);
	imsg_free(&imsg);
}

/* A line of /proc/pid/status. */
static void
expect_status(const struct fixture *f, const char *line)
{
	char path[64], text[4096];
	size_t n;
	FILE *fp;

	assert_true(
	    snprintf(path, sizeof(path), "/proc/%d/status", (int)f->pid) > 0);
	fp = fopen(path, "r");
	assert_non_null(fp);
	n = fread(text, 1, sizeof(text) - 1, fp);
	fclose(fp);
	text[n] = '\0';
	if (strstr(text, line) == NULL)
		fail_msg("no \"%s\" in %s", line, text);
}

/* A whole life: start, configuration, probe, match, statistics, stop. */
static void
test_life(void **state)
{
	struct fixture f;
	struct msg_answer answer;
	struct msg_match m;
	struct msg_id id = { 3, 1 };
	struct stats *stats;
	struct imsg imsg;
	const char *why;

	(void)state;
	start(&f);
	assert_non_null(strstr(f.log, "locked up"));
	configure(&f);
	expect_status(&f, "Uid:\t65534\t65534\t65534\t65534\n");
	expect_status(&f, "Gid:\t65534\t65534\t65534\t65534\n");
	expect_status(&f, "CapInh:\t0000000000000000\n");
	expect_status(&f, "CapPrm:\t0000000000000000\n");
	expect_status(&f, "CapEff:\t0000000000000000\n");
	expect_status(&f, "CapBnd:\t0000000000000000\n");
	expect_status(&f, "CapAmb:\t0000000000000000\n");
	expect_status(&f, "NoNewPrivs:\t1\n");
	expect_status(&f, "Seccomp:\t2\n");

	probe(&f, id, MSG_TURN);
	memset(&m, 0, sizeof(m));
	m.id = id;
	m.icmp_type = ICMP4_TIMEX;
	m.router = packet_addr(FAMILY_V4, "203.0.113.1");
	m.datalen = 28;
	assert_int_equal(msg_put_match(&f.priv, &m), 0);
	assert_int_equal(imsgbuf_flush(&f.priv), 0);
	assert_int_equal(next(&f, &f.priv, &imsg), MSG_ANSWER);
	assert_int_equal(msg_get_answer(&imsg, &answer, &why), 0);
	assert_true(answer.flags & MSG_ANSWER_ADDR);
	imsg_free(&imsg);

	/*
	 * Stopped and continued, which needs no restart_syscall here; signals
	 * that only the controller acts on.
	 */
	assert_int_equal(kill(f.pid, SIGSTOP), 0);
	assert_int_equal(kill(f.pid, SIGTERM), 0);
	assert_int_equal(kill(f.pid, SIGINT), 0);
	assert_int_equal(kill(f.pid, SIGHUP), 0);
	assert_int_equal(kill(f.pid, SIGCONT), 0);

	stats = malloc(sizeof(*stats));
	assert_non_null(stats);
	assert_int_equal(msg_put_u32(&f.controller, MSG_PING, 0, 9), 0);
	assert_int_equal(msg_put_empty(&f.controller, MSG_STATS, 5), 0);
	assert_int_equal(imsgbuf_flush(&f.controller), 0);
	assert_int_equal(next(&f, &f.controller, &imsg), MSG_STATS_DATA);
	assert_int_equal(imsg_get_id(&imsg), 5);
	assert_int_equal(msg_get_stats(&imsg, stats, &why), 0);
	imsg_free(&imsg);
	free(stats);
	assert_int_equal(next(&f, &f.priv, &imsg), MSG_PING_ON);
	imsg_free(&imsg);

	assert_int_equal(msg_put_empty(&f.controller, MSG_STOP, 0), 0);
	assert_int_equal(imsgbuf_flush(&f.controller), 0);
	assert_int_equal(finish(&f), EXIT_OK);
}

/* Many probes under the filter, which knows no way to get memory. */
static void
test_many(void **state)
{
	struct fixture f;
	struct msg_id id;
	uint32_t i;

	(void)state;
	start(&f);
	configure(&f);
	for (i = 0; i < 10000; i++) {
		id.slot = i % PENDING;
		id.gen = 1 + i / PENDING;
		probe(&f, id, MSG_TURN);
	}
	assert_int_equal(msg_put_empty(&f.controller, MSG_STOP, 0), 0);
	assert_int_equal(imsgbuf_flush(&f.controller), 0);
	assert_int_equal(finish(&f), EXIT_OK);
}

static void
test_violations(void **state)
{
	struct fixture f;
	struct msg_id id = { PENDING, 1 };

	(void)state;
	start(&f);
	configure(&f);
	assert_int_equal(msg_put_expired(&f.priv, id, EXPIRY_TIMEOUT), 0);
	assert_int_equal(imsgbuf_flush(&f.priv), 0);
	assert_int_equal(finish(&f), EXIT_VIOLATION);
	assert_string_equal(
	    f.log, "fatal: packet process: EXPIRED: no such slot");

	/* A stream that is none; this line has an error's text, too. */
	start(&f);
	assert_int_equal(write(f.fd_priv_out, "no header at all", 16), 16);
	assert_int_equal(finish(&f), EXIT_VIOLATION);
	assert_non_null(strstr(f.log, "fatal: packet process: broken stream"));

	/* INIT once more. */
	start(&f);
	assert_int_equal(msg_put_empty(&f.controller, MSG_INIT, 0), 0);
	assert_int_equal(imsgbuf_flush(&f.controller), 0);
	assert_int_equal(finish(&f), EXIT_VIOLATION);
	assert_string_equal(
	    f.log, "fatal: controller: INIT: not in state ready");
}

/* How a child ends that is given these descriptors as its peer's. */
static int
peers(const int fd[3], size_t n)
{
	struct imsgbuf controller;
	int c[2], status;
	size_t i;
	pid_t pid;

	assert_int_equal(proc_socketpair(c, 65536), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		/* What it says of it goes to stderr. */
		(void)close(STDERR_FILENO);
		child_run(c[1]);
	}
	close(c[1]);
	assert_int_equal(imsgbuf_init(&controller, c[0]), 0);
	imsgbuf_allow_fdpass(&controller);
	for (i = 0; i < n; i++)
		assert_int_equal(msg_put_peer(&controller, fd[i]), 0);
	(void)imsgbuf_flush(&controller);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	imsgbuf_clear(&controller);
	close(c[0]);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* First the pipe that it reads, then the one that it writes, and no more. */
static void
test_peers(void **state)
{
	int in[2], out[2], sv[2];

	(void)state;
	pipes(in, out);
	assert_int_equal(
	    peers((const int[3]){ out[1], in[0] }, 2), EXIT_VIOLATION);
	close(in[1]);
	close(out[0]);

	pipes(in, out);
	assert_int_equal(
	    peers((const int[3]){ in[0], out[0] }, 2), EXIT_VIOLATION);
	close(in[1]);
	close(out[1]);

	assert_int_equal(proc_socketpair(sv, 65536), 0);
	assert_int_equal(peers((const int[3]){ sv[0] }, 1), EXIT_VIOLATION);
	close(sv[1]);

	pipes(in, out);
	assert_int_equal(
	    peers((const int[3]){ in[0], out[1], out[0] }, 3), EXIT_VIOLATION);
	close(in[1]);
}

static void
test_lost(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	close(f.fd_priv);
	close(f.fd_priv_out);
	f.fd_priv = -1;
	assert_int_equal(finish(&f), EXIT_LOST);
	assert_string_equal(f.log, "fatal: packet process: gone");

	start(&f);
	close(f.fd_controller);
	f.fd_controller = -1;
	assert_int_equal(finish(&f), EXIT_LOST);

	/* The packet process stopped first, then our STOP comes. */
	start(&f);
	close(f.fd_priv);
	close(f.fd_priv_out);
	f.fd_priv = -1;
	assert_int_equal(usleep(50000), 0);
	assert_int_equal(msg_put_empty(&f.controller, MSG_STOP, 0), 0);
	assert_int_equal(imsgbuf_flush(&f.controller), 0);
	assert_int_equal(finish(&f), EXIT_OK);
}

/* What the filter forbids; each in a process that has it. */
static void
forbidden(size_t i)
{
	struct sockaddr sa;
	struct msghdr mh;
	const struct sandbox_call *calls;
	size_t n;

	memset(&mh, 0, sizeof(mh));
	memset(&sa, 0, sizeof(sa));
	calls = engine_sandbox(&n);
	sandbox_seccomp(calls, n, NULL, 0);
	switch (i) {
	case 0:
		(void)syscall(SYS_getpid);
		break;
	case 1:
		(void)syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY);
		break;
	case 2:
		(void)syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
		break;
	case 3:
		(void)syscall(SYS_mmap, NULL, 4096, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		break;
	case 4:
		(void)syscall(SYS_brk, 0);
		break;
	case 5:
		(void)syscall(SYS_execve, "/bin/true", NULL, NULL);
		break;
	case 6:
		(void)syscall(SYS_kill, 1, 0);
		break;
	case 7:
		(void)syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
		break;
	case 8:
		(void)syscall(SYS_ioctl, PROC_FD_PEER_IN, 0, 0);
		break;
	case 9:
		(void)syscall(SYS_sendmsg, PROC_FD_PEER_OUT, &mh, 0);
		break;
	case 10:
		(void)syscall(SYS_recvmsg, 0, &mh, 0);
		break;
	case 11:
		(void)syscall(SYS_write, STDERR_FILENO, "", 0);
		break;
	case 12:
		(void)syscall(SYS_sendto, PROC_FD_PEER_IN, "", 0, 0, &sa, 0);
		break;
	default:
		/* Allowed: it fails for another reason. */
		(void)syscall(SYS_writev, PROC_FD_PEER_OUT, NULL, 0);
		(void)syscall(SYS_recvmsg, PROC_FD_CONTROLLER, NULL, 0);
		break;
	}
	_exit(7);
}
#define NFORBIDDEN 13

static void
test_filter(void **state)
{
	size_t i;
	pid_t pid;
	int status;

	(void)state;
	for (i = 0; i <= NFORBIDDEN; i++) {
		pid = fork();
		assert_int_not_equal(pid, -1);
		if (pid == 0)
			forbidden(i);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (i == NFORBIDDEN) {
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), 7);
		} else if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg(
			    "call %zu: status 0x%x", i, (unsigned int)status);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_violations),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_filter),
	};

	if (SANITIZED) {
		printf("SKIPPED: the engine locked up: sanitizers need system "
		       "calls that its filter forbids\n");
		return (0);
	}
	if (geteuid() != 0) {
		printf("SKIPPED: the engine locked up: needs root\n");
		return (0);
	}
	sandbox_empty_dir(UTURND_EMPTY_DIR);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
