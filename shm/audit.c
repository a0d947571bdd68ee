/*
 * audit.c - what must hold in a shard
 *
 *  1  no intent is under way
 *  2  a record is free, live or held; a free bit is set only for a free record
 *  3  in each pool area: free bits = free; free + held + live = total; so no port is lost
 *  4  a live record names the pool address, port and protocol of its own place
 *  5  a live record is found by its IPv6 side, and no index cell points anywhere else; so none is bound twice
 *  6  a session's key is set if and only if its free bit is clear; it belongs to a live binding; its index finds it
 *  7  a binding's count of sessions is how many there are, and so is a peer's
 *  8  created - ended = alive, for bindings and for sessions, protocol by protocol
 *  9  a live record is counted by the subscriber whose prefix holds its IPv6 host, once, with its sessions; a subscriber is
 *     there if and only if its free bit is clear, counts what its records say, and its index finds it
 *
 * The pieces of a shard: one for each pool area (2 to 5, 9), some index buckets (5), some words of sessions (6) and of
 * subscribers (9), and at the end the sums (1, 7, 8, 9), which must be of one moment. The sums take the number of live
 * records from the pools' counts, which the areas have proven. Rule 7 is proven without memory for counts: what bindings
 * claim and what sessions say are both added up, each weighed with a hash of the binding's slot; a wrong count makes the sums
 * differ. Peers and subscribers likewise.
 *
 * A page that was never written must not be read, or the kernel would provide it. So a block of 64 ports that are all
 * free, sessions likewise, and the index of a shard that never had a binding are passed over.
 *
 * Must never: write to the shard; believe a number in it before comparing it with the layout.
 */
#include "shm/audit.h"
#include "shm/index.h"
#include "shm/pool.h"
#include "shm/session.h"
#include "shm/subscriber.h"

#define WORD 64				/* records, or sessions, looked at together */
#define PIECE_BUCKETS 64
#define PIECE_WORDS 16

enum phase { AREAS, INDEX, SESSIONS, SUBSCRIBERS, SUMS };

struct look {
	struct audit *a;
	const struct shard *s;
	const struct layout_header *h;
	const struct layout_secret *secret;
};

/* What the sums add up. */
struct sums {
	uint64_t live[NAT64_N_PROTOS], sessions[NAT64_N_PROTOS], inlined, claimed;
	uint64_t slab, weighed;		/* sessions of the slab, and what they say of their bindings */
	uint64_t peers, counting, counted;	/* peers, what they count, and what sessions say of them */
	uint64_t subscribers, members, member_sessions;	/* subscribers; what records say of theirs, weighed */
	uint64_t joined, joined_sessions;	/* and what they count, weighed */
};

static const char *const words[AUDIT_N_RULES] = {
	[AUDIT_none] = "nothing",
#define RULE(id, text) [AUDIT_##id] = text,
	AUDIT_RULES
#undef RULE
};

const char *
audit_words(uint32_t rule)
{
	return rule < AUDIT_N_RULES ? words[rule] : "no known rule";
}

static void
violation(const struct look *k, enum audit_rule rule, uint32_t slot)
{
	if (k->a->violations++ > 0)
		return;
	k->a->rule = rule;
	k->a->shard = k->s->number;
	k->a->slot = slot;
}

/* Blocks of an area that may be in use. */
static uint32_t
usable_blocks(const struct look *k, unsigned area)
{
	uint32_t blocks = k->h->address[area / NAT64_N_PROTOS].blocks;

	return blocks < k->s->l->blocks_per_shard ? blocks : k->s->l->blocks_per_shard;
}

static struct shard_pool *
pool_of(const struct shard *s, unsigned area)
{
	return shard_pool(s, area / NAT64_N_PROTOS, area % NAT64_N_PROTOS);
}

static uint64_t
hash_of(const struct look *k, const struct record *r)
{
	struct record_key key = { r->ip6, r->port6, r->proto };

	return record_hash(k->secret->index_key, &key);
}

/* Does looking for the binding's IPv6 side, whose hash this is, lead to it? */
static void
check_found(const struct look *k, uint32_t slot, uint64_t hash)
{
	const struct record *r = &k->s->records[slot];
	struct record_key key = { r->ip6, r->port6, r->proto };

	if (record_find(k->s, &key, hash) != slot)
		violation(k, AUDIT_found, slot);
}

