/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/prctl.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "common/version.h"
#include "engine/engine.h"
#include "priv/priv.h"
#include "uturnd/conf.h"
#include "uturnd/printconf.h"
#include "uturnd/rules.h"
#include "uturnd/start.h"

/* What the command line asks for. */
struct main_options {
	struct conf_macros macros;
	const char *file;
	enum rules_form form; /* RULES_LAST: no -R */
	int check;            /* -n */
	int foreground;       /* -d */
	int verbose;          /* -v */
	int role;             /* 'E', 'P' or 0 */
	int others;           /* given was any that no role has */
};

static void usage(void) __attribute__((noreturn));
static void main_arguments(int, char *[], struct main_options *);
static void main_role(const struct main_options *) __attribute__((noreturn));
static int main_print(const struct main_options *, const struct conf *);

int
main(int argc, char *argv[])
{
	struct start_options start;
	struct conf_options opt;
	struct main_options m;
	struct conf *conf;
	int code;

	setproctitle_init(argc, argv, environ);
	log_init("controller", 0);
	main_arguments(argc, argv, &m);
	if (sodium_init() == -1)
		fatalx(EXIT_START, "libsodium refuses to work");
	if (m.role != 0)
		main_role(&m);
	log_setverbose(m.verbose);

	memset(&opt, 0, sizeof(opt));
	opt.macros = &m.macros;
	opt.err = stderr;
	opt.verbose = m.verbose;
	opt.advise = m.check;
	if ((conf = conf_load(m.file, &opt)) == NULL)
		return (EXIT_START);
	if (m.check || m.form != RULES_LAST) {
		code = main_print(&m, conf);
		conf_free(conf);
	} else {
		setproctitle("controller");
		start.file = m.file;
		start.macros = &m.macros;
		start.foreground = m.foreground;
		start.verbose = m.verbose;
		code = start_daemon(&start, conf);
	}
	conf_macros_free(&m.macros);
	return (code);
}

static void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: uturnd [-dnvV] [-D macro=value] [-f file]\n"
	    "              [-R nftables|iptables|ip6tables]\n");
	exit(EXIT_USAGE);
}

static void
main_arguments(int argc, char *argv[], struct main_options *m)
{
	int ch, version = 0;

	memset(m, 0, sizeof(*m));
	STAILQ_INIT(&m->macros);
	m->file = CONF_PATH_DEFAULT;
	m->form = RULES_LAST;
	while ((ch = getopt(argc, argv, "D:EPR:Vdf:nv")) != -1) {
		/* A role is what the controller says, and nothing else. */
		if (ch != 'v' && ch != 'E' && ch != 'P')
			m->others = 1;
		switch (ch) {
		case 'D':
			if (conf_macro_add(&m->macros, optarg) == -1) {
				if (errno != EINVAL)
					fatal(EXIT_START, "-D %s", optarg);
				(void)fprintf(stderr,
				    "uturnd: -D %s: not macro=value\n", optarg);
				usage();
			}
			break;
		case 'E':
		case 'P':
			if (m->role != 0)
				usage();
			m->role = ch;
			break;
		case 'R':
			if (rules_form_parse(optarg, &m->form) == -1)
				usage();
			break;
		case 'V':
			version = 1;
			break;
		case 'd':
			m->foreground = 1;
			break;
		case 'f':
			m->file = optarg;
			break;
		case 'n':
			m->check = 1;
			break;
		case 'v':
			m->verbose = 1;
			break;
		default:
			usage();
		}
	}
	if (optind != argc || (m->role != 0 && m->others))
		usage();
	if (version) {
		(void)printf("uturnd %s\n", UTURND_VERSION);
		exit(fflush(stdout) == EOF ? EXIT_START : EXIT_OK);
	}
}

/* One of the children.  The names are for ps(1), as exec left "exe" there. */
static void
main_role(const struct main_options *m)
{
	int engine = m->role == 'E';

	/* Nobody but the controller has a use for these. */
	if (proc_fd_check(PROC_FD_CONTROLLER) == -1)
		usage();
	log_init(engine ? "engine" : "packet process", m->verbose);
	if (prctl(PR_SET_NAME, engine ? "uturnd-engine" : "uturnd-packet") ==
	    -1)
		fatal(EXIT_START, "prctl PR_SET_NAME");
	if (engine)
		engine_main();
	priv_main();
}

/* -n and -R. */
static int
main_print(const struct main_options *m, const struct conf *conf)
{
	int rc = 0;

	if (m->form != RULES_LAST)
		rc = rules_print(conf, m->form, stdout);
	else if (m->verbose)
		rc = conf_print(conf, stdout);
	if (rc == -1 || fflush(stdout) == EOF) {
		log_warn("stdout");
		return (EXIT_START);
	}
	if (m->check)
		(void)fprintf(stderr, "configuration OK\n");
	return (EXIT_OK);
}
