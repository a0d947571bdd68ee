/*
 * gro.c - the packets that a batch sends, and which of them leave as one
 *
 * A group is made of packets of one flow whose headers differ only in what the kernel restores when it divides them again:
 * length, identification, sequence number, checksum, and FIN or PSH of the last. These are the rules by which the kernel itself
 * merges received packets. A flow's next packet can be added only to its latest group, and groups are written in the order of
 * their first packets, so a flow's packets stay in order. A checksum is verified before it is given up: a packet that was
 * damaged on its way must not get a right one here.
 * Which flows are open is found by a hash of addresses and ports; who finds its bucket taken has the next one. The hash has
 * no key, so no more than a few are looked at: flows that were chosen to meet lose their places and begin new groups.
 * Must never: write to a packet but to the headers of a group's first one; hold a packet over the end of a batch.
 */
#include "worker/gro.h"
#include "worker/tunio.h"
#include "worker/xlat/bytes.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/emit.h"

#define TCP_HEADER 20
#define UDP_HEADER 8
#define MOST 65000			/* bytes of a group, headers included */
#define TCP_FLAGS 13			/* where they are */
#define PROBES 8			/* buckets that a flow may be in */
#define LAST (PKT_FIN | 0x08)		/* FIN, PSH: of the last packet of a group only */

void
gro_open(struct gro *g, enum status_offload offload, const int *queue)
{
	*g = (struct gro) { .offload = offload, .queue = queue };
}

void
gro_clear(struct gro *g)
{
	g->n = 0;
	memset(g->bucket, 0, sizeof(g->bucket));
}

static bool
is6(const uint8_t *ip)
{
	return ip[0] >> 4 == 6;
}

/* Find out where its headers end. It may be in a group if it is TCP or UDP, no fragment, and one packet. */
static void
look(const struct gro *g, struct gro_packet *q)
{
	const uint8_t *ip = q->p.data, *l4;
	uint32_t len = q->p.len, size;
	uint8_t proto;

	q->proto = NAT64_N_PROTOS;
	if (g->offload == STATUS_offload_off || q->p.cut || q->p.meta.offload.type || len < PKT_IP4_HEADER ||
	    (is6(ip) && len < PKT_IP6_HEADER) || (!is6(ip) && (get16(ip + 6) & 0x3fff)))
		return;
	proto = is6(ip) ? ip[6] : ip[9];
	q->l4 = is6(ip) ? PKT_IP6_HEADER : PKT_IP4_HEADER;
	l4 = ip + q->l4;
	if (proto == PKT_PROTO_UDP && g->offload == STATUS_offload_tso_uso && len >= (uint32_t)q->l4 + UDP_HEADER)
		size = UDP_HEADER;
	else if (proto == PKT_PROTO_TCP && len >= (uint32_t)q->l4 + TCP_HEADER)
		size = (l4[12] >> 4) * 4u;
	else
		return;
	if (len < q->l4 + size || (proto == PKT_PROTO_UDP && get16(l4 + 4) != len - q->l4))
		return;
	q->header = (uint16_t)(q->l4 + size);
	q->segment = (uint16_t)(len - q->header);
	q->proto = proto == PKT_PROTO_UDP ? NAT64_UDP : NAT64_TCP;
}

/* Addresses and ports, which lie together in what translation leaves. */
static const uint8_t *
ends(const struct gro_packet *q, uint32_t *size)
{
	*size = is6(q->p.data) ? 36 : 12;
	return q->p.data + q->l4 + 4 - *size;
}

static bool
same_flow(const struct gro_packet *a, const struct gro_packet *b)
{
	uint32_t size, other;
	const uint8_t *x = ends(a, &size), *y = ends(b, &other);

	return a->proto == b->proto && a->p.to == b->p.to && size == other && memcmp(x, y, size) == 0;
}

