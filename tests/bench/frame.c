/*
 * frame.c - test frames: made from a flow's number, known again by a tag
 *
 * Nothing is kept per flow, so a hundred thousand flows cost the generator as much as one. The checksum is right: whoever
 * looks at it finds no fault.
 */
#include <string.h>
#include "tests/bench/frame.h"

static uint16_t ports[FRAME_PORTS];
static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);	/* the same in each run: what is measured is the gateway */

/* xorshift64 (Marsaglia). */
static uint64_t
draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

void
frame_init(void)
{
	for (uint32_t i = 0; i < FRAME_PORTS; i++) {
		uint32_t j = (uint32_t)(draw() % (i + 1));

		ports[i] = ports[j];
		ports[j] = (uint16_t)(1024 + i);
	}
}

void
frame_shuffle(uint32_t *numbers, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t j = (uint32_t)(draw() % (i + 1));

		numbers[i] = numbers[j];
		numbers[j] = first + i;
	}
}

static void
put16(uint8_t *b, uint32_t value)
{
	b[0] = (uint8_t)(value >> 8);
	b[1] = (uint8_t)value;
}

/* RFC 1071. The sum of n bytes, n even, on top of another one. */
static uint32_t
sum(uint32_t s, const uint8_t *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += 2)
		s += (uint32_t)b[i] << 8 | b[i + 1];
	return s;
}

static uint32_t
folded(uint32_t s)
{
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	s = ~s & 0xffff;
	return s ? s : 0xffff;
}

uint32_t
frame_make(uint8_t *b, const struct frame_path *path, uint32_t flow, uint64_t now)
{
	static const uint8_t source[16] = { 0x20, 0x01, 0x0d, 0xb8, 0x01, [15] = 9 }, self[6] = { 2, 0, 0, 0, 0, 9 };
	struct frame_tag tag = { FRAME_MAGIC, flow, now };
	uint32_t len = path->size - 4, l4 = len - FRAME_ETHERNET - 40;
	uint8_t *ip = b + FRAME_ETHERNET, *udp = ip + 40;

	memcpy(b, path->gateway, 6);
	memcpy(b + 6, self, 6);
	put16(b + 12, 0x86dd);
	memset(ip, 0, 8);
	ip[0] = 0x60;
	put16(ip + 4, l4);
	ip[6] = 17;
	ip[7] = 64;
	memcpy(ip + 8, source, 16);
	ip[15] = (uint8_t)(flow % FRAME_SUBSCRIBERS);
	memcpy(ip + 24, path->destination, 16);
	put16(udp, ports[flow / FRAME_SUBSCRIBERS % FRAME_PORTS]);
	put16(udp + 2, 1 + (uint32_t)(flow * UINT64_C(0x9e3779b97f4a7c15) >> 32) % 49151);
	put16(udp + 4, l4);
	put16(udp + 6, 0);
	memset(udp + 8, 0, l4 - 8);
	memcpy(udp + 8, &tag, sizeof(tag));
	put16(udp + 6, folded(sum(17 + l4, ip + 8, 32 + 8 + sizeof(tag))));	/* all that follows is zero */
	return len;
}

bool
frame_read(struct frame_tag *tag, uint32_t *payload, const uint8_t *b, uint32_t len, uint32_t wire_len)
{
	uint32_t header = FRAME_ETHERNET;

	if (len < FRAME_ETHERNET + 20)
		return false;
	header += b[FRAME_ETHERNET] >> 4 == 6 ? 40 : 20;
	if (len < header + 8 + sizeof(*tag) || wire_len < len)
		return false;
	memcpy(tag, b + header + 8, sizeof(*tag));
	*payload = wire_len - header - 8;
	return tag->magic == FRAME_MAGIC;
}

/* n bytes at a and at b change places. */
static void
swap(uint8_t *a, uint8_t *b, uint32_t n)
{
	uint8_t t[16];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

void
frame_answer(uint8_t *b, const uint8_t gateway[6])
{
	static const uint8_t self[6] = { 2, 0, 0, 0, 0, 8 };
	uint8_t *ip = b + FRAME_ETHERNET;
	bool ip6 = ip[0] >> 4 == 6;

	memcpy(b, gateway, 6);
	memcpy(b + 6, self, 6);
	if (ip6)
		swap(ip + 8, ip + 24, 16);
	else
		swap(ip + 12, ip + 16, 4);
	swap(ip + (ip6 ? 40 : 20), ip + (ip6 ? 42 : 22), 2);
}
