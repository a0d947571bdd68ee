/*
 * device.h - a tenant's TUN device with its switches and routes; or two of them, where its sides live in different namespaces
 *
 * Everything here enters the namespaces by itself (netns.h), so all of it is called in nat64d's own.
 */
#ifndef SUPERVISOR_DEVICE_H
#define SUPERVISOR_DEVICE_H

#include "shm/config.h"
#include "shm/status.h"
#include "supervisor/rtnl.h"
#include "supervisor/tun.h"

struct device_leg {
	int netns;			/* where it lives, owned; or NETNS_OWN */
	unsigned index;
	int queue[CONFIG_MAX_WORKERS];
};

#define DEVICE_LEGS 2
struct device {
	char name[TUN_NAME];		/* of each leg */
	unsigned queues;		/* of each leg */
	enum status_offload offload;
	unsigned legs;			/* 1: for both families; 2: leg[0] for IPv6, leg[1] for IPv4; 0: there is no device */
	struct device_leg leg[DEVICE_LEGS];
};

/* Which device, as no other one has been at the same time. */
struct device_place {
	uint64_t netns;			/* netns_number() */
	unsigned index;
};

/* Does this leg carry packets of this family, AF_INET or AF_INET6? */
bool device_carries(const struct device *d, unsigned leg, int family);

/*
 * Open the namespaces of a tenant for *d, which has no legs yet. Returns 0, or -errno with what was tried in why; then *d has
 * none.
 */
int device_place(struct device *d, const struct config_tenant *config, char *why, size_t size);

/*
 * What is written on every device of the nat64d with this run directory, so that a later one knows them again: with the
 * tenant's name, or with "" what they all begin with.
 */
void device_mark(char out[RTNL_ALIAS], const char *run_dir, const char *tenant);

/* What stands before each packet of a device that is made for this configuration. */
enum tun_header device_header(const struct config_tenant *config);

/*
 * Create the device of a tenant with a queue for each of its workers, set it up and route to it what the tenant
 * translates; with two legs, IPv6 in the one namespace and IPv4 in the other. Should: hold CAP_NET_ADMIN. Returns 0, or
 * -errno with what was tried in why; then nothing is left.
 */
int device_open(struct device *d, const struct config_tenant *config, const char *run_dir, char *why, size_t size);

/*
 * d is a device with its queues, as a nat64d before us left it, made for the same configuration. Set up what is missing.
 * Should: hold CAP_NET_ADMIN. Returns 0, or -errno with what was tried in why; then nothing is left.
 */
int device_adopt(struct device *d, const struct config_tenant *config, const char *run_dir, char *why, size_t size);

/* Does anybody hold a queue of it? Also when that cannot be found out. */
bool device_held(const struct device *d);

/*
 * Open the n queues of a device of which only names, numbers and namespaces are known, and nobody holds any. Should: hold
 * CAP_NET_ADMIN. Returns 0, or -errno and nothing is open.
 */
int device_attach(struct device *d, enum tun_header header, unsigned n);

/* See what d, whose queues are open, has before its packets, and set its offloads. Returns 0 or -errno. */
int device_offload(struct device *d);

/* From now on the device stays when nobody holds a queue. Should: hold CAP_NET_ADMIN. Returns 0 or -errno. */
int device_persist(const struct device *d);

/*
 * Delete the devices in this namespace that are marked as those of the nat64d with this run directory, but for the n in keep.
 * Should: hold CAP_NET_ADMIN. Returns how many went, or -errno.
 */
int device_sweep(int netns, const char *run_dir, const struct device_place *keep, unsigned n);

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

/*
 * Is the device there still, each leg of it? Somebody with the rights may have deleted it; nat64d cannot make it again while it
 * runs.
 */
bool device_present(const struct device *d);

/*
 * Have a BPF program deal the packets of each leg to its queues (steer.h), or with -1 the kernel as it likes. Returns 0
 * or -errno.
 */
int device_steer(const struct device *d, int program);

/*
 * The source guard (guard.h) of each leg, for the families that it carries: make it so, remove it, and count in all.
 * Should: hold CAP_NET_ADMIN. Return 0 or -errno as guard_set, guard_remove and guard_dropped.
 */
int device_guard(const struct device *d, const struct config_tenant *config, const struct config_tenant *also);
int device_unguard(const struct device *d);
int device_guarded(const struct device *d, uint64_t dropped[3]);

/* Close the queues, and the device goes, whoever else may hold one. Should: hold CAP_NET_ADMIN. */
void device_close(struct device *d);

/* Close what we have of it, queues and namespaces, and leave the device alone. */
void device_leave(struct device *d);

#endif
