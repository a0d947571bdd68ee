/*
 * device.h - a tenant's TUN device with its switches and routes
 */
#ifndef SUPERVISOR_DEVICE_H
#define SUPERVISOR_DEVICE_H

#include "shm/config.h"
#include "shm/status.h"
#include "supervisor/rtnl.h"
#include "supervisor/tun.h"

struct device {
	char name[TUN_NAME];
	unsigned index;
	unsigned queues;
	enum status_offload offload;
	int queue[CONFIG_MAX_WORKERS];
};

/*
 * What is written on every device of the nat64d with this run directory, so that a later one knows them again: with the
 * tenant's name, or with "" what they all begin with.
 */
void device_mark(char out[RTNL_ALIAS], const char *run_dir, const char *tenant);

/* What stands before each packet of a device that is made for this configuration. */
enum tun_header device_header(const struct config_tenant *config);

/*
 * Create the device of a tenant with a queue for each of its workers, set it up and route to it what the tenant
 * translates. Should: hold CAP_NET_ADMIN. Returns 0, or -errno with what was tried in why; then nothing is left.
 */
int device_open(struct device *d, const struct config_tenant *config, const char *run_dir, char *why, size_t size);

/*
 * d is a device with its queues, as a nat64d before us left it, made for the same configuration. Set up what is missing.
 * Should: hold CAP_NET_ADMIN. Returns 0, or -errno with what was tried in why; then nothing is left.
 */
int device_adopt(struct device *d, const struct config_tenant *config, const char *run_dir, char *why, size_t size);

/* See what d, whose queues are open, has before its packets, and set its offloads. Returns 0 or -errno. */
int device_offload(struct device *d);

/* From now on the device stays when nobody holds a queue. Should: hold CAP_NET_ADMIN. Returns 0 or -errno. */
int device_persist(const struct device *d);

/*
 * Delete the devices marked as those of the nat64d with this run directory, but for the n whose indexes are in keep. Should:
 * hold CAP_NET_ADMIN. Returns how many went, or -errno.
 */
int device_sweep(const char *run_dir, const unsigned *keep, unsigned n);

/*
 * Remove the routes, if the tenant has them, so that no packet comes any more; what waits in the queues can still be
 * read. Should: hold CAP_NET_ADMIN.
 */
void device_unroute(const struct device *d, const struct config_tenant *config);

/* Add queues until there are n. Should: hold CAP_NET_ADMIN. Returns 0, or -errno and there are as many as before. */
int device_widen(struct device *d, unsigned n);
/* Close the last queues until there are n. What waits in them is lost, so somebody has read them to the end. */
void device_narrow(struct device *d, unsigned n);

/* Set MTU and queue length as configured. Should: hold CAP_NET_ADMIN. Returns 0 or -errno. */
int device_adjust(const struct device *d, const struct config_tenant *config);

/*
 * Route to the device what `with` has a route for and `without` has not; device_unroute_extra takes that back. Should: hold
 * CAP_NET_ADMIN. device_route_extra returns 0, or -errno with what was tried in why; then no route was added.
 */
int device_route_extra(const struct device *d, const struct config_tenant *with, const struct config_tenant *without,
		       char *why, size_t size);
void device_unroute_extra(const struct device *d, const struct config_tenant *with,
			  const struct config_tenant *without);

/* Is the device there still? Somebody with the rights may have deleted it; nat64d cannot make it again while it runs. */
bool device_present(const struct device *d);

/* Close the queues, and the device goes, whoever else may hold one. Should: hold CAP_NET_ADMIN. */
void device_close(struct device *d);

/* The largest aligned block that begins at first and does not go beyond last. */
struct net4 device_block(uint32_t first, uint32_t last);

#endif
