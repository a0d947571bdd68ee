/*
 * shard.h - a shard of the binding table: one owner, and a redo log of one entry
 *
 * A shard is written by exactly one worker. Every change that touches more than one word goes through
 * shard_commit_owner(): the after-image of each word is put into the intent, the intent's `effects` word is stored
 * (that store is the commit), the effects are applied, the word is cleared. If the owner dies, its successor calls
 * shard_recover_owner(), which applies a committed intent again. Effects are absolute values, so applying twice, or
 * dying in the middle of recovery, changes nothing. Before the commit only words are written that nobody looks at:
 * the fields of a free record, of a free session, of an empty inline session.
 *
 * Readers (ctl) take no lock: see record_read and session_read.
 */
#ifndef SHM_SHARD_H
#define SHM_SHARD_H

#include "shm/atomic.h"
#include "shm/layout.h"

enum shard_effect {
	SHARD_RECORD = 1 << 0,		/* record.state, .flags, .sessions and expires[] of slot */
	SHARD_INDEX = 1 << 1,		/* index cell */
	SHARD_POOL = 1 << 2,		/* free bit of slot, the counts of its pool area */
	SHARD_SESSION = 1 << 3,		/* session.key and free bit of session */
	SHARD_SESSION_INDEX = 1 << 4,	/* session index cell */
	SHARD_BINDING_TOTAL = 1 << 5,	/* total number binding_total, one of the bindings' as a rule */
	SHARD_SESSION_TOTAL = 1 << 6,	/* total number session_total, one of the sessions' as a rule */
	SHARD_PEER = 1 << 7,		/* session.peer: of session the peer's number, of peer its count */
	SHARD_SUBSCRIBER = 1 << 8,	/* subscriber.state and free bit, and how many there are */
	SHARD_SUBSCRIBER_INDEX = 1 << 9,	/* subscriber index cell */
};

/* The after-image of one change. */
struct shard_intent {
	uint32_t effects;		/* atomic; enum shard_effect bits; 0: nothing under way. Stored last. */
	uint32_t slot, session;
	uint32_t record_flags, record_sessions, expires;
	uint64_t record_state;
	uint64_t session_key;
	uint32_t index_cell, index_value;
	uint32_t session_cell, session_value;
	uint32_t pool_free, pool_held, pool_group;
	uint16_t pool_bit, session_bit;
	uint32_t binding_total, session_total;	/* index into shard_head.total */
	uint64_t binding_value, session_total_value;
	uint32_t peer, peer_count;
	uint32_t subscriber, subscriber_cell, subscriber_value, subscribers;
	uint64_t subscriber_state;
} __attribute__((aligned(128)));
_Static_assert(sizeof(struct shard_intent) == 128, "one pair of cache lines");

/* What ever happened in this shard, by enum nat64_proto. Alive now = created - ended. */
enum shard_total {
	SHARD_BINDINGS_CREATED, SHARD_BINDINGS_ENDED, SHARD_SESSIONS_CREATED, SHARD_SESSIONS_ENDED, SHARD_N_TOTALS
};

struct shard_head {
	struct shard_intent intent;
	uint64_t total[SHARD_N_TOTALS * NAT64_N_PROTOS];	/* atomic; [total * NAT64_N_PROTOS + protocol] */
	uint64_t draws;			/* port choices made; input of the keyed random function */
	uint32_t complete;		/* atomic; 1: all that an old region had for this shard is here */
	uint32_t subscribers;		/* atomic; that have a binding */
	uint64_t cut;			/* bindings and rests of ports that were left behind then */
	uint32_t ports[NAT64_N_PROTOS];	/* of all pool addresses that do not leave; never changes */
	uint32_t pad;
};

/* The ports of one pool address and protocol that belong to one shard. */
#define SHARD_GROUP_WORDS 16
struct shard_pool {
	uint32_t total;			/* ports that may be given out */
	uint32_t free, held;		/* atomic; in use by dynamic bindings = total - free - held */
	uint32_t pad;
	uint16_t group_free[LAYOUT_BLOCKS / SHARD_GROUP_WORDS];	/* free ports in each 16 words */
	uint64_t word[];		/* [blocks_per_shard]; bit set: free */
};

/* A place to stand: pointers into the region for one shard, in the memory of the process that looks. */
struct shard {
	const struct layout *l;
	void *base;			/* of the shard */
	struct shard_head *head;
	uint32_t *expires;		/* [slots]; atomic; inline session's end, or the held port's release */
	uint32_t *index, *session_index, *subscriber_index;	/* cells; see index.h */
	uint64_t *session_free, *subscriber_free;	/* bitmap, bit set: free */
	uint64_t *session_summary, *subscriber_summary;	/* bitmap, bit set: that word of the other one has a free place */
	struct session *sessions;
	struct subscriber *subscribers;
	struct record *records;
	unsigned number;
};

/* Look at a shard of a mapped region. l and region must outlive the view. */
void shard_view(struct shard *s, void *region, const struct layout *l, unsigned number);

/* The ports of pool address number a and protocol p. */
static inline struct shard_pool *
shard_pool(const struct shard *s, unsigned a, unsigned p)
{
	return layout_at(s->base, s->l->pool + ((size_t)a * NAT64_N_PROTOS + p) * s->l->pool_stride);
}

/* Alive now, as a reader sees it: created - ended of bindings (SHARD_BINDINGS_CREATED) or sessions. Never negative. */
uint64_t shard_alive(const struct shard *s, enum shard_total created, enum nat64_proto proto);
/* One total. */
uint64_t shard_total(const struct shard *s, enum shard_total total, enum nat64_proto proto);

/* The lowest free of n places, so that memory stays dense; SHARD_NO_PLACE when there is none. */
#define SHARD_NO_PLACE UINT32_MAX
uint32_t shard_place(const uint64_t *free, const uint64_t *summary, uint32_t n);

/* Make the change in *after happen whole or not at all. after->effects says which fields count. */
void shard_commit_owner(struct shard *s, const struct shard_intent *after);

/* Finish what a dead owner had committed. Call before the first other use by a new owner. Returns true if there was. */
bool shard_recover_owner(struct shard *s);

#endif
