/*
 * tenant.c - all that belongs to one tenant: device, region, image, bells, steering
 *
 * What is made here is made once and kept as long as nat64d lives: every worker, also one born years later,
 * inherits duplicates of the same descriptors. That is what lets a worker die without a queue, a packet in it or a
 * binding being lost.
 *
 * Must never: close a queue, a bell or the region while a child of the tenant lives.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "supervisor/bulletin.h"
#include "supervisor/caps.h"
#include "supervisor/cgroup.h"
#include "supervisor/child.h"
#include "supervisor/estate.h"
#include "supervisor/legacy.h"
#include "supervisor/log.h"
#include "supervisor/tenant.h"

#define TENANT_GUARD_LOOK 1000		/* ms between looks at the guard of the sources */

static int
tenant_bells(struct tenant *t)
{
	for (uint32_t w = 0; w < t->config->workers; w++) {
		t->bell[w] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (t->bell[w] < 0)
			return -errno;
	}
	return 0;
}

int
tenant_steer_make(struct steer *s, const struct crew_ground *ground, char *why, size_t size)
{
	const struct layout *l = &ground->region->layout;
	int rc = steer_open(s, l->g.addresses, why, size);
	const uint8_t *top;

	if (rc != 0)
		return rc;
	top = region_top_open(ground->region);
	rc = top ? 0 : -errno;
	if (top) {
		rc = steer_fill(s, ground->config, l, layout_header(top), (const void *)(top + l->secret),
				((const struct layout_owners *)(const void *)(top + l->owners))->worker);
		region_top_close(ground->region, top);
	}
	if (rc == 0)
		return 0;
	snprintf(why, size, "cannot map the memory of the BPF program: %s", strerror(-rc));
	steer_close(s);
	return rc;
}

void
tenant_steer_tell(const struct tenant *t, int rc, const char *why)
{
	enum status_steering steering = rc == 0 ? STATUS_steering_on : STATUS_steering_refused;

	if (rc == TENANT_STEER_OFF)
		steering = STATUS_steering_off;
	bulletin_steering(t->bulletin, t->number, steering, rc < 0 ? why : "");
	if (rc < 0)
		log_line(CONFIG_LOG_WARNING, "tenant %s: packets are not steered to the worker they belong to, so workers hand "
			 "them over to each other, which is slower: %s; %swrite steering = off", t->config->name_, why,
			 rc == -EPERM ? "grant CAP_BPF, or " : "if that shall stay so, ");
}

/* Steer if that makes sense and is wanted; if the kernel refuses, say so and go on without. */
static void
tenant_steer(struct tenant *t)
{
	const struct crew_ground ground = { t->config, &t->region, &t->publish, NULL };
	char why[256] = "";
	int rc = TENANT_STEER_OFF;

	if (t->config->workers > 1 && t->config->steering != CONFIG_SWITCH_OFF) {
		rc = tenant_steer_make(&t->steer, &ground, why, sizeof(why));
		if (rc == 0) {
			rc = device_steer(&t->device, t->steer.program);
			snprintf(why, sizeof(why), "cannot attach the BPF program to device %s: %s", t->device.name,
				 strerror(-rc));
		}
		if (rc != 0)
			steer_close(&t->steer);
	}
	tenant_steer_tell(t, rc, why);
}

int
tenant_guard(struct tenant *t, const struct config_tenant *also)
{
	char why[128] = "";
	int rc = t->config->source_guard == CONFIG_SWITCH_OFF ? device_unguard(&t->device) :
		 device_guard(&t->device, t->config, also);

	if (rc == 0) {
		t->guarded = t->config->source_guard != CONFIG_SWITCH_OFF;
		bulletin_guard(t->bulletin, t->number, t->guarded ? STATUS_guard_on : STATUS_guard_off, "");
		return 0;
	}
	snprintf(why, sizeof(why), "nf_tables, table nat64d-%s: %s", t->device.name, strerror(-rc));
	bulletin_guard(t->bulletin, t->number, STATUS_guard_refused, why);
	log_line(CONFIG_LOG_WARNING, "tenant %s: the kernel does not take the rules for the sources of packets from %s, so a "
		 "worker that was taken over could send from any address: %s; load the module nf_tables, or write "
		 "source-guard = off if that shall stay so", t->config->name_, t->device.name, why);
	return rc;
}

uint64_t
tenant_guard_look(struct tenant *t, uint64_t now)
{
	uint64_t dropped[3];
	int rc;

	if (!t->guarded)
		return UINT64_MAX;
	if (now < t->guard_at)
		return t->guard_at;
	caps_raise(CAPS_NETWORK);
	rc = device_guarded(&t->device, dropped);
	if (rc == 0) {
		bulletin_guarded(t->bulletin, t->number, dropped);
	} else if (rc == -ENOENT) {
		log_line(CONFIG_LOG_WARNING, "tenant %s: somebody has removed the table nat64d-%s, which guards the sources of "
			 "packets; making it again", t->config->name_, t->device.name);
		t->guarded = false;
		tenant_guard(t, t->shift.phase == SHIFT_NONE ? NULL : t->shift.config);
	}
	caps_drop();
	t->guard_at = now + TENANT_GUARD_LOOK;
	return t->guard_at;
}

