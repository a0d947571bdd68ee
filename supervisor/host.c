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
#include <stdlib.h>
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
	struct problem_list *problems;
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

/* This host has an address that a tenant claims: say so where it does. */
static void
host_claimed(struct problem_list *problems, const struct config *config, uint32_t t, uint32_t line, const char *key,
	     const char *address, unsigned index)
{
	const struct config_lines_tenant *lines = &config->lines.tenant[t];
	char device[IF_NAMESIZE] = "?", where[64];

	if_indextoname(index, device);
	snprintf(where, sizeof(where), "[tenant %s] %s", config->tenant[t].name_, key);
	problem_add(problems, line ? line : lines->section, where,
		    "%s is this host's own address on %s; take it out of the %s, or off the interface", address, device, key);
}

static void
host_address4(const struct host_addresses *h, uint32_t ip4, unsigned index)
{
	char text[ADDRESS_TEXT];

	address_print_ip4(text, ip4);
	for (uint32_t t = 0; t < h->config->tenants; t++) {
		const struct config_tenant *tenant = &h->config->tenant[t];

		for (uint32_t i = 0; i < tenant->pool.n; i++)
			if (ip4 >= tenant->pool.item[i].first && ip4 <= tenant->pool.item[i].last)
				host_claimed(h->problems, h->config, t, h->config->lines.tenant[t].pool[i], "pool", text,
					     index);
	}
}

static void
host_address6(const struct host_addresses *h, const struct ip6 *ip6, unsigned index)
{
	char text[ADDRESS_TEXT];

	address_print_ip6(text, ip6);
	for (uint32_t t = 0; t < h->config->tenants; t++) {
		const struct config_tenant *tenant = &h->config->tenant[t];

		for (uint32_t i = 0; i < tenant->prefix.n; i++)
			if (addr_in_net6(ip6, &tenant->prefix.item[i]))
				host_claimed(h->problems, h->config, t, h->config->lines.tenant[t].prefix[i], "prefix", text,
					     index);
	}
}

static void
host_address(const struct rtnl_net *address, unsigned index, void *user)
{
	const uint8_t *a = address->addr;
	struct ip6 ip6;

	memcpy(ip6.b, a, sizeof(ip6.b));
	if (address->family == AF_INET)
		host_address4(user, (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3], index);
	else if (address->family == AF_INET6)
		host_address6(user, &ip6, index);
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

/* A device that a tenant is to make must not be there. One that was there before goes on. */
static void
host_devices(const struct config *config, const struct config *before, struct problem_list *problems)
{
	char where[64];

	for (uint32_t t = 0; t < config->tenants; t++) {
		const char *device = config->tenant[t].device.s;

		if (!config_has(config, t) || (before && config_has(before, t)))
			continue;
		if (strchr(device, '%') || if_nametoindex(device) == 0 || (!before && host_ours(config, device)))
			continue;
		snprintf(where, sizeof(where), "[tenant %s] device", config->tenant[t].name_);
		problem_add(problems, config->lines.tenant[t].device ? config->lines.tenant[t].device :
			    config->lines.tenant[t].section, where, "there is a device %s already, and it is not ours; "
			    "remove it (ip link delete %s), or write device = NAME", device, device);
	}
}

void
host_config(const struct config *config, const struct config *before, struct problem_list *problems)
{
	struct host_addresses h = { .config = config, .problems = problems };
	struct rtnl *r = rtnl_open();
	int rc = r ? rtnl_addresses(r, host_address, &h) : -errno;

	rtnl_close(r);
	if (rc != 0)
		problem_add(problems, 0, NULL, "cannot ask the kernel for this host's addresses: %s", strerror(-rc));
	host_devices(config, before, problems);
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
