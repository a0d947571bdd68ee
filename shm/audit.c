/*
 * audit.c - what must hold in a shard
 *
 *  1  no intent is under way
 *  2  a record is free, live or held; a free bit is set only for a free record
 *  3  in each pool area: free bits = free; free + held + live = total; so no port is lost
 *  4  a live record names the pool address, port and protocol of its own place
 *  5  a live record is found by its IPv6 side, and no index cell points anywhere else; so none is bound twice
 *  6  a session's key is set if and only if its free bit is clear; it belongs to a live binding; its index finds it
 *  7  a binding's count of sessions is how many there are
 *  8  created - ended = alive, for bindings and for sessions, protocol by protocol
 *
 * Must never: write to the shard; believe a number in it before comparing it with the layout.
 */
#include "shm/index.h"
#include "shm/pool.h"
#include "shm/session.h"

#include "shm/audit.h"

struct count {
	uint64_t live[NAT64_N_PROTOS], sessions[NAT64_N_PROTOS], indexed, slab;
};

static void
violation(struct audit *a, const char *what, uint32_t slot)
{
	if (a->violations++ == 0) {
		a->first = what;
		a->first_slot = slot;
	}
}

static void
check_live(struct audit *a, const struct shard *s, const struct layout_secret *secret, uint32_t slot,
	   struct count *count)
{
	const struct record *r = &s->records[slot];
	struct record_key key = { r->ip6, r->port6, r->proto };

	if (r->proto >= NAT64_N_PROTOS) {
		violation(a, "live record of no protocol", slot);
		return;
	}
	count->live[r->proto]++;
	count->sessions[r->proto] += r->sessions;
	if (record_find(s, &key, record_hash(secret->index_key, &key)) != slot)
		violation(a, "live binding is not found by its IPv6 side, or another one is", slot);
	if (!(r->flags & RECORD_STATIC) && r->sessions > 0 && s->expires[slot] == 0)
		violation(a, "live binding never expires", slot);
}

/* One pool address and protocol. */
static void
check_area(struct audit *a, const struct shard *s, const struct layout_header *h, const struct layout_secret *secret,
	   unsigned area, struct count *count)
{
	const struct shard_pool *pool = shard_pool(s, area / NAT64_N_PROTOS, area % NAT64_N_PROTOS);
	uint32_t free = 0, held = 0, live = 0, first = area * s->l->ports_per_shard;

	for (uint32_t i = 0; i < s->l->ports_per_shard; i++) {
		uint32_t slot = first + i;
		const struct record *r = &s->records[slot];
		unsigned state = r->state & 0xff, bit = pool->word[i / 64] >> i % 64 & 1;

		free += bit;
		held += state == RECORD_HELD;
		if (state > RECORD_HELD || (bit && state != RECORD_FREE))
			violation(a, "free bit of a port in use, or no such state", slot);
		if (state == RECORD_HELD && s->expires[slot] == 0)
			violation(a, "held port is never released", slot);
		if (state != RECORD_LIVE)
			continue;
		live++;
		if (r->proto != area % NAT64_N_PROTOS || r->ip4 != h->address[area / NAT64_N_PROTOS].ip4 ||
		    r->port4 != pool_port(s->l, secret, s->number, slot))
			violation(a, "record names another port than its own", slot);
		check_live(a, s, secret, slot, count);
	}
	a->records += held + live;
	if (free != pool->free || held != pool->held || free + held + live != pool->total)
		violation(a, "ports lost: free, held and live do not add up", first);
	for (uint32_t g = 0; g * SHARD_GROUP_WORDS < s->l->blocks_per_shard; g++) {
		uint32_t sum = 0;

		for (uint32_t i = 0; i < SHARD_GROUP_WORDS && g * SHARD_GROUP_WORDS + i < s->l->blocks_per_shard; i++)
			sum += (uint32_t)__builtin_popcountll(pool->word[g * SHARD_GROUP_WORDS + i]);
		if (sum != pool->group_free[g])
			violation(a, "group count is wrong", first);
	}
}

