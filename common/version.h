/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef COMMON_VERSION_H
#define COMMON_VERSION_H

/* Of all programs: they come as one package. */
#define UTURND_VERSION "0.1"

#endif /* COMMON_VERSION_H */
