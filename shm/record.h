/*
 * record.h - a binding: one 64-byte record per pool port and protocol
 *
 * The record lives for ever at the place its port gives it (layout.h). Its state word is at once "this port is taken"
 * and "this binding exists"; the free bit, the index entry and all counts follow from it.
 *
 *   FREE   nobody's; the fields are garbage. The owner fills them, then commits LIVE.
 *   LIVE   a binding. ip6, port6, proto, ip4, port4 and created do not change until the state does.
 *          If its owner dies here, nothing happens: the successor finds it.
 *   HELD   resting after its end (RFC 6888 REQ-8); expires[] says until when. Fields are garbage.
 *
 * LIVE and HELD are entered, and left, with a new generation, so a reader that sees the same word before and after
 * its copy has copied one binding.
 */
#ifndef SHM_RECORD_H
#define SHM_RECORD_H

#include "shm/shard.h"

enum record_state { RECORD_FREE, RECORD_LIVE, RECORD_HELD };
enum record_flag {
	RECORD_STATIC = 1,		/* from the configuration; never expires */
	RECORD_INLINE = 2,		/* the inline session below is in use */
};

struct record {
	uint64_t state;			/* atomic; generation << 8 | enum record_state */
	struct ip6 ip6;			/* X' */
	uint32_t ip4;			/* T */
	uint16_t port6, port4;		/* x, t; ICMP: the identifiers */
	uint8_t proto;			/* enum nat64_proto */
	uint8_t tcp;			/* atomic; inline session: enum tcpname */
	uint8_t flags;			/* atomic; enum record_flag bits */
	uint8_t via;			/* inline session: number of the prefix that its IPv6 host uses; stays when it ends */
	uint32_t remote4;		/* inline session: the IPv4 host and its port (0 for ICMP) */
	uint16_t remote_port, pad2;
	uint32_t sessions;		/* atomic; sessions of this binding, the inline one included */
	uint32_t created;		/* table seconds */
	uint32_t subscriber;		/* number of the entry that counts it (shm/subscriber.h) */
	uint32_t spare[2];
};
_Static_assert(sizeof(struct record) == 64, "a record is one cache line");
#define RECORD_WORDS 8

struct record_key {
	struct ip6 ip6;
	uint16_t port6;
	uint8_t proto;
};

/* The keyed hash of a binding's IPv6 side. key is layout_secret.index_key. */
uint64_t record_hash(const uint8_t key[16], const struct record_key *k);

/* The slot of the live binding of k, or -1. hash is record_hash of k. */
int64_t record_find(const struct shard *s, const struct record_key *k, uint64_t hash);

/*
 * Of the binding that hash may stand for: its slot, or -1; nothing is compared, and the record is not looked at. For who
 * fetches things before they are needed, after index_prefetch.
 */
int64_t record_guess(const struct shard *s, uint64_t hash);

/* Is the record in this slot, which must be below layout.slots, live? */
static inline bool
record_live(const struct shard *s, uint32_t slot)
{
	return (atomic_load_64(&s->records[slot].state) & 0xff) == RECORD_LIVE;
}

/* The low 32 bits of the generation: what a session remembers of its binding. */
static inline uint32_t
record_generation(const struct record *r)
{
	return (uint32_t)(atomic_load_64(&r->state) >> 8);
}

/* What a new binding's first session looks like. */
struct record_first {
	uint32_t remote4, expires;
	uint16_t remote_port;
	uint8_t tcp, via;
};

/*
 * Bind k to the free port in slot, whose pool address and port the caller names, with one session. key is
 * layout_secret.index_key. Returns 0, or -1 when both buckets of an index are full: nothing has changed then.
 */
int record_create_owner(struct shard *s, const uint8_t key[16], uint32_t slot, const struct record_key *k, uint32_t ip4,
			uint16_t port4, const struct record_first *first, uint32_t now);

/* Bind k to the static slot for ever, with no session; a no-op when that very binding is there. As above. */
int record_create_static_owner(struct shard *s, const uint8_t key[16], uint32_t slot, const struct record_key *k,
			       uint32_t ip4, uint16_t port4, uint32_t now);

/* End a binding without sessions; its port is held until release, or free at once when release <= now. */
void record_remove_owner(struct shard *s, uint32_t slot, const uint8_t index_key[16], uint32_t now,
			 uint32_t release);

/* A free port of the pool rests until release, which is not 0. */
void record_hold_owner(struct shard *s, uint32_t slot, uint32_t release);

/* A held port becomes free. */
void record_release_owner(struct shard *s, uint32_t slot);

/*
 * Copy a record that may change meanwhile, with its expiry. Returns true when *copy is one live binding; false when
 * the slot holds none or would not hold still for 3 tries. For readers; *copy is still hostile input.
 */
bool record_read(const struct shard *s, uint32_t slot, struct record *copy, uint32_t *expires);

#endif
