/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#ifndef UTURND_RULES_H
#define UTURND_RULES_H

#include <stdio.h>

struct conf;

enum rules_form {
	RULES_NFTABLES = 0, /* for nft -f - */
	RULES_IPTABLES,     /* for iptables-restore -n */
	RULES_IP6TABLES,    /* for ip6tables-restore -n */
	RULES_LAST
};

/* Hexadecimal digits of a digest, and a NUL. */
#define RULES_DIGEST_MAX 33

/* rules_form_parse: "nftables" and so on, as -R takes it.  Returns 0 or -1. */
int rules_form_parse(const char *name, enum rules_form *);
/* rules_form_command: the shell command that loads the form. */
const char *rules_form_command(enum rules_form);
/*
 * rules_form_again: the shell command that loads it where it is loaded
 * already.  nft's is the same.  iptables-restore has no form for "if it is
 * not there yet": each of its operations but a flush changes the length of
 * INPUT by the same number whatever is in it, so one text can't both add the
 * jump to our chain and leave it alone.  Loading again with the first command
 * only adds a second jump that finds nothing left to pick; this one takes the
 * old jump away before.
 */
const char *rules_form_again(enum rules_form);

/*
 * rules_print: writes the rules that hand up the probes of this
 * configuration, and nothing else of the host's; a comment `# digest: HEX`
 * identifies them, and so does one of the rule that queues, `uturnd HEX`, when
 * they are loaded.  Returns 0, or -1 with errno.
 */
int rules_print(const struct conf *, enum rules_form, FILE *);
/* rules_digest: the digest (BLAKE2b) that rules_print writes; 0 or -1. */
int rules_digest(const struct conf *, enum rules_form, char *, size_t);
/*
 * rules_equal: 1 if both configurations have the same rules in every form, 0
 * if not (or if there was no memory to tell).
 */
int rules_equal(const struct conf *, const struct conf *);

#endif /* UTURND_RULES_H */
