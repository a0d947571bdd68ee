/*
 * kept.c - packets that wait
 *
 * A packet is here once `until` is stored, and gone once it is 0; whoever dies in between has kept it whole or not at
 * all. The maps of places in use and of packets due are private and made anew by a successor, who finds who was
 * called by its `until`, which lies in the past then. So is what they are counted by, and when they are due: a sibling
 * that changes a line costs at most that packet. Looking for what is due costs one look at each packet a second;
 * being called, one at each packet. Both are bounded by a store that is small by design, and a source that fills its
 * quarter of it has nothing of the others.
 * Must never: believe a number found in the region; keep a packet without an end to its stay.
 */
#include <string.h>
#include "shm/atomic.h"
#include "shm/kept.h"

#define CALLED 1			/* a second before every packet */

static bool
get(const uint64_t *map, uint32_t i)
{
	return map[i / 64] >> i % 64 & 1;
}

static void
set(uint64_t *map, uint32_t i)
{
	map[i / 64] |= UINT64_C(1) << i % 64;
}

static void
clear(uint64_t *map, uint32_t i)
{
	map[i / 64] &= ~(UINT64_C(1) << i % 64);
}

/* The first bit from i up that is set, below n; or KEPT_NONE. */
static int
next(const uint64_t *map, uint32_t i, uint32_t n)
{
	uint64_t word;

	for (; i < n; i = (i / 64 + 1) * 64) {
		word = map[i / 64] >> i % 64;
		if (word)
			return (int)(i + (unsigned)__builtin_ctzll(word));
	}
	return KEPT_NONE;
}

/* What lies at this place is kept, and counted. */
static void
know(struct kept_store *k, uint32_t place, const struct kept *line, uint32_t until)
{
	const struct kept_known known = { until, line->about % KEPT_ABOUTS, line->source, line->kin.fate };

	set(k->used, place);
	k->known[place] = known;
	k->of_source[known.source]++;
	k->of_about[known.about]++;
}

void
kept_open(struct kept_store *k, void *region, const struct layout *l, unsigned w)
{
	*k = (struct kept_store) {
		.line = (struct kept *)layout_at(region, l->kept) + (size_t)w * l->g.kept,
		.packets = (uint8_t *)layout_at(region, l->kept_packets) + (size_t)w * l->g.kept * l->kept_stride,
		.n = l->g.kept, .stride = l->kept_stride, .packet_size = l->g.packet_size,
	};
	for (uint32_t i = 0; i < k->n; i++) {
		uint32_t until = atomic_load_32(&k->line[i].until);

		if (until)
			know(k, i, &k->line[i], until);
	}
}

/* A free place, or KEPT_NONE. */
static int
place_free(const struct kept_store *k)
{
	for (uint32_t i = 0; i < k->n; i += 64)
		if (~k->used[i / 64]) {
			i += (unsigned)__builtin_ctzll(~k->used[i / 64]);
			return i < k->n ? (int)i : KEPT_NONE;
		}
	return KEPT_NONE;
}

bool
kept_put_owner(struct kept_store *k, const struct kept *what, const uint8_t *packet)
{
	int place = place_free(k);
	struct kept line = *what;

	if (place < 0 || what->len > k->packet_size || k->of_source[what->source] >= (k->n + 3) / 4)
		return false;
	memcpy(k->packets + (size_t)place * k->stride, packet, what->len);
	line.until = 0;
	k->line[place] = line;
	atomic_store_32(&k->line[place].until, what->until ? what->until : CALLED);
	know(k, (uint32_t)place, what, what->until ? what->until : CALLED);
	return true;
}

int
kept_about(const struct kept_store *k, uint64_t about, uint32_t place)
{
	int i = k->of_about[about % KEPT_ABOUTS] ? next(k->used, place, k->n) : KEPT_NONE;

	while (i >= 0 && (k->known[i].about != about % KEPT_ABOUTS || k->line[i].about != about))
		i = next(k->used, (uint32_t)i + 1, k->n);
	return i;
}

uint32_t
kept_count(const struct kept_store *k, uint8_t fate, uint8_t source, uint32_t *own)
{
	uint32_t all = 0;

	*own = 0;
	for (int i = next(k->used, 0, k->n); i >= 0; i = next(k->used, (uint32_t)i + 1, k->n)) {
		if (k->known[i].fate != fate)
			continue;
		all++;
		*own += k->known[i].source == source;
	}
	return all;
}

void
kept_call_owner(struct kept_store *k, uint64_t about, const struct layout_kin *kin)
{
	uint64_t word;

	_Static_assert(sizeof(word) == sizeof(*kin) && offsetof(struct kept, kin) % sizeof(word) == 0, "one store");
	memcpy(&word, kin, sizeof(word));
	for (int i = kept_about(k, about, 0); i >= 0; i = kept_about(k, about, (uint32_t)i + 1)) {
		atomic_store_64((uint64_t *)(void *)&k->line[i].kin, word);
		atomic_store_32(&k->line[i].until, CALLED);
		k->known[i].until = CALLED;
		k->known[i].fate = kin->fate;
		set(k->due, (uint32_t)i);
	}
}

int
kept_due(struct kept_store *k, uint32_t now)
{
	int first, i;

	if (now != k->second || now == UINT32_MAX)
		for (i = next(k->used, 0, k->n); i >= 0; i = next(k->used, (uint32_t)i + 1, k->n))
			if (k->known[i].until <= now)
				set(k->due, (uint32_t)i);
	k->second = now;
	first = next(k->due, 0, k->n);
	if (first >= 0 && k->known[first].fate != 0)
		return first;		/* it ends, and that is the same in any order */
	for (i = first; i >= 0; i = next(k->due, (uint32_t)i + 1, k->n))
		if (k->line[i].about == k->line[first].about && k->line[i].note == 0)
			return i;
	return first;
}

uint8_t *
kept_packet(const struct kept_store *k, uint32_t place, uint32_t *len)
{
	uint32_t said = k->line[place].len;

	*len = said < k->packet_size ? said : k->packet_size;
	return k->packets + (size_t)place * k->stride;
}

void
kept_free_owner(struct kept_store *k, uint32_t place)
{
	if (!get(k->used, place))
		return;
	atomic_store_32(&k->line[place].until, 0);
	clear(k->used, place);
	clear(k->due, place);
	k->of_source[k->known[place].source]--;
	k->of_about[k->known[place].about]--;
}
