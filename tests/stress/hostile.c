/*
 * hostile.c - a worker that was taken over: on a datagram that says SPOOF it sends 100 of each family from wrong sources, on
 * LIES 100 packets of which it tells the device what is not true
 *
 * Linked into a nat64-worker of the tests with -Wl,--wrap=nat64_translate, so that birth, sandbox and filter are the real
 * ones, and this is what they leave to an attacker. The sources: neighbours of pool and prefix by one address, hosts that
 * the gateway serves, and any others. Every packet would be delivered: to port 9998 of the server and of the client. Where the
 * device has offloads, every third one leaves its checksum to the kernel, and every third stands for two.
 *
 * The lies are about packets from the tenant's own pool, which the source guard lets pass. LIES is followed by where they go:
 * IPv4 address and port in hexadecimal.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/birth/heritage.h"
#include "worker/tunio.h"
#include "worker/xlat/nat64.h"

#define HOSTILE_PACKETS 100		/* of each family; many more at once, and it would be found stuck */
#define HOSTILE_PORT 9998
#define HOSTILE_LENGTH 1228		/* of a packet that is lied about */

enum nat64_verdict __real_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now);
enum nat64_verdict __wrap_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now);

static void
put32(uint8_t *b, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		b[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* To the device, in one of three ways. The packet is TUNIO_HEADER bytes into p. */
static void
send_it(const struct nat64 *n, uint8_t *p, uint16_t len, uint16_t l4)
{
	static unsigned turn;
	struct layout_offload o = { 0 };
	uint32_t before = n->layout.g.offload ? TUNIO_HEADER : 0;

	if (turn % 3 > 0)
		o = (struct layout_offload) { .flags = LAYOUT_PARTIAL, .start = l4, .check = 6 };
	if (turn % 3 > 1) {
		o.type = LAYOUT_UDP;
		o.header = l4 + 8;
		o.segment = 8;
	}
	turn++;
	memcpy(p, &o, sizeof(o));
	if (write(HERITAGE_QUEUE, p + TUNIO_HEADER - before, len + before) >= 0)
		return;
	memset(p, 0, sizeof(o));			/* a kernel that does not know UDP_L4 */
	if (write(HERITAGE_QUEUE, p + TUNIO_HEADER - before, len + before) < 0)
		_exit(9);
}

/* The sum of an IPv4 header, whose own field is 0. */
static void
sum4(uint8_t *p)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
}

/* A sum of IPv4's header; the UDP checksum is 0, which says that there is none. */
static void
send4(const struct nat64 *n, uint32_t source)
{
	uint8_t room[TUNIO_HEADER + 44] = { 0 }, *p = room + TUNIO_HEADER;
	const uint8_t head[] = { 0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, 17, [20] = HOSTILE_PORT >> 8, HOSTILE_PORT & 255,
				 HOSTILE_PORT >> 8, HOSTILE_PORT & 255, 0, 24 };

	memcpy(p, head, sizeof(head));
	put32(p + 12, source);
	put32(p + 16, 0xcb007102);			/* 203.0.113.2 */
	sum4(p);
	send_it(n, room, 44, 20);
}

/* Whoever counts it looks before the checksum is. */
static void
send6(const struct nat64 *n, const uint8_t source[16])
{
	static const uint8_t client[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 1, [15] = 2 };
	uint8_t room[TUNIO_HEADER + 64] = { 0 }, *p = room + TUNIO_HEADER;
	const uint8_t head[] = { 0x60, 0, 0, 0, 0, 24, 17, 64, [40] = HOSTILE_PORT >> 8, HOSTILE_PORT & 255,
				 HOSTILE_PORT >> 8, HOSTILE_PORT & 255, 0, 24, 1, 1 };

	memcpy(p, head, sizeof(head));
	memcpy(p + 8, source, 16);
	memcpy(p + 24, client, 16);
	send_it(n, room, 64, 40);
}

static void
spoof(const struct nat64 *n)
{
	static const uint32_t near4[] = { 0xc6336407, 0xc6336420, 0xc6336401, 0xcb007103, 0x0a000001, 0xc6336400 };
	static const uint8_t near6[][16] = {
		{ 0, 0x64, 0xff, 0x9b, [11] = 1, [15] = 1 },		/* just behind 64:ff9b::/96 */
		{ 0, 0x64, 0xff, 0x9a, 0xff, 0xff, [15] = 1 },
		{ 0x20, 0x01, 0x0d, 0xb8, 0, 2, [15] = 2 },		/* another host */
		{ 0x20, 0x01, 0x0d, 0xb8, 0, 1, [15] = 9 },		/* a neighbour of the client */
	};
	static uint32_t x = 1;

	for (unsigned i = 0; i < HOSTILE_PACKETS; i++) {
		uint8_t any6[16] = { 0x20, 0x02 };

		x = x * 1664525 + 1013904223;
		put32(any6 + 4, x);
		send4(n, i < sizeof(near4) / sizeof(near4[0]) ? near4[i] : 0x08000000 | (x >> 8));
		send6(n, i < sizeof(near6) / sizeof(near6[0]) ? near6[i] : any6);
	}
}

/*
 * What the device is told of a packet: now that it stands for several of another size than it can, now that its checksum is to be
 * put anywhere, now that it is TCP, which it is not, and now anything at all.
 */
static struct layout_offload
lie(unsigned kind, uint32_t x)
{
	struct layout_offload o = { .flags = LAYOUT_PARTIAL, .start = 20, .check = 6 };

	if (kind == 1) {
		o.start = (uint16_t)(x >> 8);
		o.check = (uint16_t)(x >> 20);
		return o;
	}
	o.type = kind == 2 ? LAYOUT_TCP4 : LAYOUT_UDP;
	o.header = 28;
	o.segment = (uint16_t)(x >> 8) % HOSTILE_LENGTH;
	if (kind == 3) {
		memcpy(&o, &x, 4);
		o.start = (uint16_t)(x >> 16);
	}
	return o;
}

/* The device may refuse them. */
static void
lies(const uint8_t *where, uint32_t len)
{
	static const uint8_t head[] = { 0x45, 0, HOSTILE_LENGTH >> 8, HOSTILE_LENGTH & 255, 0, 0, 0x40, 0, 64, 17,
					[12] = 198, 51, 100, 8, [20] = 0, 7, [24] = (HOSTILE_LENGTH - 20) >> 8,
					(HOSTILE_LENGTH - 20) & 255 };
	static uint8_t room[TUNIO_HEADER + HOSTILE_LENGTH];
	uint8_t *p = room + TUNIO_HEADER;
	uint32_t address, port, x = 1;
	char said[14] = "";

	memcpy(said, where, len < sizeof(said) - 1 ? len : sizeof(said) - 1);
	if (sscanf(said, "%8x %4x", &address, &port) != 2)
		return;
	memcpy(p, head, sizeof(head));
	put32(p + 16, address);
	sum4(p);
	p[22] = (uint8_t)(port >> 8);
	p[23] = (uint8_t)port;
	for (unsigned i = 0; i < HOSTILE_PACKETS; i++) {
		struct layout_offload o;

		x = x * 1664525 + 1013904223;
		o = lie(i % 4, x);
		memcpy(room, &o, sizeof(o));
		if (write(HERITAGE_QUEUE, room, sizeof(room)) < 0)
			continue;
	}
}

enum nat64_verdict
__wrap_nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now)
{
	const uint8_t *found = memmem(packet->data, packet->len, "LIES ", 5);

	if (packet->data[0] >> 4 == 6 && packet->data[6] == 17 && found && n->layout.g.offload)
		lies(found + 5, (uint32_t)(packet->data + packet->len - found - 5));
	if (packet->data[0] >> 4 == 6 && packet->data[6] == 17 && memmem(packet->data, packet->len, "SPOOF", 5))
		spoof(n);
	return __real_nat64_translate(n, packet, now);
}
