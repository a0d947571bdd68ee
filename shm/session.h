/*
 * session.h - a remote endpoint of a binding, with its own timer (RFC 6146 section 3.2)
 *
 * The first session of a binding lives inline in its record; the others are 24-byte sessions of the shard's slab, found
 * by a keyed hash of (slot, remote address, remote port). A session names its binding by slot and generation, so one
 * whose binding is gone is recognised where it stands.
 *
 *   key == 0   free; the fields are garbage. The owner fills them, then commits the key.
 *   key != 0   a session, as long as record slot is live with that generation; otherwise an orphan, which the clock
 *              hand removes. If its owner dies here, nothing happens.
 *
 * With address-dependent filtering (RFC 4787 section 5) a place of the slab may also hold a peer: one remote address of a
 * binding, and how many of the binding's sessions of the slab are with it, on whatever port. So "is there any session
 * with this address" is one look-up, however many there are. A peer that counts none is nobody's; the clock hand
 * removes it.
 */
#ifndef SHM_SESSION_H
#define SHM_SESSION_H

#include "shm/record.h"

#define SESSION_INLINE UINT32_MAX	/* the number of the inline session */
#define SESSION_NONE (UINT32_MAX - 1)
#define SESSION_PEER 0xff		/* in place of a prefix's number: not a session, but a peer */

struct session {
	uint64_t key;			/* atomic; (slot + 1) << 32 | low 32 bits of the binding's generation; 0: free */
	uint32_t remote4;
	uint16_t remote_port;		/* 0 for ICMP */
	uint8_t tcp;			/* atomic; enum tcpname */
	uint8_t via;			/* number of the prefix that the IPv6 host uses for it, or SESSION_PEER */
	uint32_t expires;		/* atomic; table seconds */
	uint32_t peer;			/* 1 + number of the peer that counts it, or 0. Of a peer: how many it counts */
};
_Static_assert(sizeof(struct session) == 24, "24 bytes and 8 of index make 32 per session");
#define SESSION_WORDS 3

/* The session of the live binding in slot with this remote endpoint: its number, SESSION_INLINE or SESSION_NONE. */
uint32_t session_find(const struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t remote4,
		      uint16_t remote_port);

/*
 * Fetch what session_find will look at first, beyond the record. Returns the hash that session_fetch needs, or 0 when there
 * is nothing more to fetch. Of hints, neither decides anything.
 */
uint64_t session_prefetch(const struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t remote4,
			  uint16_t remote_port);
/* Then fetch the session that it may find. */
void session_fetch(const struct shard *s, uint64_t hash);

/* How many sessions more the shard may take (max-sessions, shared evenly by the shards). Is it one at least? */
uint32_t session_left(const struct shard *s);
bool session_room(const struct shard *s);

/* Add one to the live binding in slot. Returns its number, or SESSION_NONE when the shard is full. */
uint32_t session_add_owner(struct shard *s, const uint8_t key[16], uint32_t slot, const struct record_first *first);

/*
 * Have session number of the live binding in slot counted by the peer of its remote address, so that session_known finds
 * it. A no-op when it is, and when it is inline, for that is found anyway. Without room for a peer it stays uncounted.
 */
void session_vouch_owner(struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t number, uint32_t now);

/* Has the live binding in slot a session with this remote address, be it on another port? Of those that were vouched for. */
bool session_known(const struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t remote4);

/* The peer of this remote address of the live binding in slot, or SESSION_NONE. */
uint32_t session_peer(const struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t remote4);

/* End a session of the live binding in slot. The binding stays, even without sessions. */
void session_remove_owner(struct shard *s, const uint8_t key[16], uint32_t slot, uint32_t number);
/* Remove a session or a peer of the slab whose binding is gone, or a peer that counts none. */
void session_remove_orphan_owner(struct shard *s, const uint8_t key[16], uint32_t number);

/* Where the timer, TCP state and prefix of a session are, inline or in the slab. */
struct session_place {
	uint32_t *expires;
	uint8_t *tcp, *via;
};
static inline struct session_place
session_place(const struct shard *s, uint32_t slot, uint32_t number)
{
	if (number == SESSION_INLINE)
		return (struct session_place) { &s->expires[slot], &s->records[slot].tcp, &s->records[slot].via };
	return (struct session_place) { &s->sessions[number].expires, &s->sessions[number].tcp, &s->sessions[number].via };
}

/* Copy session number (below layout.g.shard_sessions) for a reader. False when it is free or does not hold still. */
bool session_read(const struct shard *s, uint32_t number, struct session *copy);

static inline uint32_t
session_slot(const struct session *copy)
{
	return (uint32_t)(copy->key >> 32) - 1;
}

#endif
