/*
 * Copyright (c) 2026 The uturnd authors
 * ISC licence, see LICENSE.
 */

#include "priv/checksum.h"

uint16_t
checksum_l4(enum family f, uint8_t ipproto, const struct addr *src,
    const struct addr *dst, const uint8_t *l4, size_t len)
{
	uint32_t sum = 0;

	if (ipproto != WIRE_PROTO_ICMP4)
		sum = wire_pseudo(f, src, dst, ipproto, len);
	return (wire_fold(wire_sum(sum, l4, len)));
}

size_t
checksum_at(enum proto proto)
{
	switch (proto) {
	case PROTO_UDP:
		return (6);
	case PROTO_TCP:
		return (16);
	case PROTO_ICMP:
	case PROTO_MAX:
		break;
	}
	return (2);
}
