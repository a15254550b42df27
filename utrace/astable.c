/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "utrace/astable.h"

/* Both families of today's internet are well below this. */
#define ASTABLE_MAX  4000000
#define ASTABLE_LINE 512

struct astable_entry {
	struct addr addr;
	uint32_t asn;
	uint8_t family;
	uint8_t plen;
};

struct astable {
	struct astable_entry *entries; /* sorted */
	size_t n;
	size_t size;
	/* The lengths that occur. */
	uint8_t lengths[FAMILY_MAX][129];
};

static int
astable_compare(const void *va, const void *vb)
{
	const struct astable_entry *a = va, *b = vb;

	if (a->family != b->family)
		return (a->family < b->family ? -1 : 1);
	if (a->plen != b->plen)
		return (a->plen < b->plen ? -1 : 1);
	return (memcmp(a->addr.b, b->addr.b, sizeof(a->addr.b)));
}

/* A decimal number up to max; *end is what follows. */
static int
astable_number(const char *p, uint32_t max, uint32_t *v, const char **end)
{
	uint64_t n = 0;
	const char *s = p;

	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > max)
			return (-1);
	}
	*v = (uint32_t)n;
	*end = p;
	return (p == s ? -1 : 0);
}

static int
astable_line(const char *p, struct astable_entry *e)
{
	struct hop_addr a;
	const char *slash, *end;
	uint32_t plen;

	memset(&a, 0, sizeof(a));
	if ((slash = strchr(p, '/')) == NULL ||
	    hop_addr_parse(p, (size_t)(slash - p), &a) == -1 ||
	    astable_number(slash + 1, addr_bits(a.family), &plen, &end) == -1 ||
	    (*end != ' ' && *end != '\t'))
		return (-1);
	end += strspn(end, " \t");
	if (strncmp(end, "AS", 2) == 0)
		end += 2;
	if (astable_number(end, UINT32_MAX, &e->asn, &end) == -1 ||
	    (*end != '\0' && strchr(" \t\r\n#", *end) == NULL))
		return (-1);
	e->family = a.family;
	e->plen = (uint8_t)plen;
	e->addr = a.addr;
	addr_mask(a.family, &e->addr, plen);
	return (0);
}

static int
astable_add(struct astable *t, const struct astable_entry *e)
{
	struct astable_entry *p;
	size_t size;

	if (t->n == t->size) {
		size = t->size == 0 ? 1024 : t->size * 2;
		if (t->n >= ASTABLE_MAX)
			return (-1);
		p = reallocarray(t->entries, size, sizeof(*p));
		if (p == NULL)
			return (-1);
		t->entries = p;
		t->size = size;
	}
	t->entries[t->n++] = *e;
	t->lengths[e->family][e->plen] = 1;
	return (0);
}

struct astable *
astable_read(FILE *fp, char *why, size_t whylen)
{
	struct astable_entry e;
	struct astable *t;
	char line[ASTABLE_LINE];
	const char *p;
	unsigned long lineno = 0;

	if ((t = calloc(1, sizeof(*t))) == NULL) {
		(void)snprintf(why, whylen, "%s", strerror(errno));
		return (NULL);
	}
	memset(&e, 0, sizeof(e));
	while (fgets(line, sizeof(line), fp) != NULL) {
		lineno++;
		p = line + strspn(line, " \t");
		if (*p == '#' || *p == '\n' || *p == '\r' || *p == '\0')
			continue;
		if (astable_line(p, &e) == -1) {
			(void)snprintf(why, whylen,
			    "line %lu: not \"prefix asn\", as in "
			    "\"192.0.2.0/24 64500\"",
			    lineno);
			astable_free(t);
			return (NULL);
		}
		if (astable_add(t, &e) == -1) {
			(void)snprintf(why, whylen,
			    "line %lu: no memory for more prefixes", lineno);
			astable_free(t);
			return (NULL);
		}
	}
	if (ferror(fp)) {
		(void)snprintf(why, whylen, "%s", strerror(errno));
		astable_free(t);
		return (NULL);
	}
	if (t->n != 0)
		qsort(t->entries, t->n, sizeof(*t->entries), astable_compare);
	return (t);
}

void
astable_free(struct astable *t)
{
	if (t == NULL)
		return;
	free(t->entries);
	free(t);
}

uint32_t
astable_find(const struct astable *t, const struct hop_addr *a)
{
	const struct astable_entry *found;
	struct astable_entry e;
	unsigned int plen;

	if (t == NULL || t->n == 0 || !a->known)
		return (0);
	memset(&e, 0, sizeof(e));
	e.family = a->family;
	for (plen = addr_bits(a->family) + 1; plen-- > 0;) {
		if (!t->lengths[a->family][plen])
			continue;
		e.plen = (uint8_t)plen;
		e.addr = a->addr;
		addr_mask(a->family, &e.addr, plen);
		found =
		    bsearch(&e, t->entries, t->n, sizeof(e), astable_compare);
		if (found != NULL)
			return (found->asn);
	}
	return (0);
}
