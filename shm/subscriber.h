/*
 * subscriber.h - how many bindings and sessions a subscriber has
 *
 * A subscriber is an IPv6 prefix of `subscriber-prefix` bits. It lives in one shard, so its counts have one writer. An entry
 * exists as long as its subscriber has a binding; there is room for as many as there can be bindings, so entries never
 * run out before ports or sessions do. Each live record says which entry counts it.
 *
 *   no bindings in state   free; the fields are garbage. The owner fills them, then commits the state.
 *   bindings in state      the counts change only in the commit that makes or ends a binding or a session, so whoever
 *                          dies leaves them right. prefix does not change until the entry is free again.
 *
 * rate and drops are words of their own: a death between them and a commit costs one unit of them, of no binding.
 */
#ifndef SHM_SUBSCRIBER_H
#define SHM_SUBSCRIBER_H

#include "shm/shard.h"

#define SUBSCRIBER_NONE UINT32_MAX
#define SUBSCRIBER_COUNT UINT32_C(0xffffff)	/* each count is below it, as the numbers of slots and sessions are */

struct subscriber {
	uint64_t state;			/* atomic; generation << 48 | sessions << 24 | bindings, static ones included */
	struct ip6 prefix;
	uint32_t rate;			/* atomic; table second << 20 | bindings made in it */
	uint32_t drops;			/* atomic; packets that a quota refused; stays at its greatest value */
};
_Static_assert(sizeof(struct subscriber) == 32, "two of them are a cache line");
#define SUBSCRIBER_WORDS 4

static inline uint32_t
subscriber_bindings(uint64_t state)
{
	return (uint32_t)state & SUBSCRIBER_COUNT;
}

static inline uint32_t
subscriber_sessions(uint64_t state)
{
	return (uint32_t)(state >> 24) & SUBSCRIBER_COUNT;
}

/* The state of an entry; 0, no bindings and no sessions, for SUBSCRIBER_NONE and any other number that is none's. */
uint64_t subscriber_state(const struct shard *s, uint32_t number);

/* The entry of the subscriber that this host belongs to, or SUBSCRIBER_NONE when it has no binding. */
uint32_t subscriber_find(const struct shard *s, const uint8_t key[16], const struct ip6 *host);

/*
 * Fetch what subscriber_find will look at first; returns the hash that subscriber_fetch needs to fetch the rest. Hints: neither
 * decides anything.
 */
uint64_t subscriber_prefetch(const struct shard *s, const uint8_t key[16], const struct ip6 *host);
void subscriber_fetch(const struct shard *s, uint64_t hash);

/*
 * For the change *in: host's subscriber has one binding more, with so many sessions. Returns the number of its entry, a new
 * one if need be, or SUBSCRIBER_NONE when there is no room for one.
 */
uint32_t subscriber_join(const struct shard *s, const uint8_t key[16], struct shard_intent *in, const struct ip6 *host,
			 uint32_t sessions);
/* For the change *in: the subscriber has one binding less. A number that is none changes nothing. */
void subscriber_leave(const struct shard *s, const uint8_t key[16], struct shard_intent *in, uint32_t number);
/* For the change *in: the subscriber has `change` (1 or -1) sessions more. Likewise. */
void subscriber_session(const struct shard *s, struct shard_intent *in, uint32_t number, int change);

/* How many bindings the subscriber has made in this table second. */
uint32_t subscriber_made(const struct shard *s, uint32_t number, uint32_t now);
/* It has made one more. */
void subscriber_make_owner(struct shard *s, uint32_t number, uint32_t now);
/* A quota has refused a packet of it. SUBSCRIBER_NONE is nobody. */
void subscriber_refuse_owner(struct shard *s, uint32_t number);

/* Copy entry number (below layout.shard_subscribers) for a reader. False when it is free or does not hold still. */
bool subscriber_read(const struct shard *s, uint32_t number, struct subscriber *copy);

#endif
