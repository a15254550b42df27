/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "common/sandbox.h"
#include "tests/unit/common/sandbox_child.h"

/* The folders of one test; a file "f" is in each. */
struct places {
	char top[32];
	char etc[64];
	char run[64];
	char out[64];
};

static long
kernel_abi(void)
{
	return (syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION));
}

static void
need_landlock(void)
{
	if (kernel_abi() > 0)
		return;
	fprintf(stderr,
	    "SKIPPED: this kernel has no Landlock, so nothing of "
	    "it is tested here\n");
	skip();
}

static const char *
in(const char *folder, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return (path);
}

static int
setup(void **state)
{
	static struct places p;
	const char *folders[] = { p.etc, p.run, p.out };
	size_t i;
	int fd;

	snprintf(p.top, sizeof(p.top), "/tmp/uturnd-test.XXXXXX");
	if (mkdtemp(p.top) == NULL)
		return (-1);
	snprintf(p.etc, sizeof(p.etc), "%s/etc", p.top);
	snprintf(p.run, sizeof(p.run), "%s/run", p.top);
	snprintf(p.out, sizeof(p.out), "%s/out", p.top);
	for (i = 0; i < 3; i++) {
		if (mkdir(folders[i], 0755) == -1)
			return (-1);
		fd = open(in(folders[i], "f"), O_CREAT | O_WRONLY, 0644);
		if (fd == -1)
			return (-1);
		close(fd);
	}
	*state = &p;
	return (0);
}

static int
teardown(void **state)
{
	const struct places *p = *state;
	const char *folders[] = { p->etc, p->run, p->out };
	size_t i;

	for (i = 0; i < 3; i++) {
		unlink(in(folders[i], "f"));
		unlink(in(folders[i], "s"));
		unlink(in(folders[i], "new"));
		if (rmdir(folders[i]) == -1)
			return (-1);
	}
	return (rmdir(p->top));
}

static int
can_open(const char *path, int flags)
{
	int fd;

	if ((fd = open(path, flags, 0644)) == -1) {
		if (errno != EACCES)
			fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return (0);
	}
	close(fd);
	return (1);
}

static int
can_bind(const char *path)
{
	struct sockaddr_un sun;
	int fd, rc;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun.sun_path))
		return (-1);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return (-1);
	rc = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	close(fd);
	return (rc == 0);
}

static void
lock(const struct places *p)
{
	const struct sandbox_path paths[] = {
		{ p->etc, SANDBOX_FS_READ },
		{ p->run, SANDBOX_FS_RUN },
		{ "/nonexistent/uturnd", SANDBOX_FS_READ },
	};
	long abi;

	abi = kernel_abi();
	if (sandbox_landlock(paths, 3) != abi) {
		fprintf(stderr, "not the kernel's ABI, %ld\n", abi);
		_exit(99);
	}
}

static int
child_read(const void *arg)
{
	const struct places *p = arg;

	lock(p);
	if (!can_open(in(p->etc, "f"), O_RDONLY) ||
	    !can_open(p->etc, O_RDONLY | O_DIRECTORY))
		return (1);
	if (can_open(in(p->etc, "f"), O_WRONLY) ||
	    can_open(in(p->etc, "new"), O_WRONLY | O_CREAT) ||
	    can_bind(in(p->etc, "s")) || unlink(in(p->etc, "f")) != -1)
		return (2);
	return (0);
}

static int
child_run_folder(const void *arg)
{
	const struct places *p = arg;

	lock(p);
	if (!can_open(in(p->run, "f"), O_RDWR | O_TRUNC) ||
	    !can_open(in(p->run, "new"), O_WRONLY | O_CREAT | O_EXCL) ||
	    !can_bind(in(p->run, "s")))
		return (1);
	if (chmod(in(p->run, "s"), 0660) == -1 ||
	    unlink(in(p->run, "s")) == -1 || !can_bind(in(p->run, "s")))
		return (2);
	if (mkdir(in(p->run, "d"), 0755) != -1 ||
	    symlink("/", in(p->run, "l")) != -1)
		return (3);
	return (0);
}

