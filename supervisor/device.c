/*
 * device.c - a tenant's TUN device with its switches and routes
 *
 * The device takes two kinds of packets: IPv6 packets to the prefixes and IPv4 packets to the pool. Both get there by
 * routes in the main table; the host has no address of the pool itself, so the kernel never answers in the
 * translator's place. Ranges of the pool are cut into the fewest blocks a route can name.
 *
 * The kernel likes to speak on a new device: router solicitations, group reports, redirects. A translator is no host,
 * so the switches that cause them are set before the device comes up. They are the device's own and go with it. A
 * switch that cannot be set (a read-only /proc in a container) costs a few stray packets, counted as what they are.
 *
 * While nat64d runs the device is persistent: it stays, with its routes, when nat64d and all workers are killed at once,
 * and the next nat64d attaches to it again. Its alias says whose it is, so that one whose owner left no other trace
 * is known for what it is, and removed, instead of standing in the way.
 *
 * Must never: change a switch of another device or of the host; leave a route or a device behind.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "supervisor/address.h"
#include "supervisor/device.h"
#include "supervisor/guard.h"
#include "supervisor/log.h"
#include "supervisor/sysctl.h"

struct net4
device_block(uint32_t first, uint32_t last)
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

static void
device_switches(const struct device *d)
{
	static const struct {
		const char *family, *name;
		int value;
	} switches[] = {
		{ "ipv6", "force_mld_version", 1 },	/* so that leaving the all-routers group, next, is silent */
		{ "ipv6", "forwarding", 0 },		/* whether packets are forwarded is all.forwarding's choice */
		{ "ipv6", "addr_gen_mode", 1 },		/* no link-local address, so no solicitation of any kind */
		{ "ipv6", "accept_ra", 0 },
		{ "ipv6", "autoconf", 0 },
		{ "ipv6", "router_solicitations", 0 },
		{ "ipv4", "forwarding", 1 },
		{ "ipv4", "send_redirects", 0 },
		{ "ipv4", "accept_redirects", 0 },
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		int rc = sysctl_write_device(switches[i].family, d->name, switches[i].name, switches[i].value);

		if (rc != 0)
			log_line(CONFIG_LOG_WARNING, "%s: cannot set net.%s.conf.%s.%s = %d: %s", d->name,
				 switches[i].family, d->name, switches[i].name, switches[i].value, strerror(-rc));
	}
}

/* What is done with a destination. Returns 0, or anything else to stop. */
struct device_walk;
typedef int device_see(struct device_walk *walk, const struct rtnl_net *to);
struct device_walk {
	device_see *see;
	struct rtnl *r;
	unsigned index;
	const struct config_tenant *without;	/* leave out what this one has, too */
	const struct rtnl_net *wanted;		/* device_wants: is it this one? */
	struct rtnl_net last;			/* the last one seen */
};

