/*
 * subscriber.c - how many bindings and sessions a subscriber has
 *
 * Nothing here is a change of its own: who makes or ends a binding or a session asks for the after-image of the
 * subscriber's counts, and commits it together with his own. So the counts are those of the records at every
 * instruction, and recovery has nothing to add up.
 * A session finds the entry by the number in its record; only a new binding, and the end of the last one, need the index.
 * Must never: use a number of a record without comparing it with the layout.
 */
#include "shm/hash.h"
#include "shm/index.h"
#include "shm/subscriber.h"

#define MADE_BITS 20			/* of rate: more bindings in one second than a configuration can allow */
#define MADE ((1u << MADE_BITS) - 1)

static struct ip6
prefix_of(const struct shard *s, const struct ip6 *host)
{
	return addr_mask6(host, s->l->g.subscriber_prefix);
}

static uint64_t
hash_of(const uint8_t key[16], const struct ip6 *prefix)
{
	uint64_t word[2];

	memcpy(word, prefix->b, 16);
	return hash_words(key, word, 2);
}

uint64_t
subscriber_state(const struct shard *s, uint32_t number)
{
	return number < s->l->shard_subscribers ? s->subscribers[number].state : 0;
}

static bool
alive(const struct shard *s, uint32_t number)
{
	return subscriber_bindings(subscriber_state(s, number)) > 0;
}

static uint32_t
find(const struct shard *s, const struct ip6 *prefix, uint64_t hash)
{
	struct index_walk w = index_begin(s->subscriber_index, s->l->subscriber_buckets, hash);
	int64_t n;

	while ((n = index_next(&w)) >= 0)
		if (alive(s, (uint32_t)n) && addr_ip6_equal(&s->subscribers[n].prefix, prefix))
			return (uint32_t)n;
	return SUBSCRIBER_NONE;
}

uint32_t
subscriber_find(const struct shard *s, const uint8_t key[16], const struct ip6 *host)
{
	struct ip6 prefix = prefix_of(s, host);

	return find(s, &prefix, hash_of(key, &prefix));
}

uint64_t
subscriber_prefetch(const struct shard *s, const uint8_t key[16], const struct ip6 *host)
{
	struct ip6 prefix = prefix_of(s, host);
	uint64_t hash = hash_of(key, &prefix);

	index_prefetch(s->subscriber_index, s->l->subscriber_buckets, hash);
	return hash;
}

void
subscriber_fetch(const struct shard *s, uint64_t hash)
{
	int64_t n = index_guess(s->subscriber_index, s->l->subscriber_buckets, hash, s->l->shard_subscribers);

	if (n >= 0)
		__builtin_prefetch(&s->subscribers[n], 1);
}

/* The after-image of an entry with so many bindings and sessions. */
static void
change(const struct shard *s, struct shard_intent *in, uint32_t number, uint32_t bindings, uint32_t sessions)
{
	uint64_t generation = s->subscribers[number].state >> 48;

	in->effects |= SHARD_SUBSCRIBER;
	in->subscriber = number;
	in->subscriber_state = generation << 48 | (uint64_t)(sessions & SUBSCRIBER_COUNT) << 24 |
			       (bindings & SUBSCRIBER_COUNT);
	in->subscribers = s->head->subscribers;
}

/* The after-image of a new entry with its first binding. */
static uint32_t
add(const struct shard *s, struct shard_intent *in, const struct ip6 *prefix, uint64_t hash, uint32_t sessions)
{
	uint32_t n = shard_place(s->subscriber_free, s->subscriber_summary, s->l->shard_subscribers);
	int64_t cell = index_place(s->subscriber_index, s->l->subscriber_buckets, hash);
	const struct subscriber fresh = { .prefix = *prefix };

	if (n == SHARD_NO_PLACE || cell < 0)
		return SUBSCRIBER_NONE;
	atomic_write_words(&s->subscribers[n].prefix, &fresh.prefix, SUBSCRIBER_WORDS - 1);
	change(s, in, n, 1, sessions);
	in->subscriber_state += UINT64_C(1) << 48;
	in->subscribers++;
	in->effects |= SHARD_SUBSCRIBER_INDEX;
	in->subscriber_cell = (uint32_t)cell;
	in->subscriber_value = index_value(hash, n);
	return n;
}

uint32_t
subscriber_join(const struct shard *s, const uint8_t key[16], struct shard_intent *in, const struct ip6 *host,
		uint32_t sessions)
{
	struct ip6 prefix = prefix_of(s, host);
	uint64_t hash = hash_of(key, &prefix), state;
	uint32_t n = find(s, &prefix, hash);

	if (n == SUBSCRIBER_NONE)
		return add(s, in, &prefix, hash, sessions);
	state = s->subscribers[n].state;
	change(s, in, n, subscriber_bindings(state) + 1, subscriber_sessions(state) + sessions);
	return n;
}

void
subscriber_leave(const struct shard *s, const uint8_t key[16], struct shard_intent *in, uint32_t number)
{
	uint64_t state;
	int64_t cell;

	if (!alive(s, number))
		return;
	state = s->subscribers[number].state;
	change(s, in, number, subscriber_bindings(state) - 1, subscriber_sessions(state));
	if (subscriber_bindings(state) > 1)
		return;
	in->subscribers--;
	cell = index_cell(s->subscriber_index, s->l->subscriber_buckets, hash_of(key, &s->subscribers[number].prefix), number);
	if (cell >= 0) {
		in->effects |= SHARD_SUBSCRIBER_INDEX;
		in->subscriber_cell = (uint32_t)cell;
		in->subscriber_value = 0;
	}
}

void
subscriber_session(const struct shard *s, struct shard_intent *in, uint32_t number, int more)
{
	uint64_t state;

	if (!alive(s, number))
		return;
	state = s->subscribers[number].state;
	change(s, in, number, subscriber_bindings(state), subscriber_sessions(state) + (uint32_t)more);
}

uint32_t
subscriber_made(const struct shard *s, uint32_t number, uint32_t now)
{
	uint32_t rate = alive(s, number) ? s->subscribers[number].rate : 0;

	return rate >> MADE_BITS == (now & (UINT32_MAX >> MADE_BITS)) ? rate & MADE : 0;
}

void
subscriber_make_owner(struct shard *s, uint32_t number, uint32_t now)
{
	uint32_t made = subscriber_made(s, number, now);

	if (alive(s, number))
		atomic_store_32(&s->subscribers[number].rate, now << MADE_BITS | (made < MADE ? made + 1 : made));
}

void
subscriber_refuse_owner(struct shard *s, uint32_t number)
{
	if (alive(s, number) && s->subscribers[number].drops < UINT32_MAX)
		atomic_store_32(&s->subscribers[number].drops, s->subscribers[number].drops + 1);
}

bool
subscriber_read(const struct shard *s, uint32_t number, struct subscriber *copy)
{
	const struct subscriber *e = &s->subscribers[number];

	for (unsigned try = 0; try < 3; try++) {
		uint64_t before = atomic_load_64(&e->state);

		if (subscriber_bindings(before) == 0)
			return false;
		atomic_read_words(copy, e, SUBSCRIBER_WORDS);
		atomic_fence();
		copy->state = atomic_load_64(&e->state);
		if (copy->state >> 48 == before >> 48 && subscriber_bindings(copy->state) > 0)
			return true;
	}
	return false;
}