void
tenant_cgroup(const struct tenant *t)
{
	char why[STATUS_WHY];
	enum status_cgroup cgroup = cgroup_make(t->config->name_, why, sizeof(why));

	bulletin_cgroup(t->bulletin, t->number, cgroup, why);
	if (cgroup == STATUS_cgroup_refused)
		log_line(CONFIG_LOG_WARNING, "tenant %s: its workers have no cgroup of their own, so they may take processors "
			 "from other tenants: %s", t->config->name_, why);
}

/* The region and the device of a predecessor are ours, as far as there are any. */
static void
tenant_inherit(struct tenant *t, struct legacy_share *share)
{
	t->region = share->region;
	t->device = share->device;
	share->region = (struct region) { .fd = -1, .fd_ro = -1 };
	share->device = (struct device) { .queues = 0 };
	if (t->region.fd >= 0)
		log_line(CONFIG_LOG_INFO, "tenant %s: goes on with the bindings of an earlier nat64d", t->config->name_);
}

/* The region: the one of a predecessor, or a new one, which may have one to bring bindings over from. */
static int
tenant_region(struct tenant *t, struct legacy_share *share, const char *directory)
{
	if (t->region.fd >= 0)
		return 0;
	if (share->old.fd < 0)
		return region_open(&t->region, t->config, directory);
	shift_inherit(t, &share->old);
	t->shift.lasting = share->lasting;
	return region_open_heir(&t->region, t->config, &t->shift.region, directory);
}

/* Go on with the device of a predecessor, whatever it was made for. */
static int
tenant_device(struct tenant *t, const struct legacy_share *share, char *why, size_t size)
{
	int rc;

	snprintf(why, size, "cannot add queues to device %s", t->device.name);
	rc = device_offload(&t->device);
	if (rc == 0)
		rc = device_widen(&t->device, t->config->workers);
	if (rc == 0)
		rc = device_adopt(&t->device, t->config, t->gateway->run_dir.s, why, size);
	if (rc == 0 && share->then)
		device_unroute_extra(&t->device, share->then, t->config);
	return rc;
}

/* A device of its own, with its routes or without. */
static int
tenant_device_new(struct tenant *t, const struct legacy_share *share, char *why, size_t size)
{
	struct config_tenant *bare = share->unrouted ? malloc(sizeof(*bare)) : NULL;
	int rc;

	if (share->unrouted && !bare) {
		snprintf(why, size, "cannot make a device");
		return -ENOMEM;
	}
	if (bare) {
		*bare = *t->config;
		bare->routes = false;
	}
	rc = device_open(&t->device, bare ? bare : t->config, t->gateway->run_dir.s, why, size);
	free(bare);
	return rc;
}

int
tenant_open(struct tenant *t, struct legacy_share *share, const char *directory, char *why, size_t size)
{
	int rc;

	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++)
		t->bell[w] = -1;
	tenant_inherit(t, share);
	t->publish = (struct publish) { .fd_ro = -1 };
	t->shift = shift_none;
	t->steer = (struct steer) { .program = -1, .table = -1, .blocks = -1 };
	crew_init(&t->crew);

	snprintf(why, size, "cannot make the table's shared memory");
	rc = tenant_region(t, share, directory);
	if (rc == 0) {
		snprintf(why, size, "cannot make the configuration's shared memory");
		rc = publish_open(&t->publish, t->config, 1);
	}
	if (rc == 0) {
		snprintf(why, size, "cannot make an eventfd for each worker");
		rc = tenant_bells(t);
	}
	if (rc == 0 && t->device.queues > 0)
		rc = tenant_device(t, share, why, size);
	else if (rc == 0)
		rc = tenant_device_new(t, share, why, size);
	if (rc != 0) {
		tenant_close(t);
		return rc;
	}
	bulletin_device(t->bulletin, t->number, t->device.name, t->device.offload);
	if (t->device.offload == STATUS_offload_tso)
		log_line(CONFIG_LOG_INFO, "tenant %s: this kernel, older than 6.2, passes UDP datagrams one by one",
			 t->config->name_);
	tenant_steer(t);
	tenant_cgroup(t);
	return 0;
}

int
tenant_adopt(struct tenant *t, const struct estate_tenant *e, bool foreign)
{
	int rc = region_adopt(&t->region, e->region_fd, e->region_ro, foreign);

	if (rc == 0)
		rc = publish_adopt(&t->publish, e->image, foreign);
	if (rc != 0)
		return rc;
	t->shift = shift_none;
	memcpy(t->bell, e->bell, sizeof(t->bell));
	t->steer = e->steer;
	memcpy(t->region.file, e->region, sizeof(t->region.file));
	memcpy(t->bell, e->bell, sizeof(t->bell));
	estate_device(&t->device, e);
	crew_adopt(t, e);
	return device_offload(&t->device);
}

