/*
 * estate.c - all that a nat64d leaves to the one that is executed in its place
 *
 * A memfd holds one struct without a pointer. Its head is the same in every version and says how large the rest is and how
 * the memory that processes share is laid out; a nat64d that would read anything differently finds out there, and
 * refuses. The rest are numbers of descriptors and children, which an exec does not change, the configuration in force,
 * and what the supervisor remembers about each child.
 *
 * Must never: be read further than its head by another build; leave a descriptor open over an exec that is not in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "supervisor/estate.h"
#include "supervisor/memory.h"

static void
estate_fill_tenant(struct estate_tenant *e, const struct tenant *t)
{
	e->device = t->device;
	e->steer = t->steer;
	e->region = t->region.fd;
	e->region_ro = t->region.fd_ro;
	e->image = t->publish.fd_ro;
	memcpy(e->bell, t->bell, sizeof(e->bell));
	e->crew = t->crew;
}

int
estate_write(const struct gateway *g, struct estate **e)
{
	int fd = memory_create("nat64-estate", sizeof(**e));
	struct estate *to = fd < 0 ? NULL : memory_map(fd, sizeof(*to));

	if (!to) {
		if (fd >= 0)
			close(fd);
		return fd < 0 ? fd : -ENOMEM;
	}
	to->head = (struct estate_head) {
		.magic = ESTATE_MAGIC, .version = ESTATE_VERSION, .size = sizeof(*to), .kin = HERITAGE_KIN,
		.program = NAT64_VERSION,
	};
	to->pid = (uint32_t)getpid();
	to->cpus = g->cpus;
	to->rundir = g->rundir;
	to->control = g->control;
	to->bulletin = g->bulletin.fd_ro;
	to->listeners = g->listeners;
	memcpy(to->metrics, g->metrics, sizeof(to->metrics));
	to->ctld = g->ctld;
	to->reload = g->reload;
	to->tenants = g->tenants;
	for (uint32_t t = 0; t < g->tenants; t++)
		estate_fill_tenant(&to->tenant[t], &g->tenant[t]);
	to->config = *g->config;
	*e = to;
	return fd;
}

/* Is every count in its bounds? */
static bool
estate_sane(const struct estate *e)
{
	if (e->tenants == 0 || e->tenants > CONFIG_MAX_TENANTS || e->tenants != e->config.tenants ||
	    e->listeners > GATEWAY_LISTENERS)
		return false;
	for (uint32_t t = 0; t < e->tenants; t++) {
		const struct estate_tenant *tenant = &e->tenant[t];
		uint32_t workers = e->config.tenant[t].workers;

		if (workers == 0 || workers > CONFIG_MAX_WORKERS || tenant->device.queues != workers ||
		    tenant->crew.spares > CREW_MAX_SPARES || tenant->crew.formers > CREW_MAX_SPARES)
			return false;
	}
	return true;
}

const char *
estate_read(int fd, struct estate **e)
{
	struct estate_head head;
	struct stat st;

	if (fstat(fd, &st) != 0 || pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) || head.magic != ESTATE_MAGIC)
		return "there is no state of a running nat64d to take over";
	if (head.kin != HERITAGE_KIN)
		return "it lays out shared memory otherwise than the running nat64d";
	if (head.version != ESTATE_VERSION || head.size != sizeof(**e) || st.st_size != (off_t)sizeof(**e))
		return "it keeps its state otherwise than the running nat64d";
	*e = memory_map(fd, sizeof(**e));
	if (!*e)
		return "the state of the running nat64d cannot be mapped";
	if (estate_sane(*e))
		return NULL;
	estate_forget(*e);
	return "the state of the running nat64d contradicts itself";
}

void
estate_forget(struct estate *e)
{
	munmap(e, sizeof(*e));
}

static bool
estate_keep_one(int fd, bool keep)
{
	return fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC) == 0;
}

/* All of them, or none was ever open. */
static bool
estate_keep_steer(const struct steer *s, bool keep)
{
	return s->program < 0 || (estate_keep_one(s->program, keep) && estate_keep_one(s->table, keep) &&
				  estate_keep_one(s->blocks, keep));
}

bool
estate_keep(const struct estate *e, bool keep)
{
	bool all = estate_keep_one(e->rundir.lock, keep);

	all = estate_keep_one(e->control, keep) && all;
	all = estate_keep_one(e->bulletin, keep) && all;
	for (uint32_t i = 0; i < e->listeners; i++)
		all = estate_keep_one(e->metrics[i], keep) && all;
	for (uint32_t t = 0; t < e->tenants; t++) {
		const struct estate_tenant *tenant = &e->tenant[t];

		all = estate_keep_one(tenant->region, keep) && all;
		all = estate_keep_one(tenant->region_ro, keep) && all;
		all = estate_keep_one(tenant->image, keep) && all;
		all = estate_keep_steer(&tenant->steer, keep) && all;
		for (unsigned w = 0; w < tenant->device.queues; w++) {
			all = estate_keep_one(tenant->device.queue[w], keep) && all;
			all = estate_keep_one(tenant->bell[w], keep) && all;
		}
	}
	return all;
}
