/*
 * flow.h - RFC 6146 section 3.5: bindings and sessions for one packet
 */
#ifndef XLAT_FLOW_H
#define XLAT_FLOW_H

#include "worker/xlat/nat64.h"
#include "worker/xlat/pkt.h"

#define FLOW_NO_SLOT (-1)

/* Who talks to whom, and which binding that is. The same for both directions. */
struct flow {
	struct pkt_end own;		/* from ip6: the IPv6 host (X', x). From ip4: the pool address and port (T, t) */
	uint32_t remote4;		/* the IPv4 host */
	uint16_t remote_port;		/* 0 for ICMP */
	uint8_t from;			/* enum nat64_side */
	uint8_t proto;			/* enum nat64_proto */
	uint8_t via;			/* number of the prefix: as used by the IPv6 host; found by flow_bind or flow_known */
	uint8_t owner;			/* with handed_over: the worker */
	unsigned shard;
	const struct nat64_hint *hint;	/* or NULL */
	int64_t slot;			/* of the binding, or FLOW_NO_SLOT */
};

/* The number of the pool address that a host's subscriber usually gets (RFC 6888 REQ-2). */
uint32_t flow_usual_address(const struct nat64 *n, const struct ip6 *host);

/*
 * Find the shard and the binding. Returns NAT64_translated (slot may be FLOW_NO_SLOT), NAT64_handed_over when another
 * worker owns the shard, or NAT64_not_in_pool.
 */
enum nat64_verdict flow_locate(const struct nat64 *n, struct flow *f);

/*
 * Find or make binding and session for a packet, move its TCP state, set its timer (RFC 6146 sections 3.5.1 to 3.5.3).
 * Returns NAT64_translated with f->slot and f->via set, or why not; then nothing has changed.
 */
enum nat64_verdict flow_bind(struct nat64 *n, struct flow *f, const struct pkt *p, uint32_t now);

/*
 * The same for a later fragment, which never makes, refreshes or ends anything: is there a binding, and a session unless the
 * first fragment went without one, too? Returns NAT64_translated with f->via set, or why not.
 */
enum nat64_verdict flow_follow(const struct nat64 *n, struct flow *f);

/* Is there a session? For ICMP errors, which never create, refresh or end one. Sets f->via when the source is ip4. */
bool flow_known(const struct nat64 *n, struct flow *f);

/*
 * The two ends as they are on the other side; needs f->slot. subscriber is X' or T, remote the IPv4 host, which has an
 * IPv6 address only when the packet goes to the IPv6 side.
 */
void flow_ends(const struct nat64 *n, const struct flow *f, struct pkt_end *subscriber, struct pkt_end *remote);

#endif
