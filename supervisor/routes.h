/*
 * routes.h - what a tenant's device has the kernel route to it
 */
#ifndef SUPERVISOR_ROUTES_H
#define SUPERVISOR_ROUTES_H

#include "shm/config.h"
#include "supervisor/rtnl.h"

/* Which routes: those of `with`, of these families, but for what `without` has, too. */
struct routes {
	const char *device, *netns;	/* its name and that of its namespace, for messages; "": nat64d's own */
	unsigned index;			/* of the device */
	bool ip6, ip4;
	const struct config_tenant *with, *without;	/* without: or NULL */
};

/*
 * In the namespace of r: add them; add those that are missing, for a device that was there before; remove them. Should: hold
 * CAP_NET_ADMIN. routes_remove returns 0; the others 0, or -errno with what was tried in why, and some may have been added.
 */
typedef int routes_verb(struct rtnl *r, const struct routes *routes, char *why, size_t size);
routes_verb routes_add, routes_repair, routes_remove;

/* The largest aligned block that begins at first and does not go beyond last. */
struct net4 routes_block(uint32_t first, uint32_t last);

#endif
