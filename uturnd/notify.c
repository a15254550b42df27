/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <sys/un.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "uturnd/notify.h"

static void notify_send(int, const char *);

int
notify_open(void)
{
	struct sockaddr_un sun;
	const char *path;
	size_t len;
	int fd;

	if ((path = getenv("NOTIFY_SOCKET")) == NULL)
		return (-1);
	len = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || len < 2 ||
	    len >= sizeof(sun.sun_path)) {
		log_warnx("NOTIFY_SOCKET is no socket's name, not used");
		return (-1);
	}
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	memcpy(sun.sun_path, path, len);
	/* An abstract name: its length counts, no NUL ends it. */
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd != -1 &&
	    connect(fd, (const struct sockaddr *)&sun,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0)
		return (fd);
	log_warn("%s: service manager", path);
	if (fd != -1)
		close(fd);
	return (-1);
}

void
notify_ready(int fd)
{
	notify_send(fd, "READY=1");
}

void
notify_stopping(int fd)
{
	notify_send(fd, "STOPPING=1");
}

void
notify_alive(int fd)
{
	notify_send(fd, "WATCHDOG=1");
}

static void
notify_send(int fd, const char *text)
{
	if (fd != -1 &&
	    send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) == -1)
		log_warn("service manager: %s", text);
}
