/*
 * expire.c - the clock hand
 *
 * Once a second at most, a lap: over the words of the port bitmaps, whose clear bits are the ports in use, and over
 * the words of the session bitmaps. For a port in use one 4-byte expiry is read; the record only when it is due. The
 * hand's place is private and a hint: a successor starts a lap of its own and misses nothing.
 * A held port whose pool runs short is released early: the rest it gets shrinks with the free share of its pool.
 * An established TCP session is not ended but asked about (probe.h), one at a time, so that a thousand that are due together
 * leave as the caller can send them.
 * Must never: look at more words per call than its budget; end a binding that has a session.
 */
#include "shm/session.h"
#include "worker/xlat/probe.h"

/* How long a port is to rest now: port-hold-down, less as more than half of its pool is taken. */
static uint32_t
hold_time(const struct nat64 *n, const struct shard_pool *pool)
{
	uint32_t half = pool->total / 2;

	if (pool->free >= half)
		return n->config->port_hold_down;
	return (uint32_t)((uint64_t)n->config->port_hold_down * pool->free / (half ? half : 1));
}

static struct shard_pool *
pool_of(const struct shard *s, uint32_t slot)
{
	uint32_t area = slot / s->l->ports_per_shard;

	return shard_pool(s, area / NAT64_N_PROTOS, area % NAT64_N_PROTOS);
}

/* A binding without sessions ends, unless it is static. */
static void
end_if_idle(struct nat64 *n, struct shard *s, uint32_t slot, uint32_t now)
{
	struct record *r = &s->records[slot];
	uint32_t release = now;

	if (r->sessions > 0) {
		if (!(r->flags & RECORD_INLINE))
			atomic_store_32(&s->expires[slot], now + 16);	/* look again: the last slab session ends it */
	} else if (r->flags & RECORD_STATIC) {
		atomic_store_32(&s->expires[slot], 0);
	} else {
		if (slot < s->l->pool_slots && hold_time(n, pool_of(s, slot)) > 0)
			release = now + n->config->port_hold_down;	/* the full rest; squeezed() shortens it */
		record_remove_owner(s, slot, n->secret->index_key, now, release);
	}
}

static void
due(struct nat64 *n, struct shard *s, uint32_t slot, uint32_t now)
{
	struct record *r = &s->records[slot];

	switch (atomic_load_64(&r->state) & 0xff) {
	case RECORD_LIVE:
		if (r->flags & RECORD_INLINE && probe_owner(n, s, slot, SESSION_INLINE, now))
			break;
		if (r->flags & RECORD_INLINE)
			session_remove_owner(s, n->secret->index_key, slot, SESSION_INLINE);
		end_if_idle(n, s, slot, now);
		break;
	case RECORD_HELD:
		record_release_owner(s, slot);
		break;
	default:
		atomic_store_32(&s->expires[slot], 0);
	}
}

/* Is a held port due although its time is not over? Its expiry is the end of its full rest. */
static bool
squeezed(const struct nat64 *n, const struct shard *s, uint32_t slot, uint32_t now, uint32_t hold)
{
	uint32_t full = n->config->port_hold_down, left = s->expires[slot] - now;

	return left <= full && full - left >= hold && (atomic_load_64(&s->records[slot].state) & 0xff) == RECORD_HELD;
}

static void
turn_ports(struct nat64 *n, struct shard *s, uint32_t first, uint64_t used, uint32_t now)
{
	uint32_t hold = n->config->port_hold_down;

	if (first < s->l->pool_slots)
		hold = hold_time(n, pool_of(s, first));
	for (; used; used &= used - 1) {
		uint32_t slot = first + (unsigned)__builtin_ctzll(used), expires = s->expires[slot];

		if (expires == 0)
			continue;
		if (expires <= now) {
			due(n, s, slot, now);
		} else if (hold < n->config->port_hold_down && squeezed(n, s, slot, now, hold)) {
			counters_add_owner(&n->row->counter[COUNTER_ports_squeezed], 1);
			due(n, s, slot, now);
		}
	}
}

/* A peer is looked at now and then: does it count anything, of a binding that is still there? */
#define PEER_LOOK 64

