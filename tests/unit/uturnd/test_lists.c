/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* show clients, show denied, deny and check, with a played engine. */

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

/* As the loop does it, twice. */
static void
serve(struct fake *f)
{
	struct pollfd pfd[CONTROL_POLLFDS];
	int i;

	for (i = 0; i < 2; i++) {
		control_pollfds(&f->c.control, pfd);
		assert_true(poll(pfd, CONTROL_POLLFDS, 0) >= 0);
		control_dispatch(&f->c.control, pfd, loop_now());
		relay_next(&f->c);
	}
}

static void
user_asks(struct fake *f, struct user *u, uint32_t type)
{
	assert_int_equal(msg_put_empty(&u->ibuf, type, 0), 0);
	assert_int_equal(imsgbuf_flush(&u->ibuf), 0);
	serve(f);
}

static void
user_hears(struct user *u, uint32_t type)
{
	struct imsg imsg;

	assert_int_equal(fake_next(&u->ibuf, &imsg), 1);
	assert_string_equal(msg_name(imsg_get_type(&imsg)), msg_name(type));
	imsg_free(&imsg);
}

/* A result: its code and a part of its text. */
static void
user_is_told(struct user *u, uint8_t code, const char *what)
{
	char text[MSG_TEXT_MAX];
	struct imsg imsg;
	const char *why;
	uint8_t got;

	assert_int_equal(fake_next(&u->ibuf, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), MSG_CTL_RESULT);
	assert_int_equal(msg_get_text(&imsg, RESULT_LAST - 1, &got, text,
			     sizeof(text), &why),
	    0);
	imsg_free(&imsg);
	assert_int_equal(got, code);
	if (strstr(text, what) == NULL)
		fail_msg("%s is not in %s", what, text);
}

/* The engine is asked for rows. */
static void
asked(struct fake *f, uint32_t id, enum msg_listing which, uint32_t from)
{
	struct msg_list list;
	struct imsg imsg;
	const char *why;

	(void)fake_run(f, CHILD_ENGINE);
	assert_int_equal(fake_next(&f->end[CHILD_ENGINE], &imsg), 1);
	assert_string_equal(msg_name(imsg_get_type(&imsg)), "LIST");
	assert_int_equal(imsg_get_id(&imsg), id);
	assert_int_equal(msg_get_list(&imsg, &list, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(list.which, which);
	assert_int_equal(list.from, from);
}

static void
put_clients(struct fake *f, uint32_t id, int n)
{
	struct msg_client c;

	memset(&c, 0, sizeof(c));
	while (n-- > 0)
		assert_int_equal(
		    msg_put_client(&f->end[CHILD_ENGINE], MSG_CLIENT, id, &c),
		    0);
}

static void
put_denied(struct fake *f, uint32_t id)
{
	struct msg_deny d = { .ms = 5 };

	assert_int_equal(
	    msg_put_deny(&f->end[CHILD_ENGINE], MSG_DENIED, id, &d), 0);
}

static void
put_end(struct fake *f, uint32_t id, uint32_t next)
{
	assert_int_equal(
	    msg_put_u32(&f->end[CHILD_ENGINE], MSG_LIST_END, id, next), 0);
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
rows_are_relayed(void **state)
{
	struct fake *f = *state;
	struct user u, v;
	int i;

	user_comes(f, &u, CONTROL_FULL);
	user_comes(f, &v, CONTROL_FULL);
	user_asks(f, &u, MSG_CTL_CLIENTS);
	asked(f, u.id, LIST_CLIENTS, 0);
	user_asks(f, &v, MSG_CTL_DENIED);
	fake_told_nothing(f, CHILD_ENGINE);
	put_clients(f, u.id, MSG_LIST_ROWS);
	put_end(f, u.id, 40);
	must_run(f);
	serve(f);
	for (i = 0; i < MSG_LIST_ROWS; i++)
		user_hears(&u, MSG_CTL_CLIENT);
	/* Now it is the other one's turn. */
	asked(f, v.id, LIST_DENIED, 0);
	put_denied(f, v.id);
	put_end(f, v.id, 0);
	must_run(f);
	serve(f);
	user_hears(&v, MSG_CTL_DENIED_ROW);
	user_hears(&v, MSG_CTL_END);
	asked(f, u.id, LIST_CLIENTS, 40);
	put_end(f, u.id, 0);
	must_run(f);
	serve(f);
	user_hears(&u, MSG_CTL_END);
	user_goes(&u);
	user_goes(&v);
}

/* What a compromised engine may try; each ends the daemon. */
static void
fault_of_many_rows(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u, MSG_CTL_CLIENTS);
	asked(f, u.id, LIST_CLIENTS, 0);
	put_clients(f, u.id, MSG_LIST_ROWS + 1);
	must_fault(f, "too many rows");
	user_goes(&u);
}

static void
fault_of_other_rows(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u, MSG_CTL_CLIENTS);
	asked(f, u.id, LIST_CLIENTS, 0);
	put_denied(f, u.id);
	must_fault(f, "not asked for");
	user_goes(&u);
}

static void
fault_of_no_progress(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u, MSG_CTL_DENIED);
	asked(f, u.id, LIST_DENIED, 0);
	put_end(f, u.id, 3);
	must_run(f);
	serve(f);
	asked(f, u.id, LIST_DENIED, 3);
	put_end(f, u.id, 3);
	must_fault(f, "shown already");
	user_goes(&u);
}

