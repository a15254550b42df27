/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "common/sandbox.h"
#include "uturnd/controller.h"
#include "uturnd/notify.h"
#include "uturnd/sandbox.h"
#include "uturnd/start.h"

/* The folder of the default sockets, the only one that is made. */
#define RUN_FOLDER "/run/uturnd"

_Static_assert(CONTROL_LISTENERS_MAX >= CONF_SOCKETS_MAX,
    "every configured socket has its place");
_Static_assert(UTURND_SANDBOX_FOLDERS >= CONF_SOCKETS_MAX,
    "every socket's folder has its place");

/* Paths that live as long as the daemon. */
struct start_paths {
	char folder[PATH_MAX]; /* of the configuration */
	char file[PATH_MAX];
	char run[CONF_SOCKETS_MAX][sizeof(((struct conf_socket *)0)->path)];
};

static int start_user(const char *, struct sandbox_ids *);
static int
start_paths_fill(struct start_paths *, const char *, const struct conf *);
static int start_run_folder(const struct conf *, const struct sandbox_ids *);
static int start_sockets(
    struct control *, const struct conf *, const struct sandbox_ids *);
static void start_lock(const struct controller *, const struct start_paths *,
    const struct sandbox_ids *);

int
start_daemon(const struct start_options *opt, struct conf *conf)
{
	/* CAP_KILL is not among them: all processes become the same user. */
	static const int caps[] = { CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETUID,
		CAP_SETGID, CAP_SETPCAP, CAP_SYS_CHROOT };
	struct controller *c;
	struct start_paths *paths;
	struct sandbox_ids ids;
	struct msg_init init;
	int code = EXIT_START;

	/* What the starting process left open is none of ours. */
	if (close_range(STDERR_FILENO + 1, ~0U, 0) == -1)
		fatal(EXIT_START, "close_range");
	if ((c = malloc(sizeof(*c))) == NULL ||
	    (paths = calloc(1, sizeof(*paths))) == NULL)
		fatal(EXIT_START, "no memory");
	controller_init(c, conf);
	c->foreground = opt->foreground;
	c->macros = opt->macros;
	c->file = paths->file;

	if (start_user(conf->user, &ids) == -1)
		goto done;
	sandbox_need_caps(caps, sizeof(caps) / sizeof(caps[0]));
	/* Both children lock themselves up in it. */
	sandbox_empty_dir(UTURND_EMPTY_DIR);
	if (start_paths_fill(paths, opt->file, conf) == -1 ||
	    start_run_folder(conf, &ids) == -1 ||
	    start_sockets(&c->control, conf, &ids) == -1)
		goto done;
	c->notify_fd = notify_open();
	if (!opt->foreground && (c->report_fd = proc_daemonize()) == -1) {
		log_warn("going into the background");
		goto done;
	}
	controller_signals(c);

	memset(&init, 0, sizeof(init));
	init.uid = ids.uid;
	init.gid = ids.gid;
	init.verbose = opt->verbose ? 1 : 0;
	conf_fixed(conf, &init.fixed);
	init.traces = conf->traces_made;
	children_start(&c->children, &init, opt->verbose);
	start_lock(c, paths, &ids);
	code = controller_run(c);
done:
	control_close(&c->control, 1);
	conf_free(c->conf);
	free(c);
	free(paths);
	return (code);
}

static int
start_user(const char *name, struct sandbox_ids *ids)
{
	const struct passwd *pw;

	errno = 0;
	if ((pw = getpwnam(name)) == NULL) {
		if (errno != 0 && errno != ENOENT)
			log_warn("user %s", name);
		else
			log_warnx("user %s: no such user; make it with: "
				  "useradd --system --home-dir /nonexistent "
				  "--shell /usr/sbin/nologin %s",
			    name, name);
		return (-1);
	}
	if (pw->pw_uid == 0 || pw->pw_gid == 0) {
		log_warnx(
		    "user %s: must be neither root nor of root's group", name);
		return (-1);
	}
	ids->uid = pw->pw_uid;
	ids->gid = pw->pw_gid;
	return (0);
}

