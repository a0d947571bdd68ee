/*
 * ring.c - one producer, one consumer, either of which may vanish
 *
 * A put is whole once head is stored: a producer killed before that has put nothing. A take is whole once tail is
 * stored: a consumer killed before that leaves the packet to its successor.
 * Must never: wait for the other side; believe an index or a length found in shared memory.
 */
#include "shm/ring.h"

#define HEAD 0				/* the two indices on cache lines of their own, the slots behind */
#define TAIL 128
#define SLOTS 256
#define META 8				/* in a slot, behind the length */

static void
open_side(struct ring *r, void *base, const struct layout *l)
{
	*r = (struct ring) {
		.head = layout_at(base, HEAD),
		.tail = layout_at(base, TAIL),
		.slots = layout_at(base, SLOTS),
		.stride = l->buffer_stride,
		.packet_size = l->buffer_size,
	};
}

void
ring_open_producer(struct ring *r, void *base, const struct layout *l)
{
	open_side(r, base, l);
	r->mine = atomic_load_32(r->head);
}

void
ring_open_consumer(struct ring *r, void *base, const struct layout *l)
{
	open_side(r, base, l);
	r->mine = atomic_load_32(r->tail);
}

static uint8_t *
slot(const struct ring *r)
{
	return r->slots + (size_t)(r->mine % LAYOUT_RING_SLOTS) * r->stride;
}

bool
ring_put(struct ring *r, const void *packet, uint32_t len, const struct layout_meta *meta)
{
	if (r->mine - atomic_load_32(r->tail) >= LAYOUT_RING_SLOTS || len > r->packet_size)
		return false;
	memcpy(slot(r), &len, sizeof(len));
	memcpy(slot(r) + META, meta, sizeof(*meta));
	memcpy(slot(r) + LAYOUT_HEADROOM, packet, len);
	atomic_store_32(r->head, ++r->mine);	/* pairs with the load in ring_take */
	return true;
}

uint32_t
ring_take(struct ring *r, void *out, struct layout_meta *meta)
{
	uint32_t head = atomic_load_32(r->head), len;

	if (head == r->mine)
		return 0;
	if (head - r->mine > LAYOUT_RING_SLOTS) {	/* a hostile producer, or one that restarted elsewhere */
		r->mine = head;
		atomic_store_32(r->tail, r->mine);
		return 0;
	}
	memcpy(&len, slot(r), sizeof(len));
	if (len > r->packet_size)
		len = r->packet_size;
	memcpy(meta, slot(r) + META, sizeof(*meta));
	memcpy(out, slot(r) + LAYOUT_HEADROOM, len);
	atomic_store_32(r->tail, ++r->mine);	/* pairs with the load in ring_put */
	return len;
}
