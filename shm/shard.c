/*
 * shard.c - the redo log of one entry
 *
 * apply() is the only code that changes more than a timer in a shard. The owner runs it right after its commit, the
 * successor of a dead owner runs it again; so what recovery does is what happens a million times a second anyway.
 * Each effect is an absolute store, or sets a bit to a given value: doing it twice is doing it once.
 * Must never: read a field of the intent after effects was cleared, or compute an effect from what it overwrites.
 */
#include "shm/session.h"
#include "shm/subscriber.h"

void
shard_view(struct shard *s, void *region, const struct layout *l, unsigned number)
{
	void *base = layout_at(region, layout_shard(l, number));

	*s = (struct shard) {
		.l = l,
		.base = base,
		.number = number,
		.head = base,
		.expires = layout_at(base, l->expires),
		.index = layout_at(base, l->index),
		.session_index = layout_at(base, l->session_index),
		.session_free = layout_at(base, l->session_free),
		.session_summary = layout_at(base, l->session_summary),
		.sessions = layout_at(base, l->sessions),
		.subscriber_index = layout_at(base, l->subscriber_index),
		.subscriber_free = layout_at(base, l->subscriber_free),
		.subscriber_summary = layout_at(base, l->subscriber_summary),
		.subscribers = layout_at(base, l->subscribers),
		.records = layout_at(base, l->records),
	};
}

uint64_t
shard_total(const struct shard *s, enum shard_total total, enum nat64_proto proto)
{
	return atomic_load_64(&s->head->total[total * NAT64_N_PROTOS + proto]);
}

uint64_t
shard_alive(const struct shard *s, enum shard_total created, enum nat64_proto proto)
{
	uint64_t ended = shard_total(s, created + 1, proto);	/* first: what ends meanwhile cannot make it negative */
	uint64_t begun = shard_total(s, created, proto);

	return begun > ended ? begun - ended : 0;
}

uint32_t
shard_place(const uint64_t *free, const uint64_t *summary, uint32_t n)
{
	for (uint32_t i = 0; i < (n + 4095) / 4096; i++) {
		uint32_t word, place;

		if (summary[i] == 0)
			continue;
		word = i * 64 + (unsigned)__builtin_ctzll(summary[i]);
		if (word >= (n + 63) / 64 || free[word] == 0)
			return SHARD_NO_PLACE;
		place = word * 64 + (unsigned)__builtin_ctzll(free[word]);
		return place < n ? place : SHARD_NO_PLACE;
	}
	return SHARD_NO_PLACE;
}

static void
set_bit(uint64_t *word, uint32_t number, uint32_t value)
{
	uint64_t bit = UINT64_C(1) << number % 64, old = word[number / 64];

	atomic_store_64(&word[number / 64], value ? old | bit : old & ~bit);
}

static void
apply_pool(struct shard *s, const struct shard_intent *in)
{
	uint32_t ports = s->l->ports_per_shard, area = in->slot / ports, port = in->slot % ports;
	struct shard_pool *pool = shard_pool(s, area / NAT64_N_PROTOS, area % NAT64_N_PROTOS);

	set_bit(pool->word, port, in->pool_bit);
	pool->group_free[port / 64 / SHARD_GROUP_WORDS] = (uint16_t)in->pool_group;
	atomic_store_32(&pool->free, in->pool_free);
	atomic_store_32(&pool->held, in->pool_held);
}

static void
apply_session(struct shard *s, const struct shard_intent *in)
{
	uint32_t word = in->session / 64;

	atomic_store_64(&s->sessions[in->session].key, in->session_key);
	set_bit(s->session_free, in->session, in->session_bit);
	set_bit(s->session_summary, word, s->session_free[word] != 0);
}

static void
apply_subscriber(struct shard *s, const struct shard_intent *in)
{
	uint32_t word = in->subscriber / 64;

	atomic_store_64(&s->subscribers[in->subscriber].state, in->subscriber_state);
	set_bit(s->subscriber_free, in->subscriber, subscriber_bindings(in->subscriber_state) == 0);
	set_bit(s->subscriber_summary, word, s->subscriber_free[word] != 0);
	atomic_store_32(&s->head->subscribers, in->subscribers);
}

static void
apply(struct shard *s, const struct shard_intent *in, uint32_t effects)
{
	if (effects & SHARD_RECORD) {
		struct record *r = &s->records[in->slot];

		atomic_store_32(&s->expires[in->slot], in->expires);
		atomic_store_32(&r->sessions, in->record_sessions);
		atomic_store_8(&r->flags, (uint8_t)in->record_flags);
		atomic_store_64(&r->state, in->record_state);
	}
	if (effects & SHARD_INDEX)
		atomic_store_32(&s->index[in->index_cell], in->index_value);
	if (effects & SHARD_POOL)
		apply_pool(s, in);
	if (effects & SHARD_SESSION)
		apply_session(s, in);
	if (effects & SHARD_PEER) {
		atomic_store_32(&s->sessions[in->session].peer, in->peer + 1);
		atomic_store_32(&s->sessions[in->peer].peer, in->peer_count);
	}
	if (effects & SHARD_SESSION_INDEX)
		atomic_store_32(&s->session_index[in->session_cell], in->session_value);
	if (effects & SHARD_SUBSCRIBER)
		apply_subscriber(s, in);
	if (effects & SHARD_SUBSCRIBER_INDEX)
		atomic_store_32(&s->subscriber_index[in->subscriber_cell], in->subscriber_value);
	if (effects & SHARD_BINDING_TOTAL)
		atomic_store_64(&s->head->total[in->binding_total], in->binding_value);
	if (effects & SHARD_SESSION_TOTAL)
		atomic_store_64(&s->head->total[in->session_total], in->session_total_value);
}

void
shard_commit_owner(struct shard *s, const struct shard_intent *after)
{
	struct shard_intent *in = &s->head->intent;
	uint32_t effects = after->effects;

	/* Everything behind the word `effects`, which stays 0 until the rest is there. */
	memcpy(&in->slot, &after->slot, sizeof(*in) - offsetof(struct shard_intent, slot));
	atomic_store_32(&in->effects, effects);		/* the commit; pairs with the load in shard_recover_owner */
	apply(s, in, effects);
	atomic_store_32(&in->effects, 0);
}

/* Could this have been written by shard_commit_owner? The intent of a hostile owner may hold anything. */
static bool
plausible(const struct shard *s, const struct shard_intent *in)
{
	const struct layout *l = s->l;

	return in->slot < l->slots && in->session < l->g.shard_sessions && in->peer < l->g.shard_sessions &&
	       in->index_cell < l->index_buckets * 16 && in->session_cell < l->session_buckets * 16 &&
	       in->subscriber < l->shard_subscribers && in->subscriber_cell < l->subscriber_buckets * 16 &&
	       in->binding_total < SHARD_N_TOTALS * NAT64_N_PROTOS &&
	       in->session_total < SHARD_N_TOTALS * NAT64_N_PROTOS &&
	       (!(in->effects & SHARD_POOL) || in->slot < l->pool_slots);
}

bool
shard_recover_owner(struct shard *s)
{
	struct shard_intent *in = &s->head->intent;
	uint32_t effects = atomic_load_32(&in->effects);

	if (effects == 0)
		return false;
	if (plausible(s, in))
		apply(s, in, effects);
	atomic_store_32(&in->effects, 0);
	return true;
}
