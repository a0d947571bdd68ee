/*
 * reload.h - a new configuration for a running gateway
 */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

struct gateway;

struct reload {
	bool pending;			/* under way */
	bool joining;			/* tenants are being added; those that are to move have not begun */
	bool noted;			/* all that were made for it are in the estate */
	bool committed;			/* g->config is the new one */
	bool again;			/* asked for once more meanwhile */
	uint64_t changed, moving;	/* bit t: tenant t has other values; needs a new table for them */
	const char *wrong;		/* why it will not be; NULL: it will */
	char why[400];			/* room for that */
	uint64_t deadline;		/* ms of CLOCK_MONOTONIC: when to stop waiting for acknowledgements */
	char message[400];		/* what will be said when it is done; empty: nobody has asked */
};

/*
 * Read the file again. Every problem is logged; a key that only a restart can change is refused by name, and then
 * nothing changes. Otherwise tenants come and go, and the new values are published to the workers. The outcome goes to the log
 * and to the status region, at the latest by a later reload_tick.
 */
void reload_begin(struct gateway *g, uint64_t now);

/*
 * See to these tenants (bit t: tenant t), whose shift has begun although the configuration stays as it is: when all have the
 * bindings, the new tables are written down and put to use. Meanwhile a reload waits.
 */
void reload_carry(struct gateway *g, uint64_t moving);

/* Do what is due. Returns when to be called again at the latest. */
uint64_t reload_tick(struct gateway *g, uint64_t now);

#endif
