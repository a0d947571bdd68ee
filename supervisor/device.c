/*
 * device.c - a tenant's TUN device with its switches and routes
 *
 * The device takes two kinds of packets: IPv6 packets to the prefixes and IPv4 packets to the pool (routes.h).
 *
 * The kernel likes to speak on a new device: router solicitations, group reports, redirects. A translator is no host,
 * so the switches that cause them are set before the device comes up. They are the device's own and go with it. A
 * switch that cannot be set (a read-only /proc in a container) costs a few stray packets, counted as what they are.
 *
 * While nat64d runs the device is persistent: it stays, with its routes, when nat64d and all workers are killed at once,
 * and the next nat64d attaches to it again. Its alias says whose it is, so that one whose owner left no other trace
 * is known for what it is, and removed, instead of standing in the way.
 *
 * Where the sides of a tenant live in different namespaces there are two devices of one name, its legs. Each carries one
 * family: its routes, and its sources in the guard. Whatever concerns the device concerns each leg, in its namespace;
 * MTU, queues, offloads and steering are the same for both. A leg is found by its number and that of its namespace,
 * because numbers of devices count anew in each.
 *
 * Must never: change a switch of another device or of the host; leave a route or a device behind.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "supervisor/config.h"
#include "supervisor/device.h"
#include "supervisor/guard.h"
#include "supervisor/log.h"
#include "supervisor/netns.h"
#include "supervisor/routes.h"
#include "supervisor/sysctl.h"

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

/* What is done to a leg, in its namespace, with what it takes. Returns 0 or -errno. */
struct device_task {
	const struct config_tenant *with, *without;
	const char *run_dir;
	routes_verb *routes;
	struct rtnl *r;
	uint64_t dropped[3];
	char *why;			/* or NULL: nobody asks */
	size_t size;
};
typedef int device_act(const struct device *d, unsigned leg, struct device_task *task);

/* Do it to this leg. Returns 0 or -errno. */
static int
device_in(const struct device *d, unsigned leg, device_act *act, struct device_task *task)
{
	int rc = netns_enter(d->leg[leg].netns);

	if (rc == 0) {
		task->r = rtnl_open();
		rc = task->r ? act(d, leg, task) : -errno;
		if (!task->r && task->why)
			snprintf(task->why, task->size, "cannot open a netlink socket");
		rtnl_close(task->r);
		netns_leave(d->leg[leg].netns);
	} else if (task->why) {
		snprintf(task->why, task->size, "cannot enter the network namespace of device %s", d->name);
	}
	return rc;
}

/* Do it to each leg, until it fails. Returns 0 or -errno. */
static int
device_each(const struct device *d, device_act *act, struct device_task *task)
{
	int rc = 0;

	for (unsigned leg = 0; leg < d->legs && rc == 0; leg++)
		rc = device_in(d, leg, act, task);
	return rc;
}

bool
device_carries(const struct device *d, unsigned leg, int family)
{
	return d->legs == 1 || (family == AF_INET6) == (leg == 0);
}

static const char *
device_netns(const struct config_tenant *config, unsigned leg)
{
	return leg == 0 ? config->netns6.s : config->netns4.s;
}

static int
device_route(const struct device *d, unsigned leg, struct device_task *task)
{
	const struct routes routes = {
		.device = d->name, .index = d->leg[leg].index, .netns = device_netns(task->with, leg),
		.ip6 = device_carries(d, leg, AF_INET6), .ip4 = device_carries(d, leg, AF_INET),
		.with = task->with, .without = task->without,
	};

	return task->routes(task->r, &routes, task->why, task->size);
}

void
device_mark(char out[RTNL_ALIAS], const char *run_dir, const char *tenant)
{
	snprintf(out, RTNL_ALIAS, "nat64d:%s:%s", run_dir, tenant);
}

