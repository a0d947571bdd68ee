/*
 * host.c - can this configuration run on this host, now?
 *
 * Everything that is known to be in the way is said before anything is created, all of it at once: an operator who
 * starts nat64d as the wrong user on a host without /dev/net/tun learns both. What is only unwise is a warning.
 *
 * Must never: change anything on the host, forwarding included.
 */
#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "supervisor/address.h"
#include "supervisor/caps.h"
#include "supervisor/device.h"
#include "supervisor/host.h"
#include "supervisor/log.h"
#include "supervisor/netns.h"
#include "supervisor/sysctl.h"

int
host_group(uint32_t *gid, const char *name)
{
	const struct group *group = getgrnam(name);

	if (group) {
		*gid = group->gr_gid;
		return 0;
	}
	return address_parse_number(gid, name, UINT32_MAX - 1) ? 0 : -ENOENT;
}

/* A side of a tenant, which is looked at in its network namespace. */
struct host_side {
	const struct config *config;
	struct problem_list *problems;
	uint32_t t;
	bool ip4;
	const char *netns;
};

static void
host_problem(const struct host_side *h, uint32_t line, const char *key, const char *what)
{
	const struct config_lines_tenant *lines = &h->config->lines.tenant[h->t];
	char where[64];

	snprintf(where, sizeof(where), "[tenant %s] %s", h->config->tenant[h->t].name_, key);
	problem_add(h->problems, line ? line : lines->section, where, "%s", what);	/* without a line: a default */
}

/* An address of the host that the tenant claims; cure: what to do about it. */
static void
host_claimed(const struct host_side *h, uint32_t line, const char *key, const char *address, unsigned index,
	     const char *cure)
{
	char device[IF_NAMESIZE] = "?", what[256];

	if_indextoname(index, device);
	snprintf(what, sizeof(what), "%s is this host's own address on %s%s%s; %s", address, device,
		 *h->netns ? " in the network namespace " : "", h->netns, cure);
	host_problem(h, line, key, what);
}

static void
host_address(const struct rtnl_net *address, unsigned index, void *user)
{
	const struct host_side *h = user;
	const struct config_tenant *tenant = &h->config->tenant[h->t];
	const uint8_t *a = address->addr;
	char text[ADDRESS_TEXT];
	struct ip6 ip6;
	uint32_t ip4;

	if (address->family != (h->ip4 ? AF_INET : AF_INET6))
		return;
	ip4 = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
	memcpy(ip6.b, a, sizeof(ip6.b));
	if (h->ip4)
		address_print_ip4(text, ip4);
	else
		address_print_ip6(text, &ip6);
	for (uint32_t i = 0; i < tenant->pool.n && h->ip4; i++)
		if (ip4 >= tenant->pool.item[i].first && ip4 <= tenant->pool.item[i].last)
			host_claimed(h, h->config->lines.tenant[h->t].pool[i], "pool", text, index,
				     "take it out of the pool, or off the interface");
	if (h->ip4 && ip4 == tenant->router4 && h->config->lines.tenant[h->t].router4)
		host_claimed(h, h->config->lines.tenant[h->t].router4, "router4", text, index,
			     "the kernel takes no packet with it from a device; leave the key out for the first pool address");
	for (uint32_t i = 0; i < tenant->prefix.n && !h->ip4; i++)
		if (addr_in_net6(&ip6, &tenant->prefix.item[i]))
			host_claimed(h, h->config->lines.tenant[h->t].prefix[i], "prefix", text, index,
				     "take it out of the prefix, or off the interface");
}

struct host_device {
	const char *name;
	char mark[RTNL_ALIAS];
	bool ours;
};

static void
host_device(const struct rtnl_link *link, void *user)
{
	struct host_device *d = user;

	if (strcmp(link->name, d->name) == 0 && strncmp(link->alias, d->mark, strlen(d->mark)) == 0)
		d->ours = true;
}

/* Was this device made by a nat64d with our run directory? Then it is taken over or replaced. */
static bool
host_ours(const struct config *config, const char *name)
{
	struct host_device d = { .name = name };
	struct rtnl *r = rtnl_open();

	device_mark(d.mark, config->gateway.run_dir.s, "");
	if (r)
		rtnl_links(r, host_device, &d);
	rtnl_close(r);
	return d.ours;
}

/* A device that the tenant is to make must not be there. */
static void
host_taken(const struct host_side *h, bool running)
{
	const struct config_tenant *tenant = &h->config->tenant[h->t];
	const char *device = tenant->device.s;
	char what[256];

	if (strchr(device, '%') || if_nametoindex(device) == 0 || (!running && host_ours(h->config, device)))
		return;
	snprintf(what, sizeof(what), "there is a device %s already%s%s, and it is not ours; remove it (ip link delete %s), or "
		 "write device = NAME", device, *h->netns ? " in the network namespace " : "", h->netns, device);
	host_problem(h, h->config->lines.tenant[h->t].device, "device", what);
}

/* Names of one namespace would be taken for two; and what is checked between tenants goes by the name. */
struct host_names {
	unsigned n;
	struct {
		const char *name;
		uint64_t number;
	} seen[1 + DEVICE_LEGS * CONFIG_MAX_TENANTS];
};

static const char *
host_netns(const struct config_tenant *tenant, bool ip4)
{
	return ip4 ? tenant->netns4.s : tenant->netns6.s;
}

static void
host_named(const struct host_side *h, struct host_names *names, uint64_t number, uint32_t line, const char *key)
{
	char what[256];

	for (unsigned i = 0; i < names->n; i++) {
		if (names->seen[i].number != number || number == 0 || strcmp(names->seen[i].name, h->netns) == 0)
			continue;
		snprintf(what, sizeof(what), "%s and %s are one network namespace; write the same name for it everywhere",
			 *h->netns ? h->netns : "own", *names->seen[i].name ? names->seen[i].name : "own");
		host_problem(h, line, key, what);
		return;
	}
	names->seen[names->n].name = h->netns;
	names->seen[names->n++].number = number;
}

