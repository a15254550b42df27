/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

/*
 * Random payloads against every reader: nothing but "accepted, every range
 * holds" and "refused with a reason" may come of it.
 */

#include "test_msg.h"

/* As the largest table allows, and a little beyond. */
#define RANDOM_MAX    (sizeof(struct stats) + 16)
#define RANDOM_ROUNDS 100000

struct random_room {
	struct policy policy;
	struct stats stats;
	struct msg_match match;
	struct msg_ask ask;
	struct msg_trace trace;
	struct msg_hop hop;
	struct msg_event event;
	char text[MSG_TEXT_MAX];
	uint32_t stage;
};

static uint64_t random_state = 0x9e3779b97f4a7c15; /* fixed: repeatable */

/* xorshift64* */
static uint32_t
random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return ((uint32_t)((random_state * 0x2545f4914f6cdd1d) >> 32));
}

static void
check_policy(const struct policy *p)
{
	uint32_t i;

	assert_true(p->nlisten <= POLICY_LISTEN_MAX);
	assert_true(p->nports <= POLICY_PORTS_MAX);
	assert_true(p->nrules <= POLICY_RULES_MAX);
	assert_true(p->nhide <= POLICY_HIDE_MAX);
	assert_true(p->ntargets <= POLICY_TARGETS_MAX);
	for (i = 0; i < p->nlisten; i++) {
		assert_true(p->listen[i].family < FAMILY_MAX);
		assert_true(p->listen[i].hop_prefix_len <=
		    addr_bits(p->listen[i].family));
		assert_true(p->listen[i].relay < RELAY_LAST);
	}
	for (i = 0; i < p->nports; i++)
		assert_true(p->ports[i].lo <= p->ports[i].hi);
}

/* Those of traces, 12 to 15; as the readers. */
static int
decode_trace(struct random_room *room, struct imsg *imsg, unsigned int which,
    const char **why)
{
	int rc;

	switch (which) {
	case 12:
		rc = msg_get_ask(imsg, &room->ask, why);
		if (rc == 0)
			assert_true(room->ask.family < FAMILY_MAX);
		break;
	case 13:
		rc = msg_get_trace(imsg, &room->trace, why);
		if (rc == 0)
			assert_true(room->trace.end < TRACE_END_LAST &&
			    room->trace.end_hop <= MSG_HOPS_MAX);
		break;
	case 14:
		rc = msg_get_hop(imsg, &room->hop, why);
		if (rc == 0)
			assert_true(room->hop.nlabels <= MSG_LABELS_MAX &&
			    room->hop.hop >= 1);
		break;
	default:
		rc = msg_get_event(imsg, &room->event, why);
		if (rc == 0)
			assert_true(room->event.kind < EVENT_LAST &&
			    room->event.end < TRACE_END_LAST);
		break;
	}
	return (rc);
}

/* Those of the engine's tables, 16 to 18. */
static int
decode_row(struct imsg *imsg, unsigned int which, const char **why)
{
	struct msg_client client;
	struct msg_list list;
	struct msg_deny deny;
	int rc;

	if (which == 16)
		return (msg_get_list(imsg, &list, why));
	if (which == 17) {
		rc = msg_get_client(imsg, &client, why);
		if (rc == 0)
			assert_true(client.len <= addr_bits(client.family));
		return (rc);
	}
	rc = msg_get_deny(imsg, &deny, why);
	if (rc == 0)
		assert_true(deny.len <= addr_bits(deny.family) &&
		    deny.ms <= MSG_DENY_MS_MAX);
	return (rc);
}

/* The messages between engine and packet process. */
static int
decode_packets(struct random_room *room, struct imsg *imsg, unsigned int which,
    const char **why)
{
	struct msg_answer answer;
	struct msg_probe probe;
	struct msg_id id;
	enum msg_expiry expiry;
	int rc;

	switch (which) {
	case 0:
		rc = msg_get_probe(imsg, &probe, why);
		if (rc == 0)
			assert_true(probe.headlen <= sizeof(probe.head) &&
			    probe.family < FAMILY_MAX &&
			    probe.proto < PROTO_MAX);
		return (rc);
	case 1:
		rc = msg_get_match(imsg, &room->match, why);
		if (rc == 0)
			assert_true(
			    room->match.datalen <= sizeof(room->match.data));
		return (rc);
	case 2:
		rc = msg_get_answer(imsg, &answer, why);
		if (rc == 0)
			assert_true(
			    msg_answer_objlen(&answer) <= sizeof(answer.obj));
		return (rc);
	case 3:
		return (msg_get_order(imsg, &id, why));
	default:
		return (msg_get_expired(imsg, &id, &expiry, why));
	}
}