static void
due_session(struct nat64 *n, struct shard *s, uint32_t number, uint32_t now)
{
	struct session *e = &s->sessions[number];
	uint32_t slot = session_slot(e);
	bool gone = slot >= s->l->slots || !record_live(s, slot) || (uint32_t)e->key != record_generation(&s->records[slot]);

	if (gone || (e->via == SESSION_PEER && e->peer == 0)) {
		session_remove_orphan_owner(s, n->secret->index_key, number);
	} else if (e->via == SESSION_PEER) {
		atomic_store_32(&e->expires, now + PEER_LOOK);
	} else if (!probe_owner(n, s, slot, number, now)) {
		session_remove_owner(s, n->secret->index_key, slot, number);
		if (s->records[slot].sessions == 0)
			end_if_idle(n, s, slot, now);
	}
}

static void
turn_sessions(struct nat64 *n, struct shard *s, uint32_t first, uint64_t used, uint32_t now)
{
	for (; used; used &= used - 1) {
		uint32_t number = first + (unsigned)__builtin_ctzll(used);

		if (number >= s->l->g.shard_sessions)
			return;
		if (s->sessions[number].key != 0 && s->sessions[number].expires <= now)
			due_session(n, s, number, now);
	}
}

/* The words of a shard, in the order of the lap: ports of the pool, static bindings, sessions. */
static void
turn(struct nat64 *n, struct shard *s, uint32_t word, uint32_t now)
{
	uint32_t pool_words = n->header->addresses_used * NAT64_N_PROTOS * s->l->blocks_per_shard;
	uint32_t static_words = (n->config->static_.n + 63) / 64;

	if (word < pool_words) {
		uint32_t area = word / s->l->blocks_per_shard;
		const struct shard_pool *pool = shard_pool(s, area / NAT64_N_PROTOS, area % NAT64_N_PROTOS);

		turn_ports(n, s, word * 64, ~pool->word[word % s->l->blocks_per_shard], now);
	} else if (word < pool_words + static_words) {
		turn_ports(n, s, s->l->pool_slots + (word - pool_words) * 64, UINT64_MAX, now);
	} else {
		word -= pool_words + static_words;
		turn_sessions(n, s, word * 64, ~s->session_free[word], now);
	}
}

/* How many words to step: a whole pool address at once where no port is in use. */
static uint32_t
stride(const struct nat64 *n, const struct shard *s, uint32_t word)
{
	uint32_t blocks = s->l->blocks_per_shard, area = word / blocks;
	const struct shard_pool *pool;

	if (word % blocks || word >= n->header->addresses_used * NAT64_N_PROTOS * blocks)
		return 1;
	pool = shard_pool(s, area / NAT64_N_PROTOS, area % NAT64_N_PROTOS);
	return pool->free == pool->total ? blocks : 1;
}

/* Go on with the lap. Returns true while there is more of it. */
static bool
go_on(struct nat64 *n, uint32_t now, unsigned budget)
{
	uint32_t words = n->header->addresses_used * NAT64_N_PROTOS * n->layout.blocks_per_shard +
			 (n->config->static_.n + 63) / 64 + (n->layout.g.shard_sessions + 63) / 64;

	if (n->lap_done && n->lap == now)
		return false;
	if (n->lap_done) {
		n->lap = now;
		n->lap_done = false;
		n->hand_shard = n->hand_word = 0;
	}
	for (; n->hand_shard < n->layout.g.shards; n->hand_shard++, n->hand_word = 0) {
		struct shard *s = &n->shard[n->hand_shard];

		if (atomic_load_8(&n->owners->worker[n->hand_shard]) != n->worker)
			continue;
		while (n->hand_word < words) {
			uint32_t step = stride(n, s, n->hand_word);

			if (budget-- == 0)
				return true;
			if (step == 1)
				turn(n, s, n->hand_word, now);
			if (n->probe && n->probe->len > 0)
				return true;	/* there may be more to ask about in this word */
			n->hand_word += step;
		}
	}
	n->lap_done = true;
	return false;
}

bool
nat64_expire(struct nat64 *n, uint32_t now, unsigned budget, struct nat64_packet *probe)
{
	bool more;

	if (probe)
		probe->len = 0;
	n->probe = probe;
	more = go_on(n, now, budget);
	n->probe = NULL;
	return more;
}
