/*
 * foreign.h - a region that another build may have laid out, read by what it says of itself
 *
 * Used when a region takes the place of another one: after a change of the pool or the number of workers, after an
 * upgrade, after a reboot. There is one way for all, and it does not ask which version wrote the old one.
 */
#ifndef SHM_FOREIGN_H
#define SHM_FOREIGN_H

#include "shm/session.h"

struct foreign {
	const uint8_t *base;		/* of the old region; what a caller does not read need not be mapped */
	struct layout_shape shape;	/* checked: whatever is computed from it lies inside the region */
	uint32_t addresses_used;
};

/*
 * Look at a region of size bytes, of which everything before the shards is mapped at base, and believe nothing. Returns
 * NULL, or what is wrong in a few words.
 */
const char *foreign_check(struct foreign *f, const void *base, uint64_t size);

/* Pool address number a, below addresses_used. */
struct layout_address foreign_address(const struct foreign *f, uint32_t a);
/* Prefix number i. Returns false when there is none. */
bool foreign_prefix(const struct foreign *f, uint32_t i, struct net6 *prefix);
/* The second of CLOCK_BOOTTIME that the old region's time counts from. */
uint64_t foreign_epoch(const struct foreign *f);
/* Where a secret key of 16 bytes lies. */
enum foreign_key { FOREIGN_SHARD_KEY, FOREIGN_INDEX_KEY, FOREIGN_PORT_KEY };
const uint8_t *foreign_key(const struct foreign *f, enum foreign_key key);
/* The place of a block of address number a, and the block of a place; a number the layout of the old region has, or 0. */
uint16_t foreign_place(const struct foreign *f, uint32_t a, uint32_t block);
uint16_t foreign_block(const struct foreign *f, uint32_t a, uint32_t place);

/*
 * One shard. slot is below shape.slots, session below shape.sessions, area (address * NAT64_N_PROTOS + protocol) below
 * addresses_used * NAT64_N_PROTOS.
 */
uint32_t foreign_expires(const struct foreign *f, unsigned shard, uint32_t slot);
/* Bit i: port i of this word of an area is in use, or was never to be given out. */
uint64_t foreign_ports_used(const struct foreign *f, unsigned shard, uint32_t area, uint32_t word);
/* The record as this build has it, whatever state it is in; sessions is not filled in. */
void foreign_record(const struct foreign *f, unsigned shard, uint32_t slot, struct record *r);
/* Bit i: session word * 64 + i is in use. */
uint64_t foreign_sessions_used(const struct foreign *f, unsigned shard, uint32_t word);
void foreign_session(const struct foreign *f, unsigned shard, uint32_t number, struct session *e);
uint64_t foreign_total(const struct foreign *f, unsigned shard, enum shard_total total, enum nat64_proto proto);

/* Add what row w of the old counters says, cell by cell and by name, to *row. */
void foreign_counters(const struct foreign *f, unsigned w, struct counters_row *row);

#endif
