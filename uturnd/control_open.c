/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "uturnd/control.h"

#define BACKLOG 128

static int folder_open(const char *, uid_t);
static int socket_make(const struct sockaddr_un *, mode_t);
static int socket_clear(const struct sockaddr_un *);
static int ids_become(const struct sandbox_ids *);
static void ids_return(void);

int
control_open(struct control *ct, enum control_grade grade, const char *path,
    const struct sandbox_ids *ids)
{
	struct control_listener *l;
	struct sockaddr_un sun;
	int fd = -1, folder;

	if (ct->nlisteners == CONTROL_LISTENERS_MAX) {
		log_warnx("%s: too many sockets", path);
		return (-1);
	}
	l = &ct->listener[ct->nlisteners];
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (path[0] != '/' ||
	    strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
		sizeof(sun.sun_path)) {
		log_warnx("%s: not a path for a socket", path);
		return (-1);
	}
	if ((folder = folder_open(path, ids->uid)) == -1)
		return (-1);
	/* Two daemons that start at once must not replace each other's. */
	if (flock(folder, LOCK_EX) == -1)
		log_warn("%s: locking its folder", path);
	else if (ids_become(ids) == 0) {
		fd = socket_make(&sun, grade == CONTROL_FULL ? 0660 : 0666);
		ids_return();
	}
	close(folder);
	if (fd == -1)
		return (-1);
	(void)strlcpy(l->path, path, sizeof(l->path));
	l->fd = fd;
	l->grade = grade;
	ct->nlisteners++;
	return (0);
}

/* Returns a descriptor of the folder that path lies in, or -1. */
static int
folder_open(const char *path, uid_t uid)
{
	struct stat st;
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;
	int fd;

	if (strlcpy(folder, path, sizeof(folder)) >= sizeof(folder) ||
	    (slash = strrchr(folder, '/')) == NULL) {
		log_warnx("%s: not a path for a socket", path);
		return (-1);
	}
	*(slash == folder ? slash + 1 : slash) = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		log_warn("%s: folder of a control socket", folder);
	else if (st.st_uid != uid)
		log_warnx("%s: folder of a control socket: must belong to "
			  "uid %u, but belongs to uid %u",
		    folder, uid, st.st_uid);
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		log_warnx("%s: folder of a control socket: others than its "
			  "owner may write there",
		    folder);
	else
		return (fd);
	if (fd != -1)
		close(fd);
	return (-1);
}

static int
socket_make(const struct sockaddr_un *sun, mode_t mode)
{
	mode_t old;
	int fd, rc;

	if (socket_clear(sun) == -1)
		return (-1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		log_warn("socket");
		return (-1);
	}
	/* Until chmod, nobody may connect. */
	old = umask(0777);
	rc = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	(void)umask(old);
	if (rc == -1)
		log_warn("%s: bind", sun->sun_path);
	else if (listen(fd, BACKLOG) == -1)
		log_warn("%s: listen", sun->sun_path);
	else if (chmod(sun->sun_path, mode) == -1)
		log_warn("%s: chmod", sun->sun_path);
	else
		return (fd);
	if (rc == 0)
		(void)unlink(sun->sun_path);
	close(fd);
	return (-1);
}

/* Makes room for a socket, unless somebody answers there. */
static int
socket_clear(const struct sockaddr_un *sun)
{
	struct stat st;
	int error, fd;

	if (lstat(sun->sun_path, &st) == -1) {
		if (errno == ENOENT)
			return (0);
		log_warn("%s", sun->sun_path);
		return (-1);
	}
	if (!S_ISSOCK(st.st_mode)) {
		log_warnx("%s: is there, and is no socket", sun->sun_path);
		return (-1);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		log_warn("socket");
		return (-1);
	}
	error = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == -1
	    ? errno
	    : 0;
	close(fd);
	if (error == ECONNREFUSED) {
		if (unlink(sun->sun_path) == 0 || errno == ENOENT)
			return (0);
		log_warn("%s: can't be replaced", sun->sun_path);
		return (-1);
	}
	/* EAGAIN: its backlog is full, so somebody listens. */
	if (error == 0 || error == EAGAIN) {
		log_warnx("%s: another uturnd is running: it answers here",
		    sun->sun_path);
		return (-1);
	}
	errno = error;
	log_warn("%s: connect", sun->sun_path);
	return (-1);
}

/*
 * What the daemon's user makes belongs to it and its group, and root's rights
 * over a folder that is not root's are not needed.
 */
static int
ids_become(const struct sandbox_ids *ids)
{
	if (geteuid() != 0)
		return (0);
	if (setegid(ids->gid) == -1) {
		log_warn("setegid");
		return (-1);
	}
	if (seteuid(ids->uid) == -1) {
		log_warn("seteuid");
		ids_return();
		return (-1);
	}
	return (0);
}

static void
ids_return(void)
{
	/* Started by another user than root, there is nothing to return. */
	if (getuid() != 0)
		return;
	if (seteuid(0) == -1 || setegid(0) == -1)
		fatal(EXIT_START, "can't become root again");
}
