/*
 * session.c - the sessions of a binding
 *
 * Most bindings have one session, which lies inline in the record: no look-up, no second cache line. The others are
 * found by their own index. That a session belongs to a binding is said by the session alone (slot and generation),
 * so nothing has to be unlinked when a binding ends. What the subscriber has changes in the same commit.
 * A peer is one more entry of the same slab and index, under a hash of its own. It is made first, counting none, and then
 * counts a session in the one commit that notes it there; it ends when it has come back to none, or by the clock hand.
 * Must never: follow a slot of the slab without checking it against the layout.
 */
#include "shm/hash.h"
#include "shm/index.h"
#include "shm/session.h"
#include "shm/subscriber.h"

static uint64_t
hash_of(const uint8_t key[16], uint32_t slot, uint32_t remote4, uint32_t remote_port)
{
	uint64_t word[2] = { (uint64_t)slot << 32 | remote4, remote_port };

	return hash_words(key, word, 2);
}

#define PEER_PORT UINT32_C(0x10000)	/* stands in the hash of a peer for the port that it has not */

static uint64_t
key_of(const struct shard *s, uint32_t slot)
{
	return (uint64_t)(slot + 1) << 32 | record_generation(&s->records[slot]);
}

uint32_t
session_find(const struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t remote4, uint16_t remote_port)
{
	const struct record *r = &s->records[slot];
	struct index_walk w;
	uint64_t want;
	int64_t n;

	if (r->remote4 == remote4 && r->remote_port == remote_port && (r->flags & RECORD_INLINE))
		return SESSION_INLINE;
	if (r->sessions <= !!(r->flags & RECORD_INLINE))
		return SESSION_NONE;
	want = key_of(s, slot);
	w = index_begin(s->session_index, s->l->session_buckets, hash_of(key, slot, remote4, remote_port));
	while ((n = index_next(&w)) >= 0) {
		const struct session *e = &s->sessions[n];

		if (n < s->l->g.shard_sessions && e->key == want && e->remote4 == remote4 &&
		    e->remote_port == remote_port && e->via != SESSION_PEER)
			return (uint32_t)n;
	}
	return SESSION_NONE;
}

uint64_t
session_prefetch(const struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t remote4, uint16_t remote_port)
{
	const struct record *r = &s->records[slot];
	uint64_t hash;

	if ((r->remote4 == remote4 && r->remote_port == remote_port) || r->sessions <= !!(r->flags & RECORD_INLINE))
		return 0;
	hash = hash_of(key, slot, remote4, remote_port);
	index_prefetch(s->session_index, s->l->session_buckets, hash);
	return hash;
}

void
session_fetch(const struct shard *s, uint64_t hash)
{
	int64_t n = index_guess(s->session_index, s->l->session_buckets, hash, s->l->g.shard_sessions);

	if (n >= 0) {
		__builtin_prefetch(&s->sessions[n], 1);
		__builtin_prefetch(&s->sessions[n].peer, 1);	/* two lines, at times */
	}
}

uint32_t
session_peer(const struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t remote4)
{
	struct index_walk w = index_begin(s->session_index, s->l->session_buckets, hash_of(key, slot, remote4, PEER_PORT));
	uint64_t want = key_of(s, slot);
	int64_t n;

	while ((n = index_next(&w)) >= 0) {
		const struct session *e = &s->sessions[n];

		if (n < s->l->g.shard_sessions && e->key == want && e->remote4 == remote4 && e->via == SESSION_PEER)
			return (uint32_t)n;
	}
	return SESSION_NONE;
}

bool
session_known(const struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t remote4)
{
	const struct record *r = &s->records[slot];
	uint32_t peer;

	if (r->flags & RECORD_INLINE && r->remote4 == remote4)
		return true;
	if (r->sessions <= !!(r->flags & RECORD_INLINE))
		return false;
	peer = session_peer(s, key, slot, remote4);
	return peer != SESSION_NONE && s->sessions[peer].peer > 0;
}

/* The after-image of the record and its subscriber with `change` more sessions; state, expiry and flags as they are. */
static struct shard_intent
record_image(const struct shard *s, uint32_t slot, int change)
{
	const struct record *r = &s->records[slot];
	enum shard_total total = change > 0 ? SHARD_SESSIONS_CREATED : SHARD_SESSIONS_ENDED;
	uint32_t cell = total * NAT64_N_PROTOS + r->proto % NAT64_N_PROTOS;

	struct shard_intent in = {
		.effects = SHARD_RECORD | SHARD_SESSION_TOTAL,
		.slot = slot,
		.record_state = r->state,
		.record_flags = r->flags,
		.record_sessions = r->sessions + (uint32_t)change,
		.expires = s->expires[slot],
		.session_total = cell,
		.session_total_value = s->head->total[cell] + 1,
	};

	subscriber_session(s, &in, r->subscriber, change);
	return in;
}

uint32_t
session_left(const struct shard *s)
{
	uint64_t n = 0;

	for (unsigned p = 0; p < NAT64_N_PROTOS; p++)
		n += shard_alive(s, SHARD_SESSIONS_CREATED, p);
	return n < s->l->g.shard_sessions ? s->l->g.shard_sessions - (uint32_t)n : 0;
}

bool
session_room(const struct shard *s)
{
	return session_left(s) > 0;
}

