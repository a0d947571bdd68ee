/*
 * audit.h - every invariant of a shard, checked from the records up
 */
#ifndef SHM_AUDIT_H
#define SHM_AUDIT_H

#include "shm/shard.h"

struct audit {
	uint64_t records;		/* live or held records seen */
	uint64_t violations;
	const char *first;		/* what the first violation is; NULL: none */
	uint32_t first_slot;
};

/*
 * Check a shard that nobody writes meanwhile. The state words are the truth; bitmaps, counts, index and totals must
 * follow from them. scratch is layout.slots words of memory, whose contents do not matter, or NULL: then the number of
 * sessions is checked in sum and not binding by binding. *a must be zeroed before the first shard; shards add up.
 */
void audit_shard(struct audit *a, const struct shard *s, const struct layout_header *h,
		 const struct layout_secret *secret, uint32_t *scratch);

#endif
