/*
 * addr.c - prefixes and the special-purpose registry
 *
 * The table is the IANA IPv4 Special-Purpose Address Registry (RFC 6890 and later entries) less the rows that are
 * globally reachable, plus multicast (RFC 5771). A NAT64 that translated towards these would let an IPv6 host reach
 * what its own network's filters keep from it: 64:ff9b::a9fe:a9fe is a cloud's metadata service.
 * Must never: allow an address because a row was forgotten; the test walks the registry row by row.
 */
#include <stddef.h>
#include "shm/addr.h"

#define NET4(a, b, c, d, len) { (uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d), len }

/* The longer before the shorter, so that the first that holds an address is its longest match. */
static const struct addr_special special[] = {
	{ NET4(0, 0, 0, 0, 32), "this host on this network", true },
	{ NET4(192, 0, 0, 8, 32), "IPv4 dummy address (RFC 7600)", true },
	{ NET4(192, 0, 0, 170, 32), "NAT64/DNS64 discovery (RFC 7050)", true },
	{ NET4(192, 0, 0, 171, 32), "NAT64/DNS64 discovery (RFC 7050)", true },
	{ NET4(192, 88, 99, 2, 32), "6a44 relay anycast (RFC 6751)", true },
	{ NET4(255, 255, 255, 255, 32), "limited broadcast", true },
	{ NET4(192, 0, 0, 0, 29), "IPv4 service continuity (RFC 7335)", true },
	{ NET4(0, 0, 0, 0, 8), "this network", true },
	{ NET4(10, 0, 0, 0, 8), "private use (RFC 1918)", true },
	{ NET4(100, 64, 0, 0, 10), "shared address space (RFC 6598)", true },
	{ NET4(127, 0, 0, 0, 8), "loopback", true },
	{ NET4(169, 254, 0, 0, 16), "link local", true },
	{ NET4(172, 16, 0, 0, 12), "private use (RFC 1918)", true },
	{ NET4(192, 0, 0, 0, 24), "IETF protocol assignments", true },
	{ NET4(192, 0, 2, 0, 24), "documentation (TEST-NET-1)", false },
	{ NET4(192, 88, 99, 0, 24), "deprecated 6to4 relay anycast", true },
	{ NET4(192, 168, 0, 0, 16), "private use (RFC 1918)", true },
	{ NET4(198, 18, 0, 0, 15), "benchmarking", true },
	{ NET4(198, 51, 100, 0, 24), "documentation (TEST-NET-2)", false },
	{ NET4(203, 0, 113, 0, 24), "documentation (TEST-NET-3)", false },
	{ NET4(224, 0, 0, 0, 4), "multicast", true },
	{ NET4(240, 0, 0, 0, 4), "reserved", true },
};

/* Globally reachable exceptions inside 192.0.0.0/24: PCP and TURN anycast (RFC 7723, RFC 8155). */
static const struct net4 reachable[] = { NET4(192, 0, 0, 9, 32), NET4(192, 0, 0, 10, 32) };

bool
addr_in_net6(const struct ip6 *addr, const struct net6 *net)
{
	unsigned whole = net->len / 8, rest = net->len % 8;

	if (memcmp(addr->b, net->addr.b, whole))
		return false;
	return rest == 0 || (addr->b[whole] ^ net->addr.b[whole]) >> (8 - rest) == 0;
}

bool
addr_in_net4(uint32_t addr, const struct net4 *net)
{
	return net->len == 0 || (addr ^ net->addr) >> (32 - net->len) == 0;
}

struct ip6
addr_mask6(const struct ip6 *addr, unsigned len)
{
	struct ip6 out = { { 0 } };

	memcpy(out.b, addr->b, len / 8);
	if (len % 8)
		out.b[len / 8] = addr->b[len / 8] & (uint8_t)(0xff << (8 - len % 8));
	return out;
}

const struct addr_special *
addr_special4(uint32_t addr)
{
	for (size_t i = 0; i < sizeof(reachable) / sizeof(reachable[0]); i++)
		if (addr_in_net4(addr, &reachable[i]))
			return NULL;
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (addr_in_net4(addr, &special[i].net))
			return &special[i];
	return NULL;
}

const struct addr_special *
addr_special_all(unsigned *n)
{
	*n = sizeof(special) / sizeof(special[0]);
	return special;
}

bool
addr_illegal_source6(const struct ip6 *addr)
{
	static const struct ip6 zero, mapped = { { [10] = 0xff, 0xff } }, dummy = { { 1, [7] = 1 } };

	return addr->b[0] == 0xff || (addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80) ||
	       (memcmp(addr->b, zero.b, 15) == 0 && addr->b[15] <= 1) || memcmp(addr->b, mapped.b, 12) == 0 ||
	       memcmp(addr->b, dummy.b, 8) == 0;
}

bool
addr_illegal_source4(uint32_t addr)
{
	return addr >> 24 == 0 || addr >> 24 == 127 || addr >> 28 >= 14;
}
