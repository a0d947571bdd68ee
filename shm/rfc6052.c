/*
 * rfc6052.c - IPv4 addresses inside IPv6 addresses
 *
 * The four bytes follow the prefix and step over byte 8, the "u" octet, which is always zero. That sentence is the
 * whole of RFC 6052 section 2.2, so it is the whole of this code: there is no case for each of the six lengths.
 * Must never: read or write byte 8 as part of the IPv4 address.
 */
#include "shm/rfc6052.h"

bool
rfc6052_valid_len(unsigned len)
{
	return len == 96 || (len >= 32 && len <= 64 && len % 8 == 0);
}

/* The place of byte i of the IPv4 address. */
static unsigned
place(unsigned prefix_len, unsigned i)
{
	unsigned at = prefix_len / 8 + i;

	return at + (prefix_len <= 64 && at >= 8);
}

void
rfc6052_embed(struct ip6 *out, const struct net6 *prefix, uint32_t ip4)
{
	struct ip6 addr = { { 0 } };

	memcpy(addr.b, prefix->addr.b, prefix->len / 8);
	for (unsigned i = 0; i < 4; i++)
		addr.b[place(prefix->len, i)] = (uint8_t)(ip4 >> (24 - 8 * i));
	*out = addr;
}

bool
rfc6052_extract(uint32_t *ip4, const struct net6 *prefix, const struct ip6 *addr)
{
	uint32_t v = 0;

	if (memcmp(addr->b, prefix->addr.b, prefix->len / 8))
		return false;
	for (unsigned i = 0; i < 4; i++)
		v = v << 8 | addr->b[place(prefix->len, i)];
	*ip4 = v;
	return true;
}
