/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uturnctl/procstat.h"

/* The value of the line that begins with name; NULL if there is none. */
static const char *
procstat_line(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (text != NULL && *text != '\0') {
		if (strncmp(text, name, len) == 0 && text[len] == ':')
			return (text + len + 1);
		if ((text = strchr(text, '\n')) != NULL)
			text++;
	}
	return (NULL);
}

/* The index'th number of a line, at most max. */
static int
procstat_number(const char *text, const char *name, int index, int base,
    uint64_t max, uint64_t *value)
{
	const char *p = procstat_line(text, name);
	char *end;

	if (p == NULL)
		return (-1);
	for (; index >= 0; index--) {
		while (*p == ' ' || *p == '\t')
			p++;
		/* strtoull would take a sign, and go on to the next line. */
		if (*p == '\n' || *p == '\0' || *p == '-' || *p == '+')
			return (-1);
		errno = 0;
		*value = strtoull(p, &end, base);
		if (errno != 0 || end == p || *value > max ||
		    strchr(" \t\n", *end) == NULL)
			return (-1);
		p = end;
	}
	return (0);
}

int
procstat_parse(const char *text, struct procstat *ps)
{
	uint64_t uid, nnp, seccomp;

	memset(ps, 0, sizeof(*ps));
	/* Real, effective, saved, file system. */
	if (procstat_number(text, "Uid", 1, 10, UINT32_MAX, &uid) == -1 ||
	    procstat_number(text, "CapEff", 0, 16, UINT64_MAX, &ps->cap_eff) ==
		-1 ||
	    procstat_number(text, "CapBnd", 0, 16, UINT64_MAX, &ps->cap_bnd) ==
		-1 ||
	    procstat_number(text, "NoNewPrivs", 0, 10, 1, &nnp) == -1 ||
	    procstat_number(text, "Seccomp", 0, 10, 2, &seccomp) == -1)
		return (-1);
	ps->uid = (uint32_t)uid;
	ps->no_new_privs = (uint32_t)nnp;
	ps->seccomp = (uint32_t)seccomp;
	if (procstat_line(text, "VmRSS") == NULL)
		return (0);
	return (procstat_number(text, "VmRSS", 0, 10, UINT64_MAX, &ps->rss_kb));
}

int
procstat_read(uint32_t pid, struct procstat *ps)
{
	char path[64], text[8192];
	size_t len = 0;
	ssize_t n;
	int fd, error;

	(void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (-1);
	while (len < sizeof(text) - 1) {
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			error = errno;
			close(fd);
			errno = error;
			return (-1);
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	text[len] = '\0';
	if (procstat_parse(text, ps) == -1) {
		errno = EBADMSG;
		return (-1);
	}
	return (0);
}
