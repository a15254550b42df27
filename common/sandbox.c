/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/resource.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"

static int sandbox_open_dir(const char *);
static void sandbox_check_empty(int, const char *);
static void sandbox_limit(int, const char *, uint64_t);

void
sandbox_empty_dir(const char *path)
{
	int fd, made;

	made = mkdir(path, 0755) == 0;
	if (!made && errno != EEXIST)
		fatal(EXIT_START, "mkdir %s", path);
	fd = sandbox_open_dir(path);
	/* What the umask took away, and only from a folder of our own. */
	if (made && fchmod(fd, 0755) == -1)
		fatal(EXIT_START, "chmod %s", path);
	close(fd);
}

void
sandbox_chroot(const char *path)
{
	int fd;

	fd = sandbox_open_dir(path);
	/* Through the descriptor: the folder entered is the one checked. */
	if (fchdir(fd) == -1)
		fatal(EXIT_START, "chdir %s", path);
	if (chroot(".") == -1)
		fatal(EXIT_START, "chroot %s", path);
	if (chdir("/") == -1)
		fatal(EXIT_START, "chdir / in %s", path);
	close(fd);
}

/* Opens path and makes sure that it is fit to be a root folder. */
static int
sandbox_open_dir(const char *path)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOTDIR || errno == ELOOP)
			fatalx(EXIT_START, "%s: is not a folder", path);
		fatal(EXIT_START, "%s", path);
	}
	if (fstat(fd, &st) == -1)
		fatal(EXIT_START, "%s", path);
	if (st.st_uid != 0)
		fatalx(EXIT_START, "%s: must belong to root, not to uid %u",
		    path, st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		fatalx(EXIT_START,
		    "%s: must not be writable by group or others (mode %04o)",
		    path, st.st_mode & 07777);
	sandbox_check_empty(fd, path);
	return (fd);
}

static void
sandbox_check_empty(int fd, const char *path)
{
	struct dirent *de;
	DIR *dir;
	int copy;

	/* closedir takes its descriptor with it. */
	if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		fatal(EXIT_START, "%s", path);
	if ((dir = fdopendir(copy)) == NULL)
		fatal(EXIT_START, "%s", path);
	for (;;) {
		errno = 0;
		if ((de = readdir(dir)) == NULL)
			break;
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			fatalx(EXIT_START, "%s: must be empty, holds \"%s\"",
			    path, de->d_name);
	}
	if (errno != 0)
		fatal(EXIT_START, "%s", path);
	closedir(dir);
}

int
sandbox_newnet(void)
{
	return (unshare(CLONE_NEWNET));
}

void
sandbox_rlimits(uint64_t fsize, uint64_t nofile)
{
	sandbox_limit(RLIMIT_NPROC, "NPROC", 0);
	sandbox_limit(RLIMIT_CORE, "CORE", 0);
	sandbox_limit(RLIMIT_FSIZE, "FSIZE", fsize);
	sandbox_limit(RLIMIT_NOFILE, "NOFILE", nofile);
}

static void
sandbox_limit(int resource, const char *name, uint64_t value)
{
	struct rlimit rl;

	/* The hard limit too, or the process could raise its own again. */
	rl.rlim_cur = value;
	rl.rlim_max = value;
	if (setrlimit((__rlimit_resource_t)resource, &rl) == -1)
		fatal(EXIT_START, "setrlimit %s", name);
}
