/*
 * syn.h - a SYN from the IPv4 side that waits for the IPv6 host's own (RFC 6146 section 3.5.2.2, V4 INIT; RFC 5382 REQ-4)
 */
#ifndef XLAT_SYN_H
#define XLAT_SYN_H

#include "worker/xlat/flow.h"

/*
 * p, from the IPv4 side, was refused: its port has no binding, or the binding does not let its source in. Returns
 * NAT64_kept when it is a SYN that now waits for tcp-incoming-syn-timeout; its second verdict is syn_unanswered then, or
 * syn_discarded before. Otherwise `refused`: it is no SYN, one like it waits already, there is no room, or
 * tcp-incoming-syn says drop. Kept it is as it would be on the wire: its checksum is completed in place.
 */
enum nat64_verdict syn_keep_owner(struct nat64 *n, const struct flow *f, struct pkt *p, enum nat64_verdict refused,
				  uint32_t now);

/* f, from the IPv6 side, opens from this pool address and port: does a SYN of its remote end wait for that? It is discarded. */
bool syn_met_owner(struct nat64 *n, const struct flow *f, uint32_t ip4, uint16_t port4);

#endif