/* The after-image of a new entry of the slab and its index cell. False when there is no place for it. */
static bool
slab_add(const struct shard *s, struct shard_intent *in, uint32_t slot, uint64_t hash, const struct session *fresh)
{
	uint32_t n = shard_place(s->session_free, s->session_summary, s->l->g.shard_sessions);
	int64_t cell = index_place(s->session_index, s->l->session_buckets, hash);

	if (n == SHARD_NO_PLACE || cell < 0)
		return false;
	atomic_write_words(&s->sessions[n].remote4, &fresh->remote4, SESSION_WORDS - 1);
	in->effects |= SHARD_SESSION | SHARD_SESSION_INDEX;
	in->session = n;
	in->session_key = key_of(s, slot);
	in->session_cell = (uint32_t)cell;
	in->session_value = index_value(hash, n);
	return true;
}

/* The after-image of session n counted by this peer, which counts `change` more. */
static void
count_peer(const struct shard *s, struct shard_intent *in, uint32_t n, uint32_t peer, int change)
{
	in->effects |= SHARD_PEER;
	in->session = n;
	in->peer = peer;
	in->peer_count = s->sessions[peer].peer + (uint32_t)change;
}

uint32_t
session_add_owner(struct shard *s, const uint8_t key[16], uint32_t slot, const struct record_first *first)
{
	struct record *r = &s->records[slot];
	struct shard_intent in = record_image(s, slot, +1);
	uint64_t hash = hash_of(key, slot, first->remote4, first->remote_port);
	const struct session fresh = {
		.remote4 = first->remote4, .remote_port = first->remote_port, .via = first->via, .tcp = first->tcp,
		.expires = first->expires,
	};

	if (!session_room(s))
		return SESSION_NONE;
	if (!(r->flags & RECORD_INLINE)) {
		struct record with = *r;

		with.remote4 = first->remote4;
		with.remote_port = first->remote_port;
		with.via = first->via;
		with.tcp = first->tcp;
		atomic_write_words(&r->ip6, &with.ip6, RECORD_WORDS - 1);
		in.record_flags |= RECORD_INLINE;
		in.expires = first->expires;
		shard_commit_owner(s, &in);
		return SESSION_INLINE;
	}
	if (!slab_add(s, &in, slot, hash, &fresh))
		return SESSION_NONE;
	shard_commit_owner(s, &in);
	return in.session;
}

/* The slab's after-image without session n of the binding that was in slot. */
static void
slab_remove(const struct shard *s, const uint8_t key[16], struct shard_intent *in, uint32_t slot, uint32_t n)
{
	const struct session *e = &s->sessions[n];
	uint64_t hash = hash_of(key, slot, e->remote4, e->via == SESSION_PEER ? PEER_PORT : e->remote_port);
	int64_t cell = index_cell(s->session_index, s->l->session_buckets, hash, n);

	in->effects |= SHARD_SESSION;
	in->session = n;
	in->session_bit = 1;
	if (cell >= 0) {
		in->effects |= SHARD_SESSION_INDEX;
		in->session_cell = (uint32_t)cell;
	}
}

/* A peer for the remote address of session e of the live binding in slot, counting none yet; SESSION_NONE: no room. */
static uint32_t
add_peer(struct shard *s, const uint8_t key[16], uint32_t slot, const struct session *e, uint32_t now)
{
	const struct session fresh = { .remote4 = e->remote4, .via = SESSION_PEER, .expires = now };
	struct shard_intent in = { 0 };

	if (!slab_add(s, &in, slot, hash_of(key, slot, e->remote4, PEER_PORT), &fresh))
		return SESSION_NONE;
	shard_commit_owner(s, &in);
	return in.session;
}

void
session_vouch_owner(struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t number, uint32_t now)
{
	struct shard_intent in = { 0 };
	uint32_t peer;

	if (number >= s->l->g.shard_sessions || s->sessions[number].peer)
		return;
	peer = session_peer(s, key, slot, s->sessions[number].remote4);
	if (peer == SESSION_NONE)
		peer = add_peer(s, key, slot, &s->sessions[number], now);
	if (peer == SESSION_NONE)
		return;
	count_peer(s, &in, number, peer, +1);
	shard_commit_owner(s, &in);
}

/* The peer that counts session n, or SESSION_NONE. What the session says of it may be anything. */
static uint32_t
peer_of(const struct shard *s, uint32_t n)
{
	const struct session *e = &s->sessions[n];
	uint32_t peer = e->peer - 1;

	return peer < s->l->g.shard_sessions && s->sessions[peer].via == SESSION_PEER && s->sessions[peer].key == e->key &&
	       s->sessions[peer].peer > 0 ? peer : SESSION_NONE;
}

void
session_remove_owner(struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t number)
{
	struct shard_intent in = record_image(s, slot, -1);
	uint32_t peer = SESSION_NONE;

	if (number == SESSION_INLINE) {
		in.record_flags &= ~(uint32_t)RECORD_INLINE;
	} else {
		slab_remove(s, key, &in, slot, number);
		peer = peer_of(s, number);
	}
	if (peer != SESSION_NONE)
		count_peer(s, &in, number, peer, -1);
	shard_commit_owner(s, &in);
	if (peer != SESSION_NONE && s->sessions[peer].peer == 0)
		session_remove_orphan_owner(s, key, peer);
}

void
session_remove_orphan_owner(struct shard *s, const uint8_t key[16], uint32_t number)
{
	struct shard_intent in = { 0 };

	slab_remove(s, key, &in, session_slot(&s->sessions[number]), number);
	shard_commit_owner(s, &in);
}

bool
session_read(const struct shard *s, uint32_t number, struct session *copy)
{
	const struct session *e = &s->sessions[number];

	for (unsigned try = 0; try < 3; try++) {
		uint64_t before = atomic_load_64(&e->key);

		if (before == 0)
			return false;
		atomic_read_words(copy, e, SESSION_WORDS);
		atomic_fence();
		if (atomic_load_64(&e->key) == before) {
			copy->key = before;
			return true;
		}
	}
	return false;
}
