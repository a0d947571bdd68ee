/*
 * pool.h - pool addresses and ports: where a port's slot is, and which free port a new binding gets
 */
#ifndef SHM_POOL_H
#define SHM_POOL_H

#include "shm/shard.h"

#define POOL_NONE UINT32_MAX

/* The number of a pool address in the header, or POOL_NONE. */
uint32_t pool_address(const struct layout_header *h, uint32_t ip4);

/* The shard of a pool port (all protocols), and the slot in it. address is a number below header.addresses_used. */
struct pool_place {
	uint32_t shard, slot;
};
struct pool_place pool_place(const struct layout *l, const struct layout_secret *secret, uint32_t address,
			     enum nat64_proto proto, uint16_t port);

/* The port of a pool slot of shard number n. */
uint16_t pool_port(const struct layout *l, const struct layout_secret *secret, unsigned n, uint32_t slot);

/*
 * The slot of a free port of this address and protocol in this shard, each with the same probability and none
 * predictable without the key (RFC 6056, RFC 7857 section 9); POOL_NONE when all are in use. Nothing is taken until
 * record_create_owner.
 */
uint32_t pool_pick_owner(struct shard *s, uint32_t address, enum nat64_proto proto, const uint8_t port_key[16]);

/*
 * The slot that pool_pick_like_owner would return after so many other draws of this shard, if they do not change too much. For
 * who fetches things before they are needed.
 */
uint32_t pool_guess(const struct shard *s, uint32_t address, enum nat64_proto proto, const struct layout_secret *secret,
		    uint16_t port, uint32_t draws);
/* Fetch what it reads. */
void pool_prefetch(const struct shard *s, uint32_t address, enum nat64_proto proto, const struct layout_secret *secret);

/*
 * The same for a host whose own port this is: below 1024 for one below 1024, from 1024 on for the others, as long as this shard
 * has such a port free (RFC 6146 section 3.5.1.1, RFC 4787 REQ-3a). Costs more only where the pool has ports below 1024.
 */
uint32_t pool_pick_like_owner(struct shard *s, uint32_t address, enum nat64_proto proto, const struct layout_secret *secret,
			      uint16_t port);

#endif
