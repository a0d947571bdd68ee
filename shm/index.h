/*
 * index.h - from a keyed hash to numbers: buckets of 16 cells, two choices
 *
 * A cell is 0, or (tag << 24 | number + 1): eight bits of the hash and the number of what was hashed. A bucket is one
 * cache line, so a look-up reads at most two lines of index, whatever an attacker does; without the key he cannot aim
 * at a bucket. The index knows nothing of what the numbers mean: the caller compares.
 * Only the owner of the shard reads or writes it.
 */
#ifndef SHM_INDEX_H
#define SHM_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#define INDEX_BUCKET 16
#define INDEX_NUMBER UINT32_C(0x00ffffff)

struct index_walk {
	const uint32_t *cells;
	uint32_t base[2];		/* first cell of each bucket */
	uint32_t tag, next;		/* next: how many of the 32 cells have been looked at */
};

/* Start looking for what hash may stand for in an index of `buckets` (a power of two) buckets. */
static inline struct index_walk
index_begin(const uint32_t *cells, uint32_t buckets, uint64_t hash)
{
	return (struct index_walk) {
		.cells = cells,
		.base = { ((uint32_t)hash & (buckets - 1)) * INDEX_BUCKET,
			  ((uint32_t)(hash >> 32) & (buckets - 1)) * INDEX_BUCKET },
		.tag = (uint32_t)(hash >> 56) << 24,
	};
}

/* The next candidate's number, or -1. At most 32 in all. */
static inline int64_t
index_next(struct index_walk *w)
{
	while (w->next < 2 * INDEX_BUCKET) {
		uint32_t cell = w->cells[w->base[w->next / INDEX_BUCKET] + w->next % INDEX_BUCKET];

		w->next++;
		if ((cell & ~INDEX_NUMBER) == w->tag && (cell & INDEX_NUMBER))
			return (int64_t)(cell & INDEX_NUMBER) - 1;
	}
	return -1;
}

/* The cell where number stands for hash, or -1. */
int64_t index_cell(const uint32_t *cells, uint32_t buckets, uint64_t hash, uint32_t number);

/* A free cell for hash, in the emptier of its two buckets, or -1 when both are full. */
int64_t index_place(const uint32_t *cells, uint32_t buckets, uint64_t hash);

/* What a cell holds for number and hash. */
static inline uint32_t
index_value(uint64_t hash, uint32_t number)
{
	return (uint32_t)(hash >> 56) << 24 | (number + 1);
}

#endif
