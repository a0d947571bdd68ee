/*
 * ring.h - packets from one worker to another: one producer, one consumer
 *
 * Both sides may be killed or hostile at any moment. The size is a constant, each side keeps its own index in private
 * memory, and the consumer copies a packet before it looks at it. The worst a hostile side can do is to lose or
 * garble packets of its own tenant.
 */
#ifndef SHM_RING_H
#define SHM_RING_H

#include "shm/atomic.h"
#include "shm/layout.h"

struct ring {
	uint32_t *head, *tail;		/* in the region; atomic; head is the producer's, tail the consumer's */
	uint8_t *slots;
	uint32_t stride, packet_size;
	uint32_t mine;			/* this side's index; private */
};

/* Stand on one side of the ring at base. A successor goes on where its predecessor stopped. */
void ring_open_producer(struct ring *r, void *base, const struct layout *l);
void ring_open_consumer(struct ring *r, void *base, const struct layout *l);

/*
 * Put a packet of len bytes, at most the layout's buffer_size, with what it brings along. Returns false when the ring is
 * full or len too large.
 */
bool ring_put(struct ring *r, const void *packet, uint32_t len, const struct layout_meta *meta);

/*
 * Copy the next packet to out, which has room for buffer_size bytes, and before that what it brings along to *meta. Returns its
 * length, or 0 when there is none.
 */
uint32_t ring_take(struct ring *r, void *out, struct layout_meta *meta);

/* Is there a packet to take? */
static inline bool
ring_waiting(const struct ring *r)
{
	return atomic_load_32(r->head) != r->mine;
}

#endif
