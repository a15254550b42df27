/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/loop.h"
#include "uturnctl/client.h"

/* What the fake daemon does once it has the request. */
typedef void script(struct imsgbuf *);

static struct stats test_stats;
static const struct msg_info test_info = { 1, 1, 7, 8192, 90000000000 };

/* The fake daemon: one request of this type, the script, and the end. */
static void
serve(int fd, uint32_t type, script *run)
{
	struct imsgbuf ib;
	struct imsg imsg;
	char why[128];
	int rc;

	if (imsgbuf_init(&ib, fd) == -1)
		_exit(10);
	while ((rc = imsgbuf_get(&ib, &imsg)) == 0)
		if (imsgbuf_read(&ib) != 1)
			_exit(11);
	if (rc != 1 || imsg_get_type(&imsg) != type)
		_exit(12);
	if (msg_check(&msg_ctl_to_controller, &imsg, MSG_RUN, why,
		sizeof(why)) == NULL)
		_exit(13);
	imsg_free(&imsg);
	run(&ib);
	/* The client may have given up by then. */
	if (imsgbuf_flush(&ib) == -1 && errno != EPIPE)
		_exit(14);
	imsgbuf_clear(&ib);
	close(fd);
	_exit(0);
}

/* Events that came; at hop 50 there is no more room. */
static size_t test_events;

static int
take_event(void *arg, const struct msg_event *event)
{
	(void)arg;
	test_events++;
	return (event->hop == 50 ? -1 : 0);
}

