/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/log.h"

static void log_stderr(void *, int, const char *);
static void log_syslog(void *, int, const char *);
static void log_write(const char *, int, const char *, size_t);
static void log_format(const char *, int, const char *, va_list)
    __attribute__((format(printf, 3, 0)));

/*
 * The one module-level state that the tree has, beside signal flags: a fault
 * anywhere, also deep in a pure function, must be able to reach the log
 * without a handle for it being passed through every call.
 */
static struct log_state {
	const char *procname;
	struct log_sink sink;
	int verbose;
	int priorities; /* stderr goes to the journal, which reads "<N>" */
} log_state = { "uturnd", { log_stderr, NULL }, 0, 0 };

void
log_init(const char *procname, int verbose)
{
	log_state.procname = procname;
	log_state.sink.emit = log_stderr;
	log_state.sink.arg = NULL;
	log_state.verbose = verbose;
	log_state.priorities = getenv("JOURNAL_STREAM") != NULL;
}

void
log_to_syslog(const char *ident)
{
	openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log_state.sink.emit = log_syslog;
	log_state.sink.arg = NULL;
}

void
log_to_sink(const struct log_sink *sink)
{
	log_state.sink = *sink;
}

void
log_setverbose(int verbose)
{
	log_state.verbose = verbose;
}

int
log_getverbose(void)
{
	return (log_state.verbose);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;
	int saved_errno = errno;

	va_start(ap, fmt);
	log_format(strerror(saved_errno), LOG_ERR, fmt, ap);
	va_end(ap);
	errno = saved_errno;
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;
	int saved_errno = errno;

	va_start(ap, fmt);
	log_format(NULL, LOG_ERR, fmt, ap);
	va_end(ap);
	errno = saved_errno;
}

void
log_info(const char *fmt, ...)
{
	va_list ap;
	int saved_errno = errno;

	va_start(ap, fmt);
	log_format(NULL, LOG_INFO, fmt, ap);
	va_end(ap);
	errno = saved_errno;
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;
	int saved_errno = errno;

	if (!log_state.verbose)
		return;
	va_start(ap, fmt);
	log_format(NULL, LOG_DEBUG, fmt, ap);
	va_end(ap);
	errno = saved_errno;
}

void
log_relay(const char *procname, int pri, const char *line)
{
	int saved_errno = errno;

	if (pri < LOG_ERR)
		pri = LOG_ERR;
	if (pri > LOG_DEBUG)
		pri = LOG_DEBUG;
	if (pri == LOG_DEBUG && !log_state.verbose)
		return;
	log_write(procname, pri, line, strnlen(line, LOG_LINE_MAX));
	errno = saved_errno;
}

void
fatal(int code, const char *fmt, ...)
{
	char msg[LOG_LINE_MAX];
	va_list ap;
	int saved_errno = errno;

	va_start(ap, fmt);
	if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
		msg[0] = '\0';
	va_end(ap);
	errno = saved_errno;
	log_warn("fatal: %s", msg);
	/* Not exit(3): a filter may forbid what exit handlers would do. */
	_exit(code);
}

void
fatalx(int code, const char *fmt, ...)
{
	char msg[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
		msg[0] = '\0';
	va_end(ap);
	log_warnx("fatal: %s", msg);
	_exit(code);
}

/* Formats a line of our own, ": why" appended if why is not NULL. */
static void
log_format(const char *why, int pri, const char *fmt, va_list ap)
{
	char raw[LOG_LINE_MAX];
	size_t len, max;
	int n;

	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	if (n < 0)
		return;
	len = (size_t)n;
	if (len >= sizeof(raw))
		len = sizeof(raw) - 1;
	if (why != NULL) {
		/* A cut message keeps its reason. */
		max = strlen(why) + 2;
		if (max < sizeof(raw) && len > sizeof(raw) - 1 - max)
			len = sizeof(raw) - 1 - max;
		n = snprintf(raw + len, sizeof(raw) - len, ": %s", why);
		if (n < 0)
			return;
		len = strnlen(raw, sizeof(raw));
	}
	log_write(NULL, pri, raw, len);
}

/*
 * Hands one line to the sink.  Lines of this process bear its own name, but
 * not towards a sink that somebody else set: there the receiver adds it.
 */
static void
log_write(const char *procname, int pri, const char *raw, size_t len)
{
	char line[LOG_LINE_MAX];
	size_t off = 0;

	if (procname == NULL &&
	    (log_state.sink.emit == log_stderr ||
		log_state.sink.emit == log_syslog))
		procname = log_state.procname;
	if (procname != NULL) {
		off = vis_line(
		    line, sizeof(line) - 2, procname, strlen(procname));
		line[off++] = ':';
		line[off++] = ' ';
	}
	vis_line(line + off, sizeof(line) - off, raw, len);
	log_state.sink.emit(log_state.sink.arg, pri, line);
}

static void
log_stderr(void *arg, int pri, const char *line)
{
	char out[LOG_LINE_MAX + sizeof("<7>\n")];
	int n;

	(void)arg;
	if (log_state.priorities)
		n = snprintf(out, sizeof(out), "<%d>%s\n", pri, line);
	else
		n = snprintf(out, sizeof(out), "%s\n", line);
	if (n < 0 || (size_t)n >= sizeof(out))
		return;
	/* One write, so that lines of several processes do not mix. */
	if (write(STDERR_FILENO, out, (size_t)n) == -1)
		return; /* there is no other place to complain */
}

static void
log_syslog(void *arg, int pri, const char *line)
{
	(void)arg;
	syslog(pri, "%s", line);
}