static int
child_outside(const void *arg)
{
	const struct places *p = arg;

	lock(p);
	errno = 0;
	if (open(in(p->out, "f"), O_RDONLY) != -1 || errno != EACCES)
		return (1);
	errno = 0;
	if (open(p->out, O_RDONLY | O_DIRECTORY) != -1 || errno != EACCES)
		return (2);
	if (can_open("/proc/self/status", O_RDONLY) ||
	    can_open("/etc/passwd", O_RDONLY) || can_open("/dev/null", O_RDWR))
		return (3);
	if (can_bind(in(p->out, "s")) || unlink(in(p->out, "f")) != -1)
		return (4);
	if (kernel_abi() >= 3 &&
	    (truncate(in(p->out, "f"), 0) != -1 ||
		truncate(in(p->etc, "f"), 0) != -1))
		return (7);
	/* No way round by another name. */
	if (can_open(in(p->etc, "../out/f"), O_RDONLY))
		return (5);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return (6);
	return (0);
}

/* The engine's: nothing at all. */
static int
child_nothing(const void *arg)
{
	const struct places *p = arg;

	if (sandbox_landlock(NULL, 0) != kernel_abi())
		return (1);
	if (can_open("/", O_RDONLY | O_DIRECTORY) ||
	    can_open(in(p->etc, "f"), O_RDONLY) || can_bind(in(p->run, "s")))
		return (2);
	return (0);
}

/* A rule on a file, where the kernel takes no folder's rights. */
static int
child_file_rule(const void *arg)
{
	const struct places *p = arg;
	struct sandbox_path paths[2];
	char f[128], g[128];

	snprintf(f, sizeof(f), "%s", in(p->out, "f"));
	snprintf(g, sizeof(g), "%s", in(p->etc, "f"));
	paths[0].path = f;
	paths[0].rights = SANDBOX_FS_READ;
	paths[1].path = g;
	paths[1].rights = SANDBOX_FS_RUN;
	sandbox_landlock(paths, 2);
	if (!can_open(f, O_RDONLY) || can_open(f, O_WRONLY))
		return (1);
	if (!can_open(g, O_RDWR) || can_open(in(p->run, "f"), O_RDONLY))
		return (2);
	return (0);
}

/* In a network of its own, so that nothing can answer by chance. */
static int
child_tcp(const void *arg)
{
	struct sockaddr_in sin;
	int fd;

	if (sandbox_newnet() == -1)
		return (1);
	lock(arg);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		return (2);
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(4711);
	errno = 0;
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != -1 ||
	    errno != EACCES)
		return (3);
	errno = 0;
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != -1 ||
	    errno != EACCES)
		return (4);
	return (0);
}

static int
child_bad_rights(const void *arg)
{
	const struct sandbox_path paths[] = { { "/", 0 } };

	(void)arg;
	sandbox_landlock(paths, 1);
	return (0);
}

static int
child_not_a_folder(const void *arg)
{
	struct sandbox_path path;

	path.path = in(((const struct places *)arg)->etc, "f/x");
	path.rights = SANDBOX_FS_READ;
	sandbox_landlock(&path, 1);
	return (0);
}

static void
landlock_folders(void **state)
{
	struct child_result r;

	need_landlock();
	child_run(&r, child_read, *state);
	child_expect_exit(&r, 0);
	child_run(&r, child_run_folder, *state);
	child_expect_exit(&r, 0);
	child_run(&r, child_outside, *state);
	child_expect_exit(&r, 0);
	child_run(&r, child_nothing, *state);
	child_expect_exit(&r, 0);
	child_run(&r, child_file_rule, *state);
	child_expect_exit(&r, 0);
}

static void
landlock_tcp(void **state)
{
	struct child_result r;

	child_need_root();
	need_landlock();
	if (kernel_abi() < 4) {
		fprintf(stderr, "SKIPPED: TCP needs Landlock ABI 4\n");
		skip();
	}
	child_run(&r, child_tcp, *state);
	child_expect_exit(&r, 0);
}

static void
landlock_faults(void **state)
{
	struct child_result r;

	need_landlock();
	child_run(&r, child_bad_rights, *state);
	child_expect_fatal(&r, "unknown rights 0");
	child_run(&r, child_not_a_folder, *state);
	child_expect_fatal(&r, "Not a directory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    landlock_folders, setup, teardown),
		cmocka_unit_test_setup_teardown(landlock_tcp, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    landlock_faults, setup, teardown),
	};

	return (cmocka_run_group_tests_name("landlock", tests, NULL, NULL));
}
