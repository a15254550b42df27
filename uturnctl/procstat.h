/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURNCTL_PROCSTAT_H
#define UTURNCTL_PROCSTAT_H

#include <stddef.h>
#include <stdint.h>

/* What the kernel says about a process: some lines of /proc/PID/status. */
struct procstat {
	uint32_t uid; /* effective */
	uint64_t cap_eff;
	uint64_t cap_bnd;
	uint32_t no_new_privs; /* 0 or 1 */
	uint32_t seccomp;      /* 0 off, 1 strict, 2 filter */
	uint64_t rss_kb;
};

/*
 * procstat_parse: reads a status file's text (with a NUL behind it).  Returns
 * 0, or -1 if one of the lines is missing (but for VmRSS, which a process
 * that is ending lacks: 0) or malformed.
 */
int procstat_parse(const char *text, struct procstat *);
/* procstat_read: of a living process.  Returns 0, or -1 with errno. */
int procstat_read(uint32_t pid, struct procstat *);

#endif /* UTURNCTL_PROCSTAT_H */
