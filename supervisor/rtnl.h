/*
 * rtnl.h - the few things nat64d asks of the kernel's routing: links, routes, the addresses of the host
 *
 * Usable alone: this file, rtnl.c and libmnl. Everything happens in the network namespace rtnl_open was called in.
 */
#ifndef SUPERVISOR_RTNL_H
#define SUPERVISOR_RTNL_H

#include <stdbool.h>
#include <stdint.h>

struct rtnl;

struct rtnl_net {
	uint8_t family;			/* AF_INET or AF_INET6 */
	uint8_t len;			/* bits */
	uint8_t addr[16];		/* as on the wire; IPv4 uses the first four */
};

/* Open a netlink socket. Returns NULL with errno set. */
struct rtnl *rtnl_open(void);
void rtnl_close(struct rtnl *r);

/*
 * Set a link's MTU and queue length, say that it does no multicast, so that the kernel sends no group reports into it,
 * and bring it up. Should: hold CAP_NET_ADMIN. Returns 0 or -errno.
 */
int rtnl_link_up(struct rtnl *r, unsigned index, uint32_t mtu, uint32_t queue_length);

/*
 * Write on a link what `ip link` shows as its alias, at most RTNL_ALIAS - 1 bytes; it stays until the link goes. Should:
 * hold CAP_NET_ADMIN. Returns 0 or -errno.
 */
#define RTNL_ALIAS 256
int rtnl_link_alias(struct rtnl *r, unsigned index, const char *alias);

struct rtnl_link {
	unsigned index;
	bool carrier;			/* of a TUN device: somebody holds a queue */
	char name[16], alias[RTNL_ALIAS];
};

/* Call see for every link. Needs no rights. Mustn't use r in see. Returns 0 or -errno. */
int rtnl_links(struct rtnl *r, void (*see)(const struct rtnl_link *link, void *user), void *user);

/* Delete a link with all that belongs to it. Should: hold CAP_NET_ADMIN. Returns 0 or -errno. */
int rtnl_link_remove(struct rtnl *r, unsigned index);

/*
 * Add or remove a route in the main table by way of a device. Should: hold CAP_NET_ADMIN. Returns 0 or -errno:
 * -EEXIST when there is a route to the same destination already, -ESRCH when there is none to remove.
 */
int rtnl_route_add(struct rtnl *r, const struct rtnl_net *to, unsigned index);
int rtnl_route_remove(struct rtnl *r, const struct rtnl_net *to, unsigned index);

/*
 * Is there this very route by way of that device? Asks what the kernel would do with the first address of the destination.
 * Needs no rights.
 */
bool rtnl_route_there(struct rtnl *r, const struct rtnl_net *to, unsigned index);

/* Call see for every address of every interface. Needs no rights. Returns 0 or -errno. */
int rtnl_addresses(struct rtnl *r, void (*see)(const struct rtnl_net *address, unsigned index, void *user), void *user);

#endif