static void
check_index(struct audit *a, const struct shard *s, struct count *count)
{
	for (uint32_t i = 0; i < s->l->index_buckets * INDEX_BUCKET; i++) {
		uint32_t number = s->index[i] & INDEX_NUMBER;

		if (s->index[i] == 0)
			continue;
		count->indexed++;
		if (number == 0 || number > s->l->slots || !record_live(s, number - 1))
			violation(a, "index points to no live binding", number - 1);
	}
}

static void
check_sessions(struct audit *a, const struct shard *s, uint32_t *scratch, struct count *count)
{
	uint64_t cells = 0;

	for (uint32_t i = 0; i < s->l->g.shard_sessions; i++) {
		const struct session *e = &s->sessions[i];
		unsigned bit = s->session_free[i / 64] >> i % 64 & 1;
		uint32_t slot = session_slot(e);

		if (bit == (e->key != 0))
			violation(a, "session and its free bit disagree", i);
		if (bit && !(s->session_summary[i / 4096] >> i / 64 % 64 & 1))
			violation(a, "session summary hides a free place", i);
		if (e->key == 0)
			continue;
		count->slab++;
		if (slot >= s->l->slots || !record_live(s, slot) ||
		    (uint32_t)e->key != record_generation(&s->records[slot]))
			violation(a, "session of no binding", i);
		else if (scratch)
			scratch[slot]++;
	}
	for (uint32_t i = 0; i < s->l->session_buckets * INDEX_BUCKET; i++)
		cells += s->session_index[i] != 0;
	if (cells != count->slab)
		violation(a, "session index and sessions differ in number", 0);
}

/* created - ended, unlike shard_alive without mercy for more ended than created. */
static uint64_t
difference(const struct shard *s, enum shard_total created, unsigned proto)
{
	return shard_total(s, created, proto) - shard_total(s, created + 1, proto);
}

static void
check_counts(struct audit *a, const struct shard *s, const uint32_t *scratch, const struct count *count)
{
	uint64_t live = 0, sessions = 0, inlined = 0;

	for (uint32_t slot = 0; slot < s->l->slots; slot++) {
		const struct record *r = &s->records[slot];

		if (!record_live(s, slot))
			continue;
		inlined += !!(r->flags & RECORD_INLINE);
		if (scratch && r->sessions != scratch[slot] + !!(r->flags & RECORD_INLINE))
			violation(a, "binding's count of sessions is wrong", slot);
	}
	for (unsigned p = 0; p < NAT64_N_PROTOS; p++) {
		live += count->live[p];
		sessions += count->sessions[p];
		if (difference(s, SHARD_BINDINGS_CREATED, p) != count->live[p])
			violation(a, "bindings created - ended is not how many there are", 0);
		if (difference(s, SHARD_SESSIONS_CREATED, p) != count->sessions[p])
			violation(a, "sessions created - ended is not how many there are", 0);
	}
	if (live != count->indexed)
		violation(a, "index and bindings differ in number", 0);
	if (sessions != inlined + count->slab)
		violation(a, "sessions counted and sessions found differ in number", 0);
}

void
audit_shard(struct audit *a, const struct shard *s, const struct layout_header *h, const struct layout_secret *secret,
	    uint32_t *scratch)
{
	struct count count = { .live = { 0 } };

	if (s->head->intent.effects)
		violation(a, "an intent is under way", s->head->intent.slot);
	for (unsigned area = 0; area < h->addresses_used * NAT64_N_PROTOS; area++)
		check_area(a, s, h, secret, area, &count);
	for (uint32_t slot = s->l->pool_slots; slot < s->l->slots; slot++)
		if (record_live(s, slot)) {
			a->records++;
			check_live(a, s, secret, slot, &count);
		}
	if (scratch)
		memset(scratch, 0, s->l->slots * sizeof(*scratch));
	check_index(a, s, &count);
	check_sessions(a, s, scratch, &count);
	check_counts(a, s, scratch, &count);
}
