/*
 * emit.c - the other family's header, written into the headroom (RFC 7915 sections 4.1 to 4.4 and 5.1 to 5.3)
 *
 * The transport header and the payload stay where they are. Everything that the old header said is in struct pkt, so
 * the new one may be written over it. Checksums are patched by the difference between the old and the new addresses
 * and ports, whatever the families; only an ICMP error, whose inside changes size, gets a new sum.
 * A fragment's kin has told its ports; only the first one has a transport header to rewrite, whose sum knows nothing of
 * fragments but for ICMPv6, where it has the length of the whole. What may not leave in one piece is written as one all the
 * same, with a fragment header, and cut by piece.c.
 * The packet inside an error goes through rewrite() like any other, except that its TTL stays and it may be cut short.
 * Must never: read a field of the old header after writing (the sums are taken first); write behind the packet's end.
 */
#include "shm/hash.h"
#include "worker/xlat/bytes.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/emit.h"
#include "worker/xlat/icmpmap.h"
#include "worker/xlat/offload.h"

#define DF_ABOVE 1260			/* RFC 7915 section 5.1: smaller IPv4 packets may be fragmented */
#define IDS 65536			/* IPv4 identifications */
#define FRAGMENT 44			/* next header: a fragment header */
#define FRAGMENT_HEADER 8
#define ERROR6_MAX 1280			/* an ICMPv6 error never exceeds the minimum MTU (RFC 4443 section 2.4 c) */

static unsigned
header_size(enum nat64_side family)
{
	return family == NAT64_FROM_IP6 ? PKT_IP6_HEADER : PKT_IP4_HEADER;
}

static enum nat64_side
other(enum nat64_side family)
{
	return family == NAT64_FROM_IP6 ? NAT64_FROM_IP4 : NAT64_FROM_IP6;
}

/* Both addresses of an IP header, as a sum. */
static uint64_t
sum_addresses(const uint8_t *ip, enum nat64_side family)
{
	return family == NAT64_FROM_IP6 ? csum_add(0, ip + 8, 32) : csum_add(0, ip + 12, 8);
}

static uint8_t
protocol_number(uint8_t proto, enum nat64_side family)
{
	if (proto == NAT64_TCP)
		return PKT_PROTO_TCP;
	if (proto == NAT64_UDP)
		return PKT_PROTO_UDP;
	return family == NAT64_FROM_IP6 ? PKT_PROTO_ICMP6 : PKT_PROTO_ICMP;
}

uint16_t
emit_id(struct nat64 *n, uint32_t src, uint32_t dst, uint8_t proto, uint32_t packets)
{
	uint64_t word[2] = { (uint64_t)src << 32 | dst, proto };
	uint64_t hash = hash_words(n->secret->port_key, word, 2);
	uint16_t *next = &n->ip_id[hash % NAT64_ID_COUNTERS];
	uint32_t share = IDS, at;

	while (share > IDS / n->layout.g.workers)
		share /= 2;
	at = (uint16_t)(*next + (hash >> 32)) % share;
	if (at + packets > share || (at == 0 && n->worker == 0)) {	/* to the share's beginning, but 0 is nobody's */
		*next += (uint16_t)((share - at) % share + (n->worker == 0));
		at = n->worker == 0;
	}
	*next += (uint16_t)packets;
	return (uint16_t)(n->worker * share + at);
}

static uint8_t *
emit_header6(uint8_t *end, const struct emit_header *h)
{
	uint8_t *fragment = end - FRAGMENT_HEADER, *ip = (h->fragment ? fragment : end) - PKT_IP6_HEADER;

	put32(ip, UINT32_C(6) << 28 | (uint32_t)h->tos << 20);
	put16(ip + 4, h->payload + (h->fragment ? FRAGMENT_HEADER : 0));
	ip[6] = h->fragment ? FRAGMENT : h->proto;
	ip[7] = h->ttl;
	memcpy(ip + 8, h->src->ip6.b, 16);
	memcpy(ip + 24, h->dst->ip6.b, 16);
	if (h->fragment) {
		put16(fragment, (uint32_t)h->proto << 8);
		put16(fragment + 2, h->at | h->more);
		put32(fragment + 4, h->id);
	}
	return ip;
}

