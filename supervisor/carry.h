/*
 * carry.h - when a worker dies at every start, the others carry its shards
 */
#ifndef SUPERVISOR_CARRY_H
#define SUPERVISOR_CARRY_H

#include <stdbool.h>
#include <stdint.h>

struct tenant;

/* Times are milliseconds of CLOCK_MONOTONIC. Bit w of a mask: slot w has no shards. */
struct carry {
	uint32_t wanted;		/* as it should be; tenant.absent is how it is */
	uint64_t trial;			/* how long a worker without shards must live to get them back; 0: not known yet */
	uint64_t retry;			/* not before then, after a change that failed */
};

/*
 * Look who should have shards, and note it in t->carry.wanted. Returns true when that is not how it is; then the tenant
 * needs a new table, whose owners go by it, and said is what to tell the operator.
 */
bool carry_look(struct tenant *t, uint64_t now, char said[200]);

/* The tenant has moved so, or could not. */
void carry_done(struct tenant *t, bool ok, uint64_t now);

/* Has slot w no shards? */
bool carry_absent(const struct tenant *t, unsigned w);

#endif
