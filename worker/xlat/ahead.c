/*
 * ahead.c - fetch what the next packets will need
 *
 * A look-up among millions of bindings waits for memory four times: for the index, the record with its timer, the index of
 * sessions, the session. None of these can begin before the one before it has ended; but those of other packets can. So each
 * step is begun for all packets of a batch, then the next step. What was hashed on the way is kept as a hint.
 *
 * Only the usual packet is looked at: TCP, UDP or an echo right behind a plain header. Every other one is translated as if
 * nobody had looked ahead, and so is one whose bytes are others when it is its turn.
 * Must never: decide anything; write anything but hints; follow a number that was not compared with the layout.
 */
#include "shm/hash.h"
#include "shm/index.h"
#include "shm/pool.h"
#include "shm/session.h"
#include "shm/subscriber.h"
#include "worker/xlat/bytes.h"
#include "worker/xlat/flow.h"
#include "worker/xlat/policy.h"

/* What is known of a packet so far. */
struct sight {
	const struct shard *s;		/* NULL: there is nothing more to fetch */
	int64_t slot;			/* of its binding, or -1 */
	uint64_t session;		/* the hash of its session, or 0 */
	uint64_t subscriber;		/* of one who is to get a binding: the hash of him, or 0 */
	uint32_t address;		/* and the pool address he usually gets */
	bool opens;
	uint32_t remote4;
	uint16_t remote_port;
};

static const struct shard *
own_shard(const struct nat64 *n, unsigned shard)
{
	return atomic_load_8(&n->owners->worker[shard]) == n->worker ? &n->shard[shard] : NULL;
}

/* The ports of the transport header of a query; own: the one of the subscriber's end. Returns false when it has none. */
static bool
ports(const uint8_t *l4, uint8_t protocol, bool from_ip6, struct nat64_hint *hint, struct sight *at)
{
	hint->port = get16(l4 + (from_ip6 ? 0 : 2));
	at->remote_port = get16(l4 + (from_ip6 ? 2 : 0));
	hint->proto = protocol == PKT_PROTO_TCP ? NAT64_TCP : NAT64_UDP;
	at->opens = protocol != PKT_PROTO_TCP;
	if (protocol == PKT_PROTO_TCP || protocol == PKT_PROTO_UDP)
		return true;
	hint->port = get16(l4 + 4);
	at->remote_port = 0;
	hint->proto = NAT64_ICMP;
	return from_ip6 ? protocol == PKT_PROTO_ICMP6 && (l4[0] == 128 || l4[0] == 129) :
			  protocol == PKT_PROTO_ICMP && (l4[0] == 0 || l4[0] == 8);
}

static void
fetch_record(const struct sight *at)
{
	__builtin_prefetch(&at->s->records[at->slot], 1);
	__builtin_prefetch(&at->s->expires[at->slot], 1);
}

static void
look6(const struct nat64 *n, const uint8_t *data, uint32_t len, struct nat64_hint *hint, struct sight *at)
{
	struct ip6 remote;
	uint8_t via;

	if (len < PKT_IP6_HEADER + 8 || !ports(data + PKT_IP6_HEADER, data[6], true, hint, at))
		return;
	memcpy(hint->ip6.b, data + 8, 16);
	memcpy(remote.b, data + 24, 16);
	hint->shard = (uint8_t)policy_shard(n, &hint->ip6);
	at->s = own_shard(n, hint->shard);
	if (!at->s || !policy_embedded(n, &remote, &at->remote4, &via)) {
		at->s = NULL;
		return;
	}
	hint->hash = record_hash(n->secret->index_key, &(struct record_key) { hint->ip6, hint->port, hint->proto });
	index_prefetch(at->s->index, at->s->l->index_buckets, hint->hash);
}

static void
look4(const struct nat64 *n, const uint8_t *data, uint32_t len, struct nat64_hint *hint, struct sight *at)
{
	uint32_t address;
	struct pool_place place;

	if (len < PKT_IP4_HEADER + 8 || data[0] != 0x45 || (data[6] & 0x3f) || data[7] ||
	    !ports(data + PKT_IP4_HEADER, data[9], false, hint, at))
		return;
	address = pool_address(n->header, get32(data + 16));
	if (address == POOL_NONE)
		return;
	place = pool_place(&n->layout, n->secret, address, hint->proto, hint->port);
	at->s = own_shard(n, place.shard);
	if (!at->s)
		return;
	at->remote4 = get32(data + 12);
	at->slot = place.slot;
	fetch_record(at);
}

/* There is no binding yet: fetch what making one looks at. */
static void
fetch_pool(const struct nat64 *n, const struct nat64_hint *hint, struct sight *at)
{
	at->subscriber = subscriber_prefetch(at->s, n->secret->index_key, &hint->ip6);
	at->address = flow_usual_address(n, &hint->ip6);
	pool_prefetch(at->s, at->address, hint->proto, n->secret);
}

/* And the record that will be his, if nobody comes first. */
static void
fetch_port(const struct nat64 *n, const struct nat64_hint *hint, struct sight *at, uint8_t draws[LAYOUT_MAX_SHARDS])
{
	subscriber_fetch(at->s, at->subscriber);
	at->slot = pool_guess(at->s, at->address, hint->proto, n->secret, hint->port, draws[at->s->number]++);
	if (at->slot < at->s->l->slots)
		fetch_record(at);
}

void
nat64_look_ahead(const struct nat64 *n, const uint8_t *const data[], const uint32_t len[], struct nat64_hint hint[],
		 unsigned count)
{
	uint8_t draws[LAYOUT_MAX_SHARDS] = { 0 };
	struct sight at[NAT64_AHEAD];

	if (count > NAT64_AHEAD)
		count = NAT64_AHEAD;
	for (unsigned i = 0; i < count; i++) {
		at[i] = (struct sight) { .slot = -1 };
		hint[i].hash = 0;
		if (len[i] > 0 && data[i][0] >> 4 == 6)
			look6(n, data[i], len[i], &hint[i], &at[i]);
		else if (len[i] > 0)
			look4(n, data[i], len[i], &hint[i], &at[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		if (!at[i].s || at[i].slot >= 0)
			continue;
		at[i].slot = record_guess(at[i].s, hint[i].hash);
		if (at[i].slot >= 0)
			fetch_record(&at[i]);
		else if (at[i].opens)
			fetch_pool(n, &hint[i], &at[i]);
	}
	for (unsigned i = 0; i < count; i++)
		if (at[i].s && at[i].subscriber)
			fetch_port(n, &hint[i], &at[i], draws);
		else if (at[i].s && at[i].slot >= 0)
			at[i].session = session_prefetch(at[i].s, n->secret->index_key, (uint32_t)at[i].slot, at[i].remote4,
							 at[i].remote_port);
	for (unsigned i = 0; i < count; i++)
		if (at[i].s && at[i].session)
			session_fetch(at[i].s, at[i].session);
}