/* Is the live binding in slot counted by the subscriber that its host belongs to? */
static void
check_member(const struct look *k, uint32_t slot)
{
	const struct record *r = &k->s->records[slot];
	const struct subscriber *e = &k->s->subscribers[r->subscriber % k->s->l->shard_subscribers];
	struct ip6 prefix = addr_mask6(&r->ip6, k->s->l->g.subscriber_prefix);

	if (r->subscriber >= k->s->l->shard_subscribers || subscriber_bindings(e->state) == 0 ||
	    !addr_ip6_equal(&e->prefix, &prefix))
		violation(k, AUDIT_subscriber, slot);
}

/* The records of a block from slot `first` on. Adds up who is held and who is live. */
static void
check_block(const struct look *k, unsigned area, uint32_t first, uint64_t bits, uint32_t *held, uint32_t *live)
{
	const struct shard *s = k->s;
	uint64_t hash[WORD], found = 0;
	uint32_t port = pool_port(s->l, k->secret, s->number, first);

	for (uint32_t i = 0; i < WORD; i++) {
		const struct record *r = &s->records[first + i];
		unsigned state = r->state & 0xff, bit = bits >> i & 1;

		if (state > RECORD_HELD || (bit && state != RECORD_FREE))
			violation(k, AUDIT_state, first + i);
		*held += state == RECORD_HELD;
		if (state == RECORD_HELD && s->expires[first + i] == 0)
			violation(k, AUDIT_released, first + i);
		if (state != RECORD_LIVE)
			continue;
		++*live;
		if (r->proto != area % NAT64_N_PROTOS || r->ip4 != k->h->address[area / NAT64_N_PROTOS].ip4 ||
		    r->port4 != port + i)
			violation(k, AUDIT_place, first + i);
		if (r->sessions > 0 && s->expires[first + i] == 0)
			violation(k, AUDIT_expires, first + i);
		hash[i] = hash_of(k, r);
		index_prefetch(s->index, s->l->index_buckets, hash[i]);
		__builtin_prefetch(&s->subscribers[r->subscriber % s->l->shard_subscribers]);
		found |= UINT64_C(1) << i;
	}
	for (; found; found &= found - 1) {
		unsigned i = (unsigned)__builtin_ctzll(found);

		check_found(k, first + i, hash[i]);
		check_member(k, first + i);
	}
}

/* One pool address and protocol. Returns how many records it looked at. */
static uint32_t
check_area(const struct look *k, unsigned area)
{
	const struct shard_pool *pool = pool_of(k->s, area);
	uint32_t free = 0, held = 0, live = 0, looked = 0, group = 0;
	uint32_t first = area * k->s->l->ports_per_shard, usable = usable_blocks(k, area);

	for (uint32_t i = 0; i < k->s->l->blocks_per_shard; i++) {
		group += (uint32_t)__builtin_popcountll(pool->word[i]);
		if (i < usable && pool->word[i] != UINT64_MAX) {
			check_block(k, area, first + i * WORD, pool->word[i], &held, &live);
			looked += WORD;
		}
		if (i % SHARD_GROUP_WORDS == SHARD_GROUP_WORDS - 1 || i + 1 == k->s->l->blocks_per_shard) {
			if (group != pool->group_free[i / SHARD_GROUP_WORDS])
				violation(k, AUDIT_group, first);
			free += group;
			group = 0;
		}
	}
	k->a->records += held + live;
	if (free != pool->free || held != pool->held || free + held + live != pool->total)
		violation(k, AUDIT_ports, first);
	return looked + k->s->l->blocks_per_shard;
}

static bool
free_port(const struct shard *s, uint32_t slot)
{
	uint32_t port = slot % s->l->ports_per_shard;

	return slot < s->l->pool_slots && pool_of(s, slot / s->l->ports_per_shard)->word[port / 64] >> port % 64 & 1;
}

static void
check_cell(const struct look *k, uint32_t cell, uint32_t value)
{
	const struct shard *s = k->s;
	uint32_t slot = (value & INDEX_NUMBER) - 1, bucket = cell / INDEX_BUCKET, buckets = s->l->index_buckets;
	uint64_t hash;

	if (slot >= s->l->slots || !record_live(s, slot)) {
		violation(k, AUDIT_index, slot);
		return;
	}
	if (s->records[slot].proto >= NAT64_N_PROTOS) {
		violation(k, AUDIT_protocol, slot);
		return;
	}
	hash = hash_of(k, &s->records[slot]);
	if (index_value(hash, slot) != value ||
	    (index_first(buckets, hash) != bucket && index_second(buckets, hash) != bucket))
		violation(k, AUDIT_index, slot);
	if (free_port(s, slot))
		violation(k, AUDIT_state, slot);
	if (slot >= s->l->pool_slots) {
		check_found(k, slot, hash);
		check_member(k, slot);
	}
}

