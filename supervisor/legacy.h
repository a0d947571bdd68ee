/*
 * legacy.h - what a nat64d that was killed has left, and what becomes of it
 */
#ifndef SUPERVISOR_LEGACY_H
#define SUPERVISOR_LEGACY_H

#include "supervisor/estate.h"
#include "supervisor/store.h"

struct gateway;

/* What a tenant inherits. */
struct legacy_share {
	struct region region;		/* its table goes on; fd -1: it gets a new one */
	struct region old;		/* and brings the bindings of this one over; fd -1: there are none */
	const struct config_tenant *then;	/* what that one, and the device, were made for; good until legacy_close */
	bool lasting;			/* but only what lasts: established TCP sessions */
	struct device device;		/* its device goes on; queues 0: it gets a new one */
	bool attach;			/* its device goes on, but its queues are still to be opened, in order */
	bool kept;			/* the service manager has these queues */
	bool unrouted;			/* its new device gets its routes later */
};

struct legacy {
	bool found;			/* there was a predecessor, whatever can be done with what it left */
	struct estate *estate;		/* what it left, as far as it can be believed; NULL: nothing */
	struct store store;
	struct legacy_share share[CONFIG_MAX_TENANTS];	/* by the number of the tenant, which it had before if it was there */
	int orphan[CONFIG_MAX_TENANTS][CONFIG_MAX_WORKERS];	/* pidfds, by the number of the tenant then; -1: none */
};

/* Nothing is known yet but what the service manager gave us. Call once, before any descriptor is opened above 2. */
void legacy_open(struct legacy *l);

/*
 * Look for what a predecessor left in the run directory, which is locked, and decide what of it g->config takes over; tenants
 * that it had get their numbers again. What is refused is named in the log. Ends the nat64-ctld of the predecessor; its
 * workers go on.
 */
void legacy_find(struct gateway *g);

/*
 * From here on it is ours: end the workers of the predecessor, so that whatever goes on belongs to nobody else, and remove
 * everything that does not go on.
 */
void legacy_take(struct gateway *g);

/* Close what nobody has taken over; changes nothing of what others see. */
void legacy_close(struct legacy *l);

#endif
