/*
 * hash.h - SipHash-1-3, keyed with a secret of the region
 *
 * A hash that an attacker can compute is a table that he can flood. SipHash-1-3 costs 11 to 16 ns for our keys and
 * has the analysis behind it that faster functions lack. Words are read in host order: hashes never leave the host.
 */
#ifndef SHM_HASH_H
#define SHM_HASH_H

#include <stdint.h>
#include <string.h>

static inline uint64_t
hash_rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void
hash_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = hash_rotate(v[1], 13) ^ v[0]; v[0] = hash_rotate(v[0], 32);
	v[2] += v[3]; v[3] = hash_rotate(v[3], 16) ^ v[2];
	v[0] += v[3]; v[3] = hash_rotate(v[3], 21) ^ v[0];
	v[2] += v[1]; v[1] = hash_rotate(v[1], 17) ^ v[2]; v[2] = hash_rotate(v[2], 32);
}

/* The state before the first word. */
static inline void
hash_begin(uint64_t v[4], const uint8_t key[16])
{
	uint64_t k[2];

	memcpy(k, key, 16);
	v[0] = UINT64_C(0x736f6d6570736575) ^ k[0];
	v[1] = UINT64_C(0x646f72616e646f6d) ^ k[1];
	v[2] = UINT64_C(0x6c7967656e657261) ^ k[0];
	v[3] = UINT64_C(0x7465646279746573) ^ k[1];
}

/* What is hashed behind n words: the length in bytes, modulo 256, on top. */
static inline uint64_t
hash_last(unsigned n)
{
	return (uint64_t)n << 59;
}

/* SipHash-1-3 of n 64-bit words. */
static inline uint64_t
hash_words(const uint8_t key[16], const uint64_t *word, unsigned n)
{
	uint64_t v[4], last = hash_last(n);

	hash_begin(v, key);
	for (unsigned i = 0; i < n; i++) {
		v[3] ^= word[i];
		hash_round(v);
		v[0] ^= word[i];
	}
	v[3] ^= last;
	hash_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		hash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/*
 * Which of so many shards a subscriber lives in: word is his IPv6 address as it lies in memory, mask that of his
 * prefix. The kernel computes the same when it steers packets (supervisor/steer.c).
 */
static inline unsigned
hash_shard(const uint8_t key[16], const uint64_t word[2], const uint64_t mask[2], uint32_t shards)
{
	uint64_t masked[2] = { word[0] & mask[0], word[1] & mask[1] };

	return (unsigned)((hash_words(key, masked, mask[1] ? 2 : 1) >> 32) * shards >> 32);
}

/*
 * Where the IPv4 packets meet that have no port to be found by: word is source and destination, and the identification, as
 * they lie in memory. Of so many words as hash_shard takes, for the kernel, which computes this too, has one way for both.
 */
static inline unsigned
hash_spread(const uint8_t key[16], const uint64_t word[2], const uint64_t mask[2], uint32_t shards)
{
	return (unsigned)((hash_words(key, word, mask[1] ? 2 : 1) >> 32) * shards >> 32);
}

#endif
