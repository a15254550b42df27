/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Every coder of every border on payloads that nobody vouches for: what one
 * takes it writes back byte for byte, and its border's table allows.
 */

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/msg.h"
#include "common/msg_io.h"
#include "tests/fuzz/fuzz.h"

static const struct msg_border *const borders[] = {
	&msg_controller_to_engine,
	&msg_controller_to_priv,
	&msg_engine_to_controller,
	&msg_priv_to_controller,
	&msg_priv_to_engine,
	&msg_engine_to_priv,
	&msg_ctl_to_controller,
	&msg_controller_to_ctl,
};
#define BORDERS (sizeof(borders) / sizeof(borders[0]))

/* Buffers that most messages do not fit into. */
#define CODER_SMALL (IMSG_HEADER_SIZE + 8)
/* From here on, a message's first byte says how often it comes. */
#define CODER_OFTEN 0xec
/* Messages of one input, at most: more than any table has places. */
#define CODER_MESSAGES (POLICY_RULES_MAX + 300)

struct coder {
	struct imsgbuf out;
	struct imsgbuf whole; /* for policies */
	struct policy policy;
	struct policy back;
	uint32_t stage;
	size_t messages; /* of this input */
};

/* A type by its block of numbers and its place there, from one byte. */
static uint32_t
coder_type(uint8_t n)
{
	return ((n >> 5) % 6U + 1) << 8 | (n & 0x1f);
}

/* Some border lets the payload in, if descriptors are left aside. */
static int
coder_allowed(uint32_t type, size_t len)
{
	const struct msg_rule *r;
	size_t i, j;

	for (i = 0; i < BORDERS; i++)
		for (j = 0; j < borders[i]->nrules; j++) {
			r = &borders[i]->rules[j];
			if (r->type == type && len >= r->min && len <= r->max)
				return (1);
		}
	return (0);
}

/* The policy that came whole goes out and comes back the same. */
static void
coder_policy_again(struct coder *c)
{
	struct imsg imsg;
	const char *why;
	uint32_t stage = 0;
	int done = 0;

	FUZZ_CHECK(msg_put_policy(&c->whole, &c->policy) == 0);
	while (fuzz_dequeue(&c->whole, &imsg)) {
		FUZZ_CHECK(!done);
		FUZZ_CHECK(
		    msg_get_policy(&imsg, &c->back, &stage, &done, &why) == 0);
		imsg_free(&imsg);
	}
	FUZZ_CHECK(done);
	/* BEGIN clears it, each entry is made of zeros. */
	FUZZ_CHECK(memcmp(&c->policy, &c->back, sizeof(c->back)) == 0);
}

/* What the children ask a policy, whatever is in it. */
static void
coder_policy_ask(const struct policy *p)
{
	struct addr a;
	uint32_t i;
	int f;

	memset(&a, 0, sizeof(a));
	for (f = 0; f < FAMILY_MAX; f++) {
		(void)policy_is_own(p, (enum family)f, &a);
		(void)policy_denied(p, (enum family)f, &a);
		(void)policy_hidden(p, (enum family)f, &a);
		FUZZ_CHECK(!policy_target_allowed(p, (enum family)f, &a, &a));
	}
	for (i = 0; i < p->nlisten; i++) {
		FUZZ_CHECK(policy_listen_find(p, p->listen[i].family,
			       &p->listen[i].addr) != -1);
		FUZZ_CHECK(
		    policy_is_own(p, p->listen[i].family, &p->listen[i].addr));
	}
	for (i = 0; i < p->ntargets; i++) {
		a = p->targets[i].addr;
		if (policy_target_allowed(p, p->targets[i].family, &a, &a))
			FUZZ_CHECK(!policy_is_own(p, p->targets[i].family, &a));
	}
	for (i = 0; i < p->nports; i++)
		FUZZ_CHECK(
		    policy_port_listed(p, p->ports[i].proto, p->ports[i].lo));
}

/* The capture filter has room for so many of each family. */
static void
coder_families(const struct policy *p)
{
	uint32_t i, n[FAMILY_MAX] = { 0, 0 };

	for (i = 0; i < p->nlisten && i < POLICY_LISTEN_MAX; i++)
		n[p->listen[i].family]++;
	FUZZ_CHECK(n[FAMILY_V4] <= POLICY_LISTEN_FAMILY_MAX);
	FUZZ_CHECK(n[FAMILY_V6] <= POLICY_LISTEN_FAMILY_MAX);
}

