/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURND_PRINTCONF_H
#define UTURND_PRINTCONF_H

#include <stdio.h>

struct conf;

/*
 * conf_print: writes every statement, the defaults too, in the syntax of
 * uturnd.conf(5), so that the text reads back as an equal configuration.
 * Returns 0, or -1 with errno if the stream has an error.
 */
int conf_print(const struct conf *, FILE *);

#endif /* UTURND_PRINTCONF_H */
