/*
 * tenant.h - all that belongs to one tenant: device, region, image, bells
 */
#ifndef SUPERVISOR_TENANT_H
#define SUPERVISOR_TENANT_H

#include <sys/types.h>
#include "supervisor/carry.h"
#include "supervisor/crew.h"
#include "supervisor/device.h"
#include "supervisor/publish.h"
#include "supervisor/region.h"
#include "supervisor/shift.h"
#include "supervisor/shortage.h"
#include "supervisor/steer.h"

struct bulletin;
struct estate_file;
struct estate_tenant;
struct legacy_share;

/* Where a tenant is in its life; supervisor/tenants.h draws it. */
enum tenant_stage {
	TENANT_NONE,			/* there is none: the number is free, and nothing else here means anything */
	TENANT_MADE,			/* to be added by a reload: all is there but its routes and its workers */
	TENANT_JOINS,			/* and its workers come */
	TENANT_STAYS,			/* in force */
	TENANT_LEAVES,			/* not any more, or not after all: its workers are to leave */
};

struct tenant {
	uint32_t number;		/* its own as long as it is not TENANT_NONE */
	enum tenant_stage stage;
	bool routed;			/* JOINS: it has its routes */
	uint64_t leave_by;		/* ms of CLOCK_MONOTONIC: JOINS: its workers work by then; LEAVES: or are killed */
	const struct config_tenant *config;	/* in force; replaced by a reload */
	const struct config_gateway *gateway;	/* likewise */
	struct bulletin *bulletin;
	struct estate_file *left;		/* where its workers are noted */
	struct device device;
	struct region region;
	struct publish publish;
	struct steer steer;
	bool guarded;			/* the kernel looks at the sources of what comes from the device */
	uint64_t guard_at;		/* ms of CLOCK_MONOTONIC: when to look at it again */
	struct shortage shortage;
	int bell[CONFIG_MAX_WORKERS];		/* eventfds */
	const char *program;			/* nat64-worker */
	struct crew crew;
	uint32_t absent;			/* bit w: slot w owns no shard, for its workers die at every start */
	struct carry carry;
	struct shift shift;
	uint64_t leave_at;		/* ms of CLOCK_MONOTONIC: when addresses that leave are gone for good; 0: not known */
	uint64_t leave_quiet;		/* when they had a binding last */
};

/*
 * Make everything a tenant's workers inherit, as far as share does not have it from a nat64d that was killed; what is used
 * is taken out of share. number, config, gateway, bulletin, left and program are set by the caller. A new region is a file
 * in directory, or with NULL a memfd. Should: hold CAP_NET_ADMIN, and CAP_BPF, without which packets are not steered.
 * Returns 0, or -errno with what was tried in why; then nothing is left.
 */
int tenant_open(struct tenant *t, struct legacy_share *share, const char *directory, char *why, size_t size);

/*
 * Take over what a tenant's workers inherit from before an exec; with foreign set, what another build has laid out, which
 * only serves to be left by a shift. The caller has set the same as for tenant_open. Returns 0 or -errno.
 */
int tenant_adopt(struct tenant *t, const struct estate_tenant *e, bool foreign);

/* Put into config the addresses that leave, as the header of a table says; none if it is foreign. */
void tenant_recall_leaving(const struct region *region, struct config_tenant *config);

/*
 * What a table that was taken over says of addresses that leave and of workers without shards: put into config, which is
 * t->config, and into *t. The memory is the supervisor's own.
 */
void tenant_recall(struct tenant *t, struct config_tenant *config);

/* Remove it all. Should: be called when every child is gone, and hold CAP_NET_ADMIN. */
void tenant_close(struct tenant *t);

/*
 * Start a worker as a spare. *assign is the pipe it waits at, owned by the caller; *knell is as for child_start. Returns its
 * pid or -errno.
 */
pid_t tenant_birth(const struct tenant *t, const struct crew_ground *ground, int *assign, uint32_t *knell);

/*
 * Make the program that steers packets to the workers that will stand on this ground; device_steer then lets the device
 * use it. Should: hold CAP_BPF. Returns 0, or -errno with what was tried in why; then nothing is open.
 */
int tenant_steer_make(struct steer *s, const struct crew_ground *ground, char *why, size_t size);

/* Tell the world: 0 steered, -errno refused, as why says, or TENANT_STEER_OFF: nobody asked for it. */
#define TENANT_STEER_OFF 1
void tenant_steer_tell(const struct tenant *t, int rc, const char *why);

/*
 * Have the kernel let pass from the device what t->config may send and, while the tenant changes, what `also` may; NULL: nobody
 * else. Says how it went. Should: hold CAP_NET_ADMIN. Returns 0 when that is what the kernel does now or when nobody asked for
 * it, or -errno.
 */
int tenant_guard(struct tenant *t, const struct config_tenant *also);

/* Is the guard still there? Else it is made again; and what it has counted is told. Returns when to look again. */
uint64_t tenant_guard_look(struct tenant *t, uint64_t now);

/* Make its cgroup, if nat64d may have any, and say how it went. */
void tenant_cgroup(const struct tenant *t);

/* Wake worker w. */
void tenant_ring(const struct tenant *t, unsigned w);

#endif
