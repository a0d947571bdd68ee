/*
 * handoff.h - packets between the workers of a tenant
 */
#ifndef WORKER_HANDOFF_H
#define WORKER_HANDOFF_H

#include "shm/ring.h"

struct handoff {
	struct ring to[CONFIG_MAX_WORKERS], from[CONFIG_MAX_WORKERS];
	struct layout_worker *line;	/* [workers] of the region */
	unsigned self, workers;
	uint32_t rung;			/* bit w: worker w has got something since the last handoff_ring */
	uint32_t stalled;		/* bit w: worker w did not take a packet for so long that nobody waits for it */
	uint32_t tail[CONFIG_MAX_WORKERS];	/* what worker w had taken when we looked last */
	uint32_t credit[CONFIG_MAX_WORKERS];	/* waits left for worker w; a packet that it had room for earns some */
};

/* Stand on the rings of worker `self` in a mapped region. */
void handoff_open(struct handoff *h, void *region, const struct layout *l, unsigned self);

/* Give a packet to another worker, with what it brings along. Returns false when it has no room, or is no other worker. */
bool handoff_give(struct handoff *h, unsigned worker, const void *packet, uint32_t len, const struct layout_meta *meta);

/*
 * After a handoff_give that failed: is it worth to wait? Yes while the other one takes packets, or did so not long ago: a
 * worker that died is replaced within milliseconds, and until then its packets shall wait with us and behind us in our
 * queue. tries counts the caller's waits. A worker that takes nothing is given up until it takes something again, and one that
 * says it takes packets, and has no room all the same, until it has.
 */
bool handoff_patience(struct handoff *h, unsigned worker, unsigned *tries);

/* Wake those who got something and sleep. Call once per batch. */
void handoff_ring(struct handoff *h);

/* Take the next packet that worker `from` left for us and, before, what it brings along: its length, or 0. */
uint32_t handoff_take(struct handoff *h, unsigned from, void *packet, struct layout_meta *meta);

/*
 * Say that we are about to sleep. Returns true when we may: nothing is waiting, and who gives us something from now on
 * rings our bell. handoff_awake takes it back.
 */
bool handoff_sleep(struct handoff *h);
void handoff_awake(struct handoff *h);

#endif