static int
device_set_up(const struct device *d, unsigned leg, struct device_task *task)
{
	const struct config_tenant *config = task->with;
	unsigned index = d->leg[leg].index;
	char mark[RTNL_ALIAS];
	int rc;

	device_switches(d);
	device_mark(mark, task->run_dir, config->name_);
	rc = rtnl_link_alias(task->r, index, mark);
	if (rc == 0)
		rc = rtnl_link_up(task->r, index, config->mtu, config->queue_length);
	if (rc != 0) {
		snprintf(task->why, task->size, "cannot bring up device %s with mtu %u", d->name, config->mtu);
		return rc;
	}
	return device_route(d, leg, task);
}

enum tun_header
device_header(const struct config_tenant *config)
{
	return config->offload == CONFIG_SWITCH_OFF ? TUN_BARE : TUN_VIRTIO;
}

int
device_offload(struct device *d)
{
	d->offload = STATUS_offload_off;
	for (unsigned leg = 0; leg < d->legs; leg++) {
		int queue = d->leg[leg].queue[0], rc;

		if (!tun_is(queue, d->name, TUN_VIRTIO))
			return 0;
		rc = tun_offload(queue);
		if (rc < 0)
			return rc;
		d->offload = rc > 1 ? STATUS_offload_tso_uso : STATUS_offload_tso;
	}
	return 0;
}

/* Find out the number of each leg, whose queues are open. Returns 0 or -errno. */
static int
device_index(struct device *d, char *why, size_t size)
{
	for (unsigned leg = 0; leg < d->legs; leg++) {
		int rc = netns_enter(d->leg[leg].netns);

		if (rc == 0) {
			d->leg[leg].index = if_nametoindex(d->name);
			rc = d->leg[leg].index ? 0 : -errno;
			netns_leave(d->leg[leg].netns);
		}
		if (rc != 0) {
			snprintf(why, size, "device %s was made, but cannot be found", d->name);
			return rc;
		}
	}
	return 0;
}

/* d has its queues: do the rest, or remove it. */
static int
device_finish(struct device *d, const struct config_tenant *config, const char *run_dir, routes_verb *add, char *why,
	      size_t size)
{
	struct device_task task = { .with = config, .run_dir = run_dir, .routes = add, .why = why, .size = size };
	int rc;

	d->queues = config->workers;
	snprintf(why, size, "cannot set the offloads of device %s; write offload = off", d->name);
	rc = device_offload(d);
	if (rc == 0)
		rc = device_index(d, why, size);
	if (rc == 0)
		rc = device_each(d, device_set_up, &task);
	if (rc != 0)
		device_close(d);
	return rc;
}

int
device_route_extra(const struct device *d, const struct config_tenant *with, const struct config_tenant *without,
		   char *why, size_t size)
{
	struct device_task task = { .with = with, .without = without, .routes = routes_add, .why = why, .size = size };
	int rc = device_each(d, device_route, &task);

	if (rc != 0)
		device_unroute_extra(d, with, without);		/* by way of this device: nobody else's */
	return rc;
}

void
device_unroute_extra(const struct device *d, const struct config_tenant *with, const struct config_tenant *without)
{
	struct device_task task = { .with = with, .without = without, .routes = routes_remove };

	device_each(d, device_route, &task);
}

int
device_place(struct device *d, const struct config_tenant *config, char *why, size_t size)
{
	int rc = 0;

	d->legs = config_apart(config) ? DEVICE_LEGS : 1;
	for (unsigned leg = 0; leg < d->legs; leg++) {
		int open = netns_open(&d->leg[leg].netns, device_netns(config, leg));

		if (open != 0 && rc == 0)
			snprintf(why, size, "cannot open the network namespace %s", device_netns(config, leg));
		rc = rc != 0 ? rc : open;
	}
	if (rc != 0)
		device_leave(d);
	return rc;
}

/* Make the devices, or none. */
static int
device_make(struct device *d, const struct config_tenant *config)
{
	for (unsigned leg = 0; leg < d->legs; leg++) {
		int rc = netns_enter(d->leg[leg].netns);

		if (rc == 0) {
			rc = tun_open(d->name, leg == 0 ? config->device.s : d->name, device_header(config), config->workers,
				      d->leg[leg].queue);
			netns_leave(d->leg[leg].netns);
		}
		if (rc != 0) {
			while (leg > 0)
				tun_close(config->workers, d->leg[--leg].queue);
			return rc;
		}
	}
	return 0;
}

