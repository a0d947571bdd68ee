/*
 * offload.h - a packet that stands for several, and a checksum that is left to do (struct layout_offload)
 */
#ifndef XLAT_OFFLOAD_H
#define XLAT_OFFLOAD_H

#include "shm/layout.h"
#include "worker/xlat/pkt.h"

/*
 * Does what the device says of a packet fit what parse found in it? Only TCP and UDP, not in fragments, may stand for several
 * or have a partial checksum. Sets p->partial, p->segment and p->header. Returns NAT64_translated or NAT64_bad_offload.
 */
enum nat64_verdict offload_check(struct pkt *p, const struct layout_offload *o);

/* What to tell the device of p, once it is a packet of the other family whose transport header has the offset l4. */
struct layout_offload offload_emit(const struct pkt *p, uint32_t l4);

/*
 * Make of p, in place, what would have been on the wire: the first of the packets that it stands for, with all of its
 * checksum. Writes no further from the packet's start than its transport header.
 */
void offload_settle(struct pkt *p);

/* Bytes behind the IP header of each of the packets that p stands for; the last may have fewer. */
static inline uint32_t
offload_payload(const struct pkt *p)
{
	return p->segment ? p->header + p->segment : p->len - p->l4;
}

/* How many packets p stands for. */
static inline uint32_t
offload_packets(const struct pkt *p)
{
	return p->segment ? (p->len - p->l4 - p->header + p->segment - 1) / p->segment : 1;
}

#endif
