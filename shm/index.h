/*
 * index.h - from a keyed hash to numbers: buckets of 16 cells, two choices
 *
 * A cell is 0, or (tag << 24 | number + 1): eight bits of the hash, never all zero, and the number of what was
 * hashed. A bucket is one cache line, so a look-up reads at most two lines of index, whatever an attacker does; without
 * the key he cannot aim at a bucket. The index knows nothing of what the numbers mean: the caller compares.
 * Only the owner of the shard reads or writes it.
 */
#ifndef SHM_INDEX_H
#define SHM_INDEX_H

#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define INDEX_BUCKET 16
#define INDEX_FILL 10			/* cells of a bucket that are used when as much is in the index as it was made for */
#define INDEX_NUMBER UINT32_C(0x00ffffff)

struct index_walk {
	const uint32_t *bucket, *second;	/* the one being looked at, and the other one or NULL */
	uint32_t tag, match;			/* cells of bucket that carry the tag and were not returned yet */
};

/* The tag of a hash, in place. Its lowest bit is set, so that no empty cell carries it. */
static inline uint32_t
index_tag(uint64_t hash)
{
	return ((uint32_t)(hash >> 56) | 1) << 24;
}

/* Which cells of a bucket carry the tag, a bit each. */
static inline uint32_t
index_match(const uint32_t *cell, uint32_t tag)
{
#ifdef __SSE2__
	const __m128i *four = (const void *)cell, mask = _mm_set1_epi32((int)~INDEX_NUMBER), want = _mm_set1_epi32((int)tag);
	__m128i hit[4];

	for (unsigned i = 0; i < 4; i++)
		hit[i] = _mm_cmpeq_epi32(_mm_and_si128(_mm_loadu_si128(four + i), mask), want);
	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(hit[0], hit[1]), _mm_packs_epi32(hit[2], hit[3])));
#else
	uint32_t match = 0;

	for (unsigned i = 0; i < INDEX_BUCKET; i++)
		match |= (uint32_t)((cell[i] & ~INDEX_NUMBER) == tag) << i;
	return match;
#endif
}

/* How many buckets an index for so many entries has: any number from 1 on. */
static inline uint32_t
index_buckets(uint32_t entries)
{
	return entries / INDEX_FILL + 1;
}

/*
 * The two buckets of a hash, of `buckets`. Which one is said by the highest of 32 bits, so these end below the tag, and
 * the two have none in common: no index has more than 2^21 buckets.
 */
static inline uint32_t
index_first(uint32_t buckets, uint64_t hash)
{
	return (uint32_t)((hash & UINT32_MAX) * buckets >> 32);
}

static inline uint32_t
index_second(uint32_t buckets, uint64_t hash)
{
	return (uint32_t)((hash >> 24 & UINT32_MAX) * buckets >> 32);
}

/* Start looking for what hash may stand for. */
static inline struct index_walk
index_begin(const uint32_t *cells, uint32_t buckets, uint64_t hash)
{
	struct index_walk w = {
		.bucket = cells + (size_t)index_first(buckets, hash) * INDEX_BUCKET,
		.second = cells + (size_t)index_second(buckets, hash) * INDEX_BUCKET,
		.tag = index_tag(hash),
	};

	w.match = index_match(w.bucket, w.tag);
	return w;
}

/* Fetch the two buckets of hash, which will be needed soon. */
static inline void
index_prefetch(const uint32_t *cells, uint32_t buckets, uint64_t hash)
{
	__builtin_prefetch(cells + (size_t)index_first(buckets, hash) * INDEX_BUCKET);
	__builtin_prefetch(cells + (size_t)index_second(buckets, hash) * INDEX_BUCKET);
}

/* The next candidate's number, or -1. At most 32 in all, and none twice unless it stands in two cells. */
static inline int64_t
index_next(struct index_walk *w)
{
	uint32_t number;

	while (!w->match) {
		if (!w->second || w->second == w->bucket)
			return -1;
		w->bucket = w->second;
		w->second = NULL;
		w->match = index_match(w->bucket, w->tag);
	}
	number = w->bucket[__builtin_ctz(w->match)] & INDEX_NUMBER;
	w->match &= w->match - 1;
	return (int64_t)number - 1;
}

/* The first candidate, if it is below count, or -1: nothing is compared. For who fetches it before it is needed. */
static inline int64_t
index_guess(const uint32_t *cells, uint32_t buckets, uint64_t hash, uint32_t count)
{
	struct index_walk w = index_begin(cells, buckets, hash);
	int64_t number = index_next(&w);

	return number < count ? number : -1;
}

/* The cell where number stands for hash, or -1. */
int64_t index_cell(const uint32_t *cells, uint32_t buckets, uint64_t hash, uint32_t number);

/* A free cell for hash, in the emptier of its two buckets, or -1 when both are full. */
int64_t index_place(const uint32_t *cells, uint32_t buckets, uint64_t hash);

/* What a cell holds for number and hash. */
static inline uint32_t
index_value(uint64_t hash, uint32_t number)
{
	return index_tag(hash) | (number + 1);
}

#endif
