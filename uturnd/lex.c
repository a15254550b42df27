/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/* Bytes to tokens. */

#include <stdlib.h>
#include <string.h>

#include "uturnd/lex.h"
#include "uturnd/parse.h"

struct lex_keyword {
	const char *name;
	int token;
};

/* Sorted, for bsearch. */
static const struct lex_keyword lex_keywords[] = {
	{ "address", T_ADDRESS },
	{ "allow", T_ALLOW },
	{ "answer", T_ANSWER },
	{ "any", T_ANY },
	{ "augsburg", T_AUGSBURG },
	{ "both", T_BOTH },
	{ "burst", T_BURST },
	{ "client", T_CLIENT },
	{ "conntrack", T_CONNTRACK },
	{ "deny", T_DENY },
	{ "from", T_FROM },
	{ "gate", T_GATE },
	{ "hide", T_HIDE },
	{ "hop", T_HOP },
	{ "icmp", T_ICMP },
	{ "include", T_INCLUDE },
	{ "inflection", T_INFLECTION },
	{ "keep", T_KEEP },
	{ "length", T_LENGTH },
	{ "limit", T_LIMIT },
	{ "listen", T_LISTEN },
	{ "mark", T_MARK },
	{ "max", T_MAX },
	{ "mirror", T_MIRROR },
	{ "mode", T_MODE },
	{ "no", T_NO },
	{ "none", T_NONE },
	{ "observe", T_OBSERVE },
	{ "off", T_OFF },
	{ "on", T_ON },
	{ "open", T_OPEN },
	{ "own", T_OWN },
	{ "pending", T_PENDING },
	{ "port", T_PORT },
	{ "prefix", T_PREFIX },
	{ "private", T_PRIVATE },
	{ "probe", T_PROBE },
	{ "public", T_PUBLIC },
	{ "queue", T_QUEUE },
	{ "relay", T_RELAY },
	{ "reply", T_REPLY },
	{ "restricted", T_RESTRICTED },
	{ "router", T_ROUTER },
	{ "serve", T_SERVE },
	{ "settle", T_SETTLE },
	{ "silent", T_SILENT },
	{ "socket", T_SOCKET },
	{ "target", T_TARGET },
	{ "tcp", T_TCP },
	{ "timeout", T_TIMEOUT },
	{ "total", T_TOTAL },
	{ "traces", T_TRACES },
	{ "ttl", T_TTL },
	{ "turn", T_TURN },
	{ "udp", T_UDP },
	{ "unreachable", T_UNREACHABLE },
	{ "user", T_USER },
	{ "yes", T_YES },
};

#define LEX_END (-1)

static int
lex_keyword_cmp(const void *key, const void *elem)
{
	const struct lex_keyword *k = elem;

	return (strcmp(key, k->name));
}

static int
lex_keyword(const char *text)
{
	const struct lex_keyword *k;

	k = bsearch(text, lex_keywords,
	    sizeof(lex_keywords) / sizeof(lex_keywords[0]),
	    sizeof(lex_keywords[0]), lex_keyword_cmp);
	return (k == NULL ? 0 : k->token);
}

int
lex_is_keyword(const char *text)
{
	return (lex_keyword(text) != 0);
}

/* The next byte, unread; LEX_END: the file or the macro's value is over. */
static int
lex_peek(const struct lex *lex)
{
	const struct lex_file *f = lex->file;

	if (lex->expand != NULL)
		return (*lex->expand == '\0' ? LEX_END
					     : (unsigned char)*lex->expand);
	return (f->pos < f->len ? (unsigned char)f->buf[f->pos] : LEX_END);
}

static void
lex_next(struct lex *lex)
{
	if (lex->expand != NULL) {
		lex->expand++;
		return;
	}
	if (lex->file->buf[lex->file->pos] == '\n')
		lex->file->line++;
	lex->file->pos++;
}

static int
lex_is_name(int c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_');
}

static int
lex_is_word(int c)
{
	return (lex_is_name(c) ||
	    (c > 0 && c < 0x80 && strchr(".:/-%+@~*", c) != NULL));
}

