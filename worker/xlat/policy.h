/*
 * policy.h - who may talk to whom: addresses against the tenant's configuration
 */
#ifndef XLAT_POLICY_H
#define XLAT_POLICY_H

#include "worker/xlat/nat64.h"
#include "worker/xlat/pkt.h"

/* Derive the tables below from n->config. */
void policy_configure(struct nat64 *n);

/*
 * The IPv4 address that an IPv6 address stands for, and the number of the prefix it is under (the longest that fits).
 * Returns false when it is under none.
 */
bool policy_embedded(const struct nat64 *n, const struct ip6 *addr, uint32_t *ip4, uint8_t *via);

/* May packets come from this IPv6 source? NAT64_translated or why not (RFC 6146 section 3.5, RFC 7915 section 5.1). */
enum nat64_verdict policy_source6(const struct nat64 *n, const struct ip6 *addr);
/* Is this an IPv6 host that the tenant serves? */
bool policy_served(const struct nat64 *n, const struct ip6 *addr);

/* May an IPv6 host that uses prefix `via` send to ip4? NAT64_translated or why not. */
enum nat64_verdict policy_destination4(const struct nat64 *n, uint32_t ip4, uint8_t via);
/* May ip4 be the source of an ordinary packet that an IPv6 host then sees under prefix `via`? */
enum nat64_verdict policy_source4(const struct nat64 *n, uint32_t ip4, uint8_t via);

/* Which static binding has this pool side? Its number in n->config->static_, or -1. */
int policy_static(const struct nat64 *n, uint32_t ip4, enum nat64_proto proto, uint16_t port);

/* The shard that an IPv6 host's bindings live in: a keyed hash of its subscriber prefix. */
unsigned policy_shard(const struct nat64 *n, const struct ip6 *subscriber);

#endif
