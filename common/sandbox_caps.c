/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <cap-ng.h>
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"

#define CAP_BIT(cap) (1ULL << (cap))

/*
 * Root's identity is worth nothing any more, nor can it be made worth
 * something again.  KEEP_CAPS stays unlocked: libcap-ng sets it for a moment.
 */
#define SANDBOX_SECUREBITS                                                \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |  \
	    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | \
	    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* The sets as the kernel holds them. */
struct caps_sets {
	uint64_t effective;
	uint64_t permitted;
	uint64_t inheritable;
};

static void caps_read(struct caps_sets *);
static uint64_t caps_mask(const int *, size_t);
static void caps_choose(const int *, size_t);
static void caps_prove(uint64_t);
static void caps_prove_bounds(void);
static void ids_prove(const struct sandbox_ids *);

void
sandbox_need_caps(const int *caps, size_t n)
{
	struct caps_sets have;
	char names[256] = "";
	const char *name;
	size_t i, j, off = 0;
	int len;

	caps_read(&have);
	for (i = 0; i < n; i++) {
		if (have.effective & caps_mask(&caps[i], 1))
			continue;
		name = capng_capability_to_name((unsigned int)caps[i]);
		len = snprintf(names + off, sizeof(names) - off, "%sCAP_%s",
		    off == 0 ? "" : ", ", name == NULL ? "?" : name);
		if (len < 0 || (size_t)len >= sizeof(names) - off)
			break;
		for (j = 0; j < (size_t)len; j++)
			names[off + j] =
			    (char)toupper((unsigned char)names[off + j]);
		off += (size_t)len;
	}
	if (off != 0)
		fatalx(EXIT_START,
		    "must be started as root; missing capabilities: %s", names);
}

void
sandbox_drop(const struct sandbox_ids *ids, const int *caps, size_t ncaps,
    int pdeath, pid_t ppid)
{
	int rc;

	if (ids->uid == 0 || ids->gid == 0)
		fatalx(EXIT_START, "refusing to run as uid %u, gid %u",
		    ids->uid, ids->gid);

	/* Locking needs CAP_SETPCAP, so it comes first. */
	caps_choose(caps, ncaps);
	if ((rc = capng_lock()) != 0)
		fatal(EXIT_START, "capng_lock: %d", rc);
	if (prctl(PR_SET_SECUREBITS, SANDBOX_SECUREBITS, 0, 0, 0) == -1)
		fatal(EXIT_START, "prctl PR_SET_SECUREBITS");
	rc = capng_change_id((int)ids->uid, (int)ids->gid,
	    CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
	if (rc != 0)
		fatal(EXIT_START, "capng_change_id: %d", rc);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal(EXIT_START, "prctl PR_SET_NO_NEW_PRIVS");
	/* exec and the change of credentials have set both of these anew. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal(EXIT_START, "prctl PR_SET_DUMPABLE");
	if (pdeath) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
			fatal(EXIT_START, "prctl PR_SET_PDEATHSIG");
		/* It may have died before the signal was asked for. */
		if (getppid() != ppid)
			fatalx(EXIT_START, "the parent process is gone");
	}

	ids_prove(ids);
	caps_prove_bounds();
	caps_prove(caps_mask(caps, ncaps));
}

void
sandbox_keep_caps(const int *caps, size_t ncaps)
{
	caps_choose(caps, ncaps);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		fatal(EXIT_START, "capng_apply");
	caps_prove(caps_mask(caps, ncaps));
}

/* The kernel's word, not the library's memory of what it did. */
static void
caps_read(struct caps_sets *sets)
{
	struct __user_cap_header_struct hdr;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	hdr.version = _LINUX_CAPABILITY_VERSION_3;
	hdr.pid = 0;
	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &hdr, data) == -1)
		fatal(EXIT_START, "capget");
	sets->effective =
	    ((uint64_t)data[1].effective << 32) | data[0].effective;
	sets->permitted =
	    ((uint64_t)data[1].permitted << 32) | data[0].permitted;
	sets->inheritable =
	    ((uint64_t)data[1].inheritable << 32) | data[0].inheritable;
}

static uint64_t
caps_mask(const int *caps, size_t n)
{
	uint64_t mask = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!cap_valid(caps[i]))
			fatalx(EXIT_START, "no such capability: %d", caps[i]);
		mask |= CAP_BIT(caps[i]);
	}
	return (mask);
}

/* Makes libcap-ng's next change one to exactly these capabilities. */
static void
caps_choose(const int *caps, size_t n)
{
	size_t i;

	/* 0 is whoever calls: the library remembers an id across fork. */
	capng_setpid(0);
	capng_clear(CAPNG_SELECT_ALL);
	for (i = 0; i < n; i++)
		if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
			(unsigned int)caps[i]) != 0)
			fatalx(
			    EXIT_START, "capng_update: capability %d", caps[i]);
}

static void
caps_prove(uint64_t want)
{
	struct caps_sets have;

	caps_read(&have);
	if (have.effective != want || have.permitted != want ||
	    have.inheritable != 0)
		fatalx(EXIT_START,
		    "capabilities are not what was asked for: effective %#llx, "
		    "permitted %#llx, inheritable %#llx, wanted %#llx",
		    (unsigned long long)have.effective,
		    (unsigned long long)have.permitted,
		    (unsigned long long)have.inheritable,
		    (unsigned long long)want);
}

/* What outlives exec, and what keeps things as they are. */
static void
caps_prove_bounds(void)
{
	int bound, cap;

	for (cap = 0; cap < 64; cap++) {
		bound = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		/* Beyond the last one that this kernel knows. */
		if (bound == -1 && errno == EINVAL)
			break;
		if (bound != 0)
			fatalx(EXIT_START,
			    "capability %d is still in the bounding set", cap);
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) !=
		    0)
			fatalx(EXIT_START,
			    "capability %d is still in the ambient set", cap);
	}
	if (cap == 0)
		fatalx(EXIT_START, "the bounding set can't be read");
	if (prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) != SANDBOX_SECUREBITS)
		fatalx(EXIT_START, "securebits are not locked");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		fatalx(EXIT_START, "no_new_privs is not set");
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		fatalx(EXIT_START, "the process is still dumpable");
}

static void
ids_prove(const struct sandbox_ids *ids)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) == -1 ||
	    getresgid(&rgid, &egid, &sgid) == -1)
		fatal(EXIT_START, "getresuid, getresgid");
	if (ruid != ids->uid || euid != ids->uid || suid != ids->uid)
		fatalx(EXIT_START, "uid is not %u", ids->uid);
	if (rgid != ids->gid || egid != ids->gid || sgid != ids->gid)
		fatalx(EXIT_START, "gid is not %u", ids->gid);
	if (getgroups(0, NULL) != 0)
		fatalx(EXIT_START, "supplementary groups are left");
	if (setresuid(0, 0, 0) != -1 || setresgid(0, 0, 0) != -1 ||
	    setgroups(0, NULL) != -1)
		fatalx(EXIT_START, "root's identity could be regained");
}
