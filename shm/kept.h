/*
 * kept.h - packets that wait in shared memory for something to happen, each worker's own
 *
 * A packet is put with what it waits for (about), how long (until) and what becomes of it when nobody called
 * (kin.fate). kept_call_owner() gives all packets about something another fate, or what they lacked to go on, at
 * once. Due is who was called or whose time has come. What a dead worker has kept its successor finds; a store is as
 * long as the geometry says, and no source has more than a quarter.
 */
#ifndef SHM_KEPT_H
#define SHM_KEPT_H

#include "shm/layout.h"

#define KEPT_MAX 16384			/* packets of a worker, as config.def allows */
#define KEPT_NONE (-1)
#define KEPT_ABOUTS 4096

/* What is known of a packet besides its bytes. */
struct kept {
	uint32_t until;			/* atomic; table second from which it is due; 0: nothing is kept here. Stored last */
	uint32_t len;
	uint64_t about;			/* what it waits for; a keyed hash of the caller's */
	struct layout_kin kin;		/* atomic, as one word; what it brings along when due; no fate: it goes on its way */
	uint16_t note;			/* the caller's; of packets about the same, one with 0 is due first */
	uint8_t source;			/* a keyed hash of who sent it */
	uint8_t pad[5];
};

/* What its owner goes by, whatever siblings write into the line. */
struct kept_known {
	uint32_t until;
	uint16_t about;			/* the low bits */
	uint8_t source, fate;
};

/* A worker's place to stand; private memory. */
struct kept_store {
	struct kept *line;		/* [n]; siblings can write it, so every number in it is bounded at its use */
	uint8_t *packets;
	uint32_t n, stride, packet_size;
	uint32_t second;		/* of the last look at who is due */
	uint64_t used[KEPT_MAX / 64], due[KEPT_MAX / 64];
	struct kept_known known[KEPT_MAX];	/* of the places in use */
	uint16_t of_source[256];
	uint16_t of_about[KEPT_ABOUTS];	/* by the low bits: where there is none, nobody has to look */
};

/* Stand on what worker w keeps in a mapped region, and count it. */
void kept_open(struct kept_store *k, void *region, const struct layout *l, unsigned w);

/*
 * Keep what->len bytes of a packet until a second that is yet to come. Returns false when there is no room, or when this
 * source has its share.
 */
bool kept_put_owner(struct kept_store *k, const struct kept *what, const uint8_t *packet);

/* All packets about this are due, and bring this along: a fate, or what they lacked. */
void kept_call_owner(struct kept_store *k, uint64_t about, const struct layout_kin *kin);

/* The place of the next packet that is due at this second, or KEPT_NONE. UINT32_MAX: all are due. */
int kept_due(struct kept_store *k, uint32_t now);

/* The packet at a place, as long as the place is not freed. Its length is at most packet_size. */
uint8_t *kept_packet(const struct kept_store *k, uint32_t place, uint32_t *len);

/* Nothing is kept there any more. */
void kept_free_owner(struct kept_store *k, uint32_t place);

/* The next place from `place` up where a packet about this is kept, or KEPT_NONE. */
int kept_about(const struct kept_store *k, uint64_t about, uint32_t place);

/* How many packets have this fate: returns all, and sets *own to those of this source. */
uint32_t kept_count(const struct kept_store *k, uint8_t fate, uint8_t source, uint32_t *own);

#endif
