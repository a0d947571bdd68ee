/*
 * icmpmap.h - ICMP types, codes and their parameter, from one family to the other (RFC 7915 sections 4.2 and 5.2)
 */
#ifndef XLAT_ICMPMAP_H
#define XLAT_ICMPMAP_H

#include <stdbool.h>
#include "shm/counters.h"

struct icmpmap {
	uint8_t type, code;
	uint32_t word;			/* the four bytes behind the checksum: unused, MTU or pointer */
};

/* What an MTU in an error is bounded by. */
struct icmpmap_limits {
	uint32_t mtu6, mtu4;		/* next-hop MTUs */
	uint32_t inner_len;		/* total length of the IPv4 packet inside: for an MTU of 0 (RFC 1191 section 5) */
	bool fragment_header;		/* the IPv6 packet inside has one, and shrinks by eight bytes more */
};

/*
 * Translate an error read from side `from`. *m holds its type, code and word (host order) and gets the other family's.
 * Returns false when it has no translation and is to be dropped silently.
 */
bool icmpmap_error(struct icmpmap *m, enum nat64_side from, const struct icmpmap_limits *limits);

/*
 * How many bytes one unit of an error's length attribute stands for (RFC 4884 section 4); 0: the type, of this family, has
 * no such attribute and carries no extension structure.
 */
unsigned icmpmap_length_unit(uint8_t type, enum nat64_side family);
#define ICMPMAP_QUOTED_LEAST 128	/* with an extension structure, no less of the packet is quoted */

/* The other family's type of an echo request or reply; type must be one. */
uint8_t icmpmap_echo(uint8_t type, enum nat64_side from);

#endif
