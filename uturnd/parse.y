/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * The grammar of uturnd.conf(5).  Values are checked by confset_*(), which
 * write their own faults, so that reading goes on and one run shows them all.
 * A statement takes effect before the next line is read: include and macros
 * rely on it, so their rules end where no further token is needed.
 */

%header
%define api.pure full
%define api.prefix {confyy}
%define api.token.prefix {T_}
%define parse.error custom
%define parse.lac full
%param { struct conf_parse *p }

%code requires {
#include "uturnd/lex.h"
}

%code provides {
/* In lex.c: the next token. */
int confyylex(CONFYYSTYPE *, struct conf_parse *);
}

%union {
	struct lex_word *word;
	struct lex_words words;
	int number;
}

%code {
#include <string.h>

#include "uturnd/confset.h"

static void confyyerror(struct conf_parse *, const char *);
static struct lex_words parse_one(struct lex_word *);
static struct lex_words parse_append(struct lex_words, struct lex_word *);
}

%token YYEOF 0		"end of file"
%token NL		"end of line"
%token LBRACE		"{"
%token RBRACE		"}"
%token COMMA		","
%token EQUALS		"="
%token <word> NAME	"NAME = VALUE"
%token <word> WORD	"value"
%token <word> ANY	"any"
%token <word> PRIVATE	"private"
%token ADDRESS		"address"
%token ALLOW		"allow"
%token ANSWER		"answer"
%token AUGSBURG		"augsburg"
%token BOTH		"both"
%token BURST		"burst"
%token CLIENT		"client"
%token CONNTRACK	"conntrack"
%token DENY		"deny"
%token FROM		"from"
%token GATE		"gate"
%token HIDE		"hide"
%token HOP		"hop"
%token ICMP		"icmp"
%token INCLUDE		"include"
%token INFLECTION	"inflection"
%token KEEP		"keep"
%token LENGTH		"length"
%token LIMIT		"limit"
%token LISTEN		"listen"
%token MARK		"mark"
%token MAX		"max"
%token MIRROR		"mirror"
%token MODE		"mode"
%token NO		"no"
%token NONE		"none"
%token OBSERVE		"observe"
%token OFF		"off"
%token ON		"on"
%token OPEN		"open"
%token OWN		"own"
%token PENDING		"pending"
%token PORT		"port"
%token PREFIX		"prefix"
%token PROBE		"probe"
%token PUBLIC		"public"
%token QUEUE		"queue"
%token RELAY		"relay"
%token REPLY		"reply"
%token RESTRICTED	"restricted"
%token ROUTER		"router"
%token SERVE		"serve"
%token SETTLE		"settle"
%token SILENT		"silent"
%token SOCKET		"socket"
%token TARGET		"target"
%token TCP		"tcp"
%token TIMEOUT		"timeout"
%token TOTAL		"total"
%token TRACES		"traces"
%token TTL		"ttl"
%token TURN		"turn"
%token UDP		"udp"
%token UNREACHABLE	"unreachable"
%token USER		"user"
%token YES		"yes"

%type <word> optlength optburst optkeep optpublic hop selector
%type <words> values list items hops hopitems selectors selitems
%type <number> restricted open limit yesno relay turn inflection unreachable

%%

grammar:
	  %empty
	| grammar NL
	| grammar statement NL
	| grammar INCLUDE WORD NL		{ lex_include(&p->lex, $3); }
	| grammar error NL
	{
		/* What was open on the bad line is not waited for. */
		p->lex.braces = 0;
		p->lex.fresh = 1;
		confset_listen_end(p);
		yyerrok;
	}
	;

