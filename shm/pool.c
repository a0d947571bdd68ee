/*
 * pool.c - the uniform choice of a port
 *
 * "Random start, then the next free one" makes the port behind a long run of used ones thirty times likelier than the
 * others. Here a rank is drawn and the free port of that rank selected: group counts, then words, then the bit. That
 * is at most 64 + 16 additions and one word, however full the pool is.
 * The draw is a keyed hash of a counter in the shard: unpredictable without the key, and no state to lose.
 * Must never: hand out a port whose free bit is clear; take anything (the record's commit does).
 */
#include "shm/hash.h"
#include "shm/pool.h"
#include "shm/record.h"

#define LOW_BLOCKS (1024 / LAYOUT_BLOCK_PORTS)	/* of the ports that RFC 4787 REQ-3a keeps apart */

uint32_t
pool_address(const struct layout_header *h, uint32_t ip4)
{
	uint32_t low = 0, high = h->addresses_used, guess = ip4 - h->address[0].ip4;

	if (guess < high && h->address[guess].ip4 == ip4)
		return guess;		/* one range, the usual pool */
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (h->address[middle].ip4 < ip4)
			low = middle + 1;
		else
			high = middle;
	}
	return low < h->addresses_used && h->address[low].ip4 == ip4 ? low : POOL_NONE;
}

struct pool_place
pool_place(const struct layout *l, const struct layout_secret *secret, uint32_t address, enum nat64_proto proto,
	   uint16_t port)
{
	uint32_t place = secret->permutation[address].place[port / LAYOUT_BLOCK_PORTS];
	uint32_t local = place % l->blocks_per_shard * LAYOUT_BLOCK_PORTS + port % LAYOUT_BLOCK_PORTS;

	return (struct pool_place) {
		.shard = place / l->blocks_per_shard,
		.slot = (address * NAT64_N_PROTOS + proto) * l->ports_per_shard + local,
	};
}

uint16_t
pool_port(const struct layout *l, const struct layout_secret *secret, unsigned n, uint32_t slot)
{
	uint32_t address = slot / l->ports_per_shard / NAT64_N_PROTOS, local = slot % l->ports_per_shard;
	uint32_t block = secret->permutation[address].block[n * l->blocks_per_shard + local / LAYOUT_BLOCK_PORTS];

	return (uint16_t)(block * LAYOUT_BLOCK_PORTS + local % LAYOUT_BLOCK_PORTS);
}

/* The place of the set bit of this rank. */
static unsigned
select_bit(uint64_t word, unsigned rank)
{
	while (rank--)
		word &= word - 1;
	return (unsigned)__builtin_ctzll(word);
}

/* A rank below count: the one of this draw. */
static uint32_t
rank_of(const struct shard *s, const uint8_t port_key[16], uint64_t draws, uint32_t count)
{
	uint64_t draw[2] = { s->number, draws };

	return (uint32_t)((hash_words(port_key, draw, 2) >> 32) * count >> 32);
}

/* The slot of a free port, as this draw has it. */
static uint32_t
any(const struct shard *s, uint32_t address, enum nat64_proto proto, const uint8_t port_key[16], uint64_t draws)
{
	const struct shard_pool *pool = shard_pool(s, address, proto);
	uint32_t free = pool->free, groups = (s->l->blocks_per_shard + SHARD_GROUP_WORDS - 1) / SHARD_GROUP_WORDS;
	uint32_t words = s->l->blocks_per_shard, group = 0, word, rank;

	if (free == 0)
		return POOL_NONE;
	rank = rank_of(s, port_key, draws, free);
	while (group < groups && rank >= pool->group_free[group])
		rank -= pool->group_free[group++];
	for (word = group * SHARD_GROUP_WORDS; word < words; word++) {
		unsigned count = (unsigned)__builtin_popcountll(pool->word[word]);

		if (rank < count)
			return (address * NAT64_N_PROTOS + proto) * s->l->ports_per_shard + word * 64 +
			       select_bit(pool->word[word], rank);
		rank -= count;
	}
	return POOL_NONE;	/* the counts lie: a hostile or damaged shard; the audit names it */
}

uint32_t
pool_pick_owner(struct shard *s, uint32_t address, enum nat64_proto proto, const uint8_t port_key[16])
{
	return any(s, address, proto, port_key, s->head->draws++);
}

/* The words of ports below 1024 that this shard has of an address, as a set of low_words, and how many are free in them. */
static uint32_t
low_words(const struct shard *s, uint32_t address, const struct layout_secret *secret, const struct shard_pool *pool,
	  uint64_t set[LAYOUT_BLOCKS / 64])
{
	uint32_t free = 0;

	memset(set, 0, LAYOUT_BLOCKS / 8);
	for (unsigned block = 0; block < LOW_BLOCKS; block++) {
		uint32_t place = secret->permutation[address].place[block], word = place % s->l->blocks_per_shard;

		if (place / s->l->blocks_per_shard != s->number)
			continue;
		set[word / 64] |= UINT64_C(1) << word % 64;
		free += (unsigned)__builtin_popcountll(pool->word[word]);
	}
	return free;
}

/* The slot of a free port that is like the host's own one, as this draw has it. */
static uint32_t
like(const struct shard *s, uint32_t address, enum nat64_proto proto, const struct layout_secret *secret, uint16_t port,
     uint64_t draws)
{
	const struct shard_pool *pool = shard_pool(s, address, proto);
	bool low = port < LOW_BLOCKS * LAYOUT_BLOCK_PORTS;
	uint64_t set[LAYOUT_BLOCKS / 64];
	uint32_t low_free = low_words(s, address, secret, pool, set), rank;

	if (low_free == 0 || low_free >= pool->free)	/* there is no choice */
		return any(s, address, proto, secret->port_key, draws);
	rank = rank_of(s, secret->port_key, draws, low ? low_free : pool->free - low_free);
	for (uint32_t word = 0; word < s->l->blocks_per_shard; word++) {
		unsigned count = (unsigned)__builtin_popcountll(pool->word[word]);

		if ((set[word / 64] >> word % 64 & 1) != low)
			continue;
		if (rank < count)
			return (address * NAT64_N_PROTOS + proto) * s->l->ports_per_shard + word * 64 +
			       select_bit(pool->word[word], rank);
		rank -= count;
	}
	return POOL_NONE;	/* as above */
}

uint32_t
pool_pick_like_owner(struct shard *s, uint32_t address, enum nat64_proto proto, const struct layout_secret *secret,
		     uint16_t port)
{
	return like(s, address, proto, secret, port, s->head->draws++);
}

uint32_t
pool_guess(const struct shard *s, uint32_t address, enum nat64_proto proto, const struct layout_secret *secret,
	   uint16_t port, uint32_t draws)
{
	return like(s, address, proto, secret, port, s->head->draws + draws);
}

void
pool_prefetch(const struct shard *s, uint32_t address, enum nat64_proto proto, const struct layout_secret *secret)
{
	const uint8_t *pool = (const void *)shard_pool(s, address, proto);
	size_t size = sizeof(struct shard_pool) + (size_t)s->l->blocks_per_shard * 8;

	for (size_t at = 0; at < size; at += 64)
		__builtin_prefetch(pool + at, 1);
	__builtin_prefetch(secret->permutation[address].place);
}