uint8_t *
emit_header(uint8_t *end, enum nat64_side to, const struct emit_header *h)
{
	uint8_t *ip = end - PKT_IP4_HEADER;

	if (to == NAT64_FROM_IP6)
		return emit_header6(end, h);
	ip[0] = 0x45;
	ip[1] = h->tos;
	put16(ip + 2, PKT_IP4_HEADER + h->payload);
	put16(ip + 4, h->id & 0xffff);
	put16(ip + 6, (h->df ? 0x4000 : 0) | (h->more ? 0x2000 : 0) | h->at / 8u);
	ip[8] = h->ttl;
	ip[9] = h->proto;
	put16(ip + 10, 0);
	put32(ip + 12, h->src->ip4);
	put32(ip + 16, h->dst->ip4);
	csum_store(ip + 10, csum_add(0, ip, PKT_IP4_HEADER));
	return ip;
}

void
emit_icmp_checksum(uint8_t *ip, enum nat64_side to, uint8_t *icmp, uint32_t len)
{
	uint64_t sum = 0;

	if (to == NAT64_FROM_IP6)
		sum = sum_addresses(ip, to) + csum_word(len) + csum_word(PKT_PROTO_ICMP6);
	put16(icmp + 2, 0);
	csum_store(icmp + 2, csum_add(sum, icmp, len));
}

static uint8_t
tos_for(const struct nat64 *n, const struct pkt *p)
{
	return n->config->traffic_class == CONFIG_COPY_TOS ? p->tos : (uint8_t)n->config->traffic_class;
}

static uint8_t *
check_field(const struct pkt *p, uint8_t *l4)
{
	static const uint8_t at[NAT64_N_PROTOS] = { [NAT64_TCP] = 16, [NAT64_UDP] = 6, [NAT64_ICMP] = 2 };

	return l4 + at[p->proto];
}

static bool
is_zero(const uint8_t *field)
{
	return field[0] == 0 && field[1] == 0;
}

/* Does it fit the next hop, in one piece or in several? */
static enum nat64_verdict
fit(const struct nat64 *n, struct pkt *p, uint32_t *mtu)
{
	uint32_t payload = offload_payload(p), next_hop = n->config->mtu4, header = PKT_IP6_HEADER;

	if (p->from == NAT64_FROM_IP6) {
		if (PKT_IP4_HEADER + payload > next_hop && (!p->df || PKT_IP4_HEADER + payload <= DF_ABOVE))
			p->cut = next_hop;
		*mtu = (next_hop > DF_ABOVE ? next_hop : DF_ABOVE) + PKT_IP6_HEADER - PKT_IP4_HEADER;
		return p->cut || PKT_IP4_HEADER + payload <= next_hop ? NAT64_translated : NAT64_too_big;
	}
	if (p->fragment)
		header += FRAGMENT_HEADER;
	next_hop = p->df ? n->config->mtu6 : n->config->lowest_ipv6_mtu;
	if (!p->df && header + payload > next_hop)
		p->cut = next_hop;
	*mtu = next_hop - header + PKT_IP4_HEADER;
	return p->cut || header + payload <= next_hop ? NAT64_translated : NAT64_too_big;
}

enum nat64_verdict
emit_check(const struct nat64 *n, struct pkt *p, uint32_t *mtu)
{
	enum nat64_verdict v;

	if (p->ttl <= 1)
		return NAT64_hop_limit;
	if (p->proto == NAT64_UDP && p->at == 0 && !p->icmp_error && n->config->udp_zero_checksum == CONFIG_ZERO_CSUM_DROP &&
	    !p->partial && is_zero(check_field(p, p->data + p->l4)))
		return NAT64_udp_zero_checksum;
	if (p->icmp_error)
		return NAT64_translated;	/* emit_error cuts it to size */
	v = fit(n, p, mtu);
	if (p->cut && p->segment && p->proto == NAT64_TCP) {	/* a stream has no need of fragments */
		p->segment = (uint16_t)(p->cut - header_size(other(p->from)) - p->header);
		p->cut = 0;
	}
	return v;
}

