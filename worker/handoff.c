/*
 * handoff.c - rings and bells
 *
 * The kernel deals packets to queues by its own hash, so a packet may be read by a worker that does not own its shard.
 * It goes to the owner through a ring of the region. The owner may sleep in ppoll; its bell, an eventfd, is rung only
 * then. Giver: store the packet, fence, look whether the taker sleeps. Taker: say that it sleeps, fence, look into the
 * rings. One of the two sees the other, so no packet is left lying.
 * A full ring is waited for, but never for ever, and not twice in a row: see handoff_patience. What a worker says to have
 * taken it may only pretend, so waits are paid with what we earn by packets that it had room for.
 * Must never: ring for a packet that was not stored.
 */
#include <unistd.h>
#include "supervisor/birth/heritage.h"
#include "worker/handoff.h"

#define PATIENCE 1000			/* waits of 0.1 ms or more without a packet taken, before a worker is given up */
#define MOST_CREDIT 10000		/* waits for one worker, whatever it pretends to do */
#define EARNED 10			/* by a packet that it had room for */

void
handoff_open(struct handoff *h, void *region, const struct layout *l, unsigned self)
{
	*h = (struct handoff) { .line = layout_at(region, l->workers), .self = self, .workers = l->g.workers };
	for (unsigned w = 0; w < l->g.workers; w++) {
		h->credit[w] = MOST_CREDIT;
		ring_open_producer(&h->to[w], layout_at(region, layout_ring(l, self, w)), l);
		ring_open_consumer(&h->from[w], layout_at(region, layout_ring(l, w, self)), l);
	}
}

bool
handoff_give(struct handoff *h, unsigned worker, const void *packet, uint32_t len, const struct layout_meta *meta)
{
	if (worker >= h->workers || worker == h->self || !ring_put(&h->to[worker], packet, len, meta))
		return false;
	h->rung |= 1u << worker;
	h->credit[worker] = h->credit[worker] < MOST_CREDIT - EARNED ? h->credit[worker] + EARNED : MOST_CREDIT;
	return true;
}

bool
handoff_patience(struct handoff *h, unsigned worker, unsigned *tries)
{
	uint32_t bit, tail;

	if (worker >= h->workers || worker == h->self)
		return false;
	bit = 1u << worker;
	tail = atomic_load_32(h->to[worker].tail);
	if (tail != h->tail[worker]) {
		h->tail[worker] = tail;
		h->stalled &= ~bit;
		*tries = 0;
	} else if (++*tries > PATIENCE) {
		h->stalled |= bit;
	}
	if (h->stalled & bit || h->credit[worker] == 0)
		return false;
	h->credit[worker]--;
	return true;
}

void
handoff_ring(struct handoff *h)
{
	static const uint64_t one = 1;

	if (!h->rung)
		return;
	atomic_fence();		/* pairs with the fence in handoff_sleep */
	for (; h->rung; h->rung &= h->rung - 1) {
		int worker = __builtin_ctz(h->rung);

		if (atomic_load_32(&h->line[worker].asleep) &&
		    write(HERITAGE_BELLS + worker, &one, sizeof(one)) < 0)
			continue;	/* the counter is full: it rings already */
	}
}

uint32_t
handoff_take(struct handoff *h, unsigned from, void *packet, struct layout_meta *meta)
{
	return from == h->self ? 0 : ring_take(&h->from[from], packet, meta);
}

bool
handoff_sleep(struct handoff *h)
{
	atomic_store_32(&h->line[h->self].asleep, 1);
	atomic_fence();		/* pairs with the fence in handoff_ring */
	for (unsigned w = 0; w < h->workers; w++)
		if (w != h->self && ring_waiting(&h->from[w]))
			return false;
	return true;
}

void
handoff_awake(struct handoff *h)
{
	atomic_store_32(&h->line[h->self].asleep, 0);
}
