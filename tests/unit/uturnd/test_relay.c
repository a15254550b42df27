/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <stdio.h>

#include "tests/unit/uturnd/fake.h"

/* A client's side of a connection. */
struct user {
	struct imsgbuf ibuf;
	int fd;
	uint32_t id;
};

static void
user_comes(struct fake *f, struct user *u, enum control_grade grade)
{
	struct control_client *cl;
	int fd;

	fd = fake_pair(&u->ibuf, &u->fd);
	assert_int_equal(
	    imsgbuf_set_maxsize(&u->ibuf, msg_controller_to_ctl.maxsize), 0);
	cl = control_add(&f->c.control, fd, 0, grade, loop_now());
	assert_non_null(cl);
	u->id = cl->id;
}

static void
user_goes(struct user *u)
{
	imsgbuf_clear(&u->ibuf);
	close(u->fd);
}

/* As the loop does it. */
static void
serve_at(struct fake *f, int64_t now)
{
	struct pollfd pfd[CONTROL_POLLFDS];

	control_pollfds(&f->c.control, pfd);
	assert_true(poll(pfd, CONTROL_POLLFDS, 0) >= 0);
	control_dispatch(&f->c.control, pfd, now);
	relay_next(&f->c);
}

static void
serve(struct fake *f)
{
	serve_at(f, loop_now());
	serve_at(f, loop_now());
}

static void
user_asks_from(struct fake *f, struct user *u, uint32_t from)
{
	struct msg_ask ask = { .from = from, .filter = 1 };

	ask.client.b[0] = 203;
	assert_int_equal(msg_put_ask(&u->ibuf, MSG_CTL_TRACES, 0, &ask), 0);
	assert_int_equal(imsgbuf_flush(&u->ibuf), 0);
	serve(f);
}

static void
user_asks(struct fake *f, struct user *u)
{
	user_asks_from(f, u, 0);
}

static void
user_monitors(struct fake *f, struct user *u)
{
	assert_int_equal(msg_put_empty(&u->ibuf, MSG_CTL_MONITOR, 0), 0);
	assert_int_equal(imsgbuf_flush(&u->ibuf), 0);
	serve(f);
}

static void
user_hears(struct user *u, uint32_t type)
{
	struct imsg imsg;
	char why[128];

	assert_int_equal(fake_next(&u->ibuf, &imsg), 1);
	assert_string_equal(msg_name(imsg_get_type(&imsg)), msg_name(type));
	if (msg_check(&msg_controller_to_ctl, &imsg, MSG_RUN, why,
		sizeof(why)) == NULL)
		fail_msg("%s", why);
	imsg_free(&imsg);
}

static void
user_hears_nothing(struct user *u)
{
	struct imsg imsg;

	assert_int_equal(fake_next(&u->ibuf, &imsg), 0);
}

static int
user_is_cut_off(struct user *u)
{
	char b;

	return (read(u->fd, &b, 1) == 0 || errno == ECONNRESET);
}

/* The engine is asked for a trace at from, for id. */
static void
asked(struct fake *f, uint32_t id, uint32_t from)
{
	struct msg_ask ask;
	struct imsg imsg;
	const char *why;

	(void)fake_run(f, CHILD_ENGINE);
	assert_int_equal(fake_next(&f->end[CHILD_ENGINE], &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), MSG_TRACES);
	assert_int_equal(imsg_get_id(&imsg), id);
	assert_int_equal(msg_get_ask(&imsg, &ask, &why), 0);
	assert_int_equal(ask.from, from);
	assert_int_equal(ask.filter, 1);
	assert_int_equal(ask.client.b[0], 203);
	imsg_free(&imsg);
}

static void
put_trace(struct fake *f, uint32_t id)
{
	struct msg_trace trace;

	memset(&trace, 0, sizeof(trace));
	assert_int_equal(
	    msg_put_trace(&f->end[CHILD_ENGINE], MSG_TRACE, id, &trace), 0);
}

static void
put_hops(struct fake *f, uint32_t id, unsigned int n)
{
	struct msg_hop hop;

	memset(&hop, 0, sizeof(hop));
	hop.hop = 1;
	while (n-- > 0)
		assert_int_equal(
		    msg_put_hop(&f->end[CHILD_ENGINE], MSG_TRACE_HOP, id, &hop),
		    0);
}

