/*
 * packet.h - the UDP packets that the benchmarks of libnat64 translate
 */
#ifndef BENCH_PACKET_H
#define BENCH_PACKET_H

#include "tests/world.h"

#define PACKET_IP6 84			/* bytes: 40 of IPv6, 8 of UDP, 36 of payload */
#define PACKET_IP4 64

/* 84 bytes from host:port to the IPv4 address under 64:ff9b::/96, whatever its checksum. */
static inline void
packet_from_ip6(uint8_t *b, const struct ip6 *host, uint16_t port, uint32_t remote4, uint16_t remote_port)
{
	static const uint8_t prefix[12] = { 0x00, 0x64, 0xff, 0x9b };

	memset(b, 0, PACKET_IP6);
	b[0] = 0x60;
	b[5] = PACKET_IP6 - 40;
	b[6] = 17;
	b[7] = 64;
	memcpy(b + 8, host, 16);
	memcpy(b + 24, prefix, 12);
	for (unsigned i = 0; i < 4; i++)
		b[36 + i] = (uint8_t)(remote4 >> (24 - 8 * i));
	b[40] = (uint8_t)(port >> 8);
	b[41] = (uint8_t)port;
	b[42] = (uint8_t)(remote_port >> 8);
	b[43] = (uint8_t)remote_port;
	b[45] = PACKET_IP6 - 40;
	b[46] = 1;
}

/*
 * Copy these packets of len bytes, NAT64_AHEAD at most, and translate them, as a worker does with what it has read; the copies
 * stand for the reads. Returns how many were translated.
 */
static inline unsigned
packet_batch(struct world *w, const uint8_t *const from[], uint32_t len, unsigned count)
{
	static uint8_t buffer[NAT64_AHEAD][LAYOUT_HEADROOM + PACKET_IP6 + 64];
	struct nat64_hint hint[NAT64_AHEAD];
	const uint8_t *data[NAT64_AHEAD];
	uint32_t lens[NAT64_AHEAD], translated = 0;

	for (unsigned i = 0; i < count; i++) {
		data[i] = memcpy(buffer[i] + LAYOUT_HEADROOM, from[i], len);
		lens[i] = len;
	}
	nat64_look_ahead(&w->worker[0], data, lens, hint, count);
	for (unsigned i = 0; i < count; i++) {
		struct nat64_packet p = { .data = buffer[i] + LAYOUT_HEADROOM, .len = len, .hint = &hint[i] };

		translated += nat64_translate(&w->worker[0], &p, w->now) == NAT64_translated;
	}
	return translated;
}

/* n bytes at a and at b change places. */
static inline void
packet_swap(uint8_t *a, uint8_t *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

/* A translated packet of PACKET_IP4 bytes becomes the answer to it: ends swapped, the checksums stay right. */
static inline void
packet_answer4(uint8_t *b)
{
	packet_swap(b + 12, b + 16, 4);
	packet_swap(b + 20, b + 22, 2);
}

#endif
