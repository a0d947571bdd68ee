/*
 * scrub.h - the audit of a worker's own shards, for ever, and at once when asked
 */
#ifndef WORKER_SCRUB_H
#define WORKER_SCRUB_H

#include "shm/audit.h"
#include "worker/xlat/nat64.h"

struct scrub {
	const struct nat64 *nat64;
	struct layout_audit *line;	/* where the outcome goes */
	struct audit audit;		/* the round under way */
	bool under_way;
	uint32_t shard;			/* the one that comes next, or is under way */
	uint32_t began;			/* table second of the round */
	uint32_t answering, answered;	/* the last request when this round began, and the last complete one */
	uint32_t second;		/* the one that spent belongs to */
	uint64_t spent;
};

/* Stand on an attached nat64. line is in its worker's line of the region. */
void scrub_open(struct scrub *s, const struct nat64 *nat64, struct layout_audit *line);

/*
 * Do a step of at most about half a millisecond, or nothing when this second's share is spent. request is image.audit:
 * when it has changed, a round begins that is not limited to that share. Returns true when there is more to do now.
 */
bool scrub_turn(struct scrub *s, uint32_t request, uint32_t now);

#endif
