/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include <sys/socket.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

#include "common/log.h"
#include "utrace/names.h"
#include "utrace/reader.h"

/* What runs in the process that looks up. */

static void
names_ptr(const struct hop_addr *a, struct names_reply *reply)
{
	struct sockaddr_storage ss;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	char host[NI_MAXHOST];
	socklen_t len;

	memset(&ss, 0, sizeof(ss));
	if (a->family == FAMILY_V4) {
		memset(&sin, 0, sizeof(sin));
		sin.sin_family = AF_INET;
		memcpy(&sin.sin_addr, a->addr.b, sizeof(sin.sin_addr));
		len = sizeof(sin);
		memcpy(&ss, &sin, len);
	} else {
		memset(&sin6, 0, sizeof(sin6));
		sin6.sin6_family = AF_INET6;
		memcpy(&sin6.sin6_addr, a->addr.b, sizeof(sin6.sin6_addr));
		len = sizeof(sin6);
		memcpy(&ss, &sin6, len);
	}
	if (getnameinfo((const struct sockaddr *)&ss, len, host, sizeof(host),
		NULL, 0, NI_NAMEREQD) != 0)
		return;
	(void)vis_line(reply->name, sizeof(reply->name), host, strlen(host));
}

/* The first string of the first TXT record that holds a number. */
static uint32_t
names_txt(const uint8_t *answer, int len)
{
	ns_msg msg;
	ns_rr rr;
	uint32_t asn;
	int i;

	if (ns_initparse(answer, len, &msg) == -1)
		return (0);
	for (i = 0; i < ns_msg_count(msg, ns_s_an); i++) {
		if (ns_parserr(&msg, ns_s_an, i, &rr) == -1)
			return (0);
		if (ns_rr_type(rr) != ns_t_txt || ns_rr_rdlen(rr) < 1 ||
		    ns_rr_rdata(rr)[0] > ns_rr_rdlen(rr) - 1)
			continue;
		asn =
		    names_origin_parse(ns_rr_rdata(rr) + 1, ns_rr_rdata(rr)[0]);
		if (asn != 0)
			return (asn);
	}
	return (0);
}

static void
names_asn(const struct hop_addr *a, struct names_reply *reply)
{
	uint8_t answer[4096];
	char name[NS_MAXDNAME];
	int len;

	len = res_query(names_origin(a, name, sizeof(name)), ns_c_in, ns_t_txt,
	    answer, sizeof(answer));
	/* A longer answer was cut: its length is the one it would have. */
	if (len > 0 && len <= (int)sizeof(answer))
		reply->asn = names_txt(answer, len);
}

int
names_run(int in, int out)
{
	struct names_request q;
	struct names_reply reply;
	int rc;

	while ((rc = reader_full(in, &q, sizeof(q))) == 1) {
		memset(&reply, 0, sizeof(reply));
		if (!q.addr.known || q.addr.family >= FAMILY_MAX)
			return (-1);
		if (q.want & NAMES_NAME)
			names_ptr(&q.addr, &reply);
		if (q.want & NAMES_ASN)
			names_asn(&q.addr, &reply);
		if (reader_put(out, &reply, sizeof(reply)) == -1)
			return (-1);
	}
	return (rc);
}
