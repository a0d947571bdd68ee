/*
 * icmpmap.c - ICMP types and codes as two const tables
 *
 * A row maps a range of codes of one type. The first row that fits decides; none: the error is dropped silently. The
 * parameter is one of three kinds: nothing, an MTU, or a pointer into the header, which has tables of its own.
 * Must never: turn a query into an error or the other way round; tell an IPv6 host of an MTU below 1280.
 */
#include <stddef.h>
#include "worker/xlat/icmpmap.h"

enum word { UNUSED, MTU, POINTER, POINTER_IS_6 };

struct row {
	uint8_t type, first, last;	/* codes, both included */
	uint8_t to_type, to_code, word;
};

#define ANY 0, 255

static const struct row from4[] = {	/* RFC 7915 section 4.2 */
	{ 3, 0, 1, 1, 0, UNUSED }, { 3, 2, 2, 4, 1, POINTER_IS_6 }, { 3, 3, 3, 1, 4, UNUSED }, { 3, 4, 4, 2, 0, MTU },
	{ 3, 5, 8, 1, 0, UNUSED }, { 3, 9, 10, 1, 1, UNUSED }, { 3, 11, 12, 1, 0, UNUSED }, { 3, 13, 13, 1, 1, UNUSED },
	{ 3, 15, 15, 1, 1, UNUSED },
	{ 11, 0, 0, 3, 0, UNUSED }, { 11, 1, 1, 3, 1, UNUSED },
	{ 12, 0, 0, 4, 0, POINTER }, { 12, 2, 2, 4, 0, POINTER },
	{ 0, 1, 0, 0, 0, 0 },		/* an empty range ends the table */
};

static const struct row from6[] = {	/* RFC 7915 section 5.2 */
	{ 1, 0, 0, 3, 1, UNUSED }, { 1, 1, 1, 3, 10, UNUSED }, { 1, 2, 3, 3, 1, UNUSED }, { 1, 4, 4, 3, 3, UNUSED },
	{ 2, ANY, 3, 4, MTU },
	{ 3, 0, 0, 11, 0, UNUSED }, { 3, 1, 1, 11, 1, UNUSED },
	{ 4, 0, 0, 12, 0, POINTER }, { 4, 1, 1, 3, 2, UNUSED },
	{ 0, 1, 0, 0, 0, 0 },
};

static const struct row *const table[NAT64_N_SIDES] = { [NAT64_FROM_IP6] = from6, [NAT64_FROM_IP4] = from4 };

/* Where a pointer into one header points in the other (RFC 7915 figures 3 and 6); -1: nowhere. */
static const int8_t pointer4[20] = {
	0, 1, 4, 4, -1, -1, -1, -1, 7, 6, -1, -1, 8, 8, 8, 8, 24, 24, 24, 24,
};
static const int8_t pointer6[40] = {
	0, 1, -1, -1, 2, 2, 9, 8, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
	16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
};

static bool
map_pointer(struct icmpmap *m, enum nat64_side from)
{
	/* ICMPv4 has the pointer in the first of the four bytes, ICMPv6 in all of them. */
	uint32_t at = from == NAT64_FROM_IP4 ? m->word >> 24 : m->word;
	int to = -1;

	if (from == NAT64_FROM_IP4 && at < sizeof(pointer4))
		to = pointer4[at];
	else if (from == NAT64_FROM_IP6 && at < sizeof(pointer6))
		to = pointer6[at];
	if (to < 0)
		return false;
	m->word = from == NAT64_FROM_IP4 ? (uint32_t)to : (uint32_t)to << 24;
	return true;
}

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* A router that predates RFC 1191 names no MTU: the greatest plateau below the packet, and never under 1280. */
static uint32_t
plateau(uint32_t inner_len)
{
	static const uint16_t plateaus[] = { 65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68 };

	for (size_t i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++)
		if (plateaus[i] < inner_len)
			return plateaus[i];
	return 68;
}

static void
map_mtu(struct icmpmap *m, enum nat64_side from, const struct icmpmap_limits *limits)
{
	if (from == NAT64_FROM_IP4) {
		uint32_t mtu = m->word & 0xffff;

		mtu = (mtu ? mtu : plateau(limits->inner_len)) + 20;
		mtu = least(mtu, least(limits->mtu6, limits->mtu4 + 20));
		m->word = mtu < 1280 ? 1280 : mtu;
	} else {
		uint32_t mtu = least(m->word < 1280 ? 1280 : m->word, limits->mtu6);

		m->word = least(mtu - (limits->fragment_header ? 28 : 20), limits->mtu4) & 0xffff;
	}
}

bool
icmpmap_error(struct icmpmap *m, enum nat64_side from, const struct icmpmap_limits *limits)
{
	const struct row *r = table[from];

	while (r->first <= r->last && !(r->type == m->type && m->code >= r->first && m->code <= r->last))
		r++;
	if (r->first > r->last)
		return false;
	m->type = r->to_type;
	m->code = r->to_code;
	switch ((enum word)r->word) {
	case MTU:
		map_mtu(m, from, limits);
		return true;
	case POINTER:
		return map_pointer(m, from);
	case POINTER_IS_6:
		m->word = 6;
		return true;
	case UNUSED:
		break;
	}
	m->word = 0;
	return true;
}

unsigned
icmpmap_length_unit(uint8_t type, enum nat64_side family)
{
	if (family == NAT64_FROM_IP6)
		return type == 1 || type == 3 ? 8 : 0;
	return type == 3 || type == 11 || type == 12 ? 4 : 0;
}

uint8_t
icmpmap_echo(uint8_t type, enum nat64_side from)
{
	if (from == NAT64_FROM_IP4)
		return type == 8 ? 128 : 129;
	return type == 128 ? 8 : 0;
}
