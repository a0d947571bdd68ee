/*
 * frag.h - a fragment meets those of its packet
 */
#ifndef XLAT_FRAG_H
#define XLAT_FRAG_H

#include "worker/xlat/nat64.h"
#include "worker/xlat/pkt.h"

/*
 * p is a fragment of a packet between two that may talk; `brought` is what it brought along. Returns
 *     NAT64_translated       p->src.port, p->dst.port and, if it matters, p->whole are those of the packet; go on
 *     NAT64_handed_over      its kin meet at worker *owner
 *     NAT64_kept             it waits; nat64_due() gives it back when it may go on, or when its time is over
 *     or why it is dropped   (RFC 6146 section 3.4, RFC 5722)
 */
enum nat64_verdict frag_meet(struct nat64 *n, struct pkt *p, const struct layout_kin *brought, uint32_t now, uint8_t *owner);

#endif