/* The daemon leaves its working folder, and names folders to Landlock. */
static int
start_paths_fill(
    struct start_paths *p, const char *file, const struct conf *conf)
{
	char copy[PATH_MAX];
	const char *base, *dir;
	char *slash;
	size_t i;
	int n;

	if (strlcpy(copy, file, sizeof(copy)) >= sizeof(copy)) {
		log_warnx("%s: path is too long", file);
		return (-1);
	}
	if ((slash = strrchr(copy, '/')) == NULL) {
		dir = ".";
		base = copy;
	} else {
		base = slash + 1;
		*slash = '\0';
		dir = slash == copy ? "/" : copy;
	}
	if (realpath(dir, p->folder) == NULL) {
		log_warn("%s", dir);
		return (-1);
	}
	n = snprintf(p->file, sizeof(p->file), "%s/%s",
	    strcmp(p->folder, "/") == 0 ? "" : p->folder, base);
	if (n < 0 || (size_t)n >= sizeof(p->file)) {
		log_warnx("%s: path is too long", file);
		return (-1);
	}
	for (i = 0; i < conf->nsockets; i++) {
		(void)strlcpy(
		    p->run[i], conf->sockets[i].path, sizeof(p->run[i]));
		if ((slash = strrchr(p->run[i], '/')) != NULL)
			*(slash == p->run[i] ? slash + 1 : slash) = '\0';
	}
	return (0);
}

/*
 * Makes the default sockets' folder where it is missing; one that root made
 * (a service manager's) is handed over.
 */
static int
start_run_folder(const struct conf *conf, const struct sandbox_ids *ids)
{
	static const int caps[] = { CAP_CHOWN };
	struct stat st;
	size_t i;
	int fd, rc = -1;

	for (i = 0; i < conf->nsockets; i++)
		if (strncmp(conf->sockets[i].path, RUN_FOLDER "/",
			sizeof(RUN_FOLDER)) == 0)
			break;
	if (i == conf->nsockets)
		return (0);
	if (mkdir(RUN_FOLDER, 0755) == -1 && errno != EEXIST) {
		log_warn("%s: can't be made", RUN_FOLDER);
		return (-1);
	}
	fd = open(RUN_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		log_warn("%s", RUN_FOLDER);
	else if (st.st_uid != 0)
		/* Whether it is the right user's is seen with its sockets. */
		rc = 0;
	else {
		sandbox_need_caps(caps, 1);
		if (fchmod(fd, 0755) == -1 ||
		    fchown(fd, ids->uid, ids->gid) == -1)
			log_warn("%s: can't be given to uid %u", RUN_FOLDER,
			    ids->uid);
		else
			rc = 0;
	}
	if (fd != -1)
		close(fd);
	return (rc);
}

static int
start_sockets(
    struct control *ct, const struct conf *conf, const struct sandbox_ids *ids)
{
	size_t i;

	for (i = 0; i < conf->nsockets; i++)
		if (control_open(ct,
			conf->sockets[i].restricted ? CONTROL_RESTRICTED
						    : CONTROL_FULL,
			conf->sockets[i].path, ids) == -1)
			return (-1);
	return (0);
}

static void
start_lock(const struct controller *c, const struct start_paths *paths,
    const struct sandbox_ids *ids)
{
	struct controller_rights rights;
	size_t i;
	int fd;

	memset(&rights, 0, sizeof(rights));
	rights.ids = *ids;
	rights.conf_folder = paths->folder;
	for (i = 0; i < c->conf->nsockets; i++)
		rights.folders[i] = paths->run[i];
	rights.nfolders = c->conf->nsockets;
	for (i = 0; i < CHILD_MAX; i++)
		rights.children[i] = c->children.child[i].pid;
	controller_lock(&rights);

	if ((fd = open(paths->file, O_RDONLY | O_CLOEXEC)) == -1)
		log_warn("%s: user %s can't read it, so a reload will fail",
		    paths->file, c->conf->user);
	else
		close(fd);
}
