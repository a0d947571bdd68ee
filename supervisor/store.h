/*
 * store.h - queues in the keeping of the service manager, which outlives us all
 */
#ifndef SUPERVISOR_STORE_H
#define SUPERVISOR_STORE_H

#include "supervisor/device.h"

#define STORE_MOST 2048			/* a queue of each leg for every worker that there can be */

/* What the service manager gave back to us. */
struct store {
	unsigned n;
	struct store_item {
		int fd;
		char name[CONFIG_NAME_MAX + 8];
	} item[STORE_MOST];
};

/*
 * Look at what this process was given (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), and clear those variables. Call once, before
 * any descriptor is opened above 2.
 */
void store_open(struct store *s);

/* The n queues of a leg of a tenant's device, which stay in the store. Returns false when one is missing. */
bool store_look(const struct store *s, const char *tenant, unsigned leg, unsigned n, int *queue);

/* Take what store_look found out of it: the caller owns these descriptors from now on. */
void store_take(struct store *s, const int *queue, unsigned n);

/* Whatever nobody has taken: close it, and have the service manager forget it. */
void store_close(struct store *s);

/*
 * Have the queues of a tenant kept, or not any more. Nothing happens when no service manager listens. Returns false when
 * it does not take them.
 */
bool store_keep(const char *tenant, const struct device *d);
void store_forget(const char *tenant, const struct device *d);

#endif
