/*
 * piece.c - a packet that is too large leaves in pieces
 *
 * What translation leaves has its header in front: of IPv4, or of IPv6 with a fragment header. It may be a fragment
 * itself, so a piece begins where the packet begins, plus its own offset, and only the last piece of a last fragment
 * is a last one. It may also stand for several UDP datagrams: then each gets its own UDP header, with length and checksum,
 * and the next identification, and is cut by itself.
 * Must never: write into the packet, for a successor may have to begin again; write more than packet->cut bytes.
 */
#include <string.h>
#include "worker/xlat/bytes.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/nat64.h"
#include "worker/xlat/pkt.h"

#define HEADER6 (PKT_IP6_HEADER + 8)	/* with the fragment header */
#define UDP_HEADER 8

static void
piece4(uint8_t *ip, uint32_t at, uint32_t size, uint32_t number, bool last)
{
	uint32_t flags = get16(ip + 6);

	put16(ip + 2, PKT_IP4_HEADER + size);
	put16(ip + 4, get16(ip + 4) + number);
	put16(ip + 6, (flags + at / 8) | (last ? 0 : 0x2000));
	put16(ip + 10, 0);
	csum_store(ip + 10, csum_add(0, ip, PKT_IP4_HEADER));
}

static void
piece6(uint8_t *ip, uint32_t at, uint32_t size, uint32_t number, bool last)
{
	uint8_t *fragment = ip + PKT_IP6_HEADER;
	uint32_t id = get32(fragment + 4) + number;

	put16(ip + 4, HEADER6 - PKT_IP6_HEADER + size);
	put16(fragment + 2, (get16(fragment + 2) + at) | !last);
	put32(fragment + 4, id);
}

/* One of the messages that a packet stands for, which is the only one unless they are several datagrams. */
struct message {
	uint8_t head[UDP_HEADER];	/* a header of its own */
	uint32_t head_size;		/* or 0: it begins with what lies in the packet */
	const uint8_t *data;		/* the rest */
	uint32_t size;			/* of both */
	uint32_t number;		/* from 0 */
};

/* The UDP header of a datagram: the ports of all, its own length, and its checksum. */
static void
datagram_head(struct message *m, const uint8_t *ip, const uint8_t *udp)
{
	uint64_t sum = ip[0] >> 4 == 6 ? csum_add(0, ip + 8, 32) : csum_add(0, ip + 12, 8);

	memcpy(m->head, udp, 4);
	put16(m->head + 4, m->size);
	put16(m->head + 6, 0);
	sum = csum_add(sum, m->head, UDP_HEADER) + csum_word(m->size) + csum_word(PKT_PROTO_UDP);
	csum_store(m->head + 6, csum_add(sum, m->data, m->size - UDP_HEADER));
	if (get16(m->head + 6) == 0)
		put16(m->head + 6, 0xffff);
}

/* The message in which byte `at` of all of them lies, each counted with its header. Returns where it begins. */
static uint32_t
message_at(struct message *m, const struct nat64_packet *packet, uint32_t header, uint32_t at)
{
	const uint8_t *l4 = packet->data + header;
	uint32_t segment = packet->meta.offload.segment, left = packet->len - header, begin;

	*m = (struct message) { .data = l4, .size = left };
	if (packet->meta.offload.type != LAYOUT_UDP || segment == 0 || left <= UDP_HEADER)
		return 0;
	m->number = at / (UDP_HEADER + segment);
	begin = m->number * segment;		/* in the payload */
	left -= UDP_HEADER;
	m->size = begin < left ? UDP_HEADER + (left - begin < segment ? left - begin : segment) : 0;
	m->data = l4 + UDP_HEADER + begin;
	m->head_size = UDP_HEADER;
	begin += m->number * UDP_HEADER;
	if (m->size > 0 && at == begin)
		datagram_head(m, packet->data, l4);
	return begin;
}

/* A datagram of several that fits as it is has no fragment header (RFC 8021). */
static uint32_t
whole6(const struct nat64_packet *packet, const struct message *m, uint8_t *out)
{
	memcpy(out, packet->data, PKT_IP6_HEADER);
	put16(out + 4, m->size);
	out[6] = PKT_PROTO_UDP;
	memcpy(out + PKT_IP6_HEADER, m->head, m->head_size);
	memcpy(out + PKT_IP6_HEADER + m->head_size, m->data, m->size - m->head_size);
	return PKT_IP6_HEADER + m->size;
}

uint32_t
nat64_piece(const struct nat64_packet *packet, uint32_t *at, uint8_t *out)
{
	uint32_t header, from, left, size, head;
	struct message m;

	if (packet->cut < HEADER6 + UDP_HEADER || packet->len < PKT_IP4_HEADER)
		return 0;
	header = packet->data[0] >> 4 == 6 ? HEADER6 : PKT_IP4_HEADER;
	if (packet->len < header)
		return 0;
	from = *at - message_at(&m, packet, header, *at);
	if (from >= m.size)
		return 0;
	left = m.size - from;
	if (header == HEADER6 && m.head_size && PKT_IP6_HEADER + m.size <= packet->cut) {
		*at += left;
		return whole6(packet, &m, out);
	}
	size = (packet->cut - header) & ~7u;
	if (left <= packet->cut - header)
		size = left;
	head = from < m.head_size ? m.head_size : 0;
	memcpy(out, packet->data, header);
	memcpy(out + header, m.head, head);
	memcpy(out + header + head, m.data + (from + head - m.head_size), size - head);
	if (header == HEADER6)
		piece6(out, from, size, m.number, size == left);
	else
		piece4(out, from, size, m.number, size == left);
	*at += size;
	return header + size;
}
