/*
 * parse.h - bytes to struct pkt
 */
#ifndef XLAT_PARSE_H
#define XLAT_PARSE_H

#include "shm/layout.h"
#include "worker/xlat/pkt.h"

/*
 * Parse len bytes at data, a packet of either family. Returns NAT64_translated when *p is complete, otherwise why not
 * (RFC 7915 sections 4.1 and 5.1). After protocol_unsupported, routing_header and source_route, *p is good enough to
 * reply to: data, len, from, src and dst are set. Nothing is written to data, and nothing beyond len is read. o is what the
 * device says of the packet.
 */
enum nat64_verdict parse_packet(struct pkt *p, uint8_t *data, uint32_t len, const struct layout_offload *o);

/*
 * Parse the packet inside the ICMP error `outer` (RFC 7915 sections 4.3 and 5.3). It may end early, but not before
 * the first eight octets of its transport header. It is of outer's family, and no ICMP error. Its src.port and
 * dst.port are those on the wire; an echo's identifier is in both. Returns NAT64_translated or NAT64_icmp_inner.
 */
enum nat64_verdict parse_inner(struct pkt *p, const struct pkt *outer);

#endif
