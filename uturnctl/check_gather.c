/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* What the host is like, before uturnctl is locked up. */

#include <sys/types.h>
#include <sys/wait.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"
#include "uturnctl/check.h"

#define CHECK_CONF4 "/proc/sys/net/ipv4/conf"

static const char *const check_folders[] = { "/usr/sbin", "/usr/bin", "/sbin",
	"/bin" };

/* Becomes the program: nothing of ours but the pipe, nothing of the user's. */
static void __attribute__((noreturn))
check_exec(const char *const argv[], int out)
{
	char lang[] = "LC_ALL=C";
	char find[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const env[] = { find, lang, NULL };
	char path[64], *args[16];
	size_t i;
	int null;

	for (i = 0; i < 15 && argv[i] != NULL; i++)
		if ((args[i] = strdup(argv[i])) == NULL)
			_exit(127);
	args[i] = NULL;
	if ((null = open("/dev/null", O_RDWR)) == -1 ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1 ||
	    dup2(null, STDERR_FILENO) == -1 ||
	    close_range(STDERR_FILENO + 1, ~0U, 0) == -1)
		_exit(127);
	for (i = 0; i < sizeof(check_folders) / sizeof(check_folders[0]); i++) {
		(void)snprintf(
		    path, sizeof(path), "%s/%s", check_folders[i], argv[0]);
		(void)execve(path, args, env);
	}
	_exit(127);
}

/* Everything until the end; NULL if that does not come in time. */
static char *
check_collect(int fd, int64_t deadline)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char *text = NULL, *more;
	size_t len = 0, size = 0;
	ssize_t n;

	for (;;) {
		if (size - len < 2) {
			size = size == 0 ? 65536 : 2 * size;
			if (size > CHECK_RUN_MAX ||
			    (more = realloc(text, size)) == NULL)
				break;
			text = more;
		}
		if (loop_now() >= deadline ||
		    loop_wait(&pfd, 1, deadline, NULL) == -1)
			break;
		if (!loop_readable(&pfd))
			continue;
		n = read(fd, text + len, size - len - 1);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		if (n == 0) {
			text[len] = '\0';
			return (text);
		}
		len += (size_t)n;
	}
	free(text);
	return (NULL);
}

char *
check_run(const char *const argv[])
{
	char *text;
	pid_t pid;
	int fd[2], status;

	if (pipe2(fd, O_CLOEXEC) == -1)
		return (NULL);
	if ((pid = fork()) == 0)
		check_exec(argv, fd[1]);
	close(fd[1]);
	if (pid == -1) {
		close(fd[0]);
		return (NULL);
	}
	text = check_collect(fd[0], loop_now() + CHECK_RUN_NS);
	close(fd[0]);
	if (text == NULL)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			break;
	if (text != NULL && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
		free(text);
		text = NULL;
	}
	return (text);
}

/* The one line of a file below /proc/sys; NULL if there is none. */
static char *
check_sysctl(const char *path)
{
	char buf[16384];
	size_t len = 0;
	ssize_t n;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (NULL);
	while ((n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	if (n == -1)
		return (NULL);
	buf[len] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return (strdup(buf));
}

static int
check_number(const char *path)
{
	const char *error;
	char *text;
	long long v;

	if ((text = check_sysctl(path)) == NULL)
		return (-1);
	v = strtonum(text, 0, 1000, &error);
	free(text);
	return (error == NULL ? (int)v : -1);
}

static void
check_interfaces(struct check_facts *f)
{
	const struct dirent *de;
	char path[sizeof(CHECK_CONF4) + 256 + sizeof("//rp_filter")];
	int all = check_number(CHECK_CONF4 "/all/rp_filter"), own;
	DIR *dir;

	if ((dir = opendir(CHECK_CONF4)) == NULL)
		return;
	while ((de = readdir(dir)) != NULL && f->nifs < CHECK_IFS_MAX) {
		if (de->d_name[0] == '.' || strcmp(de->d_name, "all") == 0 ||
		    strcmp(de->d_name, "default") == 0 ||
		    strcmp(de->d_name, "lo") == 0)
			continue;
		(void)snprintf(path, sizeof(path), CHECK_CONF4 "/%s/rp_filter",
		    de->d_name);
		own = check_number(path);
		(void)snprintf(f->ifs[f->nifs].name,
		    sizeof(f->ifs[f->nifs].name), "%.*s", IF_NAMESIZE - 1,
		    de->d_name);
		f->ifs[f->nifs++].rp_filter = own > all ? own : all;
	}
	closedir(dir);
}

static void
check_addresses(struct check_facts *f)
{
	struct ifaddrs *list, *ifa;
	struct check_addr *a;

	if (getifaddrs(&list) == -1)
		return;
	for (ifa = list; ifa != NULL; ifa = ifa->ifa_next) {
		if (ifa->ifa_addr == NULL || f->naddrs == CHECK_ADDRS_MAX)
			continue;
		a = &f->addrs[f->naddrs];
		if (ifa->ifa_addr->sa_family == AF_INET) {
			struct sockaddr_in sin;

			memcpy(&sin, ifa->ifa_addr, sizeof(sin));
			a->family = FAMILY_V4;
			memcpy(a->addr.b, &sin.sin_addr, sizeof(sin.sin_addr));
		} else if (ifa->ifa_addr->sa_family == AF_INET6) {
			struct sockaddr_in6 sin6;

			memcpy(&sin6, ifa->ifa_addr, sizeof(sin6));
			a->family = FAMILY_V6;
			memcpy(
			    a->addr.b, &sin6.sin6_addr, sizeof(sin6.sin6_addr));
		} else
			continue;
		f->naddrs++;
	}
	freeifaddrs(list);
}

void
check_gather(struct check_facts *f)
{
	static const char *const nft[] = { "nft", "-j", "list", "ruleset",
		NULL };
	static const char *const save[FAMILY_MAX][3] = {
		{ "iptables-save", "-c", NULL },
		{ "ip6tables-save", "-c", NULL },
	};
	static const char *const routes[FAMILY_MAX][8] = {
		{ "ip", "-4", "-o", "route", "show", "table", "all", NULL },
		{ "ip", "-6", "-o", "route", "show", "table", "all", NULL },
	};
	int i;

	memset(f, 0, sizeof(*f));
	f->root = geteuid() == 0;
	for (i = 0; i < FAMILY_MAX; i++) {
		if (f->root)
			f->save[i] = check_run(save[i]);
		f->routes[i] = check_run(routes[i]);
	}
	if (f->root)
		f->nft = check_run(nft);
	f->reserved =
	    check_sysctl("/proc/sys/net/ipv4/ip_local_reserved_ports");
	f->local_range = check_sysctl("/proc/sys/net/ipv4/ip_local_port_range");
	f->hash_policy[FAMILY_V4] =
	    check_number("/proc/sys/net/ipv4/fib_multipath_hash_policy");
	f->hash_policy[FAMILY_V6] =
	    check_number("/proc/sys/net/ipv6/fib_multipath_hash_policy");
	check_interfaces(f);
	check_addresses(f);
}

void
check_free(struct check_facts *f)
{
	int i;

	free(f->nft);
	for (i = 0; i < FAMILY_MAX; i++) {
		free(f->save[i]);
		free(f->routes[i]);
	}
	free(f->reserved);
	free(f->local_range);
	memset(f, 0, sizeof(*f));
}
