/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The mechanism that all three processes use to lock themselves up.  What
 * each may do is a table in its own folder.  Every function here is fatal
 * (EXIT_START, naming what failed) unless it says otherwise: a drop that
 * fails leaves nothing safe to do but exit.
 */

/* The folder that both children are locked up in: empty, root's. */
#ifndef UTURND_EMPTY_DIR
#define UTURND_EMPTY_DIR "/run/uturnd-empty"
#endif

/* sandbox_need_caps: exits with a sentence that names each capability of
 * caps (n of them, CAP_*) that this process lacks. */
void sandbox_need_caps(const int *caps, size_t n);

/*
 * sandbox_empty_dir: makes path (0755, root's) where it is missing and checks
 * that it is a folder, root's, not writable by others, and empty.
 */
void sandbox_empty_dir(const char *path);
/* sandbox_chroot: checks as above (makes nothing), chroot(2) and chdir(2)
 * there. */
void sandbox_chroot(const char *path);
/* sandbox_newnet: a network namespace of its own, for a process without
 * sockets.  Returns 0, or -1 with errno where the system does not let. */
int sandbox_newnet(void);

/*
 * sandbox_drop: becomes uid and gid for good (no supplementary groups),
 * keeps exactly the ncaps capabilities in caps (permitted and effective,
 * later narrowed by sandbox_keep_caps), empties inheritable, ambient and
 * bounding sets, locks securebits, sets no_new_privs, not dumpable, and
 * dies with its parent (SIGKILL) if pdeath is not 0 (expected parent: ppid).
 * Then proves it: re-reads every set and requires that uid 0 can't be
 * regained.  uid 0 and gid 0 are refused.  Needs CAP_SETUID, CAP_SETGID and
 * CAP_SETPCAP.
 */
struct sandbox_ids {
	uid_t uid;
	gid_t gid;
};
void sandbox_drop(const struct sandbox_ids *ids, const int *caps, size_t ncaps,
    int pdeath, pid_t ppid);
/* sandbox_keep_caps: narrows to exactly caps, and proves it.  A filter that is
 * in force by then must let capset and capget. */
void sandbox_keep_caps(const int *caps, size_t ncaps);

/*
 * sandbox_rlimits: NPROC 0, CORE 0, FSIZE fsize bytes, NOFILE nofile, soft and
 * hard.  Landlock needs two free descriptors: call that first.  ppoll fails if
 * it is given more than nofile descriptors.
 */
void sandbox_rlimits(uint64_t fsize, uint64_t nofile);

/*
 * sandbox_landlock: no access to the file system but for the paths given.
 * rights: SANDBOX_FS_READ (read files and list folders below path) or
 * SANDBOX_FS_RUN (also write, make and remove sockets and files there).  A path
 * that does not exist is skipped.  From ABI 4 on it also forbids to bind and to
 * connect TCP.  Sets no_new_privs.  Best effort: returns the ABI number that
 * the kernel has, 0 where it has no Landlock; one that refuses is fatal.
 */
#define SANDBOX_FS_READ 1
#define SANDBOX_FS_RUN  2
struct sandbox_path {
	const char *path;
	int rights;
};
int sandbox_landlock(const struct sandbox_path *paths, size_t n);

/*
 * One allowed system call.  Up to SANDBOX_ARGS conditions on its arguments,
 * all of which must hold; several entries for one call are alternatives.
 * An entry without conditions allows the call with any arguments.  Conditions
 * are unsigned and of 64 bits, and an argument may stand in only one condition
 * of an entry (libseccomp's limit).
 */
#define SANDBOX_ARGS 3
enum sandbox_op {
	SANDBOX_NONE = 0, /* no condition */
	SANDBOX_EQ,       /* argument == value */
	SANDBOX_LE,       /* argument <= value */
	SANDBOX_MASKED,   /* (argument & mask) == value */
	SANDBOX_PARAM     /* argument == params[value] */
};
struct sandbox_arg {
	enum sandbox_op op;
	unsigned int arg; /* 0..5 */
	uint64_t value;
	uint64_t mask; /* SANDBOX_MASKED only */
};
struct sandbox_call {
	const char *name; /* the system call's name, for libseccomp */
	const char *why;  /* for the reader, and for the golden text */
	struct sandbox_arg args[SANDBOX_ARGS];
};

/*
 * sandbox_seccomp: from here on only the n calls of table; anything else
 * kills the process (SIGSYS), and so does a foreign architecture or x32.
 * params (nparams of them) are what SANDBOX_PARAM entries compare with.
 * From here on free(3) gives nothing back to the kernel, except for blocks that
 * malloc(3) had mapped before (128 KiB and more): those must not be freed where
 * munmap is forbidden.  A second call narrows further; the first table must
 * then allow seccomp and prctl (PR_SET_NO_NEW_PRIVS), and brk if memory is
 * short. A call that the architecture does not have is skipped, an unknown name
 * or a condition that can't be met is fatal.
 */
void sandbox_seccomp(const struct sandbox_call *table, size_t n,
    const uint64_t *params, size_t nparams);
/*
 * sandbox_seccomp_export: writes the same filter as libseccomp's readable
 * text to fd, after a comment line for each entry: "# call(conditions):
 * reason", the conditions as in "a0 == 3, a2 & 0x4 == 0, a1 == param 1", no
 * parentheses where there are none.  Installs nothing.  Returns 0, or -1 with
 * errno (EINVAL, ENOSYS: a faulty table).
 */
int sandbox_seccomp_export(const struct sandbox_call *table, size_t n,
    const uint64_t *params, size_t nparams, int fd);

#endif /* COMMON_SANDBOX_H */