int
device_open(struct device *d, const struct config_tenant *config, const char *run_dir, char *why, size_t size)
{
	int rc;

	*d = (struct device) { .queues = 0 };
	rc = device_place(d, config, why, size);
	if (rc != 0)
		return rc;
	rc = device_make(d, config);
	if (rc == 0)
		return device_finish(d, config, run_dir, routes_add, why, size);
	snprintf(why, size, "cannot create the TUN device %s", config->device.s);
	device_leave(d);
	return rc;
}

int
device_adopt(struct device *d, const struct config_tenant *config, const char *run_dir, char *why, size_t size)
{
	device_narrow(d, config->workers);	/* it was to become smaller when its nat64d was killed */
	return device_finish(d, config, run_dir, routes_repair, why, size);
}

struct device_holding {
	unsigned index;
	bool held;
};

static void
device_holder(const struct rtnl_link *link, void *user)
{
	struct device_holding *h = user;

	h->held = h->held || (link->index == h->index && link->carrier);
}

static int
device_held_leg(const struct device *d, unsigned leg, struct device_task *task)
{
	struct device_holding h = { .index = d->leg[leg].index };
	int rc = rtnl_links(task->r, device_holder, &h);

	return h.held ? -EBUSY : rc;
}

bool
device_held(const struct device *d)
{
	struct device_task task = { .with = NULL };

	return device_each(d, device_held_leg, &task) != 0;
}

int
device_attach(struct device *d, enum tun_header header, unsigned n)
{
	for (unsigned leg = 0; leg < d->legs; leg++) {
		int rc = netns_enter(d->leg[leg].netns);

		if (rc == 0) {
			rc = tun_attach(d->name, header, n, d->leg[leg].queue);
			netns_leave(d->leg[leg].netns);
		}
		if (rc != 0) {
			while (leg > 0)
				tun_close(n, d->leg[--leg].queue);
			return rc;
		}
	}
	d->queues = n;
	return 0;
}

int
device_persist(const struct device *d)
{
	int rc = 0;

	for (unsigned leg = 0; leg < d->legs && rc == 0; leg++)
		rc = tun_persist(d->leg[leg].queue[0], true);
	return rc;
}

int
device_steer(const struct device *d, int program)
{
	int rc = 0;

	for (unsigned leg = 0; leg < d->legs && rc == 0; leg++)
		rc = tun_steer(d->leg[leg].queue[0], program);
	return rc;
}

static int
device_guard_leg(const struct device *d, unsigned leg, struct device_task *task)
{
	unsigned families = 0;

	families |= device_carries(d, leg, AF_INET6) ? GUARD_IP6 : 0;
	families |= device_carries(d, leg, AF_INET) ? GUARD_IP4 : 0;
	return guard_set(d->name, d->leg[leg].index, families, task->with, task->without);
}

int
device_guard(const struct device *d, const struct config_tenant *config, const struct config_tenant *also)
{
	struct device_task task = { .with = config, .without = also };

	return device_each(d, device_guard_leg, &task);
}

static int
device_unguard_leg(const struct device *d, unsigned leg, struct device_task *task)
{
	(void)leg;
	(void)task;
	return guard_remove(d->name);
}

int
device_unguard(const struct device *d)
{
	struct device_task task = { .with = NULL };

	return device_each(d, device_unguard_leg, &task);
}

static int
device_guarded_leg(const struct device *d, unsigned leg, struct device_task *task)
{
	uint64_t dropped[3];
	int rc = guard_dropped(d->name, dropped);

	(void)leg;
	for (unsigned i = 0; i < 3 && rc == 0; i++)
		task->dropped[i] += dropped[i];
	return rc;
}

int
device_guarded(const struct device *d, uint64_t dropped[3])
{
	struct device_task task = { .with = NULL };
	int rc = device_each(d, device_guarded_leg, &task);

	memcpy(dropped, task.dropped, sizeof(task.dropped));
	return rc;
}

