/*
 * sweep.c - what predecessors left and nobody goes on with
 *
 * Devices carry the mark of the run directory they were made for (device_mark), so those that no tenant of ours has can be told
 * from anybody else's, also when the nat64d that made them left no estate. In the run directory, regions end in one suffix, and
 * files that were never finished in another.
 *
 * Must never: remove what legacy.c holds on to, or what is not marked.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/gateway.h"
#include "supervisor/memory.h"
#include "supervisor/netns.h"
#include "supervisor/sweep.h"

/* The devices that go on. Returns how many. */
static unsigned
sweep_kept(const struct gateway *g, struct device_place *place)
{
	unsigned n = 0;

	for (uint32_t t = 0; t < g->config->tenants; t++) {
		const struct device *d = &g->legacy.share[t].device;

		for (unsigned leg = 0; leg < d->legs && d->queues > 0; leg++)
			place[n++] = (struct device_place) { netns_number(d->leg[leg].netns), d->leg[leg].index };
	}
	return n;
}

/* Remove what else there is of devices of ours in this namespace, if there is one of that name. Returns how many went. */
static unsigned
sweep_netns(const struct gateway *g, const char *name, const struct device_place *keep, unsigned n)
{
	int netns, swept = 0;

	if (netns_open(&netns, name) == 0)
		swept = device_sweep(netns, g->config->gateway.run_dir.s, keep, n);
	netns_close(&netns);
	return swept > 0 ? (unsigned)swept : 0;
}

unsigned
sweep_devices(const struct gateway *g)
{
	const struct config *config[] = { g->legacy.estate ? &g->legacy.estate->config : NULL, g->config };
	struct device_place keep[CONFIG_MAX_TENANTS * DEVICE_LEGS];
	unsigned n = sweep_kept(g, keep), swept = sweep_netns(g, "", keep, n);

	for (unsigned c = 0; c < 2; c++) {
		for (uint32_t t = 0; config[c] && t < config[c]->tenants; t++) {
			const struct config_tenant *tenant = &config[c]->tenant[t];

			if (*tenant->netns6.s)
				swept += sweep_netns(g, tenant->netns6.s, keep, n);
			if (*tenant->netns4.s && config_apart(tenant))
				swept += sweep_netns(g, tenant->netns4.s, keep, n);
		}
	}
	return swept;
}

/* Is it the file of a region that goes on, or of one whose bindings do? */
static bool
sweep_spares(const struct gateway *g, const char *file)
{
	for (uint32_t t = 0; t < g->config->tenants; t++)
		if (strcmp(g->legacy.share[t].region.file, file) == 0 || strcmp(g->legacy.share[t].old.file, file) == 0)
			return true;
	return false;
}

static bool
sweep_ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

void
sweep_files(const struct gateway *g)
{
	DIR *directory = opendir(g->config->gateway.run_dir.s);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if ((sweep_ends_in(entry->d_name, REGION_SUFFIX) && !sweep_spares(g, entry->d_name)) ||
		    sweep_ends_in(entry->d_name, MEMORY_NEW))
			unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
}
