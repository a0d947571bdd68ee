/*
 * rfc6052.h - IPv4 addresses inside IPv6 addresses (RFC 6052 section 2.2)
 *
 * Usable alone: this file, rfc6052.c and addr.h.
 */
#ifndef SHM_RFC6052_H
#define SHM_RFC6052_H

#include "shm/addr.h"

/* Is this one of the six prefix lengths: 32, 40, 48, 56, 64, 96? */
bool rfc6052_valid_len(unsigned len);

/* The address that stands for ip4 (host order) under prefix, whose length must be valid; the suffix is zero. */
void rfc6052_embed(struct ip6 *out, const struct net6 *prefix, uint32_t ip4);

/*
 * The IPv4 address inside addr. Returns false, leaving *ip4 alone, when addr is not under prefix. The u octet and
 * the suffix are ignored (RFC 6052 section 2.2).
 */
bool rfc6052_extract(uint32_t *ip4, const struct net6 *prefix, const struct ip6 *addr);

#endif