static void
put_end(struct fake *f, uint32_t id, uint32_t next)
{
	assert_int_equal(
	    msg_put_u32(&f->end[CHILD_ENGINE], MSG_TRACES_END, id, next), 0);
}

static void
must_run(struct fake *f)
{
	assert_int_equal(fake_run(f, CHILD_ENGINE), CHILD_OK);
}

static void
must_fault(struct fake *f, const char *what)
{
	assert_int_equal(fake_run(f, CHILD_ENGINE), CHILD_FAULT);
	if (!fake_logged(f, what))
		fail_msg("%s is not in %s", what, f->log.text);
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
traces_are_relayed(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u);
	asked(f, u.id, 0);
	put_trace(f, u.id);
	put_hops(f, u.id, 2);
	put_end(f, u.id, 3);
	must_run(f);
	serve(f);
	user_hears(&u, MSG_CTL_TRACE);
	user_hears(&u, MSG_CTL_HOP);
	user_hears(&u, MSG_CTL_HOP);
	asked(f, u.id, 3);
	put_end(f, u.id, 0);
	must_run(f);
	serve(f);
	user_hears(&u, MSG_CTL_END);
	fake_told_nothing(f, CHILD_ENGINE);
	user_goes(&u);
}

static void
clients_take_turns(void **state)
{
	struct fake *f = *state;
	struct user a, b;

	user_comes(f, &a, CONTROL_FULL);
	user_comes(f, &b, CONTROL_FULL);
	user_asks(f, &a);
	user_asks(f, &b);
	/* One at a time, then the other. */
	asked(f, a.id, 0);
	fake_told_nothing(f, CHILD_ENGINE);
	put_end(f, a.id, 1);
	must_run(f);
	serve(f);
	asked(f, b.id, 0);
	put_end(f, b.id, 1);
	must_run(f);
	serve(f);
	asked(f, a.id, 1);
	user_goes(&a);
	/* Whoever is gone is not served any more, and holds up nobody. */
	put_trace(f, a.id);
	put_hops(f, a.id, 1);
	put_end(f, a.id, 2);
	serve(f);
	must_run(f);
	serve(f);
	asked(f, b.id, 1);
	user_goes(&b);
}

/* The next trace only when the last one was fetched. */
static void
who_does_not_read_is_cut_off(void **state)
{
	struct fake *f = *state;
	struct user u;
	uint32_t next;
	int64_t now;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u);
	asked(f, u.id, 0);
	for (next = 1; next < 4000; next++) {
		put_trace(f, u.id);
		put_hops(f, u.id, MSG_HOPS_MAX);
		put_end(f, u.id, next);
		must_run(f);
		serve(f);
		if (!f->c.relay.busy)
			break;
		asked(f, u.id, next);
	}
	assert_true(next < 4000);
	fake_told_nothing(f, CHILD_ENGINE);
	now = control_deadline(&f->c.control);
	assert_true(now <= loop_now() + CONTROL_IDLE_NS);
	serve_at(f, now);
	assert_null(control_find(&f->c.control, u.id));
	user_goes(&u);
}

static void
faults_of_the_engine(void **state)
{
	struct fake *f = *state;

	put_trace(f, 1);
	must_fault(f, "TRACE: not asked for");
}

static void
fault_of_order(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u);
	put_hops(f, u.id, 1);
	must_fault(f, "TRACE_HOP: a hop of no trace");
	user_goes(&u);
}

static void
fault_of_two_traces(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u);
	put_trace(f, u.id);
	put_trace(f, u.id);
	must_fault(f, "TRACE: a second trace");
	user_goes(&u);
}

static void
fault_of_many_hops(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u);
	put_trace(f, u.id);
	put_hops(f, u.id, MSG_HOPS_MAX + 1);
	must_fault(f, "TRACE_HOP: too many hops");
	user_goes(&u);
}

/* Or it would be asked for ever. */
static void
fault_of_no_progress(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u);
	asked(f, u.id, 0);
	put_end(f, u.id, 5);
	must_run(f);
	serve(f);
	asked(f, u.id, 5);
	put_end(f, u.id, 5);
	must_fault(f, "TRACES_END: a place that was shown already");
	user_goes(&u);
}

