/*
 * record.c - bindings: made, found, ended
 *
 * Each function writes what nobody looks at yet, computes the after-image of everything else, and lets
 * shard_commit_owner make it happen whole or not at all.
 * Must never: change two words of a live record outside a commit; decide by anything but the state word.
 */
#include "shm/hash.h"
#include "shm/index.h"
#include "shm/record.h"
#include "shm/subscriber.h"

static uint64_t
next_state(const struct record *r, enum record_state state)
{
	return ((atomic_load_64(&r->state) >> 8) + 1) << 8 | state;
}

uint64_t
record_hash(const uint8_t key[16], const struct record_key *k)
{
	uint64_t word[3];

	memcpy(word, k->ip6.b, 16);
	word[2] = (uint64_t)k->proto << 16 | k->port6;
	return hash_words(key, word, 3);
}

int64_t
record_find(const struct shard *s, const struct record_key *k, uint64_t hash)
{
	struct index_walk w = index_begin(s->index, s->l->index_buckets, hash);
	int64_t slot;

	while ((slot = index_next(&w)) >= 0) {
		const struct record *r;

		if (slot >= s->l->slots)
			continue;
		r = &s->records[slot];
		if (r->port6 == k->port6 && r->proto == k->proto && addr_ip6_equal(&r->ip6, &k->ip6) &&
		    record_live(s, (uint32_t)slot))
			return slot;
	}
	return -1;
}

int64_t
record_guess(const struct shard *s, uint64_t hash)
{
	return index_guess(s->index, s->l->index_buckets, hash, s->l->slots);
}

static void
total_add(const struct shard *s, struct shard_intent *in, enum shard_total total, unsigned proto)
{
	uint32_t cell = total * NAT64_N_PROTOS + proto;
	uint64_t value = s->head->total[cell] + 1;

	if (total == SHARD_BINDINGS_CREATED || total == SHARD_BINDINGS_ENDED) {
		in->effects |= SHARD_BINDING_TOTAL;
		in->binding_total = cell;
		in->binding_value = value;
	} else {
		in->effects |= SHARD_SESSION_TOTAL;
		in->session_total = cell;
		in->session_total_value = value;
	}
}

/* The pool's after-image when a port becomes free (bit 1) or stops being so, and free and held change. */
static void
pool_change(const struct shard *s, struct shard_intent *in, int free, int held)
{
	uint32_t ports = s->l->ports_per_shard, area = in->slot / ports, port = in->slot % ports;
	const struct shard_pool *pool = shard_pool(s, area / NAT64_N_PROTOS, area % NAT64_N_PROTOS);

	in->effects |= SHARD_POOL;
	in->pool_free = pool->free + (uint32_t)free;
	in->pool_held = pool->held + (uint32_t)held;
	in->pool_group = (uint32_t)(pool->group_free[port / 64 / SHARD_GROUP_WORDS] + free);
	in->pool_bit = pool->word[port / 64] >> port % 64 & 1;
	if (free)
		in->pool_bit = free > 0;
}

/* Fill a free record: everything behind the state word. A reader may still be copying the binding before. */
static void
fill(struct record *r, const struct record_key *k, uint32_t ip4, uint16_t port4, const struct record_first *first,
     uint32_t subscriber, uint32_t now)
{
	const struct record fresh = {
		.ip6 = k->ip6, .port6 = k->port6, .proto = k->proto, .ip4 = ip4, .port4 = port4, .created = now,
		.remote4 = first->remote4, .remote_port = first->remote_port, .via = first->via, .tcp = first->tcp,
		.subscriber = subscriber,
	};

	atomic_write_words(&r->ip6, &fresh.ip6, RECORD_WORDS - 1);
}

int
record_create_owner(struct shard *s, const uint8_t key[16], uint32_t slot, const struct record_key *k, uint32_t ip4,
		    uint16_t port4, const struct record_first *first, uint32_t now)
{
	struct record *r = &s->records[slot];
	uint64_t hash = record_hash(key, k);
	int64_t cell = index_place(s->index, s->l->index_buckets, hash);
	struct shard_intent in = {
		.effects = SHARD_RECORD | SHARD_INDEX,
		.slot = slot,
		.record_state = next_state(r, RECORD_LIVE),
		.record_flags = RECORD_INLINE,
		.record_sessions = 1,
		.expires = first->expires,
		.index_cell = (uint32_t)cell,
		.index_value = index_value(hash, slot),
	};
	uint32_t subscriber = cell < 0 ? SUBSCRIBER_NONE : subscriber_join(s, key, &in, &k->ip6, 1);

	if (subscriber == SUBSCRIBER_NONE)
		return -1;
	fill(r, k, ip4, port4, first, subscriber, now);
	pool_change(s, &in, -1, 0);
	total_add(s, &in, SHARD_BINDINGS_CREATED, k->proto);
	total_add(s, &in, SHARD_SESSIONS_CREATED, k->proto);
	shard_commit_owner(s, &in);
	return 0;
}

