/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"

/*
 * What linux/landlock.h of Debian 12 does not know yet.  The kernel takes a
 * structure that is longer than its own if the rest is zero, and which rights
 * it knows follows from its ABI number.
 */
struct landlock_ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* ABI 4 */
};
#define FS_TRUNCATE     (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV    (1ULL << 15) /* ABI 5 */
#define NET_BIND_TCP    (1ULL << 0)  /* ABI 4 */
#define NET_CONNECT_TCP (1ULL << 1)  /* ABI 4 */

/* ABI 1 knows all rights from EXECUTE (bit 0) to MAKE_SYM (bit 12). */
#define FS_ABI1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
/* The rights that a rule on something other than a folder may have. */
#define FS_FILE                                                       \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	    LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_RUN                                                             \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE |           \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
	    LANDLOCK_ACCESS_FS_MAKE_SOCK)

static void landlock_handled(struct landlock_ruleset *, int);
static void landlock_allow(int, const struct sandbox_path *, uint64_t);

int
sandbox_landlock(const struct sandbox_path *paths, size_t n)
{
	struct landlock_ruleset attr;
	size_t i;
	long abi, fd;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi == -1) {
		/* Not built in, or switched off at boot. */
		if (errno == ENOSYS || errno == EOPNOTSUPP)
			return (0);
		fatal(EXIT_START, "landlock: asking for its version");
	}
	landlock_handled(&attr, (int)abi);
	fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd == -1)
		fatal(EXIT_START, "landlock_create_ruleset");
	for (i = 0; i < n; i++)
		landlock_allow((int)fd, &paths[i], attr.handled_access_fs);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal(EXIT_START, "prctl PR_SET_NO_NEW_PRIVS");
	if (syscall(SYS_landlock_restrict_self, (int)fd, 0) == -1)
		fatal(EXIT_START, "landlock_restrict_self");
	close((int)fd);
	return ((int)abi);
}

/*
 * Everything that the kernel can forbid is forbidden.  Left out are the
 * scopes of ABI 6: the controller must be able to signal its children, which
 * are outside of its domain, and a service manager's socket may be abstract.
 */
static void
landlock_handled(struct landlock_ruleset *attr, int abi)
{
	memset(attr, 0, sizeof(*attr));
	attr->handled_access_fs = FS_ABI1;
	if (abi >= 2)
		attr->handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		attr->handled_access_fs |= FS_TRUNCATE;
	if (abi >= 4)
		attr->handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		attr->handled_access_fs |= FS_IOCTL_DEV;
}

static void
landlock_allow(int fd, const struct sandbox_path *p, uint64_t handled)
{
	struct landlock_path_beneath_attr rule;
	struct stat st;

	memset(&rule, 0, sizeof(rule));
	switch (p->rights) {
	case SANDBOX_FS_READ:
		rule.allowed_access = FS_READ & handled;
		break;
	case SANDBOX_FS_RUN:
		rule.allowed_access = FS_RUN & handled;
		break;
	default:
		fatalx(EXIT_START, "landlock: %s: unknown rights %d", p->path,
		    p->rights);
	}
	rule.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd == -1) {
		if (errno == ENOENT)
			return;
		fatal(EXIT_START, "landlock: %s", p->path);
	}
	if (fstat(rule.parent_fd, &st) == -1)
		fatal(EXIT_START, "landlock: %s", p->path);
	/* The kernel refuses a folder's rights on anything else. */
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_FILE;
	if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0) == -1)
		fatal(EXIT_START, "landlock_add_rule: %s", p->path);
	close(rule.parent_fd);
}