/* The bucket of its flow, or else an empty one, or else one that another flow loses. */
static uint8_t *
bucket_of(struct gro *g, const struct gro_packet *q)
{
	uint64_t h = q->proto, word;
	uint32_t size;
	const uint8_t *e = ends(q, &size);
	uint8_t *bucket = g->bucket;

	for (uint32_t i = 0; i + 4 <= size; i += 8) {
		memcpy(&word, i + 8 <= size ? e + i : e + size - 8, 8);
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	for (unsigned i = 0; i < PROBES; i++) {
		bucket = &g->bucket[((h >> 56) + i) % GRO_FLOWS];
		if (*bucket == 0 || same_flow(&g->packet[*bucket - 1], q))
			break;
	}
	return bucket;
}

/* May more be added behind this one? */
static bool
goes_on(const struct gro_packet *q)
{
	const uint8_t *l4 = q->p.data + q->l4;

	return q->segment > 0 && (q->proto == NAT64_UDP || (l4[TCP_FLAGS] == PKT_ACK && get16(l4 + 18) == 0));
}

/* Are the IP headers the same but for length, identification and checksum? */
static bool
same_ip(const uint8_t *a, const uint8_t *b)
{
	if (is6(a))
		return memcmp(a, b, 4) == 0 && a[7] == b[7];
	return a[1] == b[1] && a[6] == b[6] && a[8] == b[8];
}

/* Does b begin with the byte behind the group of a, with the same header but for FIN and PSH? */
static bool
in_sequence(const struct gro_packet *a, const struct gro_packet *b)
{
	const uint8_t *x = a->p.data + a->l4, *y = b->p.data + b->l4;

	return a->header == b->header && get32(x + 4) + a->total == get32(y + 4) && memcmp(x + 8, y + 8, 5) == 0 &&
	       (y[TCP_FLAGS] & ~LAST) == PKT_ACK && memcmp(x + 14, y + 14, 2) == 0 &&
	       memcmp(x + 18, y + 18, (size_t)a->header - a->l4 - 18) == 0;
}

static bool
verified(struct gro_packet *q)
{
	const uint8_t *ip = q->p.data, *l4 = ip + q->l4;
	uint32_t len = q->p.len - q->l4;
	uint64_t sum;

	if (q->verified)
		return true;
	sum = is6(ip) ? csum_add(0, ip + 8, 32) : csum_add(0, ip + 12, 8);
	sum += csum_word(len) + csum_word(q->proto == NAT64_UDP ? PKT_PROTO_UDP : PKT_PROTO_TCP);
	q->verified = csum_fold(csum_add(sum, l4, len)) == 0xffff && !(q->proto == NAT64_UDP && get16(l4 + 6) == 0);
	return q->verified;
}

/* Add b to the group that begins with a. Returns whether it could be. */
static bool
join(struct gro *g, struct gro_packet *a, struct gro_packet *b)
{
	uint8_t number = (uint8_t)(b - g->packet);

	if (!a->open || !same_flow(a, b) || b->segment == 0 || b->segment > a->segment || !same_ip(a->p.data, b->p.data) ||
	    a->header + a->total + b->segment > MOST || (a->proto == NAT64_TCP && !in_sequence(a, b)) || !verified(a) ||
	    !verified(b))
		return false;
	g->packet[a->last].next = number;
	a->last = number;
	a->count++;
	a->total += b->segment;
	a->open = b->segment == a->segment && goes_on(b);
	b->count = 0;
	return true;
}

void
gro_add(struct gro *g, const struct nat64_packet *p, uint8_t number, bool verified)
{
	struct gro_packet *q = &g->packet[g->n];
	uint8_t *bucket;

	*q = (struct gro_packet) {
		.p = *p, .number = number, .verified = verified, .count = 1, .last = (uint8_t)g->n, .next = (uint8_t)g->n,
	};
	g->n++;
	look(g, q);
	if (q->proto == NAT64_N_PROTOS)
		return;
	bucket = bucket_of(g, q);
	if (*bucket && join(g, &g->packet[*bucket - 1], q))
		return;
	q->total = q->segment;
	q->open = goes_on(q);
	*bucket = (uint8_t)(q - g->packet + 1);
}

/* Make the headers of a group's first packet those of all. */
static void
head(struct nat64 *n, struct gro *g, struct gro_packet *a)
{
	uint8_t *ip = a->p.data, *l4 = ip + a->l4, *check = l4 + (a->proto == NAT64_UDP ? 6 : 16);
	uint32_t payload = a->header - a->l4 + a->total;
	uint64_t sum = csum_word(payload) + csum_word(a->proto == NAT64_UDP ? PKT_PROTO_UDP : PKT_PROTO_TCP);
	uint16_t partial;

	if (is6(ip)) {
		put16(ip + 4, payload);
		sum = csum_add(sum, ip + 8, 32);
	} else {
		put16(ip + 2, PKT_IP4_HEADER + payload);
		if (!(ip[6] & 0x40))		/* the kernel counts on from the first one */
			put16(ip + 4, emit_id(n, get32(ip + 12), get32(ip + 16), ip[9], a->count));
		put16(ip + 10, 0);
		csum_store(ip + 10, csum_add(0, ip, PKT_IP4_HEADER));
		sum = csum_add(sum, ip + 12, 8);
	}
	if (a->proto == NAT64_UDP)
		put16(l4 + 4, payload);
	else
		l4[TCP_FLAGS] |= g->packet[a->last].p.data[g->packet[a->last].l4 + TCP_FLAGS] & LAST;
	partial = csum_fold(sum);
	memcpy(check, &partial, 2);
	a->p.meta.offload = (struct layout_offload) {
		.flags = LAYOUT_PARTIAL, .header = a->header, .segment = a->segment, .start = a->l4,
		.check = a->proto == NAT64_UDP ? 6 : 16,
		.type = a->proto == NAT64_UDP ? LAYOUT_UDP : is6(ip) ? LAYOUT_TCP6 : LAYOUT_TCP4,
	};
}

bool
gro_write(struct nat64 *n, struct gro *g, unsigned i)
{
	struct gro_packet *a = &g->packet[i], *q = a;
	struct iovec part[LAYOUT_BATCH + 1];
	int parts = 1, queue = g->queue[a->p.to];

	if (a->count <= 1)
		return tunio_write(queue, a->p.data, a->p.len,
				   g->offload == STATUS_offload_off ? NULL : &a->p.meta.offload);
	head(n, g, a);
	part[parts++] = (struct iovec) { a->p.data, a->p.len };
	for (unsigned k = 1; k < a->count; k++) {
		q = &g->packet[q->next];
		part[parts++] = (struct iovec) { q->p.data + q->header, q->segment };
	}
	return tunio_write_parts(queue, part, parts, &a->p.meta.offload);
}
