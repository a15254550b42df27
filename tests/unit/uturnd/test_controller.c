/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <syslog.h>

#include "tests/unit/uturnd/fake.h"

static void
start_is_ready(void **state)
{
	struct fake *f = *state;

	fake_start(f);
	assert_true(fake_logged(f, "ready: "));
	assert_int_equal(f->c.cause, CONTROLLER_RUNS);
	assert_int_equal(f->c.conf_generation, 1);
}

static void
start_times_out(void **state)
{
	struct fake *f = *state;

	f->c.boot_deadline = loop_now() + CONTROLLER_BOOT_NS;
	assert_int_equal(
	    msg_put_empty(&f->end[CHILD_ENGINE], MSG_LOCKED, 0), 0);
	assert_int_equal(fake_run(f, CHILD_ENGINE), CHILD_OK);
	controller_timers(&f->c, f->c.boot_deadline - 1);
	assert_int_equal(f->c.cause, CONTROLLER_RUNS);
	controller_timers(&f->c, f->c.boot_deadline);
	assert_int_equal(f->c.cause, EXIT_HUNG);
	assert_true(fake_logged(f, "packet process: not ready"));
	assert_false(fake_logged(f, "engine: not ready"));
}

static void
fault_names_peer_type_and_fault(void **state)
{
	struct fake *f = *state;

	fake_start(f);
	/* A type of another border. */
	assert_int_equal(
	    msg_put_empty(&f->end[CHILD_ENGINE], MSG_CTL_STATS, 0), 0);
	assert_int_equal(fake_run(f, CHILD_ENGINE), CHILD_FAULT);
	assert_true(fake_logged(f, "border violation: engine: CTL_STATS"));
}

static void
fault_of_size(void **state)
{
	struct fake *f = *state;

	fake_start(f);
	assert_int_equal(msg_put_u8(&f->end[CHILD_PRIV], MSG_PONG, 0, 1), 0);
	assert_int_equal(fake_run(f, CHILD_PRIV), CHILD_FAULT);
	assert_true(fake_logged(f, "packet process: PONG: 1 bytes"));
}

static void
fault_of_time(void **state)
{
	struct fake *f = *state;

	/* Before LOCKED nothing but LOCKED and LOG is due. */
	assert_int_equal(
	    fake_says(f, CHILD_ENGINE, MSG_STAGED, 1), CHILD_FAULT);
	assert_true(fake_logged(f, "engine: STAGED"));
}

static void
fault_of_sequence(void **state)
{
	struct fake *f = *state;

	fake_start(f);
	assert_int_equal(
	    fake_says(f, CHILD_PRIV, MSG_COMMITTED, 1), CHILD_FAULT);
	assert_true(fake_logged(f, "packet process: COMMITTED: not due"));
}

static void
fault_of_pong(void **state)
{
	struct fake *f = *state;

	fake_start(f);
	assert_int_equal(fake_says(f, CHILD_PRIV, MSG_PONG, 1), CHILD_FAULT);
}

static void
fault_of_paused(void **state)
{
	struct fake *f = *state;

	fake_start(f);
	assert_int_equal(msg_put_u8(&f->end[CHILD_PRIV], MSG_PAUSED, 0, 1), 0);
	assert_int_equal(fake_run(f, CHILD_PRIV), CHILD_FAULT);
	assert_int_equal(f->c.paused, 0);
}

static void
fault_of_header(void **state)
{
	static const struct imsg_hdr hdr = { MSG_LOG, 15, 0, 0 };
	struct fake *f = *state;

	assert_int_equal(
	    write(f->fd[CHILD_PRIV], &hdr, sizeof(hdr)), sizeof(hdr));
	assert_int_equal(fake_run(f, CHILD_PRIV), CHILD_FAULT);
	assert_true(fake_logged(f, "packet process: header"));
}

