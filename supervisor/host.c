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

struct host_addresses {
	const struct config_tenant *tenant;
	unsigned obstacles;
};

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

static void
host_address(const struct rtnl_net *address, unsigned index, void *user)
{
	struct host_addresses *h = user;
	char device[IF_NAMESIZE] = "?", text[ADDRESS_TEXT];
	uint32_t ip4;

	if (address->family != AF_INET)
		return;
	ip4 = (uint32_t)address->addr[0] << 24 | (uint32_t)address->addr[1] << 16 | (uint32_t)address->addr[2] << 8 |
	      address->addr[3];
	for (uint32_t i = 0; i < h->tenant->pool.n; i++) {
		if (ip4 < h->tenant->pool.item[i].first || ip4 > h->tenant->pool.item[i].last)
			continue;
		if_indextoname(index, device);
		address_print_ip4(text, ip4);
		log_line(CONFIG_LOG_ERROR, "[tenant %s] pool: %s is this host's own address on %s; take it out of "
			 "the pool, or off the interface", h->tenant->name_, text, device);
		h->obstacles++;
	}
}

/* In the namespace of its IPv4 side: is an address of the pool the host's own? */
static unsigned
host_addresses(const struct config_tenant *tenant)
{
	struct host_addresses h = { .tenant = tenant };
	struct rtnl *r = rtnl_open();
	int rc = r ? rtnl_addresses(r, host_address, &h) : -errno;

	rtnl_close(r);
	if (rc != 0) {
		log_line(CONFIG_LOG_ERROR, "cannot ask the kernel for this host's addresses: %s", strerror(-rc));
		h.obstacles++;
	}
	return h.obstacles;
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

/* In the namespace of one of its sides: is there a device of that name, and not ours? */
static unsigned
host_taken(const struct config *config, const struct config_tenant *tenant, const char *netns)
{
	const char *device = tenant->device.s;

	if (strchr(device, '%') || if_nametoindex(device) == 0 || host_ours(config, device))
		return 0;
	log_line(CONFIG_LOG_ERROR, "[tenant %s] device: there is a device %s already%s%s, and it is not ours; remove it "
		 "(ip link delete %s), or write device = NAME", tenant->name_, device,
		 *netns ? " in the network namespace " : "", netns, device);
	return 1;
}

/* Names of one namespace would be taken for two; and what is checked between tenants goes by the name. */
struct host_names {
	const char *file;
	unsigned n;
	struct {
		const char *name;
		uint64_t number;
	} seen[1 + DEVICE_LEGS * CONFIG_MAX_TENANTS];
};

static bool
host_other_name(struct host_names *h, const char *name, uint64_t number, unsigned line, const char *where)
{
	for (unsigned i = 0; i < h->n; i++) {
		if (h->seen[i].number != number || number == 0 || strcmp(h->seen[i].name, name) == 0)
			continue;
		log_line(CONFIG_LOG_ERROR, "%s:%u: %s: %s and %s are one network namespace; write the same name for it "
			 "everywhere", h->file, line, where, *name ? name : "own", *h->seen[i].name ? h->seen[i].name : "own");
		return true;
	}
	h->seen[h->n].name = name;
	h->seen[h->n++].number = number;
	return false;
}

static const char *
host_netns(const struct config_tenant *tenant, bool ip4)
{
	return ip4 ? tenant->netns4.s : tenant->netns6.s;
}

/* Look at a side of a tenant, in its namespace. Returns the number of things in the way. */
static unsigned
host_side(const struct config *config, uint32_t t, bool ip4, struct host_names *names)
{
	const struct config_tenant *tenant = &config->tenant[t];
	const char *name = host_netns(tenant, ip4);
	unsigned n, line = ip4 ? config->lines.tenant[t].netns4 : config->lines.tenant[t].netns6;
	char where[64];
	int netns, rc;

	line = line ? line : config->lines.tenant[t].section;	/* a default */
	snprintf(where, sizeof(where), "[tenant %s] %s", tenant->name_, ip4 ? "netns4" : "netns6");
	rc = netns_open(&netns, name);
	if (rc != 0) {
		log_line(CONFIG_LOG_ERROR, "%s:%u: %s: %s: %s; make it (ip netns add %s), or write one that ip netns list "
			 "shows", names->file, line, where, name, rc == -EINVAL ? "that is no network namespace" :
			 rc == -ENOENT ? "there is no network namespace of that name" : strerror(-rc), name);
		return 1;
	}
	n = host_other_name(names, name, netns_number(netns), line, where);
	rc = netns_enter(netns);
	if (rc == 0) {
		n += ip4 || config_apart(tenant) ? host_taken(config, tenant, name) : 0;
		n += ip4 ? host_addresses(tenant) : 0;
		netns_leave(netns);
	} else {
		log_line(CONFIG_LOG_ERROR, "%s:%u: %s: cannot enter %s: %s", names->file, line, where, name, strerror(-rc));
		n++;
	}
	netns_close(&netns);
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
	struct host_names names = { .file = file };
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
	for (uint32_t t = 0; t < config->tenants; t++)
		n += host_side(config, t, false, &names) + host_side(config, t, true, &names);
	return n + host_programs(worker, ctld);
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

			while (strcmp(host_netns(&config->tenant[before], ip4), name) != 0)
				before++;		/* ends at t */
			if (before == t)
				host_forwards(name, ip4);
		}
	}
}