static int
coder_policy(struct coder *c, struct imsg *imsg)
{
	const char *why = NULL;
	int done = 0;

	if (msg_get_policy(imsg, &c->policy, &c->stage, &done, &why) == -1) {
		FUZZ_CHECK(why != NULL && !done);
		/* A violation: what there is of it is not to be used. */
		c->stage = 0;
		return (-1);
	}
	FUZZ_CHECK(c->policy.nlisten <= POLICY_LISTEN_MAX);
	coder_families(&c->policy);
	FUZZ_CHECK(c->policy.nports <= POLICY_PORTS_MAX);
	FUZZ_CHECK(c->policy.nrules <= POLICY_RULES_MAX);
	FUZZ_CHECK(c->policy.nhide <= POLICY_HIDE_MAX);
	FUZZ_CHECK(c->policy.ntargets <= POLICY_TARGETS_MAX);
	if (done) {
		coder_policy_again(c);
		coder_policy_ask(&c->policy);
	}
	return (0);
}

/* Texts and names: NUL only at the end. */
static int
coder_text(struct coder *c, uint32_t type, struct imsg *imsg)
{
	static char text[MSG_TEXT_MAX];
	const char *why = NULL;
	uint8_t code = 0;
	uint32_t pid = 0;
	size_t max = type == MSG_LOG ? LOG_LINE_MAX : MSG_TEXT_MAX;

	if (type == MSG_CTL_PROCESS) {
		if (msg_get_process(imsg, &pid, text, &why) == -1)
			return (-1);
		FUZZ_CHECK(strlen(text) < MSG_NAME_MAX);
		return (msg_put_process(&c->out, 0, pid, text));
	}
	if (msg_get_text(imsg, 7, &code, text, max, &why) == -1)
		return (-1);
	FUZZ_CHECK(code <= 7 && strlen(text) < max);
	return (msg_put_text(&c->out, type, 0, code, text));
}

/* Reads by the type's coder and writes it back: 0, or -1 if it is refused. */
static int
coder_children(struct coder *c, uint32_t type, struct imsg *imsg)
{
	struct msg_probe probe;
	struct msg_match match;
	struct msg_answer answer;
	struct msg_request request;
	struct msg_status status;
	struct msg_turn turn;
	enum msg_expiry expiry;
	struct msg_id id;
	const char *why = NULL;

	switch (type) {
	case MSG_PROBE:
		if (msg_get_probe(imsg, &probe, &why) == -1)
			return (-1);
		FUZZ_CHECK(probe.headlen <= WIRE_HEAD_MAX);
		return (msg_put_probe(&c->out, &probe));
	case MSG_MATCH:
		if (msg_get_match(imsg, &match, &why) == -1)
			return (-1);
		FUZZ_CHECK(match.datalen <= MSG_MATCH_DATA);
		return (msg_put_match(&c->out, &match));
	case MSG_EXPIRED:
		if (msg_get_expired(imsg, &id, &expiry, &why) == -1)
			return (-1);
		return (msg_put_expired(&c->out, id, expiry));
	case MSG_TURN:
		if (msg_get_turn(imsg, &turn, &why) == -1)
			return (-1);
		FUZZ_CHECK(turn.ahead == 0 || turn.ahead >= MSG_TURN_AHEAD);
		return (msg_put_turn(&c->out, &turn));
	case MSG_ANSWER:
		if (msg_get_answer(imsg, &answer, &why) == -1)
			return (-1);
		FUZZ_CHECK(msg_answer_objlen(&answer) <= EXT_FOREIGN_MAX);
		return (msg_put_answer(&c->out, &answer));
	case MSG_REQUEST:
		if (msg_get_request(imsg, &request, &why) == -1)
			return (-1);
		FUZZ_CHECK(request.headlen <= WIRE_HEAD_MAX);
		return (msg_put_request(&c->out, &request));
	case MSG_REQUEST_STATUS:
		if (msg_get_status(imsg, &status, &why) == -1)
			return (-1);
		return (msg_put_status(&c->out, &status));
	default:
		if (msg_get_order(imsg, &id, &why) == -1)
			return (-1);
		return (msg_put_order(&c->out, type, id));
	}
}

/* Rows of the engine's tables. */
static int
coder_rows(struct coder *c, uint32_t type, struct imsg *imsg)
{
	struct msg_list list;
	struct msg_client client;
	struct msg_deny deny;
	const char *why = NULL;

	switch (type) {
	case MSG_LIST:
		if (msg_get_list(imsg, &list, &why) == -1)
			return (-1);
		return (msg_put_list(&c->out, type, 0, &list));
	case MSG_CLIENT:
	case MSG_CTL_CLIENT:
		if (msg_get_client(imsg, &client, &why) == -1)
			return (-1);
		return (msg_put_client(&c->out, type, 0, &client));
	default:
		if (msg_get_deny(imsg, &deny, &why) == -1)
			return (-1);
		return (msg_put_deny(&c->out, type, 0, &deny));
	}
}