static void
check_bucket(const struct look *k, uint32_t bucket)
{
	const uint32_t *cell = k->s->index + (size_t)bucket * INDEX_BUCKET;

	for (unsigned i = 0; i < INDEX_BUCKET; i++)
		if (cell[i] && (cell[i] & INDEX_NUMBER) - 1 < k->s->l->slots)
			__builtin_prefetch(&k->s->records[(cell[i] & INDEX_NUMBER) - 1]);
	for (unsigned i = 0; i < INDEX_BUCKET; i++)
		if (cell[i])
			check_cell(k, bucket * INDEX_BUCKET + i, cell[i]);
}

/* Did the shard ever have a binding, or a session? If not, its indexes were never written. */
static bool
untouched(const struct shard *s, enum shard_total created)
{
	uint64_t n = 0;

	for (unsigned p = 0; p < NAT64_N_PROTOS; p++)
		n |= shard_total(s, created, p);
	return n == 0;
}

static void
check_session(const struct look *k, uint32_t number, bool bit)
{
	const struct shard *s = k->s;
	const struct session *e = &s->sessions[number];
	uint32_t slot = session_slot(e);

	if (bit == (e->key != 0))
		violation(k, AUDIT_session_bit, number);
	if (e->key == 0)
		return;
	if (slot >= s->l->slots || !record_live(s, slot) || (uint32_t)e->key != record_generation(&s->records[slot]))
		violation(k, AUDIT_orphan, number);
	else if ((e->via == SESSION_PEER ? session_peer(s, k->secret->index_key, slot, e->remote4) :
		  session_find(s, k->secret->index_key, slot, e->remote4, e->remote_port)) != number)
		violation(k, AUDIT_session_found, number);
}

static void
check_subscriber(const struct look *k, uint32_t number, bool bit)
{
	const struct subscriber *e = &k->s->subscribers[number];

	if (bit == (subscriber_bindings(e->state) > 0))
		violation(k, AUDIT_subscriber_bit, number);
	if (subscriber_bindings(e->state) > 0 && subscriber_find(k->s, k->secret->index_key, &e->prefix) != number)
		violation(k, AUDIT_subscriber_found, number);
}

/* Sessions or subscribers: so many places, the bitmap of the free ones and its summary. */
struct places {
	const uint64_t *free, *summary;
	uint32_t n;
	void (*check)(const struct look *k, uint32_t number, bool bit);
};

static struct places
places_of(const struct shard *s, enum phase phase)
{
	if (phase == SESSIONS)
		return (struct places) { s->session_free, s->session_summary, s->l->g.shard_sessions, check_session };
	return (struct places) { s->subscriber_free, s->subscriber_summary, s->l->shard_subscribers, check_subscriber };
}

/* 64 of them. Returns how many were looked at. */
static uint32_t
check_word(const struct look *k, const struct places *p, uint32_t word)
{
	uint64_t bits = p->free[word];
	uint32_t n = p->n - word * WORD < WORD ? p->n - word * WORD : WORD;

	if (bits && !(p->summary[word / 64] >> word % 64 & 1))
		violation(k, AUDIT_summary, word * WORD);
	if (bits == UINT64_MAX)
		return 1;
	for (uint32_t i = 0; i < n; i++)
		p->check(k, word * WORD + i, bits >> i & 1);
	return n;
}