int
lex_name_valid(const char *name, size_t len)
{
	size_t i;

	if (len == 0 || (name[0] >= '0' && name[0] <= '9'))
		return (0);
	for (i = 0; i < len; i++)
		if (!lex_is_name((unsigned char)name[i]))
			return (0);
	return (1);
}

/* Keeps a text for as long as the parser lives. */
static struct lex_word *
lex_word(struct lex *lex, const char *text, size_t len)
{
	struct lex_word *w;

	if ((w = malloc(sizeof(*w) + len + 1)) == NULL) {
		lex_fault(lex, &lex->pos, "out of memory");
		return (NULL);
	}
	memcpy(w->text, text, len);
	w->text[len] = '\0';
	w->pos = lex->pos;
	w->next = NULL;
	STAILQ_INSERT_TAIL(&lex->words, w, all);
	return (w);
}

/* Blanks, comments and continued lines; no end of line. */
static void
lex_skip(struct lex *lex)
{
	const struct lex_file *f = lex->file;
	int c;

	for (;;) {
		c = lex_peek(lex);
		if (c == ' ' || c == '\t') {
			lex_next(lex);
		} else if (lex->expand != NULL) {
			return;
		} else if (c == '\\' && f->len - f->pos > 1 &&
		    f->buf[f->pos + 1] == '\n') {
			lex_next(lex);
			lex_next(lex);
		} else if (c == '#') {
			while (c != '\n' && c != LEX_END) {
				lex_next(lex);
				c = lex_peek(lex);
			}
		} else {
			return;
		}
	}
}

/* A text in quotes; the opening one is next. */
static struct lex_word *
lex_string(struct lex *lex)
{
	char buf[LEX_VALUE_MAX];
	size_t len = 0;
	int c, quote;

	quote = lex_peek(lex);
	lex_next(lex);
	while ((c = lex_peek(lex)) != quote) {
		if (c == LEX_END || c == '\n') {
			lex_fault(lex, &lex->pos,
			    "string without its closing %c; it must end on "
			    "the line it began on",
			    quote);
			return (NULL);
		}
		if (c == '\\') {
			lex_next(lex);
			c = lex_peek(lex);
			if (c != '\\' && c != '"' && c != '\'') {
				lex_fault(lex, &lex->pos,
				    "backslash in a string; allowed before a "
				    "quote or a backslash only");
				return (NULL);
			}
		}
		if (c < 0x20 || c > 0x7e) {
			lex_fault(lex, &lex->pos,
			    "byte 0x%02x in a string; allowed are printable "
			    "ASCII characters",
			    (unsigned int)c);
			return (NULL);
		}
		if (len == sizeof(buf) - 1) {
			lex_fault(lex, &lex->pos,
			    "string too long; at most %zu characters",
			    sizeof(buf) - 1);
			return (NULL);
		}
		buf[len++] = (char)c;
		lex_next(lex);
	}
	lex_next(lex);
	return (lex_word(lex, buf, len));
}

/* $name: from now on its value is read.  Returns 0, or -1 after a fault. */
static int
lex_expand(struct lex *lex)
{
	struct lex_macro *m;
	const char *name;
	size_t len = 0;
	int c;

	if (lex->expand != NULL) {
		lex_fault(lex, &lex->pos,
		    "macro in a macro's value; write the inner one without "
		    "quotes where the outer one is defined");
		return (-1);
	}
	lex_next(lex);
	name = lex->file->buf + lex->file->pos;
	while (lex_is_name(lex_peek(lex))) {
		lex_next(lex);
		len++;
	}
	c = lex_peek(lex);
	if (!lex_name_valid(name, len)) {
		lex_fault(lex, &lex->pos,
		    "$ without a macro's name; letters, digits and _ are "
		    "allowed");
		return (-1);
	}
	if (lex_is_word(c) || c == '"' || c == '\'' || c == '$') {
		lex_fault(lex, &lex->pos,
		    "macro `%.*s' joined to other text; a blank must follow "
		    "it",
		    (int)(len < 64 ? len : 64), name);
		return (-1);
	}
	if ((m = lex_macro_find(lex, name, len)) == NULL) {
		lex_fault(lex, &lex->pos,
		    "macro `%.*s' is not defined; define it above its use or "
		    "with -D",
		    (int)(len < 64 ? len : 64), name);
		return (-1);
	}
	m->used = 1;
	lex->expand = m->value;
	return (0);
}

