/*
 * netns.h - the network namespaces that the sides of tenants live in
 *
 * A socket, a queue of a TUN device and a switch in /proc/sys/net belong to the namespace in which they were made or opened.
 * nat64d has one thread; so it enters a namespace, makes what belongs there, and comes back. Usable alone: this file, netns.c
 * and caps.h.
 */
#ifndef SUPERVISOR_NETNS_H
#define SUPERVISOR_NETNS_H

#include <stdint.h>

#define NETNS_DIRECTORY "/run/netns"	/* where `ip netns add NAME` puts them */
#define NETNS_OWN (-1)			/* nat64d's own, which takes no descriptor */

/*
 * Open the namespace called name below NETNS_DIRECTORY; "" is nat64d's own. *netns is a descriptor that the caller owns,
 * closed on exec, or NETNS_OWN; while it is open the namespace lives on. Takes no rights. Returns 0, or -errno and *netns
 * is NETNS_OWN: -ENOENT when there is none of that name, -EINVAL when that is no network namespace.
 */
int netns_open(int *netns, const char *name);

/* Close it, and it is NETNS_OWN. */
void netns_close(int *netns);

/* A number that no other namespace has as long as this one lives; 0 when it cannot be had. */
uint64_t netns_number(int netns);

/*
 * Live in a namespace until netns_leave() with the same one. Nothing happens for NETNS_OWN. The pairs do not nest.
 * CAP_SYS_ADMIN is in effect only within these two calls. Returns 0, or -errno and there is nothing to leave. netns_leave
 * ends the process when it cannot come back: nothing that it would do from then on would be what it means.
 */
int netns_enter(int netns);
void netns_leave(int netns);

#endif
