/*
 * quota.h - may this subscriber have one more? (RFC 6888 REQ-4, REQ-5 and REQ-11, RFC 6146 section 5.3)
 *
 * A subscriber is a number of shm/subscriber.h; SUBSCRIBER_NONE is one without a binding, whom no quota refuses. All of it
 * concerns what is new: what stands is never ended for it.
 */
#ifndef XLAT_QUOTA_H
#define XLAT_QUOTA_H

#include "worker/xlat/nat64.h"

/*
 * One more session, asked for by a packet from this side: NAT64_translated, sessions_quota or sessions_share. Packets
 * from the IPv4 side may use three quarters of the quota, so that nobody out there can take it all.
 */
enum nat64_verdict quota_session(const struct nat64 *n, const struct shard *s, uint32_t subscriber, enum nat64_side from);

/* One more binding, and its session: NAT64_translated, bindings_quota, bindings_rate or what quota_session says. */
enum nat64_verdict quota_binding(const struct nat64 *n, const struct shard *s, uint32_t subscriber, uint32_t now);

/* Has the subscriber less than its fair share of the shard's ports of this protocol? */
bool quota_modest(const struct shard *s, uint32_t subscriber, enum nat64_proto proto);

/* Is so little left of these ports of the shard that they are kept for who has less than his fair share? */
bool quota_scarce(const struct shard *s, const struct shard_pool *pool, enum nat64_proto proto);

#endif
