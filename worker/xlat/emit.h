/*
 * emit.h - struct pkt to the bytes of the other family (RFC 7915)
 */
#ifndef XLAT_EMIT_H
#define XLAT_EMIT_H

#include "worker/xlat/nat64.h"
#include "worker/xlat/pkt.h"

/*
 * May p leave on the other side: hop limit, UDP checksum, MTU? NAT64_translated, hop_limit, udp_zero_checksum or too_big.
 * With too_big, *mtu is what the sender is to be told. Sets p->cut when it may leave, but not in one piece
 * (RFC 7915 sections 4.1 and 5.1.1). TCP segments that stand together are divided anew instead.
 */
enum nat64_verdict emit_check(const struct nat64 *n, struct pkt *p, uint32_t *mtu);

/*
 * Rewrite a TCP, UDP or echo packet, or a fragment of one, in place as one of the other family from src to dst. The
 * payload does not move; the new header may begin up to LAYOUT_HEADROOM bytes before the old one. Sets out->data,
 * out->len and out->cut, and out->meta: its kin for who reads a fragment next, and its offload.
 */
void emit_packet(struct nat64 *n, const struct pkt *p, const struct pkt_end *src, const struct pkt_end *dst,
		 struct nat64_packet *out);

/* The four ends of an ICMP error: the outer packet's, then those of the packet inside. Ports of the outer do not count. */
struct emit_ends {
	struct pkt_end src, dst, inner_src, inner_dst;
	const uint8_t *saved;		/* from here on, nothing of the packet may be written (LAYOUT_SAVED) */
};

/*
 * The same for an ICMP error and the packet `inner` inside it; its checksum is computed anew. An extension structure stays,
 * behind a quotation that is padded as the other family wants it, or goes as a whole when there is no room for it or the
 * type has none (RFC 4884, RFC 7915 sections 4.2 and 5.2). Returns NAT64_translated, or NAT64_icmp_type with nothing changed
 * when it has no translation.
 */
enum nat64_verdict emit_error(struct nat64 *n, const struct pkt *p, const struct pkt *inner,
			      const struct emit_ends *ends, struct nat64_packet *out);

/* What emit writes an IP header from. Also used for the gateway's own ICMP errors. */
struct emit_header {
	const struct pkt_end *src, *dst;
	uint32_t payload;		/* bytes behind the header */
	uint8_t tos, ttl, proto;	/* IP protocol number */
	bool df;			/* IPv4 only */
	bool fragment;			/* IPv6 only: with a fragment header */
	bool more;
	uint16_t at;
	uint32_t id;
};
/* Write a header of family `to`, 40, 48 or 20 bytes, ending before `end`. Returns where it begins. */
uint8_t *emit_header(uint8_t *end, enum nat64_side to, const struct emit_header *h);

/*
 * The first of so many IPv4 identifications in a row, not 0, for packets that may be fragmented on their way: others than those
 * before them between these two in this protocol, also from other workers (RFC 6864 section 4.3).
 */
uint16_t emit_id(struct nat64 *n, uint32_t src, uint32_t dst, uint8_t proto, uint32_t packets);

/* Compute the checksum of the ICMP message of len bytes at icmp, behind a header of family `to` that begins at ip. */
void emit_icmp_checksum(uint8_t *ip, enum nat64_side to, uint8_t *icmp, uint32_t len);

#endif
