/*
 * kin.h - what the fragments of one packet have in common, in shared memory, each worker's own
 *
 * A packet that comes in fragments has a struct kin from its first fragment seen until the room is needed: its ports, and which
 * bytes of it were seen. It lies in a bucket that its source chooses without knowing which, so a source that makes
 * many of them loses none but its own and those of the few that share its bucket.
 */
#ifndef SHM_KIN_H
#define SHM_KIN_H

#include "shm/layout.h"

#define KIN_WAYS 16			/* packets of one bucket */
#define KIN_RANGES 128			/* fragments of one packet */

enum kin_state {
	KIN_WAITING,			/* not all has come that must, before any fragment goes on */
	KIN_OPEN,			/* what comes goes on */
	KIN_DONE,			/* the same, and all of it was seen: who needs the room may have it */
	KIN_OVERLAP,			/* fragments contradict each other: what comes is dropped (RFC 5722) */
};

struct kin_range {
	uint16_t at, len;		/* at in units of 8 bytes */
};

/* A successor finds each field as it was before or after a fragment, which it then meets again. */
struct kin {
	uint32_t until;			/* table second from which this is nothing */
	uint16_t src_port, dst_port;	/* with first */
	uint16_t whole;			/* bytes of the transport message; 0: the last fragment was not seen */
	uint16_t check;			/* of UDP that came without a checksum: the one it gets, in the family it came in */
	uint8_t state;			/* enum kin_state */
	uint8_t first;			/* 1: the first fragment was seen */
	uint8_t gather;			/* 1: nothing goes on before all have come */
	uint8_t kept;			/* 1: fragments wait in the store */
	uint32_t ranges;		/* atomic; stored after the range */
	uint8_t pad[12];
	struct kin_range range[KIN_RANGES];
};

struct kin_bucket {
	uint64_t tag[KIN_WAYS];		/* atomic; keyed hash of what names a packet; 0: nobody. Stored last */
	struct kin way[KIN_WAYS];
};

/* The buckets of worker w in a mapped region: [l->kin_buckets]. */
static inline struct kin_bucket *
kin_buckets(void *region, const struct layout *l, unsigned w)
{
	return (struct kin_bucket *)layout_at(region, l->kins) + (size_t)w * l->kin_buckets;
}

/* The kin with this tag, or NULL. */
struct kin *kin_find(struct kin_bucket *b, uint64_t tag, uint32_t now);

/*
 * Room for a new one, empty and WAITING: in place of what is over or done. When the first fragment of a packet is
 * there, also of one that only has fragments out of order, and at last of the oldest (RFC 4787 REQ-14a). *lost is the
 * tag of who lost his place to it, or 0. Returns NULL when there is no room.
 */
struct kin *kin_make_owner(struct kin_bucket *b, uint64_t tag, bool first, uint32_t now, uint32_t until, uint64_t *lost);

/*
 * The name is another packet's now: begin anew, WAITING. A death in between leaves what a first fragment makes begin anew
 * again.
 */
void kin_renew_owner(struct kin *k, uint32_t until);

/* What a fragment is to those seen before. */
enum kin_news {
	KIN_NEW,			/* not seen before */
	KIN_AGAIN,			/* exactly this one was seen */
	KIN_CONTRADICTS,		/* it overlaps another one, or ends where the packet does not */
	KIN_TOO_MANY,
};
/* A fragment of len bytes, at least one, at byte `at`, which is a multiple of 8; more: it is not the last one. */
enum kin_news kin_news(const struct kin *k, uint32_t at, uint32_t len, bool more);

/* Note a fragment that is KIN_NEW. */
void kin_note_owner(struct kin *k, uint32_t at, uint32_t len, bool more);

/* The number of the range at this byte, below KIN_RANGES, or KIN_RANGES. */
uint32_t kin_range(const struct kin *k, uint32_t at, uint32_t len);

/* Has every byte been seen? */
bool kin_complete(const struct kin *k);

#endif