int
record_create_static_owner(struct shard *s, const uint8_t key[16], uint32_t slot, const struct record_key *k, uint32_t ip4,
			   uint16_t port4, uint32_t now)
{
	struct record *r = &s->records[slot];
	uint64_t hash = record_hash(key, k);
	uint32_t subscriber;
	int64_t cell;
	struct shard_intent in = {
		.effects = SHARD_RECORD | SHARD_INDEX,
		.slot = slot,
		.record_state = next_state(r, RECORD_LIVE),
		.record_flags = RECORD_STATIC,
		.index_value = index_value(hash, slot),
	};

	if (record_find(s, k, hash) == slot && r->ip4 == ip4 && r->port4 == port4)
		return 0;
	cell = index_place(s->index, s->l->index_buckets, hash);
	if (cell < 0 || record_live(s, slot))
		return -1;
	subscriber = subscriber_join(s, key, &in, &k->ip6, 0);
	if (subscriber == SUBSCRIBER_NONE)
		return -1;
	in.index_cell = (uint32_t)cell;
	fill(r, k, ip4, port4, &(struct record_first) { 0 }, subscriber, now);
	total_add(s, &in, SHARD_BINDINGS_CREATED, k->proto);
	shard_commit_owner(s, &in);
	return 0;
}

void
record_remove_owner(struct shard *s, uint32_t slot, const uint8_t index_key[16], uint32_t now, uint32_t release)
{
	struct record *r = &s->records[slot];
	struct record_key k = { r->ip6, r->port6, r->proto };
	int64_t cell = index_cell(s->index, s->l->index_buckets, record_hash(index_key, &k), slot);
	bool hold = release > now && slot < s->l->pool_slots;
	struct shard_intent in = {
		.effects = SHARD_RECORD,
		.slot = slot,
		.record_state = next_state(r, hold ? RECORD_HELD : RECORD_FREE),
		.expires = hold ? release : 0,
	};

	if (cell >= 0) {
		in.effects |= SHARD_INDEX;
		in.index_cell = (uint32_t)cell;
	}
	if (slot < s->l->pool_slots)
		pool_change(s, &in, !hold, hold);
	subscriber_leave(s, index_key, &in, r->subscriber);
	if (k.proto < NAT64_N_PROTOS)
		total_add(s, &in, SHARD_BINDINGS_ENDED, k.proto);
	shard_commit_owner(s, &in);
}

void
record_hold_owner(struct shard *s, uint32_t slot, uint32_t release)
{
	struct shard_intent in = {
		.effects = SHARD_RECORD,
		.slot = slot,
		.record_state = next_state(&s->records[slot], RECORD_HELD),
		.expires = release,
	};

	pool_change(s, &in, -1, 1);
	shard_commit_owner(s, &in);
}

void
record_release_owner(struct shard *s, uint32_t slot)
{
	struct shard_intent in = {
		.effects = SHARD_RECORD,
		.slot = slot,
		.record_state = next_state(&s->records[slot], RECORD_FREE),
	};

	pool_change(s, &in, 1, -1);
	shard_commit_owner(s, &in);
}

bool
record_read(const struct shard *s, uint32_t slot, struct record *copy, uint32_t *expires)
{
	const struct record *r = &s->records[slot];

	for (unsigned try = 0; try < 3; try++) {
		uint64_t before = atomic_load_64(&r->state);

		if ((before & 0xff) != RECORD_LIVE)
			return false;
		atomic_read_words(copy, r, RECORD_WORDS);
		*expires = atomic_load_32(&s->expires[slot]);
		atomic_fence();
		if (atomic_load_64(&r->state) == before) {
			copy->state = before;
			return true;
		}
	}
	return false;
}
