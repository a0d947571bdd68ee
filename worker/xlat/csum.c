/*
 * csum.c - the Internet checksum and its update
 *
 * Must never: read past len; normalise 0 to 0xffff (only UDP wants that, and emit knows UDP).
 */
#include <string.h>
#include "worker/xlat/csum.h"

uint64_t
csum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t word;
	uint16_t half;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (len >= 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
		len -= 2;
	}
	if (len) {
		half = 0;
		memcpy(&half, p, 1);
		sum += half;
	}
	return sum;
}

uint16_t
csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

void
csum_store(void *field, uint64_t sum)
{
	uint16_t check = (uint16_t)~csum_fold(sum);

	memcpy(field, &check, 2);
}

void
csum_patch(void *field, uint64_t before, uint64_t after)
{
	uint16_t check;

	memcpy(&check, field, 2);
	csum_store(field, (uint64_t)(uint16_t)~check + (uint16_t)~csum_fold(before) + csum_fold(after));
}

uint64_t
csum_word(unsigned host_order)
{
	uint8_t bytes[2] = { (uint8_t)(host_order >> 8), (uint8_t)host_order };
	uint16_t word;

	memcpy(&word, bytes, 2);
	return word;
}
