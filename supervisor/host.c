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
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "supervisor/address.h"
#include "supervisor/caps.h"
#include "supervisor/device.h"
#include "supervisor/host.h"
#include "supervisor/log.h"
#include "supervisor/sysctl.h"

struct host_addresses {
	const struct config *config;
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
	for (uint32_t t = 0; t < h->config->tenants; t++) {
		const struct config_tenant *tenant = &h->config->tenant[t];

		for (uint32_t i = 0; i < tenant->pool.n; i++) {
			if (ip4 < tenant->pool.item[i].first || ip4 > tenant->pool.item[i].last)
				continue;
			if_indextoname(index, device);
			address_print_ip4(text, ip4);
			log_line(CONFIG_LOG_ERROR, "[tenant %s] pool: %s is this host's own address on %s; take it out of "
				 "the pool, or off the interface", tenant->name_, text, device);
			h->obstacles++;
		}
	}
}

static unsigned
host_addresses(const struct config *config)
{
	struct host_addresses h = { .config = config };
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

static unsigned
host_devices(const struct config *config)
{
	unsigned n = 0;

	for (uint32_t t = 0; t < config->tenants; t++) {
		const char *device = config->tenant[t].device.s;

		if (strchr(device, '%') || if_nametoindex(device) == 0 || host_ours(config, device))
			continue;
		log_line(CONFIG_LOG_ERROR, "[tenant %s] device: there is a device %s already, and it is not ours; remove it "
			 "(ip link delete %s), or write device = NAME", config->tenant[t].name_, device, device);
		n++;
	}
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
host_check(const struct config *config, const char *worker, const char *ctld)
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
	return n + host_devices(config) + host_addresses(config) + host_programs(worker, ctld);
}

void
host_warn_forwarding(void)
{
	static const struct {
		const char *file, *sysctl;
	} wanted[] = {
		{ "ipv4/ip_forward", "net.ipv4.ip_forward" },
		{ "ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (sysctl_read(wanted[i].file) == 0)
			log_line(CONFIG_LOG_WARNING, "this host does not forward packets, so none will be translated for "
				 "others: sysctl -w %s=1", wanted[i].sysctl);
}