statement:
	  NAME EQUALS values		{ lex_define(&p->lex, $1, $3); }
	| SOCKET WORD restricted	{ confset_socket(p, $2, $3); }
	| USER WORD			{ confset_user(p, $2); }
	| QUEUE WORD optlength		{ confset_queue(p, $2, $3); }
	| MARK WORD			{ confset_mark(p, $2); }
	| PENDING WORD			{ confset_pending(p, $2); }
	| PROBE UDP PORT list		{ confset_ports(p, PROTO_UDP, $4, 0); }
	| PROBE UDP OFF			{ confset_ports_off(p, PROTO_UDP); }
	| PROBE ICMP			{ confset_icmp(p, 1); }
	| PROBE ICMP OFF		{ confset_icmp(p, 0); }
	| PROBE TCP PORT list open	{ confset_ports(p, PROTO_TCP, $4, $5); }
	| PROBE TCP OFF			{ confset_ports_off(p, PROTO_TCP); }
	| MAX TTL WORD			{ confset_max_ttl(p, $3); }
	| GATE WORD		{ confset_time(p, CONF_TIME_GATE, $2); }
	| TIMEOUT WORD		{ confset_time(p, CONF_TIME_TIMEOUT, $2); }
	| SETTLE WORD		{ confset_time(p, CONF_TIME_SETTLE, $2); }
	| HIDE HOP hops			{ confset_hide(p, $3); }
	| HIDE HOP NONE			{ confset_hide_none(p); }
	| ALLOW FROM selectors	{ confset_rules(p, POLICY_ALLOW, $3); }
	| DENY FROM selectors	{ confset_rules(p, POLICY_DENY, $3); }
	| LIMIT limit WORD optburst	{ confset_limit(p, $2, $3, $4); }
	| LIMIT limit OFF		{ confset_limit(p, $2, NULL, NULL); }
	| TRACES WORD optkeep		{ confset_traces(p, $2, $3); }
	| TRACES OFF			{ confset_traces(p, NULL, NULL); }
	| CONNTRACK yesno		{ confset_conntrack(p, $2); }
	| AUGSBURG yesno		{ confset_augsburg(p, $2); }
	| AUGSBURG TARGET list FROM list	{ confset_targets(p, $3, $5); }
	| MODE SERVE			{ confset_mode(p, 0); }
	| MODE OBSERVE			{ confset_mode(p, 1); }
	| LISTEN ON list optpublic	{ confset_listen(p, $3, $4); }
	  optblock			{ confset_listen_end(p); }
	| choice
	;

optblock:
	  %empty
	| LBRACE block RBRACE
	| LBRACE block error RBRACE	{ yyerrok; }
	;

block:
	  %empty
	| block NL
	| block choice
	| block HOP ADDRESS WORD	{ confset_hop_address(p, $4); }
	| block HOP PREFIX WORD		{ confset_hop_prefix(p, $4); }
	| block error NL		{ yyerrok; }
	;

choice:
	  RELAY relay	{ confset_choice(p, CONF_CHOICE_RELAY, $2); }
	| TURN turn	{ confset_choice(p, CONF_CHOICE_TURN, $2); }
	| INFLECTION inflection
	{
		confset_choice(p, CONF_CHOICE_INFLECTION, $2);
	}
	| UNREACHABLE unreachable
	{
		confset_choice(p, CONF_CHOICE_UNREACHABLE, $2);
	}
	;

relay:
	  OWN			{ $$ = RELAY_OWN; }
	| ROUTER		{ $$ = RELAY_ROUTER; }
	| BOTH			{ $$ = RELAY_BOTH; }
	;

turn:
	  REPLY			{ $$ = TURN_REPLY; }
	| MIRROR		{ $$ = TURN_MIRROR; }
	;

inflection:
	  ANSWER		{ $$ = INFLECTION_ANSWER; }
	| SILENT		{ $$ = INFLECTION_SILENT; }
	;

unreachable:
	  HIDE			{ $$ = UNREACHABLE_HIDE; }
	| RELAY			{ $$ = UNREACHABLE_RELAY; }
	;

restricted:
	  %empty		{ $$ = 0; }
	| RESTRICTED		{ $$ = 1; }
	;

open:
	  %empty		{ $$ = 0; }
	| OPEN			{ $$ = 1; }
	;

limit:
	  CLIENT		{ $$ = CONF_LIMIT_CLIENT; }
	| TOTAL			{ $$ = CONF_LIMIT_TOTAL; }
	| HOP			{ $$ = CONF_LIMIT_HOP; }
	;

yesno:
	  YES			{ $$ = 1; }
	| NO			{ $$ = 0; }
	;

optlength:
	  %empty		{ $$ = NULL; }
	| LENGTH WORD		{ $$ = $2; }
	;

optburst:
	  %empty		{ $$ = NULL; }
	| BURST WORD		{ $$ = $2; }
	;

optkeep:
	  %empty		{ $$ = NULL; }
	| KEEP WORD		{ $$ = $2; }
	;

optpublic:
	  %empty		{ $$ = NULL; }
	| PUBLIC WORD		{ $$ = $2; }
	;

values:
	  WORD			{ $$ = parse_one($1); }
	| values WORD		{ $$ = parse_append($1, $2); }
	;

list:
	  WORD				{ $$ = parse_one($1); }
	| LBRACE optnl items RBRACE	{ $$ = $3; }
	;

items:
	  WORD separator		{ $$ = parse_one($1); }
	| items WORD separator		{ $$ = parse_append($1, $2); }
	;

hops:
	  hop				{ $$ = parse_one($1); }
	| LBRACE optnl hopitems RBRACE	{ $$ = $3; }
	;