/* Look at a side in its namespace. makes: the tenant's device is to be made; running: by a nat64d that has others. */
static void
host_look(const struct host_side *h, struct host_names *names, bool makes, bool running)
{
	const struct config_lines_tenant *lines = &h->config->lines.tenant[h->t];
	const char *key = h->ip4 ? "netns4" : "netns6";
	uint32_t line = h->ip4 ? lines->netns4 : lines->netns6;
	struct rtnl *r;
	char what[256];
	int netns, rc = netns_open(&netns, h->netns);

	if (rc != 0 && running && !makes)
		return;			/* who works there goes on when the name is gone */
	if (rc != 0) {
		snprintf(what, sizeof(what), "%s: %s; make it (ip netns add %s), or write one that ip netns list shows",
			 h->netns, rc == -EINVAL ? "that is no network namespace" :
			 rc == -ENOENT ? "there is no network namespace of that name" : strerror(-rc), h->netns);
		host_problem(h, line, key, what);
		return;
	}
	host_named(h, names, netns_number(netns), line, key);
	rc = netns_enter(netns);
	if (rc == 0) {
		if (makes && (h->ip4 || config_apart(&h->config->tenant[h->t])))
			host_taken(h, running);
		r = rtnl_open();
		rc = r ? rtnl_addresses(r, host_address, (void *)(uintptr_t)h) : -errno;
		rtnl_close(r);
		netns_leave(netns);
	}
	netns_close(&netns);
	if (rc != 0) {
		snprintf(what, sizeof(what), "cannot ask the kernel for the addresses there: %s", strerror(-rc));
		host_problem(h, line, key, what);
	}
}

void
host_config(const struct config *config, const struct config *before, struct problem_list *problems)
{
	struct host_names names = { 0 };

	for (uint32_t t = 0; t < config->tenants; t++) {
		if (!config_has(config, t))
			continue;
		for (unsigned ip4 = 0; ip4 < 2; ip4++)
			host_look(&(struct host_side) { config, problems, t, ip4, host_netns(&config->tenant[t], ip4) }, &names,
				  !before || !config_has(before, t), before);
	}
}

static unsigned
host_claims(const struct config *config, const char *file)
{
	struct problem_list *problems = malloc(sizeof(*problems));
	unsigned n = 1;

	if (problems) {
		problem_init(problems, file);
		host_config(config, NULL, problems);
		problem_log(problems);
		n = problems->n;
		problem_free(problems);
	}
	free(problems);
	return n;
}

static unsigned
host_programs(const char *worker, const char *ctld)
{
	bool no_worker = access(worker, X_OK) != 0, no_ctld = access(ctld, X_OK) != 0;

	if (!no_worker && !no_ctld)
		return 0;
	log_line(CONFIG_LOG_ERROR, "cannot run %s%s%s: install them beside nat64d", no_worker ? worker : "",
		 no_worker && no_ctld ? " and " : "", no_ctld ? ctld : "");
	return 1;
}

unsigned
host_check(const struct config *config, const char *file, const char *worker, const char *ctld)
{
	char missing[256];
	unsigned n = 0;
	uint32_t gid;

	if (geteuid() != 0 || !caps_complete(missing, sizeof(missing))) {
		if (geteuid() != 0)
			log_line(CONFIG_LOG_ERROR, "nat64d must be started as root: it creates devices and gives its "
				 "children uids of their own; --check and --print-config need no rights");
		else
			log_line(CONFIG_LOG_ERROR, "root lacks capabilities here: %s; grant them to this container or "
				 "service", missing);
		n++;
	}
	if (access("/dev/net/tun", F_OK) != 0) {
		log_line(CONFIG_LOG_ERROR, "there is no /dev/net/tun: load the tun module (modprobe tun), or let this "
			 "container have the device");
		n++;
	}
	if (host_group(&gid, config->gateway.control_group.s) != 0) {
		log_line(CONFIG_LOG_ERROR, "[gateway] control-group: there is no group %s; create it, or name another",
			 config->gateway.control_group.s);
		n++;
	}
	return n + host_claims(config, file) + host_programs(worker, ctld);
}

/* Does this namespace forward packets of this family? */
static void
host_forwards(const char *name, bool ip4)
{
	const char *file = ip4 ? "ipv4/ip_forward" : "ipv6/conf/all/forwarding";
	const char *sysctl = ip4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
	int netns, forwards = -1;

	if (netns_open(&netns, name) == 0 && netns_enter(netns) == 0) {
		forwards = sysctl_read(file);
		netns_leave(netns);
	}
	netns_close(&netns);
	if (forwards == 0 && *name)
		log_line(CONFIG_LOG_WARNING, "the network namespace %s does not forward packets, so none will be translated "
			 "but of programs in it: ip netns exec %s sysctl -w %s=1", name, name, sysctl);
	else if (forwards == 0)
		log_line(CONFIG_LOG_WARNING, "this host does not forward packets, so none will be translated for "
			 "others: sysctl -w %s=1", sysctl);
}

void
host_warn_forwarding(const struct config *config)
{
	for (unsigned ip4 = 0; ip4 < 2; ip4++) {
		for (uint32_t t = 0; t < config->tenants; t++) {
			const char *name = host_netns(&config->tenant[t], ip4);
			uint32_t before = 0;

			while (before < t && !(config_has(config, before) &&
					       strcmp(host_netns(&config->tenant[before], ip4), name) == 0))
				before++;
			if (before == t && config_has(config, t))
				host_forwards(name, ip4);
		}
	}
}
