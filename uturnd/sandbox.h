/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */
#ifndef UTURND_SANDBOX_H
#define UTURND_SANDBOX_H

#include <sys/types.h>
#include <stddef.h>

#include "common/sandbox.h"
#include "uturnd/children.h"

#define UTURND_SANDBOX_FOLDERS 8

/* What the controller keeps. */
struct controller_rights {
	struct sandbox_ids ids;
	const char *conf_folder;                     /* to read */
	const char *folders[UTURND_SANDBOX_FOLDERS]; /* of its sockets */
	size_t nfolders;
	pid_t children[CHILD_MAX]; /* to kill */
};

/* controller_lock: locks the controller up for good.  Fatal on failure. */
void controller_lock(const struct controller_rights *);

/*
 * controller_sandbox: the system calls that it may make from then on.  Their
 * parameters (SANDBOX_PARAM) are the children's process ids, by child_id.
 */
const struct sandbox_call *controller_sandbox(size_t *n);

#endif /* UTURND_SANDBOX_H */
