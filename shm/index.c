/*
 * index.c - buckets of 16 cells, two choices
 *
 * Bucket one comes from bits 8 to 31 of the hash, bucket two from 32 to 55, the tag from its top byte, so the three are
 * independent. With two choices no bucket of 16 runs over when ten are used on the average (tests/unit/test_index.c).
 * Nothing is ever moved: a place, once taken, stays, and a crash can leave no half-moved entry.
 * Must never: store; the caller stores cells, as an effect of a shard's intent.
 */
#include "shm/index.h"

static uint32_t
match_free(const uint32_t *cell)
{
	uint32_t match = 0;

	for (unsigned i = 0; i < INDEX_BUCKET; i++)
		match |= (uint32_t)(cell[i] == 0) << i;
	return match;
}

int64_t
index_cell(const uint32_t *cells, uint32_t buckets, uint64_t hash, uint32_t number)
{
	struct index_walk w = index_begin(cells, buckets, hash);
	const uint32_t *bucket[2] = { w.bucket, w.second };
	uint32_t value = index_value(hash, number);

	for (unsigned turn = 0; turn < 2; turn++)
		for (unsigned i = 0; i < INDEX_BUCKET; i++)
			if (bucket[turn][i] == value)
				return bucket[turn] + i - cells;
	return -1;
}

int64_t
index_place(const uint32_t *cells, uint32_t buckets, uint64_t hash)
{
	struct index_walk w = index_begin(cells, buckets, hash);
	uint32_t first = match_free(w.bucket), second = match_free(w.second);

	if (!(first | second))
		return -1;
	if (__builtin_popcount(first) >= __builtin_popcount(second))
		return w.bucket - cells + __builtin_ctz(first);
	return w.second - cells + __builtin_ctz(second);
}