/* Traces and events. */
static int
coder_traces(struct coder *c, uint32_t type, struct imsg *imsg)
{
	struct msg_ask ask;
	struct msg_trace trace;
	struct msg_hop hop;
	struct msg_event event;
	const char *why = NULL;

	switch (type) {
	case MSG_TRACES:
	case MSG_CTL_TRACES:
		if (msg_get_ask(imsg, &ask, &why) == -1)
			return (-1);
		return (msg_put_ask(&c->out, type, 0, &ask));
	case MSG_TRACE:
	case MSG_CTL_TRACE:
		if (msg_get_trace(imsg, &trace, &why) == -1)
			return (-1);
		return (msg_put_trace(&c->out, type, 0, &trace));
	case MSG_TRACE_HOP:
	case MSG_CTL_HOP:
		if (msg_get_hop(imsg, &hop, &why) == -1)
			return (-1);
		return (msg_put_hop(&c->out, type, 0, &hop));
	default:
		if (msg_get_event(imsg, &event, &why) == -1)
			return (-1);
		return (msg_put_event(&c->out, type, 0, &event));
	}
}

static int
coder_plain(struct coder *c, uint32_t type, struct imsg *imsg)
{
	static struct stats stats;
	struct msg_init init;
	struct msg_info info;
	const char *why = NULL;
	uint32_t v32;
	uint8_t v8;

	switch (type) {
	case MSG_INIT:
		if (msg_get_init(imsg, &init, &why) == -1)
			return (-1);
		FUZZ_CHECK(init.uid != 0 && init.gid != 0);
		return (msg_put_init(&c->out, &init));
	case MSG_STATS_DATA:
	case MSG_CTL_DATA:
		if (msg_get_stats(imsg, &stats, &why) == -1)
			return (-1);
		return (msg_put_stats(&c->out, type, 0, &stats));
	case MSG_CTL_INFO:
		if (msg_get_info(imsg, &info, &why) == -1)
			return (-1);
		return (msg_put_info(&c->out, 0, &info));
	case MSG_VERBOSE:
	case MSG_PAUSE:
	case MSG_PAUSED:
	case MSG_MONITOR:
	case MSG_DENY_DONE:
	case MSG_CTL_VERBOSE:
		if (msg_get_u8(imsg, 1, &v8, &why) == -1)
			return (-1);
		return (msg_put_u8(&c->out, type, 0, v8));
	case MSG_CONF_COMMIT:
	case MSG_CONF_ABORT:
	case MSG_PING:
	case MSG_STAGED:
	case MSG_COMMITTED:
	case MSG_PONG:
	case MSG_TRACES_END:
	case MSG_LIST_END:
	case MSG_PING_ON:
		if (msg_get_u32(imsg, &v32, &why) == -1)
			return (-1);
		return (msg_put_u32(&c->out, type, 0, v32));
	default:
		if (!coder_allowed(type, 0) || msg_get_empty(imsg, &why) == -1)
			return (-1);
		return (msg_put_empty(&c->out, type, 0));
	}
}

static int
coder_run(struct coder *c, uint32_t type, struct imsg *imsg)
{
	switch (type) {
	case MSG_LOG:
	case MSG_CTL_LINE:
	case MSG_CTL_RESULT:
	case MSG_CTL_PROCESS:
		return (coder_text(c, type, imsg));
	case MSG_PROBE:
	case MSG_MATCH:
	case MSG_EXPIRED:
	case MSG_ANSWER:
	case MSG_PASS:
	case MSG_DROP:
	case MSG_INFLECT:
	case MSG_TURN:
	case MSG_FINAL:
	case MSG_REQUEST:
	case MSG_REQUEST_PROBE:
	case MSG_REQUEST_STATUS:
	case MSG_REQUEST_ANSWER:
		return (coder_children(c, type, imsg));
	case MSG_TRACES:
	case MSG_CTL_TRACES:
	case MSG_TRACE:
	case MSG_CTL_TRACE:
	case MSG_TRACE_HOP:
	case MSG_CTL_HOP:
	case MSG_EVENT:
	case MSG_CTL_EVENT:
		return (coder_traces(c, type, imsg));
	case MSG_LIST:
	case MSG_CLIENT:
	case MSG_CTL_CLIENT:
	case MSG_DENY:
	case MSG_DENIED:
	case MSG_CTL_DENY:
	case MSG_CTL_DENIED_ROW:
		return (coder_rows(c, type, imsg));
	default:
		return (coder_plain(c, type, imsg));
	}
}