/* Asks the fake daemon; the return of client_ask. */
static int
ask(struct reply *r, enum ctl_action action, script *run, char why[256])
{
	int sv[2], rc, status, value;
	uint32_t type;
	pid_t pid;

	why[0] = '\0';
	assert_int_equal(socketpair(AF_UNIX,
			     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv),
	    0);
	type = reply_request(action, &value);
	assert_int_not_equal(pid = fork(), -1);
	if (pid == 0) {
		/* The server may block: it has its whole process for that. */
		close(sv[0]);
		if (fcntl(sv[1], F_SETFL, 0) == -1)
			_exit(15);
		serve(sv[1], type, run);
	}
	close(sv[1]);
	reply_init(r, action);
	r->event = take_event;
	rc = client_ask(sv[0], r, loop_now() + 10 * NS_PER_S, why, 256);
	close(sv[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(rc == 0, why[0] == '\0');
	return (rc);
}

static void
need(int rc)
{
	if (rc == -1)
		_exit(20);
}

static void
script_stats(struct imsgbuf *ib)
{
	need(msg_put_info(ib, 1, &test_info));
	need(msg_put_stats(ib, MSG_CTL_DATA, 1, &test_stats));
	need(msg_put_empty(ib, MSG_CTL_END, 1));
}

static void
script_lines(struct imsgbuf *ib)
{
	int i;

	for (i = 0; i < 2000; i++)
		need(msg_put_text(ib, MSG_CTL_LINE, 1, 6,
		    i == 1999 ? "the \x1b[31mlast\n" : "a line"));
	need(msg_put_empty(ib, MSG_CTL_END, 1));
}

static void
script_processes(struct imsgbuf *ib)
{
	need(msg_put_process(ib, 1, 100, "controller"));
	need(msg_put_process(ib, 1, 101, "packet\tprocess"));
	need(msg_put_empty(ib, MSG_CTL_END, 1));
}

static void
script_reload(struct imsgbuf *ib)
{
	need(msg_put_text(ib, MSG_CTL_LINE, 1, 4, "uturnd.conf:3: beware"));
	need(msg_put_empty(ib, MSG_CTL_END, 1));
	need(msg_put_text(ib, MSG_CTL_RESULT, 1, RESULT_OK, "reloaded"));
}

static void
script_ok(struct imsgbuf *ib)
{
	need(msg_put_text(ib, MSG_CTL_RESULT, 1, RESULT_OK, ""));
}

static void
script_refused(struct imsgbuf *ib)
{
	need(msg_put_text(
	    ib, MSG_CTL_RESULT, 1, RESULT_REFUSED, "not for\x07 you"));
}

static void
test_series(void **state)
{
	static struct reply r;
	char why[256];

	(void)state;
	memset(&test_stats, 0x11, sizeof(test_stats));
	assert_int_equal(ask(&r, ACTION_STATS, script_stats, why), 0);
	assert_memory_equal(&r.stats, &test_stats, sizeof(test_stats));
	assert_int_equal(r.info.generation, 7);
	assert_int_equal(r.info.paused, 1);
	assert_false(r.have_result);
	reply_free(&r);

	assert_int_equal(ask(&r, ACTION_SHOW_CONFIG, script_lines, why), 0);
	assert_int_equal(r.nlines, 2000);
	assert_string_equal(r.lines[0].text, "a line");
	assert_string_equal(r.lines[1999].text, "the \\x1b[31mlast\\x0a");
	reply_free(&r);

	assert_int_equal(
	    ask(&r, ACTION_SHOW_PROCESSES, script_processes, why), 0);
	assert_int_equal(r.nprocs, 2);
	assert_int_equal(r.procs[1].pid, 101);
	assert_string_equal(r.procs[1].name, "packet\\x09process");
	reply_free(&r);
}

static void
test_orders(void **state)
{
	static const enum ctl_action orders[] = { ACTION_RELOAD, ACTION_PAUSE,
		ACTION_RESUME, ACTION_LOG_BRIEF, ACTION_LOG_VERBOSE };
	static struct reply r;
	char why[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		assert_int_equal(ask(&r, orders[i], script_ok, why), 0);
		assert_true(r.have_result);
		assert_int_equal(r.result, RESULT_OK);
		reply_free(&r);
	}
	assert_int_equal(ask(&r, ACTION_RELOAD, script_reload, why), 0);
	assert_int_equal(r.nlines, 1);
	assert_int_equal(r.lines[0].pri, 4);
	assert_string_equal(r.text, "reloaded");
	reply_free(&r);
}

static void
test_refusal(void **state)
{
	static struct reply r;
	char why[256];
	int a;

	(void)state;
	for (a = ACTION_STATS; a < ACTION_LAST; a++) {
		assert_int_equal(ask(&r, a, script_refused, why), 0);
		assert_true(r.have_result);
		assert_int_equal(r.result, RESULT_REFUSED);
		assert_string_equal(r.text, "not for\\x07 you");
		reply_free(&r);
	}
}

static void
script_nothing(struct imsgbuf *ib)
{
	(void)ib;
}

static void
script_half(struct imsgbuf *ib)
{
	static const struct imsg_hdr hdr = { MSG_CTL_END, 16, 0, 0 };

	if (write(ib->fd, &hdr, 10) != 10)
		_exit(21);
}

static void
script_no_end(struct imsgbuf *ib)
{
	need(msg_put_info(ib, 1, &test_info));
	need(msg_put_stats(ib, MSG_CTL_DATA, 1, &test_stats));
}

static void
script_bad_length(struct imsgbuf *ib)
{
	static const struct imsg_hdr hdr = { MSG_CTL_END, 15, 0, 0 };

	if (write(ib->fd, &hdr, sizeof(hdr)) != sizeof(hdr))
		_exit(21);
}

static void
script_too_long(struct imsgbuf *ib)
{
	static const struct imsg_hdr hdr = { MSG_CTL_LINE, 8000, 0, 0 };

	if (write(ib->fd, &hdr, sizeof(hdr)) != sizeof(hdr))
		_exit(21);
}

static void
script_foreign(struct imsgbuf *ib)
{
	need(msg_put_empty(ib, MSG_STOP, 1));
}

static void
script_short_stats(struct imsgbuf *ib)
{
	need(imsg_compose(
	    ib, MSG_CTL_DATA, 0, 0, -1, &test_stats, sizeof(test_stats) - 8));
}

static void
script_early_end(struct imsgbuf *ib)
{
	need(msg_put_info(ib, 1, &test_info));
	need(msg_put_empty(ib, MSG_CTL_END, 1));
}

static void
script_twice(struct imsgbuf *ib)
{
	need(msg_put_info(ib, 1, &test_info));
	need(msg_put_info(ib, 1, &test_info));
}

static void
script_two_ends(struct imsgbuf *ib)
{
	need(msg_put_empty(ib, MSG_CTL_END, 1));
	need(msg_put_empty(ib, MSG_CTL_END, 1));
}

static void
script_late_line(struct imsgbuf *ib)
{
	need(msg_put_empty(ib, MSG_CTL_END, 1));
	need(msg_put_text(ib, MSG_CTL_LINE, 1, 6, "late"));
}

static void
script_bad_code(struct imsgbuf *ib)
{
	need(msg_put_text(ib, MSG_CTL_RESULT, 1, RESULT_LAST, ""));
}

static void
script_bad_text(struct imsgbuf *ib)
{
	need(imsg_compose(ib, MSG_CTL_LINE, 0, 0, -1,
	    "\x06"
	    "abc",
	    4));
}

static void
script_many(struct imsgbuf *ib)
{
	int i;

	for (i = 0; i <= REPLY_PROCS_MAX; i++)
		need(msg_put_process(ib, 1, 100, "p"));
}

static void
put_trace(struct imsgbuf *ib, uint64_t seen)
{
	struct msg_trace trace;

	memset(&trace, 0, sizeof(trace));
	trace.seen_us = seen;
	need(msg_put_trace(ib, MSG_CTL_TRACE, 1, &trace));
}

static void
put_hop(struct imsgbuf *ib, uint8_t number, enum family family)
{
	struct msg_hop hop;

	memset(&hop, 0, sizeof(hop));
	hop.family = family;
	hop.hop = number;
	need(msg_put_hop(ib, MSG_CTL_HOP, 1, &hop));
}

static void
script_traces(struct imsgbuf *ib)
{
	put_trace(ib, 300);
	put_hop(ib, 1, FAMILY_V4);
	put_hop(ib, 3, FAMILY_V4);
	put_trace(ib, 100);
	put_trace(ib, 200);
	put_hop(ib, 2, FAMILY_V4);
	need(msg_put_empty(ib, MSG_CTL_END, 1));
}

static void
script_no_trace(struct imsgbuf *ib)
{
	put_hop(ib, 1, FAMILY_V4);
}

static void
script_hop_again(struct imsgbuf *ib)
{
	put_trace(ib, 1);
	put_hop(ib, 1, FAMILY_V4);
	put_hop(ib, 1, FAMILY_V4);
}

static void
script_hop_family(struct imsgbuf *ib)
{
	put_trace(ib, 1);
	put_hop(ib, 1, FAMILY_V6);
}

static void
script_many_traces(struct imsgbuf *ib)
{
	int i;

	for (i = 0; i <= REPLY_TRACES_MAX; i++)
		put_trace(ib, 1);
}

static void
put_event(struct imsgbuf *ib, uint8_t hop)
{
	struct msg_event event;

	memset(&event, 0, sizeof(event));
	event.hop = hop;
	need(msg_put_event(ib, MSG_CTL_EVENT, 1, &event));
}

static void
script_events(struct imsgbuf *ib)
{
	put_event(ib, 1);
	put_event(ib, 2);
}

static void
script_last_event(struct imsgbuf *ib)
{
	put_event(ib, 1);
	put_event(ib, 50);
	put_event(ib, 2);
}

static void
test_traces(void **state)
{
	static struct reply r;
	char why[256];

	(void)state;
	assert_int_equal(ask(&r, ACTION_SHOW_TRACES, script_traces, why), 0);
	/* The one that was seen last comes first, each with its own hops. */
	assert_int_equal(r.ntraces, 3);
	assert_int_equal(r.traces[0].head.seen_us, 100);
	assert_int_equal(r.traces[0].nhops, 0);
	assert_int_equal(r.traces[1].head.seen_us, 200);
	assert_int_equal(r.traces[1].nhops, 1);
	assert_int_equal(r.traces[2].nhops, 2);
	assert_int_equal(r.traces[2].hops[1].hop, 3);
	reply_free(&r);
	assert_int_equal(ask(&r, ACTION_SHOW_TRACES, script_two_ends, why), 0);
	assert_int_equal(r.ntraces, 0);
	reply_free(&r);
}

static void
test_monitor(void **state)
{
	static struct reply r;
	char why[256];

	(void)state;
	test_events = 0;
	assert_int_equal(ask(&r, ACTION_MONITOR, script_events, why), -1);
	assert_non_null(strstr(why, "uturnd closed the connection"));
	assert_int_equal(test_events, 2);
	reply_free(&r);
	test_events = 0;
	assert_int_equal(ask(&r, ACTION_MONITOR, script_last_event, why), -1);
	assert_non_null(strstr(why, "can't be written"));
	assert_int_equal(test_events, 2);
	reply_free(&r);
}

/* Every fault ends the client with a reason; none is taken for an answer. */
static void
test_malformed(void **state)
{
	static const struct {
		enum ctl_action action;
		script *run;
		const char *why;
	} cases[] = {
		{ ACTION_STATS, script_nothing, "before its answer" },
		{ ACTION_STATS, script_half, "amid a message" },
		{ ACTION_STATS, script_no_end, "before its answer" },
		{ ACTION_STATS, script_bad_length, "reading from uturnd" },
		{ ACTION_SHOW_CONFIG, script_too_long, "reading from uturnd" },
		{ ACTION_STATS, script_foreign,
		    "not a message of this border" },
		{ ACTION_STATS, script_short_stats, "CTL_DATA: " },
		{ ACTION_STATS, script_early_end, "an end that is not due" },
		{ ACTION_STATS, script_twice, "CTL_INFO: comes twice" },
		{ ACTION_STATS, script_ok, "a result where an end is due" },
		{ ACTION_STATS, script_lines, "does not answer" },
		{ ACTION_STATS, script_processes, "does not answer" },
		{ ACTION_SHOW_CONFIG, script_stats, "does not answer" },
		{ ACTION_SHOW_CONFIG, script_processes, "does not answer" },
		{ ACTION_SHOW_CONFIG, script_ok, "where an end is due" },
		{ ACTION_SHOW_CONFIG, script_bad_text, "only NUL" },
		{ ACTION_SHOW_PROCESSES, script_lines, "does not answer" },
		{ ACTION_SHOW_PROCESSES, script_many, "too many processes" },
		{ ACTION_PAUSE, script_stats, "does not answer" },
		{ ACTION_RELOAD, script_two_ends, "an end that is not due" },
		{ ACTION_RELOAD, script_late_line, "does not answer" },
		{ ACTION_RELOAD, script_bad_code, "code out of range" },
		{ ACTION_SHOW_TRACES, script_lines, "does not answer" },
		{ ACTION_SHOW_TRACES, script_events, "does not answer" },
		{ ACTION_SHOW_TRACES, script_no_trace, "not a next hop" },
		{ ACTION_SHOW_TRACES, script_hop_again, "not a next hop" },
		{ ACTION_SHOW_TRACES, script_hop_family, "not a next hop" },
		{ ACTION_SHOW_TRACES, script_many_traces, "too many traces" },
		{ ACTION_SHOW_CONFIG, script_traces, "does not answer" },
		{ ACTION_MONITOR, script_traces, "does not answer" },
		{ ACTION_MONITOR, script_no_trace, "does not answer" },
	};
	static struct reply r;
	char why[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    ask(&r, cases[i].action, cases[i].run, why), -1);
		if (strstr(why, cases[i].why) == NULL)
			fail_msg("case %zu: %s", i, why);
		reply_free(&r);
	}
}

/* A daemon that keeps the connection but says nothing. */
static void
test_timeout(void **state)
{
	static struct reply r;
	char why[256];
	int64_t start;
	int sv[2];

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	reply_init(&r, ACTION_PAUSE);
	start = loop_now();
	assert_int_equal(
	    client_ask(sv[0], &r, start + 200 * NS_PER_MS, why, sizeof(why)),
	    -1);
	assert_non_null(strstr(why, "does not answer"));
	assert_true(loop_now() - start >= 200 * NS_PER_MS);
	assert_true(loop_now() - start < 5 * NS_PER_S);
	reply_free(&r);
	close(sv[0]);
	close(sv[1]);
}

static void
test_connect(void **state)
{
	char dir[] = "/tmp/test_client.XXXXXX", path[128], why[512];
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, ls;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	assert_int_equal(client_connect(path, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "is uturnd running?"));

	strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	assert_int_not_equal(ls = socket(AF_UNIX, SOCK_STREAM, 0), -1);
	assert_int_equal(bind(ls, (struct sockaddr *)&sun, sizeof(sun)), 0);
	/* Nobody listens. */
	assert_int_equal(client_connect(path, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "is uturnd running?"));
	assert_int_equal(listen(ls, 1), 0);
	assert_int_not_equal(fd = client_connect(path, why, sizeof(why)), -1);
	assert_int_equal(client_peer_uid(fd), geteuid());
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	close(ls);

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(client_connect(path, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "longer than 107 bytes"));
	assert_int_equal(unlink(sun.sun_path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_series),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_traces),
		cmocka_unit_test(test_monitor),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_connect),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
