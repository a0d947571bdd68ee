/*
 * parse.c - the only room that reads lengths
 *
 * A packet is taken apart from the outside in. Each step first asks whether the bytes are there, then reads them; an
 * offset never comes from anywhere but this packet (CVE-2019-5597 came from another fragment's). An inner packet goes
 * through the same steps, allowed to end early.
 * Must never: write; read at or behind data + len; keep anything from one packet to the next.
 */
#include "worker/xlat/bytes.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/icmpmap.h"
#include "worker/xlat/offload.h"
#include "worker/xlat/parse.h"

#define MAX_EXTENSIONS 8		/* headers, and all their bytes together */
#define MAX_EXTENSION_BYTES 256
#define MAX_MESSAGE (65535 - PKT_IP4_HEADER)	/* bytes that either family can put together again */

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60 };
enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_LSRR = 131, OPTION_SSRR = 137 };

static bool
is_extension(uint8_t next)
{
	return next == HOP_BY_HOP || next == ROUTING || next == FRAGMENT || next == DESTINATION;
}

/*
 * Step over the IPv6 extension headers. *next is the first header's number, afterwards the transport's; p->l4 is where
 * it starts. have is how many bytes of the packet there are.
 */
static enum nat64_verdict
extensions(struct pkt *p, uint8_t *next, uint32_t have)
{
	bool seen_fragment = false;

	for (unsigned n = 0;; n++) {
		const uint8_t *h = p->data + p->l4;
		uint32_t size;

		if (!is_extension(*next))
			return NAT64_translated;
		if (p->l4 + 8 > have)
			return NAT64_truncated;
		size = *next == FRAGMENT ? 8 : 8 + 8u * h[1];
		if (n == MAX_EXTENSIONS || p->l4 + size > PKT_IP6_HEADER + MAX_EXTENSION_BYTES ||
		    (*next == HOP_BY_HOP && n > 0) || (*next == FRAGMENT && seen_fragment))
			return NAT64_bad_extension;
		if (p->l4 + size > have)
			return NAT64_truncated;
		if (*next == ROUTING && h[3] != 0) {
			p->pointer = (uint16_t)(p->l4 + 3);
			return NAT64_routing_header;
		}
		if (*next == FRAGMENT) {
			seen_fragment = true;
			p->df = false;
			p->id = get32(h + 4);
			p->at = get16(h + 2) & 0xfff8;
			p->more = h[3] & 1;
			p->fragment = p->at || p->more;	/* otherwise atomic (RFC 6946) */
		}
		*next = h[0];
		p->l4 += size;
		if (p->fragment)		/* no further header is looked for (RFC 7915 section 5.1.1) */
			return is_extension(*next) ? NAT64_bad_extension : NAT64_translated;
	}
}

static enum nat64_verdict
ip6_header(struct pkt *p, uint32_t have, bool inner, uint8_t *proto)
{
	const uint8_t *h = p->data;

	if (have < PKT_IP6_HEADER)
		return NAT64_truncated;
	p->from = NAT64_FROM_IP6;
	p->tos = (uint8_t)(h[0] << 4 | h[1] >> 4);
	p->ttl = h[7];
	p->df = true;
	p->len = PKT_IP6_HEADER + get16(h + 4);
	p->l4 = PKT_IP6_HEADER;
	memcpy(p->src.ip6.b, h + 8, 16);
	memcpy(p->dst.ip6.b, h + 24, 16);
	if (p->len > have && !inner)
		return NAT64_bad_length;
	if (p->len == PKT_IP6_HEADER)
		return NAT64_bad_length;	/* no transport header, or a jumbogram */
	*proto = h[6];
	return extensions(p, proto, p->len < have ? p->len : have);
}

/* Refuse a source route that has addresses left (RFC 7915 section 4.1); other options do not matter. */
static enum nat64_verdict
ip4_options(const uint8_t *h, uint32_t end)
{
	uint32_t at = PKT_IP4_HEADER, step;

	for (; at < end && h[at] != OPTION_END; at += step) {
		step = 1;
		if (h[at] == OPTION_NOP)
			continue;
		if (end - at < 2 || h[at + 1] < 2 || h[at + 1] > end - at)
			return NAT64_bad_length;
		step = h[at + 1];
		if ((h[at] == OPTION_LSRR || h[at] == OPTION_SSRR) && step >= 3 && h[at + 2] <= step)
			return NAT64_source_route;
	}
	return NAT64_translated;
}

