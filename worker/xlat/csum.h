/*
 * csum.h - the Internet checksum (RFC 1071) and its update (RFC 1624)
 *
 * Sums are 64-bit accumulators of 16-bit words as they lie in memory. One's complement addition does not mind the
 * byte order as long as everybody uses the same, so nothing here swaps a byte.
 */
#ifndef XLAT_CSUM_H
#define XLAT_CSUM_H

#include <stddef.h>
#include <stdint.h>

/* Add len bytes, at most 64 KiB, to a sum. An odd last byte counts as if a zero followed. */
uint64_t csum_add(uint64_t sum, const void *data, size_t len);

/* Fold a sum to 16 bits; the checksum is its complement. */
uint16_t csum_fold(uint64_t sum);

/* Store the checksum of a sum in a packet. */
void csum_store(void *field, uint64_t sum);

/*
 * Update the checksum in a packet after words that sum up to `before` became words that sum up to `after`
 * (RFC 1624 equation 3).
 */
void csum_patch(void *field, uint64_t before, uint64_t after);

/* A 16-bit value in host order as a word of a sum; also what a pseudo-header adds for a length or a protocol. */
uint64_t csum_word(unsigned host_order);

#endif