static int
device_walk_pool(struct device_walk *walk, const struct config_pool *pool)
{
	uint64_t next = pool->first;

	while (next <= pool->last) {
		struct net4 block = device_block((uint32_t)next, pool->last);
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

/* See every destination of the tenant. Returns what made it stop, or 0. */
static int
device_walk(struct device_walk *walk, const struct config_tenant *config)
{
	int rc = 0;

	for (uint32_t i = 0; i < config->prefix.n && config->routes && rc == 0; i++) {
		struct rtnl_net to = { .family = AF_INET6, .len = config->prefix.item[i].len };

		memcpy(to.addr, config->prefix.item[i].addr.b, 16);
		walk->last = to;
		rc = walk->see(walk, &to);
	}
	for (uint32_t i = 0; i < config->pool.n && config->routes && rc == 0; i++)
		rc = device_walk_pool(walk, &config->pool.item[i]);
	for (uint32_t i = 0; i < config->leaving_.n && config->routes && rc == 0; i++)
		rc = device_walk_pool(walk, &config->leaving_.item[i]);
	return rc;
}

static int
device_same(struct device_walk *walk, const struct rtnl_net *to)
{
	return to->family == walk->wanted->family && to->len == walk->wanted->len &&
	       memcmp(to->addr, walk->wanted->addr, 16) == 0;
}

static bool
device_wants(const struct config_tenant *config, const struct rtnl_net *to)
{
	struct device_walk walk = { .see = device_same, .wanted = to };

	return config && device_walk(&walk, config) != 0;
}

static int
device_add(struct device_walk *walk, const struct rtnl_net *to)
{
	return device_wants(walk->without, to) ? 0 : rtnl_route_add(walk->r, to, walk->index);
}

/* A route that has gone already is as good as removed. */
static int
device_remove(struct device_walk *walk, const struct rtnl_net *to)
{
	if (!device_wants(walk->without, to))
		rtnl_route_remove(walk->r, to, walk->index);
	return 0;
}

/* For a device that was there before: the route may be, too, and be ours. */
static int
device_repair(struct device_walk *walk, const struct rtnl_net *to)
{
	int rc = rtnl_route_add(walk->r, to, walk->index);

	return rc == -EEXIST && rtnl_route_there(walk->r, to, walk->index) ? 0 : rc;
}

/* Add the routes of `with` that `without` has not. Returns 0, or -errno with what was tried in why. */
static int
device_routes(const struct device *d, struct rtnl *r, device_see *add, const struct config_tenant *with,
	      const struct config_tenant *without, char *why, size_t size)
{
	struct device_walk walk = { .see = add, .r = r, .index = d->index, .without = without };
	int rc = device_walk(&walk, with);
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
		snprintf(why, size, "there is a route to %s already; remove it, or write routes = no", text);
	else
		snprintf(why, size, "cannot add a route to %s by way of %s", text, d->name);
	return rc;
}

void
device_mark(char out[RTNL_ALIAS], const char *run_dir, const char *tenant)
{
	snprintf(out, RTNL_ALIAS, "nat64d:%s:%s", run_dir, tenant);
}

static int
device_set_up(struct device *d, const struct config_tenant *config, const char *run_dir, struct rtnl *r,
	      device_see *add, char *why, size_t size)
{
	char mark[RTNL_ALIAS];
	int rc;

	d->index = if_nametoindex(d->name);
	if (d->index == 0) {
		rc = -errno;
		snprintf(why, size, "device %s was made, but cannot be found", d->name);
		return rc;
	}
	device_switches(d);
	device_mark(mark, run_dir, config->name_);
	rc = rtnl_link_alias(r, d->index, mark);
	if (rc == 0)
		rc = rtnl_link_up(r, d->index, config->mtu, config->queue_length);
	if (rc != 0) {
		snprintf(why, size, "cannot bring up device %s with mtu %u", d->name, config->mtu);
		return rc;
	}
	return device_routes(d, r, add, config, NULL, why, size);
}

enum tun_header
device_header(const struct config_tenant *config)
{
	return config->offload == CONFIG_SWITCH_OFF ? TUN_BARE : TUN_VIRTIO;
}

int
device_offload(struct device *d)
{
	int rc;

	d->offload = STATUS_offload_off;
	if (!tun_is(d->queue[0], d->name, TUN_VIRTIO))
		return 0;
	rc = tun_offload(d->queue[0]);
	if (rc < 0)
		return rc;
	d->offload = rc > 1 ? STATUS_offload_tso_uso : STATUS_offload_tso;
	return 0;
}

/* d has its queues: do the rest, or remove it. */
static int
device_finish(struct device *d, const struct config_tenant *config, const char *run_dir, device_see *add,
	      char *why, size_t size)
{
	struct rtnl *r = rtnl_open();
	int rc = r ? 0 : -errno;

	d->queues = config->workers;
	if (rc == 0) {
		snprintf(why, size, "cannot set the offloads of device %s; write offload = off", d->name);
		rc = device_offload(d);
	}
	if (r && rc == 0)
		rc = device_set_up(d, config, run_dir, r, add, why, size);
	rtnl_close(r);
	if (!r)
		snprintf(why, size, "cannot open a netlink socket");
	if (rc != 0)
		device_close(d);
	return rc;
}

int
device_route_extra(const struct device *d, const struct config_tenant *with, const struct config_tenant *without,
		   char *why, size_t size)
{
	struct rtnl *r = rtnl_open();
	int rc = r ? device_routes(d, r, device_add, with, without, why, size) : -errno;

	if (!r) {
		snprintf(why, size, "cannot open a netlink socket");
		return rc;
	}
	rtnl_close(r);
	if (rc != 0)
		device_unroute_extra(d, with, without);		/* by way of this device: nobody else's */
	return rc;
}

void
device_unroute_extra(const struct device *d, const struct config_tenant *with, const struct config_tenant *without)
{
	struct device_walk walk = { .see = device_remove, .r = rtnl_open(), .index = d->index, .without = without };

	if (!walk.r)
		return;
	device_walk(&walk, with);
	rtnl_close(walk.r);
}

int
device_open(struct device *d, const struct config_tenant *config, const char *run_dir, char *why, size_t size)
{
	int rc = tun_open(d->name, config->device.s, device_header(config), config->workers, d->queue);

	d->queues = d->index = 0;
	if (rc == 0)
		return device_finish(d, config, run_dir, device_add, why, size);
	snprintf(why, size, "cannot create the TUN device %s", config->device.s);
	return rc;
}

int
device_adopt(struct device *d, const struct config_tenant *config, const char *run_dir, char *why, size_t size)
{
	device_narrow(d, config->workers);	/* it was to become smaller when its nat64d was killed */
	return device_finish(d, config, run_dir, device_repair, why, size);
}

int
device_persist(const struct device *d)
{
	return tun_persist(d->queue[0], true);
}

#define DEVICE_SWEEP 256		/* at most so many are deleted at once */

struct device_sweeping {
	char mark[RTNL_ALIAS];
	const unsigned *keep;
	unsigned n, found, index[DEVICE_SWEEP];
	char name[DEVICE_SWEEP][TUN_NAME];
};

static void
device_swept(const struct rtnl_link *link, void *user)
{
	struct device_sweeping *s = user;

	if (strncmp(link->alias, s->mark, strlen(s->mark)) != 0 || s->found == DEVICE_SWEEP)
		return;
	for (unsigned i = 0; i < s->n; i++)
		if (s->keep[i] == link->index)
			return;
	memcpy(s->name[s->found], link->name, TUN_NAME);
	s->index[s->found++] = link->index;
}

int
device_sweep(const char *run_dir, const unsigned *keep, unsigned n)
{
	struct device_sweeping s = { .keep = keep, .n = n };
	struct rtnl *r = rtnl_open();
	int rc = r ? 0 : -errno;

	device_mark(s.mark, run_dir, "");
	if (r)
		rc = rtnl_links(r, device_swept, &s);
	for (unsigned i = 0; i < s.found && rc == 0; i++) {
		rc = rtnl_link_remove(r, s.index[i]);
		guard_remove(s.name[i]);
	}
	rtnl_close(r);
	return rc == 0 ? (int)s.found : rc;
}

void
device_unroute(const struct device *d, const struct config_tenant *config)
{
	if (d->queues > 0)
		device_unroute_extra(d, config, NULL);	/* if not, the device takes its routes along in a moment */
}

int
device_widen(struct device *d, unsigned n)
{
	enum tun_header header = d->offload == STATUS_offload_off ? TUN_BARE : TUN_VIRTIO;
	int rc = n > d->queues ? tun_widen(d->name, header, d->queues, n, d->queue) : 0;

	if (rc == 0 && n > d->queues)
		d->queues = n;
	return rc;
}

void
device_narrow(struct device *d, unsigned n)
{
	if (n >= d->queues)
		return;
	tun_close(d->queues - n, d->queue + n);
	d->queues = n;
}

int
device_adjust(const struct device *d, const struct config_tenant *config)
{
	struct rtnl *r = rtnl_open();
	int rc = r ? rtnl_link_up(r, d->index, config->mtu, config->queue_length) : -errno;

	if (r)
		rtnl_close(r);
	return rc;
}

bool
device_present(const struct device *d)
{
	return if_nametoindex(d->name) == d->index;
}

void
device_close(struct device *d)
{
	struct rtnl *r;

	if (d->queues == 0)
		return;
	guard_remove(d->name);
	tun_persist(d->queue[0], false);
	tun_close(d->queues, d->queue);
	d->queues = 0;
	if (d->index == 0 || !device_present(d))
		return;
	r = rtnl_open();		/* a service manager keeps the queues, or a worker that could not be killed */
	if (r)
		rtnl_link_remove(r, d->index);
	rtnl_close(r);
}