static void
pipe_lost(void **state)
{
	struct fake *f = *state;

	fake_start(f);
	/* What it said last is still heard. */
	assert_int_equal(msg_put_text(&f->end[CHILD_ENGINE], MSG_LOG, 0,
			     LOG_ERR, "last words"),
	    0);
	assert_int_equal(imsgbuf_flush(&f->end[CHILD_ENGINE]), 0);
	close(f->fd[CHILD_ENGINE]);
	f->fd[CHILD_ENGINE] = -1;
	(void)fake_run(f, CHILD_ENGINE);
	assert_int_equal(fake_run(f, CHILD_ENGINE), CHILD_GONE);
	assert_true(fake_logged(f, "engine: last words"));
}

static void
log_is_limited(void **state)
{
	struct fake *f = *state;
	struct child *c = &f->c.children.child[CHILD_ENGINE];
	int i;

	for (i = 0; i < CHILD_RELAY_RATE + 7; i++) {
		assert_int_equal(msg_put_text(&f->end[CHILD_ENGINE], MSG_LOG, 0,
				     LOG_INFO, "x"),
		    0);
		assert_int_equal(fake_run(f, CHILD_ENGINE), CHILD_OK);
	}
	assert_int_equal(c->log_dropped, 7);
	c->log_window -= NS_PER_S;
	assert_int_equal(
	    msg_put_text(&f->end[CHILD_ENGINE], MSG_LOG, 0, LOG_INFO, "again"),
	    0);
	assert_int_equal(fake_run(f, CHILD_ENGINE), CHILD_OK);
	assert_true(fake_logged(f, "engine: 7 log lines left out"));
	assert_true(fake_logged(f, "engine: again"));
}

static void
watchdog_names_who_hangs(void **state)
{
	struct fake *f = *state;
	struct stats stats;
	int64_t now;

	fake_start(f);
	now = f->c.watchdog.next;
	controller_timers(&f->c, now);
	fake_told(f, CHILD_ENGINE, MSG_PING);
	now = f->c.watchdog.next;
	controller_timers(&f->c, now);
	fake_told(f, CHILD_ENGINE, MSG_STATS);
	fake_told(f, CHILD_PRIV, MSG_STATS);
	/* The test's clock runs ahead of the real one. */
	f->c.watchdog.asked = loop_now();
	memset(&stats, 0, sizeof(stats));
	assert_int_equal(
	    msg_put_stats(&f->end[CHILD_PRIV], MSG_STATS_DATA, 0, &stats), 0);
	assert_int_equal(fake_run(f, CHILD_PRIV), CHILD_OK);
	controller_timers(&f->c, f->c.watchdog.next);
	assert_int_equal(f->c.cause, EXIT_HUNG);
	assert_true(fake_logged(f, "engine: hangs"));
	assert_false(fake_logged(f, "packet process: hangs"));
}

/*
 * Reloads, from a file.
 */

static char conf_path[] = "/tmp/uturnd-test.XXXXXX";

