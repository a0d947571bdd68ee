/*
 * kin.c - fragments of one packet, found again and compared
 *
 * The ranges of a packet never overlap and never repeat: what would is told to the caller instead. So their lengths
 * add up to the packet when it is complete, and looking through at most 128 of them is all there is to do for a
 * fragment. Whom to replace: what is over, then what is complete, oldest first. A first fragment goes on at once and
 * needs nothing but this entry, so for it those are given up too that have nothing but fragments out of order, and
 * then the oldest of all; a fragment out of order never costs another packet its place.
 * Must never: believe a number of ranges found in the region; tell two packets apart by less than the whole tag.
 */
#include "shm/atomic.h"
#include "shm/kin.h"

struct kin *
kin_find(struct kin_bucket *b, uint64_t tag, uint32_t now)
{
	for (unsigned i = 0; i < KIN_WAYS; i++)
		if (atomic_load_64(&b->tag[i]) == tag && b->way[i].until > now)
			return &b->way[i];
	return NULL;
}

/* How much it would cost to lose this one: 0 nothing, 3 most. */
static unsigned
worth(const struct kin_bucket *b, unsigned i, uint32_t now)
{
	if (atomic_load_64(&b->tag[i]) == 0 || b->way[i].until <= now)
		return 0;
	if (b->way[i].state == KIN_DONE)
		return 1;
	return b->way[i].state == KIN_OPEN ? 3 : 2;
}

struct kin *
kin_make_owner(struct kin_bucket *b, uint64_t tag, bool first, uint32_t now, uint32_t until, uint64_t *lost)
{
	unsigned at = 0, least = worth(b, 0, now);

	for (unsigned i = 1; i < KIN_WAYS; i++) {
		unsigned w = worth(b, i, now);

		if (w < least || (w == least && b->way[i].until < b->way[at].until)) {
			at = i;
			least = w;
		}
	}
	*lost = 0;
	if (least > 1 && !first)
		return NULL;
	if (b->way[at].kept && b->way[at].state == KIN_WAITING)
		*lost = b->tag[at];
	atomic_store_64(&b->tag[at], 0);
	b->way[at] = (struct kin) { .until = until };
	atomic_store_64(&b->tag[at], tag);
	return &b->way[at];
}

void
kin_renew_owner(struct kin *k, uint32_t until)
{
	atomic_store_8(&k->first, 0);
	k->until = until;
	k->whole = k->check = 0;
	k->gather = k->kept = 0;
	atomic_store_32(&k->ranges, 0);
	atomic_store_8(&k->state, KIN_WAITING);
}

static uint32_t
ranges(const struct kin *k)
{
	uint32_t n = atomic_load_32(&k->ranges);

	return n < KIN_RANGES ? n : KIN_RANGES;
}

uint32_t
kin_range(const struct kin *k, uint32_t at, uint32_t len)
{
	uint32_t n = ranges(k);

	for (uint32_t i = 0; i < n; i++)
		if (k->range[i].at * 8u == at && k->range[i].len == len)
			return i;
	return KIN_RANGES;
}

enum kin_news
kin_news(const struct kin *k, uint32_t at, uint32_t len, bool more)
{
	uint32_t end = at + len, n = ranges(k), furthest = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = k->range[i].at * 8u, to = from + k->range[i].len;

		if (from == at && to == end && (more ? to != k->whole : to == k->whole))
			return KIN_AGAIN;
		if (from < end && at < to)
			return KIN_CONTRADICTS;
		furthest = to > furthest ? to : furthest;
	}
	if (more ? k->whole && end >= k->whole : (k->whole && end != k->whole) || end < furthest)
		return KIN_CONTRADICTS;
	return n == KIN_RANGES ? KIN_TOO_MANY : KIN_NEW;
}

void
kin_note_owner(struct kin *k, uint32_t at, uint32_t len, bool more)
{
	uint32_t n = ranges(k);

	if (n == KIN_RANGES)
		return;
	if (!more)
		k->whole = (uint16_t)(at + len);
	k->range[n] = (struct kin_range) { (uint16_t)(at / 8), (uint16_t)len };
	atomic_store_32(&k->ranges, n + 1);
}

bool
kin_complete(const struct kin *k)
{
	uint32_t sum = 0, n = ranges(k);

	for (uint32_t i = 0; i < n; i++)
		sum += k->range[i].len;
	return k->whole != 0 && sum == k->whole;
}