hopitems:
	  hop separator			{ $$ = parse_one($1); }
	| hopitems hop separator	{ $$ = parse_append($1, $2); }
	;

hop:
	  WORD
	| PRIVATE
	;

selectors:
	  selector			{ $$ = parse_one($1); }
	| LBRACE optnl selitems RBRACE	{ $$ = $3; }
	;

selitems:
	  selector separator		{ $$ = parse_one($1); }
	| selitems selector separator	{ $$ = parse_append($1, $2); }
	;

selector:
	  WORD
	| PRIVATE
	| ANY
	;

separator:
	  optnl
	| optnl COMMA optnl
	;

optnl:
	  %empty
	| optnl NL
	;

%%

static struct lex_words
parse_one(struct lex_word *w)
{
	struct lex_words list = { w, w };

	return (list);
}

/* Every word stands in one list only, so it bears the link itself. */
static struct lex_words
parse_append(struct lex_words list, struct lex_word *w)
{
	if (w == NULL)
		return (list);
	if (list.last == NULL)
		return (parse_one(w));
	list.last->next = w;
	list.last = w;
	return (list);
}

/* What a value is at this place, in the reader's words. */
static const char *
parse_value_name(const struct conf_parse *p)
{
	switch (p->lex.keyword) {
	case T_ON:
	case T_PUBLIC:
	case T_ADDRESS:
		return ("an address");
	case T_PREFIX:
		return ("a prefix");
	case T_FROM:
	case T_TARGET:
	case T_PRIVATE:
	case T_ANY:
		return ("an address or prefix");
	case T_PORT:
		return ("a port or a range LOW:HIGH");
	case T_GATE:
	case T_TIMEOUT:
	case T_SETTLE:
	case T_KEEP:
		return ("a time such as 10s");
	case T_CLIENT:
	case T_TOTAL:
		return ("a rate such as 32/s");
	case T_HOP:
		return (p->lex.statement == T_LIMIT ? "a rate such as 32/s" :
						      "an address or prefix");
	case T_SOCKET:
	case T_INCLUDE:
		return ("a path in quotes");
	case T_USER:
		return ("a name");
	case T_MARK:
		return ("NUMBER/MASK");
	case T_QUEUE:
	case T_LENGTH:
	case T_PENDING:
	case T_TTL:
	case T_BURST:
	case T_TRACES:
		return ("a number");
	default:
		return ("a value");
	}
}

static void
parse_add(char *buf, size_t size, const char *text)
{
	size_t len = strlen(buf);

	(void)snprintf(buf + len, size - len, "%s", text);
}

/*
 * What may stand here, as one text.  That a line or the file may end is left
 * out where statements are expected: it goes without saying.
 */
static void
parse_expected(const yypcontext_t *ctx, const struct conf_parse *p, char *buf,
    size_t size)
{
	yysymbol_kind_t all[YYNTOKENS], list[YYNTOKENS];
	int i, n, count = 0, many = 0;
	const char *name;

	n = yypcontext_expected_tokens(ctx, all, YYNTOKENS);
	for (i = 0; i < n; i++)
		if (all[i] == YYSYMBOL_RELAY)
			many = 1;
	for (i = 0; i < n; i++)
		if (all[i] != YYSYMBOL_YYEOF &&
		    !(many && n > 2 && all[i] == YYSYMBOL_NL))
			list[count++] = all[i];
	for (i = 0; i < count; i++) {
		name = list[i] == YYSYMBOL_WORD ? parse_value_name(p) :
						  yysymbol_name(list[i]);
		if (i > 0)
			parse_add(buf, size, i + 1 < count ? ", " : " or ");
		parse_add(buf, size, name);
	}
}

/* Bison asks for it where the grammar allows no such token. */
static int
yyreport_syntax_error(const yypcontext_t *ctx, struct conf_parse *p)
{
	const yysymbol_kind_t got = yypcontext_token(ctx);
	char allowed[1024] = "";

	parse_expected(ctx, p, allowed, sizeof(allowed));
	if (p->lex.text != NULL)
		lex_fault(&p->lex, &p->lex.pos,
		    "`%.64s' is not allowed here; allowed is %s", p->lex.text,
		    allowed);
	else
		lex_fault(&p->lex, &p->lex.pos,
		    "%s is not allowed here; allowed is %s",
		    got == YYSYMBOL_YYEMPTY ? "this" : yysymbol_name(got),
		    allowed);
	return (0);
}

/* Only for what the parser itself lacks, such as memory. */
static void
confyyerror(struct conf_parse *p, const char *why)
{
	lex_fault(&p->lex, &p->lex.pos, "%s", why);
}
