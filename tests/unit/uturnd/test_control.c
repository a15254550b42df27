/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "tests/unit/uturnd/fake.h"

/* A client's side of a connection. */
struct user {
	struct imsgbuf ibuf;
	int fd;
};

static struct control_client *
user_comes(struct fake *f, struct user *u, uid_t uid, enum control_grade grade)
{
	int fd;

	fd = fake_pair(&u->ibuf, &u->fd);
	assert_int_equal(
	    imsgbuf_set_maxsize(&u->ibuf, msg_controller_to_ctl.maxsize), 0);
	return (control_add(&f->c.control, fd, uid, grade, loop_now()));
}

static void
user_goes(struct user *u)
{
	imsgbuf_clear(&u->ibuf);
	close(u->fd);
}

static void
serve_at(struct fake *f, int64_t now)
{
	struct pollfd pfd[CONTROL_POLLFDS];

	control_pollfds(&f->c.control, pfd);
	assert_true(poll(pfd, CONTROL_POLLFDS, 0) >= 0);
	control_dispatch(&f->c.control, pfd, now);
}

static void
serve(struct fake *f)
{
	serve_at(f, loop_now());
}

static void
user_asks(struct fake *f, struct user *u, uint32_t type)
{
	assert_int_equal(msg_put_empty(&u->ibuf, type, 0), 0);
	assert_int_equal(imsgbuf_flush(&u->ibuf), 0);
	serve(f);
	serve(f);
}

static uint32_t
user_hears(struct user *u, struct imsg *imsg)
{
	char why[128];

	if (fake_next(&u->ibuf, imsg) != 1)
		return (0);
	if (msg_check(&msg_controller_to_ctl, imsg, MSG_RUN, why,
		sizeof(why)) == NULL)
		fail_msg("%s", why);
	return (imsg_get_type(imsg));
}

static void
user_hears_result(struct user *u, uint8_t code, const char *text)
{
	char got[MSG_TEXT_MAX];
	struct imsg imsg;
	const char *why;
	uint32_t type;
	uint8_t c;

	while ((type = user_hears(u, &imsg)) == MSG_CTL_LINE)
		imsg_free(&imsg);
	assert_int_equal(type, MSG_CTL_RESULT);
	assert_int_equal(
	    msg_get_text(&imsg, RESULT_LAST - 1, &c, got, sizeof(got), &why),
	    0);
	imsg_free(&imsg);
	assert_string_equal(got, text);
	assert_int_equal(c, code);
}

static int
user_is_cut_off(struct user *u)
{
	char b;

	return (read(u->fd, &b, 1) == 0 || errno == ECONNRESET);
}

static int
setup(void **state)
{
	if (fake_setup(state) == -1)
		return (-1);
	fake_start(*state);
	return (0);
}