/* What the transport checksum covers besides the payload, which stays: addresses, ports or identifier, ICMP type. */
static uint64_t
sum_covered(const struct pkt *p, const uint8_t *ip, const uint8_t *l4, enum nat64_side family)
{
	if (p->partial)
		return sum_addresses(ip, family);
	if (p->proto != NAT64_ICMP)
		return csum_add(sum_addresses(ip, family), l4, 4);
	if (family == NAT64_FROM_IP4)		/* ICMPv4 has no pseudo-header */
		return csum_add(0, l4, 2) + csum_add(0, l4 + 4, 2);
	return csum_add(sum_addresses(ip, family), l4, 2) + csum_add(0, l4 + 4, 2) + csum_word(p->whole) +
	       csum_word(PKT_PROTO_ICMP6);
}

/* The pseudo-header of the new packet and all of UDP, for a datagram that came without a checksum. */
static void
compute_udp(const struct pkt *p, const uint8_t *ip, uint8_t *l4, enum nat64_side to)
{
	uint32_t len = (uint32_t)l4[4] << 8 | l4[5], most = p->len - p->l4;
	uint64_t sum;

	if (len > most)
		len = most;		/* parse has checked it, but in memory that is shared */
	sum = sum_addresses(ip, to) + csum_word(len) + csum_word(PKT_PROTO_UDP);
	csum_store(check_field(p, l4), csum_add(sum, l4, len));
}

/* Replace ports or identifier, ICMP type and checksum, behind the new header at ip. `before` sums up what was covered. */
static void
rewrite_transport(const struct pkt *p, const struct pkt_end *src, const struct pkt_end *dst, uint8_t *ip, uint64_t before,
		  bool inner)
{
	enum nat64_side to = other(p->from);
	uint8_t *l4 = p->data + p->l4, *check = check_field(p, l4);
	bool udp_zero = p->proto == NAT64_UDP && p->has_check && !p->partial && is_zero(check);

	if (p->proto == NAT64_ICMP) {
		l4[0] = icmpmap_echo(p->icmp_type, p->from);
		put16(l4 + 4, src->port);
	} else {
		put16(l4, src->port);
		put16(l4 + 2, dst->port);
	}
	if (p->partial)
		csum_patch_partial(check, before, sum_covered(p, ip, l4, to));
	else if (udp_zero && !inner)
		compute_udp(p, ip, l4, to);
	else if (p->has_check && !udp_zero)
		csum_patch(check, before, sum_covered(p, ip, l4, to));
	if (p->proto == NAT64_UDP && p->has_check && !p->partial && !(udp_zero && inner) && is_zero(check))
		put16(check, 0xffff);		/* 0 would say that there is no checksum */
}

/* Replace IP header, ports and checksum of p. Returns where the new packet begins. */
static uint8_t *
rewrite(struct nat64 *n, const struct pkt *p, const struct pkt_end *src, const struct pkt_end *dst, bool inner)
{
	enum nat64_side to = other(p->from);
	uint8_t *l4 = p->data + p->l4, *ip;
	uint32_t payload = p->len - p->l4;
	uint64_t before = p->at ? 0 : sum_covered(p, p->data, l4, p->from);
	struct emit_header h = {
		.src = src, .dst = dst, .payload = payload,
		.tos = inner ? p->tos : tos_for(n, p),
		.ttl = inner ? p->ttl : (uint8_t)(p->ttl - 1),
		.proto = protocol_number(p->proto, to),
		.df = p->df && PKT_IP4_HEADER + offload_payload(p) > DF_ABOVE,
		.fragment = p->fragment || p->cut, .at = p->at, .more = p->more, .id = p->id,
	};

	if (p->from == NAT64_FROM_IP6 && p->df && !h.df && !inner)
		h.id = emit_id(n, src->ip4, dst->ip4, h.proto, offload_packets(p));
	ip = emit_header(l4, to, &h);
	if (p->at == 0)
		rewrite_transport(p, src, dst, ip, before, inner);
	return ip;
}