static void
tenant_recall_address(struct config_tenant *config, const struct layout_address *address)
{
	struct config_pool *range = config->leaving_.item;
	uint32_t n = config->leaving_.n;

	if (n > 0 && range[n - 1].last + 1 == address->ip4 && range[n - 1].port_min == address->port_min &&
	    range[n - 1].port_max == address->port_max) {
		range[n - 1].last++;
	} else if (n < sizeof(config->leaving_.item) / sizeof(config->leaving_.item[0])) {
		range[n] = (struct config_pool) { address->ip4, address->ip4, address->port_min, address->port_max };
		config->leaving_.n++;
	}
}

void
tenant_recall_leaving(const struct region *region, struct config_tenant *config)
{
	const uint8_t *top = region->foreign ? NULL : region_top_open(region);

	config->leaving_.n = 0;
	if (!top)
		return;
	for (uint32_t a = 0; a < layout_header(top)->addresses_used; a++)
		if (layout_header(top)->address[a].leaving)
			tenant_recall_address(config, &layout_header(top)->address[a]);
	region_top_close(region, top);
}

void
tenant_recall(struct tenant *t, struct config_tenant *config)
{
	const struct layout *l = &t->region.layout;
	const uint8_t *top = t->region.foreign ? NULL : region_top_open(&t->region);
	const struct layout_owners *owners;
	uint32_t owning = 0;

	tenant_recall_leaving(&t->region, config);
	if (!top)
		return;
	owners = (const void *)(top + l->owners);
	for (unsigned s = 0; s < l->g.shards; s++)
		owning |= UINT32_C(1) << owners->worker[s] % CONFIG_MAX_WORKERS;
	if (l->g.shards >= l->g.workers)
		t->carry.wanted = t->absent = ~owning & ((UINT32_C(1) << l->g.workers) - 1);
	region_top_close(&t->region, top);
}

void
tenant_close(struct tenant *t)
{
	device_close(&t->device);
	steer_close(&t->steer);
	for (unsigned w = 0; w < CONFIG_MAX_WORKERS; w++) {
		if (t->bell[w] >= 0)
			close(t->bell[w]);
		t->bell[w] = -1;
	}
	shift_close(t);
	publish_close(&t->publish);
	region_remove(&t->region, t->gateway->run_dir.s);
	cgroup_remove(t->config->name_);
}

pid_t
tenant_birth(const struct tenant *t, const struct crew_ground *ground, int *assign, uint32_t *knell)
{
	struct child_door doors[(1 + DEVICE_LEGS) * CONFIG_MAX_WORKERS + 5];
	struct heritage h = {
		.kind = HERITAGE_WORKER,
		.uid = t->gateway->uid_base + 1 + t->number,
		.gid = t->gateway->uid_base + 1 + t->number,
		.workers = ground->config->workers,
		.offload = t->device.offload,
		.legs = t->device.legs,
		.tenants = 1,
		.log_level = t->gateway->log_level,
		.region_size = { ground->region->size },
		.old_size = ground->old ? ground->old->size : 0,
		.old_lasting = ground->old && t->shift.lasting,
	};
	char title[CONFIG_NAME_MAX + 16];
	int ends[2], group;
	unsigned n = 0;
	pid_t pid;

	memcpy(h.name, t->config->name_, sizeof(h.name));
	snprintf(title, sizeof(title), "nat64-worker %s", t->config->name_);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	for (int w = 0; w < (int)ground->config->workers; w++) {
		for (int leg = 0; leg < (int)t->device.legs; leg++)
			doors[n++] = (struct child_door) { t->device.leg[leg].queue[w], HERITAGE_QUEUES_OF(leg) + w };
		doors[n++] = (struct child_door) { t->bell[w], HERITAGE_BELLS + w };
	}
	doors[n++] = (struct child_door) { ground->region->fd, HERITAGE_REGION };
	doors[n++] = (struct child_door) { ground->publish->fd_ro, HERITAGE_IMAGE };
	if (ground->old)
		doors[n++] = (struct child_door) { ground->old->fd_ro, HERITAGE_OLD };
	doors[n++] = (struct child_door) { ends[0], HERITAGE_ASSIGN };
	group = cgroup_door(t->config->name_);
	if (group >= 0)
		doors[n++] = (struct child_door) { group, HERITAGE_CGROUP };
	pid = child_start(t->program, title, &h, doors, n, false, knell);
	close(ends[0]);
	if (group >= 0)
		close(group);
	if (pid < 0)
		close(ends[1]);
	else
		*assign = ends[1];
	return pid;
}

void
tenant_ring(const struct tenant *t, unsigned w)
{
	uint64_t one = 1;

	if (write(t->bell[w], &one, sizeof(one)) < 0)
		return;			/* full: it has been rung already */
}