static void
fault_of_place(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u);
	put_end(f, u.id, POLICY_TRACES_MAX + 1);
	must_fault(f, "TRACES_END: place out of range");
	user_goes(&u);
}

static void
not_for_the_restricted(void **state)
{
	struct fake *f = *state;
	struct user u, m;

	user_comes(f, &u, CONTROL_RESTRICTED);
	user_asks(f, &u);
	user_hears(&u, MSG_CTL_RESULT);
	user_comes(f, &m, CONTROL_RESTRICTED);
	user_monitors(f, &m);
	user_hears(&m, MSG_CTL_RESULT);
	fake_told_nothing(f, CHILD_ENGINE);
	user_goes(&u);
	user_goes(&m);
}

static void
not_from_the_middle(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks_from(f, &u, 1);
	assert_true(user_is_cut_off(&u));
	user_goes(&u);
}

static void
off_is_said(void **state)
{
	struct fake *f = *state;
	struct user u, m;

	f->c.conf->policy.traces = 0;
	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u);
	user_hears(&u, MSG_CTL_RESULT);
	user_comes(f, &m, CONTROL_FULL);
	user_monitors(f, &m);
	user_hears(&m, MSG_CTL_RESULT);
	fake_told_nothing(f, CHILD_ENGINE);
	user_goes(&u);
	user_goes(&m);
}

static void
put_event(struct fake *f)
{
	struct msg_event event;

	memset(&event, 0, sizeof(event));
	assert_int_equal(
	    msg_put_event(&f->end[CHILD_ENGINE], MSG_EVENT, 0, &event), 0);
	must_run(f);
}

static void
events_go_to_all_subscribers(void **state)
{
	struct fake *f = *state;
	struct user a, b, c;

	user_comes(f, &a, CONTROL_FULL);
	user_comes(f, &b, CONTROL_FULL);
	user_comes(f, &c, CONTROL_FULL);
	user_monitors(f, &a);
	fake_told(f, CHILD_ENGINE, MSG_MONITOR);
	user_monitors(f, &b);
	fake_told_nothing(f, CHILD_ENGINE);
	put_event(f);
	serve(f);
	user_hears(&a, MSG_CTL_EVENT);
	user_hears(&b, MSG_CTL_EVENT);
	user_hears_nothing(&c);
	/* They may be silent for days; the one that wants nothing may not. */
	serve_at(f, loop_now() + 86400 * NS_PER_S);
	assert_false(user_is_cut_off(&a));
	assert_true(user_is_cut_off(&c));
	user_goes(&a);
	serve(f);
	fake_told_nothing(f, CHILD_ENGINE);
	user_goes(&b);
	serve(f);
	fake_told(f, CHILD_ENGINE, MSG_MONITOR);
	/* One that was on its way does no harm. */
	put_event(f);
	user_goes(&c);
}

static void
subscriber_that_never_reads_is_cut_off(void **state)
{
	struct fake *f = *state;
	struct user u;
	int64_t now;
	int i;

	user_comes(f, &u, CONTROL_FULL);
	user_monitors(f, &u);
	fake_told(f, CHILD_ENGINE, MSG_MONITOR);
	/* First the socket fills, then what we queue is too old. */
	for (i = 0; i < 100000; i++) {
		put_event(f);
		serve(f);
		if (control_deadline(&f->c.control) != LOOP_FOREVER)
			break;
	}
	now = control_deadline(&f->c.control);
	assert_true(now <= loop_now() + CONTROL_IDLE_NS);
	serve_at(f, now);
	assert_null(control_find(&f->c.control, u.id));
	/* Its end is noticed. */
	fake_told(f, CHILD_ENGINE, MSG_MONITOR);
	user_goes(&u);
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, fake_teardown)
	const struct CMUnitTest tests[] = {
		TEST(traces_are_relayed),
		TEST(clients_take_turns),
		TEST(who_does_not_read_is_cut_off),
		TEST(faults_of_the_engine),
		TEST(fault_of_order),
		TEST(fault_of_two_traces),
		TEST(fault_of_many_hops),
		TEST(fault_of_no_progress),
		TEST(fault_of_place),
		TEST(not_for_the_restricted),
		TEST(not_from_the_middle),
		TEST(off_is_said),
		TEST(events_go_to_all_subscribers),
		TEST(subscriber_that_never_reads_is_cut_off),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