/* A bare word: keyword, name before `=`, or value. */
static int
lex_bare(struct lex *lex, CONFYYSTYPE *val)
{
	const char *text;
	size_t len = 0;
	int token;

	text =
	    lex->expand != NULL ? lex->expand : lex->file->buf + lex->file->pos;
	while (lex_is_word(lex_peek(lex))) {
		lex_next(lex);
		len++;
	}
	if ((val->word = lex_word(lex, text, len)) == NULL)
		return (T_CONFYYerror);
	lex->text = val->word->text;
	if (lex->plain)
		return (T_WORD);
	if (lex->expand == NULL) {
		lex_skip(lex);
		if (lex_peek(lex) == '=')
			return (T_NAME);
	}
	if ((token = lex_keyword(lex->text)) == 0)
		return (T_WORD);
	if (lex->fresh)
		lex->statement = token;
	lex->fresh = 0;
	lex->last = token;
	return (token);
}

/* The tokens of one character; 0: none. */
static int
lex_single(struct lex *lex, int c)
{
	switch (c) {
	case '\n':
		lex->plain = 0;
		if (lex->braces == 0)
			lex->fresh = 1;
		return (T_NL);
	case '{':
		lex->braces++;
		return (T_LBRACE);
	case '}':
		if (lex->braces > 0)
			lex->braces--;
		return (T_RBRACE);
	case ',':
		return (T_COMMA);
	case '=':
		lex->plain = 1;
		lex->last = 0;
		return (T_EQUALS);
	default:
		return (0);
	}
}

/* The file is over: one more end of line, then the file around it. */
static int
lex_end(struct lex *lex, int *token)
{
	struct lex_file *f = lex->file;

	if (!f->ended) {
		f->ended = 1;
		*token = lex_single(lex, '\n');
		return (1);
	}
	if (lex->braces > f->braces && f->up != NULL) {
		lex_fault(lex, &lex->pos,
		    "end of file within braces; `}' must stand in the same "
		    "file");
		lex->braces = f->braces;
	}
	if (!lex_pop(lex)) {
		*token = T_YYEOF;
		return (1);
	}
	return (0);
}

static int
lex_token(struct lex *lex, CONFYYSTYPE *val)
{
	int c, token;

	for (;;) {
		lex_skip(lex);
		lex->pos.file = lex->file->name;
		lex->pos.line = lex->file->line;
		lex->text = NULL;
		c = lex_peek(lex);
		if (c == LEX_END) {
			if (lex->expand != NULL)
				lex->expand = NULL;
			else if (lex_end(lex, &token))
				return (token);
			continue;
		}
		if (c == '$') {
			if (lex_expand(lex) == -1)
				break;
			continue;
		}
		if (lex_is_word(c))
			return (lex_bare(lex, val));
		if (c == '"' || c == '\'') {
			if ((val->word = lex_string(lex)) == NULL)
				break;
			lex->text = val->word->text;
			return (T_WORD);
		}
		lex_next(lex);
		if ((token = lex_single(lex, c)) != 0)
			return (token);
		lex_fault(lex, &lex->pos,
		    "byte 0x%02x is not allowed here; allowed are words, "
		    "strings in quotes and { } , = $ #",
		    (unsigned int)c);
		break;
	}
	/* One fault a line is told: the rest of it means nothing. */
	lex->expand = NULL;
	while ((c = lex_peek(lex)) != '\n' && c != LEX_END)
		lex_next(lex);
	return (T_CONFYYerror);
}

int
confyylex(CONFYYSTYPE *val, struct conf_parse *p)
{
	val->word = NULL;
	p->lex.keyword = p->lex.last;
	if (p->lex.faults >= LEX_FAULTS_MAX)
		return (T_YYEOF);
	if (p->lex.ntokens++ >= LEX_TOKENS_MAX) {
		lex_fault(&p->lex, &p->lex.pos,
		    "configuration too big; at most %u words", LEX_TOKENS_MAX);
		p->lex.faults = LEX_FAULTS_MAX;
		return (T_YYEOF);
	}
	return (lex_token(&p->lex, val));
}
