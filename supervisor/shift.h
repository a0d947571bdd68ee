/*
 * shift.h - the workers of a tenant move to a new table, with what they know
 */
#ifndef SUPERVISOR_SHIFT_H
#define SUPERVISOR_SHIFT_H

#include "supervisor/publish.h"
#include "supervisor/region.h"
#include "supervisor/steer.h"

struct tenant;

enum shift_phase {
	SHIFT_NONE,			/* nothing under way */
	SHIFT_READY,			/* everything is made; the old workers do not know yet */
	SHIFT_DRAIN,			/* they empty the rings between them */
	SHIFT_HALT,			/* they leave */
	SHIFT_FILL,			/* new ones bring the bindings over */
	SHIFT_FULL,			/* and have done so: shift_commit or shift_abort */
	SHIFT_SETTLE,			/* the new ones work */
	SHIFT_RETREAT,			/* the new ones leave, for the old table to be used again */
};

struct shift {
	enum shift_phase phase;
	bool swapped;			/* tenant.region, .publish and .config are the new ones; below are the old ones */
	bool looked;
	struct region region;
	struct publish publish;
	struct steer steer;
	const struct config_tenant *config;	/* NULL below a table that was inherited */
	uint32_t absent;
	bool lasting;			/* of the old table only established TCP sessions come over */
	int steering;			/* how the new steering went, as for tenant_steer_tell */
	char steering_why[256];
	uint64_t deadline;		/* ms of CLOCK_MONOTONIC */
	uint64_t progress[CONFIG_MAX_WORKERS];	/* of each worker when we looked first */
	const char *wrong;		/* why it failed; NULL: it did not */
};

extern const struct shift shift_none;	/* nothing under way */

/*
 * Make what the tenant needs for config, with the shards dealt as tenant.carry wants: table, image, queues, routes, workers
 * that wait. Nothing changes for those at work. config must live until the shift has ended, and ever after if it was
 * committed. Should: hold CAP_NET_ADMIN, and CAP_BPF for the steering. Returns 0, or -errno with what was tried in why; then
 * nothing is left.
 */
int shift_prepare(struct tenant *t, const struct config_tenant *config, uint64_t now, char *why, size_t size);

/*
 * t is being made with an empty region that takes the place of old, which a nat64d before us left; old is taken. Its workers,
 * who are not there yet, bring the bindings over, and wait for shift_commit.
 */
void shift_inherit(struct tenant *t, struct region *old);

/* Begin to move. */
void shift_begin(struct tenant *t, uint64_t now);

/*
 * Do what is due. Returns the phase. SHIFT_FULL stays until shift_commit or shift_abort; SHIFT_NONE is the end, with wrong
 * set if it was not the one that was wished. Should: hold CAP_NET_ADMIN.
 */
enum shift_phase shift_tick(struct tenant *t, uint64_t now);

/* Let the new workers go. From here on there is no way back. */
void shift_commit(struct tenant *t);

/*
 * Go back to the old table, from wherever it stands; wrong says why. It ends with a later shift_tick. Does nothing when there
 * is no way back, because workers of this build could not work there.
 */
void shift_abort(struct tenant *t, const char *wrong, uint64_t now);

/* The region that workers born now bring bindings over from, or NULL. */
const struct region *shift_old(const struct tenant *t);

/* Close what the shift still holds. Should: be called when every child is gone. */
void shift_close(struct tenant *t);

#endif
