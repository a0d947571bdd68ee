/*
 * piece.c - a packet that is too large leaves in pieces
 *
 * What translation leaves has its header in front: of IPv4, or of IPv6 with a fragment header. It may be a fragment
 * itself, so a piece begins where the packet begins, plus its own offset, and only the last piece of a last fragment
 * is a last one.
 * Must never: write into the packet, for a successor may have to begin again; write more than packet->cut bytes.
 */
#include <string.h>
#include "worker/xlat/csum.h"
#include "worker/xlat/nat64.h"
#include "worker/xlat/pkt.h"

#define HEADER6 (PKT_IP6_HEADER + 8)	/* with the fragment header */

static uint32_t
get16(const uint8_t *b)
{
	return (uint32_t)b[0] << 8 | b[1];
}

static void
put16(uint8_t *b, uint32_t v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static void
piece4(uint8_t *ip, uint32_t at, uint32_t size, bool last)
{
	uint32_t flags = get16(ip + 6);

	put16(ip + 2, PKT_IP4_HEADER + size);
	put16(ip + 6, (flags + at / 8) | (last ? 0 : 0x2000));
	put16(ip + 10, 0);
	csum_store(ip + 10, csum_add(0, ip, PKT_IP4_HEADER));
}

static void
piece6(uint8_t *ip, uint32_t at, uint32_t size, bool last)
{
	uint8_t *fragment = ip + PKT_IP6_HEADER;

	put16(ip + 4, HEADER6 - PKT_IP6_HEADER + size);
	put16(fragment + 2, (get16(fragment + 2) + at) | !last);
}

uint32_t
nat64_piece(const struct nat64_packet *packet, uint32_t *at, uint8_t *out)
{
	uint32_t header, left, size;

	if (packet->cut < HEADER6 + 8 || packet->len < PKT_IP4_HEADER)
		return 0;
	header = packet->data[0] >> 4 == 6 ? HEADER6 : PKT_IP4_HEADER;
	if (packet->len < header || *at >= packet->len - header)
		return 0;
	left = packet->len - header - *at;
	size = (packet->cut - header) & ~7u;
	if (left <= packet->cut - header)
		size = left;
	memcpy(out, packet->data, header);
	memcpy(out + header, packet->data + header + *at, size);
	if (header == HEADER6)
		piece6(out, *at, size, size == left);
	else
		piece4(out, *at, size, size == left);
	*at += size;
	return header + size;
}