#define DEVICE_SWEEP 256		/* at most so many are deleted at once */

struct device_sweeping {
	char mark[RTNL_ALIAS];
	const struct device_place *keep;
	uint64_t netns;
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
		if (s->keep[i].index == link->index && s->keep[i].netns == s->netns)
			return;
	memcpy(s->name[s->found], link->name, TUN_NAME);
	s->index[s->found++] = link->index;
}

/* In the namespace that is swept. */
static int
device_sweep_here(struct device_sweeping *s)
{
	struct rtnl *r = rtnl_open();
	int rc = r ? rtnl_links(r, device_swept, s) : -errno;

	for (unsigned i = 0; i < s->found && rc == 0; i++) {
		rc = rtnl_link_remove(r, s->index[i]);
		guard_remove(s->name[i]);
	}
	rtnl_close(r);
	return rc;
}

int
device_sweep(int netns, const char *run_dir, const struct device_place *keep, unsigned n)
{
	struct device_sweeping s = { .keep = keep, .n = n, .netns = netns_number(netns) };
	int rc = netns_enter(netns);

	if (rc != 0)
		return rc;
	device_mark(s.mark, run_dir, "");
	rc = device_sweep_here(&s);
	netns_leave(netns);
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
	unsigned leg;
	int rc = 0;

	if (n <= d->queues)
		return 0;
	for (leg = 0; leg < d->legs && rc == 0; leg++) {
		rc = netns_enter(d->leg[leg].netns);
		if (rc != 0)
			break;
		rc = tun_widen(d->name, header, d->queues, n, d->leg[leg].queue);
		netns_leave(d->leg[leg].netns);
		if (rc != 0)
			break;
	}
	if (rc == 0)
		d->queues = n;
	else
		while (leg > 0)
			tun_close(n - d->queues, d->leg[--leg].queue + d->queues);
	return rc;
}

void
device_narrow(struct device *d, unsigned n)
{
	if (n >= d->queues)
		return;
	for (unsigned leg = 0; leg < d->legs; leg++)
		tun_close(d->queues - n, d->leg[leg].queue + n);
	d->queues = n;
}

static int
device_adjust_leg(const struct device *d, unsigned leg, struct device_task *task)
{
	return rtnl_link_up(task->r, d->leg[leg].index, task->with->mtu, task->with->queue_length);
}

int
device_adjust(const struct device *d, const struct config_tenant *config)
{
	struct device_task task = { .with = config };

	return device_each(d, device_adjust_leg, &task);
}

static int
device_present_leg(const struct device *d, unsigned leg, struct device_task *task)
{
	(void)task;
	return if_nametoindex(d->name) == d->leg[leg].index ? 0 : -ENODEV;
}

bool
device_present(const struct device *d)
{
	struct device_task task = { .with = NULL };

	return device_each(d, device_present_leg, &task) == 0;
}

void
device_leave(struct device *d)
{
	for (unsigned leg = 0; leg < d->legs; leg++) {
		tun_close(d->queues, d->leg[leg].queue);
		netns_close(&d->leg[leg].netns);
	}
	d->queues = d->legs = 0;
}

/* Remove what is still there: a service manager keeps the queues, or a worker that could not be killed. */
static int
device_remove_leg(const struct device *d, unsigned leg, struct device_task *task)
{
	unsigned index = d->leg[leg].index;

	if (index != 0 && if_nametoindex(d->name) == index)
		rtnl_link_remove(task->r, index);
	return 0;
}

void
device_close(struct device *d)
{
	struct device_task task = { .with = NULL };

	if (d->queues > 0) {
		device_unguard(d);
		for (unsigned leg = 0; leg < d->legs; leg++) {
			tun_persist(d->leg[leg].queue[0], false);
			tun_close(d->queues, d->leg[leg].queue);
		}
		d->queues = 0;
		device_each(d, device_remove_leg, &task);
	}
	device_leave(d);
}