/* One decoder by number; the fault, or NULL. */
static const char *
decode(struct random_room *room, struct imsg *imsg, unsigned int which)
{
	const char *why = NULL;
	struct msg_info info;
	struct msg_init init;
	uint32_t v32;
	uint8_t v8;
	int rc = -1, done;

	switch (which) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		rc = decode_packets(room, imsg, which, &why);
		break;
	case 5:
		rc = msg_get_init(imsg, &init, &why);
		break;
	case 6:
		rc = msg_get_info(imsg, &info, &why);
		break;
	case 7:
		rc = msg_get_stats(imsg, &room->stats, &why);
		break;
	case 8:
		rc = msg_get_text(
		    imsg, 7, &v8, room->text, sizeof(room->text), &why);
		if (rc == 0)
			assert_true(strlen(room->text) < sizeof(room->text));
		break;
	case 9:
		rc = msg_get_process(imsg, &v32, room->text, &why);
		break;
	case 10:
		rc = msg_get_u32(imsg, &v32, &why);
		break;
	case 11:
		rc = msg_get_u8(imsg, 1, &v8, &why);
		break;
	case 12:
	case 13:
	case 14:
	case 15:
		rc = decode_trace(room, imsg, which, &why);
		break;
	case 16:
	case 17:
	case 18:
		rc = decode_row(imsg, which, &why);
		break;
	default:
		rc = msg_get_policy(
		    imsg, &room->policy, &room->stage, &done, &why);
		check_policy(&room->policy);
		break;
	}
	assert_int_equal(rc == 0, why == NULL);
	return (why);
}

/* The least bytes that decoder `which` takes, for a message of that type. */
static size_t
random_size(unsigned int which, uint32_t type)
{
	static const uint8_t sizes[] = { 20, 39, 11, 8, 9, 31, 18, 0, 2, 5, 4,
		1, 22, 97, 57, 80, 5, 45, 27 };
	static const uint8_t parts[] = { 4, 64, 70, 6, 20, 20, 4 };

	if (which == 7)
		return (sizeof(struct stats));
	if (which < sizeof(sizes))
		return (sizes[which]);
	return (parts[type - MSG_CONF_BEGIN]);
}

/* Random bytes, half of the time as many as the decoder takes. */
static size_t
random_payload(uint8_t *data, unsigned int which, uint32_t type)
{
	size_t i, len;

	if (random_next() % 2)
		len = random_next() % (RANDOM_MAX + 1);
	else
		len = random_size(which, type);
	for (i = 0; i < len; i++) {
		/* Small values often, or nothing would pass an enum. */
		if (random_next() % 4 == 0)
			data[i] = (uint8_t)random_next();
		else
			data[i] = random_next() % 2;
	}
	return (len);
}

static void
test_random(void **state)
{
	static struct random_room room;
	static uint8_t data[RANDOM_MAX];
	struct test_pipe t;
	struct imsg imsg;
	unsigned int i, which, accepted = 0, refused = 0;
	uint32_t type;
	size_t len;

	(void)state;
	test_pipe_open(&t);
	for (i = 0; i < RANDOM_ROUNDS; i++) {
		which = random_next() % 23;
		type = MSG_CONF_BEGIN + random_next() % 7;
		len = random_payload(data, which, type);
		assert_int_equal(
		    imsg_compose(&t.a, type, 0, 0, -1, data, len), 1);
		test_receive(&t, &imsg);
		if (decode(&room, &imsg, which) == NULL)
			accepted++;
		else
			refused++;
		imsg_free(&imsg);
	}
	/* Both happened, so the readers were really entered. */
	assert_true(accepted > RANDOM_ROUNDS / 100);
	assert_true(refused > RANDOM_ROUNDS / 2);
	test_pipe_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
