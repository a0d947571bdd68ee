/*
 * inflight.h - the packets a worker has in hand, kept so that a successor can go on with them
 */
#ifndef WORKER_INFLIGHT_H
#define WORKER_INFLIGHT_H

#include "shm/atomic.h"
#include "shm/layout.h"

struct inflight {
	struct layout_inflight *slot;	/* [LAYOUT_BUFFERS] of this worker; see layout.h for what a death leaves in it */
	uint8_t *buffers;
	uint32_t stride, buffer_size;
	bool said;			/* the device says something of each packet, in the bytes before it (tunio.h) */
	uint32_t *current;		/* layout_worker.current */
};

/* Stand on the buffers of worker w in a mapped region. said: its device has offloads. */
void inflight_open(struct inflight *f, void *region, const struct layout *l, unsigned w, bool said);

/* Where packet i begins in its buffer; LAYOUT_HEADROOM bytes before and buffer_size bytes from there are its own. */
static inline uint8_t *
inflight_buffer(const struct inflight *f, unsigned i)
{
	return f->buffers + (size_t)i * f->stride + LAYOUT_HEADROOM;
}

/*
 * What packet i brings along: zero unless somebody stored it, which is done before the packet is there; of one read from the
 * device before inflight_hold.
 */
struct layout_meta *inflight_meta(const struct inflight *f, unsigned i);

/* Packet i of len bytes is about to be translated in place. */
void inflight_hold(struct inflight *f, unsigned i, uint32_t len);

/* What becomes of packet i is decided, and nobody is to blame it for a death from now on; but it has not met its fate yet. */
void inflight_decided(struct inflight *f);

/* Packet i has met its fate; its buffer may be read into. */
void inflight_done(struct inflight *f, unsigned i);

/*
 * What a dead predecessor left in buffer i: the packet's length, and the packet as it was read in the buffer; or 0, and
 * the buffer may be read into. Call for every i before the first read.
 */
uint32_t inflight_left(struct inflight *f, unsigned i);

#endif
