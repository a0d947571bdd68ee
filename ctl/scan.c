/*
 * scan.c - from one live binding to the next, past the empty ones
 *
 * A table has room for every port of the pool, most of it never used, and memory that was never written must not be
 * read: a read would make the kernel provide it. So the walk goes by the bitmaps of free ports and free sessions, 64
 * at a time, and looks only where a bit says that something may be. The bits are hints. What decides is the copy
 * that record_read and session_read take, and the place it was found at: a copy whose protocol, address or port is
 * not that of its slot is nobody's binding and is passed over.
 *
 * Every step costs one unit of the budget, so that one long walk cannot keep other readers waiting. The bitmaps are a
 * worker's: the worst it can do is to make us look at each slot once, and their number is the layout's.
 *
 * Must never: take a slot or a count from the region without comparing it with the layout.
 */
#include "ctl/scan.h"

void
scan_start(struct scan *sc, void *region, const struct layout *l)
{
	*sc = (struct scan){ .l = l, .region = region };
}

/*
 * Which of the 64 slots from word * 64 on may hold a binding. A free bit is clear, too, for a port that may not be
 * given out, but whole blocks of those need no look.
 */
static uint64_t
slot_bits(const struct scan *sc, const struct shard *s, uint32_t word)
{
	const struct layout *l = sc->l;
	const struct layout_header *h = layout_header(sc->region);
	uint32_t group = word / l->blocks_per_shard, local = word % l->blocks_per_shard;
	uint32_t a = group / NAT64_N_PROTOS, left;

	if (word < l->pool_slots / LAYOUT_BLOCK_PORTS) {
		if (a >= h->addresses_used)
			return 0;
		if (local >= h->address[a].blocks)
			return 0;
		return ~atomic_load_64(&shard_pool(s, a, group % NAT64_N_PROTOS)->word[local]);
	}
	left = l->slots - word * 64;		/* static slots have no bitmap: look at each */
	return left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
}

/* Which of the 64 places from word * 64 on are in use, of n sessions or subscribers. */
static uint64_t
place_bits(const uint64_t *free, uint32_t n, uint32_t word)
{
	uint32_t left = n - word * 64;
	uint64_t bits = ~atomic_load_64(&free[word]);

	return left >= 64 ? bits : bits & ((UINT64_C(1) << left) - 1);
}

/* Move on to the next 64 places, into the slab if `slab`, into the next shard. False at the end of the last. */
static bool
next_word(struct scan *sc, bool slab)
{
	uint32_t words = ((sc->slab ? sc->l->g.shard_sessions : sc->l->slots) + 63) / 64;
	struct shard s;

	while (sc->word >= words) {
		sc->word = 0;
		if (slab && !sc->slab) {
			sc->slab = true;
		} else {
			sc->slab = false;
			sc->shard++;
		}
		words = ((sc->slab ? sc->l->g.shard_sessions : sc->l->slots) + 63) / 64;
		if (sc->shard >= sc->l->g.shards)
			return false;
	}
	shard_view(&s, sc->region, sc->l, sc->shard);
	sc->bits = sc->slab ? place_bits(s.session_free, sc->l->g.shard_sessions, sc->word) : slot_bits(sc, &s, sc->word);
	sc->base = sc->word++ * 64;
	return true;
}

/* Is r what a binding in this slot can be? */
static bool
agrees(const struct scan *sc, uint32_t slot, const struct record *r)
{
	const struct layout_header *h = layout_header(sc->region);
	uint32_t group = slot / sc->l->ports_per_shard;

	if (slot >= sc->l->pool_slots)
		return r->proto < NAT64_N_PROTOS;
	return r->proto == group % NAT64_N_PROTOS && group / NAT64_N_PROTOS < CONFIG_MAX_POOL &&
	       r->ip4 == h->address[group / NAT64_N_PROTOS].ip4 &&
	       r->port4 % LAYOUT_BLOCK_PORTS == slot % LAYOUT_BLOCK_PORTS;
}

static bool
read_record(const struct scan *sc, const struct shard *s, uint32_t slot, struct scan_hit *hit)
{
	return record_read(s, slot, &hit->record, &hit->expires) && agrees(sc, slot, &hit->record);
}

static bool
read_inline(const struct scan *sc, const struct shard *s, uint32_t slot, struct scan_hit *hit)
{
	const struct record *r = &hit->record;

	if (!read_record(sc, s, slot, hit) || !(r->flags & RECORD_INLINE))
		return false;
	hit->session = (struct session){
		.remote4 = r->remote4, .remote_port = r->remote_port, .tcp = r->tcp, .expires = hit->expires,
	};
	return true;
}

static bool
read_slab(const struct scan *sc, const struct shard *s, uint32_t number, struct scan_hit *hit)
{
	struct session *copy = &hit->session;
	uint32_t slot;

	if (!session_read(s, number, copy) || copy->key == 0 || copy->via == SESSION_PEER)
		return false;
	slot = session_slot(copy);
	return slot < sc->l->slots && read_record(sc, s, slot, hit) &&
	       (uint32_t)(hit->record.state >> 8) == (uint32_t)copy->key;
}

static enum scan_result
scan_next(struct scan *sc, struct scan_hit *hit, bool sessions)
{
	struct shard s;

	while (sc->shard < sc->l->g.shards) {
		uint32_t place;
		bool found;

		if (sc->budget == 0)
			return SCAN_PAUSE;
		sc->budget--;
		if (sc->bits == 0) {
			if (!next_word(sc, sessions))
				break;
			continue;
		}
		place = sc->base + (uint32_t)__builtin_ctzll(sc->bits);
		sc->bits &= sc->bits - 1;
		shard_view(&s, sc->region, sc->l, sc->shard);
		if (sc->slab)
			found = read_slab(sc, &s, place, hit);
		else if (sessions)
			found = read_inline(sc, &s, place, hit);
		else
			found = read_record(sc, &s, place, hit);
		if (found)
			return SCAN_HIT;
	}
	return SCAN_END;
}

enum scan_result
scan_record(struct scan *sc, struct scan_hit *hit)
{
	return scan_next(sc, hit, false);
}

enum scan_result
scan_session(struct scan *sc, struct scan_hit *hit)
{
	return scan_next(sc, hit, true);
}

enum scan_result
scan_subscriber(struct scan *sc, struct subscriber *copy)
{
	uint32_t n = sc->l->shard_subscribers, place;
	struct shard s;

	for (; sc->shard < sc->l->g.shards; sc->shard++, sc->word = 0) {
		shard_view(&s, sc->region, sc->l, sc->shard);
		while (sc->bits || sc->word * 64 < n) {
			if (sc->budget == 0)
				return SCAN_PAUSE;
			sc->budget--;
			if (sc->bits == 0) {
				sc->base = sc->word * 64;
				sc->bits = place_bits(s.subscriber_free, n, sc->word++);
				continue;
			}
			place = sc->base + (uint32_t)__builtin_ctzll(sc->bits);
			sc->bits &= sc->bits - 1;
			if (subscriber_read(&s, place, copy))
				return SCAN_HIT;
		}
	}
	return SCAN_END;
}
