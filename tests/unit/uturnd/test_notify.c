/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What the service manager is told, and when. */

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/uturnd/fake.h"
#include "uturnd/notify.h"

/* One datagram that came to fd, or "". */
static const char *
told(int fd, char *buf, size_t len)
{
	ssize_t n;

	if ((n = recv(fd, buf, len - 1, MSG_DONTWAIT)) == -1)
		n = 0;
	buf[n] = '\0';
	return (buf);
}

static void
says_what_happens(void **state)
{
	struct sockaddr_un sun;
	socklen_t len = sizeof(sun);
	char name[1 + sizeof(sun.sun_path)], buf[64];
	int fd, s;

	(void)state;
	/* The kernel chooses an abstract name: a NUL and five digits. */
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	s = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_not_equal(s, -1);
	assert_int_equal(
	    bind(s, (const struct sockaddr *)&sun, sizeof(sa_family_t)), 0);
	memset(&sun, 0, sizeof(sun));
	assert_int_equal(getsockname(s, (struct sockaddr *)&sun, &len), 0);
	name[0] = '@';
	memcpy(name + 1, sun.sun_path + 1, sizeof(sun.sun_path) - 1);
	name[sizeof(sun.sun_path)] = '\0';
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	fd = notify_open();
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_not_equal(fd, -1);
	notify_ready(fd);
	assert_string_equal(told(s, buf, sizeof(buf)), "READY=1");
	notify_alive(fd);
	assert_string_equal(told(s, buf, sizeof(buf)), "WATCHDOG=1");
	notify_stopping(fd);
	assert_string_equal(told(s, buf, sizeof(buf)), "STOPPING=1");
	close(fd);
	close(s);
}

static void
nobody_to_tell(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(notify_open(), -1);
	notify_alive(-1);
	assert_int_equal(setenv("NOTIFY_SOCKET", "relative", 1), 0);
	assert_int_equal(notify_open(), -1);
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

/* Only a ping that came back feeds the manager's watchdog. */
static void
alive_after_pong(void **state)
{
	struct fake *f = *state;
	char buf[64];
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv), 0);
	f->c.notify_fd = sv[0];
	watchdog_start(&f->c.watchdog, loop_now());
	controller_timers(&f->c, f->c.watchdog.next);
	fake_run(f, CHILD_ENGINE);
	assert_string_equal(told(sv[1], buf, sizeof(buf)), "");
	/* The border lets a pong through once the process is ready. */
	f->c.children.child[CHILD_PRIV].state = MSG_READY;
	assert_int_equal(
	    fake_says(f, CHILD_PRIV, MSG_PONG, f->c.watchdog.number + 1),
	    CHILD_FAULT);
	assert_string_equal(told(sv[1], buf, sizeof(buf)), "");
	assert_int_equal(
	    fake_says(f, CHILD_PRIV, MSG_PONG, f->c.watchdog.number), CHILD_OK);
	assert_string_equal(told(sv[1], buf, sizeof(buf)), "WATCHDOG=1");
	close(sv[0]);
	close(sv[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_happens),
		cmocka_unit_test(nobody_to_tell),
		cmocka_unit_test_setup_teardown(
		    alive_after_pong, fake_setup, fake_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
