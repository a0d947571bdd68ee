/*
 * audit.h - every invariant of a shard, checked from the records up
 *
 * The state words are the truth; bitmaps, counts, index and totals must follow from them. An audit of a shard is made of
 * pieces, each true at one moment and each about that moment alone, so packets may be translated between two of them and
 * nothing right is ever called wrong.
 */
#ifndef SHM_AUDIT_H
#define SHM_AUDIT_H

#include "shm/shard.h"

/* What must hold, as it is said when it does not. The order is that of numbers in shared memory: add at the end. */
#define AUDIT_RULES \
	RULE(intent, "an intent is under way") \
	RULE(state, "free bit of a port in use, or no such state") \
	RULE(released, "held port is never released") \
	RULE(place, "record names another port than its own") \
	RULE(protocol, "live record of no protocol") \
	RULE(found, "live binding is not found by its IPv6 side, or another one is") \
	RULE(expires, "live binding never expires") \
	RULE(ports, "ports lost: free, held and live do not add up") \
	RULE(group, "group count is wrong") \
	RULE(index, "index points to no live binding") \
	RULE(session_bit, "session and its free bit disagree") \
	RULE(summary, "session summary hides a free place") \
	RULE(orphan, "session of no binding") \
	RULE(session_found, "session is not found by its remote host, or another one is") \
	RULE(session_index, "session index and sessions differ in number") \
	RULE(sessions, "binding's count of sessions is wrong") \
	RULE(bindings_total, "bindings created - ended is not how many there are") \
	RULE(sessions_total, "sessions created - ended is not how many there are") \
	RULE(bindings_index, "index and bindings differ in number") \
	RULE(peers, "peer's count of sessions is wrong") \
	RULE(subscriber, "live binding is counted for another subscriber, or for none") \
	RULE(subscriber_bit, "subscriber and its free bit disagree") \
	RULE(subscriber_found, "subscriber is not found by its prefix, or another one is") \
	RULE(subscriber_index, "subscriber index and subscribers differ in number") \
	RULE(subscribers, "subscriber's count of bindings or sessions is wrong")

enum audit_rule {
	AUDIT_none,
#define RULE(id, words) AUDIT_##id,
	AUDIT_RULES
#undef RULE
	AUDIT_N_RULES
};

#define AUDIT_NO_SLOT UINT32_MAX	/* the violation is the shard's, not a slot's */

struct audit {
	uint32_t shards;		/* looked at from end to end */
	uint64_t records;		/* live or held records seen */
	uint64_t violations;
	uint64_t looked;		/* at records, cells, sessions: what it has cost; about 10 ns each */
	uint32_t rule, shard, slot;	/* the first violation; rule AUDIT_none: none */
	uint32_t phase, at;		/* where audit_step goes on in the shard under way; 0, 0: at its beginning */
};

/* The words of a rule; for any number, also one from hostile memory. */
const char *audit_words(uint32_t rule);

/*
 * Go on checking shard s, which nobody writes during the call, and stop after a piece when about `budget` records,
 * cells or sessions have been looked at. Returns true when the shard is done, and the next call may be about another
 * one. *a must be zeroed before the first shard; shards add up. To give up a shard under way, set phase and at to 0.
 * Memory that the table never used is not read.
 */
bool audit_step(struct audit *a, const struct shard *s, const struct layout_header *h,
		const struct layout_secret *secret, uint32_t budget);

/* All of a shard at once. */
void audit_shard(struct audit *a, const struct shard *s, const struct layout_header *h,
		 const struct layout_secret *secret);

#endif