/* A message of any length, and one that is not filled. */
static void
coder_grow(struct coder *c, uint32_t type, const uint8_t *p, size_t len)
{
	struct msg_writer w;
	struct imsg imsg;
	size_t room = MAX_IMSGSIZE;

	if (c->out.txpool != NULL)
		room = ibuf_pool_bufsize(c->out.txpool);
	msg_write_begin(&w, &c->out, type, 0, len + 1);
	msg_write_bytes(&w, p, len);
	FUZZ_CHECK(msg_write_end(&w) == -1);
	msg_write_begin(&w, &c->out, type, 0, len);
	msg_write_bytes(&w, p, len);
	if (msg_write_end(&w) == -1) {
		FUZZ_CHECK(IMSG_HEADER_SIZE + len > room);
		FUZZ_CHECK(imsgbuf_queuelen(&c->out) == 0);
		return;
	}
	FUZZ_CHECK(fuzz_dequeue(&c->out, &imsg));
	FUZZ_CHECK(imsg_get_len(&imsg) == len);
	FUZZ_CHECK(len == 0 || memcmp(imsg.data, p, len) == 0);
	imsg_free(&imsg);
}

/* All tables look at it; whoever refuses it says why. */
static void
coder_tables(uint32_t type, const uint8_t *p, size_t len)
{
	struct imsg imsg;
	char why[160];
	size_t i;

	fuzz_imsg(&imsg, type, 0, p, len);
	for (i = 0; i < BORDERS; i++) {
		why[0] = '\0';
		if (msg_check(borders[i], &imsg, MSG_RUN, why, sizeof(why)) ==
		    NULL)
			FUZZ_CHECK(why[0] != '\0');
	}
	imsg_free(&imsg);
}

/* One message, through its coder. */
static void
coder_message(struct coder *c, uint32_t type, const uint8_t *p, size_t len)
{
	struct imsg imsg, again;
	int rc;

	fuzz_imsg(&imsg, type, 0, p, len);
	if (type >= MSG_CONF_BEGIN && type <= MSG_CONF_END)
		rc = coder_policy(c, &imsg);
	else
		rc = coder_run(c, type, &imsg);
	if (rc == 0)
		FUZZ_CHECK(coder_allowed(type, len));
	if (fuzz_dequeue(&c->out, &again)) {
		FUZZ_CHECK(rc == 0 && imsg_get_type(&again) == type);
		FUZZ_CHECK(imsg_get_len(&again) == len);
		FUZZ_CHECK(len == 0 || memcmp(again.data, p, len) == 0);
		imsg_free(&again);
	}
	imsg_free(&imsg);
}

static void
coder_step(struct coder *c, struct fuzz_in *in)
{
	const uint8_t *p;
	uint32_t type;
	size_t len, got, n = 1;
	uint8_t first = fuzz_u8(in);

	/* So that a short input fills tables: the message comes often. */
	if (first >= CODER_OFTEN) {
		n = (first - CODER_OFTEN + 1U) * 64;
		first = fuzz_u8(in);
	}
	type = coder_type(first);
	len = fuzz_u8(in);
	/* The two large ones. */
	if (len == 0xff)
		len = fuzz_u16(in);
	p = fuzz_take(in, len, &got);
	coder_tables(type, p, got);
	for (; n > 0 && c->messages < CODER_MESSAGES; n--, c->messages++)
		coder_message(c, type, p, got);
	coder_grow(c, type, p, got);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct coder c;
	static struct ibuf_pool *small;
	struct fuzz_in in = { data, size };

	if (small == NULL) {
		FUZZ_CHECK((small = ibuf_pool_new(2, CODER_SMALL)) != NULL);
		FUZZ_CHECK(imsgbuf_init(&c.out, -1) == 0);
		FUZZ_CHECK(imsgbuf_init(&c.whole, -1) == 0);
	}
	FUZZ_CHECK(imsgbuf_set_pool(
		       &c.out, fuzz_u8(&in) & 1 ? small : NULL, NULL) == 0);
	c.stage = 0;
	c.messages = 0;
	memset(&c.policy, 0, sizeof(c.policy));
	while (in.len > 0)
		coder_step(&c, &in);
	fuzz_drain(&c.out);
	return (0);
}