static enum nat64_verdict
ip4_header(struct pkt *p, uint32_t have, bool inner, uint8_t *proto)
{
	const uint8_t *h = p->data;

	if (have < PKT_IP4_HEADER)
		return NAT64_truncated;
	p->from = NAT64_FROM_IP4;
	p->l4 = (h[0] & 0x0fu) * 4;
	p->tos = h[1];
	p->len = get16(h + 2);
	p->id = get16(h + 4);
	p->df = h[6] & 0x40;
	p->ttl = h[8];
	p->src.ip4 = get32(h + 12);
	p->dst.ip4 = get32(h + 16);
	if (p->l4 < PKT_IP4_HEADER || p->len < p->l4 || (p->len > have && !inner))
		return NAT64_bad_length;
	if (p->l4 > have)
		return NAT64_truncated;
	if (csum_fold(csum_add(0, h, p->l4)) != 0xffff)
		return NAT64_bad_checksum;
	p->at = (uint16_t)(get16(h + 6) << 3);
	p->more = h[6] & 0x20;
	p->fragment = p->at || p->more;
	*proto = h[9];
	return inner ? NAT64_translated : ip4_options(h, p->l4);
}

static bool
is_error(const struct pkt *p)
{
	if (p->from == NAT64_FROM_IP6)
		return p->icmp_type < 128;
	return p->icmp_type == 3 || p->icmp_type == 4 || p->icmp_type == 5 || p->icmp_type == 11 ||
	       p->icmp_type == 12;
}

static bool
is_echo(const struct pkt *p)
{
	if (p->from == NAT64_FROM_IP6)
		return p->icmp_type == 128 || p->icmp_type == 129;
	return p->icmp_type == 8 || p->icmp_type == 0;
}

/* An error's checksum is checked before its inside is rewritten (RFC 5508 REQ-3); a query's is only updated. */
static enum nat64_verdict
icmp_checksum(const struct pkt *p)
{
	uint64_t sum = csum_add(0, p->data + p->l4, p->len - p->l4);

	if (p->from == NAT64_FROM_IP6) {
		sum = csum_add(sum, p->data + 8, 32);
		sum += csum_word(p->len - p->l4) + csum_word(PKT_PROTO_ICMP6);
	}
	return csum_fold(sum) == 0xffff ? NAT64_translated : NAT64_bad_checksum;
}

/* How long an error's quotation is by its length attribute, if something stands behind it; otherwise 0 (RFC 4884). */
static uint16_t
quoted(const struct pkt *p, const uint8_t *h)
{
	unsigned attribute = p->from == NAT64_FROM_IP6 ? h[4] : h[5];
	unsigned size = attribute * icmpmap_length_unit(p->icmp_type, p->from);

	if (size < ICMPMAP_QUOTED_LEAST || p->l4 + PKT_ICMP_HEADER + size >= p->len)
		return 0;
	return (uint16_t)size;
}

/* No transport header: a first fragment must have it whole (RFC 6146 section 3.4), and an inner packet its beginning. */
static enum nat64_verdict
cut_short(const struct pkt *p)
{
	return p->fragment ? NAT64_tiny_fragment : NAT64_truncated;
}

static enum nat64_verdict
icmp(struct pkt *p, uint32_t have, bool inner)
{
	const uint8_t *h = p->data + p->l4;

	p->proto = NAT64_ICMP;
	if (p->at)
		return NAT64_translated;
	if (p->l4 + PKT_ICMP_HEADER > have)
		return cut_short(p);
	p->icmp_type = h[0];
	p->icmp_code = h[1];
	p->has_check = true;
	p->icmp_error = is_error(p);
	if (p->icmp_error && (inner || p->fragment))
		return NAT64_icmp_inner;
	if (p->icmp_error) {
		p->quoted = quoted(p, h);
		return icmp_checksum(p);
	}
	if (!is_echo(p) || p->icmp_code != 0)
		return NAT64_icmp_type;
	p->src.port = p->dst.port = get16(h + 4);
	return NAT64_translated;
}

