/*
 * csum.h - the Internet checksum (RFC 1071) and its update (RFC 1624)
 *
 * Sums are 64-bit accumulators of 16-bit words as they lie in memory. One's complement addition does not mind the
 * byte order as long as everybody uses the same, so nothing here swaps a byte. Inline, because a header's sum is a
 * handful of additions once the compiler knows its size.
 * None of this makes 0xffff of 0: only UDP wants that, and emit knows UDP.
 */
#ifndef XLAT_CSUM_H
#define XLAT_CSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Add len bytes, at most 64 KiB, to a sum. An odd last byte counts as if a zero followed. */
static inline uint64_t
csum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t word;
	uint16_t half = 0;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (len >= 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
		len -= 2;
		half = 0;
	}
	if (len) {
		memcpy(&half, p, 1);
		sum += half;
	}
	return sum;
}

/* Fold a sum to 16 bits; the checksum is its complement. */
static inline uint16_t
csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Store the checksum of a sum in a packet. */
static inline void
csum_store(void *field, uint64_t sum)
{
	uint16_t check = (uint16_t)~csum_fold(sum);

	memcpy(field, &check, 2);
}

/*
 * Update the checksum in a packet after words that sum up to `before` became words that sum up to `after`
 * (RFC 1624 equation 3).
 */
static inline void
csum_patch(void *field, uint64_t before, uint64_t after)
{
	uint16_t check;

	memcpy(&check, field, 2);
	csum_store(field, (uint64_t)(uint16_t)~check + (uint16_t)~csum_fold(before) + csum_fold(after));
}

/* The same for a sum that is stored as it is, not its complement: a partial checksum. */
static inline void
csum_patch_partial(void *field, uint64_t before, uint64_t after)
{
	uint16_t sum;

	memcpy(&sum, field, 2);
	sum = csum_fold((uint64_t)sum + (uint16_t)~csum_fold(before) + csum_fold(after));
	memcpy(field, &sum, 2);
}

/* A 16-bit value in host order as a word of a sum; also what a pseudo-header adds for a length or a protocol. */
static inline uint64_t
csum_word(unsigned host_order)
{
	uint8_t bytes[2] = { (uint8_t)(host_order >> 8), (uint8_t)host_order };
	uint16_t word;

	memcpy(&word, bytes, 2);
	return word;
}

#endif
