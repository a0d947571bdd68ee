/*
 * routes.c - what a tenant's device has the kernel route to it
 *
 * IPv6 packets to the prefixes and IPv4 packets to the pool get to the device by routes in the main table; the host has
 * no address of the pool itself, so the kernel never answers in the translator's place. Ranges of the pool are cut into
 * the fewest blocks a route can name.
 *
 * Must never: touch a route by way of another device.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "supervisor/address.h"
#include "supervisor/routes.h"

struct net4
routes_block(uint32_t first, uint32_t last)
{
	struct net4 net = { .addr = first, .len = 32 };

	while (net.len > 0) {
		uint32_t wider = UINT32_MAX >> (net.len - 1);	/* host bits of the block twice as large */

		if ((first & wider) || (first | wider) > last)
			break;
		net.len--;
	}
	return net;
}

/* What is done with a destination. Returns 0, or anything else to stop. */
struct routes_walk;
typedef int routes_see(struct routes_walk *walk, const struct rtnl_net *to);
struct routes_walk {
	routes_see *see;
	struct rtnl *r;
	const struct routes *routes;
	const struct rtnl_net *wanted;		/* routes_without: is it this one? */
	struct rtnl_net last;			/* the last one seen */
};

static int
routes_walk_pool(struct routes_walk *walk, const struct config_pool *pool)
{
	uint64_t next = pool->first;

	while (next <= pool->last) {
		struct net4 block = routes_block((uint32_t)next, pool->last);
		struct rtnl_net to = { .family = AF_INET, .len = block.len };
		int rc;

		for (unsigned b = 0; b < 4; b++)
			to.addr[b] = (uint8_t)(block.addr >> (24 - 8 * b));
		walk->last = to;
		rc = walk->see(walk, &to);
		if (rc != 0)
			return rc;
		next += UINT64_C(1) << (32 - block.len);
	}
	return 0;
}

/* See every destination of the tenant, of the families asked for. Returns what made it stop, or 0. */
static int
routes_walk(struct routes_walk *walk, const struct config_tenant *config)
{
	bool ip6 = config->routes && walk->routes->ip6, ip4 = config->routes && walk->routes->ip4;
	int rc = 0;

	for (uint32_t i = 0; i < config->prefix.n && ip6 && rc == 0; i++) {
		struct rtnl_net to = { .family = AF_INET6, .len = config->prefix.item[i].len };

		memcpy(to.addr, config->prefix.item[i].addr.b, 16);
		walk->last = to;
		rc = walk->see(walk, &to);
	}
	for (uint32_t i = 0; i < config->pool.n && ip4 && rc == 0; i++)
		rc = routes_walk_pool(walk, &config->pool.item[i]);
	for (uint32_t i = 0; i < config->leaving_.n && ip4 && rc == 0; i++)
		rc = routes_walk_pool(walk, &config->leaving_.item[i]);
	return rc;
}

static int
routes_same(struct routes_walk *walk, const struct rtnl_net *to)
{
	return to->family == walk->wanted->family && to->len == walk->wanted->len &&
	       memcmp(to->addr, walk->wanted->addr, 16) == 0;
}

/* Is it one that is to be left out? */
static bool
routes_without(const struct routes_walk *walk, const struct rtnl_net *to)
{
	struct routes_walk look = { .see = routes_same, .routes = walk->routes, .wanted = to };

	return walk->routes->without && routes_walk(&look, walk->routes->without) != 0;
}

static int
routes_see_add(struct routes_walk *walk, const struct rtnl_net *to)
{
	return routes_without(walk, to) ? 0 : rtnl_route_add(walk->r, to, walk->routes->index);
}

/* A route that has gone already is as good as removed. */
static int
routes_see_remove(struct routes_walk *walk, const struct rtnl_net *to)
{
	if (!routes_without(walk, to))
		rtnl_route_remove(walk->r, to, walk->routes->index);
	return 0;
}

/* The route may be there before, and be ours. */
static int
routes_see_repair(struct routes_walk *walk, const struct rtnl_net *to)
{
	int rc = rtnl_route_add(walk->r, to, walk->routes->index);

	return rc == -EEXIST && rtnl_route_there(walk->r, to, walk->routes->index) ? 0 : rc;
}

static int
routes_do(struct rtnl *r, const struct routes *routes, routes_see *see, char *why, size_t size)
{
	struct routes_walk walk = { .see = see, .r = r, .routes = routes };
	int rc = routes_walk(&walk, routes->with);
	char text[ADDRESS_TEXT];

	if (rc == 0)
		return 0;
	if (walk.last.family == AF_INET6) {
		struct net6 net = { .len = walk.last.len };

		memcpy(net.addr.b, walk.last.addr, 16);
		address_print_net6(text, &net);
	} else {
		const uint8_t *a = walk.last.addr;

		address_print_net4(text, &(struct net4) { (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 |
							   (uint32_t)a[2] << 8 | a[3], walk.last.len });
	}
	if (rc == -EEXIST)
		snprintf(why, size, "there is a route to %s already%s%s; remove it, or write routes = no", text,
			 *routes->netns ? " in the network namespace " : "", routes->netns);
	else
		snprintf(why, size, "cannot add a route to %s by way of %s", text, routes->device);
	return rc;
}

int
routes_add(struct rtnl *r, const struct routes *routes, char *why, size_t size)
{
	return routes_do(r, routes, routes_see_add, why, size);
}

int
routes_repair(struct rtnl *r, const struct routes *routes, char *why, size_t size)
{
	return routes_do(r, routes, routes_see_repair, why, size);
}

int
routes_remove(struct rtnl *r, const struct routes *routes, char *why, size_t size)
{
	return routes_do(r, routes, routes_see_remove, why, size);
}