static void
stats_are_the_sum_of_both(void **state)
{
	struct fake *f = *state;
	struct msg_info info;
	struct stats stats;
	struct user u;
	struct imsg imsg;
	const char *why;
	uint32_t id;

	id = user_comes(f, &u, 1, CONTROL_RESTRICTED)->id;
	user_asks(f, &u, MSG_CTL_STATS);
	fake_told(f, CHILD_ENGINE, MSG_STATS);
	fake_told(f, CHILD_PRIV, MSG_STATS);
	memset(&stats, 0, sizeof(stats));
	stats.stat[STAT_GATED][FAMILY_V6][PROTO_TCP] = 3;
	stats.stat[STAT_PROBES][FAMILY_V4][PROTO_UDP] = 1;
	assert_int_equal(
	    msg_put_stats(&f->end[CHILD_ENGINE], MSG_STATS_DATA, id, &stats),
	    0);
	assert_int_equal(fake_run(f, CHILD_ENGINE), CHILD_OK);
	serve(f);
	assert_int_equal(user_hears(&u, &imsg), 0);
	memset(&stats, 0, sizeof(stats));
	stats.stat[STAT_PROBES][FAMILY_V4][PROTO_UDP] = 4;
	stats.tally[TALLY_PENDING] = 9;
	assert_int_equal(
	    msg_put_stats(&f->end[CHILD_PRIV], MSG_STATS_DATA, id, &stats), 0);
	assert_int_equal(fake_run(f, CHILD_PRIV), CHILD_OK);
	serve(f);

	assert_int_equal(user_hears(&u, &imsg), MSG_CTL_INFO);
	assert_int_equal(msg_get_info(&imsg, &info, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(info.generation, 1);
	assert_int_equal(info.paused, 0);
	assert_int_equal(info.pending_max, f->c.conf->fixed.pending);
	assert_int_equal(user_hears(&u, &imsg), MSG_CTL_DATA);
	assert_int_equal(msg_get_stats(&imsg, &stats, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(stats.stat[STAT_GATED][FAMILY_V6][PROTO_TCP], 3);
	assert_int_equal(stats.stat[STAT_PROBES][FAMILY_V4][PROTO_UDP], 5);
	assert_int_equal(stats.tally[TALLY_PENDING], 9);
	assert_int_equal(user_hears(&u, &imsg), MSG_CTL_END);
	imsg_free(&imsg);
	/* Once more from the same child is not asked for. */
	user_asks(f, &u, MSG_CTL_STATS);
	memset(&stats, 0, sizeof(stats));
	assert_int_equal(
	    msg_put_stats(&f->end[CHILD_PRIV], MSG_STATS_DATA, id, &stats), 0);
	assert_int_equal(fake_run(f, CHILD_PRIV), CHILD_OK);
	assert_int_equal(
	    msg_put_stats(&f->end[CHILD_PRIV], MSG_STATS_DATA, id, &stats), 0);
	assert_int_equal(fake_run(f, CHILD_PRIV), CHILD_FAULT);
	user_goes(&u);
}

static void
stats_for_one_that_left(void **state)
{
	struct fake *f = *state;
	struct stats stats;
	struct user u;
	uint32_t id;

	id = user_comes(f, &u, 1, CONTROL_FULL)->id;
	user_asks(f, &u, MSG_CTL_STATS);
	user_goes(&u);
	serve(f);
	assert_null(control_find(&f->c.control, id));
	memset(&stats, 0, sizeof(stats));
	assert_int_equal(
	    msg_put_stats(&f->end[CHILD_PRIV], MSG_STATS_DATA, id, &stats), 0);
	assert_int_equal(fake_run(f, CHILD_PRIV), CHILD_OK);
}

static void
restricted_may_only_look(void **state)
{
	static const uint32_t forbidden[] = { MSG_CTL_CONFIG, MSG_CTL_RELOAD,
		MSG_CTL_PAUSE, MSG_CTL_RESUME };
	struct fake *f = *state;
	struct imsg imsg;
	struct user u;
	size_t i;

	(void)user_comes(f, &u, 0, CONTROL_RESTRICTED);
	for (i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		user_asks(f, &u, forbidden[i]);
		user_hears_result(
		    &u, RESULT_REFUSED, "not on a restricted socket");
	}
	assert_int_equal(msg_put_u8(&u.ibuf, MSG_CTL_VERBOSE, 0, 0), 0);
	assert_int_equal(imsgbuf_flush(&u.ibuf), 0);
	serve(f);
	user_hears_result(&u, RESULT_REFUSED, "not on a restricted socket");
	assert_int_equal(log_getverbose(), 1);
	fake_told_nothing(f, CHILD_PRIV);
	user_asks(f, &u, MSG_CTL_PROCESSES);
	assert_int_equal(user_hears(&u, &imsg), MSG_CTL_PROCESS);
	imsg_free(&imsg);
	assert_int_equal(user_hears(&u, &imsg), MSG_CTL_END);
	imsg_free(&imsg);
	user_goes(&u);
}

static void
pause_waits_for_the_packet_process(void **state)
{
	struct fake *f = *state;
	struct imsg imsg;
	struct user u;

	(void)user_comes(f, &u, 0, CONTROL_FULL);
	user_asks(f, &u, MSG_CTL_PAUSE);
	assert_int_equal(user_hears(&u, &imsg), 0);
	fake_told(f, CHILD_PRIV, MSG_PAUSE);
	assert_int_equal(msg_put_u8(&f->end[CHILD_PRIV], MSG_PAUSED, 0, 1), 0);
	assert_int_equal(fake_run(f, CHILD_PRIV), CHILD_OK);
	assert_int_equal(f->c.paused, 1);
	serve(f);
	user_hears_result(&u, RESULT_OK, "paused");
	user_asks(f, &u, MSG_CTL_RESUME);
	fake_told(f, CHILD_PRIV, MSG_PAUSE);
	assert_int_equal(msg_put_u8(&f->end[CHILD_PRIV], MSG_PAUSED, 0, 0), 0);
	assert_int_equal(fake_run(f, CHILD_PRIV), CHILD_OK);
	serve(f);
	user_hears_result(&u, RESULT_OK, "resumed");
	user_goes(&u);
}

static void
verbose_reaches_all_three(void **state)
{
	struct fake *f = *state;
	struct user u;

	(void)user_comes(f, &u, 0, CONTROL_FULL);
	assert_int_equal(msg_put_u8(&u.ibuf, MSG_CTL_VERBOSE, 0, 0), 0);
	assert_int_equal(imsgbuf_flush(&u.ibuf), 0);
	serve(f);
	user_hears_result(&u, RESULT_OK, "log: brief");
	assert_int_equal(log_getverbose(), 0);
	fake_told(f, CHILD_ENGINE, MSG_VERBOSE);
	fake_told(f, CHILD_PRIV, MSG_VERBOSE);
	user_goes(&u);
}

static void
config_reads_back(void **state)
{
	struct fake *f = *state;
	struct conf *conf;
	struct imsg imsg;
	struct user u;
	const char *why;
	char line[MSG_TEXT_MAX], text[16384] = "";
	uint8_t pri;
	uint32_t type;

	(void)user_comes(f, &u, 0, CONTROL_FULL);
	user_asks(f, &u, MSG_CTL_CONFIG);
	while ((type = user_hears(&u, &imsg)) == MSG_CTL_LINE) {
		assert_int_equal(
		    msg_get_text(&imsg, 7, &pri, line, sizeof(line), &why), 0);
		imsg_free(&imsg);
		assert_true(
		    strlcat(text, line, sizeof(text)) < sizeof(text) - 1);
		(void)strlcat(text, "\n", sizeof(text));
	}
	assert_int_equal(type, MSG_CTL_END);
	imsg_free(&imsg);
	conf = fake_conf(text);
	assert_int_equal(conf->policy.nlisten, 1);
	assert_int_equal(conf_restart_needed(f->c.conf, conf, NULL, NULL), 0);
	conf_free(conf);
	user_goes(&u);
}

static void
malformed_costs_only_that_client(void **state)
{
	struct fake *f = *state;
	struct user good, bad[4];
	uint32_t huge[4] = { MSG_CTL_STATS, 0x7fffffff, 0, 0 };

	(void)user_comes(f, &good, 0, CONTROL_FULL);
	/* An unknown type, a wrong size, a bad value, a bad header. */
	(void)user_comes(f, &bad[0], 0, CONTROL_FULL);
	user_asks(f, &bad[0], MSG_PASS);
	(void)user_comes(f, &bad[1], 0, CONTROL_FULL);
	assert_int_equal(msg_put_u8(&bad[1].ibuf, MSG_CTL_RELOAD, 0, 1), 0);
	assert_int_equal(imsgbuf_flush(&bad[1].ibuf), 0);
	(void)user_comes(f, &bad[2], 0, CONTROL_FULL);
	assert_int_equal(msg_put_u8(&bad[2].ibuf, MSG_CTL_VERBOSE, 0, 2), 0);
	assert_int_equal(imsgbuf_flush(&bad[2].ibuf), 0);
	(void)user_comes(f, &bad[3], 0, CONTROL_FULL);
	assert_int_equal(write(bad[3].fd, huge, sizeof(huge)), sizeof(huge));
	serve(f);
	serve(f);
	assert_true(user_is_cut_off(&bad[0]));
	assert_true(user_is_cut_off(&bad[1]));
	assert_true(user_is_cut_off(&bad[2]));
	assert_true(user_is_cut_off(&bad[3]));
	user_asks(f, &good, MSG_CTL_RELOAD);
	user_hears_result(&good, RESULT_FAILED,
	    "the configuration has faults, nothing is changed");
	user_goes(&good);
	user_goes(&bad[0]);
	user_goes(&bad[1]);
	user_goes(&bad[2]);
	user_goes(&bad[3]);
}

static void
idle_one_is_closed(void **state)
{
	struct fake *f = *state;
	struct user u;
	int64_t now;

	(void)user_comes(f, &u, 0, CONTROL_FULL);
	now = control_deadline(&f->c.control);
	assert_true(now <= loop_now() + CONTROL_IDLE_NS);
	serve_at(f, now - 1);
	assert_false(user_is_cut_off(&u));
	serve_at(f, now);
	assert_true(user_is_cut_off(&u));
	assert_true(control_deadline(&f->c.control) == LOOP_FOREVER);
	user_goes(&u);
}

static void
one_that_never_reads_is_cut_off(void **state)
{
	struct fake *f = *state;
	struct control_client *cl;
	struct user u;
	int i;

	cl = user_comes(f, &u, 0, CONTROL_FULL);
	for (i = 0; i < CONTROL_QUEUE_MAX; i++)
		control_line(cl, 6, "x");
	assert_int_equal(cl->dead, 0);
	control_line(cl, 6, "x");
	assert_int_equal(cl->dead, 1);
	serve(f);
	assert_null(control_find(&f->c.control, 1));
	user_goes(&u);
}

static void
requests_pile_up_only_in_its_own_socket(void **state)
{
	struct fake *f = *state;
	struct user u;
	uint32_t i;

	(void)user_comes(f, &u, 0, CONTROL_FULL);
	for (i = 0; i < 100; i++)
		assert_int_equal(msg_put_empty(&u.ibuf, MSG_CTL_STATS, 0), 0);
	assert_int_equal(imsgbuf_flush(&u.ibuf), 0);
	for (i = 0; i < 10; i++)
		serve(f);
	/* One is asked for, the rest waits. */
	fake_told(f, CHILD_ENGINE, MSG_STATS);
	fake_told_nothing(f, CHILD_ENGINE);
	user_goes(&u);
}

static void
request_and_half_close_is_answered(void **state)
{
	struct fake *f = *state;
	struct imsg imsg;
	struct user u;

	(void)user_comes(f, &u, 0, CONTROL_FULL);
	assert_int_equal(msg_put_empty(&u.ibuf, MSG_CTL_PROCESSES, 0), 0);
	assert_int_equal(imsgbuf_flush(&u.ibuf), 0);
	assert_int_equal(shutdown(u.fd, SHUT_WR), 0);
	serve(f);
	serve(f);
	assert_int_equal(user_hears(&u, &imsg), MSG_CTL_PROCESS);
	imsg_free(&imsg);
	assert_int_equal(user_hears(&u, &imsg), MSG_CTL_END);
	imsg_free(&imsg);
	serve(f);
	assert_true(user_is_cut_off(&u));
	user_goes(&u);
}

static void
house_is_never_full_for_all(void **state)
{
	struct fake *f = *state;
	struct user u[CONTROL_CLIENTS_MAX + 1];
	int i, n = 0;

	/* One user has a limit ... */
	for (i = 0; i < CONTROL_UID_MAX; i++)
		assert_non_null(
		    user_comes(f, &u[n++], 1000, CONTROL_RESTRICTED));
	assert_null(user_comes(f, &u[n], 1000, CONTROL_RESTRICTED));
	assert_true(user_is_cut_off(&u[n]));
	user_goes(&u[n]);
	/* ... all users of restricted sockets together have one ... */
	for (; i < CONTROL_RESTRICTED_MAX; i++)
		assert_non_null(user_comes(
		    f, &u[n++], (uid_t)(2000 + i), CONTROL_RESTRICTED));
	assert_null(user_comes(f, &u[n], 9999, CONTROL_RESTRICTED));
	user_goes(&u[n]);
	/* ... so the operator gets in, until the house is full. */
	for (; i < CONTROL_CLIENTS_MAX; i++)
		assert_non_null(
		    user_comes(f, &u[n++], (uid_t)(2000 + i), CONTROL_FULL));
	assert_null(user_comes(f, &u[n], 0, CONTROL_FULL));
	user_goes(&u[n]);
	/* Who leaves makes room. */
	user_goes(&u[--n]);
	serve(f);
	assert_non_null(user_comes(f, &u[n++], 0, CONTROL_FULL));
	while (n > 0)
		user_goes(&u[--n]);
}

/*
 * Listening sockets.
 */

static void
sockets_in_their_folder(void **state)
{
	struct fake *f = *state;
	struct control other;
	struct sandbox_ids ids;
	struct stat st;
	struct user u;
	char dir[] = "/tmp/uturnd-test.XXXXXX", path[64], rpath[64];

	ids.uid = getuid();
	ids.gid = getgid();
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/sock", dir);
	(void)snprintf(rpath, sizeof(rpath), "%s/rsock", dir);
	assert_int_equal(
	    control_open(&f->c.control, CONTROL_FULL, path, &ids), 0);
	assert_int_equal(
	    control_open(&f->c.control, CONTROL_RESTRICTED, rpath, &ids), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	assert_int_equal(stat(rpath, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0666);

	/* A second daemon. */
	control_init(&other, NULL, NULL);
	assert_int_equal(control_open(&other, CONTROL_FULL, path, &ids), -1);
	assert_true(fake_logged(f, "another uturnd is running"));

	/* A client comes in, with its own identity. */
	{
		struct sockaddr_un sun;

		memset(&sun, 0, sizeof(sun));
		sun.sun_family = AF_UNIX;
		(void)strlcpy(sun.sun_path, rpath, sizeof(sun.sun_path));
		u.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_int_equal(
		    connect(u.fd, (const struct sockaddr *)&sun, sizeof(sun)),
		    0);
		assert_int_equal(imsgbuf_init(&u.ibuf, u.fd), 0);
	}
	user_asks(f, &u, MSG_CTL_PAUSE);
	serve(f);
	user_hears_result(&u, RESULT_REFUSED, "not on a restricted socket");
	user_goes(&u);

	/* One that was left behind is replaced; other files are not. */
	control_close(&f->c.control, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(control_open(&other, CONTROL_FULL, path, &ids), 0);
	control_close(&other, 1);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(unlink(rpath), 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(control_open(&other, CONTROL_FULL, path, &ids), -1);
	assert_int_equal(unlink(path), 0);

	/* The folder. */
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(control_open(&other, CONTROL_FULL, path, &ids), -1);
	assert_true(fake_logged(f, "others than its owner may write"));
	assert_int_equal(chmod(dir, 0755), 0);
	ids.uid++;
	assert_int_equal(control_open(&other, CONTROL_FULL, path, &ids), -1);
	assert_true(fake_logged(f, "must belong to uid"));
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, fake_teardown)
	const struct CMUnitTest tests[] = {
		TEST(stats_are_the_sum_of_both),
		TEST(stats_for_one_that_left),
		TEST(restricted_may_only_look),
		TEST(pause_waits_for_the_packet_process),
		TEST(verbose_reaches_all_three),
		TEST(config_reads_back),
		TEST(malformed_costs_only_that_client),
		TEST(idle_one_is_closed),
		TEST(one_that_never_reads_is_cut_off),
		TEST(requests_pile_up_only_in_its_own_socket),
		TEST(request_and_half_close_is_answered),
		TEST(house_is_never_full_for_all),
		TEST(sockets_in_their_folder),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