/* The weight of a slot in the sums of rule 7: nothing adds up to another slot's by accident. */
static uint64_t
weight(uint32_t slot)
{
	uint64_t x = (slot + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

static void
add_live(const struct shard *s, uint32_t slot, struct sums *sum)
{
	const struct record *r = &s->records[slot];
	uint32_t inlined = !!(r->flags & RECORD_INLINE);

	sum->inlined += inlined;
	sum->claimed += weight(slot) * ((uint64_t)r->sessions - inlined);	/* modulo 2^64, whatever is written there */
	sum->members += weight(r->subscriber);
	sum->member_sessions += weight(r->subscriber) * r->sessions;
	if (r->proto < NAT64_N_PROTOS)
		sum->sessions[r->proto] += r->sessions;
}

static void
add_areas(const struct look *k, struct sums *sum)
{
	const struct shard *s = k->s;

	for (unsigned area = 0; area < k->h->addresses_used * NAT64_N_PROTOS; area++) {
		const struct shard_pool *pool = pool_of(s, area);
		uint32_t first = area * s->l->ports_per_shard, usable = usable_blocks(k, area);

		sum->live[area % NAT64_N_PROTOS] += (uint32_t)(pool->total - pool->free - pool->held);
		for (uint32_t i = 0; i < usable && pool->free != pool->total; i++)
			for (uint64_t used = ~pool->word[i]; used; used &= used - 1) {
				uint32_t slot = first + i * WORD + (unsigned)__builtin_ctzll(used);

				if (record_live(s, slot))
					add_live(s, slot, sum);
			}
	}
}

/* The index counts its cells, and knows the static bindings. Returns how many cells are in use. */
static uint64_t
add_index(const struct shard *s, struct sums *sum, uint64_t *statics)
{
	uint64_t cells = 0;

	for (uint32_t i = 0; i < s->l->index_buckets * INDEX_BUCKET; i++) {
		uint32_t slot = (s->index[i] & INDEX_NUMBER) - 1;

		cells += s->index[i] != 0;
		if (s->index[i] == 0 || slot < s->l->pool_slots || slot >= s->l->slots || !record_live(s, slot))
			continue;
		++*statics;
		if (s->records[slot].proto < NAT64_N_PROTOS)
			sum->live[s->records[slot].proto]++;
		add_live(s, slot, sum);
	}
	return cells;
}

static void
add_session(const struct shard *s, uint32_t number, struct sums *sum)
{
	const struct session *e = &s->sessions[number];

	if (e->via == SESSION_PEER) {
		sum->peers++;
		sum->counting += weight(number) * e->peer;
		return;
	}
	sum->slab++;
	sum->weighed += weight(session_slot(e));
	if (e->peer)
		sum->counted += weight(e->peer - 1);
}

/* What is in the slab. */
static void
add_sessions(const struct shard *s, struct sums *sum)
{
	for (uint32_t word = 0; word * WORD < s->l->g.shard_sessions; word++)
		for (uint64_t used = ~s->session_free[word]; used; used &= used - 1) {
			uint32_t number = word * WORD + (unsigned)__builtin_ctzll(used);

			if (number >= s->l->g.shard_sessions)
				break;
			add_session(s, number, sum);
		}
}

static void
add_subscribers(const struct shard *s, struct sums *sum)
{
	for (uint32_t word = 0; word * WORD < s->l->shard_subscribers; word++)
		for (uint64_t used = ~s->subscriber_free[word]; used; used &= used - 1) {
			uint32_t number = word * WORD + (unsigned)__builtin_ctzll(used);
			uint64_t state;

			if (number >= s->l->shard_subscribers)
				break;
			state = s->subscribers[number].state;
			sum->subscribers++;
			sum->joined += weight(number) * subscriber_bindings(state);
			sum->joined_sessions += weight(number) * subscriber_sessions(state);
		}
}

/* Does each cell of an index stand for a place in use, and are there as many cells as entries? */
static void
check_cells(const struct look *k, const uint32_t *cell, uint32_t buckets, const struct places *p, uint64_t entries,
	    enum audit_rule rule)
{
	uint64_t cells = 0;

	for (uint32_t i = 0; i < buckets * INDEX_BUCKET; i++) {
		uint32_t number = (cell[i] & INDEX_NUMBER) - 1;

		if (cell[i] == 0)
			continue;
		cells++;
		if (number >= p->n || p->free[number / 64] >> number % 64 & 1)
			violation(k, rule, AUDIT_NO_SLOT);
	}
	if (cells != entries)
		violation(k, rule, AUDIT_NO_SLOT);
}

/* Subscribers count what the records say of them. Returns how many cells and subscribers it looked at. */
static uint32_t
check_subscribers(const struct look *k, struct sums *sum)
{
	const struct shard *s = k->s;
	struct places p = places_of(s, SUBSCRIBERS);

	add_subscribers(s, sum);
	if (sum->joined != sum->members || sum->joined_sessions != sum->member_sessions)
		violation(k, AUDIT_subscribers, AUDIT_NO_SLOT);
	if (sum->subscribers != s->head->subscribers)
		violation(k, AUDIT_subscriber_index, AUDIT_NO_SLOT);
	if (sum->subscribers == 0 && untouched(s, SHARD_BINDINGS_CREATED))
		return 0;
	check_cells(k, s->subscriber_index, s->l->subscriber_buckets, &p, sum->subscribers, AUDIT_subscriber_index);
	return s->l->subscriber_buckets + (uint32_t)sum->subscribers / 4;
}

/* created - ended, unlike shard_alive without mercy for more ended than created. */
static uint64_t
difference(const struct shard *s, enum shard_total created, unsigned proto)
{
	return shard_total(s, created, proto) - shard_total(s, created + 1, proto);
}

/* Returns how many cells, records and sessions it looked at. */
static uint32_t
check_sums(const struct look *k)
{
	uint64_t cells = 0, live = 0, sessions = 0, statics = 0;
	const struct shard *s = k->s;
	uint32_t looked = 0;
	struct sums sum = { .inlined = 0 };

	if (s->head->intent.effects)
		violation(k, AUDIT_intent, s->head->intent.slot);
	add_areas(k, &sum);
	if (!untouched(s, SHARD_BINDINGS_CREATED)) {
		cells = add_index(s, &sum, &statics);
		looked = s->l->index_buckets;
	}
	add_sessions(s, &sum);
	if (sum.slab > 0 || !untouched(s, SHARD_SESSIONS_CREATED)) {
		struct places p = places_of(s, SESSIONS);

		check_cells(k, s->session_index, s->l->session_buckets, &p, sum.slab + sum.peers, AUDIT_session_index);
		looked += s->l->session_buckets;
	}
	for (unsigned p = 0; p < NAT64_N_PROTOS; p++) {
		live += sum.live[p];
		sessions += sum.sessions[p];
		if (difference(s, SHARD_BINDINGS_CREATED, p) != sum.live[p])
			violation(k, AUDIT_bindings_total, AUDIT_NO_SLOT);
		if (difference(s, SHARD_SESSIONS_CREATED, p) != sum.sessions[p])
			violation(k, AUDIT_sessions_total, AUDIT_NO_SLOT);
	}
	if (live != cells)
		violation(k, AUDIT_bindings_index, AUDIT_NO_SLOT);
	if (sessions != sum.inlined + sum.slab || sum.claimed != sum.weighed)
		violation(k, AUDIT_sessions, AUDIT_NO_SLOT);
	if (sum.counting != sum.counted)
		violation(k, AUDIT_peers, AUDIT_NO_SLOT);
	looked += check_subscribers(k, &sum);
	k->a->records += statics;
	return looked + (uint32_t)(live + sum.slab + sum.peers) / 4;
}

/* One piece, or the step to the next kind of piece. Returns about how much it looked at. */
static uint32_t
piece(const struct look *k)
{
	const struct layout *l = k->s->l;
	struct places p = places_of(k->s, k->a->phase);
	uint32_t n = 0;

	switch (k->a->phase) {
	case AREAS:
		if (k->a->at < k->h->addresses_used * NAT64_N_PROTOS)
			return check_area(k, k->a->at++);
		break;
	case INDEX:
		for (; n < PIECE_BUCKETS && k->a->at < l->index_buckets && !untouched(k->s, SHARD_BINDINGS_CREATED); n++)
			check_bucket(k, k->a->at++);
		if (n > 0)
			return n * INDEX_BUCKET / 4;
		break;
	case SESSIONS:
	case SUBSCRIBERS:
		for (unsigned i = 0; i < PIECE_WORDS && k->a->at < (p.n + WORD - 1) / WORD; i++)
			n += check_word(k, &p, k->a->at++);
		if (n > 0)
			return n;
		break;
	default:
		n = check_sums(k);
	}
	k->a->phase++;
	k->a->at = 0;
	return n;
}

bool
audit_step(struct audit *a, const struct shard *s, const struct layout_header *h, const struct layout_secret *secret,
	   uint32_t budget)
{
	const struct look k = { a, s, h, secret };
	uint64_t end = a->looked + budget;

	do {
		a->looked += piece(&k);
	} while (a->looked < end && a->phase <= SUMS);
	if (a->phase <= SUMS)
		return false;
	a->phase = a->at = 0;
	a->shards++;
	return true;
}

void
audit_shard(struct audit *a, const struct shard *s, const struct layout_header *h, const struct layout_secret *secret)
{
	while (!audit_step(a, s, h, secret, UINT32_MAX))
		;
}
