/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Exit codes of uturnd, all processes.  A child's own code tells the
 * controller why it went; the controller passes the most telling one on.
 */
enum exit_code {
	EXIT_OK = 0,         /* stopped in order */
	EXIT_START = 1,      /* configuration or start failed */
	EXIT_USAGE = 2,      /* wrong arguments */
	EXIT_LOST = 10,      /* a process or its pipe was lost */
	EXIT_SECCOMP = 11,   /* a process was killed by seccomp */
	EXIT_VIOLATION = 12, /* a peer broke the rules of its border */
	EXIT_HUNG = 13       /* a process no longer answered */
};

/* Longest log line, its NUL included; longer ones are cut. */
#define LOG_LINE_MAX 512

/*
 * Where a finished line goes.  pri is a syslog(3) priority (LOG_ERR to
 * LOG_DEBUG), line is printable (escaped), without a newline.  The sink must
 * not call the log functions.
 */
struct log_sink {
	void (*emit)(void *arg, int pri, const char *line);
	void *arg;
};

/*
 * log_init: sets the process name that each line bears ("controller",
 * "engine", "packet process") and the first sink, which is stderr with
 * "<N>" priorities if the variable JOURNAL_STREAM is set, else plain.
 * verbose 0 leaves out LOG_DEBUG.  procname is kept by reference.
 */
void log_init(const char *procname, int verbose);
/* log_to_syslog: from now on syslog(3), facility daemon, LOG_NDELAY. */
void log_to_syslog(const char *ident);
/*
 * log_to_sink: from now on to *sink (copied), e.g. messages to the parent.
 * Such a line does not bear the process's name: the receiver, who knows whose
 * pipe it came from, puts it there (log_relay).
 */
void log_to_sink(const struct log_sink *sink);
void log_setverbose(int verbose);
int log_getverbose(void);

/* log_warn appends ": " and strerror(errno); all keep errno as it was. */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * log_relay: writes a line that another process sent, under its name.
 * pri and line are that process's claims: pri is clamped to LOG_ERR..LOG_DEBUG
 * and the line is escaped again.
 */
void log_relay(const char *procname, int pri, const char *line);

/*
 * fatal, fatalx: this process can't go on.  Logs "fatal: ..." (fatal with
 * strerror(errno)) at LOG_ERR, and exits with code (enum exit_code) by
 * _exit(2): exit handlers do not run and stdio buffers are not written.
 * A sink that queues lines must therefore try to send at LOG_ERR at once.
 */
void fatal(int code, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 2, 3)));
void fatalx(int code, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/*
 * vis_line: writes src (slen bytes) to dst, at most dlen bytes with the NUL,
 * so that no byte can act on a terminal or fake a line: bytes outside of
 * 0x20..0x7e become \xNN, a backslash becomes two.  Returns the length
 * written without the NUL; what does not fit whole is left out.
 */
size_t vis_line(char *dst, size_t dlen, const void *src, size_t slen);

#endif /* COMMON_LOG_H */
