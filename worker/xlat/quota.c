/*
 * quota.c - limits per subscriber, and who gets the last of what all share
 *
 * A quota is a number of the configuration against a count of the shard, which is exact. The fair share is what there is,
 * divided by the subscribers that have a binding and one more, who may come. As long as there is plenty anybody may have more
 * than that; a reserve is for those who have less: 32 for each subscriber, but a tenth at least and half at most.
 * A subscriber's bindings are counted for all protocols together; its share is of the ports of one protocol, those that rest
 * included, for they are what runs short.
 * So those that take what they can leave the reserve to the others, be they there already or not.
 * Must never: end anything that stands (RFC 6888 REQ-11 d); cost more the more subscribers or addresses there are.
 */
#include "shm/session.h"
#include "shm/subscriber.h"
#include "worker/xlat/quota.h"

#define EACH 32				/* of the reserve, for each subscriber */

/* The subscribers to share with: those that have a binding, and one who may come. */
static uint32_t
heads(const struct shard *s)
{
	return s->head->subscribers < SUBSCRIBER_COUNT ? s->head->subscribers + 1 : SUBSCRIBER_COUNT;
}

/* What falls to each, of so many. */
static uint32_t
fair_share(const struct shard *s, uint32_t all)
{
	return all > heads(s) ? all / heads(s) : 1;
}

/* What is kept for those below their fair share, of so many. */
static uint32_t
reserve(const struct shard *s, uint32_t all)
{
	uint32_t want = EACH * heads(s);

	return want < all / 10 ? all / 10 : want > all / 2 ? all / 2 : want;
}

enum nat64_verdict
quota_session(const struct nat64 *n, const struct shard *s, uint32_t subscriber, enum nat64_side from)
{
	uint32_t limit = n->config->max_sessions_per_subscriber, all = s->l->g.shard_sessions;
	uint32_t has = subscriber_sessions(subscriber_state(s, subscriber)), left = session_left(s);

	if (from == NAT64_FROM_IP4)
		limit -= limit / 4;
	if (limit && has >= limit)
		return NAT64_sessions_quota;
	if (n->config->fair_share && left > 0 && left < reserve(s, all) && has >= fair_share(s, all))
		return NAT64_sessions_share;
	return NAT64_translated;
}

enum nat64_verdict
quota_binding(const struct nat64 *n, const struct shard *s, uint32_t subscriber, uint32_t now)
{
	uint32_t limit = n->config->max_bindings_per_subscriber, rate = n->config->new_bindings_per_second;

	if (limit && subscriber_bindings(subscriber_state(s, subscriber)) >= limit)
		return NAT64_bindings_quota;
	if (rate && subscriber_made(s, subscriber, now) >= rate)
		return NAT64_bindings_rate;
	return quota_session(n, s, subscriber, NAT64_FROM_IP6);
}

bool
quota_modest(const struct shard *s, uint32_t subscriber, enum nat64_proto proto)
{
	return subscriber_bindings(subscriber_state(s, subscriber)) < fair_share(s, s->head->ports[proto]);
}

bool
quota_scarce(const struct shard *s, const struct shard_pool *pool, enum nat64_proto proto)
{
	uint32_t all = s->head->ports[proto];

	return (uint64_t)pool->free * all < (uint64_t)pool->total * reserve(s, all);
}