static void
fault_of_place(void **state)
{
	struct fake *f = *state;
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u, MSG_CTL_CLIENTS);
	asked(f, u.id, LIST_CLIENTS, 0);
	put_end(f, u.id, MSG_LIST_PLACES + 1);
	must_fault(f, "out of range");
	user_goes(&u);
}

static void
fault_of_denying(void **state)
{
	struct fake *f = *state;

	assert_int_equal(
	    msg_put_u8(&f->end[CHILD_ENGINE], MSG_DENY_DONE, 1, 0), 0);
	must_fault(f, "not asked for");
}

static void
user_denies(struct fake *f, struct user *u, struct msg_deny *d, uint8_t done)
{
	struct msg_deny got;
	struct imsg imsg;
	const char *why;

	assert_int_equal(msg_put_deny(&u->ibuf, MSG_CTL_DENY, 0, d), 0);
	assert_int_equal(imsgbuf_flush(&u->ibuf), 0);
	serve(f);
	(void)fake_run(f, CHILD_ENGINE);
	assert_int_equal(fake_next(&f->end[CHILD_ENGINE], &imsg), 1);
	assert_string_equal(msg_name(imsg_get_type(&imsg)), "DENY");
	assert_int_equal(msg_get_deny(&imsg, &got, &why), 0);
	imsg_free(&imsg);
	assert_int_equal(got.remove, d->remove);
	assert_int_equal(got.len, d->len);
	assert_int_equal(got.ms, d->ms);
	assert_int_equal(
	    msg_put_u8(&f->end[CHILD_ENGINE], MSG_DENY_DONE, u->id, done), 0);
	must_run(f);
	serve(f);
}

static void
denying(void **state)
{
	struct fake *f = *state;
	struct msg_deny d = { 0, FAMILY_V4, 8, { { 10 } }, 600000 };
	struct user u;

	user_comes(f, &u, CONTROL_FULL);
	user_denies(f, &u, &d, DENYING_DONE);
	user_is_told(&u, RESULT_OK, "denied: 10.0.0.0/8");
	assert_true(fake_logged(f, "denied: 10.0.0.0/8 for 600 s"));
	user_denies(f, &u, &d, DENYING_FULL);
	user_is_told(&u, RESULT_REFUSED, "64 prefixes are denied already");
	d.remove = 1;
	d.ms = 0;
	user_denies(f, &u, &d, DENYING_UNKNOWN);
	user_is_told(&u, RESULT_FAILED, "10.0.0.0/8 is not denied");
	user_denies(f, &u, &d, DENYING_DONE);
	user_is_told(&u, RESULT_OK, "no longer denied: 10.0.0.0/8");
	user_goes(&u);
}

/* The digest is the one that the rules bear, and the configuration follows. */
static void
checking(void **state)
{
	struct fake *f = *state;
	char text[MSG_TEXT_MAX];
	struct imsg imsg;
	const char *why;
	struct user u;
	uint8_t pri;
	int digests = 0, lines = 0;

	user_comes(f, &u, CONTROL_FULL);
	user_asks(f, &u, MSG_CTL_CHECK);
	while (fake_next(&u.ibuf, &imsg) == 1 &&
	    imsg_get_type(&imsg) == MSG_CTL_LINE) {
		assert_int_equal(
		    msg_get_text(&imsg, 7, &pri, text, sizeof(text), &why), 0);
		if (strncmp(text, "digest ", 7) == 0)
			digests++;
		if (strcmp(text, "listen on 192.0.2.1") == 0)
			lines++;
		imsg_free(&imsg);
	}
	assert_int_equal(imsg_get_type(&imsg), MSG_CTL_END);
	imsg_free(&imsg);
	assert_int_equal(digests, 3);
	assert_int_equal(lines, 1);
	user_goes(&u);
}

static void
not_for_the_restricted(void **state)
{
	static const uint32_t types[] = { MSG_CTL_CLIENTS, MSG_CTL_DENIED,
		MSG_CTL_CHECK };
	struct msg_deny d = { .ms = 1 };
	struct fake *f = *state;
	struct user u;
	size_t i;

	user_comes(f, &u, CONTROL_RESTRICTED);
	for (i = 0; i < 3; i++) {
		user_asks(f, &u, types[i]);
		user_is_told(&u, RESULT_REFUSED, "not on a restricted socket");
	}
	assert_int_equal(msg_put_deny(&u.ibuf, MSG_CTL_DENY, 0, &d), 0);
	assert_int_equal(imsgbuf_flush(&u.ibuf), 0);
	serve(f);
	user_is_told(&u, RESULT_REFUSED, "not on a restricted socket");
	fake_told_nothing(f, CHILD_ENGINE);
	user_goes(&u);
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, fake_teardown)
	const struct CMUnitTest tests[] = {
		TEST(rows_are_relayed),
		TEST(fault_of_many_rows),
		TEST(fault_of_other_rows),
		TEST(fault_of_no_progress),
		TEST(fault_of_place),
		TEST(fault_of_denying),
		TEST(denying),
		TEST(checking),
		TEST(not_for_the_restricted),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