void
emit_packet(struct nat64 *n, const struct pkt *p, const struct pkt_end *src, const struct pkt_end *dst,
	    struct nat64_packet *out)
{
	const uint8_t *end = p->data + p->len;

	out->data = rewrite(n, p, src, dst, false);
	out->len = (uint32_t)(end - out->data);
	out->cut = p->cut;
	out->meta.offload = offload_emit(p, (uint32_t)(p->data + p->l4 - out->data));
	if (p->fragment)
		out->meta.kin = (struct layout_kin) {
			.src_port = src->port, .dst_port = dst->port, .whole = (uint16_t)p->whole, .known = 1,
		};
}

/* An ICMP error while it is put together: the quoted packet, what stands behind it, the packet's end. */
struct message {
	uint8_t *quoted, *extension, *end;
	uint32_t room;			/* for header, ICMP header and all that follows */
};

/*
 * The quotation has another length now. Fill it up to what the length attribute can say, by moving it towards the packet's
 * beginning, and return the attribute; or cut the extension off and return 0.
 */
static unsigned
fit_extension(struct message *m, uint8_t type, enum nat64_side to, const uint8_t *saved)
{
	uint32_t unit = icmpmap_length_unit(type, to), size = (uint32_t)(m->extension - m->quoted), padded = size;

	if (padded < ICMPMAP_QUOTED_LEAST)
		padded = ICMPMAP_QUOTED_LEAST;
	if (unit > 0)
		padded = (padded + unit - 1) / unit * unit;
	if (unit == 0 || padded / unit > UINT8_MAX || (padded > size && m->extension > saved) ||
	    header_size(to) + PKT_ICMP_HEADER + padded + (uint32_t)(m->end - m->extension) > m->room) {
		m->end = m->extension;
		return 0;
	}
	if (padded > size) {
		memmove(m->extension - padded, m->quoted, size);
		memset(m->extension - padded + size, 0, padded - size);
		m->quoted = m->extension - padded;
	}
	return padded / unit;
}

enum nat64_verdict
emit_error(struct nat64 *n, const struct pkt *p, const struct pkt *inner, const struct emit_ends *ends,
	   struct nat64_packet *out)
{
	enum nat64_side to = other(p->from);
	uint8_t *icmp = p->data + p->l4, *ip;
	uint32_t size;
	struct message whole = {
		.extension = icmp + PKT_ICMP_HEADER + p->quoted, .end = p->data + p->len,
		.room = to == NAT64_FROM_IP6 ? ERROR6_MAX : n->config->mtu4,
	};
	struct icmpmap m = { .type = p->icmp_type, .code = p->icmp_code, .word = get32(icmp + 4) };
	struct icmpmap_limits limits = { .mtu6 = n->config->mtu6, .mtu4 = n->config->mtu4, .inner_len = inner->len,
					 .fragment_header = inner->from == NAT64_FROM_IP6 && !inner->df };
	struct emit_header h = {
		.src = &ends->src, .dst = &ends->dst, .tos = tos_for(n, p), .ttl = (uint8_t)(p->ttl - 1),
		.proto = protocol_number(NAT64_ICMP, to),
	};

	if (!icmpmap_error(&m, p->from, &limits))
		return NAT64_icmp_type;
	whole.quoted = rewrite(n, inner, &ends->inner_src, &ends->inner_dst, true);
	if (p->quoted)
		m.word |= fit_extension(&whole, m.type, to, ends->saved) << (to == NAT64_FROM_IP6 ? 24 : 16);
	icmp = whole.quoted - PKT_ICMP_HEADER;
	size = (uint32_t)(whole.end - icmp) + header_size(to);
	if (size > whole.room)
		size = whole.room;
	h.payload = size - header_size(to);
	h.df = size > DF_ABOVE;
	h.id = to == NAT64_FROM_IP4 ? emit_id(n, ends->src.ip4, ends->dst.ip4, h.proto, 1) : 0;
	icmp[0] = m.type;
	icmp[1] = m.code;
	put32(icmp + 4, m.word);
	ip = emit_header(icmp, to, &h);
	emit_icmp_checksum(ip, to, icmp, h.payload);
	out->data = ip;
	out->len = size;
	return NAT64_translated;
}
