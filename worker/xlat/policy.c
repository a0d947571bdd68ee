/*
 * policy.c - who may talk to whom
 *
 * An embedded IPv4 address is decoded by the length of its prefix before it is judged, so that every spelling of
 * 169.254.169.254 meets the same rule. Special-purpose destinations are denied unless the configuration allows them, and so is
 * router4 where it is not one of the pool: no route leads there but the one that brings the packet back. Of the networks that
 * hold an address the longest wins, and allow wins a tie.
 * Must never: judge an address by its IPv6 spelling; let an empty list mean everybody.
 */
#include "shm/hash.h"
#include "shm/pool.h"
#include "shm/rfc6052.h"
#include "worker/xlat/policy.h"

static const struct net6 well_known = { { { 0, 0x64, 0xff, 0x9b } }, 96 };

static struct nat64_net6
compile(const struct net6 *net)
{
	static const struct ip6 ones = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct ip6 mask = addr_mask6(&ones, net->len), addr = addr_mask6(&net->addr, net->len);
	struct nat64_net6 out;

	memcpy(out.addr, addr.b, 16);
	memcpy(out.mask, mask.b, 16);
	return out;
}

static inline bool
inside(const struct ip6 *addr, const struct nat64_net6 *net)
{
	uint64_t word[2];

	memcpy(word, addr->b, 16);
	return (word[0] & net->mask[0]) == net->addr[0] && (word[1] & net->mask[1]) == net->addr[1];
}

static void
order_prefixes(struct nat64 *n)
{
	const struct config_tenant *c = n->config;

	n->wkp = 0xff;
	for (uint8_t i = 0; i < c->prefix.n; i++) {
		uint8_t at = i;

		for (; at > 0 && c->prefix.item[n->prefix_order[at - 1]].len < c->prefix.item[i].len; at--)
			n->prefix_order[at] = n->prefix_order[at - 1];
		n->prefix_order[at] = i;
		if (c->wkp_strict && c->prefix.item[i].len == 96 &&
		    addr_ip6_equal(&c->prefix.item[i].addr, &well_known.addr))
			n->wkp = i;
	}
	for (uint32_t i = 0; i < c->prefix.n; i++)
		n->prefix[i] = compile(&c->prefix.item[n->prefix_order[i]]);
	memcpy(n->subscriber_mask, compile(&(struct net6) { .len = (uint8_t)c->subscriber_prefix }).mask, 16);
	for (uint32_t i = 0; i < c->source.n; i++)
		n->source[i] = compile(&c->source.item[i]);
}

/* Every first octet that a denied or special network reaches into asks for a closer look. */
static void
mark(struct nat64 *n, const struct net4 *net)
{
	unsigned first = net->len ? net->addr >> 24 : 0, last = net->len >= 8 ? first : first + (256u >> net->len) - 1;

	for (unsigned i = first; i <= last && i < 256; i++)
		n->destination[i] = 1;
}

static bool
in_pool(const struct config_tenant *c, uint32_t ip4)
{
	for (uint32_t i = 0; i < c->pool.n; i++)
		if (ip4 >= c->pool.item[i].first && ip4 <= c->pool.item[i].last)
			return true;
	return false;
}

void
policy_configure(struct nat64 *n)
{
	const struct config_tenant *c = n->config;
	unsigned specials;
	const struct addr_special *special = addr_special_all(&specials);

	order_prefixes(n);
	memset(n->destination, 0, sizeof(n->destination));
	for (unsigned i = 0; i < specials; i++)
		mark(n, &special[i].net);
	for (uint32_t i = 0; i < c->deny.n; i++)
		mark(n, &c->deny.item[i]);
	if (!in_pool(c, c->router4))
		mark(n, &(struct net4) { c->router4, 32 });
	memset(n->static_port, 0, sizeof(n->static_port));
	for (uint32_t i = 0; i < c->static_.n; i++)
		n->static_port[c->static_.item[i].port4 / 64] |= UINT64_C(1) << c->static_.item[i].port4 % 64;
}

/* The place of the prefix that addr is under in the order of lengths, or -1. */
static int
prefix_of(const struct nat64 *n, const struct ip6 *addr)
{
	for (uint32_t i = 0; i < n->config->prefix.n; i++)
		if (inside(addr, &n->prefix[i]))
			return (int)i;
	return -1;
}

bool
policy_embedded(const struct nat64 *n, const struct ip6 *addr, uint32_t *ip4, uint8_t *via)
{
	int i = prefix_of(n, addr);

	if (i < 0)
		return false;
	*via = n->prefix_order[i];
	return rfc6052_extract(ip4, &n->config->prefix.item[*via], addr);
}

bool
policy_served(const struct nat64 *n, const struct ip6 *addr)
{
	for (uint32_t i = 0; i < n->config->source.n; i++)
		if (inside(addr, &n->source[i]))
			return true;
	return false;
}

enum nat64_verdict
policy_source6(const struct nat64 *n, const struct ip6 *addr)
{
	if (addr_illegal_source6(addr))
		return NAT64_source_illegal;
	return prefix_of(n, addr) >= 0 ? NAT64_source_in_prefix : NAT64_translated;
}

/* The longest network of a list that holds ip4, or -1. */
static int
longest(const struct net4 *net, uint32_t count, uint32_t ip4)
{
	int best = -1;

	for (uint32_t i = 0; i < count; i++)
		if (net[i].len > best && addr_in_net4(ip4, &net[i]))
			best = net[i].len;
	return best;
}

enum nat64_verdict
policy_destination4(const struct nat64 *n, uint32_t ip4, uint8_t via)
{
	const struct config_tenant *c = n->config;
	const struct addr_special *special;
	int allow, deny;

	if (!n->destination[ip4 >> 24])
		return NAT64_translated;
	special = addr_special4(ip4);
	if (special && special->never_wkp && via == n->wkp)
		return NAT64_destination_denied;
	allow = longest(c->allow.item, c->allow.n, ip4);
	deny = longest(c->deny.item, c->deny.n, ip4);
	if (special && special->net.len > deny)
		deny = special->net.len;
	if (ip4 == c->router4)
		deny = 32;
	return deny > allow ? NAT64_destination_denied : NAT64_translated;
}

enum nat64_verdict
policy_source4(const struct nat64 *n, uint32_t ip4, uint8_t via)
{
	const struct addr_special *special;

	if (!n->destination[ip4 >> 24])
		return NAT64_translated;
	if (addr_illegal_source4(ip4))
		return NAT64_source_illegal;
	special = addr_special4(ip4);
	return special && special->never_wkp && via == n->wkp ? NAT64_source_illegal : NAT64_translated;
}

int
policy_static(const struct nat64 *n, uint32_t ip4, enum nat64_proto proto, uint16_t port)
{
	const struct config_tenant *c = n->config;

	if (!(n->static_port[port / 64] >> port % 64 & 1))
		return -1;
	for (uint32_t i = 0; i < c->static_.n; i++)
		if (c->static_.item[i].port4 == port && c->static_.item[i].proto == proto &&
		    c->static_.item[i].ip4 == ip4)
			return (int)i;
	return -1;
}

unsigned
policy_shard(const struct nat64 *n, const struct ip6 *subscriber)
{
	uint64_t word[2];

	memcpy(word, subscriber->b, 16);
	return hash_shard(n->secret->shard_key, word, n->subscriber_mask, n->layout.g.shards);
}
