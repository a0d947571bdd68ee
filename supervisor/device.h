/*
 * device.h - a tenant's TUN device with its switches and routes
 */
#ifndef SUPERVISOR_DEVICE_H
#define SUPERVISOR_DEVICE_H

#include "shm/config.h"
#include "supervisor/rtnl.h"
#include "supervisor/tun.h"

struct device {
	char name[TUN_NAME];
	unsigned index;
	unsigned queues;
	int queue[CONFIG_MAX_WORKERS];
};

/*
 * Create the device of a tenant with a queue for each of its workers, set it up and route to it what the tenant
 * translates. Should: hold CAP_NET_ADMIN. Returns 0, or -errno with what was tried in why; then nothing is left.
 */
int device_open(struct device *d, const struct config_tenant *config, char *why, size_t size);

/*
 * Remove the routes, if the tenant has them, so that no packet comes any more; what waits in the queues can still be
 * read. Should: hold CAP_NET_ADMIN.
 */
void device_unroute(const struct device *d, const struct config_tenant *config);

/* Is the device there still? Somebody with the rights may have deleted it; nat64d cannot make it again while it runs. */
bool device_present(const struct device *d);

/* Close the queues; when no worker holds one any more, the device goes too. */
void device_close(struct device *d);

/* The largest aligned block that begins at first and does not go beyond last. */
struct net4 device_block(uint32_t first, uint32_t last);

#endif