static void
conf_write(struct fake *f, const char *text)
{
	static char path[sizeof(conf_path)];
	int fd;

	memcpy(path, conf_path, sizeof(path));
	assert_true((fd = mkstemp(path)) != -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	f->c.file = path;
}

/* A control client that waits for the end of the reload it asked for. */
static struct control_client *
client_reloads(struct fake *f, struct imsgbuf *end, int *endfd)
{
	struct control_client *cl;
	int fd;

	fd = fake_pair(end, endfd);
	assert_int_equal(
	    imsgbuf_set_maxsize(end, msg_controller_to_ctl.maxsize), 0);
	cl = control_add(&f->c.control, fd, 0, CONTROL_FULL, loop_now());
	assert_non_null(cl);
	cl->request = MSG_CTL_RELOAD;
	reconf_begin(&f->c, cl);
	return (cl);
}

/* Reads up to the result, which must be this code and contain this text. */
static void
client_result(
    struct control_client *cl, struct imsgbuf *end, int code, const char *text)
{
	char got[MSG_TEXT_MAX];
	struct imsg imsg;
	const char *why;
	uint32_t type;
	uint8_t c;

	assert_int_equal(imsgbuf_flush(&cl->ibuf), 0);
	do {
		assert_int_equal(fake_next(end, &imsg), 1);
		type = imsg_get_type(&imsg);
		if (type == MSG_CTL_RESULT)
			assert_int_equal(msg_get_text(&imsg, RESULT_LAST - 1,
					     &c, got, sizeof(got), &why),
			    0);
		imsg_free(&imsg);
	} while (type != MSG_CTL_RESULT);
	assert_int_equal(c, code);
	if (strstr(got, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, got);
}

static void
client_close(struct imsgbuf *end, int fd)
{
	imsgbuf_clear(end);
	close(fd);
}

static void
reload_commits_packet_process_first(void **state)
{
	struct fake *f = *state;
	struct control_client *cl;
	struct imsgbuf end;
	int fd, i;

	fake_start(f);
	conf_write(f, "listen on 192.0.2.1\nlisten on 192.0.2.2\n");
	cl = client_reloads(f, &end, &fd);
	for (i = 0; i < CHILD_MAX; i++)
		assert_int_equal(fake_told_policy(f, (enum child_id)i), 2);
	assert_int_equal(fake_says(f, CHILD_ENGINE, MSG_STAGED, 2), CHILD_OK);
	fake_told_nothing(f, CHILD_PRIV);
	assert_int_equal(fake_says(f, CHILD_PRIV, MSG_STAGED, 2), CHILD_OK);
	fake_told(f, CHILD_PRIV, MSG_CONF_COMMIT);
	fake_told_nothing(f, CHILD_ENGINE);
	assert_int_equal(fake_says(f, CHILD_PRIV, MSG_COMMITTED, 2), CHILD_OK);
	fake_told(f, CHILD_ENGINE, MSG_CONF_COMMIT);
	assert_int_equal(f->c.conf->policy.nlisten, 1);
	assert_int_equal(
	    fake_says(f, CHILD_ENGINE, MSG_COMMITTED, 2), CHILD_OK);
	assert_int_equal(f->c.conf->policy.nlisten, 2);
	assert_int_equal(f->c.conf_generation, 2);
	client_result(cl, &end, RESULT_OK, "generation 2");
	assert_true(fake_logged(f, "the rules change"));
	assert_int_equal(unlink(f->c.file), 0);
	client_close(&end, fd);
}

static void
reload_of_faults_changes_nothing(void **state)
{
	struct fake *f = *state;
	struct control_client *cl;
	struct imsgbuf end;
	int fd;

	fake_start(f);
	conf_write(f, "listen on nowhere\nmax ttl 900\n");
	cl = client_reloads(f, &end, &fd);
	client_result(cl, &end, RESULT_FAILED, "nothing is changed");
	assert_true(fake_logged(f, ":1: "));
	assert_true(fake_logged(f, ":2: "));
	assert_int_equal(f->c.reload.state, RELOAD_IDLE);
	fake_told_nothing(f, CHILD_ENGINE);
	fake_told_nothing(f, CHILD_PRIV);
	assert_int_equal(f->c.conf_generation, 1);
	assert_int_equal(unlink(f->c.file), 0);
	client_close(&end, fd);
}

static void
reload_of_fixed_is_refused(void **state)
{
	struct fake *f = *state;
	struct control_client *cl;
	struct imsgbuf end;
	int fd;

	fake_start(f);
	conf_write(f, "listen on 192.0.2.1\nqueue 7\npending 128\n");
	cl = client_reloads(f, &end, &fd);
	client_result(cl, &end, RESULT_REFUSED, "queue, pending");
	fake_told_nothing(f, CHILD_PRIV);
	assert_int_equal(unlink(f->c.file), 0);
	client_close(&end, fd);
}

/* Fewer traces, then as many as at the start; but never more. */
static void
reload_remembers_the_table_of_traces(void **state)
{
	struct fake *f = *state;
	struct control_client *cl;
	struct imsgbuf end;
	int fd, i;

	fake_start(f);
	conf_write(f, "listen on 192.0.2.1\ntraces off\n");
	reconf_begin(&f->c, NULL);
	assert_int_equal(unlink(f->c.file), 0);
	for (i = 0; i < CHILD_MAX; i++) {
		assert_int_equal(fake_told_policy(f, (enum child_id)i), 2);
		assert_int_equal(
		    fake_says(f, (enum child_id)i, MSG_STAGED, 2), CHILD_OK);
	}
	for (i = CHILD_MAX - 1; i >= 0; i--)
		assert_int_equal(
		    fake_says(f, (enum child_id)i, MSG_COMMITTED, 2), CHILD_OK);
	assert_int_equal(f->c.conf->policy.traces, 0);
	assert_int_equal(f->c.conf->traces_made, 256);
	conf_write(f, "listen on 192.0.2.1\ntraces 257\n");
	cl = client_reloads(f, &end, &fd);
	client_result(cl, &end, RESULT_REFUSED, "traces: a larger table");
	assert_int_equal(unlink(f->c.file), 0);
	client_close(&end, fd);
	conf_write(f, "listen on 192.0.2.1\ntraces 256\n");
	reconf_begin(&f->c, NULL);
	assert_int_equal(f->c.reload.state, RELOAD_STAGING);
	assert_int_equal(unlink(f->c.file), 0);
}

static void
reload_is_aborted_in_time(void **state)
{
	struct fake *f = *state;
	struct control_client *cl, *cl2;
	struct imsgbuf end, end2;
	int fd, fd2, i;

	fake_start(f);
	conf_write(f, "listen on 192.0.2.2\n");
	cl = client_reloads(f, &end, &fd);
	for (i = 0; i < CHILD_MAX; i++)
		assert_int_equal(fake_told_policy(f, (enum child_id)i), 2);
	cl2 = client_reloads(f, &end2, &fd2);
	client_result(cl2, &end2, RESULT_REFUSED, "busy");
	assert_int_equal(fake_says(f, CHILD_PRIV, MSG_STAGED, 2), CHILD_OK);
	controller_timers(&f->c, f->c.reload.deadline);
	client_result(cl, &end, RESULT_FAILED, "no answer within 5 s");
	for (i = 0; i < CHILD_MAX; i++)
		fake_told(f, (enum child_id)i, MSG_CONF_ABORT);
	assert_true(fake_logged(f, "engine: no answer"));
	/* Too late, but no fault; and the daemon goes on. */
	assert_int_equal(fake_says(f, CHILD_ENGINE, MSG_STAGED, 2), CHILD_OK);
	assert_int_equal(f->c.cause, CONTROLLER_RUNS);
	assert_null(f->c.next);
	assert_int_equal(f->c.conf_generation, 1);
	assert_int_equal(unlink(f->c.file), 0);
	client_close(&end, fd);
	client_close(&end2, fd2);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, fake_setup, fake_teardown)
	const struct CMUnitTest tests[] = {
		TEST(start_is_ready),
		TEST(start_times_out),
		TEST(fault_names_peer_type_and_fault),
		TEST(fault_of_size),
		TEST(fault_of_time),
		TEST(fault_of_sequence),
		TEST(fault_of_pong),
		TEST(fault_of_paused),
		TEST(fault_of_header),
		TEST(pipe_lost),
		TEST(log_is_limited),
		TEST(watchdog_names_who_hangs),
		TEST(reload_commits_packet_process_first),
		TEST(reload_of_faults_changes_nothing),
		TEST(reload_of_fixed_is_refused),
		TEST(reload_remembers_the_table_of_traces),
		TEST(reload_is_aborted_in_time),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