static enum nat64_verdict
tcp(struct pkt *p, uint32_t have, bool inner)
{
	const uint8_t *h = p->data + p->l4;

	p->proto = NAT64_TCP;
	if (p->at)		/* inside the first 20 bytes it could change what a filter has seen (RFC 3128) */
		return p->at < 20 ? NAT64_tiny_fragment : NAT64_translated;
	if (p->l4 + (inner ? 8 : 20) > have)
		return cut_short(p);
	p->src.port = get16(h);
	p->dst.port = get16(h + 2);
	p->has_check = p->l4 + 18 <= have;
	if (inner)
		return NAT64_translated;
	if ((h[12] >> 4) < 5)
		return NAT64_bad_length;
	if (p->l4 + (h[12] >> 4) * 4u > have)
		return p->fragment ? NAT64_tiny_fragment : NAT64_bad_length;
	p->tcp_flags = h[13];
	return NAT64_translated;
}

static enum nat64_verdict
udp(struct pkt *p, uint32_t have, bool inner)
{
	const uint8_t *h = p->data + p->l4;

	p->proto = NAT64_UDP;
	if (p->at)
		return NAT64_translated;
	if (p->l4 + 8 > have)
		return cut_short(p);
	p->src.port = get16(h);
	p->dst.port = get16(h + 2);
	p->has_check = true;
	if (inner)
		return NAT64_translated;
	if (get16(h + 4) < 8 || (get16(h + 4) > have - p->l4 && !p->fragment))
		return NAT64_bad_length;
	if (p->from == NAT64_FROM_IP6 && get16(h + 6) == 0 && !p->partial)
		return NAT64_udp_zero_checksum;	/* not allowed over IPv6 (RFC 8200 section 8.1) */
	return NAT64_translated;
}

static enum nat64_verdict
transport(struct pkt *p, uint8_t proto, uint32_t have, bool inner)
{
	bool ip6 = p->from == NAT64_FROM_IP6;

	if (p->len < have)
		have = p->len;
	p->whole = p->fragment ? 0 : p->len - p->l4;
	switch (proto) {
	case PKT_PROTO_TCP:
		return tcp(p, have, inner);
	case PKT_PROTO_UDP:
		return udp(p, have, inner);
	case PKT_PROTO_ICMP:
		return ip6 ? NAT64_wrong_family : icmp(p, have, inner);
	case PKT_PROTO_ICMP6:
		return ip6 ? icmp(p, have, inner) : NAT64_wrong_family;
	case HOP_BY_HOP:
	case ROUTING:
	case FRAGMENT:
	case DESTINATION:
		return NAT64_wrong_family;	/* only IPv4 comes here with one of these */
	default:
		return NAT64_protocol_unsupported;
	}
}

/* Can there be a packet that this is a part of? */
static bool
possible(const struct pkt *p)
{
	uint32_t size = p->len - p->l4;

	return !p->fragment || (size > 0 && !(p->more && size % 8) && p->at + size <= MAX_MESSAGE);
}

enum nat64_verdict
parse_packet(struct pkt *p, uint8_t *data, uint32_t len, const struct layout_offload *o)
{
	enum nat64_verdict v;
	uint8_t proto = 0;

	*p = (struct pkt) { .data = data, .len = len, .from = NAT64_FROM_IP4, .partial = o->flags & LAYOUT_PARTIAL };
	if (len < 1)
		return NAT64_truncated;
	if (data[0] >> 4 == 6)
		v = ip6_header(p, len, false, &proto);
	else if (data[0] >> 4 == 4)
		v = ip4_header(p, len, false, &proto);
	else
		return NAT64_bad_version;
	if (v == NAT64_translated && !possible(p))
		v = NAT64_bad_fragment;
	if (v == NAT64_translated)
		v = transport(p, proto, len, false);
	if (v == NAT64_translated)
		return offload_check(p, o);
	p->partial = false;
	return v;
}

enum nat64_verdict
parse_inner(struct pkt *p, const struct pkt *outer)
{
	uint32_t at = outer->l4 + PKT_ICMP_HEADER, have = outer->quoted ? outer->quoted : outer->len - at;
	enum nat64_verdict v;
	uint8_t proto = 0;

	*p = (struct pkt) { .data = outer->data + at };
	if (have < 1 || p->data[0] >> 4 != (outer->from == NAT64_FROM_IP6 ? 6 : 4))
		return NAT64_icmp_inner;
	v = outer->from == NAT64_FROM_IP6 ? ip6_header(p, have, true, &proto) : ip4_header(p, have, true, &proto);
	if (v == NAT64_translated && p->at == 0)	/* who sent a later fragment cannot be told (RFC 6146 section 3.4) */
		v = transport(p, proto, have, true);
	return v == NAT64_translated && p->at == 0 ? v : NAT64_icmp_inner;
}
