/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Steps that look at the process under test, or stop it. */

#include <dirent.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "steps.h"

/* fds, rss: what the process under test holds. */
int
step_fds(struct hostile *h, char *argv[], int argc)
{
	const struct dirent *d;
	char path[64];
	uint64_t n = 0;
	DIR *dir;

	(void)argv;
	(void)argc;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)h->pid);
	if ((dir = opendir(path)) == NULL)
		err(1, "%s", path);
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			n++;
	(void)closedir(dir);
	report_number("fds", n);
	return (0);
}

int
step_rss(struct hostile *h, char *argv[], int argc)
{
	char path[64], line[128];
	unsigned long kb = 0;
	FILE *f;

	(void)argv;
	(void)argc;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)h->pid);
	if ((f = fopen(path, "r")) == NULL)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmRSS: %lu", &kb) == 1)
			break;
	(void)fclose(f);
	report_number("rss", kb);
	return (0);
}

/* stop, cont: it does nothing in between. */
int
step_stop(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	if (kill(h->pid, SIGSTOP) == -1)
		err(1, "SIGSTOP");
	return (0);
}

int
step_cont(struct hostile *h, char *argv[], int argc)
{
	(void)argv;
	(void)argc;
	if (kill(h->pid, SIGCONT) == -1)
		err(1, "SIGCONT");
	return (0);
}
