/*
 * addr.h - addresses, prefixes and protocols as every room spells them
 *
 * An IPv4 address is a uint32_t in host order wherever it is stored or compared; only parse and emit
 * see it as bytes on the wire. An IPv6 address is its sixteen bytes. Ports are in host order.
 */
#ifndef SHM_ADDR_H
#define SHM_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The protocols that have a binding table of their own (RFC 6146 section 3.1). */
enum nat64_proto { NAT64_TCP, NAT64_UDP, NAT64_ICMP, NAT64_N_PROTOS };

struct ip6 {
	uint8_t b[16];
};

struct net6 {
	struct ip6 addr;
	uint8_t len;			/* bits, 0 to 128 */
};

struct net4 {
	uint32_t addr;
	uint8_t len;			/* bits, 0 to 32 */
};

/* Is a the same address as b? */
static inline bool
addr_ip6_equal(const struct ip6 *a, const struct ip6 *b)
{
	return memcmp(a->b, b->b, 16) == 0;
}

/* Is addr inside net? A net of length 0 holds every address. */
bool addr_in_net6(const struct ip6 *addr, const struct net6 *net);
bool addr_in_net4(uint32_t addr, const struct net4 *net);

/* addr with every bit behind the first len cleared; len 0 to 128. */
struct ip6 addr_mask6(const struct ip6 *addr, unsigned len);

/*
 * The longest entry of the IANA IPv4 special-purpose registry (RFC 6890 and its successors, plus multicast and
 * the former class E) that holds addr and is not globally reachable, or NULL for an ordinary address.
 * The caller may print name; nothing is owned.
 */
struct addr_special {
	struct net4 net;
	const char *name;
	bool never_wkp;			/* non-global in the sense of RFC 6052 section 3.1, documentation excepted */
};
const struct addr_special *addr_special4(uint32_t addr);
/* All entries, *n of them. */
const struct addr_special *addr_special_all(unsigned *n);

/*
 * Is this an IPv6 source that no forwarded packet may carry: unspecified, loopback, link-local, multicast, IPv4-mapped, or of
 * the dummy prefix (RFC 9780)?
 */
bool addr_illegal_source6(const struct ip6 *addr);
/* Is this an IPv4 source that no packet on a wire may carry: 0/8, 127/8, multicast, class E, broadcast? */
bool addr_illegal_source4(uint32_t addr);

#endif
