/*
 * scan.h - walk all live bindings, sessions or subscribers of one tenant, in small steps
 */
#ifndef CTL_SCAN_H
#define CTL_SCAN_H

#include "shm/record.h"
#include "shm/session.h"
#include "shm/subscriber.h"

/* A place in the tables: plain numbers, so a walk can rest for as long as its reader likes. */
struct scan {
	const struct layout *l;
	void *region;
	unsigned shard;
	bool slab;			/* in the session slab of the shard, behind its records */
	uint32_t word;			/* the next 64 slots, or slab sessions, to look at */
	uint32_t base;			/* slot or session of bit 0 of bits */
	uint64_t bits;			/* of the current 64: those still to be looked at */
	uint32_t budget;		/* steps left until SCAN_PAUSE; the caller refills it */
};

struct scan_hit {
	struct record record;		/* our copy of a live binding */
	uint32_t expires;		/* table seconds; of its inline session */
	struct session session;		/* scan_session: the session, inline ones too */
};

enum scan_result { SCAN_HIT, SCAN_PAUSE, SCAN_END };

void scan_start(struct scan *sc, void *region, const struct layout *l);

/*
 * The next live binding that agrees with its place. SCAN_PAUSE when the budget is used up: call again later.
 * A binding made, ended or moved meanwhile may be missed; none is shown twice.
 */
enum scan_result scan_record(struct scan *sc, struct scan_hit *hit);

/* The next subscriber that has a binding, copied. */
enum scan_result scan_subscriber(struct scan *sc, struct subscriber *copy);

/* The next session, joined with its binding. */
enum scan_result scan_session(struct scan *sc, struct scan_hit *hit);

#endif
